// SPDX-License-Identifier: BSD-2-Clause
// FSCALE and FXTRACT, SDM 2: powers of two.

import { FPU_RESULT, FPU_SECOND, FPU_X, FPU_Y } from "../state-layout.ts";
import {
  copy,
  invalid,
  propagateNan,
  propagateNans,
  setInfinity,
  setResult,
  setZero,
  unpack,
} from "./float80.ts";
import { DENORMAL, EXP, EXP_BIAS, HI, INFINITY, NOT_A_NUMBER, SGN, SIGN, ZERO } from "./format.ts";
import { fromInt32 } from "./integer.ts";
import { roundPack, setExact } from "./round.ts";
import { CONTROL_EXTENDED, STATUS_DE, STATUS_ZE } from "./status.ts";

/** Larger than any two exponents are apart, with what unmasked exceptions adjust them by. */
const FAR = 0x20000;

/** a × 2^b, with b truncated to an integer. */
export function scaleByPower(s: Int32Array, a: number, b: number, control: number): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) return propagateNans(s, classX, classY);
  const sign = s[FPU_X + SGN]!;
  const denormal = (either & DENORMAL) !== 0 ? STATUS_DE : 0;
  if (classY === INFINITY) {
    const isGrowing = s[FPU_Y + SGN] === 0;
    if (classX === (isGrowing ? ZERO : INFINITY)) return invalid(s);
    if (isGrowing) setInfinity(s, sign);
    else setZero(s, sign);
  } else if ((classX & (ZERO | INFINITY)) !== 0) copy(s, a, FPU_RESULT);
  else {
    setExact(s, sign, s[FPU_X + EXP]! + truncatedPower(s, classY));
    return denormal | roundPack(s, s[FPU_X + HI]!, s[FPU_X]!, 0, control | CONTROL_EXTENDED);
  }
  return denormal;
}

/** Y as an integer, or one that is FAR enough. */
function truncatedPower(s: Int32Array, classY: number): number {
  const bits = s[FPU_Y + EXP]! - EXP_BIAS + 1;
  if (classY === ZERO || bits <= 0) return 0;
  const magnitude = bits > 17 ? FAR : s[FPU_Y + HI]! >>> (32 - bits);
  return s[FPU_Y + SGN] === 0 ? magnitude : -magnitude;
}

/** Takes a number apart: its significand is the result, its exponent goes to FPU_SECOND. */
export function extract(s: Int32Array, at: number): number {
  const classX = unpack(s, at, FPU_X);
  if ((classX & NOT_A_NUMBER) !== 0) {
    const flags = propagateNan(s, classX);
    copy(s, FPU_RESULT, FPU_SECOND);
    return flags;
  }
  if (classX === INFINITY) setInfinity(s, 0);
  else if (classX === ZERO) setInfinity(s, SIGN);
  else fromInt32(s, s[FPU_X + EXP]! - EXP_BIAS);
  copy(s, FPU_RESULT, FPU_SECOND);
  if ((classX & (INFINITY | ZERO)) !== 0) {
    copy(s, at, FPU_RESULT);
    return classX === ZERO ? STATUS_ZE : 0;
  }
  setResult(s, s[FPU_X]!, s[FPU_X + HI]!, s[FPU_X + SGN]! | EXP_BIAS);
  return classX === DENORMAL ? STATUS_DE : 0;
}
