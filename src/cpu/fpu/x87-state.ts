// SPDX-License-Identifier: BSD-2-Clause
// The x87 register stack, its exceptions and its pointers: SDM 1 8.1 and 8.5-8.7, SDM 3A 2.5 (CR0.EM, TS).
//
// A register is named by the index of its first state word. FPU_TAGS only tells empty registers (11b) from
// full ones (00b), as processors do: the other tags follow from what is in them when somebody asks.
//
// An unmasked exception is raised as #MF by the next waiting instruction, whatever CR0.NE says: VMX, and so
// bhyve, runs guests with NE set. The external way, FERR# to IRQ 13 and IGNNE#, is not there.

import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_LENGTH_SHIFT, INFO_SEGMENT_SHIFT, NEXT } from "../decode/record.ts";
import { effectiveAddress } from "../ea.ts";
import {
  CR0,
  CS,
  CURRENT,
  FPU_CONTROL,
  FPU_CS,
  FPU_DP,
  FPU_DS,
  FPU_IP,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_RESULT,
  FPU_STATUS,
  FPU_TAGS,
  RIP,
  RIP_HIGH_MASK,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
} from "../state-layout.ts";
import { CR0_EM, CR0_TS } from "../system/control-bits.ts";
import { MF, NM } from "../vectors.ts";
import { copy, setIndefinite } from "./float80.ts";
import {
  EXCEPTIONS,
  PENDING,
  STATUS_C1,
  STATUS_DE,
  STATUS_ES,
  STATUS_IE,
  STATUS_SF,
  STATUS_TOP,
  STATUS_TOP_SHIFT,
  STATUS_ZE,
} from "./status.ts";

/** What every x87 instruction begins with that does not wait: #NM. */
export function beginNoWait(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if ((cpu.s[CR0]! & (CR0_EM | CR0_TS)) !== 0) cpu.raise(NM);
}

/** What every other x87 instruction begins with: #NM, and #MF for the exception that an earlier one left. */
export function begin(cpu: Cpu, p: number): void {
  beginNoWait(cpu, p);
  if ((cpu.s[FPU_STATUS]! & STATUS_ES) !== 0) cpu.raise(MF);
}

const CS_SELECTOR = SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR;

/** Makes the instruction the last one that was not a control instruction. */
export function noteInstruction(cpu: Cpu, p: number): void {
  const { s, code } = cpu;
  const offset = code[p + NEXT]! - ((code[p + INFO]! >>> INFO_LENGTH_SHIFT) & 15);
  const lo = (s[RIP]! + offset) | 0;
  s[FPU_IP] = lo;
  s[FPU_IP + 1] = (s[RIP + 1]! + (lo >>> 0 < offset >>> 0 ? 1 : 0)) & s[RIP_HIGH_MASK]!;
  s[FPU_CS] = s[CS_SELECTOR]!;
}

/** The same for one with a memory operand, which must have been accessed: a fault leaves the pointers alone. */
export function noteOperand(cpu: Cpu, p: number): void {
  const { s } = cpu;
  noteInstruction(cpu, p);
  s[FPU_DP] = effectiveAddress(cpu, p);
  s[FPU_DP + 1] = s[HI]!;
  const segment = (cpu.code[p + INFO]! >>> INFO_SEGMENT_SHIFT) & 7;
  s[FPU_DS] = s[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
}

/** ST(i). */
export function stackRegister(s: Int32Array, i: number): number {
  return FPU_REGISTERS + ((((s[FPU_STATUS]! >>> STATUS_TOP_SHIFT) + i) & 7) << 2);
}

/** Where a register's tag is: two bits for four words. */
function tagShift(register: number): number {
  return (register - FPU_REGISTERS) >> 1;
}

export function isEmpty(s: Int32Array, register: number): boolean {
  return ((s[FPU_TAGS]! >>> tagShift(register)) & 1) !== 0;
}

export function setEmpty(s: Int32Array, register: number): void {
  s[FPU_TAGS] = s[FPU_TAGS]! | (3 << tagShift(register));
}

export function setFull(s: Int32Array, register: number): void {
  s[FPU_TAGS] = s[FPU_TAGS]! & ~(3 << tagShift(register));
}

/** Puts the last result into a register. */
export function storeResult(s: Int32Array, register: number): void {
  copy(s, FPU_RESULT, register);
  setFull(s, register);
}

/** Moves TOP by one register up (pop) or down. */
export function rotate(s: Int32Array, by: 1 | -1): void {
  const status = s[FPU_STATUS]!;
  s[FPU_STATUS] = (status & ~STATUS_TOP) | ((status + (by << STATUS_TOP_SHIFT)) & STATUS_TOP);
}

export function pop(s: Int32Array): void {
  setEmpty(s, stackRegister(s, 0));
  rotate(s, 1);
}

/** Pushes the last result; the register below must be empty, or be meant to be overwritten. */
export function pushResult(s: Int32Array): void {
  rotate(s, -1);
  storeResult(s, stackRegister(s, 0));
}

/** Exceptions whose unmasked response leaves the operands as they were. */
const BEFORE_OPERATION = STATUS_IE | STATUS_DE | STATUS_ZE;

/** Puts status bits into the status word; false if an unmasked exception forbids the result to be stored. */
export function report(cpu: Cpu, p: number, flags: number): boolean {
  const { s } = cpu;
  if ((flags & ~s[FPU_CONTROL]! & EXCEPTIONS) !== 0) return reportUnmasked(cpu, p, flags);
  s[FPU_STATUS] = (s[FPU_STATUS]! & ~STATUS_C1) | flags;
  return true;
}

/** Where the operation is not carried out, there is no rounding to report, nor a quotient. */
function reportUnmasked(cpu: Cpu, p: number, flags: number): boolean {
  const { s } = cpu;
  const isStopped = (flags & ~s[FPU_CONTROL]! & BEFORE_OPERATION) !== 0;
  const kept = isStopped ? flags & (BEFORE_OPERATION | STATUS_SF | stackC1(flags)) : flags;
  s[FPU_STATUS] = (s[FPU_STATUS]! & ~STATUS_C1) | kept | PENDING;
  s[FPU_OPCODE] = cpu.code[p + IMM]!;
  return !isStopped;
}

/** C1 tells stack overflow from underflow. */
function stackC1(flags: number): number {
  return (flags & STATUS_SF) !== 0 ? STATUS_C1 : 0;
}

export const STACK_UNDERFLOW = STATUS_IE | STATUS_SF;
export const STACK_OVERFLOW = STATUS_IE | STATUS_SF | STATUS_C1;

/** Reports an empty source. True if the indefinite, which is the last result then, is to be stored. */
export function stackUnderflow(cpu: Cpu, p: number): boolean {
  setIndefinite(cpu.s);
  return report(cpu, p, STACK_UNDERFLOW);
}

/** Makes room for a push; if the register below is full that is a stack fault, and false. */
export function canPush(cpu: Cpu, p: number): boolean {
  const { s } = cpu;
  if (isEmpty(s, stackRegister(s, -1))) return true;
  setIndefinite(s);
  if (report(cpu, p, STACK_OVERFLOW)) pushResult(s);
  return false;
}

/** After the control or the status word was written: whether an unmasked exception is pending. */
export function changedMasks(s: Int32Array): void {
  const status = s[FPU_STATUS]! & ~PENDING;
  const isPending = (status & ~s[FPU_CONTROL]! & EXCEPTIONS) !== 0;
  s[FPU_STATUS] = isPending ? status | PENDING : status;
}
