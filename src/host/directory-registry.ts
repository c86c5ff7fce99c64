// SPDX-License-Identifier: BSD-2-Clause
// The registry as a directory, TSHYVE_VMM_DIR or below the user's state directory, mode 0700:
//
//   <dir>/NAME/vm.json       the record; replaced by renaming, so it is always whole
//   <dir>/NAME/memory.N      memory and vCPU state of generation N, which vm.json names
//   <dir>/NAME/runner.json   who runs it; made exclusively
//   <dir>/NAME/control.sock  where the runner listens
//
// There is no daemon. A runner that died is known by its process id and start time.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { VmmError } from "../base/errors.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import {
  checkVmName,
  type Lease,
  type Registry,
  refuseUnload,
  type VmImage,
  type VmRecord,
  type VmStage,
} from "../vmm/registry.ts";
import type { VmRemains } from "../vmm/remains.ts";
import type { SuspendHow } from "../vmm/suspend.ts";
import { hostError } from "./host-error.ts";
import { readMemoryFile, writeMemoryFile } from "./memory-file.ts";
import { isAlive, type ProcessIdentity, processIdentity } from "./process-identity.ts";

/** vm.json. */
interface Stored {
  readonly version: 1;
  readonly stage: VmStage;
  readonly generation: number;
  readonly memoryBytes: number;
  readonly suspended?: SuspendHow;
  readonly config: Record<string, string>;
  readonly symbols?: { readonly start: number; readonly end: number };
  readonly remains?: VmRemains;
}

const EMPTY: Stored = { version: 1, stage: "empty", generation: 0, memoryBytes: 0, config: {} };

/** Where /dev/vmm lives unless told otherwise. */
export function defaultVmmDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env["TSHYVE_VMM_DIR"]) return path.resolve(env["TSHYVE_VMM_DIR"]);
  const state = env["XDG_STATE_HOME"] || path.join(os.homedir(), ".local", "state");
  return path.join(state, "tshyve", "vmm");
}

export class DirectoryRegistry implements Registry {
  readonly directory: string;

  constructor(directory = defaultVmmDirectory()) {
    this.directory = directory;
  }

