// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts: the registers that say where the descriptor tables are. SDM 2: LGDT/LIDT, SGDT/SIDT,
// LLDT, SLDT, LTR, STR; SDM 3A 2.4. GDTR and IDTR are a limit of 16 bits, then a base of 32 (24 with 16-bit operands)
// or 64 bits, in memory; LDTR and TR are selectors. UMIP is left out.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT, LDTR, TR } from "../state-layout.ts";
import { loadLdt, loadTaskRegister, selectorOf } from "../system/segmentation.ts";
import { GP } from "../vectors.ts";
import { readA16, storeWord, widthOf } from "./operands.ts";
import { requireProtected, requireRing0 } from "./privilege.ts";

function storeTable(base: number, limit: number) {
  return (cpu: Cpu, p: number): void => {
    const { s, mem } = cpu;
    const size = cpu.is64 ? 10 : 6;
    const lo = cpu.ea(p, size, true);
    const hi = s[HI]!;
    mem.probeWrite(lo, hi, size);
    const baseAt = (lo + 2) | 0;
    const baseHi = baseAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
    mem.store16(lo, hi, s[limit]!);
    if (cpu.is64) mem.store64(baseAt, baseHi, s[base]!, s[base + 1]!);
    else mem.store32(baseAt, baseHi, s[base]!);
  };
}

function loadTable(base: number, limit: number) {
  return (cpu: Cpu, p: number): void => {
    requireRing0(cpu, p);
    const { s, mem } = cpu;
    const lo = cpu.ea(p, cpu.is64 ? 10 : 6, false);
    const hi = s[HI]!;
    const newLimit = mem.load16(lo, hi);
    const baseAt = (lo + 2) | 0;
    const baseAtHi = baseAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
    let newBase: number;
    let newBaseHi = 0;
    if (cpu.is64) {
      newBase = mem.load64(baseAt, baseAtHi);
      newBaseHi = s[HI]!;
      if (newBaseHi >> 15 !== 0 && newBaseHi >> 15 !== -1) cpu.raise(GP, 0);
    } else newBase = mem.load32(baseAt, baseAtHi) & (widthOf(cpu, p) === 1 ? 0xffffff : -1);
    s[limit] = newLimit;
    s[base] = newBase;
    s[base + 1] = newBaseHi;
  };
}

function lldt(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  requireRing0(cpu, p);
  loadLdt(cpu, readA16(cpu, p));
}

function ltr(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  requireRing0(cpu, p);
  loadTaskRegister(cpu, readA16(cpu, p));
}

function storeSelector(segment: number) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    storeWord(cpu, p, selectorOf(cpu, segment));
  };
}

export const DESCRIPTOR_TABLE_EXECUTORS = {
  sgdt: storeTable(GDTR_BASE, GDTR_LIMIT),
  sidt: storeTable(IDTR_BASE, IDTR_LIMIT),
  lgdt: loadTable(GDTR_BASE, GDTR_LIMIT),
  lidt: loadTable(IDTR_BASE, IDTR_LIMIT),
  sldt: storeSelector(LDTR),
  str: storeSelector(TR),
  lldt,
  ltr,
} as const;
