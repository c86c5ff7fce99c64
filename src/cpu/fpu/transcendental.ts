// SPDX-License-Identifier: BSD-2-Clause
// FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1: SDM 1 8.3.7-8.3.10, SDM 2. Results are those of
// the function rounded once, as the control word says, which is better than the manual's bound of one unit in
// the last place; processors' last bits differ from each other, and from these, now and then.
//
// Angles are reduced with the processor's π of 66 bits (SDM 1 8.3.8), exactly, so large angles and those close
// to multiples of π give what a processor gives and not the sine of the mathematical angle.
import { FPU_RESULT, FPU_SECOND, FPU_X, FPU_Y } from "../state-layout.ts";
import {
  copy,
  invalid,
  propagateNan,
  propagateNans,
  setInfinity,
  setResult,
  setZero,
  unpack,
} from "./float80.ts";
import {
  DENORMAL,
  EXP,
  EXP_BIAS,
  HI,
  INFINITY,
  INTEGER_BIT,
  NOT_A_NUMBER,
  SGN,
  SIGN,
  ZERO,
} from "./format.ts";
import { roundPack, setExact } from "./round.ts";
import {
  ARCTANGENT_STEPS,
  arctangentFactor,
  arctangentOfStep,
  areaTangentFactor,
  cosine,
  exponentialFactor,
  FRACTION_BITS,
  LN2_WIDE,
  LN2_WIDE_BITS,
  LOGARITHM_STEPS,
  logarithmOf,
  ONE,
  PI,
  POWER_STEPS,
  powerOfStep,
  sineFactor,
} from "./series.ts";
import { CONTROL_EXTENDED, STATUS_C2, STATUS_DE, STATUS_PE, STATUS_ZE } from "./status.ts";