  load(): void {
    attempt(`make ${this.directory}`, () =>
      fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 }),
    );
  }

  unload(): void {
    if (!this.isLoaded()) return;
    refuseUnload(this.list());
    attempt(`remove ${this.directory}`, () => fs.rmdirSync(this.directory));
  }

  isLoaded(): boolean {
    return fs.existsSync(this.directory);
  }

  list(): string[] {
    if (!this.isLoaded()) return [];
    return attempt(`read ${this.directory}`, () => fs.readdirSync(this.directory))
      .filter((name) => !name.startsWith("."))
      .sort();
  }

  exists(name: string): boolean {
    checkVmName(name);
    return fs.existsSync(this.#path(name, "vm.json"));
  }

  create(name: string): void {
    checkVmName(name);
    this.load();
    // The entry is complete before it has its name, and a name is taken by exactly one rename.
    const draft = attempt(`write to ${this.directory}`, () =>
      fs.mkdtempSync(path.join(this.directory, ".new-")),
    );
    try {
      fs.writeFileSync(path.join(draft, "vm.json"), JSON.stringify(EMPTY), { mode: 0o600 });
      fs.renameSync(draft, path.join(this.directory, name));
    } catch (cause) {
      fs.rmSync(draft, { recursive: true, force: true });
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EPERM") {
        throw new VmmError("ERR_VM_EXISTS", `VM ${name} exists already`);
      }
      throw hostError(`create VM ${name}`, cause);
    }
  }

  read(name: string): VmRecord {
    const stored = this.#stored(name);
    const runner = this.#runner(name);
    const isRunning = runner !== undefined && isAlive(runner);
    return {
      name,
      stage: runner !== undefined && !isRunning ? "crashed" : stored.stage,
      memoryBytes: stored.memoryBytes,
      suspended: stored.suspended,
      runner: isRunning ? runner.pid : undefined,
      config: stored.config,
      symbols: stored.symbols,
      remains: stored.remains,
    };
  }

  readImage(name: string): GuestMemory {
    const { generation, memoryBytes } = this.#stored(name);
    if (memoryBytes === 0) {
      throw new VmmError("ERR_VM_STATE", `VM ${name} has no memory yet: run bhyveload first`);
    }
    return readMemoryFile(this.#path(name, `memory.${generation}`), memoryBytes);
  }

  write(name: string, { memory, record }: VmImage): void {
    const old = this.#stored(name);
    const generation = old.generation + 1;
    writeMemoryFile(this.#path(name, `memory.${generation}`), memory);
    this.#store(name, {
      version: 1,
      stage: record.stage,
      generation,
      memoryBytes: record.memoryBytes,
      ...(record.suspended === undefined ? {} : { suspended: record.suspended }),
      config: { ...record.config },
      ...(record.symbols === undefined ? {} : { symbols: record.symbols }),
      ...(record.remains === undefined ? {} : { remains: record.remains }),
    });
    fs.rmSync(this.#path(name, `memory.${old.generation}`), { force: true });
  }

  acquire(name: string): Lease {
    this.#stored(name);
    const file = this.#path(name, "runner.json");
    const identity = JSON.stringify(processIdentity());
    for (;;) {
      try {
        fs.writeFileSync(file, identity, { flag: "wx", mode: 0o600 });
        return { release: () => fs.rmSync(file, { force: true }) };
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
          throw hostError(`take VM ${name}`, cause);
        }
      }
      const runner = this.#runner(name);
      if (runner !== undefined && isAlive(runner)) {
        throw new VmmError("ERR_VM_BUSY", `VM ${name} is busy: process ${runner.pid} runs it`);
      }
      this.#evict(file);
    }
  }

  /** Takes a dead runner's mark away. Of several that try, one gets it; the others find it gone. */
  #evict(file: string): void {
    const aside = `${file}.${process.pid}`;
    try {
      fs.renameSync(file, aside);
      fs.rmSync(aside, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT")
        throw hostError(`remove ${file}`, cause);
    }
  }

  destroy(name: string): void {
    const { runner } = this.read(name);
    if (runner !== undefined) {
      throw new VmmError(
        "ERR_VM_BUSY",
        `VM ${name} is busy: process ${runner} runs it (bhyvectl --force-poweroff ends it)`,
      );
    }
    // The name is free at once; what is below it goes afterwards.
    const grave = path.join(this.directory, `.destroyed-${process.pid}-${Date.now()}`);
    attempt(`destroy VM ${name}`, () => {
      fs.renameSync(path.join(this.directory, name), grave);
      fs.rmSync(grave, { recursive: true, force: true });
    });
  }

  /** Where the VM's runner listens. */
  socketPath(name: string): string {
    return this.#path(name, "control.sock");
  }

  #path(name: string, file: string): string {
    return path.join(this.directory, name, file);
  }

  #stored(name: string): Stored {
    checkVmName(name);
    try {
      return JSON.parse(fs.readFileSync(this.#path(name, "vm.json"), "utf8")) as Stored;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
        throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
      }
      throw hostError(`read VM ${name}`, cause);
    }
  }

  #store(name: string, stored: Stored): void {
    const file = this.#path(name, "vm.json");
    attempt(`write VM ${name}`, () => {
      const fd = fs.openSync(`${file}.new`, "w", 0o600);
      try {
        fs.writeSync(fd, JSON.stringify(stored));
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      fs.renameSync(`${file}.new`, file);
    });
  }

  #runner(name: string): ProcessIdentity | undefined {
    try {
      return JSON.parse(
        fs.readFileSync(this.#path(name, "runner.json"), "utf8"),
      ) as ProcessIdentity;
    } catch {
      return undefined;
    }
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw hostError(what, cause);
  }
}
