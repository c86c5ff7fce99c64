// SPDX-License-Identifier: BSD-2-Clause
// The bench: finds engines, measures, reports.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { BOOTS, canBoot, measureBoot } from "./boots.ts";
import { formatComparison, parseResults } from "./compare.ts";
import { ENGINES, type Engine, type Places } from "./engines.ts";
import { describeHost } from "./machine.ts";
import {
  type Answers,
  type Measurement,
  type MeasureOptions,
  measureProgram,
  Runner,
} from "./measure.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { drawResults } from "./plot.ts";
import { formatReport } from "./report.ts";
import type { EngineResult, Results } from "./results.ts";
import { selectPrograms } from "./suite.ts";

const ROUND_MS = 500;
const QUICK_ROUND_MS = 100;
const TIMEOUT_MS = 120_000;

/** Returns the exit status: 1 if an engine of tshyve's failed on anything. */
export async function main(argv: readonly string[], root: string): Promise<number> {
  let options: Options | undefined;
  try {
    options = parseOptions(argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 1;
  }
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  const places: Places = { root, work: fs.mkdtempSync(path.join(os.tmpdir(), "tshyve-bench-")) };
  try {
    return await bench(options, places);
  } finally {
    fs.rmSync(places.work, { recursive: true, force: true });
  }
}

async function bench(options: Options, places: Places): Promise<number> {
  const results = describeRun(options, places);
  if (options.isList) {
    console.log(formatReport(results));
    return 0;
  }
  await measurePrograms(options, places, results);
  await measureBoots(options, places, results);
  console.log(formatReport(results));
  if (options.compare !== undefined) {
    console.log(`\n${formatComparison(readResults(options.compare), results)}`);
  }
  if (options.json !== undefined) writeJson(options.json, results);
  if (options.svg !== undefined) fs.writeFileSync(options.svg, drawResults(results, "x86-64"));
  return hasOwnFailure(results) ? 1 : 0;
}

function describeRun(options: Options, places: Places): Results {
  const engines: EngineResult[] = [];
  const missing: Record<string, string> = {};
  for (const engine of ENGINES) {
    if (!isWanted(engine, options)) continue;
    const found = engine.find(places);
    if ("missing" in found) missing[engine.title] = found.missing;
    else {
      const { name, title, target } = engine;
      engines.push({ name, title, target, version: found.version });
    }
  }
  return {
    format: 1,
    date: new Date().toISOString(),
    commit: commitOf(places.root),
    host: describeHost(),
    time: options.time,
    engines,
    missing,
    programs: {},
    boots: {},
  };
}

function chosen(results: Results): Engine[] {
  return ENGINES.filter(({ name }) => results.engines.some((each) => each.name === name));
}

/** The i686 guests are for v86's sake: they run where it is, or when named. */
function isWanted(engine: Engine, options: Options): boolean {
  if (options.engines !== undefined) return options.engines.includes(engine.name);
  return engine.target === "x86-64" || process.env["TSHYVE_BENCH_V86"] !== undefined;
}

function commitOf(root: string): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: root,
      encoding: "utf8",
    }).trim();
  } catch {
    return "unknown";
  }
}

async function measurePrograms(options: Options, places: Places, results: Results): Promise<void> {
  const answers = JSON.parse(
    fs.readFileSync(path.join(places.root, "bench/images/answers.json"), "utf8"),
  ) as Answers;
  const measure: MeasureOptions = {
    rounds: options.rounds,
    roundMs: options.isQuick ? QUICK_ROUND_MS : ROUND_MS,
    timeoutMs: TIMEOUT_MS,
    time: options.time,
  };
  const runners = chosen(results).map((engine) => new Runner(engine, places, answers, measure));
  try {
    for (const program of selectPrograms(options.only)) {
      const measured: Map<string, Measurement> = await measureProgram(program, runners, measure);
      results.programs[program] = Object.fromEntries(measured);
      process.stderr.write(`${program} `);
    }
  } finally {
    process.stderr.write("\n");
    for (const { engine, startNs } of runners) {
      const result = results.engines.find(({ name }) => name === engine.name);
      if (result !== undefined && startNs !== undefined) result.startNs = startNs;
    }
    for (const runner of runners) await runner.close();
  }
}

/** A boot takes its time: there are fewer rounds. */
const BOOT_ROUNDS = 3;

async function measureBoots(options: Options, places: Places, results: Results): Promise<void> {
  const rounds = options.isQuick ? 1 : Math.min(options.rounds, BOOT_ROUNDS);
  for (const boot of BOOTS) {
    if (!isNamed(boot.name, options)) continue;
    const why = boot.missing();
    if (why === undefined) {
      const engines = chosen(results).filter((engine) => canBoot(engine, places));
      results.boots[boot.name] = await measureBoot(boot, engines, places, rounds);
    } else results.missing[boot.title] = why;
  }
}

function isNamed(boot: string, { only }: Options): boolean {
  return only === undefined || only.includes("boots") || only.includes(boot);
}

function readResults(file: string): Results {
  return parseResults(fs.readFileSync(file, "utf8"), file);
}

function writeJson(file: string, results: Results): void {
  fs.writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

function hasOwnFailure({ programs, boots }: Results): boolean {
  return Object.values({ ...programs, ...boots }).some((byEngine) =>
    Object.entries(byEngine).some(
      ([engine, { kind }]) => kind === "failed" && /^(interpreter|translator)/.test(engine),
    ),
  );
}
