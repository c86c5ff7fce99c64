// SPDX-License-Identifier: BSD-2-Clause
// The registry as a directory, TSHYVE_VMM_DIR or below the user's state directory, mode 0700:
//
//   <dir>/NAME/vm.json       the record; replaced by renaming, so it is always whole
//   <dir>/NAME/memory.N      memory and vCPU state of generation N, which vm.json names
//   <dir>/NAME/runner.N      who runs it: runner-marks.ts
//   <dir>/NAME/control.sock  where the runner listens
//   <dir>/.new-PID-N         an entry that PID is making
//   <dir>/.gone-PID-N        an entry that PID is removing
//
// There is no daemon. A runner that died is known by its process id and start time. Whatever is killed at whatever
// moment, an entry is whole: files that nobody names any more are swept away by who comes next.
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
} from "../vmm/registry.ts";
import { hostError } from "./host-error.ts";
import { makeDirectory } from "./make-directory.ts";
import { readMemoryFile, writeMemoryFile } from "./memory-file.ts";
import { isAlive } from "./process-identity.ts";
import { RunnerMarks } from "./runner-marks.ts";
import { parseStoredVm, type StoredVm } from "./stored-vm.ts";

const EMPTY: StoredVm = {
  version: 1,
  stage: "empty",
  generation: 0,
  memoryBytes: 0,
  config: {},
  mark: 0,
};
/** What is left of entries that are being made or removed. */
const LEFTOVER = /^\.(?:new|gone)-(\d+)-/;

