// SPDX-License-Identifier: BSD-2-Clause
// Addition, subtraction, multiplication, division and square root of one single or double, as SSE and AVX do
// them. JavaScript's numbers are doubles that round to nearest, so where operands and result are normal (or
// zero) its arithmetic is the processor's; a double rounded to single by Math.fround is right too, because a
// double has more than twice a single's bits. Whether a result is inexact follows from its error, which is
// computed exactly (T. J. Dekker, 1971) and only while MXCSR.PE is clear. Everything else: float-exact.ts.
import { MXCSR } from "../state-layout.ts";
import { exactAdd, exactDiv, exactMul, exactSqrt, exactSub } from "./float-exact.ts";
import { DOUBLE, SINGLE } from "./float-format.ts";
import { isPlainRounding, MXCSR_PE } from "./mxcsr.ts";
import type { ElementOp } from "./vector-unit.ts";

const MIN_DOUBLE = 2 ** -1022;
export const MIN_SINGLE = 2 ** -126;

/** The double at these words is normal or zero. */
export function isOrdinaryDouble(s: Int32Array, at: number): boolean {
  const top = s[at + 1]! & 0x7fffffff;
  return top < 0x7ff00000 && (top >= 0x00100000 || (top | s[at]!) === 0);
}

/** The single at this word is normal or zero. */
export function isOrdinarySingle(s: Int32Array, at: number): boolean {
  const top = s[at]! & 0x7fffffff;
  return top < 0x7f800000 && (top >= 0x00800000 || top === 0);
}

/** Finite, and above the least normal number, which a tiny one may have been rounded to. */
export function isNormalDouble(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude > MIN_DOUBLE && magnitude < Number.POSITIVE_INFINITY;
}

export function isNormalSingle(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude > MIN_SINGLE && magnitude < Number.POSITIVE_INFINITY;
}

/** x + y is `sum` exactly: what `sum` has beyond the larger operand is the smaller one. */
export function isExactSum(x: number, y: number, sum: number): boolean {
  return Math.abs(x) >= Math.abs(y) ? sum - x === y : sum - y === x;
}

/** Splits a double into halves of 26 bits. */
const SPLITTER = 2 ** 27 + 1;
/** Inside these bounds neither the halves nor their products leave the range of doubles. */
const MAX_FACTOR = 2 ** 990;
const MAX_PRODUCT = 2 ** 1020;
const MIN_PRODUCT = 2 ** -960;

/** Whether {@link productError} may be asked. */
export function isSafeProduct(x: number, y: number, product: number): boolean {
  const magnitude = Math.abs(product);
  return (
    Math.abs(x) < MAX_FACTOR &&
    Math.abs(y) < MAX_FACTOR &&
    magnitude > MIN_PRODUCT &&
    magnitude < MAX_PRODUCT
  );
}

/** x × y - product, exactly, where `product` is x × y rounded. */
export function productError(x: number, y: number, product: number): number {
  const bigX = SPLITTER * x;
  const highX = bigX - (bigX - x);
  const lowX = x - highX;
  const bigY = SPLITTER * y;
  const highY = bigY - (bigY - y);
  const lowY = y - highY;
  return lowX * lowY - (product - highX * highY - lowX * highY - highX * lowY);
}

export const addDouble: ElementOp = (v, d, a, b) => {
  const { s, doubles } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinaryDouble(s, a) && isOrdinaryDouble(s, b)) {
    const x = doubles[a >> 1]!;
    const y = doubles[b >> 1]!;
    const sum = x + y;
    if (isNormalDouble(sum) || sum === 0) {
      if ((mxcsr & MXCSR_PE) === 0 && !isExactSum(x, y, sum)) v.raised |= MXCSR_PE;
      doubles[d >> 1] = sum;
      return;
    }
  }
  exactAdd(v, DOUBLE, d, a, b);
};

export const subDouble: ElementOp = (v, d, a, b) => {
  const { s, doubles } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinaryDouble(s, a) && isOrdinaryDouble(s, b)) {
    const x = doubles[a >> 1]!;
    const y = doubles[b >> 1]!;
    const difference = x - y;
    if (isNormalDouble(difference) || difference === 0) {
      if ((mxcsr & MXCSR_PE) === 0 && !isExactSum(x, -y, difference)) v.raised |= MXCSR_PE;
      doubles[d >> 1] = difference;
      return;
    }
  }
  exactSub(v, DOUBLE, d, a, b);
};

export const mulDouble: ElementOp = (v, d, a, b) => {
  const { s, doubles } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinaryDouble(s, a) && isOrdinaryDouble(s, b)) {
    const x = doubles[a >> 1]!;
    const y = doubles[b >> 1]!;
    const product = x * y;
    if (isNormalDouble(product)) {
      if ((mxcsr & MXCSR_PE) !== 0) {
        doubles[d >> 1] = product;
        return;
      }
      if (isSafeProduct(x, y, product)) {
        if (productError(x, y, product) !== 0) v.raised |= MXCSR_PE;
        doubles[d >> 1] = product;
        return;
      }
    } else if (x === 0 || y === 0) {
      doubles[d >> 1] = product;
      return;
    }
  }
  exactMul(v, DOUBLE, d, a, b);
};

