// SPDX-License-Identifier: BSD-2-Clause
// What the main thread and a VM's thread say to each other. Console bytes go through byte channels.
import type { ControlReply, ControlRequest } from "../vmm/control-protocol.ts";
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

/** A request to a running VM, and its answer; `id` pairs them. */
export interface VmRequest {
  readonly id: number;
  readonly request: ControlRequest;
}

export interface VmReply {
  readonly id: number;
  readonly reply: ControlReply;
}

/** How a run ended. */
export type VmOutcome =
  | { readonly kind: "suspended"; readonly how: SuspendHow }
  /** The guest's own exit code, from its test device. */
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

export type FromVm =
  | { readonly type: "warning"; readonly message: string }
  | ({ readonly type: "reply" } & VmReply)
  | { readonly type: "ended"; readonly outcome: VmOutcome };
