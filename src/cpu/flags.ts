// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic flags, computed when somebody reads them. An instruction that sets them stores what it did
// (CC_KIND), its result and its left operand; the right operand follows from those two. Both engines write
// and read the same words.
//
// CC_KIND is an operation and a width: (CC_ADD … CC_RESULT) | log2 of the width in bytes. 8- and 16-bit
// results and operands are stored zero-extended, 64-bit ones as pairs.
import { CC_KIND, CC_RESULT, CC_SOURCE, FLAGS } from "./state-layout.ts";

export const FLAG_CF = 1 << 0;
export const FLAG_PF = 1 << 2;
export const FLAG_AF = 1 << 4;
export const FLAG_ZF = 1 << 6;
export const FLAG_SF = 1 << 7;
export const FLAG_TF = 1 << 8;
export const FLAG_IF = 1 << 9;
export const FLAG_DF = 1 << 10;
export const FLAG_OF = 1 << 11;
export const FLAG_IOPL = 3 << 12;
export const FLAG_NT = 1 << 14;
export const FLAG_RF = 1 << 16;
export const FLAG_VM = 1 << 17;
export const FLAG_AC = 1 << 18;
export const FLAG_VIF = 1 << 19;
export const FLAG_VIP = 1 << 20;
export const FLAG_ID = 1 << 21;
/** Bit 1 always reads as one. */
export const FLAGS_FIXED = 1 << 1;
export const FLAGS_ARITHMETIC = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

/** The flags are in the FLAGS word. */
export const CC_EXPLICIT = 0;
export const CC_ADD = 1 << 2;
/** Addition with a carry of one; without, ADC is CC_ADD. */
export const CC_ADC = 2 << 2;
export const CC_SUB = 3 << 2;
/** Subtraction with a borrow of one. */
export const CC_SBB = 4 << 2;
export const CC_LOGIC = 5 << 2;
/** CF is in the FLAGS word, the rest as for an addition or a subtraction of one. */
export const CC_INC = 6 << 2;
export const CC_DEC = 7 << 2;
/** CF, OF and AF are in the FLAGS word; SF, ZF and PF are the result's. */
export const CC_RESULT_ONLY = 8 << 2;

export const WIDTH_8 = 0;
export const WIDTH_16 = 1;
export const WIDTH_32 = 2;
export const WIDTH_64 = 3;

