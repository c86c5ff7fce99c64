// SPDX-License-Identifier: BSD-2-Clause
// Square root: SDM 2 FSQRT. Two digits of 32 bits: the first from the double root of the radicand's upper
// half, the second from what is left, divided by twice the first.

import { FPU_REMAINDER, FPU_X } from "../state-layout.ts";
import { invalid, propagateNan, setInfinity, setZero, unpack } from "./float80.ts";
import {
  DENORMAL,
  EXP,
  EXP_BIAS,
  HI,
  INFINITY,
  INTEGER_BIT,
  NOT_A_NUMBER,
  SGN,
  ZERO,
} from "./format.ts";
import { roundPack, setExact } from "./round.ts";
import { STATUS_DE } from "./status.ts";
import { isBelow, multiplyHigh } from "./wide.ts";

const TWO_32 = 0x1_0000_0000;

export function squareRoot(s: Int32Array, a: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  if ((classX & NOT_A_NUMBER) !== 0) return propagateNan(s, classX);
  if (classX === ZERO) {
    setZero(s, s[FPU_X + SGN]!);
    return 0;
  }
  if (s[FPU_X + SGN] !== 0) return invalid(s);
  if (classX === INFINITY) {
    setInfinity(s, 0);
    return 0;
  }
  return (classX === DENORMAL ? STATUS_DE : 0) | rootOfNumber(s, control);
}

/** The radicand is the significand, one or two quarters of it, times 2^128: its upper three words count. */
function rootOfNumber(s: Int32Array, control: number): number {
  const exp = s[FPU_X + EXP]!;
  let hi = s[FPU_X + HI]!;
  let lo = s[FPU_X]!;
  let below = 0;
  // The bias is odd, so odd exponents are even powers of two.
  const isEvenPower = (exp & 1) !== 0;
  if (isEvenPower) {
    below = lo << 31;
    lo = (lo >>> 1) | (hi << 31);
    hi >>>= 1;
  }
  setExact(s, 0, (exp + EXP_BIAS - (isEvenPower ? 0 : 1)) >> 1);
  return secondDigit(s, firstDigit(s, hi, lo), below, control);
}

/** The root of the upper half; what its square leaves, 33 bits, goes to FPU_REMAINDER. */
function firstDigit(s: Int32Array, hi: number, lo: number): number {
  let digit = Math.floor(Math.sqrt((hi >>> 0) * TWO_32 + (lo >>> 0)));
  if (digit >= TWO_32) digit = TWO_32 - 1;
  for (;;) {
    const squareHi = multiplyHigh(digit, digit) >>> 0;
    const squareLo = Math.imul(digit, digit) >>> 0;
    const rest = ((hi >>> 0) - squareHi) * TWO_32 + ((lo >>> 0) - squareLo);
    if (rest < 0) digit--;
    else if (rest > 2 * digit) digit++;
    else {
      s[FPU_REMAINDER] = rest;
      s[FPU_REMAINDER + 1] = rest >= TWO_32 ? 1 : 0;
      return digit;
    }
  }
}

/** The largest number for which (2 × first × 2^32 + it) × it fits into what is left. */
function secondDigit(s: Int32Array, first: number, below: number, control: number): number {
  const left = s[FPU_REMAINDER]! >>> 0;
  const leftTop = s[FPU_REMAINDER + 1]!;
  const dividend = leftTop * TWO_32 + left + (below >>> 0) / TWO_32;
  // Without the square, and rounded up a little, this is never too small.
  let second = Math.floor((dividend / (2 * first)) * TWO_32 + 2 ** -10);
  if (second >= TWO_32) second = TWO_32 - 1;
  for (; ; second--) {
    const hi = multiplyHigh(first, second);
    const lo = Math.imul(first, second);
    // What remains, from the lowest word up: what was left, less twice the product, less the square.
    const word0 = -(Math.imul(second, second) >>> 0);
    const subtrahend = ((lo << 1) >>> 0) + (multiplyHigh(second, second) >>> 0);
    const word1 = (below >>> 0) - subtrahend + Math.floor(word0 / TWO_32);
    const twiceHi = ((hi << 1) | (lo >>> 31)) >>> 0;
    const word2 = left - twiceHi + Math.floor(word1 / TWO_32);
    const word3 = leftTop - (hi >>> 31) + Math.floor(word2 / TWO_32);
    if (word3 < 0) continue;
    // Half a unit more would make the square larger by the root and a quarter.
    const isMore = (word2 | 0) !== 0 || isBelow(first | 0, second | 0, word1 | 0, word0 | 0);
    const isExact = (word1 | word0) === 0;
    const rest = isMore ? INTEGER_BIT | 1 : isExact ? 0 : 1;
    return roundPack(s, first | 0, second | 0, rest, control);
  }
}