/** A positive number: value × 2^-scale. */
interface Scaled {
  readonly value: bigint;
  readonly scale: bigint;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** An unpacked number without its sign. */
function magnitude(s: Int32Array, at: number): Scaled {
  const value = (BigInt(s[at + HI]! >>> 0) << 32n) | BigInt(s[at]! >>> 0);
  return { value, scale: BigInt(EXP_BIAS + 63 - s[at + EXP]!) };
}

/** Rounds an inexact result, of which `value` has all bits that matter, truncated. */
function finish(s: Int32Array, sign: number, { value, scale }: Scaled, control: number): number {
  return roundScaled(s, sign, { value: (value << 1n) | 1n, scale: scale + 1n }, control);
}

/** Rounds an exact result. */
function roundScaled(s: Int32Array, sign: number, exact: Scaled, control: number): number {
  const bits = bitLength(exact.value);
  const shift = BigInt(bits - 96);
  let top = shift >= 0n ? exact.value >> shift : exact.value << -shift;
  if (shift > 0n && top << shift !== exact.value) top |= 1n;
  setExact(s, sign, EXP_BIAS + bits - 1 - Number(exact.scale));
  const word = (at: bigint) => Number(BigInt.asIntN(32, top >> at));
  return roundPack(s, word(64n), word(32n), word(0n), control | CONTROL_EXTENDED);
}

// Trigonometry.

/** π/2 as processors have it: 66 bits. */
const HALF_PI_66 = 0xc90fdaa22168c234cn;
const HALF_PI_SCALE = 67n;

/** |angle| = (4n + quadrant) × π/2 + rest, with |rest| ≤ π/4. */
interface Reduced {
  readonly quadrant: number;
  readonly isNegative: boolean;
  readonly rest: Scaled;
  /** rest², in fixed point. */
  readonly square: bigint;
}

function reduce(angle: Scaled): Reduced {
  const scale = angle.scale > HALF_PI_SCALE ? angle.scale : HALF_PI_SCALE;
  const value = angle.value << (scale - angle.scale);
  const halfPi = HALF_PI_66 << (scale - HALF_PI_SCALE);
  const turns = (2n * value + halfPi) / (2n * halfPi);
  const signed = value - turns * halfPi;
  const rest = signed < 0n ? -signed : signed;
  const shift = 2n * scale - FRACTION_BITS;
  const square = shift >= 0n ? (rest * rest) >> shift : (rest * rest) << -shift;
  return {
    quadrant: Number(turns & 3n),
    isNegative: signed < 0n,
    rest: { value: rest, scale },
    square,
  };
}

/** sin |rest|; a rest so small that its square vanishes is a little more than its sine. */
function sineOfRest({ rest, square }: Reduced): Scaled {
  const factor = sineFactor(square);
  const value = rest.value * factor - (factor === ONE ? 1n : 0n);
  return { value, scale: rest.scale + FRACTION_BITS };
}

function cosineOfRest({ square }: Reduced): Scaled {
  const value = cosine(square);
  return { value: value - (value === ONE ? 1n : 0n), scale: FRACTION_BITS };
}

function packSine(s: Int32Array, reduced: Reduced, sign: number, control: number): number {
  const { quadrant, isNegative } = reduced;
  const isSine = (quadrant & 1) === 0;
  const flips = quadrant >= 2 !== (isSine && isNegative);
  const value = isSine ? sineOfRest(reduced) : cosineOfRest(reduced);
  return finish(s, flips ? sign ^ SIGN : sign, value, control);
}

/** The cosine is the sine of a quadrant more, and knows no sign. */
function packCosine(s: Int32Array, reduced: Reduced, control: number): number {
  return packSine(s, { ...reduced, quadrant: (reduced.quadrant + 1) & 3 }, 0, control);
}

/** Angles of 2^63 and more are left alone, and C2 says so. */
function isTooLarge(s: Int32Array): boolean {
  return s[FPU_X + EXP]! >= EXP_BIAS + 63;
}

type Angle = (s: Int32Array, reduced: Reduced, sign: number, control: number) => number;

/** What the trigonometric instructions have in common; `ofZero` makes the result for an angle of zero. */
function trigonometric(ofZero: (s: Int32Array, sign: number) => void, ofAngle: Angle) {
  return (s: Int32Array, a: number, control: number): number => {
    const kind = unpack(s, a, FPU_X);
    if ((kind & NOT_A_NUMBER) !== 0) return propagateNan(s, kind);
    if (kind === INFINITY) return invalid(s);
    const sign = s[FPU_X + SGN]!;
    if (kind === ZERO) {
      ofZero(s, sign);
      return 0;
    }
    if (isTooLarge(s)) {
      copy(s, a, FPU_RESULT);
      return STATUS_C2;
    }
    const denormal = kind === DENORMAL ? STATUS_DE : 0;
    return denormal | ofAngle(s, reduce(magnitude(s, FPU_X)), sign, control);
  };
}

function setOne(s: Int32Array): void {
  setResult(s, 0, INTEGER_BIT, EXP_BIAS);
}

export const sine = trigonometric(setZero, packSine);

export const cosineOf = trigonometric(setOne, (s, reduced, _sign, control) =>
  packCosine(s, reduced, control),
);

/** The sine is the result, the cosine goes to FPU_SECOND. */
export const sineAndCosine = trigonometric(
  (s, sign) => {
    setOne(s);
    copy(s, FPU_RESULT, FPU_SECOND);
    setZero(s, sign);
  },
  (s, reduced, sign, control) => {
    const flags = packCosine(s, reduced, control);
    copy(s, FPU_RESULT, FPU_SECOND);
    return flags | packSine(s, reduced, sign, control);
  },
);

export const tangent = trigonometric(setZero, (s, reduced, sign, control) => {
  const { rest, square, quadrant, isNegative } = reduced;
  const sineValue = rest.value * sineFactor(square);
  const cosineValue = cosine(square);
  const isCotangent = (quadrant & 1) !== 0;
  const flips = isNegative !== isCotangent;
  // sin = sineValue × 2^-(scale + F), cos = cosineValue × 2^-F; the quotient gets F bits more than it needs.
  const more = 2n * FRACTION_BITS + rest.scale;
  const value = isCotangent
    ? (cosineValue << more) / sineValue
    : (sineValue << FRACTION_BITS) / cosineValue;
  const scale = isCotangent ? more - rest.scale : rest.scale + FRACTION_BITS;
  return finish(s, flips ? sign ^ SIGN : sign, { value, scale }, control);
});

/** arctan(a / b) in the quadrant of the point (b, a). */
export function arctangent(s: Int32Array, a: number, b: number, control: number): number {
  const classY = unpack(s, a, FPU_Y);
  const classX = unpack(s, b, FPU_X);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const sign = s[FPU_Y + SGN]!;
  const isLeft = s[FPU_X + SGN] !== 0;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classY === INFINITY && classX === INFINITY) {
    const eighths = isLeft ? 3n : 1n;
    return finish(s, sign, { value: PI * eighths, scale: FRACTION_BITS + 2n }, control);
  }
  if (classY === ZERO || classX === INFINITY) {
    if (isLeft) return denormal | finish(s, sign, { value: PI, scale: FRACTION_BITS }, control);
    setZero(s, sign);
    return denormal;
  }
  if (classX === ZERO || classY === INFINITY) {
    return denormal | finish(s, sign, { value: PI, scale: FRACTION_BITS + 1n }, control);
  }
  return denormal | finish(s, sign, angleOf(s, isLeft), control);
}

