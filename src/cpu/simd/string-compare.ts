// SPDX-License-Identifier: BSD-2-Clause
// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: SDM 1 12.2.3 and SDM 2 4.1. Two strings of up to 16 bytes or 8
// words are compared, each element of the second with one or all of the first, and the results aggregated.
//
// The immediate: 1:0 elements (bytes or words, 2: signed), 3:2 aggregation, 5:4 polarity, 6 output.
import type { VectorUnit } from "./vector-unit.ts";

const WORDS = 1 << 0;
const SIGNED = 1 << 1;
const EQUAL_ANY = 0;
const RANGES = 1;
const EQUAL_EACH = 2;
const NEGATED = 1 << 4;
/** Negates valid elements only. */
const MASKED = 1 << 5;

/** A string's elements, and how many of them are valid. */
interface Text {
  readonly elements: Int32Array;
  length: number;
}

const first: Text = { elements: new Int32Array(16), length: 0 };
const second: Text = { elements: new Int32Array(16), length: 0 };

/** Elements of a string: 8 or 16. */
export function elementCount(imm: number): number {
  return (imm & WORDS) !== 0 ? 8 : 16;
}

function load({ bytes, words }: VectorUnit, at: number, imm: number, into: Text): void {
  const count = elementCount(imm);
  const shift = count === 8 ? 16 : 24;
  for (let i = 0; i < count; i++) {
    const value = count === 8 ? words[2 * at + i]! : bytes[4 * at + i]!;
    into.elements[i] = (imm & SIGNED) !== 0 ? (value << shift) >> shift : value;
  }
}

/** Place of the first zero, which ends a string of implicit length. */
function implicitLength({ elements }: Text, count: number): number {
  for (let i = 0; i < count; i++) if (elements[i] === 0) return i;
  return count;
}

/** Lengths of strings with explicit ones; undefined for implicit lengths. */
export interface Lengths {
  readonly first: number;
  readonly second: number;
}

function equalsAny(j: number): boolean {
  for (let i = 0; i < first.length; i++) {
    if (first.elements[i] === second.elements[j]) return true;
  }
  return false;
}

/** The first string is pairs of bounds; an unpaired one at its end does not count. */
function isInRange(j: number): boolean {
  const value = second.elements[j]!;
  for (let i = 0; i + 1 < first.length; i += 2) {
    if (first.elements[i]! <= value && value <= first.elements[i + 1]!) return true;
  }
  return false;
}

/** The first string begins here in the second; beyond the register nothing is compared. */
function begins(j: number, count: number): boolean {
  for (let i = 0; i < first.length && i + j < count; i++) {
    if (i + j >= second.length || first.elements[i] !== second.elements[i + j]) return false;
  }
  return true;
}

function holds(aggregation: number, j: number, count: number): boolean {
  switch (aggregation) {
    case EQUAL_ANY:
      return j < second.length && equalsAny(j);
    case RANGES:
      return j < second.length && isInRange(j);
    case EQUAL_EACH:
      if (j < first.length && j < second.length) return first.elements[j] === second.elements[j];
      return j >= first.length && j >= second.length;
    default:
      return begins(j, count);
  }
}

/** What flags say beside the mask. */
export const comparison = { mask: 0, isFirstShort: false, isSecondShort: false };

/** Compares the strings at words `a` and `b`, into {@link comparison}: one bit an element of the second. */
export function compareStrings(
  v: VectorUnit,
  a: number,
  b: number,
  imm: number,
  lengths: Lengths | undefined,
): void {
  const count = elementCount(imm);
  load(v, a, imm, first);
  load(v, b, imm, second);
  first.length = lengths === undefined ? implicitLength(first, count) : lengths.first;
  second.length = lengths === undefined ? implicitLength(second, count) : lengths.second;
  let mask = 0;
  for (let j = 0; j < count; j++) if (holds((imm >> 2) & 3, j, count)) mask |= 1 << j;
  if ((imm & NEGATED) !== 0) {
    mask ^= (imm & MASKED) !== 0 ? (1 << second.length) - 1 : (1 << count) - 1;
  }
  comparison.mask = mask;
  comparison.isFirstShort = first.length < count;
  comparison.isSecondShort = second.length < count;
}
