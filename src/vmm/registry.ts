// SPDX-License-Identifier: BSD-2-Clause
// What /dev/vmm is to bhyve: VMs by name, which outlive the processes that make, load and run them. Here are
// the rules and the interface; host/directory-registry.ts keeps one in a directory.
import { VmmError } from "../base/errors.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import type { VmRemains } from "./remains.ts";
import type { SuspendHow } from "./suspend.ts";

/** vmm.ko's limit since FreeBSD 13. */
const MAX_VM_NAME = 229;

/** Throws ERR_BAD_OPTION for what could not be a node below /dev/vmm. */
export function checkVmName(name: string): void {
  const problem = nameProblem(name);
  if (problem === undefined) return;
  throw new VmmError("ERR_BAD_OPTION", `'${name}' cannot be the name of a VM: ${problem}`);
}

function nameProblem(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (new TextEncoder().encode(name).length > MAX_VM_NAME)
    return `it is longer than ${MAX_VM_NAME} bytes`;
  if (name.includes("/")) return "it contains a slash";
  if (name.startsWith(".")) return "it starts with a dot";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
  return /[\x00-\x1f\x7f]/.test(name) ? "it contains a control character" : undefined;
}

/** What `kldunload vmm` says while there are VMs. Throws ERR_VM_BUSY. */
export function refuseUnload(names: readonly string[]): void {
  if (names.length === 0) return;
  const count = names.length === 1 ? "a VM exists" : `${names.length} VMs exist`;
  const some = names.length > 10 ? [...names.slice(0, 10), "…"] : names;
  throw new VmmError(
    "ERR_VM_BUSY",
    `can't unload vmm: ${count} (${some.join(", ")}); destroy with bhyvectl --destroy first`,
  );
}

/**
 * empty: created, no memory yet. loaded: a kernel is in memory and vCPU 0 stands at its entry. suspended: it
 * has run and stopped for good. crashed: its runner died; memory and state are those from before the run.
 */
export type VmStage = "empty" | "loaded" | "suspended" | "crashed";

/** What is known of a VM without reading its memory. */
export interface VmRecord {
  readonly name: string;
  readonly stage: VmStage;
  /** Bytes of RAM; 0 while it is empty. */
  readonly memoryBytes: number;
  /** Why it stopped, once it has. */
  readonly suspended: SuspendHow | undefined;
  /** Process that runs it now. */
  readonly runner: number | undefined;
  /** Configuration variables of the last run. */
  readonly config: Readonly<Record<string, string>>;
  /** Where the kernel's symbol block lies in guest memory, for backtraces. */
  readonly symbols: { readonly start: number; readonly end: number } | undefined;
  /** What its chips were left with; undefined for one that has never run nor been inspected. */
  readonly remains: VmRemains | undefined;
}

/** A whole VM at rest. */
export interface VmImage {
  readonly memory: GuestMemory;
  /** The vCPU's state block is in the memory's head, so it goes with it. */
  readonly record: Omit<VmRecord, "name" | "runner">;
}

export interface Registry {
  /** `kldload vmm`: makes the place. Idempotent. */
  load(): void;
  /** `kldunload vmm`. Throws ERR_VM_BUSY while VMs exist. */
  unload(): void;
  isLoaded(): boolean;
  /** Names, sorted. */
  list(): string[];
  /** Makes an empty VM. Throws ERR_VM_EXISTS; of two at once, one wins. */
  create(name: string): void;
  exists(name: string): boolean;
  /** Throws ERR_VM_NOT_FOUND. */
  read(name: string): VmRecord;
  /** Memory and state of a VM that is not empty. Throws ERR_VM_STATE otherwise. */
  readImage(name: string): GuestMemory;
  /** Replaces memory, state and record, atomically. */
  write(name: string, image: VmImage): void;
  /** Takes the VM for a runner. Throws ERR_VM_BUSY if another process has it. */
  acquire(name: string): Lease;
  /** Removes the VM and frees what it holds. Throws ERR_VM_NOT_FOUND, or ERR_VM_BUSY while it runs. */
  destroy(name: string): void;
}

/** The right to run a VM. It ends with the process that has it, if nothing else. */
export interface Lease {
  release(): void;
}
