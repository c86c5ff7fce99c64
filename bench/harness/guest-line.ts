// SPDX-License-Identifier: BSD-2-Clause
// A running engine and the guest's serial line: lines with the time they arrived. Between its turns an engine
// is stopped as a process, so that those at rest cost the one that is measured nothing.
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import type { Readable, Writable } from "node:stream";

export interface GuestLineOptions {
  readonly process: ChildProcess;
  readonly input: Writable;
  readonly output: Readable;
}

/** A line and when its end arrived, in nanoseconds on the host's clock. */
export interface TimedLine {
  readonly text: string;
  readonly atNs: bigint;
}

export class GuestLine {
  /** When its process was started, more or less. */
  readonly startedNs = process.hrtime.bigint();
  readonly #process: ChildProcess;
  readonly #input: Writable;
  readonly #lines: TimedLine[] = [];
  #partial = "";
  #lastNs = 0n;
  #complaints = "";
  #exit: string | undefined;
  #wake: () => void = () => {};

  constructor({ process, input, output }: GuestLineOptions) {
    this.#process = process;
    this.#input = input;
    output.on("data", (chunk: Buffer) => this.#take(chunk.toString("latin1")));
    process.stderr?.on("data", (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString("utf8")).slice(-2000);
    });
    for (const stream of [input, output]) stream.on("error", () => {});
    process.on("exit", (code, signal) => {
      this.#exit = `ended with ${signal ?? `status ${code}`}${this.#complaints && `: ${this.#complaints.trim()}`}`;
      this.#wake();
    });
  }

  #take(text: string): void {
    const atNs = process.hrtime.bigint();
    this.#lastNs = atNs;
    const parts = (this.#partial + text).split("\n");
    this.#partial = parts.pop() ?? "";
    for (const part of parts) this.#lines.push({ text: part.replace(/\r$/, ""), atNs });
    this.#wake();
  }

  write(text: string): void {
    this.#input.write(text);
  }

  /** The next line that the pattern matches. Throws when the engine ends, or says nothing in time. */
  expect(pattern: RegExp, timeoutMs: number): Promise<TimedLine> {
    return this.#await(() => this.#nextLine(pattern), timeoutMs);
  }

  /** As {@link expect}, or a line that is not over, such as a prompt. */
  expectText(pattern: RegExp, timeoutMs: number): Promise<TimedLine> {
    return this.#await(() => this.#nextLine(pattern) ?? this.#prompt(pattern), timeoutMs);
  }

  #nextLine(pattern: RegExp): TimedLine | undefined {
    for (;;) {
      const line = this.#lines.shift();
      if (line === undefined || pattern.test(line.text)) return line;
    }
  }

  #prompt(pattern: RegExp): TimedLine | undefined {
    if (!pattern.test(this.#partial)) return undefined;
    const text = this.#partial;
    this.#partial = "";
    return { text, atNs: this.#lastNs };
  }

  async #await(look: () => TimedLine | undefined, timeoutMs: number): Promise<TimedLine> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#exit !== undefined) throw new Error(this.#exit);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no answer within ${timeoutMs / 1000} s`);
      await this.#change(left);
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Processor time that the engine has used so far, all threads together; NaN where the host does not say. */
  cpuNs(): number {
    try {
      const tasks = `/proc/${this.#process.pid}/task`;
      const times = fs.readdirSync(tasks).map((task) => {
        const [running] = fs.readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ");
        return Number(running);
      });
      return times.reduce((sum, time) => sum + time, 0);
    } catch {
      return Number.NaN;
    }
  }

  /** Largest resident size of its process so far; NaN where the host does not say. */
  peakBytes(): number {
    try {
      const status = fs.readFileSync(`/proc/${this.#process.pid}/status`, "utf8");
      return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
    } catch {
      return Number.NaN;
    }
  }

  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  async close(): Promise<void> {
    if (this.#exit !== undefined) return;
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    this.#process.kill("SIGCONT");
    await gone;
  }
}