const PARITY = new Uint8Array(256);
for (let i = 0; i < 256; i++) {
  let bits = i ^ (i >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  PARITY[i] = (bits & 1) ^ 1;
}

/** Sign-extends what is stored of a width below 64. */
function signed(value: number, width: number): number {
  if (width === WIDTH_8) return (value << 24) >> 24;
  return width === WIDTH_16 ? (value << 16) >> 16 : value | 0;
}

/** a < b as unsigned 64-bit numbers. */
function isBelow64(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}

/** a < b as signed 64-bit numbers. */
function isLess64(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;
}

export function isCarry(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  const result = s[CC_RESULT]!;
  const source = s[CC_SOURCE]!;
  switch (kind & ~3) {
    case CC_ADD:
      if ((kind & 3) === WIDTH_64)
        return isBelow64(result, s[CC_RESULT + 1]!, source, s[CC_SOURCE + 1]!);
      return result >>> 0 < source >>> 0;
    case CC_ADC:
      if ((kind & 3) === WIDTH_64) {
        return !isBelow64(source, s[CC_SOURCE + 1]!, result, s[CC_RESULT + 1]!);
      }
      return result >>> 0 <= source >>> 0;
    // The right operand is above the left exactly if the difference is (or, with a borrow, is not below).
    case CC_SUB:
      if ((kind & 3) === WIDTH_64)
        return isBelow64(source, s[CC_SOURCE + 1]!, result, s[CC_RESULT + 1]!);
      return source >>> 0 < result >>> 0;
    case CC_SBB:
      if ((kind & 3) === WIDTH_64) {
        return !isBelow64(result, s[CC_RESULT + 1]!, source, s[CC_SOURCE + 1]!);
      }
      return source >>> 0 <= result >>> 0;
    case CC_LOGIC:
      return false;
    default:
      return (s[FLAGS]! & FLAG_CF) !== 0;
  }
}

export function isZero(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  if (kind === CC_EXPLICIT) return (s[FLAGS]! & FLAG_ZF) !== 0;
  const result = s[CC_RESULT]!;
  return ((kind & 3) === WIDTH_64 ? result | s[CC_RESULT + 1]! : result) === 0;
}

function isSign(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  if (kind === CC_EXPLICIT) return (s[FLAGS]! & FLAG_SF) !== 0;
  if ((kind & 3) === WIDTH_64) return s[CC_RESULT + 1]! < 0;
  return signed(s[CC_RESULT]!, kind & 3) < 0;
}

function isParity(s: Int32Array): boolean {
  if (s[CC_KIND] === CC_EXPLICIT) return (s[FLAGS]! & FLAG_PF) !== 0;
  return PARITY[s[CC_RESULT]! & 0xff] === 1;
}

export function isOverflow(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  const isWide = (kind & 3) === WIDTH_64;
  // The sign bits of result and left operand decide, and the right operand's, which they determine.
  const result = isWide ? s[CC_RESULT + 1]! : signed(s[CC_RESULT]!, kind & 3);
  const source = isWide ? s[CC_SOURCE + 1]! : signed(s[CC_SOURCE]!, kind & 3);
  switch (kind & ~3) {
    case CC_ADD:
    case CC_ADC:
    case CC_INC: {
      const carryIn = (kind & ~3) === CC_ADC ? 1 : 0;
      const right = rightOfSum(s, kind, carryIn);
      return ((source ^ result) & (right ^ result)) < 0;
    }
    case CC_SUB:
    case CC_SBB:
    case CC_DEC: {
      const borrowIn = (kind & ~3) === CC_SBB ? 1 : 0;
      const right = rightOfDifference(s, kind, borrowIn);
      return ((source ^ right) & (source ^ result)) < 0;
    }
    case CC_LOGIC:
      return false;
    default:
      return (s[FLAGS]! & FLAG_OF) !== 0;
  }
}

/** The right operand of a sum: its sign in bit 31. For a pair that is the high half. */
function rightOfSum(s: Int32Array, kind: number, carryIn: number): number {
  const result = s[CC_RESULT]!;
  const source = s[CC_SOURCE]!;
  if ((kind & 3) !== WIDTH_64) return signed(result - source - carryIn, kind & 3);
  const borrow = result >>> 0 < (source >>> 0) + carryIn ? 1 : 0;
  return (s[CC_RESULT + 1]! - s[CC_SOURCE + 1]! - borrow) | 0;
}

/** The right operand of a difference, likewise. */
function rightOfDifference(s: Int32Array, kind: number, borrowIn: number): number {
  const result = s[CC_RESULT]!;
  const source = s[CC_SOURCE]!;
  if ((kind & 3) !== WIDTH_64) return signed(source - result - borrowIn, kind & 3);
  const borrow = source >>> 0 < (result >>> 0) + borrowIn ? 1 : 0;
  return (s[CC_SOURCE + 1]! - s[CC_RESULT + 1]! - borrow) | 0;
}

export function isAdjust(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  const result = s[CC_RESULT]!;
  const source = s[CC_SOURCE]!;
  switch (kind & ~3) {
    case CC_ADD:
    case CC_INC:
      return ((source ^ (result - source) ^ result) & 0x10) !== 0;
    case CC_ADC:
      return ((source ^ (result - source - 1) ^ result) & 0x10) !== 0;
    case CC_SUB:
    case CC_DEC:
      return ((source ^ (source - result) ^ result) & 0x10) !== 0;
    case CC_SBB:
      return ((source ^ (source - result - 1) ^ result) & 0x10) !== 0;
    case CC_LOGIC:
      return false;
    default:
      return (s[FLAGS]! & FLAG_AF) !== 0;
  }
}

/** All of RFLAGS, with the arithmetic flags worked out; nothing is changed. */
export function readFlags(s: Int32Array): number {
  const flags = s[FLAGS]!;
  if (s[CC_KIND] === CC_EXPLICIT) return flags;
  return (
    (flags & ~FLAGS_ARITHMETIC) |
    (isCarry(s) ? FLAG_CF : 0) |
    (isParity(s) ? FLAG_PF : 0) |
    (isAdjust(s) ? FLAG_AF : 0) |
    (isZero(s) ? FLAG_ZF : 0) |
    (isSign(s) ? FLAG_SF : 0) |
    (isOverflow(s) ? FLAG_OF : 0)
  );
}

/** Replaces all of RFLAGS. */
export function writeFlags(s: Int32Array, flags: number): void {
  s[FLAGS] = flags | FLAGS_FIXED;
  s[CC_KIND] = CC_EXPLICIT;
}

/** Works the arithmetic flags out into the FLAGS word, and returns it. */
export function settleFlags(s: Int32Array): number {
  const flags = readFlags(s);
  s[FLAGS] = flags;
  s[CC_KIND] = CC_EXPLICIT;
  return flags;
}

/** Sets some arithmetic flags and keeps the others. */
export function changeFlags(s: Int32Array, mask: number, bits: number): void {
  s[FLAGS] = (readFlags(s) & ~mask) | (bits & mask);
  s[CC_KIND] = CC_EXPLICIT;
}

// Condition codes, SDM 1 appendix B: the low nibble of Jcc, SETcc, CMOVcc.

/** Whether a condition holds. Compares of 32 and 64 bits, the usual case, are decided from the operands. */
export function isCondition(s: Int32Array, condition: number): boolean {
  const holds = isPlainCondition(s, condition >> 1);
  return (condition & 1) !== 0 ? !holds : holds;
}

function isPlainCondition(s: Int32Array, condition: number): boolean {
  switch (condition) {
    case 0:
      return isOverflow(s);
    case 1:
      return isCarry(s);
    case 2:
      return isZero(s);
    case 3:
      return isCarry(s) || isZero(s);
    case 4:
      return isSign(s);
    case 5:
      return isParity(s);
    case 6:
      return isLess(s);
    default:
      return isLess(s) || isZero(s);
  }
}

/** SF ≠ OF. */
function isLess(s: Int32Array): boolean {
  const kind = s[CC_KIND]!;
  const result = s[CC_RESULT]!;
  const source = s[CC_SOURCE]!;
  if (kind === (CC_SUB | WIDTH_32)) return source < ((source - result) | 0);
  if (kind === (CC_SUB | WIDTH_64)) {
    const sourceHi = s[CC_SOURCE + 1]!;
    const lo = (source - result) | 0;
    const borrow = source >>> 0 < result >>> 0 ? 1 : 0;
    return isLess64(source, sourceHi, lo, (sourceHi - s[CC_RESULT + 1]! - borrow) | 0);
  }
  if ((kind & ~3) === CC_LOGIC) return isSign(s);
  return isSign(s) !== isOverflow(s);
}
