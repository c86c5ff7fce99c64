// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/shift.ts. Where the manual leaves OF open (counts other than one) it is computed as for
// a count of one, from the last bit moved; AF is cleared by shifts.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_IMMEDIATE } from "../decode/record.ts";
import {
  CC_RESULT_ONLY,
  changeFlags,
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  isCarry,
  WIDTH_64,
} from "../flags.ts";
import { shiftLeft64, shiftRight64, shiftRightArithmetic64 } from "../pair.ts";
import { CC_KIND, CC_RESULT, FLAGS } from "../state-layout.ts";
import {
  closeA8,
  closeA16,
  closeA32,
  closeA64,
  type Executor,
  openA8,
  openA16,
  openA32,
  openA64,
  readB8,
  slotB,
  slotC,
  widthOf,
} from "./operands.ts";

/**
 * Records CF and OF of a shift, and that SF, ZF and PF are those of the result. `carryAndOverflow` has FLAG_CF
 * and FLAG_OF in their places.
 */
function setShiftFlags(
  s: Int32Array,
  width: number,
  lo: number,
  hi: number,
  carryAndOverflow: number,
): void {
  s[FLAGS] = (s[FLAGS]! & ~(FLAG_CF | FLAG_OF | FLAG_AF)) | carryAndOverflow;
  s[CC_KIND] = CC_RESULT_ONLY | width;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
}

/** CF from bit 0 of `carry`, OF from bit 0 of `overflow`. */
function bits(carry: number, overflow: number): number {
  return (carry & 1) | ((overflow & 1) << 11);
}

// Each of these shifts `value` of `size` bits (8, 16 or 32) by 1 … 31, records the flags, and returns the
// result with the bits above `size` undefined.

function shl(s: Int32Array, value: number, count: number, size: number): number {
  const result = value << count;
  // The last bit out is bit `size` of the unlimited result; beyond 32 bits it is bit size - count of the value.
  const carry = count > size ? 0 : value >>> (size - count);
  const masked = size === 32 ? result : result & (2 ** size - 1);
  setShiftFlags(s, size >> 4, masked, 0, bits(carry, carry ^ (masked >>> (size - 1))));
  return masked;
}

function shr(s: Int32Array, value: number, count: number, size: number): number {
  const result = value >>> count;
  setShiftFlags(s, size >> 4, result | 0, 0, bits(value >>> (count - 1), value >>> (size - 1)));
  return result | 0;
}

function sar(s: Int32Array, value: number, count: number, size: number): number {
  const signed = size === 32 ? value : (value << (32 - size)) >> (32 - size);
  const result = signed >> count;
  const masked = size === 32 ? result : result & (2 ** size - 1);
  setShiftFlags(s, size >> 4, masked, 0, bits(signed >> (count - 1), 0));
  return masked;
}

// 64 bits, counts 1 … 63: the low half is returned, the high half left in HI.

export function shl64(s: Int32Array, lo: number, hi: number, count: number): number {
  const result = shiftLeft64(s, lo, hi, count);
  const resultHi = s[HI]!;
  const carry = count <= 32 ? hi >>> (32 - count) : lo >>> (64 - count);
  setShiftFlags(s, WIDTH_64, result, resultHi, bits(carry, carry ^ (resultHi >>> 31)));
  return result;
}

export function shr64(s: Int32Array, lo: number, hi: number, count: number): number {
  const result = shiftRight64(s, lo, hi, count);
  const carry = count <= 32 ? lo >>> (count - 1) : hi >>> (count - 33);
  setShiftFlags(s, WIDTH_64, result, s[HI]!, bits(carry, hi >>> 31));
  return result;
}

export function sar64(s: Int32Array, lo: number, hi: number, count: number): number {
  const result = shiftRightArithmetic64(s, lo, hi, count);
  const carry = count <= 32 ? lo >>> (count - 1) : hi >>> (count - 33);
  setShiftFlags(s, WIDTH_64, result, s[HI]!, bits(carry, 0));
  return result;
}

export function shl32(s: Int32Array, value: number, count: number): number {
  return shl(s, value, count, 32);
}

export function shr32(s: Int32Array, value: number, count: number): number {
  return shr(s, value, count, 32);
}

export function sar32(s: Int32Array, value: number, count: number): number {
  return sar(s, value, count, 32);
}

type ShortShift = (s: Int32Array, value: number, count: number, size: number) => number;
type LongShift = (s: Int32Array, lo: number, hi: number, count: number) => number;

