// SPDX-License-Identifier: BSD-2-Clause
// A registry for one program: VMs live as long as it does, or until they are destroyed.
import { VmmError } from "../base/errors.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import {
  checkVmName,
  type Lease,
  type Registry,
  refuseUnload,
  type VmImage,
  type VmRecord,
} from "./registry.ts";

interface Entry {
  record: Omit<VmRecord, "name" | "runner">;
  memory: GuestMemory | undefined;
  isRunning: boolean;
}

const EMPTY: Entry["record"] = {
  stage: "empty",
  memoryBytes: 0,
  suspended: undefined,
  config: {},
  symbols: undefined,
  remains: undefined,
};

export class MemoryRegistry implements Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #pid: number;
  #isLoaded = false;

  /** `pid` is who runs what runs here. */
  constructor(pid = 0) {
    this.#pid = pid;
  }

  load(): void {
    this.#isLoaded = true;
  }

  unload(): void {
    refuseUnload(this.list());
    this.#isLoaded = false;
  }

  isLoaded(): boolean {
    return this.#isLoaded;
  }

  list(): string[] {
    return [...this.#entries.keys()].sort();
  }

  create(name: string): void {
    checkVmName(name);
    this.load();
    if (this.#entries.has(name)) {
      throw new VmmError("ERR_VM_EXISTS", `VM ${name} exists already`);
    }
    this.#entries.set(name, { record: EMPTY, memory: undefined, isRunning: false });
  }

  exists(name: string): boolean {
    checkVmName(name);
    return this.#entries.has(name);
  }

  read(name: string): VmRecord {
    const { record, isRunning } = this.#entry(name);
    return { ...record, name, runner: isRunning ? this.#pid : undefined };
  }

  /** The memory itself, not a copy. */
  readImage(name: string): GuestMemory {
    const { memory } = this.#entry(name);
    if (memory !== undefined) return memory;
    throw new VmmError("ERR_VM_STATE", `VM ${name} has no memory yet: load a kernel first`);
  }

  write(name: string, { memory, record }: VmImage): void {
    const entry = this.#entry(name);
    entry.memory = memory;
    entry.record = record;
  }

  acquire(name: string): Lease {
    const entry = this.#entry(name);
    if (entry.isRunning) {
      throw new VmmError("ERR_VM_BUSY", `VM ${name} is busy: this program runs it`);
    }
    entry.isRunning = true;
    let isHeld = true;
    return {
      release: () => {
        if (isHeld) entry.isRunning = false;
        isHeld = false;
      },
    };
  }

  destroy(name: string): void {
    if (this.#entry(name).isRunning) {
      throw new VmmError("ERR_VM_BUSY", `VM ${name} is busy: this program runs it`);
    }
    this.#entries.delete(name);
  }

  #entry(name: string): Entry {
    checkVmName(name);
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
  }
}