/** The angle of the point (X, Y), both taken as positive, or of its mirror image on the left. */
function angleOf(s: Int32Array, isLeft: boolean): Scaled {
  const y = magnitude(s, FPU_Y);
  const x = magnitude(s, FPU_X);
  const isSteep = isBelow(x, y);
  const small = isSteep ? arctangentOfQuotient(x, y) : arctangentOfQuotient(y, x);
  if (!isSteep && !isLeft) return small;
  const fixed = toFixed(small);
  if (!isSteep) return { value: PI - fixed, scale: FRACTION_BITS };
  return { value: isLeft ? PI / 2n + fixed : PI / 2n - fixed, scale: FRACTION_BITS };
}

function isBelow(a: Scaled, b: Scaled): boolean {
  // Significands have 64 bits, so exponents decide first.
  return a.scale === b.scale ? a.value < b.value : a.scale > b.scale;
}

function toFixed({ value, scale }: Scaled): bigint {
  return scale >= FRACTION_BITS
    ? value >> (scale - FRACTION_BITS)
    : value << (FRACTION_BITS - scale);
}

/** a / b with at least FRACTION_BITS significant bits, for a ≤ b. */
function quotient(a: Scaled, b: Scaled): Scaled {
  const shift = FRACTION_BITS + BigInt(bitLength(b.value));
  return { value: (a.value << shift) / b.value, scale: a.scale - b.scale + shift };
}

/** arctan(a / b) for 0 < a ≤ b. */
function arctangentOfQuotient(a: Scaled, b: Scaled): Scaled {
  const t = quotient(a, b);
  const fixed = toFixed(t);
  const k = (fixed * ARCTANGENT_STEPS + ONE / 2n) >> FRACTION_BITS;
  if (k === 0n) {
    const factor = arctangentFactor((fixed * fixed) >> FRACTION_BITS);
    const value = t.value * factor - (factor === ONE ? 1n : 0n);
    return { value, scale: t.scale + FRACTION_BITS };
  }
  // tan(α - β) = (t - k/16) / (1 + t k/16)
  const numerator = fixed * ARCTANGENT_STEPS - k * ONE;
  const u = (numerator << FRACTION_BITS) / (ARCTANGENT_STEPS * ONE + fixed * k);
  const factor = arctangentFactor((u * u) >> FRACTION_BITS);
  return { value: arctangentOfStep(k) + ((u * factor) >> FRACTION_BITS), scale: FRACTION_BITS };
}

// Powers and logarithms.

