// SPDX-License-Identifier: BSD-2-Clause
// Far JMP, CALL and RET: direct, through call gates, between privilege levels. SDM 3A 5.8, SDM 2.
import { HI } from "../../mmu/machine-layout.ts";
import { nextRip, setRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import {
  CPL,
  CS,
  GPR,
  RSP,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
} from "../state-layout.ts";
import { GP, NP } from "../vectors.ts";
import {
  ACCESS_DB,
  ACCESS_L,
  type Descriptor,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSegment,
  limitOf,
  loadSystem32,
  readDescriptor,
  selectorError,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS16,
  typeOf,
} from "./descriptor.ts";
import {
  commitPointer,
  currentStack,
  descriptorStack,
  drop,
  innerStack,
  longStack,
  peekFrom,
  pushTo,
  withPrivilege,
} from "./frame.ts";
import { changedPrivilege, changedSegments } from "./mode.ts";
import {
  checkedStack,
  commitCode,
  commitStack,
  dropPrivilegedSegments,
  setNullSegment,
  setRealSegment,
} from "./segmentation.ts";
import { switchTask } from "./task.ts";

const SP = GPR + 2 * RSP;

/** A far pointer: selector and offset pair. */
export interface FarTarget {
  readonly selector: number;
  readonly lo: number;
  readonly hi: number;
}

function csSelector(cpu: Cpu): number {
  return cpu.s[SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR]!;
}

/** Faults unless an offset can be executed in the code segment that is about to be loaded. */
export function checkOffset(cpu: Cpu, descriptor: Descriptor, lo: number, hi: number): void {
  if (cpu.isLongMode && (descriptor.access & ACCESS_L) !== 0) {
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
  } else if (hi !== 0 || lo >>> 0 > limitOf(descriptor) >>> 0) cpu.raise(GP, 0);
}

/** A code segment with L and D both set is reserved in long mode. */
function checkCodeBits(cpu: Cpu, descriptor: Descriptor, selector: number): void {
  const both = ACCESS_L | ACCESS_DB;
  if (cpu.isLongMode && (descriptor.access & both) === both) cpu.raise(GP, selectorError(selector));
}

function fetch(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) cpu.raise(GP, 0);
  return readDescriptor(cpu, selector) ?? cpu.raise(GP, selectorError(selector));
}

/** Faults unless CPL may go directly to a code segment, by JMP or CALL. */
function checkDirect(cpu: Cpu, descriptor: Descriptor, selector: number): void {
  const { access } = descriptor;
  const cpl = cpu.s[CPL]!;
  const isAllowed = isConforming(access)
    ? dplOf(access) <= cpl
    : (selector & 3) <= cpl && dplOf(access) === cpl;
  if (!isAllowed) cpu.raise(GP, selectorError(selector));
  checkCodeBits(cpu, descriptor, selector);
  if (!isPresent(access)) cpu.raise(NP, selectorError(selector));
}

function goTo(cpu: Cpu, target: FarTarget, descriptor: Descriptor, cpl: number): void {
  commitCode(cpu, target.selector, descriptor, cpl);
  changedSegments(cpu);
  setRip(cpu, target.lo, cpu.is64 ? target.hi : 0);
}

function checkRealOffset(cpu: Cpu, lo: number): void {
  if (lo >>> 0 > cpu.s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0) cpu.raise(GP, 0);
}

/** `width` is log2 of the operand size, which is the frame's on CALL. */
export function farJump(cpu: Cpu, p: number, target: FarTarget): void {
  if (!cpu.isProtected) {
    checkRealOffset(cpu, target.lo);
    setRealSegment(cpu, CS, target.selector);
    changedSegments(cpu);
    setRip(cpu, target.lo, 0);
    return;
  }
  const descriptor = fetch(cpu, target.selector);
  if (isCode(descriptor.access)) {
    checkDirect(cpu, descriptor, target.selector);
    checkOffset(cpu, descriptor, target.lo, target.hi);
    goTo(cpu, target, descriptor, cpu.s[CPL]!);
    return;
  }
  checkSystemAccess(cpu, descriptor, target.selector);
  if (isTask(cpu, descriptor)) switchTask(cpu, p, target.selector, descriptor, "jmp");
  else throughGate(cpu, p, gateTarget(cpu, descriptor, target.selector), "jmp");
}

