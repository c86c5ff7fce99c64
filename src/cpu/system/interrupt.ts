// SPDX-License-Identifier: BSD-2-Clause
// Delivery through the interrupt table, and IRET: SDM 3A ch. 6 (legacy 6.12, 64-bit 6.14, virtual-8086 20.3).
import { HI } from "../../mmu/machine-layout.ts";
import { nextRip, setRip } from "../branch.ts";
import { type Cpu, FROM_MEMORY } from "../cpu.ts";
import {
  FLAG_AC,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  readFlags,
  writeFlags,
} from "../flags.ts";
import { widthOf } from "../interp/operands.ts";
import {
  ACTIVITY_NMI_BLOCKED,
  CPL,
  CS,
  CURRENT,
  DS,
  ES,
  FLAGS,
  FS,
  GPR,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  RIP,
  RSP,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../state-layout.ts";
import { GP, NP, TS } from "../vectors.ts";
import {
  ACCESS_DB,
  ACCESS_L,
  type Descriptor,
  descriptorAt,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSegment,
  loadSystem16,
  loadSystem32,
  readDescriptor,
  selectorError,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE16,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE16,
  typeOf,
} from "./descriptor.ts";
import { checkedReturn, checkOffset, outerStack } from "./far.ts";
import { writableFlags } from "./flag-access.ts";
import {
  commitPointer,
  currentStack,
  drop,
  innerStack,
  interruptStack,
  longStack,
  peekFrom,
  pushTo,
  type Stack,
  type SwitchedStack,
  withPrivilege,
} from "./frame.ts";
import { changedPrivilege, changedSegments } from "./mode.ts";
import {
  commitCode,
  dropPrivilegedSegments,
  setNullSegment,
  setRealSegment,
} from "./segmentation.ts";
import { switchTask } from "./task.ts";

/**
 * What brings an interrupt about. "event" is hardware's, an exception's, or INT1's; "int" is INT n, which
 * virtual-8086 mode may trap; "int3" is INT3 and INTO. The last two obey the gate's DPL.
 */
export type InterruptSource = "event" | "int" | "int3" | "int1";

export interface Interruption {
  readonly vector: number;
  readonly errorCode: number | undefined;
  readonly source: InterruptSource;
  /** RFLAGS to push: with RF set for faults. */
  readonly flags: number;
}

/** Error codes of faults during delivery say EXT unless a program asked for the interrupt. */
function externalBit({ source }: Interruption): number {
  return source === "event" || source === "int1" ? 1 : 0;
}

/** Calls the handler. RIP is the address to return to. Faults leave the state as it was. */
export function deliver(cpu: Cpu, interruption: Interruption): void {
  if (!cpu.isProtected && !cpu.isV86) deliverReal(cpu, interruption);
  else deliverProtected(cpu, interruption);
}

/** INT n, INT3, INTO, INT1 at record `p`. */
export function softwareInterrupt(
  cpu: Cpu,
  p: number,
  vector: number,
  source: InterruptSource,
): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (cpu.isV86 && source === "int" && (s[FLAGS]! & FLAG_IOPL) !== FLAG_IOPL) cpu.raise(GP, 0);
  const oldLo = s[RIP]!;
  const oldHi = s[RIP + 1]!;
  const lo = nextRip(cpu, p);
  setRip(cpu, lo, s[HI]!);
  let isDone = false;
  try {
    deliver(cpu, { vector, errorCode: undefined, source, flags: readFlags(s) });
    isDone = true;
  } finally {
    if (!isDone) setRip(cpu, oldLo, oldHi);
  }
}

function deliverReal(cpu: Cpu, { vector, flags }: Interruption): void {
  const { s } = cpu;
  if (vector * 4 + 3 > s[IDTR_LIMIT]! >>> 0) cpu.raise(GP, vector * 8 + 2);
  const ip = loadSystem16(cpu, s[IDTR_BASE]!, 0, vector * 4);
  const selector = loadSystem16(cpu, s[IDTR_BASE]!, 0, vector * 4 + 2);
  const stack = currentStack(cpu);
  pushTo(cpu, stack, 2, flags, 0);
  pushTo(cpu, stack, 2, s[SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR]!, 0);
  pushTo(cpu, stack, 2, s[RIP]!, 0);
  commitPointer(cpu, stack);
  setRealSegment(cpu, CS, selector);
  writeFlags(s, readFlags(s) & ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF));
  changedSegments(cpu);
  setRip(cpu, ip, 0);
}

