// SPDX-License-Identifier: BSD-2-Clause
// Two runs of the bench side by side. Speeds are compared relative to the reference engine, so that a run on
// another machine, or on a busier one, still says something.
import { REFERENCE } from "./engines.ts";
import { formatSpeed } from "./report.ts";
import { type EngineResult, type Results, relativeSpeed } from "./results.ts";
import { geometricMean } from "./statistics.ts";
import { GROUPS } from "./suite.ts";

/** Changes of less than this are not worth a line. */
const NOISE = 0.1;

export function parseResults(text: string, name: string): Results {
  const results = JSON.parse(text) as Partial<Results>;
  if (results.format !== 1 || results.programs === undefined) {
    throw new Error(`${name} holds no results of this bench`);
  }
  return results as Results;
}

export function formatComparison(before: Results, after: Results): string {
  const lines = [`Against ${before.commit} of ${before.date.slice(0, 10)}:`];
  for (const engine of after.engines) {
    if (engine.name === REFERENCE[engine.target]) continue;
    for (const { title, programs } of Object.values(GROUPS)) {
      const both = programs.filter(
        (program) =>
          !Number.isNaN(relativeSpeed(before, program, engine)) &&
          !Number.isNaN(relativeSpeed(after, program, engine)),
      );
      const mean = change(meanOf(before, both, engine), meanOf(after, both, engine));
      if (mean === undefined) continue;
      lines.push(`${engine.title}, ${title.toLowerCase()}: ${mean.text}`);
      for (const program of both) {
        const each = change(
          relativeSpeed(before, program, engine),
          relativeSpeed(after, program, engine),
        );
        if (each !== undefined && Math.abs(Math.log(each.factor)) > NOISE) {
          lines.push(`  ${program.padEnd(16)}${each.text}`);
        }
      }
    }
  }
  return lines.join("\n");
}

function meanOf(results: Results, programs: readonly string[], engine: EngineResult): number {
  return geometricMean(programs.map((program) => relativeSpeed(results, program, engine)));
}

function change(before: number, after: number): { factor: number; text: string } | undefined {
  const factor = after / before;
  if (Number.isNaN(factor)) return undefined;
  return {
    factor,
    text: `${formatSpeed(before)} → ${formatSpeed(after)} (${factor.toFixed(2)} times)`,
  };
}
