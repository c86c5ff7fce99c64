// SPDX-License-Identifier: BSD-2-Clause
import type { FetchStep } from "../host/images/image-cache.ts";

const MIB = 1024 * 1024;
/** How often a terminal's line changes. */
const TERMINAL_MS = 200;
/** Without a terminal there is a line at every tenth, or after so long. */
const LOG_MS = 30_000;

/** Tells somebody who waits, or a log, how far a fetch is. */
export class FetchProgress {
  readonly #isTerminal: boolean;
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #task = "";
  #tenth = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  #startMs = 0;
  #startBytes = 0;
  #width = 0;

  constructor(to: { isTerminal: boolean; write: (text: string) => void; now: () => number }) {
    this.#isTerminal = to.isTerminal;
    this.#write = to.write;
    this.#now = to.now;
  }

  report({ what, file, done, total }: FetchStep): void {
    const now = this.#now();
    const task = `${what} ${file.replace(/^.*\//, "")}`;
    const tenth = total === undefined || total === 0 ? 0 : Math.floor((10 * done) / total);
    const isNew = task !== this.#task;
    if (isNew) {
      this.end();
      this.#task = task;
      this.#startMs = now;
      this.#startBytes = done;
    }
    const isDue = this.#isTerminal
      ? now - this.#toldMs >= TERMINAL_MS
      : tenth > this.#tenth || now - this.#toldMs >= LOG_MS;
    this.#tenth = tenth;
    if (!isNew && !isDue && done !== total) return;
    this.#toldMs = now;
    this.#tell(`${task}: ${amount(done, total)}${this.#rate(done, now)}`);
  }

  /** Leaves the line that a terminal shows. */
  end(): void {
    if (this.#width > 0) this.#write("\n");
    this.#width = 0;
  }

  #rate(done: number, now: number): string {
    const seconds = (now - this.#startMs) / 1000;
    if (seconds < 1) return "";
    return `, ${((done - this.#startBytes) / MIB / seconds).toFixed(1)} MiB/s`;
  }

  #tell(line: string): void {
    if (!this.#isTerminal) {
      this.#write(`${line}\n`);
      return;
    }
    this.#write(`\r${line.padEnd(this.#width)}`);
    this.#width = line.length;
  }
}

function amount(done: number, total: number | undefined): string {
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  if (total === undefined) return `${mib(done)} MiB`;
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  return `${percent} % of ${mib(total)} MiB`;
}