/** Opens A even for a count of zero: a read-only page faults all the same. */
function shift(short: ShortShift, long: LongShift): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const width = widthOf(cpu, p);
    const count = readB8(cpu, p) & (width === WIDTH_64 ? 63 : 31);
    switch (width) {
      case 3: {
        const lo = openA64(cpu, p);
        const hi = s[HI]!;
        const result = count === 0 ? lo : long(s, lo, hi, count);
        closeA64(cpu, p, result, count === 0 ? hi : s[HI]!);
        break;
      }
      case 2: {
        const value = openA32(cpu, p);
        closeA32(cpu, p, count === 0 ? value : short(s, value, count, 32));
        break;
      }
      case 1: {
        const value = openA16(cpu, p);
        closeA16(cpu, p, count === 0 ? value : short(s, value, count, 16));
        break;
      }
      default: {
        const value = openA8(cpu, p);
        closeA8(cpu, p, count === 0 ? value : short(s, value, count, 8));
        break;
      }
    }
  };
}

// Rotates. The result's own bits say what CF and OF are. Only those two change.

function rotateFlags(s: Int32Array, carry: number, overflow: number): void {
  changeFlags(s, FLAG_CF | FLAG_OF, bits(carry, overflow));
}

function rol(s: Int32Array, value: number, count: number, size: number): number {
  const turn = count & (size - 1);
  const result =
    turn === 0 ? value : ((value << turn) | (value >>> (size - turn))) & (2 ** size - 1);
  rotateFlags(s, result, result ^ (result >>> (size - 1)));
  return result;
}

function ror(s: Int32Array, value: number, count: number, size: number): number {
  const turn = count & (size - 1);
  const result =
    turn === 0 ? value : ((value >>> turn) | (value << (size - turn))) & (2 ** size - 1);
  rotateFlags(s, result >>> (size - 1), (result >>> (size - 1)) ^ (result >>> (size - 2)));
  return result;
}

function rol64(s: Int32Array, lo: number, hi: number, count: number): number {
  const upLo = shiftLeft64(s, lo, hi, count);
  const upHi = s[HI]!;
  const result = upLo | shiftRight64(s, lo, hi, 64 - count);
  const resultHi = upHi | s[HI]!;
  rotateFlags(s, result, result ^ (resultHi >>> 31));
  s[HI] = resultHi;
  return result;
}

function ror64(s: Int32Array, lo: number, hi: number, count: number): number {
  const result = shiftRight64(s, lo, hi, count);
  const downHi = s[HI]!;
  const low = result | shiftLeft64(s, lo, hi, 64 - count);
  const high = downHi | s[HI]!;
  rotateFlags(s, high >>> 31, (high >>> 31) ^ (high >>> 30));
  s[HI] = high;
  return low;
}

/** Rotates through CF: `size` + 1 bits. The count is reduced here; zero changes nothing. */
function rcl(s: Int32Array, value: number, count: number, size: number): number {
  const turn = size === 32 ? count : count % (size + 1);
  if (turn === 0) return value;
  const carryIn = isCarry(s) ? 1 : 0;
  // (value:carry) as one number of size + 1 bits, from the top: value bits, carry.
  const upper = turn === 32 ? 0 : value << turn;
  const lower = turn > 1 ? value >>> (size + 1 - turn) : 0;
  const result = (upper | (carryIn << (turn - 1)) | lower) & (2 ** size - 1);
  const carry = value >>> (size - turn);
  rotateFlags(s, carry, carry ^ (result >>> (size - 1)));
  return result;
}

function rcr(s: Int32Array, value: number, count: number, size: number): number {
  const turn = size === 32 ? count : count % (size + 1);
  if (turn === 0) return value;
  const carryIn = isCarry(s) ? 1 : 0;
  const upper = turn > 1 ? value << (size + 1 - turn) : 0;
  const result = ((value >>> turn) | (carryIn << (size - turn)) | upper) & (2 ** size - 1);
  rotateFlags(s, value >>> (turn - 1), (result >>> (size - 1)) ^ (result >>> (size - 2)));
  return result;
}

function rcl64(s: Int32Array, lo: number, hi: number, count: number): number {
  const carryIn = isCarry(s) ? 1 : 0;
  const upLo = shiftLeft64(s, lo, hi, count);
  const upHi = s[HI]!;
  // The carry enters at bit count - 1, the bits above it come from the top of the value.
  const wrapLo = count > 1 ? shiftRight64(s, lo, hi, 65 - count) : 0;
  const wrapHi = count > 1 ? s[HI]! : 0;
  const inLo = shiftLeft64(s, carryIn, 0, count - 1);
  const resultLo = upLo | wrapLo | inLo;
  const resultHi = upHi | wrapHi | s[HI]!;
  const carry = count <= 32 ? hi >>> (32 - count) : lo >>> (64 - count);
  rotateFlags(s, carry, carry ^ (resultHi >>> 31));
  s[HI] = resultHi;
  return resultLo;
}

