// SPDX-License-Identifier: BSD-2-Clause
// Multiplication: SDM 2 FMUL.

import { FPU_PRODUCT, FPU_X, FPU_Y } from "../state-layout.ts";
import { invalid, propagateNans, setInfinity, setZero, unpack } from "./float80.ts";
import { DENORMAL, EXP, EXP_BIAS, HI, INFINITY, NOT_A_NUMBER, SGN, ZERO } from "./format.ts";
import { roundPack, setExact } from "./round.ts";
import { STATUS_DE } from "./status.ts";
import { multiplyWide } from "./wide.ts";

export function multiply(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if (either === 0) return productOfNumbers(s, control);
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const sign = s[FPU_X + SGN]! ^ s[FPU_Y + SGN]!;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if ((either & INFINITY) !== 0) {
    if ((either & ZERO) !== 0) return invalid(s);
    setInfinity(s, sign);
  } else if ((either & ZERO) !== 0) setZero(s, sign);
  else return denormal | productOfNumbers(s, control);
  return denormal;
}

function productOfNumbers(s: Int32Array, control: number): number {
  multiplyWide(s, s[FPU_X + HI]!, s[FPU_X]!, s[FPU_Y + HI]!, s[FPU_Y]!);
  const sign = s[FPU_X + SGN]! ^ s[FPU_Y + SGN]!;
  const exp = s[FPU_X + EXP]! + s[FPU_Y + EXP]! - EXP_BIAS;
  const hi = s[FPU_PRODUCT + 3]!;
  const lo = s[FPU_PRODUCT + 2]!;
  const third = s[FPU_PRODUCT + 1]!;
  const rest = s[FPU_PRODUCT] === 0 ? third : third | 1;
  if (hi < 0) {
    setExact(s, sign, exp + 1);
    return roundPack(s, hi, lo, rest, control);
  }
  setExact(s, sign, exp);
  const fourth = s[FPU_PRODUCT]!;
  const newRest = (third << 1) | (fourth >>> 31) | (fourth << 1 !== 0 ? 1 : 0);
  return roundPack(s, (hi << 1) | (lo >>> 31), (lo << 1) | (third >>> 31), newRest, control);
}
