// SPDX-License-Identifier: BSD-2-Clause
// Random programs against several contestants: the first one's outcome is what the others must have.
import type { Difference } from "../compare.ts";
import { listing } from "../disassembly.ts";
import { bytesToHex, formatBytes } from "../hex.ts";
import { differenceText } from "../report.ts";
import { FIELDS, Snapshot } from "../snapshot.ts";
import { type Contestant, compareOutcomes, type Runnable } from "./contestants.ts";
import { type GeneratedProgram, type ProgramKey, ProgramSource } from "./generate.ts";
import { assemble, type Program } from "./program.ts";
import { shrink } from "./shrink.ts";

/** A program on which two contestants disagree. */
export interface Failure {
  readonly generated: GeneratedProgram;
  readonly expected: Contestant;
  readonly actual: Contestant;
  readonly differences: readonly Difference[];
}

function runnableOf({ program }: GeneratedProgram): Runnable {
  const { items, registers, layout } = program;
  return { program, assembly: assemble(items, registers.rip, layout)! };
}

export class Tournament {
  readonly #contestants: readonly Contestant[];
  readonly #source = new ProgramSource();
  programs = 0;
  /** By all of them together, the generator not counted. */
  instructions = 0;

  constructor(contestants: readonly Contestant[]) {
    this.#contestants = contestants;
  }

  /** Programs `first` … `first + count - 1` of a seed, which have one layout: one failure of each that fails. */
  async play(seed: number, first: number, count: number): Promise<Failure[]> {
    const made = Array.from({ length: count }, (_, i) =>
      this.#source.make(keyOf(seed, first + i, this.#hasNative())),
    );
    const failures: Failure[] = [];
    for (const isPortable of [true, false]) {
      const group = made.filter((each) => each.isPortable === isPortable);
      const players = this.#contestants.filter(({ name }) => isPortable || name !== "native");
      if (group.length > 0) failures.push(...(await this.#match(group, players)));
    }
    return failures;
  }

  #hasNative(): boolean {
    return this.#contestants.some(({ name }) => name === "native");
  }

  async #match(
    group: readonly GeneratedProgram[],
    players: readonly Contestant[],
  ): Promise<Failure[]> {
    const runnables = group.map(runnableOf);
    const [expected, ...others] = players;
    this.programs += group.length;
    for (const { executed } of group) this.instructions += executed * players.length;
    const right = await expected!.run(runnables);
    const failures: Failure[] = [];
    for (const actual of others) {
      const outcomes = await actual.run(runnables);
      group.forEach((generated, i) => {
        const { undefinedBits } = generated;
        const differences = compareOutcomes(runnables[i]!, right[i]!, outcomes[i]!, undefinedBits);
        const isNew = failures.every((failure) => failure.generated !== generated);
        if (differences.length > 0 && isNew) {
          failures.push({ generated, expected: expected!, actual, differences });
        }
      });
    }
    return failures;
  }

  /** The same failure with the shortest program that has it. */
  async shrink(failure: Failure): Promise<Failure> {
    const { expected, actual } = failure;
    let best = failure;
    const isPortable = [expected, actual].some(({ name }) => name === "native");
    await shrink(failure.generated.program, async (program: Program) => {
      const generated = this.#source.again(program, isPortable);
      if (generated === undefined) return false;
      const [next] = await this.#match([generated], [expected, actual]);
      if (next !== undefined) best = next;
      return next !== undefined;
    });
    return best;
  }
}

/** Every second program is for our engines alone, where it may do what processors differ in. */
function keyOf(seed: number, index: number, hasNative: boolean): ProgramKey {
  return { seed, index, isPortable: hasNative && index % 2 === 0 };
}

/** The program with its disassembly, what it starts from, and what came out of it. */
export function describeFailure({ generated, expected, actual, differences }: Failure): string {
  const { program } = generated;
  const { registers } = program;
  const { code } = runnableOf(generated).assembly;
  return [
    `FAIL ${program.name}: ${actual.name} is not ${expected.name}`,
    ...listing(code, registers.rip).map((line) => `  ${line}`),
    `  from ${registersText(registers)}`,
    ...memoryText(program).map((line) => `  ${line}`),
    ...differences.slice(0, 20).map((difference) => `  ${differenceText(difference)}`),
  ].join("\n");
}

function registersText(registers: Snapshot): string {
  const start = new Snapshot();
  return FIELDS.filter((field) => !registers.isSame(start, field))
    .map(({ name, at, bytes }) => `${name}=${bytesToHex(registers.bytes, at, bytes, false)}`)
    .join(" ");
}

/** What is not zero, but for the filling of the code page. */
function memoryText({ memory, layout }: Program): string[] {
  return memory.flatMap(({ address, bytes }) => {
    if (address === layout.code) return [];
    const first = bytes.findIndex((byte) => byte !== 0);
    if (first < 0) return [];
    const last = bytes.findLastIndex((byte) => byte !== 0);
    const shown = bytes.subarray(first, Math.min(last + 1, first + 64));
    const more = last + 1 > first + 64 ? " …" : "";
    return [`[0x${(address + BigInt(first)).toString(16)}] ${formatBytes(shown)}${more}`];
  });
}
