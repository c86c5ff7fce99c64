// SPDX-License-Identifier: BSD-2-Clause
// What tshyve jit prints.
import type { BlockState } from "../cpu/jit/unit.ts";
import type { UnitBlockReport, UnitReport } from "../vmm/control-protocol.ts";
import type { HeatGroup, HeatReport, HeatRow } from "../vmm/heat-report.ts";

function counted(n: number, what: string): string {
  return `${n.toLocaleString("en-US")} ${what}${n === 1 ? "" : "s"}`;
}

function percent(part: number, all: number): string {
  return all === 0 ? "-" : `${((100 * part) / all).toFixed(1)} %`;
}

/** Lines of cells, in columns as wide as they have to be; those of `right` are aligned there. */
function columns(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    row
      .map((cell, at) =>
        right.includes(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!),
      )
      .join("  ")
      .trimEnd(),
  );
}

function stateText({ unit, entered }: BlockState): string {
  if (unit !== undefined) return `unit ${unit}`;
  if (entered === 0) return "not entered";
  return `interpreter, entered ${entered === 1 ? "once" : `${entered} times`}`;
}

function thresholdText(threshold: number | undefined): string {
  if (threshold === undefined) return "Nothing is translated: engine=interpreter.";
  return `Blocks are up for translation at their ${threshold}th entry, or earlier in hot company.`;
}

// A place in the code.

export function unitText(report: UnitReport, isRunning: boolean): string {
  const { address, blocks, instructions, guest, wasm, module } = report;
  const size = `${counted(module.length / 2, "byte")} of WebAssembly`;
  const title = `${address}: ${counted(blocks.length, "block")}, ${counted(instructions, "instruction")}, ${size}`;
  const heat = isRunning
    ? unitHeat(report)
    : ["The VM is at rest: what ran how often is forgotten."];
  return `${[title, "", ...heat, "", ...guest, "", ...wasm].join("\n")}\n`;
}

function unitHeat({ blocks, samples, threshold }: UnitReport): string[] {
  const hasShares = samples > 0;
  const row = ({ address, instructions, state, samples: own }: UnitBlockReport) => [
    address,
    `${instructions}`,
    ...(hasShares ? [percent(own ?? 0, samples)] : []),
    stateText(state),
  ];
  const head = ["block", "instructions", ...(hasShares ? ["of the latest --hot"] : []), "run by"];
  const table = columns([head, ...blocks.map(row)], hasShares ? [1, 2] : [1]);
  return [...table, "", thresholdText(threshold)];
}

// Heat.

interface HeatContext {
  readonly name: string;
  readonly by: HeatGroup;
  readonly seconds: number;
}

export function heatText(report: HeatReport, { name, by, seconds }: HeatContext): string {
  const { samples, instructions, inUnits, rows, threshold } = report;
  const time = `VM ${name}: ${counted(seconds, "second")}`;
  const units =
    threshold === undefined
      ? "all interpreted"
      : `${percent(inUnits, instructions)} of them in units`;
  const title = `${time}, ${counted(instructions, "instruction")}, ${units}`;
  if (samples === 0) {
    return `${title}\nToo few for a sample: the guest sleeps most of the time. --seconds looks longer.\n`;
  }
  const shown = rows.reduce((sum, row) => sum + row.samples, 0);
  const table = columns([headOf(by), ...rows.map((row) => heatRow(row, by, report))], [0, 1]);
  const rest = `Elsewhere: ${percent(samples - shown, samples)}. Of ${counted(samples, "sample")}: shares are right to ${errorText(samples)}.`;
  return `${[title, "", ...table, "", rest, thresholdText(threshold)].join("\n")}\n`;
}

function headOf(by: HeatGroup): string[] {
  const place = by === "block" ? ["block", "mode"] : ["hottest at", "mode", "blocks"];
  return ["share", "translated", ...place, "run by", "name"];
}

function rowState({ state }: HeatRow): string {
  if (state === "blockless") return "interpreter";
  return state === "forgotten" ? "forgotten since" : stateText(state);
}

function heatRow(row: HeatRow, by: HeatGroup, { samples }: HeatReport): string[] {
  return [
    percent(row.samples, samples),
    `${Math.round((100 * row.translated) / row.samples)} %`,
    row.address,
    row.isUser ? "user" : "kernel",
    ...(by === "block" ? [] : [`${row.places}`]),
    rowState(row),
    row.name ?? "",
  ];
}

/** Two standard deviations of a share of one half, which has the largest. */
function errorText(samples: number): string {
  const points = 100 / Math.sqrt(samples);
  return `${points < 1 ? points.toFixed(1) : Math.ceil(points)} points`;
}
