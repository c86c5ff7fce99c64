// SPDX-License-Identifier: BSD-2-Clause
// Hardware task switches, SDM 3A 7.3: JMP, CALL, IRET and task gates, between 16- and 32-bit task state
// segments. Long mode has none. Faults up to the commit point are the old task's; those of the segment loads
// after it are the new one's, #TS with the selector.
import { nextRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import { FLAG_NT, FLAG_VM, readFlags, writeFlags } from "../flags.ts";
import {
  CPL,
  CR0,
  CR3,
  CS,
  CURRENT,
  DR7,
  DS,
  ES,
  FS,
  GPR,
  GS,
  LDTR,
  RIP,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../state-layout.ts";
import { GP, NP, TS } from "../vectors.ts";
import { CR0_PG, CR0_TS } from "./control-bits.ts";
import { writeCr3 } from "./control-registers.ts";
import {
  type Descriptor,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSegment,
  loadSystem16,
  loadSystem32,
  markBusy,
  readDescriptor,
  selectorError,
  storeSystem16,
  storeSystem32,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  typeOf,
} from "./descriptor.ts";
import { changedPrivilege, changedSegments } from "./mode.ts";
import {
  checkedStack,
  commitCode,
  commitStack,
  loadDataSegment,
  setNullSegment,
  setRealSegment,
  setSegment,
} from "./segmentation.ts";

export type TaskSwitch = "jmp" | "call" | "iret" | "gate";

/** Where a TSS keeps things. */
interface TssLayout {
  readonly size: number;
  readonly minimumLimit: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  readonly segments: number;
  readonly ldt: number;
}

const TSS_32: TssLayout = {
  size: 4,
  minimumLimit: 0x67,
  ip: 0x20,
  flags: 0x24,
  registers: 0x28,
  segments: 0x48,
  ldt: 0x60,
};
const TSS_16: TssLayout = {
  size: 2,
  minimumLimit: 0x2b,
  ip: 0x0e,
  flags: 0x10,
  registers: 0x12,
  segments: 0x22,
  ldt: 0x2a,
};
const TSS_CR3 = 0x1c;
const TSS_TRAP = 0x64;
/** ES, CS, SS, DS in both, FS and GS in the larger one only, in the TSS's order. */
const SEGMENT_ORDER = [ES, CS, SS, DS, FS, GS] as const;

function layoutOf(access: number): TssLayout {
  return (typeOf(access) & 8) !== 0 ? TSS_32 : TSS_16;
}

function load(cpu: Cpu, base: number, layout: TssLayout, offset: number): number {
  return layout.size === 4
    ? loadSystem32(cpu, base, 0, offset)
    : loadSystem16(cpu, base, 0, offset);
}

function store(cpu: Cpu, base: number, layout: TssLayout, offset: number, value: number): void {
  if (layout.size === 4) storeSystem32(cpu, base, 0, offset, value);
  else storeSystem16(cpu, base, 0, offset, value);
}

/** Everything a task state segment says of a task. */
interface TaskState {
  readonly ip: number;
  readonly flags: number;
  readonly registers: readonly number[];
  readonly segments: readonly number[];
  readonly ldt: number;
  readonly cr3: number;
  readonly hasTrap: boolean;
}

/**
 * Switches to the task that `descriptor` (a TSS or a task gate) names. `p` is the instruction's record, or
 * -1 when an event brings the switch about; then RIP is what the old task resumes at, with
 * `flags`.
 */
export function switchTask(
  cpu: Cpu,
  p: number,
  selector: number,
  descriptor: Descriptor,
  kind: TaskSwitch,
  flags = readFlags(cpu.s),
): void {
  const isGate = typeOf(descriptor.access) === TYPE_TASK_GATE;
  const tssSelector = isGate ? descriptor.lo >>> 16 : selector;
  const tss = isGate ? fetchTss(cpu, tssSelector) : descriptor;
  checkTss(cpu, tssSelector, tss, kind);
  const layout = layoutOf(tss.access);
  const base = tssBase(tss);
  const next = readTask(cpu, base, layout);
  const resumeAt = p < 0 ? cpu.s[RIP]! : nextRip(cpu, p);
  saveTask(cpu, resumeAt, kind === "iret" ? flags & ~FLAG_NT : flags);
  const oldSelector = cpu.s[SEGMENTS + TR * SEG_WORDS + SEG_SELECTOR]!;
  if (kind === "jmp" || kind === "iret") setBusy(cpu, oldSelector, false);
  if (kind === "call" || kind === "gate") storeSystem16(cpu, base, 0, 0, oldSelector);
  if (kind !== "iret") markBusy(cpu, tss, true);
  const isNested = kind === "call" || kind === "gate";
  // The instruction is done: what is wrong from here on is wrong in the new task, at its first instruction.
  cpu.s[CURRENT] = 0;
  enterTask(cpu, tssSelector, tss, next, isNested);
}

function tssBase({ lo, hi }: Descriptor): number {
  return (lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000);
}

/** A task gate's TSS must be in the GDT. */
function fetchTss(cpu: Cpu, selector: number): Descriptor {
  const error = selectorError(selector);
  if (isNull(selector) || (selector & 4) !== 0) cpu.raise(GP, error);
  return readDescriptor(cpu, selector) ?? cpu.raise(GP, error);
}

function checkTss(cpu: Cpu, selector: number, tss: Descriptor, kind: TaskSwitch): void {
  const type = typeOf(tss.access);
  const isRight =
    kind === "iret"
      ? type === TYPE_TSS_BUSY || type === TYPE_TSS16_BUSY
      : type === TYPE_TSS || type === TYPE_TSS16;
  if (isSegment(tss.access) || !isRight) {
    cpu.raise(kind === "iret" ? TS : GP, selectorError(selector));
  }
  if (!isPresent(tss.access)) cpu.raise(NP, selectorError(selector));
  const limit = (tss.lo & 0xffff) | (tss.hi & 0xf0000);
  const isPaged = (tss.hi & (1 << 23)) !== 0;
  if (!isPaged && limit < layoutOf(tss.access).minimumLimit) cpu.raise(TS, selectorError(selector));
}

function readTask(cpu: Cpu, base: number, layout: TssLayout): TaskState {
  const registers = Array.from({ length: 8 }, (_, i) =>
    load(cpu, base, layout, layout.registers + layout.size * i),
  );
  const count = layout === TSS_32 ? 6 : 4;
  const segments = Array.from({ length: 6 }, (_, i) =>
    i < count ? load(cpu, base, layout, layout.segments + layout.size * i) & 0xffff : 0,
  );
  return {
    ip: load(cpu, base, layout, layout.ip),
    flags: load(cpu, base, layout, layout.flags),
    registers,
    segments,
    ldt: load(cpu, base, layout, layout.ldt) & 0xffff,
    cr3: layout === TSS_32 ? loadSystem32(cpu, base, 0, TSS_CR3) : cpu.s[CR3]!,
    hasTrap: layout === TSS_32 && (loadSystem16(cpu, base, 0, TSS_TRAP) & 1) !== 0,
  };
}

function saveTask(cpu: Cpu, resumeAt: number, flags: number): void {
  const { s } = cpu;
  const tr = SEGMENTS + TR * SEG_WORDS;
  const layout = layoutOf(s[tr + 1]!);
  const base = s[tr + SEG_BASE]!;
  store(cpu, base, layout, layout.ip, resumeAt);
  store(cpu, base, layout, layout.flags, flags);
  for (let i = 0; i < 8; i++) {
    store(cpu, base, layout, layout.registers + layout.size * i, s[GPR + 2 * i]!);
  }
  SEGMENT_ORDER.slice(0, layout === TSS_32 ? 6 : 4).forEach((segment, i) => {
    const selector = s[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
    storeSystem16(cpu, base, 0, layout.segments + layout.size * i, selector);
  });
}

function setBusy(cpu: Cpu, selector: number, isBusy: boolean): void {
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor !== undefined) markBusy(cpu, descriptor, isBusy);
}

function enterTask(
  cpu: Cpu,
  selector: number,
  tss: Descriptor,
  next: TaskState,
  isNested: boolean,
): void {
  const { s } = cpu;
  setSegment(cpu, TR, selector, { ...tss, access: tss.access | 2 });
  s[CR0] = s[CR0]! | CR0_TS;
  s[DR7] = s[DR7]! & ~0x155; // local breakpoints are the old task's
  if ((s[CR0]! & CR0_PG) !== 0 && layoutOf(tss.access) === TSS_32) writeCr3(cpu, next.cr3, 0);
  writeFlags(s, isNested ? next.flags | FLAG_NT : next.flags);
  s[RIP] = next.ip;
  s[RIP + 1] = 0;
  next.registers.forEach((value, i) => {
    s[GPR + 2 * i] = value;
    s[GPR + 2 * i + 1] = 0;
  });
  loadTaskSegments(cpu, next);
  if (next.hasTrap) cpu.pendingDebug |= 1 << 15;
}

/** Selectors first, as null registers, so that a fault half way finds no descriptor of the old task. */
function loadTaskSegments(cpu: Cpu, next: TaskState): void {
  const { s } = cpu;
  SEGMENT_ORDER.forEach((segment, i) => {
    setNullSegment(cpu, segment, next.segments[i]!);
  });
  loadTaskLdt(cpu, next.ldt);
  if ((next.flags & FLAG_VM) !== 0) {
    s[CPL] = 3;
    changedSegments(cpu);
    SEGMENT_ORDER.forEach((segment, i) => {
      setRealSegment(cpu, segment, next.segments[i]!);
    });
  } else {
    loadTaskCode(cpu, next.segments[1]!);
    const stack = checkedStack(cpu, next.segments[2]!, s[CPL]!, TS);
    commitStack(cpu, next.segments[2]!, stack);
    changedSegments(cpu);
    for (const i of [0, 3, 4, 5]) loadDataSegment(cpu, SEGMENT_ORDER[i]!, next.segments[i]!, TS);
  }
  changedSegments(cpu);
  changedPrivilege(cpu);
  if (next.ip >>> 0 > s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0) cpu.raise(GP, 0);
}

function loadTaskLdt(cpu: Cpu, selector: number): void {
  if (isNull(selector)) {
    setNullSegment(cpu, LDTR, selector);
    return;
  }
  const descriptor = (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined;
  if (
    descriptor === undefined ||
    isSegment(descriptor.access) ||
    typeOf(descriptor.access) !== TYPE_LDT ||
    !isPresent(descriptor.access)
  ) {
    cpu.raise(TS, selectorError(selector));
  }
  setSegment(cpu, LDTR, selector, descriptor as Descriptor);
}

function loadTaskCode(cpu: Cpu, selector: number): void {
  const error = selectorError(selector);
  const rpl = selector & 3;
  const descriptor = isNull(selector) ? undefined : readDescriptor(cpu, selector);
  if (descriptor === undefined || !isCode(descriptor.access)) cpu.raise(TS, error);
  const { access } = descriptor as Descriptor;
  if (isConforming(access) ? dplOf(access) > rpl : dplOf(access) !== rpl) cpu.raise(TS, error);
  if (!isPresent(access)) cpu.raise(NP, error);
  commitCode(cpu, selector, descriptor as Descriptor, rpl);
}
