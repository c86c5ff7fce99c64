// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/bmi.ts, on 32 or 64 bits. Operands are pairs whose high half is zero for 32 bits.
import { HI } from "../../mmu/machine-layout.ts";
import { logic32, logic64 } from "../alu.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_MEMORY } from "../decode/record.ts";
import { changeFlags, FLAG_CF, FLAG_ZF, FLAGS_ARITHMETIC, WIDTH_64 } from "../flags.ts";
import {
  multiply32,
  multiply64,
  productHigh,
  shiftLeft64,
  shiftRight64,
  shiftRightArithmetic64,
} from "../pair.ts";
import { GPR, RDX } from "../state-layout.ts";
import {
  type Executor,
  loadM32,
  loadM64,
  readB32,
  readB64,
  slotA,
  slotB,
  slotC,
  widthOf,
  writeRegister32,
  writeRegister64,
} from "./operands.ts";

const EDX = GPR + 2 * RDX;

/** An operand of 32 or 64 bits by its slot, as a pair. */
function read(cpu: Cpu, p: number, slot: number): number {
  const { s } = cpu;
  if (widthOf(cpu, p) === WIDTH_64) {
    if (slot === SLOT_MEMORY) return loadM64(cpu, p);
    s[HI] = s[slot + 1]!;
    return s[slot]!;
  }
  const value = slot === SLOT_MEMORY ? loadM32(cpu, p) : s[slot]!;
  s[HI] = 0;
  return value;
}

function write(cpu: Cpu, p: number, slot: number, lo: number, hi: number): void {
  if (widthOf(cpu, p) === WIDTH_64) writeRegister64(cpu, slot, lo, hi);
  else writeRegister32(cpu, slot, lo);
}

/** Writes a logical result: SF and ZF of it, the rest clear, then CF as given. */
function writeLogic(
  cpu: Cpu,
  p: number,
  result: { readonly lo: number; readonly hi: number },
  isCarry: boolean,
): void {
  const { lo, hi } = result;
  if (widthOf(cpu, p) === WIDTH_64) logic64(cpu.s, lo, hi);
  else logic32(cpu.s, lo);
  write(cpu, p, slotA(cpu, p), lo, hi);
  if (isCarry) changeFlags(cpu.s, FLAG_CF, FLAG_CF);
}

/** A = ~B & C. */
function andn(cpu: Cpu, p: number): void {
  const lo = read(cpu, p, slotC(cpu, p));
  const hi = cpu.s[HI]!;
  const bLo = read(cpu, p, slotB(cpu, p));
  writeLogic(cpu, p, { lo: ~bLo & lo, hi: ~cpu.s[HI]! & hi }, false);
}

/** Bits 7:0 of C are the first bit of B to take, bits 15:8 how many. */
function bextr(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const control = s[slotC(cpu, p)]!;
  const lo = read(cpu, p, slotB(cpu, p));
  const start = control & 0xff;
  const length = (control >>> 8) & 0xff;
  const resultLo = start > 63 ? 0 : shiftRight64(s, lo, s[HI]!, start);
  const resultHi = start > 63 ? 0 : s[HI]!;
  const masked = lowBits(resultLo, resultHi, length);
  write(cpu, p, slotA(cpu, p), masked.lo, masked.hi);
  changeFlags(s, FLAGS_ARITHMETIC, (masked.lo | masked.hi) === 0 ? FLAG_ZF : 0);
}

/** The lowest `count` bits of a pair. */
function lowBits(lo: number, hi: number, count: number): { lo: number; hi: number } {
  if (count >= 64) return { lo, hi };
  if (count >= 32) return { lo, hi: hi & ((1 << (count - 32)) - 1) };
  return { lo: lo & ((1 << count) - 1), hi: 0 };
}

/** The lowest set bit alone, everything up to it, everything but it. A is VEX.vvvv, B the operand. */
function blsi(cpu: Cpu, p: number): void {
  const lo = read(cpu, p, slotB(cpu, p));
  const hi = cpu.s[HI]!;
  const negHi = (~hi + (lo === 0 ? 1 : 0)) | 0;
  writeLogic(cpu, p, { lo: lo & -lo, hi: hi & negHi }, (lo | hi) !== 0);
}

function blsmsk(cpu: Cpu, p: number): void {
  const lo = read(cpu, p, slotB(cpu, p));
  const hi = cpu.s[HI]!;
  const isWide = widthOf(cpu, p) === WIDTH_64;
  const lessHi = lo === 0 && isWide ? (hi - 1) | 0 : hi;
  writeLogic(cpu, p, { lo: lo ^ (lo - 1), hi: hi ^ lessHi }, (lo | hi) === 0);
}

