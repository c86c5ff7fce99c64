// SPDX-License-Identifier: BSD-2-Clause
// Effective and linear addresses of memory operands: SDM 1 3.7, SDM 3A 3.4 and 5.3-5.5. The plain 64-bit
// form is Cpu.ea; this file has the others. Linear addresses are (lo, hi): lo is returned, hi left in HI.
import { HI } from "../mmu/machine-layout.ts";
import type { Cpu } from "./cpu.ts";
import {
  DISP,
  EA_32_IN_64,
  EA_ABSOLUTE,
  EA_CHECKED,
  EA_FLAT_32,
  EA_RIP_FAR,
  INFO,
  INFO_ADDRESS_SHIFT,
  INFO_EA,
  INFO_EA_SHIFT,
  INFO_SCALE_SHIFT,
  INFO_SEGMENT_SHIFT,
  LINK,
  NEXT,
  SLOTS,
} from "./decode/record.ts";
import {
  CS,
  CURRENT,
  FS,
  GPR,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_WORDS,
  SEGMENTS,
  SS,
  ZERO,
} from "./state-layout.ts";
import { GP, SS_FAULT } from "./vectors.ts";

/** Adds a displacement of 32 signed bits to a pair; the low half is returned. */
function addSigned(s: Int32Array, lo: number, hi: number, displacement: number): number {
  const sum = (lo + displacement) | 0;
  const carry = sum >>> 0 < displacement >>> 0 ? 1 : 0;
  s[HI] = hi + (displacement >> 31) + carry;
  return sum;
}

/** Base + index × scale + displacement with 64 bits. */
function effective64(cpu: Cpu, p: number): number {
  const { s, code } = cpu;
  const slots = code[p + SLOTS]!;
  const base = (slots >>> 16) & 0xff;
  const index = slots >>> 24;
  let lo = addSigned(s, s[base]!, s[base + 1]!, code[p + DISP]!);
  if (index !== ZERO) {
    const scale = (code[p + INFO]! >>> INFO_SCALE_SHIFT) & 3;
    const indexLo = s[index]!;
    const scaledLo = indexLo << scale;
    const scaledHi =
      scale === 0 ? s[index + 1]! : (s[index + 1]! << scale) | (indexLo >>> (32 - scale));
    lo = (lo + scaledLo) | 0;
    s[HI] = s[HI]! + scaledHi + (lo >>> 0 < scaledLo >>> 0 ? 1 : 0);
  }
  return lo;
}

/** The same with 32 bits. */
function effective32(cpu: Cpu, p: number): number {
  const { s, code } = cpu;
  const slots = code[p + SLOTS]!;
  const scale = (code[p + INFO]! >>> INFO_SCALE_SHIFT) & 3;
  return (s[(slots >>> 16) & 0xff]! + (s[slots >>> 24]! << scale) + code[p + DISP]!) | 0;
}

/** The operand's effective address, without a segment: LEA. HI is 0 outside 64-bit addressing. */
export function effectiveAddress(cpu: Cpu, p: number): number {
  const { s, code } = cpu;
  const info = code[p + INFO]!;
  switch ((info & INFO_EA) >> INFO_EA_SHIFT) {
    case EA_FLAT_32:
    case EA_32_IN_64:
      s[HI] = 0;
      return effective32(cpu, p);
    case EA_CHECKED: {
      s[HI] = 0;
      const offset = effective32(cpu, p);
      return ((info >>> INFO_ADDRESS_SHIFT) & 3) === 0 ? offset & 0xffff : offset;
    }
    case EA_ABSOLUTE:
      s[HI] = code[p + LINK]!;
      return code[p + DISP]!;
    case EA_RIP_FAR: {
      const lo = addSigned(s, s[RIP]!, s[RIP + 1]!, code[p + NEXT]!);
      return addSigned(s, lo, s[HI]!, code[p + DISP]!);
    }
    default:
      return effective64(cpu, p);
  }
}

/** Linear address of a memory operand in any form. */
export function linearAddress(cpu: Cpu, p: number, size: number, isWrite: boolean): number {
  const { s } = cpu;
  const lo = effectiveAddress(cpu, p);
  const info = cpu.code[p + INFO]!;
  const segment = (info >>> INFO_SEGMENT_SHIFT) & 7;
  if ((info & INFO_EA) >> INFO_EA_SHIFT === EA_CHECKED) {
    return segmentAddress(cpu, segment, lo, size, isWrite);
  }
  return segment >= FS && cpu.is64 ? addSegmentBase(s, segment, lo) : lo;
}

/** 64-bit mode: adds the base of FS or GS to (lo, HI). */
export function addSegmentBase(s: Int32Array, segment: number, lo: number): number {
  const base = SEGMENTS + segment * SEG_WORDS + SEG_BASE;
  const sum = (lo + s[base]!) | 0;
  s[HI] = s[HI]! + s[base + 1]! + (sum >>> 0 < lo >>> 0 ? 1 : 0);
  return sum;
}

