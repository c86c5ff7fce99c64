// SPDX-License-Identifier: BSD-2-Clause
// Addition and subtraction: SDM 2 FADD, FSUB.

import { FPU_EXACT, FPU_X, FPU_Y } from "../state-layout.ts";
import {
  compareSignificands,
  invalid,
  propagateNans,
  setInfinity,
  setZero,
  unpack,
} from "./float80.ts";
import {
  DENORMAL,
  EXP,
  HI,
  INFINITY,
  INTEGER_BIT,
  NOT_A_NUMBER,
  SGN,
  SIGN,
  ZERO,
} from "./format.ts";
import { roundPack, setExact } from "./round.ts";
import { CONTROL_ROUNDING_SHIFT, ROUND_DOWN, STATUS_DE } from "./status.ts";

export function add(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  if ((classX | classY) === 0) return sumOfNumbers(s, control);
  return sumOfSpecials(s, classX, classY, control);
}

/** a - b. */
export function subtract(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  // A NaN keeps its sign.
  if ((classY & NOT_A_NUMBER) === 0) s[FPU_Y + SGN] = s[FPU_Y + SGN]! ^ SIGN;
  if ((classX | classY) === 0) return sumOfNumbers(s, control);
  return sumOfSpecials(s, classX, classY, control);
}

function sumOfSpecials(s: Int32Array, classX: number, classY: number, control: number): number {
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  const signX = s[FPU_X + SGN]!;
  const signY = s[FPU_Y + SGN]!;
  if ((either & INFINITY) !== 0) {
    if (classX === classY && signX !== signY) return invalid(s);
    setInfinity(s, classX === INFINITY ? signX : signY);
    return denormal;
  }
  if ((either & ZERO) === 0) return denormal | sumOfNumbers(s, control);
  if (classX === classY) {
    setZero(s, signX === signY ? signX : zeroSign(control));
    return 0;
  }
  const other = classX === ZERO ? FPU_Y : FPU_X;
  setExact(s, s[other + SGN]!, s[other + EXP]!);
  return denormal | roundPack(s, s[other + HI]!, s[other]!, 0, control);
}

/** The sign of an exact zero that is the difference of two numbers. */
function zeroSign(control: number): number {
  return ((control >>> CONTROL_ROUNDING_SHIFT) & 3) === ROUND_DOWN ? SIGN : 0;
}

/** Both are numbers and neither is zero. */
function sumOfNumbers(s: Int32Array, control: number): number {
  const distance = s[FPU_X + EXP]! - s[FPU_Y + EXP]!;
  if (s[FPU_X + SGN] === s[FPU_Y + SGN]) {
    return distance >= 0
      ? sumOfMagnitudes(s, FPU_X, FPU_Y, control)
      : sumOfMagnitudes(s, FPU_Y, FPU_X, control);
  }
  const order = distance === 0 ? compareSignificands(s) : distance;
  if (order === 0) {
    setZero(s, zeroSign(control));
    return 0;
  }
  return order > 0 ? difference(s, FPU_X, FPU_Y, control) : difference(s, FPU_Y, FPU_X, control);
}

/** Shifts the significand of the operand with the smaller exponent right; the 32 bits below it are returned. */
function align(s: Int32Array, small: number, distance: number): number {
  if (distance === 0) return 0;
  const hi = s[small + HI]!;
  const lo = s[small]!;
  if (distance < 32) {
    s[small + HI] = hi >>> distance;
    s[small] = (lo >>> distance) | (hi << (32 - distance));
    return lo << (32 - distance);
  }
  s[small + HI] = 0;
  if (distance >= 64) return alignFar(s, small, hi, lo, distance);
  const count = distance - 32;
  s[small] = hi >>> count;
  if (count === 0) return lo;
  const lost = lo << (32 - count) !== 0 ? 1 : 0;
  return (lo >>> count) | (hi << (32 - count)) | lost;
}

function alignFar(s: Int32Array, small: number, hi: number, lo: number, distance: number): number {
  s[small] = 0;
  if (distance >= 96) return 1;
  const tail = (hi >>> (distance - 64)) | 0;
  const isExact = tail << (distance - 64) === hi && lo === 0;
  return isExact ? tail : tail | 1;
}

function sumOfMagnitudes(s: Int32Array, large: number, small: number, control: number): number {
  const exp = s[large + EXP]!;
  const rest = align(s, small, exp - s[small + EXP]!);
  const lo = (s[large]! + s[small]!) | 0;
  const carry = lo >>> 0 < s[small]! >>> 0 ? 1 : 0;
  const sum = (s[large + HI]! >>> 0) + (s[small + HI]! >>> 0) + carry;
  const hi = sum | 0;
  if (sum <= 0xffffffff) {
    setExact(s, s[large + SGN]!, exp);
    return roundPack(s, hi, lo, rest, control);
  }
  setExact(s, s[large + SGN]!, exp + 1);
  const newRest = (lo << 31) | (rest >>> 1) | (rest & 1);
  return roundPack(s, (hi >>> 1) | INTEGER_BIT, (lo >>> 1) | (hi << 31), newRest, control);
}

function difference(s: Int32Array, large: number, small: number, control: number): number {
  const exp = s[large + EXP]!;
  const rest = -align(s, small, exp - s[small + EXP]!) | 0;
  const subtrahend = (s[small]! >>> 0) + (rest !== 0 ? 1 : 0);
  const borrow = s[large]! >>> 0 < subtrahend ? 1 : 0;
  const lo = (s[large]! - subtrahend) | 0;
  const hi = (s[large + HI]! - s[small + HI]! - borrow) | 0;
  setExact(s, s[large + SGN]!, exp);
  if (hi < 0) return roundPack(s, hi, lo, rest, control);
  return roundUnnormalized(s, hi, lo, rest, control);
}

/** A difference that lost leading bits; it is not zero. */
function roundUnnormalized(
  s: Int32Array,
  hi: number,
  lo: number,
  rest: number,
  control: number,
): number {
  let high = hi;
  let low = lo;
  let tail = rest;
  let shift = 0;
  while (high === 0) {
    high = low;
    low = tail;
    tail = 0;
    shift += 32;
  }
  const count = Math.clz32(high);
  if (count !== 0) {
    high = (high << count) | (low >>> (32 - count));
    low = (low << count) | (tail >>> (32 - count));
    tail <<= count;
  }
  s[FPU_EXACT + 1] = s[FPU_EXACT + 1]! - shift - count;
  return roundPack(s, high, low, tail, control);
}
