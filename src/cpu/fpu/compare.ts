// SPDX-License-Identifier: BSD-2-Clause
// Comparison: SDM 2 FCOM, FUCOM, FCOMI; SDM 1 8.3.6.

import { FPU_X, FPU_Y } from "../state-layout.ts";
import { compareSignificands, unpack } from "./float80.ts";
import { DENORMAL, EXP, NOT_A_NUMBER, SGN, SNAN, UNSUPPORTED, ZERO } from "./format.ts";
import {
  RELATION_EQUAL,
  RELATION_GREATER,
  RELATION_LESS,
  RELATION_UNORDERED,
  STATUS_DE,
  STATUS_IE,
} from "./status.ts";

/** The relation of a to b as condition codes, with exceptions. The unordered kind accepts quiet NaNs. */
export function compare(s: Int32Array, a: number, b: number, isUnordered: boolean): number {
  const classX = unpack(s, a, FPU_X);
  const classY = unpack(s, b, FPU_Y);
  const either = classX | classY;
  if ((either & NOT_A_NUMBER) !== 0) {
    const isInvalid = !isUnordered || (either & (SNAN | UNSUPPORTED)) !== 0;
    return RELATION_UNORDERED | (isInvalid ? STATUS_IE : 0);
  }
  return relation(s, classX, classY) | ((either & DENORMAL) !== 0 ? STATUS_DE : 0);
}

function relation(s: Int32Array, classX: number, classY: number): number {
  const isYPositive = s[FPU_Y + SGN] === 0;
  if (classX === ZERO) {
    if (classY === ZERO) return RELATION_EQUAL;
    return isYPositive ? RELATION_LESS : RELATION_GREATER;
  }
  const isPositive = s[FPU_X + SGN] === 0;
  if (classY === ZERO || isPositive !== isYPositive) {
    return isPositive ? RELATION_GREATER : RELATION_LESS;
  }
  // Infinities have the largest exponent, and one significand.
  const distance = s[FPU_X + EXP]! - s[FPU_Y + EXP]!;
  const order = distance !== 0 ? distance : compareSignificands(s);
  if (order === 0) return RELATION_EQUAL;
  return order > 0 === isPositive ? RELATION_GREATER : RELATION_LESS;
}
