// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-shuffle.ts: elements moved about, inserted and extracted.

import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_MEMORY } from "../decode/record.ts";
import * as kernel from "../simd/shuffle.ts";
import type { Kernel } from "../simd/vector-unit.ts";
import { YMM } from "../state-layout.ts";
import {
  type Executor,
  isMemoryA,
  loadM8,
  loadM16,
  readSized,
  slotA,
  storeM8,
  storeM16,
  widthOf,
  writeRegister32,
  writeSizedA,
} from "./operands.ts";
import {
  beginVector,
  copy128,
  destination,
  endLane,
  firstSource,
  fullOperand,
  isVex,
  isWide,
  lastSlot,
  operand32,
  packed,
  packedUnary,
  registerWord,
  secondRegister,
} from "./vector.ts";

/** Blends by the top bits of XMM0 or, in VEX form, of the register that the immediate names. */
function blendByRegister(blend: Kernel): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = fullOperand(cpu, p, lastSlot(cpu, p));
    const mask = isVex(cpu, p) ? registerWord(cpu.code[p + IMM]!) : YMM;
    blend(cpu, d, a, b, mask);
    if (isWide(cpu, p)) blend(cpu, d + 4, a + 4, b + 4, mask + 4);
    else endLane(cpu, p, d);
  };
}

/** With a memory operand there is but one element to choose from. */
function insertps(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const d = destination(cpu, p);
  const slot = lastSlot(cpu, p);
  const b = operand32(cpu, p, slot);
  const imm = cpu.code[p + IMM]! & (slot === SLOT_MEMORY ? 0x3f : 0xff);
  kernel.insertps(cpu, d, firstSource(cpu, p), b, imm);
  endLane(cpu, p, d);
}

// Extraction to a general register, zero-extended, or to memory.

function pextrb(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const value = cpu.bytes[4 * secondRegister(cpu, p) + (cpu.code[p + IMM]! & 15)]!;
  if (isMemoryA(cpu, p)) storeM8(cpu, p, value);
  else writeRegister32(cpu, slotA(cpu, p), value);
}

function pextrw(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const value = cpu.words[2 * secondRegister(cpu, p) + (cpu.code[p + IMM]! & 7)]!;
  if (isMemoryA(cpu, p)) storeM16(cpu, p, value);
  else writeRegister32(cpu, slotA(cpu, p), value);
}

/** PEXTRD, PEXTRQ by operand size, and EXTRACTPS. */
function pextrd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const imm = cpu.code[p + IMM]!;
  const from = secondRegister(cpu, p) + (widthOf(cpu, p) === 3 ? (imm & 1) << 1 : imm & 3);
  writeSizedA(cpu, p, s[from]!, s[from + 1]!);
}

// Insertion: the destination is the first source but for one element.

function prepareInsertion(cpu: Cpu, p: number): number {
  const d = destination(cpu, p);
  if (isVex(cpu, p)) {
    copy128(cpu.s, d, firstSource(cpu, p));
    endLane(cpu, p, d);
  }
  return d;
}

function pinsrb(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const slot = lastSlot(cpu, p);
  const value = slot === SLOT_MEMORY ? loadM8(cpu, p) : cpu.s[slot]!;
  cpu.bytes[4 * prepareInsertion(cpu, p) + (cpu.code[p + IMM]! & 15)] = value;
}

function pinsrw(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const slot = lastSlot(cpu, p);
  const value = slot === SLOT_MEMORY ? loadM16(cpu, p) : cpu.s[slot]!;
  cpu.words[2 * prepareInsertion(cpu, p) + (cpu.code[p + IMM]! & 7)] = value;
}

/** PINSRD or PINSRQ. */
function pinsrd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const imm = cpu.code[p + IMM]!;
  const lo = readSized(cpu, p, lastSlot(cpu, p));
  const hi = s[HI]!;
  const d = prepareInsertion(cpu, p);
  if (widthOf(cpu, p) === 3) {
    s[d + ((imm & 1) << 1)] = lo;
    s[d + ((imm & 1) << 1) + 1] = hi;
  } else s[d + (imm & 3)] = lo;
}

export const SSE_SHUFFLE_EXECUTORS = {
  punpcklbw: packed(kernel.punpcklbw),
  punpcklwd: packed(kernel.punpcklwd),
  punpckldq: packed(kernel.punpckldq),
  punpcklqdq: packed(kernel.punpcklqdq),
  punpckhbw: packed(kernel.punpckhbw),
  punpckhwd: packed(kernel.punpckhwd),
  punpckhdq: packed(kernel.punpckhdq),
  punpckhqdq: packed(kernel.punpckhqdq),
  pshufb: packed(kernel.pshufb),
  pshufd: packedUnary(kernel.pshufd),
  pshuflw: packedUnary(kernel.pshuflw),
  pshufhw: packedUnary(kernel.pshufhw),
  shufps: packed(kernel.shufps),
  shufpd: packed(kernel.shufpd, 2),
  palignr: packed(kernel.palignr),
  blendps: packed(kernel.blendps, 4),
  blendpd: packed(kernel.blendpd, 2),
  pblendw: packed(kernel.pblendw),
  blendvps: blendByRegister(kernel.blendvps),
  blendvpd: blendByRegister(kernel.blendvpd),
  pblendvb: blendByRegister(kernel.pblendvb),
  insertps,
  pextrb,
  pextrw,
  pextrd,
  pinsrb,
  pinsrw,
  pinsrd,
} as const;
