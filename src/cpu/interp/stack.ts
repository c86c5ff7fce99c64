// SPDX-License-Identifier: BSD-2-Clause
// Executors of the stack instructions in isa/control.ts.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, LINK } from "../decode/record.ts";
import { FLAG_RF, FLAG_VM, readFlags, writeFlags } from "../flags.ts";
import { moveStack, peek, poke, pop, probeStack, push } from "../stack.ts";
import { CURRENT, GPR, RBP, RSP, SEG_SELECTOR, SEG_WORDS, SEGMENTS, SS } from "../state-layout.ts";
import { ioPrivilege, writableFlags } from "../system/flag-access.ts";
import { changedPrivilege } from "../system/mode.ts";
import { loadSegment } from "../system/segmentation.ts";
import { holdInterrupts } from "../system/shadow.ts";
import { GP } from "../vectors.ts";
import {
  type Executor,
  isMemoryA,
  readSized,
  slotA,
  slotC,
  widthOf,
  writeRegister32,
  writeRegister64,
  writeSizedA,
} from "./operands.ts";

const SP = GPR + 2 * RSP;
const BP = GPR + 2 * RBP;

function pushOperand(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const lo = readSized(cpu, p, slotA(cpu, p));
  push(cpu, 1 << widthOf(cpu, p), lo, cpu.s[HI]!);
}

/**
 * A memory destination addressed by rSP uses the value it has after the pop. A fault of the store leaves
 * rSP as it was.
 */
function popOperand(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const oldLo = s[SP]!;
  const oldHi = s[SP + 1]!;
  const lo = pop(cpu, 1 << widthOf(cpu, p));
  const hi = s[HI]!;
  if (!isMemoryA(cpu, p)) {
    writeSizedA(cpu, p, lo, hi);
    return;
  }
  let isDone = false;
  try {
    writeSizedA(cpu, p, lo, hi);
    isDone = true;
  } finally {
    if (!isDone) writeRegister64(cpu, SP, oldLo, oldHi);
  }
}

/** 32-bit pushes of a selector write 16 bits on real processors; the slot's upper half is left alone. */
function pushSegment(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const selector = s[SEGMENTS + slotC(cpu, p) * SEG_WORDS + SEG_SELECTOR]!;
  const size = 1 << widthOf(cpu, p);
  if (size === 4) {
    poke(cpu, -4, 2, selector, 0);
    moveStack(cpu, -4);
  } else push(cpu, size, selector, 0);
}

function popSegment(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const segment = slotC(cpu, p);
  const size = 1 << widthOf(cpu, p);
  loadSegment(cpu, segment, peek(cpu, 0, size) & 0xffff);
  moveStack(cpu, size);
  if (segment === SS) holdInterrupts(cpu, true);
}

function pusha(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const size = 1 << widthOf(cpu, p);
  // All eight stores are checked by the first and the last, which lie within two pages.
  poke(cpu, -8 * size, size, s[GPR + 14]!, 0);
  for (let register = 0; register < 7; register++) {
    poke(cpu, -(register + 1) * size, size, s[GPR + 2 * register]!, 0);
  }
  moveStack(cpu, -8 * size);
}

/** The stored stack pointer is skipped. */
function popa(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const size = 1 << widthOf(cpu, p);
  const values = [0, 1, 2, 3, 4, 5, 6, 7].map((slot) => peek(cpu, slot * size, size));
  for (let register = 0; register < 8; register++) {
    if (register === RSP) continue;
    const value = values[7 - register]!;
    if (size === 4) writeRegister32(cpu, GPR + 2 * register, value);
    else cpu.words[2 * (GPR + 2 * register)] = value;
  }
  moveStack(cpu, 8 * size);
}

/** RF and VM are stored as zero. */
function pushf(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (cpu.isV86 && ioPrivilege(cpu) < 3) cpu.raise(GP, 0);
  push(cpu, 1 << widthOf(cpu, p), readFlags(cpu.s) & ~(FLAG_RF | FLAG_VM), 0);
}

function popf(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (cpu.isV86 && ioPrivilege(cpu) < 3) cpu.raise(GP, 0);
  const width = widthOf(cpu, p);
  const image = pop(cpu, 1 << width);
  const mask = writableFlags(cpu, width);
  writeFlags(s, (readFlags(s) & ~(mask | FLAG_RF)) | (image & mask));
  changedPrivilege(cpu);
}

/** Stores a frame pointer chain for `level` (0 … 31) and reserves `IMM` bytes. SDM 2: ENTER. */
function enter(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const size = 1 << widthOf(cpu, p);
  const level = cpu.code[p + LINK]! & 31;
  const bpLo = s[BP]!;
  const bpHi = s[BP + 1]!;
  // Everything is stored below the stack pointer first; registers move when nothing can fault any more.
  poke(cpu, -size, size, bpLo, bpHi);
  let depth = size;
  for (let i = 1; i < level; i++) {
    const lo = peekFrame(cpu, -i * size, size);
    depth += size;
    poke(cpu, -depth, size, lo, s[HI]!);
  }
  const oldLo = s[SP]!;
  const oldHi = s[SP + 1]!;
  moveStack(cpu, -size);
  const frameLo = s[SP]!;
  const frameHi = s[SP + 1]!;
  writeRegister64(cpu, SP, oldLo, oldHi);
  if (level > 0) {
    depth += size;
    poke(cpu, -depth, size, frameLo, frameHi);
  }
  const total = depth + (cpu.code[p + IMM]! & 0xffff);
  // SDM 2: it faults, too, if a write to the new top of the stack would.
  probeStack(cpu, -total, size);
  moveStack(cpu, -total);
  writeFrame(cpu, frameLo, frameHi, size);
}

/** A saved frame pointer, relative to rBP. */
function peekFrame(cpu: Cpu, offset: number, size: number): number {
  const { s } = cpu;
  const spLo = s[SP]!;
  const spHi = s[SP + 1]!;
  writeRegister64(cpu, SP, s[BP]!, s[BP + 1]!);
  try {
    return peek(cpu, offset, size);
  } finally {
    const hi = s[HI]!;
    writeRegister64(cpu, SP, spLo, spHi);
    s[HI] = hi;
  }
}

function writeFrame(cpu: Cpu, lo: number, hi: number, size: number): void {
  if (size === 8) writeRegister64(cpu, BP, lo, hi);
  else if (size === 4) writeRegister32(cpu, BP, lo);
  else cpu.words[2 * BP] = lo;
}

function leave(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const size = 1 << widthOf(cpu, p);
  const lo = peekFrame(cpu, 0, size);
  const hi = s[HI]!;
  if (cpu.stackSize === 8) writeRegister64(cpu, SP, s[BP]!, s[BP + 1]!);
  else if (cpu.stackSize === 4) writeRegister32(cpu, SP, s[BP]!);
  else cpu.words[2 * SP] = cpu.words[2 * BP]!;
  moveStack(cpu, size);
  writeFrame(cpu, lo, hi, size);
}

export const STACK_EXECUTORS: Record<
  | "push"
  | "pop"
  | "pushSegment"
  | "popSegment"
  | "pusha"
  | "popa"
  | "pushf"
  | "popf"
  | "enter"
  | "leave",
  Executor
> = {
  push: pushOperand,
  pop: popOperand,
  pushSegment,
  popSegment,
  pusha,
  popa,
  pushf,
  popf,
  enter,
  leave,
};