/** 2^a - 1. Outside -1 … 1, where the manual promises nothing, it is the operand, said to be inexact. */
export function powerLessOne(s: Int32Array, a: number, control: number): number {
  const kind = unpack(s, a, FPU_X);
  if ((kind & NOT_A_NUMBER) !== 0) return propagateNan(s, kind);
  const sign = s[FPU_X + SGN]!;
  const isNegative = sign !== 0;
  const exp = s[FPU_X + EXP]!;
  if (kind === INFINITY) {
    if (isNegative) setResult(s, 0, INTEGER_BIT, SIGN | EXP_BIAS);
    else setInfinity(s, 0);
    return 0;
  }
  if (kind === ZERO || exp >= EXP_BIAS) {
    copy(s, a, FPU_RESULT);
    const isOne = exp === EXP_BIAS && s[FPU_X + HI] === INTEGER_BIT && s[FPU_X] === 0;
    if (isOne && isNegative) setResult(s, 0, INTEGER_BIT, SIGN | (EXP_BIAS - 1));
    return kind === ZERO || isOne ? 0 : STATUS_PE;
  }
  const denormal = kind === DENORMAL ? STATUS_DE : 0;
  const value = powerOfMagnitude(magnitude(s, FPU_X), isNegative);
  return denormal | finish(s, sign, value, control);
}

/** |2^±x - 1| for 0 < x < 1. */
function powerOfMagnitude(x: Scaled, isNegative: boolean): Scaled {
  const fixed = isNegative ? -toFixed(x) : toFixed(x);
  const k = (fixed * POWER_STEPS + ONE / 2n) >> FRACTION_BITS;
  if (k === 0n) {
    const u = (fixed * LN2_WIDE) >> LN2_WIDE_BITS;
    const factor = exponentialFactor(u);
    return { value: x.value * LN2_WIDE * factor, scale: x.scale + LN2_WIDE_BITS + FRACTION_BITS };
  }
  const rest = fixed - (k * ONE) / POWER_STEPS;
  const u = (rest * LN2_WIDE) >> LN2_WIDE_BITS;
  const power = powerOfStep(k);
  const value =
    power - ONE + ((((power * u) >> FRACTION_BITS) * exponentialFactor(u)) >> FRACTION_BITS);
  return { value: value < 0n ? -value : value, scale: FRACTION_BITS };
}

/** A logarithm with its sign. */
interface Logarithm extends Scaled {
  readonly isNegative: boolean;
}

/** b × log2 a, for instructions whose ST(0) is a and ST(1) is b. */
export function timesLogarithm(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const signY = s[FPU_Y + SGN]!;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classX === ZERO) return timesLogarithmOfZero(s, classY, signY, denormal);
  if (s[FPU_X + SGN] !== 0) return invalid(s);
  const isOne = s[FPU_X + EXP] === EXP_BIAS && s[FPU_X + HI] === INTEGER_BIT && s[FPU_X] === 0;
  const sign = s[FPU_X + EXP]! >= EXP_BIAS ? signY : signY ^ SIGN;
  if (classX === INFINITY || classY === INFINITY) {
    if (isOne || classY === ZERO) return invalid(s);
    setInfinity(s, sign);
    return denormal;
  }
  if (isOne || classY === ZERO) {
    setZero(s, isOne ? signY : sign);
    return denormal;
  }
  return denormal | timesLogarithmOfNumber(s, sign, magnitude(s, FPU_X), control);
}

function timesLogarithmOfZero(
  s: Int32Array,
  classY: number,
  signY: number,
  denormal: number,
): number {
  if (classY === ZERO) return invalid(s);
  setInfinity(s, signY ^ SIGN);
  return classY === INFINITY ? denormal : STATUS_ZE;
}

/** Y × log2 m, of which the sign is known. Logarithms of powers of two are exact, all others irrational. */
function timesLogarithmOfNumber(s: Int32Array, sign: number, m: Scaled, control: number): number {
  const y = magnitude(s, FPU_Y);
  const bits = bitLength(m.value);
  if (m.value === 1n << BigInt(bits - 1)) {
    const power = BigInt(bits - 1) - m.scale;
    const factor = power < 0n ? -power : power;
    return roundScaled(s, sign, { value: y.value * factor, scale: y.scale }, control);
  }
  return finish(s, sign, times(y, logarithmOfNumber(m, bits)), control);
}

/** y × ln / ln 2. */
function times(y: Scaled, natural: Scaled): Scaled {
  const value = ((y.value * natural.value) << LN2_WIDE_BITS) / LN2_WIDE;
  return { value, scale: y.scale + natural.scale };
}