/** The gate of a vector, checked. */
function gateOf(cpu: Cpu, interruption: Interruption): Descriptor {
  const { s } = cpu;
  const { vector, source } = interruption;
  const bytes = cpu.isLongMode ? 16 : 8;
  const error = vector * 8 + 2 + externalBit(interruption);
  if (vector * bytes + bytes - 1 > s[IDTR_LIMIT]! >>> 0) cpu.raise(GP, error);
  const lo = (s[IDTR_BASE]! + vector * bytes) | 0;
  const hi = s[IDTR_BASE + 1]! + (lo >>> 0 < vector * bytes ? 1 : 0);
  const gate = descriptorAt(cpu, lo, hi | 0);
  const type = typeOf(gate.access);
  const isKnown =
    type === TYPE_INTERRUPT_GATE ||
    type === TYPE_TRAP_GATE ||
    (!cpu.isLongMode &&
      (type === TYPE_TASK_GATE || type === TYPE_INTERRUPT_GATE16 || type === TYPE_TRAP_GATE16));
  if (isSegment(gate.access) || !isKnown) cpu.raise(GP, error);
  const isProgram = source === "int" || source === "int3";
  if (isProgram && dplOf(gate.access) < s[CPL]!) cpu.raise(GP, error);
  if (!isPresent(gate.access)) cpu.raise(NP, error);
  return gate;
}

function deliverProtected(cpu: Cpu, interruption: Interruption): void {
  const gate = gateOf(cpu, interruption);
  try {
    enterGate(cpu, gate, interruption);
  } catch (fault) {
    // Whatever is wrong with what the gate leads to; a page fault's code has no such bit.
    if (cpu.faultVector !== FROM_MEMORY) cpu.faultCode |= externalBit(interruption);
    throw fault;
  }
}

function enterGate(cpu: Cpu, gate: Descriptor, interruption: Interruption): void {
  if (typeOf(gate.access) === TYPE_TASK_GATE) {
    switchTask(cpu, -1, gate.lo >>> 16, gate, "gate", interruption.flags);
    pushErrorCode(cpu, interruption);
    return;
  }
  const selector = gate.lo >>> 16;
  if (isNull(selector)) cpu.raise(GP, 0);
  const code = readDescriptor(cpu, selector) ?? cpu.raise(GP, selectorError(selector));
  const cpl = checkHandler(cpu, selector, code);
  const offsetLo = (gate.lo & 0xffff) | (isWideGate(gate) ? gate.hi & 0xffff0000 : 0);
  const offsetHi = cpu.isLongMode ? loadSystem32(cpu, gate.addressLo, gate.addressHi, 8) : 0;
  const inner = handlerStack(cpu, cpl, cpu.isLongMode ? gate.hi & 7 : 0);
  checkOffset(cpu, code, offsetLo, offsetHi);
  const size = cpu.isLongMode ? 8 : isWideGate(gate) ? 4 : 2;
  pushFrame(cpu, interruption, cpl, inner, size);
  commit(cpu, { selector, code, cpl, inner });
  const isTrap = (typeOf(gate.access) & 1) !== 0;
  const cleared = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (isTrap ? 0 : FLAG_IF);
  writeFlags(cpu.s, readFlags(cpu.s) & ~cleared);
  changedSegments(cpu);
  changedPrivilege(cpu);
  setRip(cpu, offsetLo, offsetHi);
}

function isWideGate(gate: Descriptor): boolean {
  return (typeOf(gate.access) & 8) !== 0;
}

/** The handler's privilege level. From virtual-8086 mode it must be 0. */
function checkHandler(cpu: Cpu, selector: number, code: Descriptor): number {
  const { access } = code;
  const error = selectorError(selector);
  const cpl = cpu.s[CPL]!;
  if (!isCode(access) || dplOf(access) > cpl) cpu.raise(GP, error);
  const bits = access & (ACCESS_L | ACCESS_DB);
  if (cpu.isLongMode && bits !== ACCESS_L) cpu.raise(GP, error);
  if (!isPresent(access)) cpu.raise(NP, error);
  const target = isConforming(access) ? cpl : dplOf(access);
  if (cpu.isV86 && target !== 0) cpu.raise(GP, error);
  return target;
}

