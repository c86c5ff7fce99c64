// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts: segment registers and their bases. SDM 2: MOV, LDS/LES/LFS/LGS/LSS, RDFSBASE and its
// like, SWAPGS. What a load checks is system/segmentation.ts's; the stack instructions' loads are in stack.ts.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import {
  CR4,
  CURRENT,
  FS,
  GS,
  MSR_KERNEL_GS_BASE,
  SEG_BASE,
  SEG_WORDS,
  SEGMENTS,
  SS,
} from "../state-layout.ts";
import { CR4_FSGSBASE } from "../system/control-bits.ts";
import { loadSegment, selectorOf } from "../system/segmentation.ts";
import { holdInterrupts } from "../system/shadow.ts";
import { GP, UD } from "../vectors.ts";
import { readB16, slotA, slotB, slotC, storeWord, widthOf, writeSizedA } from "./operands.ts";
import { requireRing0 } from "./privilege.ts";

function movFromSegment(cpu: Cpu, p: number): void {
  const segment = slotB(cpu, p);
  if (segment > GS) {
    cpu.s[CURRENT] = p;
    cpu.raise(UD);
  }
  storeWord(cpu, p, selectorOf(cpu, segment));
}

function movToSegment(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const segment = slotA(cpu, p);
  if (segment > GS || segment === 1) cpu.raise(UD);
  loadSegment(cpu, segment, readB16(cpu, p));
  if (segment === SS) holdInterrupts(cpu, true);
}

/** LDS, LES, LSS, LFS, LGS: offset first, selector behind it. LSS needs no shadow: it loads both at once. */
function loadFarPointer(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const lo = cpu.ea(p, size + 2, false);
  const hi = s[HI]!;
  const offset =
    width === 3 ? mem.load64(lo, hi) : width === 2 ? mem.load32(lo, hi) : mem.load16(lo, hi);
  const offsetHi = s[HI]!;
  const selectorAt = (lo + size) | 0;
  const selector = mem.load16(selectorAt, selectorAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi);
  loadSegment(cpu, slotC(cpu, p), selector);
  writeSizedA(cpu, p, offset, offsetHi);
}

function swapgs(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  const base = SEGMENTS + GS * SEG_WORDS + SEG_BASE;
  for (const half of [0, 1]) {
    const value = s[base + half]!;
    s[base + half] = s[MSR_KERNEL_GS_BASE + half]!;
    s[MSR_KERNEL_GS_BASE + half] = value;
  }
}

function requireFsGsBase(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if ((cpu.s[CR4]! & CR4_FSGSBASE) === 0) cpu.raise(UD);
}

function readBase(segment: number) {
  const base = SEGMENTS + segment * SEG_WORDS + SEG_BASE;
  return (cpu: Cpu, p: number): void => {
    requireFsGsBase(cpu, p);
    writeSizedA(cpu, p, cpu.s[base]!, cpu.s[base + 1]!);
  };
}

function writeBase(segment: number) {
  const base = SEGMENTS + segment * SEG_WORDS + SEG_BASE;
  return (cpu: Cpu, p: number): void => {
    requireFsGsBase(cpu, p);
    const { s } = cpu;
    const slot = slotA(cpu, p);
    const hi = widthOf(cpu, p) === 3 ? s[slot + 1]! : 0;
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
    s[base] = s[slot]!;
    s[base + 1] = hi;
  };
}

export const SEGMENT_EXECUTORS = {
  movFromSegment,
  movToSegment,
  loadFarPointer,
  swapgs,
  rdfsbase: readBase(FS),
  rdgsbase: readBase(GS),
  wrfsbase: writeBase(FS),
  wrgsbase: writeBase(GS),
} as const;
