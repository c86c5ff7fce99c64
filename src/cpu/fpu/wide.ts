// SPDX-License-Identifier: BSD-2-Clause
// Products and quotients of 64-bit significands: int32 halves, with doubles for the estimates. What is
// larger than a word is left in scratch words of the state block.
import { FPU_PRODUCT, FPU_REMAINDER } from "../state-layout.ts";

const TWO_32 = 0x1_0000_0000;
/** 2^-32. */
const SCALE = 2.3283064365386963e-10;

/**
 * The upper half of an unsigned 32 × 32 product. A double product is off by less than 2^11, which is
 * nothing beside the 2^32 that an upper half counts in once the lower half, known exactly, is taken off.
 */
export function multiplyHigh(a: number, b: number): number {
  return (((a >>> 0) * (b >>> 0) - (Math.imul(a, b) >>> 0)) * SCALE + 0.5) | 0;
}

/** Unsigned 64 × 64 → 128 bits: four words at FPU_PRODUCT, lowest first. */
export function multiplyWide(
  s: Int32Array,
  aHi: number,
  aLo: number,
  bHi: number,
  bLo: number,
): void {
  s[FPU_PRODUCT] = Math.imul(aLo, bLo);
  const second =
    (multiplyHigh(aLo, bLo) >>> 0) + (Math.imul(aHi, bLo) >>> 0) + (Math.imul(aLo, bHi) >>> 0);
  const third =
    (multiplyHigh(aHi, bLo) >>> 0) +
    (multiplyHigh(aLo, bHi) >>> 0) +
    (Math.imul(aHi, bHi) >>> 0) +
    Math.floor(second * SCALE);
  s[FPU_PRODUCT + 1] = second;
  s[FPU_PRODUCT + 2] = third;
  s[FPU_PRODUCT + 3] = multiplyHigh(aHi, bHi) + Math.floor(third * SCALE);
}

/**
 * One step of a long division: a dividend of three words, of which the upper two are below the divisor,
 * gives a quotient of one word; what is left goes to FPU_REMAINDER, a pair. The divisor has its top bit set,
 * so the estimate from doubles is off by one at most.
 */
export function divideStep(
  s: Int32Array,
  top: number,
  middle: number,
  low: number,
  divisor: number,
): number {
  const divisorHi = s[divisor + 1]!;
  const divisorLo = s[divisor]!;
  const dividend = (top >>> 0) * TWO_32 + (middle >>> 0) + (low >>> 0) * SCALE;
  const estimate = dividend / ((divisorHi >>> 0) + (divisorLo >>> 0) * SCALE);
  let digit = Math.min(estimate, TWO_32 - 1) | 0;
  // dividend - digit × divisor, of which the top word can only be -1, 0 or 1.
  const lowProduct = Math.imul(digit, divisorLo);
  const sum = (multiplyHigh(digit, divisorLo) >>> 0) + (Math.imul(digit, divisorHi) >>> 0);
  const topProduct = multiplyHigh(digit, divisorHi) + (sum >= TWO_32 ? 1 : 0);
  let lo = (low - lowProduct) | 0;
  const subtrahend = (sum >>> 0) + (low >>> 0 < lowProduct >>> 0 ? 1 : 0);
  let hi = (middle - subtrahend) | 0;
  const over = (top - topProduct - (middle >>> 0 < subtrahend ? 1 : 0)) | 0;
  if (over < 0) {
    digit--;
    lo = (lo + divisorLo) | 0;
    hi = (hi + divisorHi + (lo >>> 0 < divisorLo >>> 0 ? 1 : 0)) | 0;
  } else if (over > 0 || !isBelow(hi, lo, divisorHi, divisorLo)) {
    digit++;
    hi = (hi - divisorHi - (lo >>> 0 < divisorLo >>> 0 ? 1 : 0)) | 0;
    lo = (lo - divisorLo) | 0;
  }
  s[FPU_REMAINDER] = lo;
  s[FPU_REMAINDER + 1] = hi;
  return digit | 0;
}

/** a < b, unsigned. */
export function isBelow(aHi: number, aLo: number, bHi: number, bLo: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}
