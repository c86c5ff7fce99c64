// SPDX-License-Identifier: BSD-2-Clause
// Results as a picture: a row for each program, a dot for each engine, its speed on a logarithmic axis with
// QEMU TCG at 1.
import { REFERENCE, type Target } from "./engines.ts";
import { hostText } from "./machine.ts";
import { type EngineResult, groupMean, type Results, relativeSpeed } from "./results.ts";
import { GROUPS } from "./suite.ts";

const WIDTH = 860;
const LEFT = 150;
const RIGHT = 30;
const ROW = 18;
const TOP = 58;
const LOWEST = 0.001;
const HIGHEST = 10;
/** By what an engine is called, without its target. */
const COLOURS: Readonly<Record<string, string>> = {
  interpreter: "#9aa5b1",
  translator: "#2a9d5c",
  qemu: "#1769c7",
  bochs: "#c0392b",
  v86: "#d98e04",
};

interface Row {
  readonly label: string;
  readonly isMean: boolean;
  readonly speedOf: (engine: EngineResult) => number;
}

export function drawResults(results: Results, target: Target): string {
  const engines = results.engines.filter((engine) => engine.target === target);
  const rows = rowsOf(results);
  const height = TOP + rows.length * ROW + 44;
  const title = `Speed of ${target} guests, ${titleOf(results, target)} = 1`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="20" font-size="14">${title}</text>`,
    ...legend(engines),
    ...axis(TOP + rows.length * ROW),
    ...rows.flatMap((row, i) => drawRow(row, TOP + i * ROW, engines)),
    `<text x="12" y="${height - 8}" font-size="10" fill="#666">${escapeXml(hostText(results.host))}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function titleOf(results: Results, target: Target): string {
  return escapeXml(
    results.engines.find(({ name }) => name === REFERENCE[target])?.title ?? "QEMU TCG",
  );
}

function rowsOf(results: Results): Row[] {
  return Object.entries(GROUPS).flatMap(([group, { title, programs }]) => {
    const measured = programs.filter((program) => results.programs[program] !== undefined);
    if (measured.length === 0) return [];
    return [
      ...measured.map((program) => ({
        label: program,
        isMean: false,
        speedOf: (engine: EngineResult) => relativeSpeed(results, program, engine),
      })),
      {
        label: `${title}: mean`,
        isMean: true,
        speedOf: (engine: EngineResult) => groupMean(results, group, engine),
      },
    ];
  });
}

function colourOf({ name }: EngineResult): string {
  return COLOURS[name.replace(/-i686$/, "")] ?? "#444";
}

function legend(engines: readonly EngineResult[]): string[] {
  return engines.map((engine, i) => {
    const x = LEFT + i * 150;
    return `<circle cx="${x}" cy="38" r="5" fill="${colourOf(engine)}"/><text x="${x + 10}" y="42">${escapeXml(engine.title)}</text>`;
  });
}

function axis(bottom: number): string[] {
  const lines: string[] = [];
  for (let speed = LOWEST; speed <= HIGHEST * 1.001; speed *= 10) {
    const x = place(speed).toFixed(1);
    const colour = Math.abs(Math.log10(speed)) < 0.01 ? "#444" : "#ddd";
    lines.push(`<line x1="${x}" y1="${TOP - 8}" x2="${x}" y2="${bottom}" stroke="${colour}"/>`);
    lines.push(
      `<text x="${x}" y="${bottom + 14}" text-anchor="middle" fill="#444">${Number(speed.toPrecision(1))}</text>`,
    );
  }
  return lines;
}

function drawRow(row: Row, y: number, engines: readonly EngineResult[]): string[] {
  const middle = y + ROW / 2;
  const lines = [
    `<line x1="${LEFT}" y1="${middle}" x2="${WIDTH - RIGHT}" y2="${middle}" stroke="#f0f0f0"/>`,
    `<text x="${LEFT - 12}" y="${middle + 4}" text-anchor="end"${row.isMean ? ' font-weight="bold"' : ""}>${escapeXml(row.label)}</text>`,
  ];
  for (const engine of engines) {
    const speed = row.speedOf(engine);
    if (Number.isNaN(speed)) continue;
    const radius = row.isMean ? 6 : 4;
    lines.push(
      `<circle cx="${place(speed).toFixed(1)}" cy="${middle}" r="${radius}" fill="${colourOf(engine)}"><title>${escapeXml(engine.title)}: ${speed.toPrecision(2)}</title></circle>`,
    );
  }
  return lines;
}

/** Where a speed is on the axis; what is beyond its ends is drawn there. */
function place(speed: number): number {
  const clamped = Math.min(HIGHEST, Math.max(LOWEST, speed));
  const part = Math.log(clamped / LOWEST) / Math.log(HIGHEST / LOWEST);
  return LEFT + part * (WIDTH - LEFT - RIGHT);
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
