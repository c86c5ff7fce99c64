// SPDX-License-Identifier: BSD-2-Clause
// The processor's mode, derived from its registers in one place: SDM 3A 2.2. Whoever changes CR0, CR3, CR4,
// EFER, RFLAGS.VM, RFLAGS.AC, CPL or a segment register calls one of these afterwards.
import {
  PAGING_32,
  PAGING_LONG,
  PAGING_NONE,
  PAGING_PAE,
  type PagingMode,
} from "../../mmu/page-walk.ts";
import type { Cpu } from "../cpu.ts";
import { FLAG_AC, FLAG_VM } from "../flags.ts";
import {
  CPL,
  CR0,
  CR3,
  CR4,
  CS,
  DS,
  EFER,
  ES,
  FLAGS,
  RIP_HIGH_MASK,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_WORDS,
  SEGMENTS,
  SS,
} from "../state-layout.ts";
import {
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
} from "./control-bits.ts";
import { changedAlignmentCheck } from "./watch.ts";

const ACCESS_L = 1 << 13;
const ACCESS_DB = 1 << 14;
/** Present, writable data that grows up: what a flat DS, ES or SS is. Accessed and DPL do not matter. */
const FLAT_MASK = 0x1009e;
const FLAT_DATA = 0x92;
const FLAT_CODE_MASK = 0x1009a;
const FLAT_CODE = 0x9a;

// What decoding depends on: 1:0 code size, 2 flat, 3 32-bit stack.
const KEY_16 = 0;
const KEY_32 = 1;
const KEY_64 = 2;
const KEY_FLAT = 4;
const KEY_STACK_32 = 8;

/** A decoding key of 64-bit mode. */
export function isLongKey(key: number): boolean {
  return (key & 3) === KEY_64;
}

/** A decoding key of code whose segments need no checks. */
export function isFlatKey(key: number): boolean {
  return (key & KEY_FLAT) !== 0;
}

function isFlatSegment(s: Int32Array, segment: number, mask: number, value: number): boolean {
  const at = SEGMENTS + segment * SEG_WORDS;
  return (
    s[at + SEG_BASE] === 0 && s[at + SEG_LIMIT] === -1 && (s[at + SEG_ACCESS]! & mask) === value
  );
}

/** After a change of CS, SS, DS, ES, RFLAGS.VM, CR0.PE or EFER.LMA: how code is decoded and addressed. */
export function changedSegments(cpu: Cpu): void {
  const { s } = cpu;
  const csAccess = s[SEGMENTS + CS * SEG_WORDS + SEG_ACCESS]!;
  cpu.isLongMode = (s[EFER]! & EFER_LMA) !== 0;
  cpu.isV86 = (s[FLAGS]! & FLAG_VM) !== 0;
  cpu.isProtected = (s[CR0]! & CR0_PE) !== 0 && !cpu.isV86;
  cpu.is64 = cpu.isLongMode && (csAccess & ACCESS_L) !== 0;
  if (cpu.is64) cpu.codeSize = 64;
  else cpu.codeSize = (csAccess & ACCESS_DB) !== 0 ? 32 : 16;
  const isStack32 = (s[SEGMENTS + SS * SEG_WORDS + SEG_ACCESS]! & ACCESS_DB) !== 0;
  if (cpu.is64) cpu.stackSize = 8;
  else cpu.stackSize = isStack32 ? 4 : 2;
  cpu.isFlat =
    cpu.is64 ||
    (cpu.isProtected &&
      cpu.codeSize === 32 &&
      isStack32 &&
      isFlatSegment(s, CS, FLAT_CODE_MASK, FLAT_CODE) &&
      isFlatSegment(s, SS, FLAT_MASK, FLAT_DATA) &&
      isFlatSegment(s, DS, FLAT_MASK, FLAT_DATA) &&
      isFlatSegment(s, ES, FLAT_MASK, FLAT_DATA));
  if (cpu.is64) cpu.codeKey = KEY_64 | KEY_FLAT;
  else {
    cpu.codeKey =
      (cpu.codeSize === 32 ? KEY_32 : KEY_16) |
      (cpu.isFlat ? KEY_FLAT : 0) |
      (isStack32 ? KEY_STACK_32 : 0);
  }
  s[RIP_HIGH_MASK] = cpu.is64 ? -1 : 0;
  cpu.mem.isLongAddressing = cpu.is64;
}

/** After a change of CPL or RFLAGS.AC, or of CR4.SMAP: whose rights memory accesses have. */
export function changedPrivilege(cpu: Cpu): void {
  const { s } = cpu;
  const isUser = s[CPL] === 3;
  const isAc = (s[FLAGS]! & FLAG_AC) !== 0;
  cpu.mem.setPrivilege(isUser, (s[CR4]! & CR4_SMAP) !== 0, isAc);
  changedAlignmentCheck(cpu);
}

function pagingMode(cpu: Cpu): PagingMode {
  const { s } = cpu;
  if ((s[CR0]! & CR0_PG) === 0) return PAGING_NONE;
  if ((s[EFER]! & EFER_LMA) !== 0) return PAGING_LONG;
  return (s[CR4]! & CR4_PAE) !== 0 ? PAGING_PAE : PAGING_32;
}

/** After a change of CR0, CR3, CR4 or EFER: how addresses are translated. The TLB is the caller's affair. */
export function changedPaging(cpu: Cpu): void {
  const { s } = cpu;
  const control = cpu.mem.control;
  control.mode = pagingMode(cpu);
  control.isWriteProtected = (s[CR0]! & CR0_WP) !== 0;
  control.hasPse = (s[CR4]! & CR4_PSE) !== 0;
  control.hasGlobal = (s[CR4]! & CR4_PGE) !== 0;
  control.hasNx = (s[EFER]! & EFER_NXE) !== 0;
  control.hasSmep = (s[CR4]! & CR4_SMEP) !== 0;
  control.root = ((s[CR3]! >>> 12) | ((s[CR3 + 1]! & 0xff) << 20)) >>> 0;
}

/** The PCID in force: CR3's low twelve bits while CR4.PCIDE is set. */
export function currentPcid(cpu: Cpu): number {
  return (cpu.s[CR4]! & CR4_PCIDE) !== 0 ? cpu.s[CR3]! & 0xfff : 0;
}

/** PAE paging's four page-directory pointers, which are no part of the saved state, from where CR3 points. */
function reloadPdptes(cpu: Cpu): void {
  const address = (cpu.s[CR3]! & ~31) >>> 0;
  const { pdptes } = cpu.mem.control;
  for (let word = 0; word < pdptes.length; word++) {
    // Outside RAM there is no table.
    pdptes[word] = Math.max(0, cpu.memory.load(address + 4 * word, 4));
  }
}

/** Everything, after the state was loaded from outside: reset, a loader, a saved VM, a debugger. */
export function changedEverything(cpu: Cpu): void {
  changedSegments(cpu);
  changedPaging(cpu);
  if (cpu.mem.control.mode === PAGING_PAE) reloadPdptes(cpu);
  changedPrivilege(cpu);
  cpu.mem.tlb.flushAll();
  cpu.mem.tlb.selectPcid(currentPcid(cpu));
}
