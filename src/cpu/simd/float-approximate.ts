// SPDX-License-Identifier: BSD-2-Clause
// RCPPS and RSQRTPS. SDM 2 bounds their relative error by 1.5 × 2^-12 and leaves the rest to the processor,
// so processors differ in the bits. Here the result is the nearest single, on every host. No flags, and
// neither rounding control nor DAZ nor FTZ have a say: denormal operands are zeroes, tiny results too.

import { MIN_SINGLE } from "./float-arithmetic.ts";
import { SINGLE, writeInfinity, writeQuiet, writeZero } from "./float-format.ts";
import type { ElementOp } from "./vector-unit.ts";

/** Above this the reciprocal counts as tiny: 1.11111111110100000000000B × 2^125 (SDM 2, RCPPS). */
const TINY_RECIPROCAL = (2 - 2 ** -10 + 2 ** -12) * 2 ** 125;

export const reciprocal: ElementOp = (v, d, _a, b) => {
  const value = v.floats[b]!;
  const isNegative = v.s[b]! < 0;
  if (Number.isNaN(value)) writeQuiet(v, SINGLE, d, b);
  else if (Math.abs(value) < MIN_SINGLE) writeInfinity(v, SINGLE, d, isNegative);
  else if (Math.abs(value) > TINY_RECIPROCAL) writeZero(v, SINGLE, d, isNegative);
  else v.floats[d] = 1 / value;
};

const INDEFINITE = 0xffc00000 | 0;

export const reciprocalSqrt: ElementOp = (v, d, _a, b) => {
  const value = v.floats[b]!;
  if (Number.isNaN(value)) writeQuiet(v, SINGLE, d, b);
  else if (Math.abs(value) < MIN_SINGLE) writeInfinity(v, SINGLE, d, v.s[b]! < 0);
  else if (value < 0) v.s[d] = INDEFINITE;
  else v.floats[d] = 1 / Math.sqrt(value);
};
