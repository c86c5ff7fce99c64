// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts: the flags that only a kernel changes, and the wait for what one of them lets through. SDM 2:
// CLI, STI (with its shadow of one instruction), HLT, and STAC, CLAC (SDM 3A 4.6). The virtual interrupt flags (VME,
// PVI) are left out.
import type { Cpu } from "../cpu.ts";
import { FLAG_AC, FLAG_IF, FLAG_IOPL } from "../flags.ts";
import { ACTIVITY_HALTED, CPL, CURRENT, FLAGS } from "../state-layout.ts";
import { changedPrivilege } from "../system/mode.ts";
import { holdInterrupts } from "../system/shadow.ts";
import { GP, UD } from "../vectors.ts";
import { requireRing0 } from "./privilege.ts";

function requireInterruptControl(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (s[CPL]! > (s[FLAGS]! & FLAG_IOPL) >> 12) cpu.raise(GP, 0);
}

function cli(cpu: Cpu, p: number): void {
  requireInterruptControl(cpu, p);
  cpu.s[FLAGS] = cpu.s[FLAGS]! & ~FLAG_IF;
}

/** Interrupts stay off for one more instruction if they were off. */
function sti(cpu: Cpu, p: number): void {
  requireInterruptControl(cpu, p);
  const { s } = cpu;
  if ((s[FLAGS]! & FLAG_IF) === 0) holdInterrupts(cpu, false);
  s[FLAGS] = s[FLAGS]! | FLAG_IF;
}

function hlt(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  cpu.counters.hlt++;
  cpu.setActivity(ACTIVITY_HALTED, true);
  cpu.exit = { kind: "hlt", isInterruptible: (cpu.s[FLAGS]! & FLAG_IF) !== 0 };
}

function changeAccessControl(isSet: boolean) {
  return (cpu: Cpu, p: number): void => {
    const { s } = cpu;
    s[CURRENT] = p;
    if (s[CPL] !== 0) cpu.raise(UD);
    s[FLAGS] = isSet ? s[FLAGS]! | FLAG_AC : s[FLAGS]! & ~FLAG_AC;
    changedPrivilege(cpu);
  };
}

export const INTERRUPT_FLAG_EXECUTORS = {
  cli,
  sti,
  hlt,
  stac: changeAccessControl(true),
  clac: changeAccessControl(false),
} as const;
