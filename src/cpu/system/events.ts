// SPDX-License-Identifier: BSD-2-Clause
// What happens between instructions: shadows, traps, NMIs, interrupts, in the order of SDM 3A table 6-2.
import type { Cpu } from "../cpu.ts";
import { FLAG_IF, FLAG_RF, FLAG_TF } from "../flags.ts";
import {
  ACTIVITY,
  ACTIVITY_HALTED,
  ACTIVITY_NMI_BLOCKED,
  ACTIVITY_NMI_PENDING,
  ACTIVITY_SHUTDOWN,
  ACTIVITY_WAIT_SIPI,
  DR7,
  FLAGS,
} from "../state-layout.ts";
import { NMI } from "../vectors.ts";
import { deliverInterrupt, raiseDebug } from "./exceptions.ts";
import { isShadowed } from "./shadow.ts";
import { hasCodeBreakpoint } from "./watch.ts";

/** Nothing is executed in these states. */
const STANDSTILL = ACTIVITY_HALTED | ACTIVITY_SHUTDOWN | ACTIVITY_WAIT_SIPI;

/** Something may be due at an instruction boundary: what a shadow would hold off. */
function hasEvent(cpu: Cpu): boolean {
  return (
    cpu.isInterruptRequested || cpu.pendingDebug !== 0 || cpu.hasActivity(ACTIVITY_NMI_PENDING)
  );
}

/**
 * A device has asked for something since the run loop last looked, or may have: whether it can be had now, with the
 * flags as they are, is not looked at.
 */
export function isDisturbed(cpu: Cpu): boolean {
  return cpu.exit !== undefined || hasEvent(cpu) || cpu.hasActivity(STANDSTILL);
}

/** The run loop has something to do before the next instruction. Asks the interrupt source once at the most. */
export function needsAttention(cpu: Cpu): boolean {
  if (cpu.exit !== undefined || cpu.pendingDebug !== 0) return true;
  // An IRET or SYSRET that set RF: it holds for the next instruction, and the run loop ends it there.
  if ((cpu.s[FLAGS]! & FLAG_RF) !== 0) return true;
  if (cpu.hasActivity(ACTIVITY_NMI_PENDING | ACTIVITY_HALTED | ACTIVITY_SHUTDOWN)) return true;
  if (cpu.isInterruptRequested && (cpu.s[FLAGS]! & FLAG_IF) !== 0) {
    if (cpu.interrupts.pendingVector() >= 0) return true;
    cpu.isInterruptRequested = false;
  }
  return needsSingleStep(cpu);
}

/** Instructions have to be executed one at a time: single-stepping, code breakpoints, or a shadow in force. */
export function needsSingleStep(cpu: Cpu): boolean {
  const { s } = cpu;
  return (
    (s[FLAGS]! & FLAG_TF) !== 0 ||
    ((s[DR7]! & 0xff) !== 0 && hasCodeBreakpoint(cpu)) ||
    (hasEvent(cpu) && isShadowed(cpu)) ||
    cpu.trace?.wantsInstructions === true
  );
}

/** Delivers what is due. True if something was, so that RIP has changed. */
export function handleEvents(cpu: Cpu): boolean {
  const { s } = cpu;
  const shadowed = isShadowed(cpu);
  if (cpu.pendingDebug !== 0 && !(shadowed && cpu.isMovSsShadow)) {
    const causes = cpu.pendingDebug;
    cpu.pendingDebug = 0;
    cpu.setActivity(ACTIVITY_HALTED, false);
    raiseDebug(cpu, causes);
    return true;
  }
  const activity = s[ACTIVITY]!;
  if (
    (activity & (ACTIVITY_NMI_PENDING | ACTIVITY_NMI_BLOCKED)) === ACTIVITY_NMI_PENDING &&
    !(shadowed && cpu.isMovSsShadow)
  ) {
    s[ACTIVITY] = (activity & ~(ACTIVITY_NMI_PENDING | ACTIVITY_HALTED)) | ACTIVITY_NMI_BLOCKED;
    cpu.counters.nmis++;
    deliverInterrupt(cpu, NMI);
    return true;
  }
  if (!cpu.isInterruptRequested || shadowed || (s[FLAGS]! & FLAG_IF) === 0) return false;
  return handleInterrupt(cpu);
}

function handleInterrupt(cpu: Cpu): boolean {
  if (cpu.interrupts.pendingVector() < 0) {
    cpu.isInterruptRequested = false;
    return false;
  }
  const vector = cpu.interrupts.acknowledge();
  if (vector < 0) return false;
  cpu.setActivity(ACTIVITY_HALTED, false);
  cpu.counters.interrupts++;
  cpu.trace?.interrupt(vector);
  deliverInterrupt(cpu, vector);
  return true;
}

/** A halted vCPU has something to wake up for. */
export function canWake(cpu: Cpu): boolean {
  const { s } = cpu;
  const activity = s[ACTIVITY]!;
  if ((activity & (ACTIVITY_NMI_PENDING | ACTIVITY_NMI_BLOCKED)) === ACTIVITY_NMI_PENDING)
    return true;
  return (
    (s[FLAGS]! & FLAG_IF) !== 0 && cpu.isInterruptRequested && cpu.interrupts.pendingVector() >= 0
  );
}
