// SPDX-License-Identifier: BSD-2-Clause
// Results as a table in text: how fast each engine is, QEMU TCG being 1, with the reference's own times.
import { BOOTS } from "./boots.ts";
import { REFERENCE } from "./engines.ts";
import { hostText } from "./machine.ts";
import {
  type EngineResult,
  groupMean,
  type Results,
  relativeFirstSpeed,
  relativeSpeed,
  unitNs,
} from "./results.ts";
import { median } from "./statistics.ts";
import { GROUPS } from "./suite.ts";

const COLUMN = 13;

function formatDuration(ns: number): string {
  if (Number.isNaN(ns)) return "–";
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}

export function formatSpeed(speed: number): string {
  if (Number.isNaN(speed)) return "–";
  if (speed >= 10) return speed.toFixed(0);
  return speed >= 0.1 ? speed.toFixed(2) : speed.toPrecision(2);
}

/** The whole report: tables by target, then whatever failed or is missing. */
export function formatReport(results: Results): string {
  const clock = results.time === "cpu" ? "; processor time" : "";
  const lines = [`${hostText(results.host)}${clock}`, ""];
  for (const target of ["x86-64", "i686"] as const) {
    const engines = results.engines.filter((engine) => engine.target === target);
    if (engines.length > 0) lines.push(...table(results, engines), "");
  }
  lines.push(...boots(results));
  for (const { title, version, startNs } of results.engines) {
    const start =
      startNs === undefined ? "" : `; the guest's first words after ${formatDuration(startNs)}`;
    lines.push(`${title}: ${version}${start}`);
  }
  for (const [title, why] of Object.entries(results.missing))
    lines.push(`${title}: not run, ${why}`);
  lines.push(...failures(results));
  return lines.join("\n");
}

function table(results: Results, engines: readonly EngineResult[]): string[] {
  const reference = REFERENCE[engines[0]!.target];
  const header = ["", ...engines.map(({ title }) => title.replace(" (i686)", "")), "QEMU, a unit"];
  const lines = [`${engines[0]!.target} guest; speed, QEMU TCG = 1`, row(header)];
  for (const [group, { title, programs }] of Object.entries(GROUPS)) {
    const measured = programs.filter((program) => results.programs[program] !== undefined);
    if (measured.length === 0) continue;
    lines.push(title);
    for (const program of measured) {
      const cells = engines.map((engine) => cell(results, program, engine));
      lines.push(
        row([`  ${program}`, ...cells, formatDuration(unitNs(results, program, reference))]),
      );
    }
    const means = (speedOf?: typeof relativeSpeed) =>
      engines.map((engine) => formatSpeed(groupMean(results, group, engine, speedOf)));
    lines.push(row(["  geometric mean", ...means()]));
    lines.push(row(["  of first runs", ...means(relativeFirstSpeed)]));
  }
  return lines;
}

/** Without a reference, the time itself. */
function cell(results: Results, program: string, engine: EngineResult): string {
  const measurement = results.programs[program]?.[engine.name];
  if (measurement?.kind === "failed") return "failed";
  const speed = relativeSpeed(results, program, engine);
  return Number.isNaN(speed)
    ? formatDuration(unitNs(results, program, engine.name))
    : formatSpeed(speed);
}

function row(cells: readonly string[]): string {
  const [first, ...rest] = cells;
  return (
    first!.padEnd(18) + rest.map((text) => text.replace("tshyve ", "").padStart(COLUMN)).join("")
  ).trimEnd();
}

/** Seconds; in brackets how long it takes where QEMU takes 1. */
function boots(results: Results): string[] {
  return BOOTS.flatMap(({ name, title }) => {
    const byEngine = results.boots[name];
    if (byEngine === undefined) return [];
    const reference = byEngine[REFERENCE["x86-64"]];
    const lines = Object.entries(byEngine).flatMap(([engine, measurement]) => {
      if (measurement.kind === "failed") return [];
      const figure = (kind: "totalNs" | "kernelNs" | "cpuNs") => {
        const ns = median(measurement[kind]);
        const ratio = reference?.kind === "measured" ? ns / median(reference[kind]) : Number.NaN;
        return `${formatDuration(ns)} (${formatSpeed(ratio)})`;
      };
      const peak = Math.round(median(measurement.peakBytes) / 2 ** 20);
      return [
        `  ${engine.padEnd(14)}${figure("totalNs")}, the kernel ${figure("kernelNs")}; processor ${figure("cpuNs")}; ${peak} MiB`,
      ];
    });
    return [`${title}; time, QEMU TCG = 1`, ...lines, ""];
  });
}

function failures(results: Results): string[] {
  return Object.entries({ ...results.programs, ...results.boots }).flatMap(([program, byEngine]) =>
    Object.entries(byEngine).flatMap(([engine, measurement]) =>
      measurement.kind === "failed"
        ? [`failed: ${program} on ${engine}: ${measurement.reason}`]
        : [],
    ),
  );
}