/** Where /dev/vmm lives unless told otherwise. */
export function defaultVmmDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
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
    attempt(`make ${this.directory}`, () => makeDirectory(this.directory, 0o700));
  }

  unload(): void {
    if (!this.isLoaded()) return;
    refuseUnload(this.list());
    this.#sweep();
    attempt(`remove ${this.directory}`, () => fs.rmdirSync(this.directory));
  }

  isLoaded(): boolean {
    return fs.existsSync(this.directory);
  }

  list(): string[] {
    if (!this.isLoaded()) return [];
    const entries = attempt(`read ${this.directory}`, () =>
      fs.readdirSync(this.directory, { withFileTypes: true }),
    );
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .sort();
  }

  exists(name: string): boolean {
    checkVmName(name);
    // By its name alone: an entry that has lost its record is there to be destroyed.
    return isDirectory(path.join(this.directory, name));
  }

  create(name: string): void {
    checkVmName(name);
    this.load();
    this.#sweep();
    // The entry is complete before it has its name, and a name is taken by exactly one rename.
    const draft = this.#scratch("new");
    try {
      fs.mkdirSync(draft, { mode: 0o700 });
      fs.writeFileSync(path.join(draft, "vm.json"), JSON.stringify(EMPTY), { mode: 0o600 });
      fs.renameSync(draft, path.join(this.directory, name));
    } catch (cause) {
      fs.rmSync(draft, { recursive: true, force: true });
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === "ENOTEMPTY" || code === "EEXIST") {
        throw new VmmError("ERR_VM_EXISTS", `VM ${name} exists already`);
      }
      if (code === "ENOTDIR") {
        const place = path.join(this.directory, name);
        throw new VmmError(
          "ERR_IO",
          `cannot create VM ${name}: ${place} is a file, and none of ours`,
        );
      }
      throw hostError(`create VM ${name}`, cause);
    }
  }

  /** Removes what processes that are no more have left behind. */
  #sweep(): void {
    for (const name of attempt(`read ${this.directory}`, () => fs.readdirSync(this.directory))) {
      const pid = Number(LEFTOVER.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(pid) || isAlive({ pid, started: "" })) continue;
      fs.rmSync(path.join(this.directory, name), { recursive: true, force: true });
    }
  }

  #scratch(purpose: "new" | "gone"): string {
    return path.join(this.directory, `.${purpose}-${process.pid}-${++scratches}`);
  }

  read(name: string): VmRecord {
    const stored = this.#stored(name);
    const { pid, crashedAt } = this.#marks(name).read();
    return {
      name,
      stage: crashedAt > stored.mark ? "crashed" : stored.stage,
      memoryBytes: stored.memoryBytes,
      suspended: stored.suspended,
      runner: pid,
      config: stored.config,
      symbols: stored.symbols,
      remains: stored.remains,
    };
  }

  readImage(name: string): GuestMemory {
    for (;;) {
      const { generation, memoryBytes } = this.#stored(name);
      if (memoryBytes === 0) {
        throw new VmmError("ERR_VM_STATE", `VM ${name} has no memory yet: run bhyveload first`);
      }
      try {
        return readMemoryFile(this.#path(name, `memory.${generation}`), memoryBytes);
      } catch (error) {
        // A writer may have replaced it since.
        if (this.#stored(name).generation !== generation) continue;
        const isGone = error instanceof VmmError && error.code === "ERR_NOT_FOUND";
        throw isGone ? damaged(this.#path(name, `memory.${generation}`)) : error;
      }
    }
  }

  write(name: string, { memory, record }: VmImage): void {
    const old = this.#stored(name);
    const generation = old.generation + 1;
    const file = this.#path(name, `memory.${generation}`);
    try {
      writeMemoryFile(file, memory);
    } catch (error) {
      fs.rmSync(file, { force: true });
      throw error;
    }
    this.#store(name, {
      version: 1,
      stage: record.stage,
      generation,
      mark: this.#marks(name).read().number,
      memoryBytes: record.memoryBytes,
      ...(record.suspended === undefined ? {} : { suspended: record.suspended }),
      config: { ...record.config },
      ...(record.symbols === undefined ? {} : { symbols: record.symbols }),
      ...(record.remains === undefined ? {} : { remains: record.remains }),
    });
    this.#removeOldMemory(name, generation);
  }

  /** Also what a writer that was killed has left. */
  #removeOldMemory(name: string, generation: number): void {
    for (const file of fs.readdirSync(path.join(this.directory, name))) {
      if (!file.startsWith("memory.") || file === `memory.${generation}`) continue;
      fs.rmSync(this.#path(name, file), { force: true });
    }
  }

  acquire(name: string): Lease {
    this.#require(name);
    return this.#marks(name).acquire(name);
  }

  destroy(name: string): void {
    this.#require(name);
    const { pid } = this.#marks(name).read();
    if (pid !== undefined) {
      throw new VmmError(
        "ERR_VM_BUSY",
        `VM ${name} is busy: process ${pid} runs it (bhyvectl --force-poweroff ends it)`,
      );
    }
    // Nobody shall begin to run it meanwhile.
    const lease = this.acquire(name);
    // The name is free at once; what is below it goes afterwards.
    const grave = this.#scratch("gone");
    try {
      fs.renameSync(path.join(this.directory, name), grave);
      fs.rmSync(grave, { recursive: true, force: true });
    } catch (cause) {
      lease.release();
      throw hostError(`destroy VM ${name}`, cause);
    }
  }

  /** Where the VM's runner listens. */
  socketPath(name: string): string {
    return this.#path(name, "control.sock");
  }

  #path(name: string, file: string): string {
    return path.join(this.directory, name, file);
  }

  #require(name: string): void {
    if (this.exists(name)) return;
    throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
  }

  #stored(name: string): StoredVm {
    this.#require(name);
    const file = this.#path(name, "vm.json");
    let text: string;
    try {
      text = fs.readFileSync(file, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") {
        throw hostError(`read VM ${name}`, cause);
      }
      // Somebody has just destroyed the VM, or has had their hands in it.
      this.#require(name);
      throw damaged(file);
    }
    const stored = parseStoredVm(text);
    if (stored === undefined) throw damaged(file);
    return stored;
  }

  #store(name: string, stored: StoredVm): void {
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
      syncDirectory(path.dirname(file));
    });
  }

  #marks(name: string): RunnerMarks {
    return new RunnerMarks(path.join(this.directory, name));
  }
}

let scratches = 0;

function damaged(file: string): VmmError {
  const sentence = `${file} is damaged: destroy the VM and load it again`;
  return new VmmError("ERR_BAD_IMAGE", sentence);
}

function isDirectory(place: string): boolean {
  return (
    attempt(`look at ${place}`, () =>
      fs.statSync(place, { throwIfNoEntry: false })?.isDirectory(),
    ) === true
  );
}

/** Waits until the names in a directory are on the disk. */
function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw hostError(what, cause);
  }
}
