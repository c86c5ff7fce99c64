// SPDX-License-Identifier: BSD-2-Clause
// Measuring: each engine first answers, and finds out how many units of work fill the time of a round; then all
// take turns, round by round, so that a slow minute of the host's is everybody's. What is timed is on the host:
// from the word to go to the line with the answer.
import type { Engine, Places, Target } from "./engines.ts";
import type { GuestLine } from "./guest-line.ts";

/** `wall`: the host's clock. `cpu`: the engine's processor time, for machines that others use as well. */
export type TimeKind = "wall" | "cpu";

export interface MeasureOptions {
  readonly time: TimeKind;
  readonly rounds: number;
  /** What a round shall take. */
  readonly roundMs: number;
  /** After which an engine is given up on a program. */
  readonly timeoutMs: number;
}

/** A program on an engine. Times are of one unit of work. */
export type Measurement =
  | {
      readonly kind: "measured";
      readonly units: number;
      readonly firstNs: number;
      readonly roundsNs: number[];
    }
  | { readonly kind: "failed"; readonly reason: string };

export type Answers = Readonly<Record<Target, Readonly<Record<string, string>>>>;

const BOOT_TIMEOUT_MS = 60_000;
/** No run asks for more than this many times what the last one did: the estimate may be far off. */
const LARGEST_STEP = 20;

/** An engine with the image running in it; started when first needed, and anew after it died. */
export class Runner {
  readonly engine: Engine;
  /** From the start of its process to the guest's first words, the first time. */
  startNs: number | undefined;
  readonly #places: Places;
  readonly #answers: Answers;
  readonly #options: MeasureOptions;
  #line: GuestLine | undefined;

  constructor(engine: Engine, places: Places, answers: Answers, options: MeasureOptions) {
    this.engine = engine;
    this.#places = places;
    this.#answers = answers;
    this.#options = options;
  }

  /** Can run it. */
  has(program: string): boolean {
    if (program.startsWith("disk-") && !this.engine.hasDisk) return false;
    return this.#answers[this.engine.target][program] !== undefined;
  }

  /** Nanoseconds for `units` of a program, its answer checked. */
  async run(program: string, units: number): Promise<number> {
    const { time, timeoutMs } = this.#options;
    const line = await this.#resumed();
    try {
      line.write(`run ${program} ${units}\n`);
      const ready = await line.expect(/^ready |^unknown|^trap /, timeoutMs);
      if (!ready.text.startsWith("ready")) throw new Error(ready.text);
      const cpuNs = line.cpuNs();
      const beginNs = process.hrtime.bigint();
      line.write("go\n");
      const end = await line.expect(/^answer |^differs |^trap /, timeoutMs);
      this.#check(program, end.text);
      line.pause();
      return time === "wall" ? Number(end.atNs - beginNs) : line.cpuNs() - cpuNs;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #check(program: string, text: string): void {
    const [word, , , answer] = text.split(" ");
    const expected = this.#answers[this.engine.target][program];
    if (word !== "answer") throw new Error(text);
    if (answer !== expected) throw new Error(`answers ${answer}, not ${expected}`);
  }

  async #resumed(): Promise<GuestLine> {
    if (this.#line !== undefined) {
      this.#line.resume();
      return this.#line;
    }
    const line = await this.engine.start(this.#places);
    this.#line = line;
    try {
      const ready = await line.expect(/^bench 1 .* ready$/, BOOT_TIMEOUT_MS);
      this.startNs ??= Number(ready.atNs - line.startedNs);
    } catch (error) {
      await this.close();
      throw error;
    }
    return line;
  }

  async close(): Promise<void> {
    await this.#line?.close();
    this.#line = undefined;
  }
}

interface Calibrated {
  readonly runner: Runner;
  readonly units: number;
  readonly firstNs: number;
  readonly roundsNs: number[];
}

/** Everybody on one program. */
export async function measureProgram(
  program: string,
  runners: readonly Runner[],
  options: MeasureOptions,
): Promise<Map<string, Measurement>> {
  const results = new Map<string, Measurement>();
  const fail = (runner: Runner, error: unknown) => {
    results.set(runner.engine.name, { kind: "failed", reason: (error as Error).message });
  };
  let going: Calibrated[] = [];
  for (const runner of runners) {
    if (!runner.has(program)) continue;
    try {
      going.push(await calibrate(program, runner, options.roundMs));
    } catch (error) {
      fail(runner, error);
    }
  }
  for (let round = 0; round < options.rounds; round++) {
    const lost = new Set<Calibrated>();
    for (const each of going) {
      try {
        each.roundsNs.push((await each.runner.run(program, each.units)) / each.units);
      } catch (error) {
        fail(each.runner, error);
        lost.add(each);
      }
    }
    going = going.filter((each) => !lost.has(each));
  }
  for (const { runner, units, firstNs, roundsNs } of going) {
    results.set(runner.engine.name, { kind: "measured", units, firstNs, roundsNs });
  }
  return results;
}

async function calibrate(program: string, runner: Runner, roundMs: number): Promise<Calibrated> {
  const targetNs = roundMs * 1e6;
  const firstNs = await runner.run(program, 1);
  let units = 1;
  let elapsed = firstNs;
  while (elapsed < targetNs * 0.7) {
    const step = Math.min(LARGEST_STEP, Math.max(1.5, targetNs / Math.max(elapsed, 1)));
    units = Math.ceil(units * step);
    elapsed = await runner.run(program, units);
  }
  return { runner, units, firstNs, roundsNs: [] };
}
