// SPDX-License-Identifier: BSD-2-Clause
// Single and double precision to and from extended precision: SDM 1 4.2.2, SDM 2 FLD, FST.

import { FPU_EXACT, FPU_OPERAND, FPU_RESULT, FPU_ROUNDED, FPU_X } from "../state-layout.ts";
import { unpack } from "./float80.ts";
import {
  DENORMAL,
  EXP,
  EXP_BIAS,
  EXP_SPECIAL,
  HI,
  INFINITY,
  INTEGER_BIT,
  NOT_A_NUMBER,
  QUIET_BIT,
  ROUNDED_HI,
  SGN,
  SIG_HI,
  SIGN,
  SIGN_EXP,
  SNAN,
  UNSUPPORTED,
  ZERO,
} from "./format.ts";
import { roundShifted, roundsUp, shiftRight } from "./round.ts";
import { STATUS_C1, STATUS_IE, STATUS_OE, STATUS_PE, STATUS_UE } from "./status.ts";

const SPECIAL_32 = 0xff;
const SPECIAL_64 = 0x7ff;
/** What an exponent differs by between the formats. */
const REBIAS_32 = EXP_BIAS - 0x7f;
const REBIAS_64 = EXP_BIAS - 0x3ff;
/** Bits of the significand that the narrow format has not. */
const DROP_32 = 40;
const DROP_64 = 11;

/**
 * Puts a single, which always fits, at FPU_OPERAND. The class says if it was a denormal (which it no longer
 * is) or a signaling NaN (which it still is); otherwise 0.
 */
export function fromFloat32(s: Int32Array, bits: number): number {
  const exp = (bits >>> 23) & SPECIAL_32;
  const fraction = bits & 0x7fffff;
  s[FPU_OPERAND] = 0;
  s[FPU_OPERAND + SIG_HI] = (fraction << 8) | INTEGER_BIT;
  s[FPU_OPERAND + SIGN_EXP] = ((bits >>> 16) & SIGN) | (exp + REBIAS_32);
  if (exp !== 0 && exp !== SPECIAL_32) return 0;
  return widenSpecial(s, exp, REBIAS_32);
}

/** The same of a double. */
export function fromFloat64(s: Int32Array, lo: number, hi: number): number {
  const exp = (hi >>> 20) & SPECIAL_64;
  s[FPU_OPERAND] = lo << 11;
  s[FPU_OPERAND + SIG_HI] = (hi << 11) | (lo >>> 21) | INTEGER_BIT;
  s[FPU_OPERAND + SIGN_EXP] = ((hi >>> 16) & SIGN) | (exp + REBIAS_64);
  if (exp !== 0 && exp !== SPECIAL_64) return 0;
  return widenSpecial(s, exp, REBIAS_64);
}

/** Zeroes, denormals, infinities and NaNs, of which sign and fraction are in place. */
function widenSpecial(s: Int32Array, exp: number, rebias: number): number {
  const sign = s[FPU_OPERAND + SIGN_EXP]! & SIGN;
  let hi = s[FPU_OPERAND + SIG_HI]! & ~INTEGER_BIT;
  let lo = s[FPU_OPERAND]!;
  const isFraction = (hi | lo) !== 0;
  if (exp !== 0) {
    s[FPU_OPERAND + SIGN_EXP] = sign | EXP_SPECIAL;
    return isFraction && (hi & QUIET_BIT) === 0 ? SNAN : 0;
  }
  s[FPU_OPERAND + SIG_HI] = 0;
  s[FPU_OPERAND + SIGN_EXP] = sign;
  if (!isFraction) return 0;
  let newExp = rebias + 1;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    newExp -= 32;
  }
  const count = Math.clz32(hi);
  s[FPU_OPERAND] = lo << count;
  s[FPU_OPERAND + SIG_HI] = count === 0 ? hi : (hi << count) | (lo >>> (32 - count));
  s[FPU_OPERAND + SIGN_EXP] = sign | (newExp - count);
  return DENORMAL;
}

/**
 * Rounds to single precision, in the result's first word. With unmasked overflow or underflow there is no
 * number to be stored.
 */