/** The stack the handler runs on, and what else the switch changes. */
function handlerStack(cpu: Cpu, cpl: number, ist: number): SwitchedStack {
  const { s } = cpu;
  if (cpu.isLongMode) {
    if (ist !== 0) return aligned(interruptStack(cpu, cpl, ist));
    if (cpl !== s[CPL]) return aligned(innerStack(cpu, cpl));
    // Also from compatibility mode at the same level the frame is a 64-bit one.
    const sp = GPR + 2 * RSP;
    return aligned({ stack: longStack(s[sp]!, s[sp + 1]!), commit() {} });
  }
  if (cpl === s[CPL] && !cpu.isV86) return { stack: currentStack(cpu), commit() {} };
  return innerStack(cpu, cpl);
}

/** In 64-bit mode the frame starts at a multiple of 16. */
function aligned(switched: SwitchedStack): SwitchedStack {
  switched.stack.spLo &= ~15;
  return switched;
}

function pushFrame(
  cpu: Cpu,
  { flags, errorCode }: Interruption,
  cpl: number,
  { stack }: SwitchedStack,
  size: number,
): void {
  const { s } = cpu;
  const selectorOf = (segment: number) => s[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
  const sp = GPR + 2 * RSP;
  withPrivilege(cpu, cpl, () => {
    if (cpu.isV86) {
      for (const segment of [GS, FS, DS, ES]) pushTo(cpu, stack, size, selectorOf(segment), 0);
    }
    if (cpu.isLongMode || cpu.isV86 || cpl !== s[CPL]) {
      pushTo(cpu, stack, size, selectorOf(SS), 0);
      pushTo(cpu, stack, size, s[sp]!, cpu.is64 ? s[sp + 1]! : 0);
    }
    pushTo(cpu, stack, size, flags, 0);
    pushTo(cpu, stack, size, selectorOf(CS), 0);
    pushTo(cpu, stack, size, s[RIP]!, s[RIP + 1]!);
    if (errorCode !== undefined) pushTo(cpu, stack, size, errorCode, 0);
  });
}

interface Handler {
  readonly selector: number;
  readonly code: Descriptor;
  readonly cpl: number;
  readonly inner: SwitchedStack;
}

function commit(cpu: Cpu, { selector, code, cpl, inner }: Handler): void {
  if (cpu.isV86) {
    for (const segment of [GS, FS, DS, ES]) setNullSegment(cpu, segment, 0);
  }
  inner.commit();
  commitPointer(cpu, inner.stack);
  commitCode(cpu, selector, code, cpl);
}

/** After a task gate: the error code goes to the new task's stack. */
function pushErrorCode(cpu: Cpu, { errorCode }: Interruption): void {
  if (errorCode === undefined) return;
  const stack = currentStack(cpu);
  const is32 = (cpu.s[SEGMENTS + TR * SEG_WORDS + 1]! & 8) !== 0;
  pushTo(cpu, stack, is32 ? 4 : 2, errorCode, 0);
  commitPointer(cpu, stack);
}

/** IRET, IRETD, IRETQ at record `p`. NMIs are no longer blocked, also where it faults (SDM 3A 6.7.1). */
export function interruptReturn(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  cpu.setActivity(ACTIVITY_NMI_BLOCKED, false);
  const width = widthOf(cpu, p);
  if (cpu.isV86) {
    if ((s[FLAGS]! & FLAG_IOPL) !== FLAG_IOPL) cpu.raise(GP, 0);
    returnReal(cpu, width);
  } else if (!cpu.isProtected) returnReal(cpu, width);
  else if ((s[FLAGS]! & FLAG_NT) !== 0) returnFromTask(cpu, p);
  else returnProtected(cpu, width);
}

/** Real mode and virtual-8086 mode, which may not change IOPL. */
function returnReal(cpu: Cpu, width: number): void {
  const { s } = cpu;
  const size = 1 << width;
  const stack = currentStack(cpu);
  const ip = peekFrom(cpu, stack, 0, size);
  const selector = peekFrom(cpu, stack, size, size) & 0xffff;
  const image = peekFrom(cpu, stack, 2 * size, size);
  if (ip >>> 0 > s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0) cpu.raise(GP, 0);
  drop(stack, 3 * size);
  commitPointer(cpu, stack);
  setRealSegment(cpu, CS, selector);
  const mask =
    writableFlags(cpu, width) | FLAG_IF | (cpu.isV86 ? 0 : FLAG_IOPL) | (width === 1 ? 0 : FLAG_RF);
  writeFlags(s, (readFlags(s) & ~mask) | (image & mask));
  changedSegments(cpu);
  changedPrivilege(cpu);
  setRip(cpu, ip, 0);
}

function returnFromTask(cpu: Cpu, p: number): void {
  const { s } = cpu;
  if (cpu.isLongMode) cpu.raise(GP, 0);
  const link = loadSystem16(cpu, s[SEGMENTS + TR * SEG_WORDS + SEG_BASE]!, 0, 0);
  const error = selectorError(link);
  if (isNull(link) || (link & 4) !== 0) cpu.raise(TS, error);
  const tss = readDescriptor(cpu, link) ?? cpu.raise(TS, error);
  switchTask(cpu, p, link, tss, "iret");
}

function returnProtected(cpu: Cpu, width: number): void {
  const { s } = cpu;
  const size = 1 << width;
  const stack = currentStack(cpu);
  const lo = peekFrom(cpu, stack, 0, size);
  const hi = s[HI]!;
  const selector = peekFrom(cpu, stack, size, size) & 0xffff;
  const image = peekFrom(cpu, stack, 2 * size, size);
  if ((image & FLAG_VM) !== 0 && width === 2 && s[CPL] === 0 && !cpu.isLongMode) {
    returnToV86(cpu, stack, { lo, selector, image });
    return;
  }
  const code = checkedReturn(cpu, selector);
  const cpl = selector & 3;
  // In 64-bit mode SS:RSP is always popped.
  if (cpl === s[CPL] && !cpu.is64) {
    checkOffset(cpu, code, lo, hi);
    drop(stack, 3 * size);
    commitPointer(cpu, stack);
  } else {
    const outer = outerStack(cpu, stack, 3 * size, size, code, cpl);
    checkOffset(cpu, code, lo, hi);
    outer.commit(0);
  }
  restoreFlags(cpu, image, width);
  const isOuter = cpl !== s[CPL];
  commitCode(cpu, selector, code, cpl);
  changedSegments(cpu);
  changedPrivilege(cpu);
  if (isOuter) {
    dropPrivilegedSegments(cpu);
    changedSegments(cpu);
  }
  setRip(cpu, lo, cpu.is64 ? hi : 0);
}

/** What may change is judged by the privilege level that returns. */
function restoreFlags(cpu: Cpu, image: number, width: number): void {
  const { s } = cpu;
  let mask = writableFlags(cpu, width);
  if (width !== 1) {
    mask |= FLAG_RF;
    if (s[CPL] === 0) mask |= FLAG_VIF | FLAG_VIP;
  }
  writeFlags(s, (readFlags(s) & ~mask) | (image & mask));
}

const V86_FLAGS = 0x3f7fd5 | FLAG_ID | FLAG_VM;

function returnToV86(
  cpu: Cpu,
  stack: Stack,
  frame: { readonly lo: number; readonly selector: number; readonly image: number },
): void {
  const { s } = cpu;
  const values = [3, 4, 5, 6, 7, 8].map((slot) => peekFrom(cpu, stack, 4 * slot, 4));
  writeFlags(s, frame.image & V86_FLAGS);
  s[CPL] = 3;
  changedSegments(cpu);
  const [sp, ss, es, ds, fs, gs] = values as [number, number, number, number, number, number];
  for (const [segment, selector] of [
    [CS, frame.selector],
    [SS, ss],
    [ES, es],
    [DS, ds],
    [FS, fs],
    [GS, gs],
  ] as const) {
    setRealSegment(cpu, segment, selector & 0xffff);
  }
  s[GPR + 2 * RSP] = sp;
  s[GPR + 2 * RSP + 1] = 0;
  changedSegments(cpu);
  changedPrivilege(cpu);
  setRip(cpu, frame.lo & 0xffff, 0);
}
