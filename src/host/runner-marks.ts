// SPDX-License-Identifier: BSD-2-Clause
// Who runs a VM: files runner.1, runner.2, … in its entry, of which the highest counts. Node has no flock(2), so a
// mark is made by linking a complete file to the next free number, which only one process can do; and a mark is
// never taken away while it is the highest, only declared released. Whoever finds that somebody has a higher one
// after all steps back. So of any number of processes, each of which may be killed at any moment, one at the most
// holds the VM.
import fs from "node:fs";
import path from "node:path";
import { VmmError } from "../base/errors.ts";
import type { Lease } from "../vmm/registry.ts";
import { hostError } from "./host-error.ts";
import { isAlive, processIdentity } from "./process-identity.ts";
import { parseRunnerMark, type RunnerMark } from "./stored-vm.ts";

const MARK = /^runner\.(\d+)$/;

export interface RunnerState {
  /** Number of the latest mark; 0 if there never was one. */
  readonly number: number;
  /** Process that holds the VM. */
  readonly pid: number | undefined;
  /** Number of the latest mark whose process died with it; 0 if none did. */
  readonly crashedAt: number;
}

export class RunnerMarks {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  read(): RunnerState {
    const { number, mark } = this.#latest();
    // A mark that cannot be read is that of a process which did not live to see it on the disk.
    if (mark === undefined) return { number, pid: undefined, crashedAt: number };
    const { isReleased, crashedAt, pid } = mark;
    if (isReleased) return { number, pid: undefined, crashedAt };
    return isAlive(mark)
      ? { number, pid, crashedAt }
      : { number, pid: undefined, crashedAt: number };
  }

  /** Throws ERR_VM_BUSY, with `name` in the sentence, while another process has the VM. */
  acquire(name: string): Lease {
    for (;;) {
      const { number, pid, crashedAt } = this.read();
      if (pid !== undefined) {
        throw new VmmError("ERR_VM_BUSY", `VM ${name} is busy: process ${pid} runs it`);
      }
      const mine = number + 1;
      const mark = { ...processIdentity(), isReleased: false, crashedAt };
      if (!this.#make(mine, mark)) continue;
      if (this.#numbers().at(-1) === mine) return this.#lease(mine, mark);
      this.#remove(mine);
    }
  }

  #lease(number: number, mark: RunnerMark): Lease {
    for (const older of this.#numbers()) if (older < number) this.#remove(older);
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#replace(number, { ...mark, isReleased: true });
      },
    };
  }

  /** Number 0 if there is none; no mark if it says nothing that makes sense. */
  #latest(): { readonly number: number; readonly mark: RunnerMark | undefined } {
    for (;;) {
      const number = this.#numbers().at(-1) ?? 0;
      if (number === 0) return { number, mark: undefined };
      try {
        return { number, mark: parseRunnerMark(fs.readFileSync(this.#path(number), "utf8")) };
      } catch (cause) {
        // A higher one has taken its place since, or the whole entry is gone.
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") continue;
        throw hostError(`read ${this.#path(number)}`, cause);
      }
    }
  }

  /** Ascending. */
  #numbers(): number[] {
    try {
      return fs
        .readdirSync(this.#directory)
        .flatMap((name) => MARK.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((a, b) => a - b);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw hostError(`read ${this.#directory}`, cause);
    }
  }

  /** False if the number is taken. */
  #make(number: number, mark: RunnerMark): boolean {
    const draft = this.#draft(mark);
    try {
      fs.linkSync(draft, this.#path(number));
      return true;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw hostError(`write ${this.#path(number)}`, cause);
    } finally {
      fs.rmSync(draft, { force: true });
    }
  }

  #replace(number: number, mark: RunnerMark): void {
    // With its entry, the mark is gone: destroyed under our lease.
    if (!fs.existsSync(this.#path(number))) return;
    try {
      fs.renameSync(this.#draft(mark), this.#path(number));
    } catch (cause) {
      throw hostError(`write ${this.#path(number)}`, cause);
    }
  }

  #draft(mark: RunnerMark): string {
    const draft = path.join(this.#directory, `.runner-${process.pid}-${++drafts}`);
    try {
      fs.writeFileSync(draft, JSON.stringify(mark), { mode: 0o600 });
    } catch (cause) {
      fs.rmSync(draft, { force: true });
      throw hostError(`write ${draft}`, cause);
    }
    return draft;
  }

  #remove(number: number): void {
    fs.rmSync(this.#path(number), { force: true });
  }

  #path(number: number): string {
    return path.join(this.#directory, `runner.${number}`);
  }
}

let drafts = 0;
