// SPDX-License-Identifier: BSD-2-Clause
// Conversions between floats and integers, between float formats, and rounding to integers. SDM 2: CVT…,
// ROUNDPS; SDM 1 4.8.4 for rounding, 11.5.2.1 for what a number out of an integer's range gives.
import { HI } from "../../mmu/machine-layout.ts";
import { MXCSR } from "../state-layout.ts";
import {
  isExactSum,
  isNormalSingle,
  isOrdinaryDouble,
  isOrdinarySingle,
} from "./float-arithmetic.ts";
import { exactConvert, exactFromInteger } from "./float-exact.ts";
import { DOUBLE, type FloatFormat, SINGLE, writeQuiet } from "./float-format.ts";
import {
  isPlainRounding,
  MXCSR_DAZ,
  MXCSR_IE,
  MXCSR_PE,
  MXCSR_RC,
  MXCSR_RC_SHIFT,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  ROUND_ZERO,
} from "./mxcsr.ts";
import type { ElementOp, VectorUnit } from "./vector-unit.ts";

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
const TWO_52 = 2 ** 52;
const TWO_53 = 2 ** 53;
const TWO_63 = 2 ** 63;
const MIN_DOUBLE = 2 ** -1022;

/** Rounds a number to an integer; zeroes keep the number's sign. */
export function roundToInteger(value: number, mode: number): number {
  switch (mode) {
    case ROUND_NEAREST: {
      const magnitude = Math.abs(value);
      if (!(magnitude < TWO_52)) return value;
      // In the sum a unit is the last place, so the addition rounds, ties to even.
      const rounded = magnitude + TWO_52 - TWO_52;
      return value < 0 || Object.is(value, -0) ? -rounded : rounded;
    }
    case ROUND_DOWN:
      return Math.floor(value);
    case ROUND_UP:
      return Math.ceil(value);
    default:
      return Math.trunc(value);
  }
}

export function roundingMode(v: VectorUnit): number {
  return (v.s[MXCSR]! & MXCSR_RC) >> MXCSR_RC_SHIFT;
}

/** The single or double at `at` as a number; with MXCSR.DAZ a denormal one is zero. NaNs are NaN. */
export function readFloat(v: VectorUnit, format: FloatFormat, at: number): number {
  const value = format.words === 2 ? v.doubles[at >> 1]! : v.floats[at]!;
  const least = format.words === 2 ? MIN_DOUBLE : 2 ** -126;
  if (Math.abs(value) < least && (v.s[MXCSR]! & MXCSR_DAZ) !== 0) return 0 * value;
  return value;
}

/** To a signed 32-bit integer; IE and the most negative one if it does not fit. */
export function toInt32(v: VectorUnit, value: number, mode: number): number {
  const rounded = roundToInteger(value, mode);
  if (!(rounded >= -TWO_31 && rounded < TWO_31)) {
    v.raised |= MXCSR_IE;
    return 1 << 31;
  }
  if (rounded !== value) v.raised |= MXCSR_PE;
  return rounded | 0;
}

/** To a signed 64-bit integer: the low half; the high half in HI. */
export function toInt64(v: VectorUnit, value: number, mode: number): number {
  const rounded = roundToInteger(value, mode);
  if (!(rounded >= -TWO_63 && rounded < TWO_63)) {
    v.raised |= MXCSR_IE;
    v.s[HI] = 1 << 31;
    return 0;
  }
  if (rounded !== value) v.raised |= MXCSR_PE;
  const hi = Math.floor(rounded / TWO_32);
  v.s[HI] = hi;
  return (rounded - hi * TWO_32) | 0;
}

// Integers to floats.

export const int32ToSingle: ElementOp = (v, d, _a, b) => {
  const { s, floats } = v;
  const value = s[b]!;
  if (isPlainRounding(s[MXCSR]!)) {
    const rounded = Math.fround(value);
    if (rounded !== value) v.raised |= MXCSR_PE;
    floats[d] = rounded;
  } else exactFromInteger(v, SINGLE, d, value, value >> 31);
};

