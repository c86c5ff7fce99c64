// SPDX-License-Identifier: BSD-2-Clause
// What `tshyve run` makes of a run, and the status it says it with. Every odd status is the guest's own: a code c
// that it writes to the test device's exit port comes out as 2c + 1, as in bhyve and QEMU. All of ours are even.
import { describeOutcome, type RunOutcome } from "../../vmm/run-outcome.ts";

export const VERDICT_STATUS = {
  /** All that was expected has been seen; without expectations, the guest powered off. */
  met: 0,
  /** A text of --fail was seen. */
  failed: 2,
  /** Something is wrong with the command or its files: bhyve's status for errors. */
  error: 4,
  panic: 6,
  /** The guest ended before all that was expected was seen. */
  unmet: 8,
  /** --timeout, or a script's. */
  timeout: 10,
  "wall-timeout": 12,
  limit: 14,
  "triple-fault": 16,
  /** Without expectations: halted with interrupts off. */
  halted: 18,
  /** Without expectations. */
  reset: 20,
  /** It waits for input that cannot come. */
  idle: 22,
  /** A replay came to another state than the run that it repeats. */
  diverged: 24,
  usage: 64,
  interrupted: 130,
} as const;

export type VerdictKind = keyof typeof VERDICT_STATUS | "exited";

export interface Verdict {
  readonly kind: VerdictKind;
  readonly status: number;
  /** One sentence. */
  readonly message: string;
}

export function verdict(kind: Exclude<VerdictKind, "exited">, message: string): Verdict {
  return { kind, status: VERDICT_STATUS[kind], message };
}

/** True for a run that did what was wanted of it, as far as anybody can tell. */
export function isSuccess({ status, kind }: Verdict): boolean {
  return status === 0 || (kind === "exited" && status === 1);
}

/** What the end of a run means when nothing else has been decided; `missing` has not been seen. */
export function verdictOf(outcome: RunOutcome, missing: string | undefined): Verdict {
  const before = missing === undefined ? "" : ` before ${missing}`;
  const what = `the guest ${describeOutcome(outcome)}${before}`;
  switch (outcome.kind) {
    case "exited":
      return {
        kind: "exited",
        status: outcome.status,
        message: `the guest exited with code ${outcome.status >> 1}${before}`,
      };
    case "limit":
      return verdict("limit", what);
    case "timeout":
      return verdict("timeout", what);
    case "suspended":
      break;
    default:
      return verdict("interrupted", what);
  }
  if (outcome.how === "triplefault") return verdict("triple-fault", what);
  if (missing !== undefined) return verdict("unmet", what);
  if (outcome.how === "poweroff") return verdict("met", what);
  return verdict(outcome.how === "reset" ? "reset" : "halted", what);
}
