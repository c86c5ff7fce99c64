// SPDX-License-Identifier: BSD-2-Clause
// Half precision, a format of storage alone: 1 bit of sign, 5 of exponent, 10 of fraction (SDM 1 4.2.2). SDM 2
// VCVTPH2PS, VCVTPS2PH; SDM 1 14.4. Neither FTZ nor, from halves, DAZ has a say.
import { MXCSR } from "../state-layout.ts";
import { roundToInteger } from "./float-convert.ts";
import {
  MXCSR_DAZ,
  MXCSR_DE,
  MXCSR_IE,
  MXCSR_OE,
  MXCSR_OM,
  MXCSR_PE,
  MXCSR_UE,
  MXCSR_UM,
} from "./mxcsr.ts";
import type { VectorUnit } from "./vector-unit.ts";

const SIGN = 0x8000;
const INFINITE = 0x7c00;
const QUIET = 0x0200;
/** The least normal half, and the distance of those below it from each other. */
const MIN_HALF = 2 ** -14;
const MIN_QUANTUM = 2 ** -24;
/** Bits behind the leading one, and what lies just beyond the largest finite half. */
const FRACTION_BITS = 10;
const TOO_LARGE = 2 ** 16;
const BIAS = 15;

/** The single that is the half `h`; a signalling NaN becomes quiet and raises IE. */
export function halfToSingle(v: VectorUnit, d: number, h: number): void {
  const sign = (h & SIGN) << 16;
  const fraction = h & 0x3ff;
  const exponent = (h >> FRACTION_BITS) & 0x1f;
  if (exponent === 0x1f) {
    if (fraction !== 0 && (h & QUIET) === 0) v.raised |= MXCSR_IE;
    const quiet = fraction !== 0 ? 1 << 22 : 0;
    v.s[d] = sign | 0x7f800000 | (fraction << 13) | quiet;
  } else if (exponent === 0) {
    v.floats[d] = fraction * MIN_QUANTUM;
    v.s[d] = v.s[d]! | sign;
  } else {
    v.s[d] = sign | ((exponent + 127 - BIAS) << 23) | (fraction << 13);
  }
}

/** A half's magnitude, in quanta of its exponent, put together; a carry out of the fraction does no harm. */
function pack(sign: number, biased: number, quanta: number): number {
  return sign | ((biased << FRACTION_BITS) + quanta);
}

/** Exponent of the leading bit of a positive single, normal or not. */
function leadingExponent(bits: number): number {
  return bits < 0x00800000 ? 31 - Math.clz32(bits) - 149 : (bits >> 23) - 127;
}

/** The single at `b` as a half, by a rounding mode. */
export function singleToHalf(v: VectorUnit, b: number, mode: number): number {
  const word = v.s[b]!;
  const mxcsr = v.s[MXCSR]!;
  const sign = word < 0 ? SIGN : 0;
  const bits = word & 0x7fffffff;
  if (bits >= 0x7f800000) {
    if (bits === 0x7f800000) return sign | INFINITE;
    if ((bits & (1 << 22)) === 0) v.raised |= MXCSR_IE;
    return sign | INFINITE | QUIET | ((bits >> 13) & 0x3ff);
  }
  if (bits === 0) return sign;
  if (bits < 0x00800000) {
    if ((mxcsr & MXCSR_DAZ) !== 0) return sign;
    v.raised |= MXCSR_DE;
  }
  const value = v.floats[b]!;
  const leading = leadingExponent(bits);
  const scaled = value * 2 ** (FRACTION_BITS - leading);
  const quanta = roundToInteger(scaled, mode);
  // As if exponents had no bounds.
  const rounded = quanta * 2 ** (leading - FRACTION_BITS);
  if (Math.abs(rounded) >= TOO_LARGE) return overflow(v, value, quanta !== scaled, mode);
  if (Math.abs(rounded) < MIN_HALF) return underflow(v, value, quanta !== scaled, mode);
  if (quanta !== scaled) v.raised |= MXCSR_PE;
  return pack(sign, leading + BIAS - 1, Math.abs(quanta));
}

/** Infinity or the largest half, whichever the mode rounds to. */
function overflow(v: VectorUnit, value: number, isInexact: boolean, mode: number): number {
  if ((v.s[MXCSR]! & MXCSR_OM) === 0) {
    v.raised |= MXCSR_OE | (isInexact ? MXCSR_PE : 0);
    return 0;
  }
  v.raised |= MXCSR_OE | MXCSR_PE;
  const sign = value < 0 ? SIGN : 0;
  // A number with a fraction shows which way the mode goes.
  const isAway = Math.abs(roundToInteger(value < 0 ? -0.75 : 0.75, mode)) === 1;
  return sign | (isAway ? INFINITE : INFINITE - 1);
}

/** A denormal half; tininess is detected after rounding. */
function underflow(v: VectorUnit, value: number, isInexact: boolean, mode: number): number {
  if ((v.s[MXCSR]! & MXCSR_UM) === 0) {
    v.raised |= MXCSR_UE | (isInexact ? MXCSR_PE : 0);
    return 0;
  }
  const scaled = value / MIN_QUANTUM;
  const quanta = roundToInteger(scaled, mode);
  if (quanta !== scaled) v.raised |= MXCSR_UE | MXCSR_PE;
  return (value < 0 ? SIGN : 0) | Math.abs(quanta);
}
