// SPDX-License-Identifier: BSD-2-Clause
// The interrupt shadow of STI, MOV SS and POP SS: SDM 3A 6.8.3.
import type { Cpu } from "../cpu.ts";

/**
 * Holds interrupts off until one more instruction has been executed: STI, and with debug traps and NMIs as
 * well, MOV SS and POP SS. SDM 3A 6.8.3.
 */
export function holdInterrupts(cpu: Cpu, isMovSs: boolean): void {
  // A second MOV SS in the shadow of the first holds nothing off.
  if (cpu.shadowAt === cpu.retired()) return;
  cpu.shadowAt = cpu.retired() + 1;
  cpu.isMovSsShadow = isMovSs;
}

/** The shadow is in force at this instruction boundary. */
export function isShadowed(cpu: Cpu): boolean {
  return cpu.shadowAt >= 0 && cpu.shadowAt === cpu.retired();
}
