// SPDX-License-Identifier: BSD-2-Clause
// Loading segment registers: SDM 3A 5.5-5.7, SDM 2 MOV, LLDT, LTR. Every check comes before any change.
import type { Cpu } from "../cpu.ts";
import {
  CPL,
  CS,
  GS,
  LDTR,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../state-layout.ts";
import { GP, NP, SS_FAULT } from "../vectors.ts";
import {
  ACCESS_ACCESSED,
  ACCESS_RW,
  ACCESS_UNUSABLE,
  baseOf,
  type Descriptor,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isSegment,
  isWritableData,
  limitOf,
  markAccessed,
  markBusy,
  readDescriptor,
  selectorError,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS16,
  typeOf,
  upperBase,
} from "./descriptor.ts";
import { changedSegments } from "./mode.ts";

/** The visible part of a segment register, of LDTR or of TR. */
export function selectorOf(cpu: Cpu, segment: number): number {
  return cpu.s[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
}

/** Fills a segment register; derived mode is the caller's affair. `baseHi` is for LDTR and TR in long mode. */
export function setSegment(
  cpu: Cpu,
  segment: number,
  selector: number,
  descriptor: Descriptor,
  baseHi = 0,
): void {
  const at = SEGMENTS + segment * SEG_WORDS;
  const { s } = cpu;
  s[at + SEG_SELECTOR] = selector;
  s[at + SEG_ACCESS] = descriptor.access;
  s[at + SEG_LIMIT] = limitOf(descriptor);
  s[at + SEG_BASE] = baseOf(descriptor);
  s[at + SEG_BASE + 1] = baseHi;
}

/** A null selector: the register cannot be used, its base reads as zero. */
export function setNullSegment(cpu: Cpu, segment: number, selector: number, dpl = 0): void {
  const at = SEGMENTS + segment * SEG_WORDS;
  const { s } = cpu;
  s[at + SEG_SELECTOR] = selector;
  s[at + SEG_ACCESS] = ACCESS_UNUSABLE | (dpl << 5);
  s[at + SEG_LIMIT] = 0;
  s[at + SEG_BASE] = 0;
  s[at + SEG_BASE + 1] = 0;
}

/** Real mode: base = selector × 16, and limit and rights stay. Virtual-8086 mode sets those, too. */
export function setRealSegment(cpu: Cpu, segment: number, selector: number): void {
  const at = SEGMENTS + segment * SEG_WORDS;
  const { s } = cpu;
  s[at + SEG_SELECTOR] = selector;
  s[at + SEG_BASE] = selector << 4;
  s[at + SEG_BASE + 1] = 0;
  if (cpu.isV86) {
    s[at + SEG_LIMIT] = 0xffff;
    s[at + SEG_ACCESS] = 0xf3;
  } else if (segment === CS) s[at + SEG_ACCESS] = 0x93;
}

/** MOV to, POP of, or far load of DS, ES, FS, GS or SS. */
export function loadSegment(cpu: Cpu, segment: number, selector: number): void {
  if (!cpu.isProtected) setRealSegment(cpu, segment, selector);
  else if (segment === SS) loadStackSegment(cpu, selector);
  else loadDataSegment(cpu, segment, selector, GP);
  changedSegments(cpu);
}

function fetch(cpu: Cpu, selector: number, vector = GP): Descriptor {
  return readDescriptor(cpu, selector) ?? cpu.raise(vector, selectorError(selector));
}

/** DS, ES, FS, GS. `vector` is what a wrong one raises, #GP from a program, #TS from a task state segment. */
export function loadDataSegment(cpu: Cpu, segment: number, selector: number, vector: number): void {
  if (isNull(selector)) {
    setNullSegment(cpu, segment, selector);
    return;
  }
  const descriptor = fetch(cpu, selector, vector);
  const { access } = descriptor;
  const isReadable = isSegment(access) && (!isCode(access) || (access & ACCESS_RW) !== 0);
  const weakest = Math.max(selector & 3, cpu.s[CPL]!);
  if (!isReadable || (!isConforming(access) && weakest > dplOf(access))) {
    cpu.raise(vector, selectorError(selector));
  }
  if (!isPresent(access)) cpu.raise(NP, selectorError(selector));
  markAccessed(cpu, descriptor);
  setSegment(cpu, segment, selector, accessed(descriptor));
}

function accessed(descriptor: Descriptor): Descriptor {
  return { ...descriptor, access: descriptor.access | ACCESS_ACCESSED };
}

function loadStackSegment(cpu: Cpu, selector: number): void {
  const cpl = cpu.s[CPL]!;
  if (isNull(selector)) {
    if (!cpu.is64 || cpl === 3 || (selector & 3) !== cpl) cpu.raise(GP, 0);
    setNullSegment(cpu, SS, selector, cpl);
    return;
  }
  const descriptor = checkedStack(cpu, selector, cpl, GP);
  markAccessed(cpu, descriptor);
  setSegment(cpu, SS, selector, accessed(descriptor));
}

/**
 * The descriptor of a stack segment for a privilege level: writable data, RPL = DPL = `cpl`. `vector` is
 * what a wrong one raises, #GP from a program, #TS from a task state segment.
 */
export function checkedStack(cpu: Cpu, selector: number, cpl: number, vector: number): Descriptor {
  const error = selectorError(selector);
  if (isNull(selector)) cpu.raise(vector, vector === GP ? 0 : error);
  const descriptor = readDescriptor(cpu, selector) ?? cpu.raise(vector, error);
  const { access } = descriptor;
  if ((selector & 3) !== cpl || dplOf(access) !== cpl || !isWritableData(access)) {
    cpu.raise(vector, error);
  }
  if (!isPresent(access)) cpu.raise(SS_FAULT, error);
  return descriptor;
}

/** Loads SS with a descriptor that was checked, marking it accessed. */
export function commitStack(cpu: Cpu, selector: number, descriptor: Descriptor): void {
  markAccessed(cpu, descriptor);
  setSegment(cpu, SS, selector, accessed(descriptor));
}

/** Loads CS with a descriptor that was checked; its selector's RPL becomes the new CPL. */
export function commitCode(cpu: Cpu, selector: number, descriptor: Descriptor, cpl: number): void {
  markAccessed(cpu, descriptor);
  setSegment(cpu, CS, (selector & 0xfffc) | cpl, accessed(descriptor));
  cpu.s[CPL] = cpl;
}

/** LLDT. The descriptor is in the GDT, 16 bytes long in long mode. */
export function loadLdt(cpu: Cpu, selector: number): void {
  if (isNull(selector)) {
    setNullSegment(cpu, LDTR, selector);
    return;
  }
  const error = selectorError(selector);
  if ((selector & 4) !== 0) cpu.raise(GP, error);
  const descriptor = fetch(cpu, selector);
  if (isSegment(descriptor.access) || typeOf(descriptor.access) !== TYPE_LDT) cpu.raise(GP, error);
  if (!isPresent(descriptor.access)) cpu.raise(NP, error);
  setSegment(cpu, LDTR, selector, descriptor, longBase(cpu, selector, descriptor));
}

/** LTR. The TSS becomes busy, in memory and in the register. */
export function loadTaskRegister(cpu: Cpu, selector: number): void {
  const error = selectorError(selector);
  if (isNull(selector)) cpu.raise(GP, 0);
  if ((selector & 4) !== 0) cpu.raise(GP, error);
  const descriptor = fetch(cpu, selector);
  const type = typeOf(descriptor.access);
  const isTss = type === TYPE_TSS || (type === TYPE_TSS16 && !cpu.isLongMode);
  if (isSegment(descriptor.access) || !isTss) cpu.raise(GP, error);
  if (!isPresent(descriptor.access)) cpu.raise(NP, error);
  const baseHi = longBase(cpu, selector, descriptor);
  markBusy(cpu, descriptor, true);
  setSegment(cpu, TR, selector, { ...descriptor, access: descriptor.access | 2 }, baseHi);
}

/** Bits 63:32 of a system segment's base; must be canonical. */
function longBase(cpu: Cpu, selector: number, descriptor: Descriptor): number {
  if (!cpu.isLongMode) return 0;
  const hi = upperBase(cpu, selector, descriptor);
  if (hi === undefined || (hi >> 15 !== 0 && hi >> 15 !== -1)) {
    return cpu.raise(GP, selectorError(selector));
  }
  return hi;
}

/**
 * After a return to an outer privilege level: data segments that the new level may not use become null.
 * SDM 2: RET, IRET.
 */
export function dropPrivilegedSegments(cpu: Cpu): void {
  const { s } = cpu;
  const cpl = s[CPL]!;
  for (const segment of [0, 3, 4, GS]) {
    const access = s[SEGMENTS + segment * SEG_WORDS + SEG_ACCESS]!;
    if ((access & ACCESS_UNUSABLE) !== 0 || isConforming(access)) continue;
    if (dplOf(access) < cpl) setNullSegment(cpu, segment, 0);
  }
}
