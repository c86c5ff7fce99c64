// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic on floats that is exact in every case: infinities, NaNs, zeroes, denormals, all rounding modes,
// all flags (SDM 1 4.8, 4.9 and 11.5). Finite operands become integers of any length and the one rounding
// comes at the end. It is slow; float-arithmetic.ts takes what JavaScript's own arithmetic gets right.
import { MXCSR } from "../state-layout.ts";
import {
  type FloatFormat,
  isNan,
  KIND_FINITE,
  KIND_INFINITE,
  KIND_SIGNALLING,
  KIND_ZERO,
  noteDenormal,
  propagatesNan,
  type Unpacked,
  unpack,
  unpacked,
  writeIndefinite,
  writeInfinity,
  writeQuiet,
  writeZero,
} from "./float-format.ts";
import { bitLength, deliver } from "./float-round.ts";
import { MXCSR_IE, MXCSR_RC, MXCSR_RC_SHIFT, MXCSR_ZE, ROUND_DOWN } from "./mxcsr.ts";
import type { VectorUnit } from "./vector-unit.ts";

const x = unpacked();
const y = unpacked();
const z = unpacked();

/** Sum of two numbers taken apart, neither a NaN, and not of infinities with different signs. */
function deliverSum(v: VectorUnit, format: FloatFormat, d: number, p: Unpacked, q: Unpacked): void {
  if (p.kind === KIND_INFINITE || q.kind === KIND_INFINITE) {
    writeInfinity(v, format, d, p.kind === KIND_INFINITE ? p.isNegative : q.isNegative);
    return;
  }
  const isDown = (v.s[MXCSR]! & MXCSR_RC) >> MXCSR_RC_SHIFT === ROUND_DOWN;
  if (p.kind === KIND_ZERO && q.kind === KIND_ZERO) {
    const isSame = p.isNegative === q.isNegative;
    writeZero(v, format, d, isSame ? p.isNegative : isDown);
    return;
  }
  if (p.kind === KIND_ZERO) {
    deliver(v, format, d, q.isNegative, q.significand, q.exponent);
    return;
  }
  if (q.kind === KIND_ZERO) {
    deliver(v, format, d, p.isNegative, p.significand, p.exponent);
    return;
  }
  const exponent = Math.min(p.exponent, q.exponent);
  const left = p.significand << BigInt(p.exponent - exponent);
  const right = q.significand << BigInt(q.exponent - exponent);
  const sum = (p.isNegative ? -left : left) + (q.isNegative ? -right : right);
  if (sum === 0n) writeZero(v, format, d, isDown);
  else deliver(v, format, d, sum < 0n, sum < 0n ? -sum : sum, exponent);
}

function isOppositeInfinities(p: Unpacked, q: Unpacked): boolean {
  return p.kind === KIND_INFINITE && q.kind === KIND_INFINITE && p.isNegative !== q.isNegative;
}

function addUnpacked(v: VectorUnit, format: FloatFormat, d: number): void {
  if (isOppositeInfinities(x, y)) {
    writeIndefinite(v, format, d);
    return;
  }
  noteDenormal(v, x.isDenormal || y.isDenormal);
  deliverSum(v, format, d, x, y);
}

export function exactAdd(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  a: number,
  b: number,
): void {
  unpack(v, format, a, x);
  unpack(v, format, b, y);
  if (!propagatesNan(v, format, d, x, y)) addUnpacked(v, format, d);
}

export function exactSub(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  a: number,
  b: number,
): void {
  unpack(v, format, a, x);
  unpack(v, format, b, y);
  if (propagatesNan(v, format, d, x, y)) return;
  y.isNegative = !y.isNegative;
  addUnpacked(v, format, d);
}

/** Zero times infinity. */
function isInvalidProduct(p: Unpacked, q: Unpacked): boolean {
  return (
    (p.kind === KIND_ZERO && q.kind === KIND_INFINITE) ||
    (p.kind === KIND_INFINITE && q.kind === KIND_ZERO)
  );
}

export function exactMul(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  a: number,
  b: number,
): void {
  unpack(v, format, a, x);
  unpack(v, format, b, y);
  if (propagatesNan(v, format, d, x, y)) return;
  if (isInvalidProduct(x, y)) {
    writeIndefinite(v, format, d);
    return;
  }
  noteDenormal(v, x.isDenormal || y.isDenormal);
  const isNegative = x.isNegative !== y.isNegative;
  if (x.kind === KIND_INFINITE || y.kind === KIND_INFINITE) writeInfinity(v, format, d, isNegative);
  else if (x.kind === KIND_ZERO || y.kind === KIND_ZERO) writeZero(v, format, d, isNegative);
  else deliver(v, format, d, isNegative, x.significand * y.significand, x.exponent + y.exponent);
}

export function exactDiv(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  a: number,
  b: number,
): void {
  unpack(v, format, a, x);
  unpack(v, format, b, y);
  if (propagatesNan(v, format, d, x, y)) return;
  if (x.kind === y.kind && x.kind !== KIND_FINITE) {
    writeIndefinite(v, format, d);
    return;
  }
  const isNegative = x.isNegative !== y.isNegative;
  if (y.kind === KIND_ZERO && x.kind === KIND_FINITE) {
    v.raised |= MXCSR_ZE;
    writeInfinity(v, format, d, isNegative);
    return;
  }
  noteDenormal(v, x.isDenormal || y.isDenormal);
  if (x.kind === KIND_INFINITE || y.kind === KIND_ZERO) writeInfinity(v, format, d, isNegative);
  else if (x.kind === KIND_ZERO || y.kind === KIND_INFINITE) writeZero(v, format, d, isNegative);
  else deliverQuotient(v, format, d, isNegative);
}

