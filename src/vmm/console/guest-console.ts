// SPDX-License-Identifier: BSD-2-Clause
// The console of a machine in this program: what is written is kept and searched as it comes, what is typed
// waits until the guest takes it. The machine is stopped for a match, so that whoever waits for it acts at an
// instruction count that does not depend on the host.
import type { Timer } from "../../base/clock.ts";
import { VmmError } from "../../base/errors.ts";
import type { CharBackend } from "../../devices/backend/char-backend.ts";
import type { VmClock } from "../clock.ts";
import { durationNs } from "../duration.ts";
import { TextFinder } from "./text-finder.ts";
import { Transcript } from "./transcript.ts";
import type { ConsoleMatch, ConsolePattern, VmConsole, WaitOptions } from "./vm-console.ts";

const KEPT_UNITS = 1 << 20;
/** How far back an expression looks. */
const EXPRESSION_UNITS = 1 << 16;
/** Silence after which an expression is tried on an unfinished line: 1 ms of guest time. */
const SILENCE_NS = 1_000_000;
const NEWLINE = "\n";

/** The machine that the console is connected to while it runs. */
export interface ConsoleMachine {
  readonly clock: VmClock;
  /** Instructions retired. */
  readonly retired: () => number;
  /** Makes the machine come back from its loop soon. */
  readonly stop: () => void;
}

/** One who waits. */
interface Waiter {
  readonly pattern: ConsolePattern;
  readonly from: number;
  /** Undefined for an expression. */
  readonly finder: TextFinder | undefined;
  readonly deadlineNs: number;
  readonly resolve: (match: ConsoleMatch) => void;
  readonly reject: (reason: unknown) => void;
}

export class GuestConsole implements VmConsole, CharBackend {
  /** Hears that there is input, for a machine that sleeps. */
  onInput: (bytes: Uint8Array) => void = () => {};
  /** Hears every byte that the guest writes. */
  onOutput: (byte: number) => void = () => {};
  /** Hears when somebody else than the machine has written. */
  onPrinted: () => void = () => {};

  #transcript = new Transcript(KEPT_UNITS);
  #input: Uint8Array[] = [];
  #inputAt = 0;
  #ready: () => void = () => {};
  #machine: ConsoleMachine | undefined;
  #timer: Timer | undefined;
  #lastWriteNs = 0;
  #waiters: Waiter[] = [];
  /** Found or failed, to be told when the machine has come back. */
  #settled: (() => void)[] = [];
  #readers: (() => void)[] = [];
  #cursor = 0;
  #runStart = 0;
  #end: string | undefined;

  // The far end of the serial line.

