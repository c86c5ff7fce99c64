// SPDX-License-Identifier: BSD-2-Clause
// What a run of the bench found, as it goes to JSON, and the figures worked out from it.
import type { BootMeasurement } from "./boots.ts";
import { REFERENCE, type Target } from "./engines.ts";
import type { HostDescription } from "./machine.ts";
import type { Measurement, TimeKind } from "./measure.ts";
import { geometricMean, median } from "./statistics.ts";
import { GROUPS } from "./suite.ts";

export interface EngineResult {
  readonly name: string;
  readonly title: string;
  readonly target: Target;
  readonly version: string;
  /** From the start of its process to the bench guest's first words; not there if that did not run. */
  startNs?: number;
}

export interface Results {
  readonly format: 1;
  readonly date: string;
  readonly commit: string;
  readonly host: HostDescription;
  readonly time: TimeKind;
  readonly engines: readonly EngineResult[];
  /** Peers that were asked for and are not there, and why. */
  readonly missing: Record<string, string>;
  /** By program, then engine. */
  readonly programs: Record<string, Record<string, Measurement>>;
  /** By boot, then engine. */
  readonly boots: Record<string, Record<string, BootMeasurement>>;
}

/** Median nanoseconds of a unit; NaN if it was not measured. */
export function unitNs(results: Results, program: string, engine: string): number {
  const measurement = results.programs[program]?.[engine];
  return measurement?.kind === "measured" ? median(measurement.roundsNs) : Number.NaN;
}

/** How fast an engine is where its target's reference is 1; NaN if either was not measured. */
export function relativeSpeed(results: Results, program: string, engine: EngineResult): number {
  const reference = unitNs(results, program, REFERENCE[engine.target]);
  return reference / unitNs(results, program, engine.name);
}

/** The same of the first unit of work after the engine's start: translating included. */
export function relativeFirstSpeed(
  results: Results,
  program: string,
  engine: EngineResult,
): number {
  const [reference, own] = [REFERENCE[engine.target], engine.name].map((name) => {
    const measurement = results.programs[program]?.[name];
    return measurement?.kind === "measured" ? measurement.firstNs : Number.NaN;
  });
  return reference! / own!;
}

/** Of the programs of a group that both ran. */
export function groupMean(
  results: Results,
  group: string,
  engine: EngineResult,
  speedOf = relativeSpeed,
): number {
  const speeds = GROUPS[group]!.programs.map((program) => speedOf(results, program, engine));
  return geometricMean(speeds.filter((speed) => !Number.isNaN(speed)));
}
