// SPDX-License-Identifier: BSD-2-Clause
// 64-bit integers as (lo, hi) int32 pairs: shifts, products and quotients. A function returns the low half
// and leaves the high half in the state word HI; 128-bit results leave the upper pair in PRODUCT_HIGH.
import { HI } from "../mmu/machine-layout.ts";

/** Shift counts are 0 … 63. */
export function shiftLeft64(s: Int32Array, lo: number, hi: number, count: number): number {
  if (count === 0) {
    s[HI] = hi;
    return lo;
  }
  if (count >= 32) {
    s[HI] = lo << (count - 32);
    return 0;
  }
  s[HI] = (hi << count) | (lo >>> (32 - count));
  return lo << count;
}

export function shiftRight64(s: Int32Array, lo: number, hi: number, count: number): number {
  if (count === 0) {
    s[HI] = hi;
    return lo;
  }
  if (count >= 32) {
    s[HI] = 0;
    return hi >>> (count - 32);
  }
  s[HI] = hi >>> count;
  return (lo >>> count) | (hi << (32 - count));
}

export function shiftRightArithmetic64(
  s: Int32Array,
  lo: number,
  hi: number,
  count: number,
): number {
  if (count === 0) {
    s[HI] = hi;
    return lo;
  }
  if (count >= 32) {
    s[HI] = hi >> 31;
    return hi >> (count - 32);
  }
  s[HI] = hi >> count;
  return (lo >>> count) | (hi << (32 - count));
}

/** Unsigned 32 × 32 → 64. */
export function multiply32(s: Int32Array, a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const low = Math.imul(aLow, bLow) >>> 0;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (low >>> 16);
  const other = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  s[HI] = Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16);
  return Math.imul(a, b);
}

/** The upper 64 bits of the last 128-bit product, as a pair. */
export const productHigh = new Int32Array(2);

/** Unsigned 64 × 64 → 128. */
export function multiply64(
  s: Int32Array,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
): number {
  const lo = multiply32(s, aLo, bLo);
  const carry = s[HI]! >>> 0;
  const crossLo = multiply32(s, aHi, bLo) >>> 0;
  const crossHi = s[HI]! >>> 0;
  const otherLo = multiply32(s, aLo, bHi) >>> 0;
  const otherHi = s[HI]! >>> 0;
  const topLo = multiply32(s, aHi, bHi) >>> 0;
  const topHi = s[HI]! >>> 0;
  // Sums of a few 32-bit numbers are exact doubles.
  const second = carry + crossLo + otherLo;
  const third = Math.floor(second / 0x1_0000_0000) + crossHi + otherHi + topLo;
  productHigh[0] = third;
  productHigh[1] = topHi + Math.floor(third / 0x1_0000_0000);
  s[HI] = second;
  return lo;
}

/** Signed 64 × 64 → 128. */
export function multiplySigned64(
  s: Int32Array,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
): number {
  const lo = multiply64(s, aLo, aHi, bLo, bHi);
  // As unsigned numbers, negative operands are too large by 2^64.
  if (aHi < 0) subtractFromHigh(bLo, bHi);
  if (bHi < 0) subtractFromHigh(aLo, aHi);
  return lo;
}

function subtractFromHigh(lo: number, hi: number): void {
  const borrow = productHigh[0]! >>> 0 < lo >>> 0 ? 1 : 0;
  productHigh[0] = productHigh[0]! - lo;
  productHigh[1] = productHigh[1]! - hi - borrow;
}

/** Quotient and remainder of the last division, as pairs. */
export const quotient = new Int32Array(2);
export const remainder = new Int32Array(2);

const TWO_64 = 1n << 64n;

/** Divides an unsigned 128-bit number; false, and no result, if the quotient does not fit or it is by zero. */
export function divide128(
  lowLo: number,
  lowHi: number,
  highLo: number,
  highHi: number,
  divisorLo: number,
  divisorHi: number,
): boolean {
  if ((divisorLo | divisorHi) === 0) return false;
  if ((highLo | highHi) === 0 && lowHi >>> 0 < 0x200000 && divisorHi >>> 0 < 0x200000) {
    divideSmall(
      (lowHi >>> 0) * 0x1_0000_0000 + (lowLo >>> 0),
      (divisorHi >>> 0) * 0x1_0000_0000 + (divisorLo >>> 0),
    );
    return true;
  }
  const divisor = toBigInt(divisorLo, divisorHi);
  const dividend = (toBigInt(highLo, highHi) << 64n) | toBigInt(lowLo, lowHi);
  const result = dividend / divisor;
  if (result >= TWO_64) return false;
  fromBigInt(quotient, result);
  fromBigInt(remainder, dividend % divisor);
  return true;
}

/** Below 2^53 the floor of the rounded quotient is exact, and so is the remainder. */
function divideSmall(dividend: number, divisor: number): void {
  const result = Math.floor(dividend / divisor);
  const rest = dividend - result * divisor;
  quotient[0] = result;
  quotient[1] = Math.floor(result / 0x1_0000_0000);
  remainder[0] = rest;
  remainder[1] = Math.floor(rest / 0x1_0000_0000);
}

/** The number with this high half is exact as a double. */
function isShort(hi: number): boolean {
  return hi >= -0x100000 && hi < 0x100000;
}

function divideSmallSigned(dividend: number, divisor: number): void {
  const result = Math.trunc(dividend / divisor);
  const rest = dividend - result * divisor;
  quotient[0] = result;
  quotient[1] = Math.floor(result / 0x1_0000_0000);
  remainder[0] = rest;
  remainder[1] = Math.floor(rest / 0x1_0000_0000);
}

/** Divides a signed 128-bit number, truncating; false, and no result, on overflow or division by zero. */
export function divideSigned128(
  lowLo: number,
  lowHi: number,
  highLo: number,
  highHi: number,
  divisorLo: number,
  divisorHi: number,
): boolean {
  if ((divisorLo | divisorHi) === 0) return false;
  const isSmall = highLo === highHi && highHi === lowHi >> 31;
  if (isSmall && isShort(lowHi) && isShort(divisorHi)) {
    divideSmallSigned(
      lowHi * 0x1_0000_0000 + (lowLo >>> 0),
      divisorHi * 0x1_0000_0000 + (divisorLo >>> 0),
    );
    return true;
  }
  const divisor = BigInt.asIntN(64, toBigInt(divisorLo, divisorHi));
  const dividend = BigInt.asIntN(128, (toBigInt(highLo, highHi) << 64n) | toBigInt(lowLo, lowHi));
  const result = dividend / divisor;
  if (BigInt.asIntN(64, result) !== result) return false;
  fromBigInt(quotient, result);
  fromBigInt(remainder, dividend % divisor);
  return true;
}

function toBigInt(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function fromBigInt(target: Int32Array, value: bigint): void {
  target[0] = Number(BigInt.asIntN(32, value));
  target[1] = Number(BigInt.asIntN(32, value >> 32n));
}
