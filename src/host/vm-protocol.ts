// SPDX-License-Identifier: BSD-2-Clause
// What the main thread and a VM's thread say to each other. Console bytes go through byte channels.
import type { SuspendHow } from "../vmm/suspend.ts";

/** What the VM's thread starts with. */
export interface VmWorkerData {
  readonly directory: string;
  readonly name: string;
  /** Configuration variables. */
  readonly config: Readonly<Record<string, string>>;
  readonly console: { readonly input: SharedArrayBuffer; readonly output: SharedArrayBuffer };
  /** Rung for the VM: input, room in the output, a request. And for the main thread: output. */
  readonly bells: { readonly vm: SharedArrayBuffer; readonly main: SharedArrayBuffer };
}

/** A request to a running VM: what `bhyvectl` asks of it, and the terminal's power button. */
export type VmRequest =
  | {
      readonly id: number;
      readonly kind: "force-reset" | "force-poweroff" | "power-button" | "nmi" | "stop";
    }
  | { readonly id: number; readonly kind: "stats" | "registers" };

export type VmReply =
  | { readonly id: number; readonly kind: "done" }
  | {
      readonly id: number;
      readonly kind: "stats";
      readonly stats: readonly (readonly [string, number])[];
    }
  | { readonly id: number; readonly kind: "registers"; readonly state: Uint8Array };

/** How a run ended. */
export type VmOutcome =
  | { readonly kind: "suspended"; readonly how: SuspendHow }
  /** The guest's own exit code, from its test device. */
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

export type FromVm =
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "reply"; readonly reply: VmReply }
  | { readonly type: "ended"; readonly outcome: VmOutcome };
