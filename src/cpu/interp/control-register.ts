// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts: MOV to and from CR0, CR2, CR3, CR4 and CR8, and the instructions that reach parts of
// CR0. SDM 2: MOV (control registers), SMSW, LMSW, CLTS; SDM 3A 2.5. MOV takes 64 bits in 64-bit mode, 32 elsewhere.
// What a bit changes is system/control-registers.ts's; CR8 is the local APIC's.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { CR0, CR2, CR3, CR4 } from "../state-layout.ts";
import { CR0_TS } from "../system/control-bits.ts";
import { loadMachineStatus, writeCr0, writeCr3, writeCr4 } from "../system/control-registers.ts";
import { GP, UD } from "../vectors.ts";
import {
  readA16,
  readB32,
  readB64,
  slotA,
  slotB,
  storeWord,
  widthOf,
  writeSizedA,
} from "./operands.ts";
import { requireRing0 } from "./privilege.ts";

function movFromControl(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  let lo: number;
  let hi = 0;
  switch (slotB(cpu, p)) {
    case 0:
      lo = s[CR0]!;
      break;
    case 2:
      lo = s[CR2]!;
      hi = s[CR2 + 1]!;
      break;
    case 3:
      lo = s[CR3]!;
      hi = s[CR3 + 1]!;
      break;
    case 4:
      lo = s[CR4]!;
      break;
    case 8:
      lo = cpu.interrupts.readTaskPriority();
      break;
    default:
      lo = cpu.raise(UD);
  }
  writeSizedA(cpu, p, lo, hi);
}

function movToControl(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  const isWide = widthOf(cpu, p) === 3;
  const lo = isWide ? readB64(cpu, p) : readB32(cpu, p);
  const hi = isWide ? s[HI]! : 0;
  switch (slotA(cpu, p)) {
    case 0:
      writeCr0(cpu, lo, hi);
      break;
    case 2:
      s[CR2] = lo;
      s[CR2 + 1] = hi;
      break;
    case 3:
      writeCr3(cpu, lo, hi);
      break;
    case 4:
      writeCr4(cpu, lo, hi);
      break;
    case 8:
      if (hi !== 0 || (lo & ~15) !== 0) cpu.raise(GP, 0);
      cpu.interrupts.writeTaskPriority(lo);
      break;
    default:
      cpu.raise(UD);
  }
}

export const CONTROL_REGISTER_EXECUTORS = {
  movFromControl,
  movToControl,
  smsw: (cpu: Cpu, p: number) => storeWord(cpu, p, cpu.s[CR0]!),
  lmsw: (cpu: Cpu, p: number) => {
    requireRing0(cpu, p);
    loadMachineStatus(cpu, readA16(cpu, p));
  },
  clts: (cpu: Cpu, p: number) => {
    requireRing0(cpu, p);
    cpu.s[CR0] = cpu.s[CR0]! & ~CR0_TS;
  },
} as const;
