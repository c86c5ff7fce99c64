// SPDX-License-Identifier: BSD-2-Clause
// The last step of an exact computation: a significand of any length is rounded to a format by MXCSR, with
// overflow, underflow and inexact results as SDM 1 4.9.1 has them. Tininess is detected after rounding.
import { MXCSR } from "../state-layout.ts";
import { type FloatFormat, writeFinite, writeInfinity, writeZero } from "./float-format.ts";
import {
  MXCSR_FTZ,
  MXCSR_OE,
  MXCSR_OM,
  MXCSR_PE,
  MXCSR_RC,
  MXCSR_RC_SHIFT,
  MXCSR_UE,
  MXCSR_UM,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
} from "./mxcsr.ts";
import type { VectorUnit } from "./vector-unit.ts";

export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return 4 * hex.length - Math.clz32(Number.parseInt(hex.charAt(0), 16)) + 28;
}

/** What {@link roundAt} dropped something. */
let isInexact = false;

/** value / 2^shift as an integer by a rounding mode; isInexact says whether that is not the whole truth. */
function roundAt(value: bigint, shift: number, isNegative: boolean, mode: number): bigint {
  isInexact = false;
  if (shift <= 0) return value << BigInt(-shift);
  const bits = BigInt(shift);
  const quotient = value >> bits;
  const rest = value - (quotient << bits);
  if (rest === 0n) return quotient;
  isInexact = true;
  if (mode === ROUND_NEAREST) {
    const half = 1n << (bits - 1n);
    const isUp = rest > half || (rest === half && (quotient & 1n) === 1n);
    return isUp ? quotient + 1n : quotient;
  }
  const isAway = mode === (isNegative ? ROUND_DOWN : ROUND_UP);
  return isAway ? quotient + 1n : quotient;
}

/** Largest finite number, or infinity: what an overflow gives, by rounding mode. */
function writeOverflow(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  isNegative: boolean,
  mode: number,
): void {
  if (mode === ROUND_NEAREST || mode === (isNegative ? ROUND_DOWN : ROUND_UP)) {
    writeInfinity(v, format, d, isNegative);
    return;
  }
  const { precision, maxExponent } = format;
  const largest = (1n << BigInt(precision)) - 1n;
  writeFinite(v, format, d, isNegative, largest, maxExponent - precision + 1);
}

/**
 * Rounds (-1)^isNegative × significand × 2^exponent, with significand > 0, and writes it at `d`. A computation
 * that does not end gives at least two bits more than the format has, the last of them set ("sticky"). Where
 * an unmasked exception will be raised nothing is written.
 */
export function deliver(
  v: VectorUnit,
  format: FloatFormat,
  d: number,
  isNegative: boolean,
  significand: bigint,
  exponent: number,
): void {
  const mxcsr = v.s[MXCSR]!;
  const mode = (mxcsr & MXCSR_RC) >> MXCSR_RC_SHIFT;
  const { precision, minExponent, maxExponent } = format;
  // First as if exponents had no bounds.
  let quantum = exponent + bitLength(significand) - precision;
  let rounded = roundAt(significand, quantum - exponent, isNegative, mode);
  if (rounded >> BigInt(precision) !== 0n) {
    rounded >>= 1n;
    quantum++;
  }
  const leading = quantum + precision - 1;
  const inexact = isInexact ? MXCSR_PE : 0;
  if (leading > maxExponent) {
    if ((mxcsr & MXCSR_OM) === 0) v.raised |= MXCSR_OE | inexact;
    else {
      v.raised |= MXCSR_OE | MXCSR_PE;
      writeOverflow(v, format, d, isNegative, mode);
    }
    return;
  }
  if (leading >= minExponent) {
    v.raised |= inexact;
    writeFinite(v, format, d, isNegative, rounded, quantum);
    return;
  }
  if ((mxcsr & MXCSR_UM) === 0) v.raised |= MXCSR_UE | inexact;
  else if ((mxcsr & MXCSR_FTZ) !== 0) {
    v.raised |= MXCSR_UE | MXCSR_PE;
    writeZero(v, format, d, isNegative);
  } else {
    quantum = minExponent - precision + 1;
    rounded = roundAt(significand, quantum - exponent, isNegative, mode);
    if (isInexact) v.raised |= MXCSR_UE | MXCSR_PE;
    writeFinite(v, format, d, isNegative, rounded, quantum);
  }
}
