// SPDX-License-Identifier: BSD-2-Clause
// What all x87 arithmetic begins and ends with: SDM 1 4.2.2, 8.2. It works on the state block, where its
// operands and scratch words lie: a number is named by the index of its first word. Operands are unpacked to
// FPU_X and FPU_Y; the answer is left in FPU_RESULT. Nothing is allocated.

import { FPU_RESULT, FPU_X, FPU_Y } from "../state-layout.ts";
import {
  DENORMAL,
  EXP,
  EXP_SPECIAL,
  HI,
  INFINITY,
  INTEGER_BIT,
  NORMAL,
  NOT_A_NUMBER,
  QNAN,
  QUIET_BIT,
  SGN,
  SIG_HI,
  SIGN,
  SIGN_EXP,
  SNAN,
  UNSUPPORTED,
  ZERO,
} from "./format.ts";
import { STATUS_IE } from "./status.ts";

export function setResult(s: Int32Array, lo: number, hi: number, signExp: number): void {
  s[FPU_RESULT] = lo;
  s[FPU_RESULT + SIG_HI] = hi;
  s[FPU_RESULT + SIGN_EXP] = signExp;
}

export function copy(s: Int32Array, from: number, to: number): void {
  s[to] = s[from]!;
  s[to + SIG_HI] = s[from + SIG_HI]!;
  s[to + SIGN_EXP] = s[from + SIGN_EXP]!;
}

/** The default NaN, which masked invalid operations give: the QNaN floating-point indefinite. */
export function setIndefinite(s: Int32Array): void {
  setResult(s, 0, INTEGER_BIT | QUIET_BIT, SIGN | EXP_SPECIAL);
}

export function setInfinity(s: Int32Array, sign: number): void {
  setResult(s, 0, INTEGER_BIT, sign | EXP_SPECIAL);
}

export function setZero(s: Int32Array, sign: number): void {
  setResult(s, 0, 0, sign);
}

/** The masked response to an invalid operation. */
export function invalid(s: Int32Array): number {
  setIndefinite(s);
  return STATUS_IE;
}

/** Unpacks a number and returns its class; denormals are normalized. */
export function unpack(s: Int32Array, at: number, to: number): number {
  const hi = s[at + SIG_HI]!;
  const signExp = s[at + SIGN_EXP]!;
  const exp = signExp & EXP_SPECIAL;
  s[to] = s[at]!;
  s[to + HI] = hi;
  s[to + EXP] = exp;
  s[to + SGN] = signExp & SIGN;
  if (hi < 0 && exp !== 0 && exp !== EXP_SPECIAL) return NORMAL;
  return unpackSpecial(s, to);
}

function unpackSpecial(s: Int32Array, to: number): number {
  const hi = s[to + HI]!;
  const lo = s[to]!;
  if (s[to + EXP] === 0) {
    if ((hi | lo) === 0) return ZERO;
    // Pseudo-denormals have the integer bit, and are worth what it says with the least exponent.
    s[to + EXP] = 1;
    normalize(s, to);
    return DENORMAL;
  }
  if (hi >= 0) return UNSUPPORTED;
  if (hi === INTEGER_BIT && lo === 0) return INFINITY;
  return (hi & QUIET_BIT) !== 0 ? QNAN : SNAN;
}

/** Shifts an unpacked significand that is not zero until its integer bit is set. */
function normalize(s: Int32Array, at: number): void {
  let hi = s[at + HI]!;
  let lo = s[at]!;
  let exp = s[at + EXP]!;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    exp -= 32;
  }
  const count = Math.clz32(hi);
  if (count !== 0) {
    hi = (hi << count) | (lo >>> (32 - count));
    lo <<= count;
  }
  s[at] = lo;
  s[at + HI] = hi;
  s[at + EXP] = exp - count;
}

// NaNs, SDM 1 table 4-7.

/** Makes an unpacked NaN the result, as a quiet one. */
function setQuiet(s: Int32Array, nan: number): void {
  setResult(s, s[nan]!, s[nan + HI]! | QUIET_BIT, s[nan + SGN]! | EXP_SPECIAL);
}

/** The result where X, the one operand, is NaN or unsupported. */
export function propagateNan(s: Int32Array, classX: number): number {
  if (classX === UNSUPPORTED) return invalid(s);
  setQuiet(s, FPU_X);
  return classX === SNAN ? STATUS_IE : 0;
}

/** The result where at least one of X and Y is NaN or unsupported. */
export function propagateNans(s: Int32Array, classX: number, classY: number): number {
  const either = classX | classY;
  if ((either & UNSUPPORTED) !== 0) return invalid(s);
  setQuiet(s, isFirstNanTaken(s, classX, classY) ? FPU_X : FPU_Y);
  return (either & SNAN) !== 0 ? STATUS_IE : 0;
}

/** A quiet NaN beats a signaling one, then the larger significand, then the positive sign. */
function isFirstNanTaken(s: Int32Array, classX: number, classY: number): boolean {
  if ((classX & NOT_A_NUMBER) === 0) return false;
  if ((classY & NOT_A_NUMBER) === 0) return true;
  if (classX !== classY) return classX === QNAN;
  const order = compareSignificands(s);
  return order === 0 ? s[FPU_X + SGN] === 0 : order > 0;
}

/** X's to Y's: negative, zero or positive. */
export function compareSignificands(s: Int32Array): number {
  const xHi = s[FPU_X + HI]!;
  const yHi = s[FPU_Y + HI]!;
  if (xHi !== yHi) return xHi >>> 0 < yHi >>> 0 ? -1 : 1;
  const xLo = s[FPU_X]!;
  const yLo = s[FPU_Y]!;
  if (xLo === yLo) return 0;
  return xLo >>> 0 < yLo >>> 0 ? -1 : 1;
}
