// SPDX-License-Identifier: BSD-2-Clause
// Fused multiply-add of one single or double: one rounding for both operations, by doubles that are rounded
// twice where that cannot show (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums",
// 2008). Everything out of the ordinary goes to float-exact.ts.
import { MXCSR } from "../state-layout.ts";
import {
  isExactSum,
  isNormalDouble,
  isNormalSingle,
  isOrdinaryDouble,
  isOrdinarySingle,
  isSafeProduct,
  productError,
} from "./float-arithmetic.ts";
import { exactFma, type FusedSigns } from "./float-exact.ts";
import { DOUBLE, SINGLE } from "./float-format.ts";
import { isPlainRounding, MXCSR_PE } from "./mxcsr.ts";
import type { VectorUnit } from "./vector-unit.ts";

/** d = ±(a × b) ± c. */
export type FusedOp = (v: VectorUnit, d: number, a: number, b: number, c: number) => void;

const number = new Float64Array(1);
const numberWords = new Int32Array(number.buffer);

/** Bits of a double's low word that a single has no room for, and their value half way between two. */
const BEYOND_SINGLE = 0x1fffffff;
const HALF_WAY = 0x10000000;

/** Whether rounding `wide`, itself rounded, to a single gives what rounding the true value would. */
function isSafeToRoundAgain(wide: number): boolean {
  number[0] = wide;
  const beyond = numberWords[0]! & BEYOND_SINGLE;
  return beyond !== 0 && beyond !== HALF_WAY;
}

export function fusedSingle(signs: FusedSigns): FusedOp {
  const productSign = signs.negatesProduct ? -1 : 1;
  const addendSign = signs.negatesAddend ? -1 : 1;
  return (v, d, a, b, c) => {
    const { s, floats } = v;
    if (
      isPlainRounding(s[MXCSR]!) &&
      isOrdinarySingle(s, a) &&
      isOrdinarySingle(s, b) &&
      isOrdinarySingle(s, c)
    ) {
      // Exact: a product of two singles has 48 bits.
      const product = productSign * floats[a]! * floats[b]!;
      const addend = addendSign * floats[c]!;
      const wide = product + addend;
      const sum = Math.fround(wide);
      const isExact = isExactSum(product, addend, wide);
      if (isNormalSingle(sum) && (isExact || isSafeToRoundAgain(wide))) {
        if (!isExact || sum !== wide) v.raised |= MXCSR_PE;
        floats[d] = sum;
        return;
      }
    }
    exactFma(v, SINGLE, d, a, b, c, signs);
  };
}

/** Addends up to here keep sums finite. */
const MAX_ADDEND = 2 ** 1000;

/** x + y less `sum`, exactly, where `sum` is x + y rounded. */
function sumError(x: number, y: number, sum: number): number {
  const yPart = sum - x;
  return x - (sum - yPart) + (y - yPart);
}

/** `sum`, or if `error` was lost from it, the neighbour on the error's side with an odd last bit. */
function roundToOdd(sum: number, error: number): number {
  if (error === 0) return sum;
  number[0] = sum;
  const low = numberWords[0]!;
  if ((low & 1) !== 0) return sum;
  if (error > 0 === sum > 0) numberWords[0] = low + 1;
  else {
    numberWords[0] = low - 1;
    if (low === 0) numberWords[1]!--;
  }
  return number[0]!;
}

/** Writes x × y + z, rounded to nearest, if that is a normal number; `product` is x × y rounded. */
function writeFused(
  v: VectorUnit,
  d: number,
  product: number,
  error: number,
  addend: number,
): boolean {
  const lowSum = addend + error;
  const lowError = sumError(addend, error, lowSum);
  const highSum = product + lowSum;
  const highError = sumError(product, lowSum, highSum);
  const rest = highError + lowError;
  const restError = sumError(highError, lowError, rest);
  const tail = roundToOdd(rest, restError);
  const result = highSum + tail;
  if (!isNormalDouble(result)) return false;
  if (restError !== 0 || !isExactSum(highSum, tail, result)) v.raised |= MXCSR_PE;
  v.doubles[d >> 1] = result;
  return true;
}

export function fusedDouble(signs: FusedSigns): FusedOp {
  const productSign = signs.negatesProduct ? -1 : 1;
  const addendSign = signs.negatesAddend ? -1 : 1;
  return (v, d, a, b, c) => {
    const { s, doubles } = v;
    if (
      isPlainRounding(s[MXCSR]!) &&
      isOrdinaryDouble(s, a) &&
      isOrdinaryDouble(s, b) &&
      isOrdinaryDouble(s, c)
    ) {
      const x = productSign * doubles[a >> 1]!;
      const y = doubles[b >> 1]!;
      const addend = addendSign * doubles[c >> 1]!;
      const product = x * y;
      const isSafe = isSafeProduct(x, y, product) && Math.abs(addend) < MAX_ADDEND;
      if (isSafe && writeFused(v, d, product, productError(x, y, product), addend)) return;
    }
    exactFma(v, DOUBLE, d, a, b, c, signs);
  };
}
