// SPDX-License-Identifier: BSD-2-Clause
// Stack frames of far calls and interrupts, laid out on a stack before the processor switches to it, so
// that a fault on the way leaves everything as it was. SDM 3A 6.12, 6.14.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { FLAG_AC } from "../flags.ts";
import {
  CPL,
  CR4,
  FLAGS,
  GPR,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../state-layout.ts";
import { SS_FAULT, TS } from "../vectors.ts";
import { CR4_SMAP } from "./control-bits.ts";
import {
  ACCESS_DB,
  ACCESS_EC,
  baseOf,
  type Descriptor,
  limitOf,
  loadSystem16,
  loadSystem32,
  selectorError,
  TYPE_TSS,
  typeOf,
} from "./descriptor.ts";
import { checkedStack, commitStack, setNullSegment } from "./segmentation.ts";
import { withoutAlignmentCheck } from "./watch.ts";

const SP = GPR + 2 * RSP;

/** A stack, current or to be switched to. Outside 64-bit mode it has base, limit and pointer size. */
export interface Stack {
  readonly isLong: boolean;
  readonly is32: boolean;
  readonly base: number;
  readonly limit: number;
  readonly isExpandDown: boolean;
  /** Error code of #SS if the frame does not fit: the selector on a switch, else 0. */
  readonly error: number;
  spLo: number;
  spHi: number;
}

/** The stack in use. */
export function currentStack(cpu: Cpu): Stack {
  const { s } = cpu;
  const at = SEGMENTS + SS * SEG_WORDS;
  return {
    isLong: cpu.is64,
    is32: cpu.stackSize === 4,
    base: s[at + SEG_BASE]!,
    limit: s[at + SEG_LIMIT]!,
    isExpandDown: cpu.isProtected && (s[at + SEG_ACCESS]! & (8 | ACCESS_EC)) === ACCESS_EC,
    error: 0,
    spLo: s[SP]!,
    spHi: cpu.is64 ? s[SP + 1]! : 0,
  };
}

/** A stack that a checked descriptor describes. */
export function descriptorStack(descriptor: Descriptor, selector: number, sp: number): Stack {
  return {
    isLong: false,
    is32: (descriptor.access & ACCESS_DB) !== 0,
    base: baseOf(descriptor),
    limit: limitOf(descriptor),
    isExpandDown: (descriptor.access & (8 | ACCESS_EC)) === ACCESS_EC,
    error: selectorError(selector),
    spLo: sp,
    spHi: 0,
  };
}

/** A flat 64-bit stack. */
export function longStack(spLo: number, spHi: number): Stack {
  return {
    isLong: true,
    is32: false,
    base: 0,
    limit: -1,
    isExpandDown: false,
    error: 0,
    spLo,
    spHi,
  };
}

/** Stores one value of 2, 4 or 8 bytes and moves the stack's own pointer, not the processor's. */
export function pushTo(cpu: Cpu, stack: Stack, size: number, lo: number, hi: number): void {
  const spLo = (stack.spLo - size) | 0;
  if (stack.isLong) {
    const spHi = (stack.spHi - (stack.spLo >>> 0 < size ? 1 : 0)) | 0;
    if (spHi >> 15 !== 0 && spHi >> 15 !== -1) cpu.raise(SS_FAULT, 0);
    store(cpu, spLo, spHi, size, lo, hi);
    stack.spLo = spLo;
    stack.spHi = spHi;
    return;
  }
  const offset = stack.is32 ? spLo : spLo & 0xffff;
  if (!fits(stack, offset >>> 0, size)) cpu.raise(SS_FAULT, stack.error);
  store(cpu, (stack.base + offset) | 0, 0, size, lo, hi);
  stack.spLo = stack.is32 ? spLo : (stack.spLo & ~0xffff) | offset;
}

function fits(stack: Stack, offset: number, size: number): boolean {
  const last = offset + size - 1;
  if (stack.isExpandDown) {
    return offset > stack.limit >>> 0 && last <= (stack.is32 ? 0xffffffff : 0xffff);
  }
  return last <= stack.limit >>> 0;
}

function store(cpu: Cpu, atLo: number, atHi: number, size: number, lo: number, hi: number): void {
  if (size === 8) cpu.mem.store64(atLo, atHi, lo, hi);
  else if (size === 4) cpu.mem.store32(atLo, atHi, lo);
  else cpu.mem.store16(atLo, atHi, lo);
}

/** Makes the stack's pointer the processor's. */
export function commitPointer(cpu: Cpu, stack: Stack): void {
  const { s } = cpu;
  if (stack.isLong) {
    s[SP] = stack.spLo;
    s[SP + 1] = stack.spHi;
  } else if (stack.is32) {
    s[SP] = stack.spLo;
    s[SP + 1] = 0;
  } else cpu.words[2 * SP] = stack.spLo;
}

/** Runs `access` with the memory rights of a privilege level that is about to be entered. */
export function withPrivilege<T>(cpu: Cpu, cpl: number, access: () => T): T {
  const { s } = cpu;
  const hasSmap = (s[CR4]! & CR4_SMAP) !== 0;
  const isAc = (s[FLAGS]! & FLAG_AC) !== 0;
  cpu.mem.setPrivilege(cpl === 3, hasSmap, isAc);
  try {
    return cpl === 3 ? access() : withoutAlignmentCheck(cpu, access);
  } finally {
    cpu.mem.setPrivilege(s[CPL] === 3, hasSmap, isAc);
  }
}

/** A stack for an inner privilege level, from the task state segment, and what SS will be. */
export interface SwitchedStack {
  readonly stack: Stack;
  commit(): void;
}

/** SDM 3A 7.2.1, 7.7: SS0:ESP0 … of a 16- or 32-bit TSS, RSP0 … RSP2 of a 64-bit one. */
export function innerStack(cpu: Cpu, cpl: number): SwitchedStack {
  return cpu.isLongMode ? longInnerStack(cpu, cpl, 4 + 8 * cpl) : legacyInnerStack(cpu, cpl);
}

/** A stack of the interrupt stack table, `ist` being 1 … 7. */
export function interruptStack(cpu: Cpu, cpl: number, ist: number): SwitchedStack {
  return longInnerStack(cpu, cpl, 0x1c + 8 * ist);
}

function tssError(cpu: Cpu): number {
  return selectorError(cpu.s[SEGMENTS + TR * SEG_WORDS + SEG_SELECTOR]!);
}

function longInnerStack(cpu: Cpu, cpl: number, offset: number): SwitchedStack {
  const { s } = cpu;
  const tss = SEGMENTS + TR * SEG_WORDS;
  if (offset + 7 > s[tss + SEG_LIMIT]! >>> 0) cpu.raise(TS, tssError(cpu));
  const spLo = loadSystem32(cpu, s[tss + SEG_BASE]!, s[tss + SEG_BASE + 1]!, offset);
  const spHi = loadSystem32(cpu, s[tss + SEG_BASE]!, s[tss + SEG_BASE + 1]!, offset + 4);
  if (spHi >> 15 !== 0 && spHi >> 15 !== -1) cpu.raise(SS_FAULT, 0);
  const isSwitch = cpl !== s[CPL];
  return {
    stack: longStack(spLo, spHi),
    commit: () => {
      if (isSwitch) setNullSegment(cpu, SS, cpl, cpl);
    },
  };
}

function legacyInnerStack(cpu: Cpu, cpl: number): SwitchedStack {
  const { s } = cpu;
  const tss = SEGMENTS + TR * SEG_WORDS;
  const is32 = (typeOf(s[tss + SEG_ACCESS]!) & 8) === (TYPE_TSS & 8);
  const offset = is32 ? 4 + 8 * cpl : 2 + 4 * cpl;
  if (offset + (is32 ? 5 : 3) > s[tss + SEG_LIMIT]! >>> 0) cpu.raise(TS, tssError(cpu));
  const base = s[tss + SEG_BASE]!;
  const sp = is32 ? loadSystem32(cpu, base, 0, offset) : loadSystem16(cpu, base, 0, offset);
  const selector = loadSystem16(cpu, base, 0, offset + (is32 ? 4 : 2));
  const descriptor = checkedStack(cpu, selector, cpl, TS);
  return {
    stack: descriptorStack(descriptor, selector, sp),
    commit: () => commitStack(cpu, selector, descriptor),
  };
}

/** Reads `size` bytes, `offset` bytes above a stack's pointer: low half, high half in HI. Nothing moves. */
export function peekFrom(cpu: Cpu, stack: Stack, offset: number, size: number): number {
  const lo = (stack.spLo + offset) | 0;
  if (stack.isLong) {
    const hi = (stack.spHi + (lo >>> 0 < offset >>> 0 ? 1 : 0)) | 0;
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(SS_FAULT, 0);
    return loadSized(cpu, lo, hi, size);
  }
  const at = stack.is32 ? lo : lo & 0xffff;
  if (!fits(stack, at >>> 0, size)) cpu.raise(SS_FAULT, stack.error);
  return loadSized(cpu, (stack.base + at) | 0, 0, size);
}

function loadSized(cpu: Cpu, lo: number, hi: number, size: number): number {
  if (size === 8) return cpu.mem.load64(lo, hi);
  const value = size === 4 ? cpu.mem.load32(lo, hi) : cpu.mem.load16(lo, hi);
  cpu.s[HI] = 0;
  return value;
}

/** Moves a stack's own pointer up. */
export function drop(stack: Stack, bytes: number): void {
  const lo = (stack.spLo + bytes) | 0;
  if (stack.isLong) {
    stack.spHi = (stack.spHi + (lo >>> 0 < bytes >>> 0 ? 1 : 0)) | 0;
    stack.spLo = lo;
  } else stack.spLo = stack.is32 ? lo : (stack.spLo & ~0xffff) | (lo & 0xffff);
}
