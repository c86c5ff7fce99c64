// SPDX-License-Identifier: BSD-2-Clause
// npm run vectors:generate -- --seed=N --per-row=K --out=FILE [--only=NAME]
// npm run vectors:generate -- --seed=N --per-row=K --check: compare at once, write nothing.
import { parseArgs } from "node:util";
import { runVector } from "../compare.ts";
import { enginesNamed } from "../engine.ts";
import { failureText } from "../report.ts";
import { formatVector } from "../vector.ts";
import { writeLines } from "../vector-file.ts";
import { VectorMachine } from "../vector-machine.ts";
import { generate, type Obstacles } from "./generator.ts";
import { NativeHost } from "./native-host.ts";

const USAGE = `usage: npm run vectors:generate -- --seed=N --per-row=K (--out=FILE | --check) [--only=NAME]
  Records instruction vectors on this processor (x86-64 Linux, gcc): K of every row of the instruction table.
  --out=FILE     write them; compressed if FILE ends in .gz
  --check        run each on the engine at once instead (--engine=NAME, --show=N)
  --only=NAME    only rows of this mnemonic, operation or CPUID feature
`;

/** Compares vectors as they come. */
class Checker {
  readonly #machine: VectorMachine;
  readonly #show: number;
  readonly #byRow = new Map<string, number>();
  passed = 0;
  failed = 0;

  constructor(machine: VectorMachine, show: number) {
    this.#machine = machine;
    this.#show = show;
  }

  check(vector: Parameters<typeof runVector>[1]): void {
    const differences = runVector(this.#machine, vector);
    if (differences.length === 0) {
      this.passed++;
      return;
    }
    this.failed++;
    const row = vector.name.slice(0, vector.name.lastIndexOf(" "));
    const seen = (this.#byRow.get(row) ?? 0) + 1;
    this.#byRow.set(row, seen);
    // A few of each row say more than many of one.
    if (seen > this.#show) return;
    process.stdout.write(`${failureText(this.#machine.engine, vector, differences)}\n`);
    process.stdout.write(`  ${formatVector(vector)}\n`);
  }

  summary(): string {
    const rows = [...this.#byRow].map(([row, failures]) => `  ${row}: ${failures}\n`);
    return `${rows.join("")}${this.passed} passed, ${this.failed} failed\n`;
  }
}

function obstacleText(obstacles: Obstacles): string {
  return [...obstacles].map(([reason, times]) => `  left out ${times}: ${reason}\n`).join("");
}

/** The exit status: 1 if a check found a difference. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: "1" },
      "per-row": { type: "string", default: "40" },
      out: { type: "string" },
      only: { type: "string" },
      check: { type: "boolean", default: false },
      engine: { type: "string", default: "interpreter" },
      show: { type: "string", default: "2" },
    },
  });
  if (values.out === undefined && !values.check) {
    process.stderr.write(USAGE);
    return 2;
  }
  const host = new NativeHost();
  const checker = values.check
    ? new Checker(new VectorMachine(enginesNamed(values.engine)[0]!), Number(values.show))
    : undefined;
  const obstacles: Obstacles = new Map();
  const lines: string[] = [];
  const options = {
    seed: Number(values.seed),
    perRow: Number(values["per-row"]),
    only: values.only,
  };
  try {
    for await (const vectors of generate(host, options, obstacles)) {
      for (const vector of vectors) {
        if (checker !== undefined) checker.check(vector);
        else lines.push(formatVector(vector));
      }
    }
  } finally {
    host.stop();
  }
  process.stdout.write(obstacleText(obstacles));
  if (checker !== undefined) {
    process.stdout.write(checker.summary());
    return checker.failed === 0 ? 0 : 1;
  }
  writeLines(values.out!, lines);
  process.stdout.write(`${lines.length} vectors\n`);
  return 0;
}
