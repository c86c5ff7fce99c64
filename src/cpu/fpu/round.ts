// SPDX-License-Identifier: BSD-2-Clause
// Rounding: SDM 1 4.8.4, 4.9.1.4-4.9.1.6, 8.5.4-8.5.6. An exact result is a sign and an exponent, in EXACT;
// a significand of 64 bits with the integer bit set; and `rest`, the 32 bits behind it, of which the last
// also stands for everything that follows ("sticky"). Tininess is detected after rounding.

import { FPU_EXACT, FPU_ROUNDED } from "../state-layout.ts";
import { setInfinity, setResult, setZero } from "./float80.ts";
import { EXP_SPECIAL, INTEGER_BIT, ROUNDED_HI, ROUNDED_REST } from "./format.ts";
import {
  CONTROL_EXTENDED,
  CONTROL_PRECISION_SHIFT,
  CONTROL_ROUNDING_SHIFT,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  STATUS_C1,
  STATUS_OE,
  STATUS_PE,
  STATUS_UE,
} from "./status.ts";

/** Unmasked overflow and underflow deliver a result whose exponent is off by this much. */
const EXPONENT_ADJUST = 0x6000;

/** Sets sign and exponent of the exact result. */
export function setExact(s: Int32Array, sign: number, exp: number): void {
  s[FPU_EXACT] = sign;
  s[FPU_EXACT + 1] = exp;
}

/** Whether what is cut off (`rest`, not zero) increases the magnitude. */
export function roundsUp(sign: number, control: number, rest: number, isOdd: boolean): boolean {
  switch ((control >>> CONTROL_ROUNDING_SHIFT) & 3) {
    case ROUND_NEAREST:
      return rest < 0 && (isOdd || rest << 1 !== 0);
    case ROUND_DOWN:
      return sign !== 0;
    case ROUND_UP:
      return sign === 0;
    default:
      return false;
  }
}

/** Rounds to the precision the control word asks for, makes it the result, and returns status bits. */
export function roundPack(
  s: Int32Array,
  hi: number,
  lo: number,
  rest: number,
  control: number,
): number {
  const exp = s[FPU_EXACT + 1]!;
  const isExtended = (control & CONTROL_EXTENDED) === CONTROL_EXTENDED;
  if (!isExtended || exp <= 0 || exp >= EXP_SPECIAL - 1) {
    return roundSlowly(s, hi, lo, rest, control);
  }
  const sign = s[FPU_EXACT]!;
  if (rest === 0) {
    setResult(s, lo, hi, sign | exp);
    return 0;
  }
  if (!roundsUp(sign, control, rest, (lo & 1) !== 0)) {
    setResult(s, lo, hi, sign | exp);
    return STATUS_PE;
  }
  if (lo !== -1) setResult(s, lo + 1, hi, sign | exp);
  else if (hi !== -1) setResult(s, 0, hi + 1, sign | exp);
  else setResult(s, 0, INTEGER_BIT, sign | (exp + 1));
  return STATUS_PE | STATUS_C1;
}

/** Bits of the significand that precision control drops. The reserved setting is like 64 bits. */
function droppedBits(control: number): number {
  switch ((control >>> CONTROL_PRECISION_SHIFT) & 3) {
    case 0:
      return 40;
    case 2:
      return 11;
    default:
      return 0;
  }
}

/** Everything: every precision, overflow, underflow. */
function roundSlowly(s: Int32Array, hi: number, lo: number, rest: number, control: number): number {
  const sign = s[FPU_EXACT]!;
  let exp = s[FPU_EXACT + 1]!;
  const drop = droppedBits(control);
  shiftRight(s, hi, lo, rest, drop);
  let flags = roundShifted(s, sign, control);
  restore(s, drop);
  if ((s[FPU_ROUNDED]! | s[FPU_ROUNDED + ROUNDED_HI]!) === 0) {
    s[FPU_ROUNDED + ROUNDED_HI] = INTEGER_BIT;
    exp++;
  }
  if (exp >= EXP_SPECIAL) {
    return (control & STATUS_OE) !== 0
      ? overflow(s, sign, drop, control)
      : flags | STATUS_OE | deliverAdjusted(s, sign, exp - EXPONENT_ADJUST);
  }
  if (exp > 0) {
    setResult(s, s[FPU_ROUNDED]!, s[FPU_ROUNDED + ROUNDED_HI]!, sign | exp);
    return flags;
  }
  if ((control & STATUS_UE) === 0) {
    return flags | STATUS_UE | deliverAdjusted(s, sign, exp + EXPONENT_ADJUST);
  }
  shiftRight(s, hi, lo, rest, drop + 1 - s[FPU_EXACT + 1]!);
  flags = roundShifted(s, sign, control);
  restore(s, drop);
  // Rounding may have made it the smallest normal number.
  const high = s[FPU_ROUNDED + ROUNDED_HI]!;
  setResult(s, s[FPU_ROUNDED]!, high, sign | (high >>> 31));
  return flags === 0 ? 0 : flags | STATUS_UE;
}

