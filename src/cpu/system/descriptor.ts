// SPDX-License-Identifier: BSD-2-Clause
// Segment and system descriptors, SDM 3A 3.4.5 and 5.8. Access rights are kept in VMX's format (SDM 3C
// table 25-2), which is also bhyve's: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16.
import type { Cpu } from "../cpu.ts";
import {
  GDTR_BASE,
  GDTR_LIMIT,
  LDTR,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_WORDS,
  SEGMENTS,
} from "../state-layout.ts";

export const ACCESS_ACCESSED = 1 << 0;
/** Writable for data, readable for code. */
export const ACCESS_RW = 1 << 1;
/** Expand-down for data, conforming for code. */
export const ACCESS_EC = 1 << 2;
export const ACCESS_CODE = 1 << 3;
export const ACCESS_S = 1 << 4;
export const ACCESS_P = 1 << 7;
export const ACCESS_L = 1 << 13;
export const ACCESS_DB = 1 << 14;
export const ACCESS_G = 1 << 15;
export const ACCESS_UNUSABLE = 1 << 16;

// Types of system descriptors, SDM 3A table 3-2; in long mode the 32-bit ones have 16 bytes.
export const TYPE_TSS16 = 1;
export const TYPE_LDT = 2;
export const TYPE_TSS16_BUSY = 3;
export const TYPE_CALL_GATE16 = 4;
export const TYPE_TASK_GATE = 5;
export const TYPE_INTERRUPT_GATE16 = 6;
export const TYPE_TRAP_GATE16 = 7;
export const TYPE_TSS = 9;
export const TYPE_TSS_BUSY = 11;
export const TYPE_CALL_GATE = 12;
export const TYPE_INTERRUPT_GATE = 14;
export const TYPE_TRAP_GATE = 15;

/** The two words of a descriptor, and where it stands. */
export interface Descriptor {
  readonly lo: number;
  readonly hi: number;
  readonly access: number;
  readonly addressLo: number;
  readonly addressHi: number;
}

export function typeOf(access: number): number {
  return access & 0xf;
}

export function dplOf(access: number): number {
  return (access >> 5) & 3;
}

export function isSegment(access: number): boolean {
  return (access & ACCESS_S) !== 0;
}

export function isCode(access: number): boolean {
  return (access & (ACCESS_S | ACCESS_CODE)) === (ACCESS_S | ACCESS_CODE);
}

export function isConforming(access: number): boolean {
  return isCode(access) && (access & ACCESS_EC) !== 0;
}

export function isWritableData(access: number): boolean {
  return (access & (ACCESS_S | ACCESS_CODE | ACCESS_RW)) === (ACCESS_S | ACCESS_RW);
}

export function isPresent(access: number): boolean {
  return (access & ACCESS_P) !== 0;
}

/** The 32-bit base of a segment descriptor. */
export function baseOf({ lo, hi }: Descriptor): number {
  return (lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000);
}

/** The limit in bytes, as int32: 0xffffffff is -1. */
export function limitOf({ lo, hi }: Descriptor): number {
  const limit = (lo & 0xffff) | (hi & 0xf0000);
  return (hi & (1 << 23)) !== 0 ? (limit << 12) | 0xfff : limit;
}

/** Index and table of a selector, without the RPL: what error codes carry. */
export function selectorError(selector: number): number {
  return selector & 0xfffc;
}

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/**
 * Reads the 8-byte descriptor a selector names, as an implicit supervisor access; undefined if it lies
 * outside its table, or in an LDT that is not there.
 */
export function readDescriptor(cpu: Cpu, selector: number): Descriptor | undefined {
  const { s } = cpu;
  const offset = selector & 0xfff8;
  let base = GDTR_BASE;
  let limit = s[GDTR_LIMIT]!;
  if ((selector & 4) !== 0) {
    const ldt = SEGMENTS + LDTR * SEG_WORDS;
    if ((s[ldt + SEG_ACCESS]! & ACCESS_UNUSABLE) !== 0) return undefined;
    base = ldt + SEG_BASE;
    limit = s[ldt + SEG_LIMIT]!;
  }
  if (offset + 7 > limit >>> 0) return undefined;
  const addressLo = (s[base]! + offset) | 0;
  const addressHi = (s[base + 1]! + (addressLo >>> 0 < offset ? 1 : 0)) | 0;
  return descriptorAt(cpu, addressLo, addressHi);
}

export function descriptorAt(cpu: Cpu, addressLo: number, addressHi: number): Descriptor {
  const lo = loadSystem32(cpu, addressLo, addressHi, 0);
  const hi = loadSystem32(cpu, addressLo, addressHi, 4);
  return { lo, hi, access: (hi >>> 8) & 0xf0ff, addressLo, addressHi };
}

/** The upper half of a 16-byte system descriptor: the base's bits 63:32. Undefined past the table's end. */
export function upperBase(cpu: Cpu, selector: number, descriptor: Descriptor): number | undefined {
  if (readDescriptor(cpu, selector + 8) === undefined) return undefined;
  return loadSystem32(cpu, descriptor.addressLo, descriptor.addressHi, 8);
}

/** A load with supervisor rights, `offset` (0 … 4095) bytes behind an address. */
export function loadSystem32(cpu: Cpu, lo: number, hi: number, offset: number): number {
  const at = (lo + offset) | 0;
  return cpu.mem.asSupervisor(() => cpu.mem.load32(at, carry(lo, hi, at)));
}

export function loadSystem16(cpu: Cpu, lo: number, hi: number, offset: number): number {
  const at = (lo + offset) | 0;
  return cpu.mem.asSupervisor(() => cpu.mem.load16(at, carry(lo, hi, at)));
}

export function storeSystem32(
  cpu: Cpu,
  lo: number,
  hi: number,
  offset: number,
  value: number,
): void {
  const at = (lo + offset) | 0;
  cpu.mem.asSupervisor(() => cpu.mem.store32(at, carry(lo, hi, at), value));
}

export function storeSystem16(
  cpu: Cpu,
  lo: number,
  hi: number,
  offset: number,
  value: number,
): void {
  const at = (lo + offset) | 0;
  cpu.mem.asSupervisor(() => cpu.mem.store16(at, carry(lo, hi, at), value));
}

function carry(lo: number, hi: number, advanced: number): number {
  return advanced >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
}

/** Sets the accessed bit of a segment descriptor in memory if it is clear. */
export function markAccessed(cpu: Cpu, descriptor: Descriptor): void {
  if ((descriptor.hi & 0x100) !== 0) return;
  storeSystem32(cpu, descriptor.addressLo, descriptor.addressHi, 4, descriptor.hi | 0x100);
}

/** Marks a TSS descriptor in memory busy or available. */
export function markBusy(cpu: Cpu, descriptor: Descriptor, isBusy: boolean): void {
  const hi = isBusy ? descriptor.hi | 0x200 : descriptor.hi & ~0x200;
  storeSystem32(cpu, descriptor.addressLo, descriptor.addressHi, 4, hi);
}