function rcr64(s: Int32Array, lo: number, hi: number, count: number): number {
  const carryIn = isCarry(s) ? 1 : 0;
  const downLo = shiftRight64(s, lo, hi, count);
  const downHi = s[HI]!;
  const wrapLo = count > 1 ? shiftLeft64(s, lo, hi, 65 - count) : 0;
  const wrapHi = count > 1 ? s[HI]! : 0;
  const inLo = shiftLeft64(s, carryIn, 0, 64 - count);
  const resultLo = downLo | wrapLo | inLo;
  const resultHi = downHi | wrapHi | s[HI]!;
  const carry = count <= 32 ? lo >>> (count - 1) : hi >>> (count - 33);
  rotateFlags(s, carry, (resultHi >>> 31) ^ (resultHi >>> 30));
  s[HI] = resultHi;
  return resultLo;
}

// Double shifts: A is filled from B. Counts beyond 16 bits are undefined for 16-bit operands; the result then
// is that of the 32-bit value A:B or B:A, as processors have it.

function doubleShift32(cpu: Cpu, p: number, count: number, isLeft: boolean): void {
  const { s } = cpu;
  const value = openA32(cpu, p);
  const fill = s[slotB(cpu, p)]!;
  if (count === 0) {
    closeA32(cpu, p, value);
    return;
  }
  const result = isLeft
    ? (value << count) | (fill >>> (32 - count))
    : (value >>> count) | (fill << (32 - count));
  const carry = isLeft ? value >>> (32 - count) : value >>> (count - 1);
  setShiftFlags(s, 2, result, 0, bits(carry, (value ^ result) >>> 31));
  closeA32(cpu, p, result);
}

function doubleShift16(cpu: Cpu, p: number, count: number, isLeft: boolean): void {
  const { s } = cpu;
  const value = openA16(cpu, p);
  const fill = cpu.words[slotB(cpu, p)]!;
  if (count === 0) {
    closeA16(cpu, p, value);
    return;
  }
  let result: number;
  let carry: number;
  if (isLeft) {
    const joined = (value << 16) | fill;
    result =
      count <= 16 ? (joined << count) >>> 16 : ((joined << count) | (value << (count - 16))) >>> 16;
    carry = joined >>> (32 - count);
  } else {
    const joined = (fill << 16) | value;
    result =
      (count <= 16 ? joined >>> count : (joined >>> count) | (value << (32 - count))) & 0xffff;
    carry = joined >>> (count - 1);
  }
  setShiftFlags(s, 1, result, 0, bits(carry, (value ^ result) >>> 15));
  closeA16(cpu, p, result);
}

function doubleShift64(cpu: Cpu, p: number, count: number, isLeft: boolean): void {
  const { s } = cpu;
  const lo = openA64(cpu, p);
  const hi = s[HI]!;
  const b = slotB(cpu, p);
  if (count === 0) {
    closeA64(cpu, p, lo, hi);
    return;
  }
  const partLo = isLeft ? shiftLeft64(s, lo, hi, count) : shiftRight64(s, lo, hi, count);
  const partHi = s[HI]!;
  const fillLo = isLeft
    ? shiftRight64(s, s[b]!, s[b + 1]!, 64 - count)
    : shiftLeft64(s, s[b]!, s[b + 1]!, 64 - count);
  const resultLo = partLo | fillLo;
  const resultHi = partHi | s[HI]!;
  const carry = isLeft
    ? count <= 32
      ? hi >>> (32 - count)
      : lo >>> (64 - count)
    : count <= 32
      ? lo >>> (count - 1)
      : hi >>> (count - 33);
  setShiftFlags(s, WIDTH_64, resultLo, resultHi, bits(carry, (hi ^ resultHi) >>> 31));
  closeA64(cpu, p, resultLo, resultHi);
}

/** The count is an immediate, or CL where the third operand is a register. */
function doubleShift(isLeft: boolean): Executor {
  return (cpu, p) => {
    const width = widthOf(cpu, p);
    const third = slotC(cpu, p);
    const raw = third === SLOT_IMMEDIATE ? cpu.code[p + IMM]! : cpu.bytes[third]!;
    const count = raw & (width === WIDTH_64 ? 63 : 31);
    if (width === WIDTH_64) doubleShift64(cpu, p, count, isLeft);
    else if (width === 2) doubleShift32(cpu, p, count, isLeft);
    else doubleShift16(cpu, p, count, isLeft);
  };
}

export const SHIFT_EXECUTORS = {
  rol: shift(rol, rol64),
  ror: shift(ror, ror64),
  rcl: shift(rcl, rcl64),
  rcr: shift(rcr, rcr64),
  shl: shift(shl, shl64),
  shr: shift(shr, shr64),
  sar: shift(sar, sar64),
  shld: doubleShift(true),
  shrd: doubleShift(false),
} as const;
