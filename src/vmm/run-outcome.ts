// SPDX-License-Identifier: BSD-2-Clause
import type { SuspendHow } from "./suspend.ts";

/** Why a run is over. */
export type RunOutcome =
  /** For good: powered off, reset, halted with interrupts off, triple fault. */
  | { readonly kind: "suspended"; readonly how: SuspendHow }
  /** For good: the guest gave its own exit code, through the test device. */
  | { readonly kind: "exited"; readonly status: number }
  /** In front of the instruction at a breakpoint. */
  | { readonly kind: "breakpoint"; readonly address: bigint }
  /** It has retired as many instructions as it was given. */
  | { readonly kind: "limit" }
  /** The guest time that it was given is over. */
  | { readonly kind: "timeout" }
  | { readonly kind: "paused" };

const SUSPENDED: Readonly<Record<SuspendHow, string>> = {
  reset: "reset the machine",
  poweroff: "powered off",
  halt: "halted for good, with interrupts off",
  triplefault: "ended in a triple fault",
};

/** What completes "the guest …". */
export function describeOutcome(outcome: RunOutcome): string {
  switch (outcome.kind) {
    case "suspended":
      return SUSPENDED[outcome.how];
    case "exited":
      return `exited with status ${outcome.status}`;
    case "breakpoint":
      return `came to the breakpoint at 0x${outcome.address.toString(16)}`;
    case "limit":
      return "used up its instructions";
    case "timeout":
      return "used up its time";
    default:
      return "was paused";
  }
}

/** True if there is nothing left to run. */
export function isFinal(outcome: RunOutcome): boolean {
  return outcome.kind === "suspended" || outcome.kind === "exited";
}