  write(byte: number): boolean {
    this.onOutput(byte);
    const written = this.#transcript.write(byte);
    if (this.#waiters.length > 0) this.#search(written);
    return true;
  }

  read(): number {
    const chunk = this.#input[0];
    if (chunk === undefined) return -1;
    const byte = chunk[this.#inputAt++]!;
    if (this.#inputAt === chunk.length) {
      this.#input.shift();
      this.#inputAt = 0;
    }
    return byte;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  // The program's side.

  get text(): string {
    return this.#transcript.slice(0);
  }

  get end(): number {
    return this.#transcript.end;
  }

  get hasInput(): boolean {
    return this.#input.length > 0;
  }

  send(input: string | Uint8Array): void {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input.slice();
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#ready();
    this.onInput(bytes);
  }

  waitFor(pattern: ConsolePattern, options: WaitOptions = {}): Promise<ConsoleMatch> {
    const { timeout, after, signal } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        pattern,
        from: after ?? this.#cursor,
        finder: typeof pattern === "string" ? new TextFinder(pattern) : undefined,
        deadlineNs: this.#deadline(timeout),
        resolve: (match) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(match);
        },
        reject: (reason) => {
          signal?.removeEventListener("abort", onAbort);
          reject(reason);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#begin(waiter);
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    let at = this.#runStart;
    for (;;) {
      const text = this.#transcript.slice(at);
      at = this.#transcript.end;
      if (text !== "") yield text;
      else if (this.#end !== undefined) return;
      else await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  // The machine's side.

  /** A guest is about to be loaded: what comes from now on is its. Input that nobody has taken stays. */
  begin(): void {
    this.#machine = this.#timer = undefined;
    this.#runStart = this.#transcript.end;
    this.#end = undefined;
    this.#lastWriteNs = 0;
  }

  /** The machine that it was loaded into, before its first instruction. */
  connect(machine: ConsoleMachine): void {
    this.#machine = machine;
    this.#timer = machine.clock.timer(() => this.#onTimer());
    this.#armTimer();
  }

  /** Text from elsewhere than the machine: the loader's. */
  print(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.write(byte);
    this.settle();
    this.onPrinted();
  }

  /** Tells everybody what has happened: to be called when the machine has come back from its loop. */
  settle(): void {
    for (const tell of this.#settled.splice(0)) tell();
    for (const wake of this.#readers.splice(0)) wake();
  }

  /** The guest will write no more; `why` completes "the guest …". Those who still wait hear it. */
  finish(why: string): void {
    this.#end = why;
    for (const waiter of this.#waiters.splice(0)) {
      const { pattern } = waiter;
      if (typeof pattern !== "string" && this.#tryExpression(waiter)) continue;
      this.#settled.push(() => waiter.reject(this.#failure("ERR_VM_STATE", pattern, why)));
    }
    this.settle();
  }

  #deadline(timeout: WaitOptions["timeout"]): number {
    if (timeout === undefined) return Number.POSITIVE_INFINITY;
    return (this.#machine?.clock.now() ?? 0) + durationNs(timeout);
  }

  /** Looks through what is there; waits for more only if that is in vain. */
  #begin(waiter: Waiter): void {
    if (waiter.finder === undefined) {
      if (this.#tryExpression(waiter)) {
        this.settle();
        return;
      }
    } else {
      const from = Math.max(waiter.from, this.#transcript.start);
      const text = this.#transcript.slice(from);
      for (let i = 0; i < text.length; i++) {
        if (!waiter.finder.feed(text.charCodeAt(i))) continue;
        this.#found(waiter, from + i + 1);
        this.settle();
        return;
      }
    }
    if (this.#end !== undefined) {
      waiter.reject(this.#failure("ERR_VM_STATE", waiter.pattern, this.#end));
      return;
    }
    this.#waiters.push(waiter);
    this.#armTimer();
  }

  #search(written: string): void {
    const end = this.#transcript.end - written.length;
    for (let i = 0; i < written.length; i++) {
      for (const waiter of this.#waiters) {
        if (waiter.finder?.feed(written.charCodeAt(i))) this.#found(waiter, end + i + 1);
      }
    }
    if (written.endsWith(NEWLINE)) this.#tryExpressions();
    else this.#expectSilence();
  }

  /** A text that ends here. */
  #found(waiter: Waiter, end: number): void {
    const text = waiter.pattern as string;
    this.#settleMatch(waiter, { text, groups: [], start: end - text.length, end });
  }

  #tryExpressions(): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.finder === undefined) this.#tryExpression(waiter);
    }
  }

  #tryExpression(waiter: Waiter): boolean {
    const pattern = waiter.pattern as RegExp;
    const { end, start } = this.#transcript;
    const from = Math.max(waiter.from, start, end - EXPRESSION_UNITS);
    const expression = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    const match = expression.exec(this.#transcript.slice(from));
    if (match === null) return false;
    const at = from + match.index;
    const [text, ...groups] = match;
    this.#settleMatch(waiter, { text, groups, start: at, end: at + text.length });
    return true;
  }

  #settleMatch(waiter: Waiter, match: Omit<ConsoleMatch, "instructions">): void {
    this.#waiters = this.#waiters.filter((each) => each !== waiter);
    this.#cursor = Math.max(this.#cursor, match.end);
    const instructions = this.#machine?.retired() ?? 0;
    this.#settled.push(() => waiter.resolve({ ...match, instructions }));
    this.#machine?.stop();
  }

  #expectSilence(): void {
    const { clock } = this.#machine ?? {};
    if (clock === undefined || this.#waiters.every(({ finder }) => finder !== undefined)) return;
    this.#lastWriteNs = clock.now();
    if (this.#timer?.deadline === Number.POSITIVE_INFINITY) this.#armTimer();
  }

  #armTimer(): void {
    let deadline = Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiters) {
      deadline = Math.min(deadline, waiter.deadlineNs);
      const silence = this.#lastWriteNs + SILENCE_NS;
      const isSilent = silence <= (this.#machine?.clock.now() ?? 0);
      if (waiter.finder === undefined && !isSilent) deadline = Math.min(deadline, silence);
    }
    if (deadline === Number.POSITIVE_INFINITY) this.#timer?.disarm();
    else this.#timer?.arm(deadline);
  }

  #onTimer(): void {
    const now = this.#machine?.clock.now() ?? 0;
    if (now >= this.#lastWriteNs + SILENCE_NS) this.#tryExpressions();
    for (const waiter of [...this.#waiters]) {
      if (now < waiter.deadlineNs) continue;
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
      const why = "was silent about it for the time it was given";
      const failure = this.#failure("ERR_TIMEOUT", waiter.pattern, why);
      this.#settled.push(() => waiter.reject(failure));
      this.#machine?.stop();
    }
    this.#armTimer();
  }

  #failure(code: "ERR_TIMEOUT" | "ERR_VM_STATE", pattern: ConsolePattern, why: string): VmmError {
    const wanted = typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
    const lines = this.#transcript.slice(this.#cursor).trimEnd().split(/\r?\n/).slice(-5);
    const last = lines.join("\n").slice(-500);
    const tail = last === "" ? "It printed nothing more." : `Its last lines:\n${last}`;
    return new VmmError(code, `the guest ${why}; ${wanted} was waited for. ${tail}`);
  }
}