function deliverQuotient(v: VectorUnit, format: FloatFormat, d: number, isNegative: boolean): void {
  // Enough bits for the shortest dividend by the longest divisor, then a sticky one.
  const shift = 2 * format.precision + 2;
  const dividend = x.significand << BigInt(shift);
  const quotient = dividend / y.significand;
  const isExact = quotient * y.significand === dividend;
  const significand = (quotient << 1n) | (isExact ? 0n : 1n);
  deliver(v, format, d, isNegative, significand, x.exponent - y.exponent - shift - 1);
}

/** Of `b` alone. */
export function exactSqrt(v: VectorUnit, format: FloatFormat, d: number, b: number): void {
  unpack(v, format, b, x);
  if (propagatesNan(v, format, d, x, x)) return;
  if (x.kind === KIND_ZERO) writeZero(v, format, d, x.isNegative);
  else if (x.isNegative) writeIndefinite(v, format, d);
  else if (x.kind === KIND_INFINITE) writeInfinity(v, format, d, false);
  else {
    noteDenormal(v, x.isDenormal);
    let shift = 2 * format.precision + 4;
    if (((x.exponent - shift) & 1) !== 0) shift++;
    const radicand = x.significand << BigInt(shift);
    const root = squareRoot(radicand);
    const significand = (root << 1n) | (root * root === radicand ? 0n : 1n);
    deliver(v, format, d, false, significand, (x.exponent - shift) / 2 - 1);
  }
}

/** Floor of the square root, by Newton's iteration from above. */
function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Signs of a fused multiply-add: of the product and of the addend. */
export interface FusedSigns {
  readonly negatesProduct: boolean;
  readonly negatesAddend: boolean;
}

/** d = ±(a × b) ± c with one rounding. */
export function exactFma(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  a: number,
  b: number,
  c: number,
  signs: FusedSigns,
): void {
  unpack(v, format, a, x);
  unpack(v, format, b, y);
  unpack(v, format, c, z);
  if (isNan(x) || isNan(y) || isNan(z)) {
    propagateFusedNan(v, format, d);
    return;
  }
  const isNegative = (x.isNegative !== y.isNegative) !== signs.negatesProduct;
  if (signs.negatesAddend) z.isNegative = !z.isNegative;
  if (isInvalidProduct(x, y)) {
    writeIndefinite(v, format, d);
    return;
  }
  const isDenormal = x.isDenormal || y.isDenormal || z.isDenormal;
  makeProduct(isNegative);
  if (isOppositeInfinities(x, z)) {
    writeIndefinite(v, format, d);
    return;
  }
  noteDenormal(v, isDenormal);
  deliverSum(v, format, d, x, z);
}

/** x becomes x × y. */
function makeProduct(isNegative: boolean): void {
  x.isNegative = isNegative;
  if (x.kind === KIND_INFINITE || y.kind === KIND_INFINITE) x.kind = KIND_INFINITE;
  else if (x.kind === KIND_ZERO || y.kind === KIND_ZERO) x.kind = KIND_ZERO;
  else {
    x.significand *= y.significand;
    x.exponent += y.exponent;
  }
}

/** SDM 1 table 14-18: the multiplicand goes before the multiplier, that before the addend. */
function propagateFusedNan(v: VectorUnit, format: FloatFormat, d: number): void {
  const isSignalling = [x, y, z].some(({ kind }) => kind === KIND_SIGNALLING);
  if (isSignalling) v.raised |= MXCSR_IE;
  writeQuiet(v, format, d, isNan(x) ? x.at : isNan(y) ? y.at : z.at);
}

/** Converts from one format to another. */
export function exactConvert(
  v: VectorUnit,
  from: FloatFormat,
  to: FloatFormat,
  d: number,
  b: number,
): void {
  unpack(v, from, b, x);
  if (isNan(x)) convertNan(v, from, d, b);
  else if (x.kind === KIND_ZERO) writeZero(v, to, d, x.isNegative);
  else if (x.kind === KIND_INFINITE) writeInfinity(v, to, d, x.isNegative);
  else {
    noteDenormal(v, x.isDenormal);
    deliver(v, to, d, x.isNegative, x.significand, x.exponent);
  }
}

/** The top bits of a NaN's payload stay the top bits. */
function convertNan(v: VectorUnit, from: FloatFormat, d: number, b: number): void {
  const { s } = v;
  if (x.kind === KIND_SIGNALLING) v.raised |= MXCSR_IE;
  if (from.words === 2) {
    const top = s[b + 1]!;
    const fraction = ((top & 0xfffff) << 3) | (s[b]! >>> 29);
    s[d] = (top & (1 << 31)) | 0x7fc00000 | fraction;
  } else {
    const word = s[b]!;
    s[d + 1] = (word & (1 << 31)) | 0x7ff80000 | ((word & 0x7fffff) >> 3);
    s[d] = word << 29;
  }
}

/** An integer of up to 64 bits, rounded to a format. */
export function exactFromInteger(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  lo: number,
  hi: number,
): void {
  const value = (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  if (value === 0n) writeZero(v, format, d, false);
  else deliver(v, format, d, value < 0n, value < 0n ? -value : value, 0);
}
