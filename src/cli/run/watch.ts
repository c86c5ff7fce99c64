// SPDX-License-Identifier: BSD-2-Clause
// Runs a guest and watches its console: what is expected in order, what must not come, a script that types. The
// first that decides the run ends it, at an instruction that is the same in every run.
import { VmmError } from "../../base/errors.ts";
import type { RecordedInput, RunOptions, Vmm } from "../../host/vmm.ts";
import type { ConsolePattern } from "../../vmm/console/vm-console.ts";
import { PANIC } from "../../vmm/panic.ts";
import { isFinal, type RunOutcome } from "../../vmm/run-outcome.ts";
import { parsePattern } from "./pattern.ts";
import type { RunRequest } from "./request.ts";
import { parseScript, type ScriptStep } from "./script.ts";
import { type Verdict, verdict, verdictOf } from "./verdict.ts";

/** A guest that nobody talks to must not run for ever. */
const DEFAULT_TIMEOUT = "10m";
/** What a panicking kernel may still say: guest time. */
const PANIC_GRACE = "2s";
/** A prompt that a command can be typed at: it ends the text, and nothing follows for a while. */
const PROMPT = /(?:^|\n)[^\n]*[>#$%] ?$/;
const NEVER = /(?!)/;

export interface Expectation {
  readonly source: string;
  /** Where it was seen; undefined if it was not. */
  instructions?: number;
  guestNs?: number;
}

export interface RunReport {
  readonly outcome: RunOutcome;
  readonly verdict: Verdict;
  readonly expectations: readonly Expectation[];
}

/** A run to be repeated: what was typed, and where and how it ended. */
export interface EarlierRun {
  readonly inputs: readonly RecordedInput[];
  readonly guestNs: number;
  readonly outcome: RunOutcome;
}

export interface WatchOptions {
  readonly output: NonNullable<RunOptions["output"]>;
  /** True while somebody might still type. */
  readonly hasInput: () => boolean;
}

export class Watch {
  readonly #vmm: Vmm;
  readonly #request: RunRequest;
  readonly #options: WatchOptions;
  readonly #expectations: Expectation[];
  /** The words behind `--` are for the guest's prompt; Linux has them on its command line. */
  readonly #isTyped: boolean;
  #verdict: Verdict | undefined;
  #panic: string | undefined;
  #isScriptOver: boolean;
  #isIdle = false;

  constructor(vmm: Vmm, request: RunRequest, options: WatchOptions) {
    this.#vmm = vmm;
    this.#request = request;
    this.#options = options;
    this.#expectations = request.expect.map((source) => ({ source }));
    this.#isTyped = request.guest.kind !== "linux";
    this.#isScriptOver =
      request.script === undefined && !(this.#isTyped && request.command.length > 0);
    vmm.on("idle", () => {
      this.#isIdle = true;
      this.inputChanged();
    });
  }

  /** Ends the run with a verdict, unless it has one. */
  decide(decision: Verdict): void {
    this.#verdict ??= decision;
    this.#vmm.pause();
  }

  /** To be called when somebody can type, and when nobody will any more. */
  inputChanged(): void {
    this.#vmm.paceIdle(this.#options.hasInput());
    if (!this.#isIdle || this.#options.hasInput()) return;
    const missing = this.#missing();
    const why = missing === undefined ? "" : `, and not for ${missing}`;
    this.decide(verdict("idle", `the guest waits for input that cannot come${why}`));
  }

  /** Types what a user would. */
  type(bytes: Uint8Array): void {
    this.#isIdle = false;
    this.#vmm.console.send(bytes);
  }

  async run(): Promise<RunReport> {
    this.inputChanged();
    const { maxInstructions } = this.#request;
    const isLimited = maxInstructions !== undefined || this.#options.hasInput();
    const timeout = this.#request.timeout ?? (isLimited ? undefined : DEFAULT_TIMEOUT);
    const running = this.#vmm.run({
      output: this.#options.output,
      ...(timeout === undefined ? {} : { timeout }),
      ...(maxInstructions === undefined ? {} : { maxInstructions }),
    });
    this.#watch();
    return this.#report(await running);
  }

  /** Runs up to where an earlier run came to, with the same input, or for `maxInstructions` if that is given. */
  async repeat(
    { inputs, guestNs, outcome }: EarlierRun,
    maxInstructions?: number,
  ): Promise<RunReport> {
    const vmm = this.#vmm;
    const { output } = this.#options;
    const runUntil = (endNs: number) =>
      vmm.run({
        output,
        timeout: `${Math.max(0, endNs - vmm.guestTimeNs)}ns`,
        ...(maxInstructions === undefined
          ? {}
          : { maxInstructions: Math.max(0, maxInstructions - vmm.instructions) }),
      });
    for (const input of inputs) {
      const reached = await runUntil(input.guestNs);
      if (reached.kind !== "timeout") return this.#report(reached);
      vmm.console.send(input.bytes);
    }
    // What ended by itself does so again, in the instruction behind the last one.
    return this.#report(await runUntil(isFinal(outcome) ? guestNs + 1 : guestNs));
  }

  #watch(): void {
    for (const source of this.#request.fail) this.#watchFail(source, parsePattern(source));
    if (this.#request.isPanicFatal) void this.#ifItComes(this.#watchPanic());
    if (this.#expectations.length > 0) void this.#ifItComes(this.#expectAll());
    const { script, command } = this.#request;
    if (script !== undefined) {
      void this.#ifItComes(this.#play(parseScript(script.name, script.text)));
    } else if (this.#isTyped && command.length > 0) {
      const text = `${command.join(" ")}\r`;
      const steps: ScriptStep[] = [
        { kind: "expect", pattern: PROMPT, source: "a prompt" },
        { kind: "send", text },
      ];
      void this.#ifItComes(this.#play(steps));
    }
  }

  /** A wait that the run's end cuts short is no failure of its own. */
  async #ifItComes(waiting: Promise<void>): Promise<void> {
    try {
      await waiting;
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      if (error.code === "ERR_TIMEOUT") this.decide(verdict("timeout", error.message));
    }
  }

  #watchFail(source: string, pattern: ConsolePattern): void {
    const waiting = this.#vmm.console.waitFor(pattern, { after: 0 }).then(({ text }) => {
      const what = text === source ? JSON.stringify(text) : `${source} (${JSON.stringify(text)})`;
      this.decide(verdict("failed", `the guest printed ${what}`));
    });
    void this.#ifItComes(waiting);
  }

  async #watchPanic(): Promise<void> {
    const { console } = this.#vmm;
    const { text } = await console.waitFor(PANIC, { after: 0 });
    this.#panic = text.trim();
    await console.waitFor(NEVER, { timeout: PANIC_GRACE }).catch(() => {});
    this.decide(this.#panicVerdict(this.#panic));
  }

  #panicVerdict(text: string): Verdict {
    return verdict("panic", `the guest's kernel panicked: ${text.replace(/^panic: /, "")}`);
  }

  async #expectAll(): Promise<void> {
    let after = 0;
    for (const expectation of this.#expectations) {
      const pattern = parsePattern(expectation.source);
      const match = await this.#vmm.console.waitFor(pattern, { after });
      after = match.end;
      expectation.instructions = match.instructions;
      expectation.guestNs = this.#vmm.guestTimeNs;
    }
    this.#checkDone();
  }

  async #play(steps: readonly ScriptStep[]): Promise<void> {
    const { console } = this.#vmm;
    let after = 0;
    let timeout: { timeout: string } | undefined;
    for (const step of steps) {
      if (step.kind === "send") this.type(new TextEncoder().encode(step.text));
      else if (step.kind === "fail") this.#watchFail(step.source, step.pattern);
      else if (step.kind === "timeout") timeout = { timeout: step.duration };
      else if (step.kind === "sleep") {
        await console.waitFor(NEVER, { timeout: step.duration }).catch(() => {});
      } else after = (await console.waitFor(step.pattern, { after, ...timeout })).end;
    }
    this.#isScriptOver = true;
    // Who types last wants to see what comes of it.
    if (steps.at(-1)?.kind !== "send") this.#checkDone();
  }

  #checkDone(): void {
    if (this.#missing() !== undefined) return;
    const { length } = this.#expectations;
    const what = length === 0 ? "the script came to its end" : "all that was expected was seen";
    this.decide(verdict("met", what));
  }

  /** What has not been seen yet, in words. */
  #missing(): string | undefined {
    const next = this.#expectations.find(({ instructions }) => instructions === undefined);
    if (next !== undefined) return `${JSON.stringify(next.source)} was seen`;
    return this.#isScriptOver ? undefined : "the script was over";
  }

  #report(outcome: RunOutcome): RunReport {
    const panic = this.#panic === undefined ? undefined : this.#panicVerdict(this.#panic);
    const decided = this.#verdict ?? (outcome.kind === "exited" ? undefined : panic);
    return {
      outcome,
      verdict: decided ?? verdictOf(outcome, this.#missing()),
      expectations: this.#expectations,
    };
  }
}
