// SPDX-License-Identifier: BSD-2-Clause
// Division: SDM 2 FDIV.

import { FPU_REMAINDER, FPU_X, FPU_Y } from "../state-layout.ts";
import {
  compareSignificands,
  invalid,
  propagateNans,
  setInfinity,
  setZero,
  unpack,
} from "./float80.ts";
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
import { STATUS_DE, STATUS_ZE } from "./status.ts";
import { divideStep, isBelow } from "./wide.ts";

/** a / b. */
export function divide(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if (either === 0) return quotientOfNumbers(s, control);
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const sign = s[FPU_X + SGN]! ^ s[FPU_Y + SGN]!;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classX === classY && (either & (INFINITY | ZERO)) !== 0) return invalid(s);
  if (classX === INFINITY) setInfinity(s, sign);
  else if (classX === ZERO || classY === INFINITY) setZero(s, sign);
  else if (classY === ZERO) {
    setInfinity(s, sign);
    return STATUS_ZE;
  } else return denormal | quotientOfNumbers(s, control);
  return denormal;
}

function quotientOfNumbers(s: Int32Array, control: number): number {
  const sign = s[FPU_X + SGN]! ^ s[FPU_Y + SGN]!;
  const exp = s[FPU_X + EXP]! - s[FPU_Y + EXP]! + EXP_BIAS;
  let hi = s[FPU_X + HI]!;
  let lo = s[FPU_X]!;
  const hasInteger = compareSignificands(s) >= 0;
  if (hasInteger) {
    const borrow = lo >>> 0 < s[FPU_Y]! >>> 0 ? 1 : 0;
    hi = (hi - s[FPU_Y + HI]! - borrow) | 0;
    lo = (lo - s[FPU_Y]!) | 0;
  }
  const first = divideStep(s, hi, lo, 0, FPU_Y);
  const second = divideStep(s, s[FPU_REMAINDER + 1]!, s[FPU_REMAINDER]!, 0, FPU_Y);
  const rest = quotientRest(s);
  if (!hasInteger) {
    setExact(s, sign, exp - 1);
    return roundPack(s, first, second, rest, control);
  }
  setExact(s, sign, exp);
  const newRest = (second << 31) | (rest >>> 1) | (rest & 1);
  return roundPack(
    s,
    INTEGER_BIT | (first >>> 1),
    (first << 31) | (second >>> 1),
    newRest,
    control,
  );
}

/** One more bit of the quotient and whether anything is left: all that rounding wants to know. */
function quotientRest(s: Int32Array): number {
  const hi = s[FPU_REMAINDER + 1]!;
  const lo = s[FPU_REMAINDER]!;
  if ((hi | lo) === 0) return 0;
  const divisorHi = s[FPU_Y + HI]!;
  const divisorLo = s[FPU_Y]!;
  const twiceHi = (hi << 1) | (lo >>> 31);
  const twiceLo = lo << 1;
  if (hi >= 0 && isBelow(twiceHi, twiceLo, divisorHi, divisorLo)) return 1;
  const isHalf = hi >= 0 && twiceHi === divisorHi && twiceLo === divisorLo;
  return isHalf ? INTEGER_BIT : INTEGER_BIT | 1;
}