export const divDouble: ElementOp = (v, d, a, b) => {
  const { s, doubles } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinaryDouble(s, a) && isOrdinaryDouble(s, b)) {
    const x = doubles[a >> 1]!;
    const y = doubles[b >> 1]!;
    const quotient = x / y;
    if (isNormalDouble(quotient)) {
      if ((mxcsr & MXCSR_PE) !== 0) {
        doubles[d >> 1] = quotient;
        return;
      }
      const back = quotient * y;
      if (isSafeProduct(quotient, y, back)) {
        if (back !== x || productError(quotient, y, back) !== 0) v.raised |= MXCSR_PE;
        doubles[d >> 1] = quotient;
        return;
      }
    }
  }
  exactDiv(v, DOUBLE, d, a, b);
};

export const sqrtDouble: ElementOp = (v, d, _a, b) => {
  const { s, doubles } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinaryDouble(s, b)) {
    const x = doubles[b >> 1]!;
    const root = Math.sqrt(x);
    if (root > 0) {
      const square = root * root;
      if ((mxcsr & MXCSR_PE) === 0) {
        // Below the bound of productError the error is found out the long way.
        if (!isSafeProduct(root, root, square)) {
          exactSqrt(v, DOUBLE, d, b);
          return;
        }
        if (square !== x || productError(root, root, square) !== 0) v.raised |= MXCSR_PE;
      }
      doubles[d >> 1] = root;
      return;
    }
  }
  exactSqrt(v, DOUBLE, d, b);
};

// Singles: products of two have 48 bits and are exact doubles.

export const addSingle: ElementOp = (v, d, a, b) => {
  const { s, floats } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinarySingle(s, a) && isOrdinarySingle(s, b)) {
    const x = floats[a]!;
    const y = floats[b]!;
    const wide = x + y;
    const sum = Math.fround(wide);
    if (isNormalSingle(sum) || sum === 0) {
      if ((mxcsr & MXCSR_PE) === 0 && (sum !== wide || !isExactSum(x, y, wide))) {
        v.raised |= MXCSR_PE;
      }
      floats[d] = sum;
      return;
    }
  }
  exactAdd(v, SINGLE, d, a, b);
};

export const subSingle: ElementOp = (v, d, a, b) => {
  const { s, floats } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinarySingle(s, a) && isOrdinarySingle(s, b)) {
    const x = floats[a]!;
    const y = floats[b]!;
    const wide = x - y;
    const difference = Math.fround(wide);
    if (isNormalSingle(difference) || difference === 0) {
      if ((mxcsr & MXCSR_PE) === 0 && (difference !== wide || !isExactSum(x, -y, wide))) {
        v.raised |= MXCSR_PE;
      }
      floats[d] = difference;
      return;
    }
  }
  exactSub(v, SINGLE, d, a, b);
};

export const mulSingle: ElementOp = (v, d, a, b) => {
  const { s, floats } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinarySingle(s, a) && isOrdinarySingle(s, b)) {
    const wide = floats[a]! * floats[b]!;
    const product = Math.fround(wide);
    if (isNormalSingle(product) || wide === 0) {
      if ((mxcsr & MXCSR_PE) === 0 && product !== wide) v.raised |= MXCSR_PE;
      floats[d] = product;
      return;
    }
  }
  exactMul(v, SINGLE, d, a, b);
};

export const divSingle: ElementOp = (v, d, a, b) => {
  const { s, floats } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinarySingle(s, a) && isOrdinarySingle(s, b)) {
    const x = floats[a]!;
    const y = floats[b]!;
    const quotient = Math.fround(x / y);
    if (isNormalSingle(quotient)) {
      if ((mxcsr & MXCSR_PE) === 0 && quotient * y !== x) v.raised |= MXCSR_PE;
      floats[d] = quotient;
      return;
    }
  }
  exactDiv(v, SINGLE, d, a, b);
};

export const sqrtSingle: ElementOp = (v, d, _a, b) => {
  const { s, floats } = v;
  const mxcsr = s[MXCSR]!;
  if (isPlainRounding(mxcsr) && isOrdinarySingle(s, b)) {
    const x = floats[b]!;
    const root = Math.fround(Math.sqrt(x));
    if (root > 0) {
      if ((mxcsr & MXCSR_PE) === 0 && root * root !== x) v.raised |= MXCSR_PE;
      floats[d] = root;
      return;
    }
  }
  exactSqrt(v, SINGLE, d, b);
};