/** The masked response to overflow: infinity, or the largest number. */
function overflow(s: Int32Array, sign: number, drop: number, control: number): number {
  if (roundsUp(sign, control, -1, true)) {
    setInfinity(s, sign);
    return STATUS_OE | STATUS_PE | STATUS_C1;
  }
  shiftRight(s, -1, -1, 0, drop);
  restore(s, drop);
  setResult(s, s[FPU_ROUNDED]!, s[FPU_ROUNDED + ROUNDED_HI]!, sign | (EXP_SPECIAL - 1));
  return STATUS_OE | STATUS_PE;
}

/** What the handler of an unmasked overflow or underflow is to work with; FSCALE can leave even that range. */
function deliverAdjusted(s: Int32Array, sign: number, exp: number): number {
  if (exp >= EXP_SPECIAL) {
    setInfinity(s, sign);
    return STATUS_PE | STATUS_C1;
  }
  if (exp <= 0) {
    setZero(s, sign);
    return STATUS_PE;
  }
  setResult(s, s[FPU_ROUNDED]!, s[FPU_ROUNDED + ROUNDED_HI]!, sign | exp);
  return 0;
}

/** Rounds what {@link shiftRight} left of the point to an integer; status bits. */
export function roundShifted(s: Int32Array, sign: number, control: number): number {
  const rest = s[FPU_ROUNDED + ROUNDED_REST]!;
  if (rest === 0) return 0;
  const integer = s[FPU_ROUNDED]!;
  if (!roundsUp(sign, control, rest, (integer & 1) !== 0)) return STATUS_PE;
  s[FPU_ROUNDED] = integer + 1;
  if (integer === -1) s[FPU_ROUNDED + ROUNDED_HI] = s[FPU_ROUNDED + ROUNDED_HI]! + 1;
  return STATUS_PE | STATUS_C1;
}

/** Moves the rounded integer back to where its bits belong. */
function restore(s: Int32Array, drop: number): void {
  if (drop === 0) return;
  const lo = s[FPU_ROUNDED]!;
  if (drop >= 32) {
    s[FPU_ROUNDED + ROUNDED_HI] = lo << (drop - 32);
    s[FPU_ROUNDED] = 0;
  } else {
    s[FPU_ROUNDED + ROUNDED_HI] = (s[FPU_ROUNDED + ROUNDED_HI]! << drop) | (lo >>> (32 - drop));
    s[FPU_ROUNDED] = lo << drop;
  }
}

/** Shifts hi:lo:rest right by any number of bits, to ROUNDED; what leaves on the right sticks. */
export function shiftRight(
  s: Int32Array,
  hi: number,
  lo: number,
  rest: number,
  count: number,
): void {
  let high = hi;
  let low = lo;
  let tail = rest;
  let left = count;
  let lost = 0;
  if (left >= 96) {
    lost = high | low | tail;
    high = low = tail = left = 0;
  }
  while (left >= 32) {
    lost |= tail;
    tail = low;
    low = high;
    high = 0;
    left -= 32;
  }
  if (left !== 0) {
    lost |= tail << (32 - left);
    tail = (tail >>> left) | (low << (32 - left));
    low = (low >>> left) | (high << (32 - left));
    high >>>= left;
  }
  s[FPU_ROUNDED] = low;
  s[FPU_ROUNDED + ROUNDED_HI] = high;
  s[FPU_ROUNDED + ROUNDED_REST] = lost !== 0 ? tail | 1 : tail;
}