/** Outside 64-bit mode: checks `size` bytes at an offset of a segment and returns the linear address. */
export function segmentAddress(
  cpu: Cpu,
  segment: number,
  offset: number,
  size: number,
  isWrite: boolean,
): number {
  const { s } = cpu;
  const at = SEGMENTS + segment * SEG_WORDS;
  if (
    !isInLimit(s[at + SEG_ACCESS]!, s[at + SEG_LIMIT]!, offset, size) ||
    (cpu.isProtected && !isAccessible(s[at + SEG_ACCESS]!, isWrite))
  ) {
    cpu.raise(segment === SS ? SS_FAULT : GP, 0);
  }
  s[HI] = 0;
  return (s[at + SEG_BASE]! + offset) | 0;
}

const ACCESS_WRITABLE_OR_READABLE = 1 << 1;
const ACCESS_EXPAND_DOWN = 1 << 2;
const ACCESS_CODE = 1 << 3;
const ACCESS_BIG = 1 << 14;
const ACCESS_UNUSABLE = 1 << 16;

/** SDM 3A 5.3. Expand-down data segments are valid above their limit. */
function isInLimit(access: number, limit: number, offset: number, size: number): boolean {
  const first = offset >>> 0;
  const last = first + size - 1;
  if ((access & (ACCESS_CODE | ACCESS_EXPAND_DOWN)) === ACCESS_EXPAND_DOWN) {
    return first > limit >>> 0 && last <= ((access & ACCESS_BIG) !== 0 ? 0xffffffff : 0xffff);
  }
  return last <= limit >>> 0;
}

/** SDM 3A 5.5: null segments, writes to code or read-only data, reads of execute-only code. */
function isAccessible(access: number, isWrite: boolean): boolean {
  if ((access & ACCESS_UNUSABLE) !== 0) return false;
  const isCode = (access & ACCESS_CODE) !== 0;
  const isReadableOrWritable = (access & ACCESS_WRITABLE_OR_READABLE) !== 0;
  if (isWrite) return !isCode && isReadableOrWritable;
  return !isCode || isReadableOrWritable;
}

/** Linear address of what a general register alone points to, by the instruction's segment and address size. */
export function registerAddress(
  cpu: Cpu,
  p: number,
  register: number,
  access: { readonly size: number; readonly isWrite: boolean },
): number {
  const { s } = cpu;
  s[CURRENT] = p;
  const info = cpu.code[p + INFO]!;
  const segment = (info >>> INFO_SEGMENT_SHIFT) & 7;
  const addressBits = (info >>> INFO_ADDRESS_SHIFT) & 3;
  const at = GPR + 2 * register;
  const lo = addressBits === 0 ? s[at]! & 0xffff : s[at]!;
  s[HI] = addressBits === 2 ? s[at + 1]! : 0;
  if (cpu.is64) return segment >= FS ? addSegmentBase(s, segment, lo) : lo;
  if (cpu.isFlat && segment < FS && segment !== CS) return lo;
  return segmentAddress(cpu, segment, lo, access.size, access.isWrite);
}

/**
 * Linear address of the memory operand moved by a number of bytes, as the bit-test instructions use it:
 * the sum is an effective address, so it wraps and is checked like one.
 */
export function displacedAddress(
  cpu: Cpu,
  p: number,
  deltaLo: number,
  deltaHi: number,
  access: { readonly size: number; readonly isWrite: boolean },
): number {
  const { s } = cpu;
  s[CURRENT] = p;
  const baseLo = effectiveAddress(cpu, p);
  const lo = (baseLo + deltaLo) | 0;
  s[HI] = s[HI]! + deltaHi + (lo >>> 0 < baseLo >>> 0 ? 1 : 0);
  const info = cpu.code[p + INFO]!;
  const segment = (info >>> INFO_SEGMENT_SHIFT) & 7;
  const addressBits = (info >>> INFO_ADDRESS_SHIFT) & 3;
  if (addressBits !== 2) s[HI] = 0;
  if ((info & INFO_EA) >> INFO_EA_SHIFT === EA_CHECKED) {
    const offset = addressBits === 0 ? lo & 0xffff : lo;
    return segmentAddress(cpu, segment, offset, access.size, access.isWrite);
  }
  return segment >= FS && cpu.is64 ? addSegmentBase(s, segment, lo) : lo;
}

/** The high half of an address `at`, which lies less than 4 GiB behind (lo, hi). Outside 64-bit mode it wraps. */
export function highHalfAt(cpu: Cpu, lo: number, hi: number, at: number): number {
  if (at >>> 0 >= lo >>> 0) return hi;
  return cpu.is64 ? (hi + 1) | 0 : 0;
}
