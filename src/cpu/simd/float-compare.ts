// SPDX-License-Identifier: BSD-2-Clause
// Comparison, minimum and maximum of singles and doubles. SDM 2: CMPPS, COMISS, MINPS, MAXPS.
import { MXCSR } from "../state-layout.ts";
import { MXCSR_DAZ, MXCSR_DE, MXCSR_IE } from "./mxcsr.ts";
import type { ElementOp, VectorUnit } from "./vector-unit.ts";

// Outcomes of a comparison, as bits of what a predicate accepts.
export const LESS = 1;
export const EQUAL = 2;
export const GREATER = 4;
const UNORDERED = 8;

/** Outcomes that the predicates 0-15 accept; 16-31 accept the same. */
const ACCEPTED = [2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15] as const;

/** The outcomes that a predicate accepts. */
export function acceptedOutcomes(predicate: number): number {
  return ACCEPTED[predicate & 15]!;
}

/** Predicates that find a quiet NaN invalid, one bit each: of 0-15, and of 16-31 just the others. */
const SIGNALLING = 0b0110_0110_0110_0110;

/** The predicate raises IE for any NaN, not for a signalling one alone. */
function isSignalling(predicate: number): boolean {
  const isSet = ((SIGNALLING >> (predicate & 15)) & 1) !== 0;
  return predicate < 16 ? isSet : !isSet;
}

function isDenormalSingle(word: number): boolean {
  const magnitude = word & 0x7fffffff;
  return magnitude !== 0 && magnitude < 0x00800000;
}

function isDenormalDouble(s: Int32Array, at: number): boolean {
  const top = s[at + 1]! & 0x7fffffff;
  return top < 0x00100000 && (top | s[at]!) !== 0;
}

/** A comparison's outcome of numbers that are no NaNs. */
function order(x: number, y: number): number {
  if (x === y) return EQUAL;
  return x < y ? LESS : GREATER;
}

/** Compares singles; raises IE for a NaN that is signalling, or for any, and DE. */
export function compareSingles(v: VectorUnit, a: number, b: number, isAnyNan: boolean): number {
  const { s, floats } = v;
  const x = floats[a]!;
  const y = floats[b]!;
  if (Number.isNaN(x) || Number.isNaN(y)) {
    if (isAnyNan || isSignallingSingle(s[a]!) || isSignallingSingle(s[b]!)) v.raised |= MXCSR_IE;
    return UNORDERED;
  }
  if (!isDenormalSingle(s[a]!) && !isDenormalSingle(s[b]!)) return order(x, y);
  if ((s[MXCSR]! & MXCSR_DAZ) === 0) {
    v.raised |= MXCSR_DE;
    return order(x, y);
  }
  return order(isDenormalSingle(s[a]!) ? 0 : x, isDenormalSingle(s[b]!) ? 0 : y);
}

function isSignallingSingle(word: number): boolean {
  const magnitude = word & 0x7fffffff;
  return magnitude > 0x7f800000 && magnitude < 0x7fc00000;
}

/** The same for doubles. */
export function compareDoubles(v: VectorUnit, a: number, b: number, isAnyNan: boolean): number {
  const { s, doubles } = v;
  const x = doubles[a >> 1]!;
  const y = doubles[b >> 1]!;
  if (Number.isNaN(x) || Number.isNaN(y)) {
    if (isAnyNan || isSignallingDouble(x, s[a + 1]!) || isSignallingDouble(y, s[b + 1]!)) {
      v.raised |= MXCSR_IE;
    }
    return UNORDERED;
  }
  if (!isDenormalDouble(s, a) && !isDenormalDouble(s, b)) return order(x, y);
  if ((s[MXCSR]! & MXCSR_DAZ) === 0) {
    v.raised |= MXCSR_DE;
    return order(x, y);
  }
  return order(isDenormalDouble(s, a) ? 0 : x, isDenormalDouble(s, b) ? 0 : y);
}

function isSignallingDouble(value: number, top: number): boolean {
  return Number.isNaN(value) && (top & 0x00080000) === 0;
}

/** CMPPS, CMPSS: all ones if the predicate accepts. */
export const compareSingle: ElementOp = (v, d, a, b, predicate) => {
  const outcome = compareSingles(v, a, b, isSignalling(predicate));
  v.s[d] = (ACCEPTED[predicate & 15]! & outcome) !== 0 ? -1 : 0;
};

export const compareDouble: ElementOp = (v, d, a, b, predicate) => {
  const outcome = compareDoubles(v, a, b, isSignalling(predicate));
  const mask = (ACCEPTED[predicate & 15]! & outcome) !== 0 ? -1 : 0;
  v.s[d] = mask;
  v.s[d + 1] = mask;
};

// Minimum and maximum: the first operand if it is strictly less (greater), else the second, as it is.

function takeSingle(v: VectorUnit, d: number, from: number): void {
  const { s } = v;
  const word = s[from]!;
  const isFlushed = isDenormalSingle(word) && (s[MXCSR]! & MXCSR_DAZ) !== 0;
  s[d] = isFlushed ? word & (1 << 31) : word;
}

function takeDouble(v: VectorUnit, d: number, from: number): void {
  const { s } = v;
  const isFlushed = isDenormalDouble(s, from) && (s[MXCSR]! & MXCSR_DAZ) !== 0;
  const top = s[from + 1]!;
  s[d] = isFlushed ? 0 : s[from]!;
  s[d + 1] = isFlushed ? top & (1 << 31) : top;
}

export const minSingle: ElementOp = (v, d, a, b) =>
  takeSingle(v, d, compareSingles(v, a, b, true) === LESS ? a : b);
export const maxSingle: ElementOp = (v, d, a, b) =>
  takeSingle(v, d, compareSingles(v, a, b, true) === GREATER ? a : b);
export const minDouble: ElementOp = (v, d, a, b) =>
  takeDouble(v, d, compareDoubles(v, a, b, true) === LESS ? a : b);
export const maxDouble: ElementOp = (v, d, a, b) =>
  takeDouble(v, d, compareDoubles(v, a, b, true) === GREATER ? a : b);
