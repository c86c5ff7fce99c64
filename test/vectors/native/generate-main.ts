// SPDX-License-Identifier: BSD-2-Clause
// npm run vectors:generate -- …: see USAGE. Exit status: 1 if a check found a difference, 2 on bad usage or
// where nothing can be recorded.
import { parseArgs } from "node:util";
import { VmmError } from "../../../src/base/errors.ts";
import type { ParsedRow } from "../../../src/cpu/isa/table.ts";
import { type EngineName, enginesNamed } from "../engine.ts";
import { Progress } from "../progress.ts";
import { formatVector } from "../vector.ts";
import { writeLines } from "../vector-file.ts";
import { Checker } from "./checker.ts";
import { type GeneratorOptions, generate, type Obstacles, recordableRows } from "./generator.ts";
import { NativeHost } from "./native-host.ts";
import { rowsOf, setPath, VECTOR_SETS } from "./sets.ts";
import { rowName } from "./skip-list.ts";

const USAGE = `usage: npm run vectors:generate -- [--seed=N] [--per-row=K] [--only=NAME] (--out=FILE | --check)
       npm run vectors:generate -- --sets [--only=NAME]
  Records instruction vectors on this processor (x86-64 Linux, gcc): K of every row of the instruction table.
  --out=FILE     write them; compressed if FILE ends in .gz
  --check        run them at once instead (--engine=interpreter|translator|both, --show=N of each row)
  --only=NAME    only rows of this mnemonic, operation or CPUID feature
  --sets         write the files in test/vectors/data again, or the one called NAME
`;

function obstacleText(obstacles: Obstacles): string {
  return [...obstacles].map(([reason, times]) => `  left out ${times}: ${reason}\n`).join("");
}

function rowsNamed(only: string | undefined): ParsedRow[] {
  const rows = recordableRows().filter(({ row }) => {
    if (only === undefined) return true;
    return [row.feature, row.mnemonic, row.op, rowName(row)].includes(only);
  });
  if (rows.length === 0) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `--only=${only}: no row that can be recorded is called so`,
    );
  }
  return rows;
}

async function record(host: NativeHost, options: GeneratorOptions, path: string): Promise<void> {
  const obstacles: Obstacles = new Map();
  const lines: string[] = [];
  for await (const vectors of generate(host, options, obstacles)) {
    for (const vector of vectors) lines.push(formatVector(vector));
  }
  writeLines(path, lines);
  process.stdout.write(`${obstacleText(obstacles)}${path}: ${lines.length} vectors\n`);
}

async function recordSets(host: NativeHost, only: string | undefined): Promise<void> {
  for (const set of VECTOR_SETS) {
    if (only !== undefined && only !== set.name) continue;
    await record(host, { ...set, rows: rowsOf(set) }, setPath(set));
  }
}

async function check(
  host: NativeHost,
  options: GeneratorOptions,
  engines: readonly EngineName[],
  show: number,
): Promise<number> {
  const checkers = engines.map((engine) => new Checker(engine, show));
  const obstacles: Obstacles = new Map();
  const progress = new Progress();
  for await (const vectors of generate(host, options, obstacles)) {
    for (const checker of checkers) checker.check(vectors);
    progress.report(() => checkers.map(String).join("; "));
    // The host frees compiled code between two tasks only.
    await new Promise(setImmediate);
  }
  process.stdout.write(obstacleText(obstacles));
  for (const checker of checkers) process.stdout.write(checker.summary());
  return checkers.every(({ isRight }) => isRight) ? 0 : 1;
}

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: "1" },
      "per-row": { type: "string", default: "40" },
      out: { type: "string" },
      only: { type: "string" },
      sets: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      engine: { type: "string", default: "interpreter" },
      show: { type: "string", default: "2" },
    },
  });
  if (values.out === undefined && !values.check && !values.sets) {
    process.stderr.write(USAGE);
    return 2;
  }
  const engines = enginesNamed(values.engine);
  const host = new NativeHost();
  try {
    if (values.sets) {
      await recordSets(host, values.only);
      return 0;
    }
    const options = {
      seed: Number(values.seed),
      perRow: Number(values["per-row"]),
      rows: rowsNamed(values.only),
    };
    if (values.check) return await check(host, options, engines, Number(values.show));
    await record(host, options, values.out!);
    return 0;
  } finally {
    host.stop();
  }
}

export async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (cause) {
    if (!(cause instanceof VmmError)) throw cause;
    process.stderr.write(`vectors:generate: ${cause.message}\n`);
    return 2;
  }
}
