// SPDX-License-Identifier: BSD-2-Clause
// Vectors of every row of the instruction table that user code may run, recorded on the host: each row in all
// its shapes in turn, with new operands each time. The same seed makes the same scenarios.

import type { IsaRow } from "../../../src/cpu/isa/row.ts";
import { PARSED_ROWS, type ParsedRow } from "../../../src/cpu/isa/table.ts";
import { processorModel } from "../../../src/cpu/model.ts";
import { SeededRandom } from "../../support/random.ts";
import { completeShape, enumerateShapes, existsIn, randomShape, type Shape } from "../choices.ts";
import { icedMnemonic } from "../decoding/iced.ts";
import { icedNameOf } from "../decoding/names.ts";
import { addressSize, type Choice, encode, operandSize } from "../encoder.ts";
import type { Vector } from "../vector.ts";
import { LAYOUTS, type Layout } from "./layouts.ts";
import type { NativeHost } from "./native-host.ts";
import { record } from "./recorder.ts";
import { buildScenario, type Scenario } from "./scenario.ts";
import { encodingObstacle, rowName, rowObstacle } from "./skip-list.ts";

export interface GeneratorOptions {
  readonly seed: number;
  /** Vectors to try for each row; some come to nothing. */
  readonly perRow: number;
  readonly rows: readonly ParsedRow[];
}

/** How often something was left out, by reason. */
export type Obstacles = Map<string, number>;

const BATCH = 2048;
const MAX_LENGTH = 15;
/** Shapes that no encoding has are drawn again, so often. */
const ATTEMPTS = 20;

/** Rows that can be recorded at all: of 64-bit code and our processor, with an outcome that a vector can state. */
export function recordableRows(): ParsedRow[] {
  const { features } = processorModel();
  return PARSED_ROWS.filter((parsed) => {
    const { row } = parsed;
    const { feature } = row;
    const isThere = feature === undefined || features.has(feature);
    return isThere && existsIn(parsed, 64) && rowObstacle(row) === undefined;
  });
}

/** Each row draws from a generator of its own, so that new rows leave the vectors of others alone. */
function rowSeed(seed: number, row: IsaRow): number {
  let hash = seed | 0;
  for (const character of rowName(row)) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  }
  return hash;
}

/** The instruction's bytes mean what the row says, to a disassembler that has never seen our table. */
export function isUnderstood(choice: Choice, code: Uint8Array): boolean {
  if (code.length > MAX_LENGTH) return false;
  const { mnemonic, length } = icedMnemonic(code, 64);
  if (length !== code.length) return false;
  const name = icedNameOf(choice.parsed, {
    operandSize: operandSize(choice),
    addressSize: addressSize(choice),
  });
  if (mnemonic === name) return true;
  // LOCK where it must not be is #UD, on which everybody agrees; reserved NOPs have many names.
  if (mnemonic === "invalid") return choice.prefixes.includes(0xf0);
  return name === "nop" && /nop|endbr|rdssp|cldemote|prefetchit/.test(mnemonic);
}

class RowGenerator {
  readonly #parsed: ParsedRow;
  readonly #random: SeededRandom;
  readonly #obstacles: Obstacles;
  #shapes: Shape[] = [];

  constructor(parsed: ParsedRow, random: SeededRandom, obstacles: Obstacles) {
    this.#parsed = parsed;
    this.#random = random;
    this.#obstacles = obstacles;
  }

  next(layout: Layout): Scenario | undefined {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const choice = completeShape(this.#parsed, 64, this.#nextShape(), this.#random);
      if (!isUnderstood(choice, encode(choice))) continue;
      const scenario = buildScenario(choice, layout, this.#random);
      const obstacle = encodingObstacle(scenario);
      if (obstacle === undefined) return scenario;
      count(this.#obstacles, obstacle);
    }
    count(this.#obstacles, "no encoding found");
    return undefined;
  }

  /** All shapes in a random order before any comes again; in between, shapes with several prefixes. */
  #nextShape(): Shape {
    const random = this.#random;
    if (random.below(4) === 0) return randomShape(this.#parsed, 64, random);
    if (this.#shapes.length === 0) {
      this.#shapes = enumerateShapes(this.#parsed, 64);
      for (let i = this.#shapes.length - 1; i > 0; i--) {
        const j = random.below(i + 1);
        [this.#shapes[i], this.#shapes[j]] = [this.#shapes[j]!, this.#shapes[i]!];
      }
    }
    return this.#shapes.pop()!;
  }
}

function count(obstacles: Obstacles, reason: string): void {
  obstacles.set(reason, (obstacles.get(reason) ?? 0) + 1);
}

/** Records vectors; each batch is given out as soon as it is there. Layouts take turns. */
export async function* generate(
  host: NativeHost,
  options: GeneratorOptions,
  obstacles: Obstacles,
): AsyncGenerator<Vector[]> {
  const generators = options.rows.map((parsed) => {
    const random = new SeededRandom(rowSeed(options.seed, parsed.row));
    return new RowGenerator(parsed, random, obstacles);
  });
  let made = 0;
  const nameOf = ({ choice }: Scenario) =>
    `${rowName(choice.parsed.row)} ${options.seed}.${made++}`;
  for (let round = 0; round < options.perRow; ) {
    // Few changes of layout: each costs system calls here and page-table work in every run.
    const layout = LAYOUTS[Math.floor(round / ROUNDS_PER_LAYOUT) % LAYOUTS.length]!;
    const rounds = Math.min(ROUNDS_PER_LAYOUT, options.perRow - round);
    let scenarios: Scenario[] = [];
    for (let i = 0; i < rounds * generators.length; i++) {
      const scenario = generators[i % generators.length]!.next(layout);
      if (scenario !== undefined) scenarios.push(scenario);
      if (scenarios.length < BATCH && i < rounds * generators.length - 1) continue;
      const vectors: Vector[] = [];
      for (const recording of await record(host, layout, scenarios, nameOf)) {
        if ("vector" in recording) vectors.push(recording.vector);
        else count(obstacles, recording.obstacle);
      }
      yield vectors;
      scenarios = [];
    }
    round += rounds;
  }
}

const ROUNDS_PER_LAYOUT = 4;
