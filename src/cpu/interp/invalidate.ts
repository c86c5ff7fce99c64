// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts about what a processor keeps copies of: translations (INVLPG, INVPCID; SDM 3A 4.10.4),
// and memory. There are no caches and no reordering, so INVD, WBINVD, CLFLUSH, the fences and the prefetches only fault
// as they should.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { CR3, CR4 } from "../state-layout.ts";
import { GP } from "../vectors.ts";
import { slotA } from "./operands.ts";
import { requireRing0 } from "./privilege.ts";

function invlpg(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const lo = cpu.ea(p, 1, false);
  const hi = cpu.s[HI]!;
  // A non-canonical address names no page.
  if (hi >> 15 === 0 || hi >> 15 === -1) cpu.mem.tlb.flushPage(lo, hi);
}

/** SDM 2: INVPCID. A is the type, the descriptor is PCID and linear address. */
function invpcid(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s, mem } = cpu;
  const slot = slotA(cpu, p);
  const type = s[slot]! >>> 0;
  if (cpu.is64 && s[slot + 1] !== 0) cpu.raise(GP, 0);
  const at = cpu.ea(p, 16, false);
  const atHi = s[HI]!;
  const pcid = mem.load64(at, atHi);
  if (s[HI] !== 0 || (pcid & ~0xfff) !== 0 || type > 3) cpu.raise(GP, 0);
  const lo = mem.load64((at + 8) | 0, (at + 8) >>> 0 < 8 ? (atHi + 1) | 0 : atHi);
  const hi = s[HI]!;
  const hasPcid = (s[CR4]! & (1 << 17)) !== 0;
  if (type <= 1 && pcid !== 0 && !hasPcid) cpu.raise(GP, 0);
  if (type === 0) {
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
    mem.tlb.flushPage(lo, hi);
  } else if (type === 1) mem.tlb.flushPcid(pcid);
  else if (type === 2) {
    mem.tlb.flushAll();
    mem.tlb.selectPcid(hasPcid ? s[CR3]! & 0xfff : 0);
  } else mem.tlb.flushNonGlobal();
}

export const INVALIDATE_EXECUTORS = {
  invlpg,
  invpcid,
  invd: requireRing0,
  wbinvd: requireRing0,
  /** Faults like a load. */
  clflush: (cpu: Cpu, p: number) => {
    const lo = cpu.ea(p, 1, false);
    cpu.mem.probeRead(lo, cpu.s[HI]!, 1);
  },
  fence: () => {},
  prefetch: () => {},
} as const;
