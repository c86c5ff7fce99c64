// SPDX-License-Identifier: BSD-2-Clause
// Integers and packed decimals to and from extended precision: SDM 2 FILD, FIST, FISTTP, FBLD, FBSTP, FRNDINT.

import { FPU_RESULT, FPU_ROUNDED, FPU_X } from "../state-layout.ts";
import { copy, propagateNan, setResult, setZero, unpack } from "./float80.ts";
import {
  DENORMAL,
  EXP,
  EXP_BIAS,
  HI,
  INFINITY,
  INTEGER_BIT,
  NOT_A_NUMBER,
  ROUNDED_HI,
  SGN,
  SIGN,
  ZERO,
} from "./format.ts";
import { roundShifted, shiftRight } from "./round.ts";
import { STATUS_DE, STATUS_IE } from "./status.ts";

/** Makes a signed 32-bit integer the result. */
export function fromInt32(s: Int32Array, value: number): void {
  if (value >= 0) setInteger(s, 0, 0, value);
  else setInteger(s, SIGN, 0, -value | 0);
}

/** Makes a signed 64-bit integer the result. */
export function fromInt64(s: Int32Array, lo: number, hi: number): void {
  if (hi >= 0) setInteger(s, 0, hi, lo);
  else setInteger(s, SIGN, (~hi + (lo === 0 ? 1 : 0)) | 0, -lo | 0);
}

/** A magnitude of 64 bits with a sign. */
function setInteger(s: Int32Array, sign: number, hi: number, lo: number): void {
  let high = hi;
  let low = lo;
  let exp = EXP_BIAS + 63;
  if (high === 0) {
    if (low === 0) {
      setZero(s, sign);
      return;
    }
    high = low;
    low = 0;
    exp -= 32;
  }
  const count = Math.clz32(high);
  if (count !== 0) {
    high = (high << count) | (low >>> (32 - count));
    low <<= count;
  }
  setResult(s, low, high, sign | (exp - count));
}

/**
 * Makes a number a signed integer of 16, 32 or 64 bits, in the result's first two words; what does not fit
 * is the integer indefinite.
 */
export function toInteger(s: Int32Array, at: number, bits: number, control: number): number {
  const flags = roundMagnitude(s, at, control);
  const lo = s[FPU_ROUNDED]!;
  const hi = s[FPU_ROUNDED + ROUNDED_HI]!;
  const isNegative = s[FPU_X + SGN] !== 0;
  if ((flags & STATUS_IE) !== 0 || !fits(hi, lo, bits, isNegative)) {
    s[FPU_RESULT] = bits === 64 ? 0 : -1 << (bits - 1);
    s[FPU_RESULT + 1] = INTEGER_BIT;
    return STATUS_IE;
  }
  s[FPU_RESULT] = isNegative ? -lo : lo;
  s[FPU_RESULT + 1] = isNegative ? ~hi + (lo === 0 ? 1 : 0) : hi;
  return flags;
}

/** The number's magnitude as an integer of 64 bits, in FPU_ROUNDED; IE if it has none. */
function roundMagnitude(s: Int32Array, at: number, control: number): number {
  const classX = unpack(s, at, FPU_X);
  if ((classX & (NOT_A_NUMBER | INFINITY)) !== 0) return STATUS_IE;
  if (classX === ZERO) {
    s[FPU_ROUNDED] = 0;
    s[FPU_ROUNDED + ROUNDED_HI] = 0;
    return 0;
  }
  const fractionBits = EXP_BIAS + 63 - s[FPU_X + EXP]!;
  if (fractionBits < 0) return STATUS_IE;
  shiftRight(s, s[FPU_X + HI]!, s[FPU_X]!, 0, fractionBits);
  return roundShifted(s, s[FPU_X + SGN]!, control);
}

function fits(hi: number, lo: number, bits: number, isNegative: boolean): boolean {
  if (bits === 64) return hi >= 0 || (isNegative && hi === INTEGER_BIT && lo === 0);
  return hi === 0 && lo >>> 0 < 2 ** (bits - 1) + (isNegative ? 1 : 0);
}

/** Rounds to an integral value. */
export function roundToIntegral(s: Int32Array, at: number, control: number): number {
  const classX = unpack(s, at, FPU_X);
  if ((classX & NOT_A_NUMBER) !== 0) return propagateNan(s, classX);
  if ((classX & (INFINITY | ZERO)) !== 0 || s[FPU_X + EXP]! >= EXP_BIAS + 63) {
    copy(s, at, FPU_RESULT);
    return 0;
  }
  const flags = roundMagnitude(s, at, control);
  setInteger(s, s[FPU_X + SGN]!, s[FPU_ROUNDED + ROUNDED_HI]!, s[FPU_ROUNDED]!);
  return flags | (classX === DENORMAL ? STATUS_DE : 0);
}

// Packed decimals: 18 digits in nine bytes, the lowest first, and the sign in bit 7 of a tenth.

const DECIMAL_DIGITS = 18;
const DECIMAL_LIMIT = 10n ** BigInt(DECIMAL_DIGITS);
const DECIMAL_INDEFINITE = 0xffffc000000000000000n;

/** Makes the number in ten bytes the result. Digits above nine, undefined by the manual, count as they are. */
export function fromDecimal(s: Int32Array, lo: number, hi: number, top: number): void {
  const digits = (BigInt(top & 0xff) << 64n) | (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  let value = 0n;
  for (let i = DECIMAL_DIGITS - 1; i >= 0; i--) {
    value = value * 10n + ((digits >> BigInt(4 * i)) & 15n);
  }
  const high = Number(BigInt.asIntN(32, value >> 32n));
  setInteger(s, top & SIGN, high, Number(BigInt.asIntN(32, value)));
}

/** Makes a number ten bytes of packed decimals, in the result's three words. */
export function toDecimal(s: Int32Array, at: number, control: number): number {
  let flags = roundMagnitude(s, at, control);
  const hi = BigInt(s[FPU_ROUNDED + ROUNDED_HI]! >>> 0);
  const value = (hi << 32n) | BigInt(s[FPU_ROUNDED]! >>> 0);
  let packed = BigInt(`0x${value}`) | (BigInt(s[FPU_X + SGN]!) << 64n);
  if ((flags & STATUS_IE) !== 0 || value >= DECIMAL_LIMIT) {
    flags = STATUS_IE;
    packed = DECIMAL_INDEFINITE;
  }
  for (let i = 0; i < 3; i++) {
    s[FPU_RESULT + i] = Number(BigInt.asIntN(32, packed >> BigInt(32 * i)));
  }
  return flags;
}
