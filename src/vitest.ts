// SPDX-License-Identifier: BSD-2-Clause
// Matchers for tests of guests: `import "tshyve/vitest"` in a test or in a setup file. Each takes a VM that is
// loaded, and runs it, or one that somebody else runs.
import { expect } from "vitest";
import { VmmError } from "./base/errors.ts";
import type { Vmm } from "./host/vmm.ts";
import type { ConsolePattern } from "./vmm/console/vm-console.ts";
import type { Duration } from "./vmm/duration.ts";
import { PANIC } from "./vmm/panic.ts";
import { describeOutcome } from "./vmm/run-outcome.ts";

export interface PromptOptions {
  /** Guest time; five minutes unless given. */
  readonly timeout?: Duration;
}

export interface BootOptions extends PromptOptions {
  /** Counted from where the VM stands. */
  readonly instructions: number;
  /** `login:` unless given. */
  readonly prompt?: ConsolePattern;
}

interface GuestMatchers<R> {
  /** Prints it, behind what was found last. Leaves the VM paused there, unless somebody else runs it. */
  toReachPrompt(pattern: ConsolePattern, options?: PromptOptions): Promise<R>;
  /** Comes to its prompt before it has retired that many instructions. */
  toBootWithin(options: BootOptions): Promise<R>;
  /** Its kernel panics before it ends, or before the time is over. Usually with `not`. */
  toPanic(options?: PromptOptions): Promise<R>;
}

declare module "vitest" {
  // biome-ignore lint/suspicious/noExplicitAny: the declaration that is added to has it so
  interface Matchers<T = any> extends GuestMatchers<T> {}
}

const TIMEOUT: Duration = "5m";

interface Search extends PromptOptions {
  readonly pattern: ConsolePattern;
  readonly after?: number;
  readonly maxInstructions?: number;
}

/** Undefined if it came; what there was instead. */
async function whyNot(vmm: Vmm, search: Search): Promise<string | undefined> {
  const { pattern, timeout = TIMEOUT, after, maxInstructions } = search;
  const over = new AbortController();
  const waiting = vmm.console.waitFor(pattern, {
    timeout,
    signal: over.signal,
    ...(after === undefined ? {} : { after }),
  });
  const found = waiting.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof VmmError) return error.message;
      throw error;
    },
  );
  if (vmm.state === "running" || vmm.state === "suspended") return found;
  const running = vmm
    .run(maxInstructions === undefined ? {} : { maxInstructions })
    .then((outcome) => `the guest ${describeOutcome(outcome)}`);
  const why = await Promise.race([found, running]);
  vmm.pause();
  await running;
  // The wait goes with the run that it was for.
  found.catch(() => {});
  over.abort();
  return why;
}

function quote(pattern: ConsolePattern): string {
  return typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
}

expect.extend({
  async toReachPrompt(vmm: Vmm, pattern: ConsolePattern, options: PromptOptions = {}) {
    const why = await whyNot(vmm, { ...options, pattern });
    return {
      pass: why === undefined,
      message: () =>
        `expected ${vmm.name} ${this.isNot ? "not " : ""}to print ${quote(pattern)}: ${why ?? "it did"}`,
    };
  },

  async toBootWithin(vmm: Vmm, options: BootOptions) {
    const { instructions, prompt = "login:", timeout = TIMEOUT } = options;
    const before = vmm.instructions;
    const why = await whyNot(vmm, { pattern: prompt, timeout, maxInstructions: instructions });
    const took = vmm.instructions - before;
    const pass = why === undefined && took <= instructions;
    return {
      pass,
      message: () =>
        `expected ${vmm.name} ${this.isNot ? "not " : ""}to print ${quote(prompt)} within ${instructions} instructions: ${why ?? `it took ${took}`}`,
    };
  },

  async toPanic(vmm: Vmm, options: PromptOptions = {}) {
    const why = await whyNot(vmm, { ...options, pattern: PANIC, after: 0 });
    const said = PANIC.exec(vmm.console.text)?.[0];
    return {
      pass: why === undefined,
      message: () => `expected ${vmm.name} ${this.isNot ? "not " : ""}to panic: ${why ?? said}`,
    };
  },
});