export function toFloat32(s: Int32Array, at: number, control: number): number {
  const classX = unpack(s, at, FPU_X);
  const sign = s[FPU_X + SGN]! << 16;
  if (classX > DENORMAL) {
    s[FPU_RESULT] = classX === UNSUPPORTED ? 0xffc00000 : sign | specialHigh(s, classX, 8);
    return (classX & (SNAN | UNSUPPORTED)) !== 0 ? STATUS_IE : 0;
  }
  const flags = narrow(s, REBIAS_32, DROP_32, control);
  s[FPU_RESULT] = sign | (s[FPU_ROUNDED]! + (s[FPU_EXACT]! << 23));
  return flags;
}

/** Rounds to double precision, in the result's first two words. */
export function toFloat64(s: Int32Array, at: number, control: number): number {
  const classX = unpack(s, at, FPU_X);
  const sign = s[FPU_X + SGN]! << 16;
  if (classX > DENORMAL) {
    const isNan = (classX & NOT_A_NUMBER) !== 0 && classX !== UNSUPPORTED;
    s[FPU_RESULT] = isNan ? (s[FPU_X + HI]! << 21) | (s[FPU_X]! >>> 11) : 0;
    s[FPU_RESULT + 1] = classX === UNSUPPORTED ? 0xfff80000 : sign | specialHigh(s, classX, 11);
    return (classX & (SNAN | UNSUPPORTED)) !== 0 ? STATUS_IE : 0;
  }
  const flags = narrow(s, REBIAS_64, DROP_64, control);
  s[FPU_RESULT] = s[FPU_ROUNDED]!;
  s[FPU_RESULT + 1] = sign | (s[FPU_ROUNDED + ROUNDED_HI]! + (s[FPU_EXACT]! << 20));
  return flags;
}

/** The upper word of zero, infinity or a NaN in a format with so many exponent bits, without its sign. */
function specialHigh(s: Int32Array, classX: number, exponentBits: number): number {
  if (classX === ZERO) return 0;
  const exponent = 0x7fffffff & (-1 << (31 - exponentBits));
  if (classX === INFINITY) return exponent;
  const fraction = (s[FPU_X + HI]! | QUIET_BIT) & ~INTEGER_BIT;
  return exponent | (fraction >>> exponentBits);
}

/**
 * Rounds X to a narrower format: FPU_ROUNDED gets the integer that its bits are, without sign and exponent,
 * FPU_EXACT what is to be added in the exponent's place (the integer bit adds one to that).
 */
function narrow(s: Int32Array, rebias: number, drop: number, control: number): number {
  const exp = s[FPU_X + EXP]! - rebias;
  const special = rebias === REBIAS_32 ? SPECIAL_32 : SPECIAL_64;
  let flags = roundSignificand(s, drop, control);
  const top = drop === DROP_32 ? s[FPU_ROUNDED]! : s[FPU_ROUNDED + ROUNDED_HI]!;
  const carry = top >>> (drop === DROP_32 ? 24 : 21);
  s[FPU_EXACT] = exp - 1;
  if (exp + carry >= special) return overflow(s, drop, special, control);
  if (exp + carry > 0) return flags;
  if ((control & STATUS_UE) === 0) return STATUS_UE;
  s[FPU_EXACT] = 0;
  flags = roundSignificand(s, drop + 1 - exp, control);
  return flags === 0 ? 0 : flags | STATUS_UE;
}

function roundSignificand(s: Int32Array, drop: number, control: number): number {
  shiftRight(s, s[FPU_X + HI]!, s[FPU_X]!, 0, drop);
  return roundShifted(s, s[FPU_X + SGN]!, control);
}

/** Infinity, or the largest number. */
function overflow(s: Int32Array, drop: number, special: number, control: number): number {
  if ((control & STATUS_OE) === 0) return STATUS_OE;
  const isInfinity = roundsUp(s[FPU_X + SGN]!, control, -1, true);
  shiftRight(s, isInfinity ? 0 : -1, isInfinity ? 0 : -1, 0, drop);
  s[FPU_EXACT] = isInfinity ? special : special - 2;
  return STATUS_OE | STATUS_PE | (isInfinity ? STATUS_C1 : 0);
}