export function farCall(cpu: Cpu, p: number, target: FarTarget, width: number): void {
  const size = 1 << width;
  if (!cpu.isProtected) {
    checkRealOffset(cpu, target.lo);
    pushReturn(cpu, p, size);
    setRealSegment(cpu, CS, target.selector);
    changedSegments(cpu);
    setRip(cpu, target.lo, 0);
    return;
  }
  const descriptor = fetch(cpu, target.selector);
  if (isCode(descriptor.access)) {
    checkDirect(cpu, descriptor, target.selector);
    checkOffset(cpu, descriptor, target.lo, target.hi);
    pushReturn(cpu, p, size);
    goTo(cpu, target, descriptor, cpu.s[CPL]!);
    return;
  }
  checkSystemAccess(cpu, descriptor, target.selector);
  if (isTask(cpu, descriptor)) switchTask(cpu, p, target.selector, descriptor, "call");
  else throughGate(cpu, p, gateTarget(cpu, descriptor, target.selector), "call");
}

/** Pushes CS and the next RIP on the current stack. */
function pushReturn(cpu: Cpu, p: number, size: number): void {
  const stack = currentStack(cpu);
  pushTo(cpu, stack, size, csSelector(cpu), 0);
  const lo = nextRip(cpu, p);
  pushTo(cpu, stack, size, lo, cpu.s[HI]!);
  commitPointer(cpu, stack);
}

/** Gates and task state segments: DPL must not be below CPL or RPL. */
function checkSystemAccess(cpu: Cpu, descriptor: Descriptor, selector: number): void {
  const { access } = descriptor;
  const type = typeOf(access);
  const isKnown = cpu.isLongMode
    ? type === TYPE_CALL_GATE
    : type === TYPE_CALL_GATE ||
      type === TYPE_CALL_GATE16 ||
      type === TYPE_TASK_GATE ||
      type === TYPE_TSS ||
      type === TYPE_TSS16;
  const weakest = Math.max(cpu.s[CPL]!, selector & 3);
  if (isSegment(access) || !isKnown || dplOf(access) < weakest) {
    cpu.raise(GP, selectorError(selector));
  }
  if (!isPresent(access)) cpu.raise(NP, selectorError(selector));
}

function isTask(cpu: Cpu, descriptor: Descriptor): boolean {
  const type = typeOf(descriptor.access);
  return !cpu.isLongMode && type !== TYPE_CALL_GATE && type !== TYPE_CALL_GATE16;
}

/** What a call gate leads to. */
interface Gate extends FarTarget {
  /** Bytes of a stack slot: 2, 4 or 8. */
  readonly size: number;
  /** Parameters to copy to an inner stack. */
  readonly parameters: number;
}

function gateTarget(cpu: Cpu, gate: Descriptor, gateSelector: number): Gate {
  const selector = gate.lo >>> 16;
  if (cpu.isLongMode) {
    const hi = loadSystem32(cpu, gate.addressLo, gate.addressHi, 8);
    // The upper half of a 16-byte descriptor has a zero type where a descriptor would have its own.
    const top = loadSystem32(cpu, gate.addressLo, gate.addressHi, 12);
    if ((top & 0x1f00) !== 0) cpu.raise(GP, selectorError(gateSelector));
    return {
      selector,
      lo: (gate.lo & 0xffff) | (gate.hi & 0xffff0000),
      hi,
      size: 8,
      parameters: 0,
    };
  }
  const is32 = typeOf(gate.access) === TYPE_CALL_GATE;
  const lo = (gate.lo & 0xffff) | (is32 ? gate.hi & 0xffff0000 : 0);
  return { selector, lo, hi: 0, size: is32 ? 4 : 2, parameters: gate.hi & 31 };
}

function throughGate(cpu: Cpu, p: number, gate: Gate, kind: "jmp" | "call"): void {
  const descriptor = fetch(cpu, gate.selector);
  const { access } = descriptor;
  const cpl = cpu.s[CPL]!;
  const error = selectorError(gate.selector);
  if (!isCode(access) || dplOf(access) > cpl) cpu.raise(GP, error);
  // A jump through a gate never changes the privilege level.
  if (kind === "jmp" && !isConforming(access) && dplOf(access) !== cpl) cpu.raise(GP, error);
  const bits = access & (ACCESS_L | ACCESS_DB);
  if (cpu.isLongMode && bits !== ACCESS_L) cpu.raise(GP, error);
  if (!isPresent(access)) cpu.raise(NP, error);
  if (kind === "call" && !isConforming(access) && dplOf(access) < cpl) {
    callInner(cpu, p, gate, descriptor);
    return;
  }
  checkOffset(cpu, descriptor, gate.lo, gate.hi);
  if (kind === "call") pushReturn(cpu, p, gate.size);
  goTo(cpu, gate, descriptor, cpl);
}

