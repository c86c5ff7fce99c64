// SPDX-License-Identifier: BSD-2-Clause
// IEEE 754 formats as they lie in the state block, taken apart and put together: SDM 1 4.2.2 and 4.8.3.
// A finite number is (-1)^sign × significand × 2^exponent with an integer significand.
import { MXCSR } from "../state-layout.ts";
import { MXCSR_DAZ, MXCSR_DE, MXCSR_IE } from "./mxcsr.ts";
import type { VectorUnit } from "./vector-unit.ts";

export interface FloatFormat {
  /** 32-bit words: 1 or 2; the sign is in the last. */
  readonly words: 1 | 2;
  /** Bits of significand, with the leading one that is not stored. */
  readonly precision: number;
  /** Exponents of the leading bit of normal numbers. */
  readonly minExponent: number;
  readonly maxExponent: number;
  /** In the last word: where the exponent begins, its mask, and the bit that makes a NaN quiet. */
  readonly exponentShift: number;
  readonly exponentMask: number;
  readonly quietBit: number;
}

export const SINGLE: FloatFormat = {
  words: 1,
  precision: 24,
  minExponent: -126,
  maxExponent: 127,
  exponentShift: 23,
  exponentMask: 0x7f800000,
  quietBit: 1 << 22,
};

export const DOUBLE: FloatFormat = {
  words: 2,
  precision: 53,
  minExponent: -1022,
  maxExponent: 1023,
  exponentShift: 20,
  exponentMask: 0x7ff00000,
  quietBit: 1 << 19,
};

export const KIND_ZERO = 0;
export const KIND_FINITE = 1;
export const KIND_INFINITE = 2;
export const KIND_QUIET = 3;
export const KIND_SIGNALLING = 4;

/** A number taken apart. Reused: it counts until the next one is read into it. */
export interface Unpacked {
  kind: number;
  isNegative: boolean;
  isDenormal: boolean;
  /** Where its bits are. */
  at: number;
  significand: bigint;
  exponent: number;
}

export function unpacked(): Unpacked {
  return {
    kind: KIND_ZERO,
    isNegative: false,
    isDenormal: false,
    at: 0,
    significand: 0n,
    exponent: 0,
  };
}

/** Takes the number at `at` apart; with MXCSR.DAZ a denormal one is a zero. */
export function unpack(v: VectorUnit, format: FloatFormat, at: number, into: Unpacked): void {
  const { s } = v;
  const isDouble = format.words === 2;
  const top = isDouble ? s[at + 1]! : s[at]!;
  const lowWord = isDouble ? s[at]! : 0;
  const fraction = top & ((1 << format.exponentShift) - 1);
  const biased = (top & format.exponentMask) >>> format.exponentShift;
  into.at = at;
  into.isNegative = top < 0;
  into.isDenormal = false;
  if ((top & format.exponentMask) === format.exponentMask) {
    if ((fraction | lowWord) === 0) into.kind = KIND_INFINITE;
    else into.kind = (top & format.quietBit) !== 0 ? KIND_QUIET : KIND_SIGNALLING;
    return;
  }
  if (biased === 0 && ((fraction | lowWord) === 0 || (s[MXCSR]! & MXCSR_DAZ) !== 0)) {
    into.kind = KIND_ZERO;
    return;
  }
  into.kind = KIND_FINITE;
  into.isDenormal = biased === 0;
  const leading = biased === 0 ? 0 : 1 << format.exponentShift;
  into.significand = isDouble
    ? (BigInt(fraction | leading) << 32n) | BigInt(lowWord >>> 0)
    : BigInt(fraction | leading);
  into.exponent = Math.max(biased, 1) - 1 + format.minExponent - (format.precision - 1);
}

export function isNan({ kind }: Unpacked): boolean {
  return kind >= KIND_QUIET;
}

// Writing.

function writeTop(v: VectorUnit, format: FloatFormat, d: number, top: number): void {
  if (format.words === 2) {
    v.s[d] = 0;
    v.s[d + 1] = top;
  } else v.s[d] = top;
}

const SIGN = 1 << 31;

export function writeZero(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  isNegative: boolean,
): void {
  writeTop(v, format, d, isNegative ? SIGN : 0);
}

export function writeInfinity(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  isNegative: boolean,
): void {
  writeTop(v, format, d, format.exponentMask | (isNegative ? SIGN : 0));
}

/** The result of an invalid operation: the "real indefinite" quiet NaN. */
export function writeIndefinite(v: VectorUnit, format: FloatFormat, d: number): void {
  v.raised |= MXCSR_IE;
  writeTop(v, format, d, SIGN | format.exponentMask | format.quietBit);
}

/** The NaN at `from`, made quiet. */
export function writeQuiet(v: VectorUnit, format: FloatFormat, d: number, from: number): void {
  const { s } = v;
  if (format.words === 2) {
    s[d] = s[from]!;
    s[d + 1] = s[from + 1]! | format.quietBit;
  } else s[d] = s[from]! | format.quietBit;
}

/** significand × 2^quantum, a number that the format has: at most `precision` bits. */
export function writeFinite(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  isNegative: boolean,
  significand: bigint,
  quantum: number,
): void {
  const { s } = v;
  const isDouble = format.words === 2;
  const lowWord = isDouble ? Number(significand & 0xffffffffn) : 0;
  const top = isDouble ? Number(significand >> 32n) : Number(significand);
  const leading = 1 << format.exponentShift;
  const biased = top >= leading ? quantum + format.precision - 1 - format.minExponent + 1 : 0;
  const word = (top & (leading - 1)) | (biased << format.exponentShift) | (isNegative ? SIGN : 0);
  if (isDouble) {
    s[d] = lowWord;
    s[d + 1] = word;
  } else s[d] = word;
}

/**
 * If one of two operands is a NaN, writes the result (the first NaN, made quiet), with IE for a signalling
 * one. True if it did: SDM 1 table 4-7.
 */
export function propagatesNan(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  x: Unpacked,
  y: Unpacked,
): boolean {
  if (!isNan(x) && !isNan(y)) return false;
  if (x.kind === KIND_SIGNALLING || y.kind === KIND_SIGNALLING) v.raised |= MXCSR_IE;
  writeQuiet(v, format, d, isNan(x) ? x.at : y.at);
  return true;
}

export function noteDenormal(v: VectorUnit, isDenormal: boolean): void {
  if (isDenormal) v.raised |= MXCSR_DE;
}
