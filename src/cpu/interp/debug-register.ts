// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts: MOV to and from the debug registers. SDM 2: MOV (debug registers); SDM 3B 18.2. It takes
// 64 bits in 64-bit mode, 32 elsewhere. What they stop at is system/watch.ts's.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { CR4, DR, DR6, DR7 } from "../state-layout.ts";
import { CR4_DE } from "../system/control-bits.ts";
import { changedBreakpoints } from "../system/watch.ts";
import { DB, GP, UD } from "../vectors.ts";
import { readB32, readB64, slotA, slotB, widthOf, writeSizedA } from "./operands.ts";
import { requireRing0 } from "./privilege.ts";

/** DR7.GD makes any access a debug exception; DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
function debugRegister(cpu: Cpu, p: number, number: number): number {
  requireRing0(cpu, p);
  const { s } = cpu;
  if (number > 7) cpu.raise(UD);
  const isAlias = number === 4 || number === 5;
  if (isAlias && (s[CR4]! & CR4_DE) !== 0) cpu.raise(UD);
  if ((s[DR7]! & (1 << 13)) !== 0) {
    s[DR6] = s[DR6]! | (1 << 13);
    s[DR7] = s[DR7]! & ~(1 << 13);
    cpu.raise(DB);
  }
  return isAlias ? number + 2 : number;
}

function movFromDebug(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const number = debugRegister(cpu, p, slotB(cpu, p));
  if (number === 6) writeSizedA(cpu, p, s[DR6]!, 0);
  else if (number === 7) writeSizedA(cpu, p, s[DR7]!, 0);
  else writeSizedA(cpu, p, s[DR + 2 * number]!, s[DR + 2 * number + 1]!);
}

function movToDebug(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const number = debugRegister(cpu, p, slotA(cpu, p));
  const isWide = widthOf(cpu, p) === 3;
  const lo = isWide ? readB64(cpu, p) : readB32(cpu, p);
  const hi = isWide ? s[HI]! : 0;
  if (number >= 6 && hi !== 0) cpu.raise(GP, 0);
  if (number === 6) s[DR6] = (lo & 0xe00f) | 0xffff0ff0;
  else if (number === 7) s[DR7] = (lo & 0xffff2bff) | 0x400;
  else {
    s[DR + 2 * number] = lo;
    s[DR + 2 * number + 1] = hi;
  }
  changedBreakpoints(cpu);
}

export const DEBUG_REGISTER_EXECUTORS = { movFromDebug, movToDebug } as const;