/** A 64-bit integer as a pair. */
export function int64ToSingle(v: VectorUnit, d: number, lo: number, hi: number): void {
  const value = hi * TWO_32 + (lo >>> 0);
  // Beyond 53 bits the value is rounded already.
  if (isPlainRounding(v.s[MXCSR]!) && Math.abs(value) < TWO_53) {
    const rounded = Math.fround(value);
    if (rounded !== value) v.raised |= MXCSR_PE;
    v.floats[d] = rounded;
  } else exactFromInteger(v, SINGLE, d, lo, hi);
}

export function int64ToDouble(v: VectorUnit, d: number, lo: number, hi: number): void {
  const high = hi * TWO_32;
  const value = high + (lo >>> 0);
  const isExact = isExactSum(high, lo >>> 0, value);
  if (isExact || isPlainRounding(v.s[MXCSR]!)) {
    if (!isExact) v.raised |= MXCSR_PE;
    v.doubles[d >> 1] = value;
  } else exactFromInteger(v, DOUBLE, d, lo, hi);
}

// One float format to the other.

export const singleToDouble: ElementOp = (v, d, _a, b) => {
  if (isOrdinarySingle(v.s, b)) v.doubles[d >> 1] = v.floats[b]!;
  else exactConvert(v, SINGLE, DOUBLE, d, b);
};

export const doubleToSingle: ElementOp = (v, d, _a, b) => {
  const { s } = v;
  if (isPlainRounding(s[MXCSR]!) && isOrdinaryDouble(s, b)) {
    const value = v.doubles[b >> 1]!;
    const rounded = Math.fround(value);
    if (isNormalSingle(rounded) || value === 0) {
      if (rounded !== value) v.raised |= MXCSR_PE;
      v.floats[d] = rounded;
      return;
    }
  }
  exactConvert(v, DOUBLE, SINGLE, d, b);
};

// Floats to 32-bit integers, element by element.

export const singleToInt32: ElementOp = (v, d, _a, b) => {
  v.s[d] = toInt32(v, readFloat(v, SINGLE, b), roundingMode(v));
};
export const singleToInt32Truncated: ElementOp = (v, d, _a, b) => {
  v.s[d] = toInt32(v, readFloat(v, SINGLE, b), ROUND_ZERO);
};
export const doubleToInt32: ElementOp = (v, d, _a, b) => {
  v.s[d] = toInt32(v, readFloat(v, DOUBLE, b), roundingMode(v));
};
export const doubleToInt32Truncated: ElementOp = (v, d, _a, b) => {
  v.s[d] = toInt32(v, readFloat(v, DOUBLE, b), ROUND_ZERO);
};

// Rounding to an integer that stays a float: imm 1:0 the mode, 2 use MXCSR's, 3 do not report PE.

function round(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  b: number,
  imm: number,
): number | undefined {
  const value = readFloat(v, format, b);
  if (Number.isNaN(value)) {
    const top = v.s[b + format.words - 1]!;
    if ((top & format.quietBit) === 0) v.raised |= MXCSR_IE;
    writeQuiet(v, format, d, b);
    return undefined;
  }
  const rounded = roundToInteger(value, (imm & 4) !== 0 ? roundingMode(v) : imm & 3);
  if (rounded !== value && (imm & 8) === 0) v.raised |= MXCSR_PE;
  return rounded;
}

export const roundSingle: ElementOp = (v, d, _a, b, imm) => {
  const rounded = round(v, SINGLE, d, b, imm);
  if (rounded !== undefined) v.floats[d] = rounded;
};

export const roundDouble: ElementOp = (v, d, _a, b, imm) => {
  const rounded = round(v, DOUBLE, d, b, imm);
  if (rounded !== undefined) v.doubles[d >> 1] = rounded;
};
