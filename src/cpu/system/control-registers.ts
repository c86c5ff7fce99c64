// SPDX-License-Identifier: BSD-2-Clause
// Writes of CR0, CR3, CR4, CR8, EFER and XCR0: what is refused (#GP), what follows. SDM 3A 2.5, 4.1, 4.10.4,
// 9.8.5; SDM 1 13.3 for XCR0.
import type { Cpu } from "../cpu.ts";
import { CR0, CR3, CR4, CS, EFER, SEG_ACCESS, SEG_WORDS, SEGMENTS, XCR0 } from "../state-layout.ts";
import { GP } from "../vectors.ts";
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_PAE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  XCR0_AVX,
  XCR0_SSE,
  XCR0_X87,
} from "./control-bits.ts";
import { changedPaging, changedPrivilege, changedSegments, currentPcid } from "./mode.ts";
import { changedAlignmentCheck } from "./watch.ts";

const CR0_KNOWN =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const ACCESS_L = 1 << 13;

/** Unknown bits of the low half are ignored, ET is always one. */
export function writeCr0(cpu: Cpu, lo: number, hi: number): void {
  const { s } = cpu;
  const value = (lo & CR0_KNOWN) | CR0_ET;
  const old = s[CR0]!;
  if (hi !== 0) cpu.raise(GP, 0);
  if ((value & CR0_PG) !== 0 && (value & CR0_PE) === 0) cpu.raise(GP, 0);
  if ((value & CR0_NW) !== 0 && (value & CR0_CD) === 0) cpu.raise(GP, 0);
  const isTurnedOn = (value & ~old & CR0_PG) !== 0;
  const isTurnedOff = (old & ~value & CR0_PG) !== 0;
  if (isTurnedOn) enablePaging(cpu);
  if (isTurnedOff) {
    if (cpu.is64 || (s[CR4]! & CR4_PCIDE) !== 0) cpu.raise(GP, 0);
    s[EFER] = s[EFER]! & ~EFER_LMA;
  }
  s[CR0] = value;
  if (((old ^ value) & (CR0_PG | CR0_PE | CR0_WP)) !== 0) {
    changedPaging(cpu);
    cpu.mem.tlb.flushAll();
  }
  changedSegments(cpu);
  changedAlignmentCheck(cpu);
}

/** With EFER.LME, setting PG enters long mode: PAE must be on, and CS.L off. */
function enablePaging(cpu: Cpu): void {
  const { s } = cpu;
  const isPae = (s[CR4]! & CR4_PAE) !== 0;
  if ((s[EFER]! & EFER_LME) !== 0) {
    if (!isPae || (s[SEGMENTS + CS * SEG_WORDS + SEG_ACCESS]! & ACCESS_L) !== 0) cpu.raise(GP, 0);
    s[EFER] = s[EFER]! | EFER_LMA;
  } else if (isPae) loadPdptes(cpu, s[CR3]!);
}

/** PAE paging keeps its four page-directory pointers in the processor; reserved bits in them raise #GP. */
function loadPdptes(cpu: Cpu, cr3: number): void {
  const pdptes = new Int32Array(8);
  for (let i = 0; i < 4; i++) {
    const address = (cr3 & ~31) >>> 0;
    const lo = cpu.mem.loadPhysical(address + 8 * i);
    const hi = cpu.mem.loadPhysical(address + 8 * i + 4);
    if ((lo & 1) !== 0 && ((lo & 0x1e6) !== 0 || (hi & ~0xff) !== 0)) cpu.raise(GP, 0);
    pdptes[2 * i] = lo;
    pdptes[2 * i + 1] = hi;
  }
  cpu.mem.control.pdptes.set(pdptes);
}

/** `hi` bit 31 asks, with PCIDs, to keep what is remembered of the new address space. */
export function writeCr3(cpu: Cpu, lo: number, hi: number): void {
  const { s, mem } = cpu;
  const hasPcid = (s[CR4]! & CR4_PCIDE) !== 0;
  const keeps = hasPcid && hi < 0;
  const cleanHi = hasPcid ? hi & 0x7fffffff : hi;
  if ((cleanHi & ~0xff) !== 0) cpu.raise(GP, 0);
  const isPae =
    (s[CR0]! & CR0_PG) !== 0 && (s[CR4]! & CR4_PAE) !== 0 && (s[EFER]! & EFER_LMA) === 0;
  if (isPae) loadPdptes(cpu, lo);
  s[CR3] = lo;
  s[CR3 + 1] = cleanHi;
  changedPaging(cpu);
  if (!hasPcid) mem.tlb.flushNonGlobal();
  else {
    if (!keeps) mem.tlb.flushPcid(lo & 0xfff);
    mem.tlb.selectPcid(lo & 0xfff);
  }
}

export function writeCr4(cpu: Cpu, lo: number, hi: number): void {
  const { s } = cpu;
  const old = s[CR4]!;
  if (hi !== 0 || (lo & ~cpu.model.cr4Mask) !== 0) cpu.raise(GP, 0);
  const isLong = (s[EFER]! & EFER_LMA) !== 0;
  if (isLong && (lo & CR4_PAE) === 0) cpu.raise(GP, 0);
  if ((lo & ~old & CR4_PCIDE) !== 0 && (!isLong || (s[CR3]! & 0xfff) !== 0)) cpu.raise(GP, 0);
  const paging = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE;
  const isPagingChange = ((old ^ lo) & paging) !== 0;
  const isOn = (s[CR0]! & CR0_PG) !== 0;
  if (isPagingChange && isOn && !isLong && (lo & CR4_PAE) !== 0) loadPdptes(cpu, s[CR3]!);
  s[CR4] = lo;
  if (isPagingChange) {
    changedPaging(cpu);
    cpu.mem.tlb.flushAll();
    cpu.mem.tlb.selectPcid(currentPcid(cpu));
    changedPrivilege(cpu);
  }
}

/** LMA cannot be written; LME not while paging is on. False for #GP. */
export function writeEfer(cpu: Cpu, lo: number, hi: number): boolean {
  const { s } = cpu;
  const known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
  const old = s[EFER]!;
  if (hi !== 0 || (lo & ~known) !== 0) return false;
  if (((lo ^ old) & EFER_LME) !== 0 && (s[CR0]! & CR0_PG) !== 0) return false;
  s[EFER] = (lo & ~EFER_LMA) | (old & EFER_LMA);
  if (((lo ^ old) & EFER_NXE) !== 0) {
    changedPaging(cpu);
    cpu.mem.tlb.flushAll();
  }
  return true;
}

/** XSETBV of XCR0. x87 is always on, AVX needs SSE; what CPUID does not offer is refused. */
export function writeXcr0(cpu: Cpu, lo: number, hi: number): void {
  const hasAvxAlone = (lo & (XCR0_AVX | XCR0_SSE)) === XCR0_AVX;
  if (hi !== 0 || (lo & XCR0_X87) === 0 || (lo & ~cpu.model.xcr0Mask) !== 0 || hasAvxAlone) {
    cpu.raise(GP, 0);
  }
  cpu.s[XCR0] = lo;
}

/** LMSW: PE, MP, EM and TS from a word; it cannot clear PE. */
export function loadMachineStatus(cpu: Cpu, word: number): void {
  const old = cpu.s[CR0]!;
  writeCr0(cpu, (old & ~0xe) | (word & 0xf) | (old & CR0_PE), 0);
}
