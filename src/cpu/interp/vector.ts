// SPDX-License-Identifier: BSD-2-Clause
// How executors of vector instructions reach their operands, and the shapes most of them have.
//
// One executor serves three encodings. Legacy SSE: A = A op B, and the upper half of the YMM register is
// kept. VEX.128: A = B op C, the upper half is zeroed. VEX.256: both halves. Registers become indexes of the
// state's words; a memory operand is loaded into VECTOR_SCRATCH first, which faults before anything changes.
// SDM 2 2.4 for the exceptions, SDM 1 10.4.1.1 and 14.9 for alignment.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import {
  IMM,
  INFO,
  INFO_C_SHIFT,
  INFO_VEX,
  INFO_VEX_L,
  SLOT_MEMORY,
  SLOTS,
} from "../decode/record.ts";
import type { Kernel } from "../simd/vector-unit.ts";
import { CR0, CR4, CURRENT, VECTOR_SCRATCH, XCR0, YMM } from "../state-layout.ts";
import {
  CR0_EM,
  CR0_TS,
  CR4_OSFXSR,
  CR4_OSXSAVE,
  XCR0_AVX,
  XCR0_SSE,
} from "../system/control-bits.ts";
import { GP, NM, UD } from "../vectors.ts";
import type { Executor } from "./operands.ts";

const AVX_STATE = XCR0_SSE | XCR0_AVX;

/** Faults unless the system lets programs use vector registers: #UD, #NM. */
export function beginVector(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (!isVex(cpu, p)) {
    if ((s[CR0]! & CR0_EM) !== 0 || (s[CR4]! & CR4_OSFXSR) === 0) cpu.raise(UD);
  } else if (
    !cpu.isProtected ||
    (s[CR4]! & CR4_OSXSAVE) === 0 ||
    (s[XCR0]! & AVX_STATE) !== AVX_STATE
  ) {
    cpu.raise(UD);
  }
  if ((s[CR0]! & CR0_TS) !== 0) cpu.raise(NM);
}

export function isVex(cpu: Cpu, p: number): boolean {
  return (cpu.code[p + INFO]! & INFO_VEX) !== 0;
}

/** VEX.L: the operands are YMM registers. */
export function isWide(cpu: Cpu, p: number): boolean {
  return (cpu.code[p + INFO]! & INFO_VEX_L) !== 0;
}

// Registers and slots.

/** First word of a vector register. */
export function registerWord(number: number): number {
  return YMM + (number << 3);
}

/** Operand A, a register. */
export function destination(cpu: Cpu, p: number): number {
  return YMM + ((cpu.code[p + SLOTS]! & 0xff) << 3);
}

/** Operand B, a register. */
export function secondRegister(cpu: Cpu, p: number): number {
  return YMM + (((cpu.code[p + SLOTS]! >>> 8) & 0xff) << 3);
}

/** The first source of an instruction whose legacy form has the destination for it. */
export function firstSource(cpu: Cpu, p: number): number {
  return isVex(cpu, p) ? secondRegister(cpu, p) : destination(cpu, p);
}

/** The slot of the other source: C, or B in legacy form. */
export function lastSlot(cpu: Cpu, p: number): number {
  const { code } = cpu;
  const info = code[p + INFO]!;
  return (info & INFO_VEX) !== 0 ? info >>> INFO_C_SHIFT : (code[p + SLOTS]! >>> 8) & 0xff;
}

export function secondSlot(cpu: Cpu, p: number): number {
  return (cpu.code[p + SLOTS]! >>> 8) & 0xff;
}

// Operands that may be memory: their first word, after 4, 8, 16 or 32 bytes were loaded.

export function operand32(cpu: Cpu, p: number, slot: number): number {
  if (slot !== SLOT_MEMORY) return registerWord(slot);
  const lo = cpu.ea(p, 4, false);
  cpu.s[VECTOR_SCRATCH] = cpu.mem.load32(lo, cpu.s[HI]!);
  return VECTOR_SCRATCH;
}

export function operand64(cpu: Cpu, p: number, slot: number): number {
  if (slot !== SLOT_MEMORY) return registerWord(slot);
  const { s } = cpu;
  const lo = cpu.ea(p, 8, false);
  s[VECTOR_SCRATCH] = cpu.mem.load64(lo, s[HI]!);
  s[VECTOR_SCRATCH + 1] = s[HI]!;
  return VECTOR_SCRATCH;
}

/** 16 bytes, which legacy instructions want aligned. */
export function operand128(cpu: Cpu, p: number, slot: number): number {
  if (slot !== SLOT_MEMORY) return registerWord(slot);
  const lo = cpu.ea(p, 16, false);
  if ((lo & 15) !== 0 && !isVex(cpu, p)) cpu.raise(GP, 0);
  cpu.mem.load128(lo, cpu.s[HI]!, VECTOR_SCRATCH);
  return VECTOR_SCRATCH;
}

/** As many bytes as the instruction's registers have; legacy instructions want them aligned. */
export function fullOperand(cpu: Cpu, p: number, slot: number): number {
  if (slot !== SLOT_MEMORY || !isWide(cpu, p)) return operand128(cpu, p, slot);
  const lo = cpu.ea(p, 32, false);
  cpu.mem.load256(lo, cpu.s[HI]!, VECTOR_SCRATCH);
  return VECTOR_SCRATCH;
}

/** As many bytes, wherever they are. */
export function unalignedOperand(cpu: Cpu, p: number, slot: number): number {
  if (slot !== SLOT_MEMORY) return registerWord(slot);
  if (isWide(cpu, p)) return fullOperand(cpu, p, slot);
  const lo = cpu.ea(p, 16, false);
  cpu.mem.load128(lo, cpu.s[HI]!, VECTOR_SCRATCH);
  return VECTOR_SCRATCH;
}

// Results.

export function clearUpper(s: Int32Array, d: number): void {
  s[d + 4] = 0;
  s[d + 5] = 0;
  s[d + 6] = 0;
  s[d + 7] = 0;
}

export function copy128(s: Int32Array, d: number, from: number): void {
  s[d] = s[from]!;
  s[d + 1] = s[from + 1]!;
  s[d + 2] = s[from + 2]!;
  s[d + 3] = s[from + 3]!;
}

/** After a result of 128 bits: VEX zeroes what is above it. */
export function endLane(cpu: Cpu, p: number, d: number): void {
  if (isVex(cpu, p)) clearUpper(cpu.s, d);
}

// Shapes.

/**
 * A kernel of two sources on every lane. The upper lane sees the immediate shifted right by
 * `immediateShift`.
 */
export function packed(kernel: Kernel, immediateShift = 0): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = fullOperand(cpu, p, lastSlot(cpu, p));
    const imm = cpu.code[p + IMM]!;
    kernel(cpu, d, a, b, imm);
    if (isWide(cpu, p)) kernel(cpu, d + 4, a + 4, b + 4, imm >> immediateShift);
    else endLane(cpu, p, d);
  };
}

/** A kernel of one source, operand B. */
export function packedUnary(kernel: Kernel, immediateShift = 0): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const b = fullOperand(cpu, p, secondSlot(cpu, p));
    const imm = cpu.code[p + IMM]!;
    kernel(cpu, d, b, b, imm);
    if (isWide(cpu, p)) kernel(cpu, d + 4, b + 4, b + 4, imm >> immediateShift);
    else endLane(cpu, p, d);
  };
}