/** A call to an inner privilege level: old stack pointer, parameters and return address go to the new stack. */
function callInner(cpu: Cpu, p: number, gate: Gate, descriptor: Descriptor): void {
  const { s } = cpu;
  const cpl = dplOf(descriptor.access);
  const inner = innerStack(cpu, cpl);
  checkOffset(cpu, descriptor, gate.lo, gate.hi);
  const outer = currentStack(cpu);
  const parameters: number[] = [];
  for (let i = 0; i < gate.parameters; i++) {
    parameters.push(peekFrom(cpu, outer, i * gate.size, gate.size));
  }
  const returnLo = nextRip(cpu, p);
  const returnHi = s[HI]!;
  withPrivilege(cpu, cpl, () => {
    const { stack } = inner;
    pushTo(cpu, stack, gate.size, s[SEGMENTS + SS * SEG_WORDS + SEG_SELECTOR]!, 0);
    pushTo(cpu, stack, gate.size, s[SP]!, s[SP + 1]!);
    for (const value of parameters.reverse()) pushTo(cpu, stack, gate.size, value, 0);
    pushTo(cpu, stack, gate.size, csSelector(cpu), 0);
    pushTo(cpu, stack, gate.size, returnLo, returnHi);
  });
  inner.commit();
  commitPointer(cpu, inner.stack);
  goTo(cpu, gate, descriptor, cpl);
  changedPrivilege(cpu);
}

/** RETF, with `release` bytes of parameters. */
export function farReturn(cpu: Cpu, width: number, release: number): void {
  const { s } = cpu;
  const size = 1 << width;
  const stack = currentStack(cpu);
  const lo = peekFrom(cpu, stack, 0, size);
  const hi = s[HI]!;
  const selector = peekFrom(cpu, stack, size, size) & 0xffff;
  if (!cpu.isProtected) {
    checkRealOffset(cpu, lo);
    drop(stack, 2 * size + release);
    commitPointer(cpu, stack);
    setRealSegment(cpu, CS, selector);
    changedSegments(cpu);
    setRip(cpu, lo, 0);
    return;
  }
  const descriptor = checkedReturn(cpu, selector);
  if ((selector & 3) === s[CPL]) {
    checkOffset(cpu, descriptor, lo, hi);
    drop(stack, 2 * size + release);
    commitPointer(cpu, stack);
    goTo(cpu, { selector, lo, hi }, descriptor, s[CPL]!);
    return;
  }
  const outer = outerStack(cpu, stack, 2 * size + release, size, descriptor, selector & 3);
  checkOffset(cpu, descriptor, lo, hi);
  outer.commit(release);
  goTo(cpu, { selector, lo, hi }, descriptor, selector & 3);
  changedPrivilege(cpu);
  dropPrivilegedSegments(cpu);
  changedSegments(cpu);
}

/** The code segment that RETF and IRET go back to; its RPL is the privilege level to return to. */
export function checkedReturn(cpu: Cpu, selector: number): Descriptor {
  const descriptor = fetch(cpu, selector);
  const { access } = descriptor;
  const rpl = selector & 3;
  const isAllowed =
    isCode(access) &&
    rpl >= cpu.s[CPL]! &&
    (isConforming(access) ? dplOf(access) <= rpl : dplOf(access) === rpl);
  if (!isAllowed) cpu.raise(GP, selectorError(selector));
  checkCodeBits(cpu, descriptor, selector);
  if (!isPresent(access)) cpu.raise(NP, selectorError(selector));
  return descriptor;
}

/** Reads and checks SS:rSP of an outer level, `offset` bytes up the frame. */
export function outerStack(
  cpu: Cpu,
  stack: ReturnType<typeof currentStack>,
  offset: number,
  size: number,
  code: Descriptor,
  cpl: number,
): { commit(release: number): void } {
  const spLo = peekFrom(cpu, stack, offset, size);
  const spHi = cpu.s[HI]!;
  const selector = peekFrom(cpu, stack, offset + size, size) & 0xffff;
  const isTo64 = cpu.isLongMode && (code.access & ACCESS_L) !== 0;
  if (isNull(selector) && isTo64 && cpl !== 3 && (selector & 3) === cpl) {
    return {
      commit: (release) => {
        setNullSegment(cpu, SS, selector, cpl);
        const outer = longStack(spLo, spHi);
        drop(outer, release);
        commitPointer(cpu, outer);
      },
    };
  }
  const descriptor = checkedStack(cpu, selector, cpl, GP);
  return {
    commit: (release) => {
      commitStack(cpu, selector, descriptor);
      const outer = isTo64 ? longStack(spLo, spHi) : descriptorStack(descriptor, selector, spLo);
      drop(outer, release);
      commitPointer(cpu, outer);
    },
  };
}