/** |ln m|, m of so many bits and not a power of two. */
function logarithmOfNumber(m: Scaled, bits: number): Scaled {
  // 2^n × a number from 3/4 to 3/2, whose logarithm cannot cancel n.
  const isUpper = m.value >> BigInt(bits - 2) === 3n;
  const power = BigInt(isUpper ? bits : bits - 1) - m.scale;
  const logarithm = logarithmNearOne({ value: m.value, scale: m.scale + power });
  if (power === 0n) return logarithm;
  const ofPower = (power * LN2_WIDE) >> (LN2_WIDE_BITS - FRACTION_BITS);
  const value = ofPower + signedFixed(logarithm);
  return { value: value < 0n ? -value : value, scale: FRACTION_BITS };
}

/** ln m for 3/4 ≤ m ≤ 3/2, not 1: from the nearest step of the table, or from 1 with relative precision. */
function logarithmNearOne(m: Scaled): Logarithm {
  const one = 1n << m.scale;
  const k = ((m.value - one) * LOGARITHM_STEPS * 2n + one) >> (m.scale + 1n);
  if (k === 0n) return logarithmOfQuotient(m.value - one, m.value + one);
  const step = LOGARITHM_STEPS + k;
  const difference = m.value * LOGARITHM_STEPS - step * one;
  const sum = m.value * LOGARITHM_STEPS + step * one;
  const near = difference === 0n ? 0n : signedFixed(logarithmOfQuotient(difference, sum));
  const value = logarithmOf(k) + near;
  return { value: value < 0n ? -value : value, scale: FRACTION_BITS, isNegative: value < 0n };
}

function signedFixed(logarithm: Logarithm): bigint {
  return logarithm.isNegative ? -toFixed(logarithm) : toFixed(logarithm);
}

/** 2 artanh(numerator / denominator), which is not zero and at most 1/32. */
function logarithmOfQuotient(numerator: bigint, denominator: bigint): Logarithm {
  const isNegative = numerator < 0n;
  const distance = isNegative ? -numerator : numerator;
  const missing = bitLength(denominator) - bitLength(distance);
  const scale = FRACTION_BITS + BigInt(Math.max(missing, 0));
  const z = (distance << scale) / denominator;
  const square = (z * z) >> (2n * scale - FRACTION_BITS);
  const value = 2n * z * areaTangentFactor(square);
  return { value, scale: scale + FRACTION_BITS, isNegative };
}

/**
 * b × log2(a + 1). The manual promises results for |a| < 1 - √2/2; below -1, where there is no logarithm, it
 * is a, said to be inexact.
 */
export function timesLogarithmPlusOne(
  s: Int32Array,
  a: number,
  b: number,
  control: number,
): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const isNegative = s[FPU_X + SGN] !== 0;
  const sign = s[FPU_X + SGN]! ^ s[FPU_Y + SGN]!;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classX === INFINITY || classY === INFINITY) {
    if (((classX | classY) & ZERO) !== 0 || (isNegative && classX === INFINITY)) return invalid(s);
    setInfinity(s, sign);
    return denormal;
  }
  if (classX === ZERO || classY === ZERO) {
    setZero(s, sign);
    return denormal;
  }
  if (isNegative && s[FPU_X + EXP]! >= EXP_BIAS) {
    copy(s, a, FPU_RESULT);
    return denormal | STATUS_PE;
  }
  const x = magnitude(s, FPU_X);
  if (x.scale > TINY_SCALE) {
    return denormal | finish(s, sign, times(magnitude(s, FPU_Y), x), control);
  }
  return denormal | timesLogarithmOfNumber(s, sign, addToOne(x, isNegative), control);
}

/** Beyond this there is nothing in ln(1 + x) that x does not have in the bits that matter. */
const TINY_SCALE = 63n + 200n;

function addToOne(x: Scaled, isNegative: boolean): Scaled {
  const scale = x.scale > 0n ? x.scale : 0n;
  const value = x.value << (scale - x.scale);
  return { value: (1n << scale) + (isNegative ? -value : value), scale };
}
