// SPDX-License-Identifier: BSD-2-Clause
// Partial remainders: SDM 2 FPREM (truncating) and FPREM1 (to nearest, IEEE 754). Exact. An execution takes
// off a quotient of at most 64 bits; if more is to be done it takes off 32 to 63 and says so in C2.

import { FPU_REMAINDER, FPU_X, FPU_Y } from "../state-layout.ts";
import { invalid, propagateNans, setZero, unpack } from "./float80.ts";
import { DENORMAL, EXP, HI, INFINITY, NOT_A_NUMBER, SGN, SIGN, ZERO } from "./format.ts";
import { roundPack, setExact } from "./round.ts";
import {
  CONTROL_EXTENDED,
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_DE,
} from "./status.ts";
import { divideStep, isBelow } from "./wide.ts";

/** FPREM. Status bits are exceptions, C2, and the low bits of the quotient in C0, C3, C1. */
export function truncatingRemainder(s: Int32Array, a: number, b: number, control: number): number {
  return partialRemainder(s, a, b, control | CONTROL_EXTENDED, false);
}

/** FPREM1. */
export function nearestRemainder(s: Int32Array, a: number, b: number, control: number): number {
  return partialRemainder(s, a, b, control | CONTROL_EXTENDED, true);
}

function partialRemainder(
  s: Int32Array,
  a: number,
  b: number,
  control: number,
  isNearest: boolean,
): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  if (classX === INFINITY || classY === ZERO) return invalid(s);
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classX === ZERO) {
    setZero(s, s[FPU_X + SGN]!);
    return denormal;
  }
  const distance = s[FPU_X + EXP]! - s[FPU_Y + EXP]!;
  if (classY === INFINITY || distance < -1 || (distance < 0 && !isNearest)) {
    return denormal | unchanged(s, control);
  }
  if (distance >= 64) return denormal | STATUS_C2 | partial(s, distance, control);
  return denormal | complete(s, distance, control, isNearest);
}

function unchanged(s: Int32Array, control: number): number {
  setExact(s, s[FPU_X + SGN]!, s[FPU_X + EXP]!);
  return roundPack(s, s[FPU_X + HI]!, s[FPU_X]!, 0, control);
}

/** The answer is exact, but it may be a denormal, whose underflow may be unmasked. */
function pack(s: Int32Array, sign: number, exp: number, control: number): number {
  let hi = s[FPU_REMAINDER + 1]!;
  let lo = s[FPU_REMAINDER]!;
  let shift = 0;
  if (hi === 0) {
    if (lo === 0) {
      setZero(s, s[FPU_X + SGN]!);
      return 0;
    }
    hi = lo;
    lo = 0;
    shift = 32;
  }
  const count = Math.clz32(hi);
  if (count !== 0) {
    hi = (hi << count) | (lo >>> (32 - count));
    lo <<= count;
  }
  setExact(s, sign, exp - shift - count);
  return roundPack(s, hi, lo, 0, control);
}

/** Divides X's significand times 2^bits by Y's: the quotient's low word, and FPU_REMAINDER. */
function divideBy(s: Int32Array, bits: number): number {
  let hi = s[FPU_X + HI]!;
  let lo = s[FPU_X]!;
  let quotient = 0;
  if (!isBelow(hi, lo, s[FPU_Y + HI]!, s[FPU_Y]!)) {
    hi = (hi - s[FPU_Y + HI]! - (lo >>> 0 < s[FPU_Y]! >>> 0 ? 1 : 0)) | 0;
    lo = (lo - s[FPU_Y]!) | 0;
    quotient = 1;
  }
  // A step of less than 32 bits first, so that whole words follow.
  const odd = bits & 31;
  if (odd !== 0) {
    const middle = (hi << odd) | (lo >>> (32 - odd));
    const digit = divideStep(s, hi >>> (32 - odd), middle, lo << odd, FPU_Y);
    quotient = (quotient << odd) | digit;
    hi = s[FPU_REMAINDER + 1]!;
    lo = s[FPU_REMAINDER]!;
  }
  if (bits >= 32) {
    quotient = divideStep(s, hi, lo, 0, FPU_Y);
    return quotient;
  }
  s[FPU_REMAINDER + 1] = hi;
  s[FPU_REMAINDER] = lo;
  return quotient;
}

/** The manual leaves open how many bits; processors take off what makes the rest a multiple of 32. */
function partial(s: Int32Array, distance: number, control: number): number {
  const bits = (distance & 31) | 32;
  divideBy(s, bits);
  return pack(s, s[FPU_X + SGN]!, s[FPU_Y + EXP]! + distance - bits, control);
}

function complete(s: Int32Array, distance: number, control: number, isNearest: boolean): number {
  if (distance < 0) return nearestOfHalf(s, control);
  let quotient = divideBy(s, distance);
  let sign = s[FPU_X + SGN]!;
  if (isNearest && isNearerAbove(s, quotient)) {
    quotient++;
    sign ^= SIGN;
    subtractFromDivisor(s, s[FPU_Y + HI]!, s[FPU_Y]!);
  }
  return pack(s, sign, s[FPU_Y + EXP]!, control) | quotientBits(quotient);
}

function subtractFromDivisor(s: Int32Array, hi: number, lo: number): void {
  const borrow = lo >>> 0 < s[FPU_REMAINDER]! >>> 0 ? 1 : 0;
  s[FPU_REMAINDER + 1] = hi - s[FPU_REMAINDER + 1]! - borrow;
  s[FPU_REMAINDER] = lo - s[FPU_REMAINDER]!;
}

/** More than half the divisor is left, or half of it and the quotient is odd. */
function isNearerAbove(s: Int32Array, quotient: number): boolean {
  const hi = s[FPU_REMAINDER + 1]!;
  const lo = s[FPU_REMAINDER]!;
  if (hi < 0) return true;
  const twiceHi = (hi << 1) | (lo >>> 31);
  const twiceLo = lo << 1;
  if (twiceHi === s[FPU_Y + HI] && twiceLo === s[FPU_Y]) return (quotient & 1) !== 0;
  return !isBelow(twiceHi, twiceLo, s[FPU_Y + HI]!, s[FPU_Y]!);
}

/** A dividend whose exponent is one below the divisor's: the quotient is 0, or 1 if it is above one half. */
function nearestOfHalf(s: Int32Array, control: number): number {
  if (!isBelow(s[FPU_Y + HI]!, s[FPU_Y]!, s[FPU_X + HI]!, s[FPU_X]!)) return unchanged(s, control);
  s[FPU_REMAINDER + 1] = s[FPU_X + HI]!;
  s[FPU_REMAINDER] = s[FPU_X]!;
  // In units of the dividend the divisor is twice its significand; the difference fits again.
  subtractFromDivisor(s, (s[FPU_Y + HI]! << 1) | (s[FPU_Y]! >>> 31), s[FPU_Y]! << 1);
  return pack(s, s[FPU_X + SGN]! ^ SIGN, s[FPU_X + EXP]!, control) | STATUS_C1;
}

function quotientBits(quotient: number): number {
  return (
    ((quotient & 4) !== 0 ? STATUS_C0 : 0) |
    ((quotient & 2) !== 0 ? STATUS_C3 : 0) |
    ((quotient & 1) !== 0 ? STATUS_C1 : 0)
  );
}