function blsr(cpu: Cpu, p: number): void {
  const lo = read(cpu, p, slotB(cpu, p));
  const hi = cpu.s[HI]!;
  const lessHi = lo === 0 ? (hi - 1) | 0 : hi;
  writeLogic(cpu, p, { lo: lo & (lo - 1), hi: hi & lessHi }, (lo | hi) === 0);
}

/** Clears the bits of B from the number in C's low byte up. */
function bzhi(cpu: Cpu, p: number): void {
  const count = cpu.s[slotC(cpu, p)]! & 0xff;
  const size = 8 << widthOf(cpu, p);
  const lo = read(cpu, p, slotB(cpu, p));
  const kept = lowBits(lo, cpu.s[HI]!, Math.min(count, size));
  writeLogic(cpu, p, kept, count > size - 1);
}

/** A:B = rDX × C; A gets the upper half, and is written last. No flags. */
function mulx(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const factorLo = read(cpu, p, slotC(cpu, p));
  const factorHi = s[HI]!;
  if (widthOf(cpu, p) === WIDTH_64) {
    const lo = multiply64(s, s[EDX]!, s[EDX + 1]!, factorLo, factorHi);
    writeRegister64(cpu, slotB(cpu, p), lo, s[HI]!);
    writeRegister64(cpu, slotA(cpu, p), productHigh[0]!, productHigh[1]!);
  } else {
    const lo = multiply32(s, s[EDX]!, factorLo);
    const hi = s[HI]!;
    writeRegister32(cpu, slotB(cpu, p), lo);
    writeRegister32(cpu, slotA(cpu, p), hi);
  }
}

/** Gathers the bits of `value` that `mask` selects at the bottom. */
function extractBits(value: bigint, mask: bigint): bigint {
  let result = 0n;
  let at = 0n;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) {
    if ((value & rest & -rest) !== 0n) result |= 1n << at;
    at++;
  }
  return result;
}

/** Spreads the bottom bits of `value` to the places that `mask` selects. */
function depositBits(value: bigint, mask: bigint): bigint {
  let result = 0n;
  let at = 0n;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) {
    if (((value >> at) & 1n) !== 0n) result |= rest & -rest;
    at++;
  }
  return result;
}

/** A = op(B, C) where C is the mask. */
function byMask(op: (value: bigint, mask: bigint) => bigint): Executor {
  return (cpu, p) => {
    const maskLo = read(cpu, p, slotC(cpu, p));
    const mask = unsigned(maskLo, cpu.s[HI]!);
    const valueLo = read(cpu, p, slotB(cpu, p));
    const result = op(unsigned(valueLo, cpu.s[HI]!), mask);
    const lo = Number(BigInt.asIntN(32, result));
    write(cpu, p, slotA(cpu, p), lo, Number(BigInt.asIntN(32, result >> 32n)));
  };
}

function unsigned(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

type Shift64 = (s: Int32Array, lo: number, hi: number, count: number) => number;

/** A = B shifted by C, without flags. */
function shiftWithoutFlags(
  short: (value: number, count: number) => number,
  long: Shift64,
): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const raw = s[slotC(cpu, p)]!;
    if (widthOf(cpu, p) === WIDTH_64) {
      const lo = readB64(cpu, p);
      const result = long(s, lo, s[HI]!, raw & 63);
      writeRegister64(cpu, slotA(cpu, p), result, s[HI]!);
    } else writeRegister32(cpu, slotA(cpu, p), short(readB32(cpu, p), raw & 31));
  };
}

function rorx(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const raw = cpu.code[p + IMM]!;
  if (widthOf(cpu, p) === WIDTH_64) {
    const count = raw & 63;
    const lo = readB64(cpu, p);
    const hi = s[HI]!;
    const downLo = shiftRight64(s, lo, hi, count);
    const downHi = s[HI]!;
    const upLo = count === 0 ? 0 : shiftLeft64(s, lo, hi, 64 - count);
    const upHi = count === 0 ? 0 : s[HI]!;
    writeRegister64(cpu, slotA(cpu, p), downLo | upLo, downHi | upHi);
  } else {
    const count = raw & 31;
    const value = readB32(cpu, p);
    writeRegister32(
      cpu,
      slotA(cpu, p),
      (value >>> count) | (count === 0 ? 0 : value << (32 - count)),
    );
  }
}

export const BMI_EXECUTORS = {
  andn,
  bextr,
  blsi,
  blsmsk,
  blsr,
  bzhi,
  mulx,
  pdep: byMask(depositBits),
  pext: byMask(extractBits),
  rorx,
  sarx: shiftWithoutFlags((value, count) => value >> count, shiftRightArithmetic64),
  shlx: shiftWithoutFlags((value, count) => value << count, shiftLeft64),
  shrx: shiftWithoutFlags((value, count) => value >>> count, shiftRight64),
} as const;
