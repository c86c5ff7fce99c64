// SPDX-License-Identifier: BSD-2-Clause
// npm run vectors -- [--engine=interpreter|translator|both] FILE…
// Exit status: 0 if every vector passed, 1 if one failed, 2 if nothing could be run.
import { parseArgs } from "node:util";
import { VmmError } from "../../src/base/errors.ts";
import { runVector } from "./compare.ts";
import { type EngineName, enginesNamed } from "./engine.ts";
import { failureText } from "./report.ts";
import { readVectors } from "./vector-file.ts";
import { VectorMachine } from "./vector-machine.ts";

const USAGE = `usage: npm run vectors -- [--engine=interpreter|translator|both] [--show=N] FILE…
  Runs instruction vectors (JSON Lines, .gz allowed; docs/instruction-tests.md) and prints what differs:
  the first N failures of each engine in full, 20 unless told otherwise.
`;

interface Total {
  passed: number;
  failed: number;
}

/** One file on one engine. */
async function runFile(machine: VectorMachine, path: string, show: number, total: Total) {
  for await (const vector of readVectors(path)) {
    const differences = runVector(machine, vector);
    if (differences.length === 0) {
      total.passed++;
      continue;
    }
    total.failed++;
    if (total.failed <= show) {
      process.stdout.write(`${failureText(machine.engine, vector, differences)}\n`);
    }
  }
}

async function run(engines: readonly EngineName[], files: readonly string[], show: number) {
  let passed = 0;
  let failed = 0;
  // All of them first: half a run helps nobody.
  const machines = engines.map((engine) => new VectorMachine(engine));
  for (const machine of machines) {
    const total = { passed: 0, failed: 0 };
    for (const path of files) await runFile(machine, path, show, total);
    if (total.failed > show) process.stdout.write(`… and ${total.failed - show} more failures\n`);
    passed += total.passed;
    failed += total.failed;
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

/** The exit status. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        engine: { type: "string", default: "interpreter" },
        show: { type: "string", default: "20" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help || positionals.length === 0) {
      (values.help ? process.stdout : process.stderr).write(USAGE);
      return values.help ? 0 : 2;
    }
    return await run(enginesNamed(values.engine), positionals, Number(values.show));
  } catch (cause) {
    if (cause instanceof VmmError || (cause as { code?: unknown }).code !== undefined) {
      process.stderr.write(`vectors: ${(cause as Error).message}\n`);
      return 2;
    }
    throw cause;
  }
}
