// SPDX-License-Identifier: BSD-2-Clause
// Vectors against one engine as they come, with an account of who has executed them: a check of the translator
// that the interpreter passed in its place would say nothing.
import { runVector, setupOf } from "../compare.ts";
import type { EngineName } from "../engine.ts";
import { exceptionText, failureText } from "../report.ts";
import { formatVector, type Vector } from "../vector.ts";
import { VectorMachine } from "../vector-machine.ts";

/** Units of one module. More would save little, and all of them are kept until the next ones. */
const PREPARED = 256;

export class Checker {
  readonly #engine: EngineName;
  readonly #machine: VectorMachine;
  readonly #show: number;
  readonly #byRow = new Map<string, number>();
  /** Vectors that no unit was entered for, by the exception that came before. */
  readonly #outside = new Map<string, number>();
  #passed = 0;
  #failed = 0;
  #inUnits = 0;
  #bailed = 0;

  /** `show`: so many failures of each row in full. */
  constructor(engine: EngineName, show: number) {
    this.#engine = engine;
    this.#machine = new VectorMachine(engine);
    this.#show = show;
  }

  check(vectors: readonly Vector[]): void {
    for (let at = 0; at < vectors.length; at += PREPARED) {
      const some = vectors.slice(at, at + PREPARED);
      this.#machine.prepare(some.map(setupOf));
      for (const vector of some) this.#checkOne(vector);
    }
  }

  /** Nothing failed, and on the translator every vector but those whose code cannot be had ran in a unit. */
  get isRight(): boolean {
    return this.#failed === 0 && !this.#outside.has(exceptionText(undefined));
  }

  #checkOne(vector: Vector): void {
    const before = this.#machine.steps?.use;
    const differences = runVector(this.#machine, vector);
    const after = this.#machine.steps?.use;
    if (before !== undefined && after !== undefined) {
      if (after.entered === before.entered) this.#countOutside(vector);
      else if (after.bailed > before.bailed) this.#bailed++;
      else this.#inUnits++;
    }
    if (differences.length === 0) {
      this.#passed++;
      return;
    }
    this.#failed++;
    const row = vector.name.slice(0, vector.name.lastIndexOf(" "));
    const seen = (this.#byRow.get(row) ?? 0) + 1;
    this.#byRow.set(row, seen);
    // A few of each row say more than many of one.
    if (seen > this.#show) return;
    process.stdout.write(`${failureText(this.#engine, vector, differences)}\n`);
    process.stdout.write(`  ${formatVector(vector)}\n`);
  }

  #countOutside({ exception }: Vector): void {
    const what = exceptionText(
      exception && { vector: exception.vector, code: undefined, cr2: undefined },
    );
    this.#outside.set(what, (this.#outside.get(what) ?? 0) + 1);
  }

  summary(): string {
    const rows = [...this.#byRow].map(([row, failures]) => `  ${row}: ${failures}\n`);
    return `${rows.join("")}${this}${this.#unitText()}\n`;
  }

  toString(): string {
    return `${this.#engine}: ${this.#passed} passed, ${this.#failed} failed`;
  }

  #unitText(): string {
    if (this.#machine.steps === undefined) return "";
    const outside = [...this.#outside].map(([exception, times]) => `${times} with ${exception}`);
    return (
      `; ${this.#inUnits} done by units, ${this.#bailed} begun there and left to the interpreter, ` +
      `not in units: ${outside.join(", ") || "none"}`
    );
  }
}
