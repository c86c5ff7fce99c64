// SPDX-License-Identifier: BSD-2-Clause
// What a vCPU needs from the machine around it. The machine implements these; the vCPU knows no device.
import type { U64 } from "../base/u64.ts";

/** The local APIC, as the processor core sees it. */
export interface InterruptSource {
  /** The vector that would be delivered now if interrupts were enabled; -1 if none. Cheap, no side effect. */
  pendingVector(): number;
  /** Takes the pending interrupt: it goes in service (or the 8259 is acknowledged). The vector. */
  acknowledge(): number;
  /** Task priority, CR8: 0-15. */
  readTaskPriority(): number;
  writeTaskPriority(priority: number): void;
}

/** MSRs that are not the processor core's own: APIC base, x2APIC, TSC deadline, platform. */
export interface MsrSpace {
  /** Undefined if there is no such MSR: the guest gets #GP(0). */
  read(msr: number): U64 | undefined;
  /** False for #GP(0). */
  write(msr: number, value: U64): boolean;
}

/** Time and randomness, both the machine's to decide. */
export interface Environment {
  /** The time stamp counter before the guest's own offset: a safe integer. */
  readTsc(): number;
  /**
   * Guest time in nanoseconds, if it passes by one for each instruction while a vCPU runs; undefined if it is a
   * clock of its own.
   */
  readonly virtualNs?: (() => number) | undefined;
  /** 32 random bits. */
  random32(): number;
  /** The guest has changed its offset to that counter: deadlines in its terms have moved. */
  tscWritten(): void;
}

/** Why a vCPU stopped: bhyve's exit codes, as data. The machine handles one and runs the vCPU again. */
export type VmExit =
  /** The budget is used up, or something asked the vCPU to stop. */
  | { readonly kind: "bogus" }
  /** IN or OUT. After an IN the machine calls `completeIn`. `value` is what OUT wrote, unsigned. */
  | InoutExit
  | { readonly kind: "hlt"; readonly isInterruptible: boolean }
  | { readonly kind: "pause" }
  | { readonly kind: "suspended"; readonly how: "triplefault" }
  /** A breakpoint of the debugger, not of the guest. */
  | { readonly kind: "debug" };

export interface InoutExit {
  readonly kind: "inout";
  port: number;
  size: 1 | 2 | 4;
  isIn: boolean;
  isString: boolean;
  value: number;
}
