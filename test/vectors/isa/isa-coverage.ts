// SPDX-License-Identifier: BSD-2-Clause
// The page docs/isa-coverage.md, made of the instruction table, the translator's lowerings and the recorded vectors.
import type { IsaRow } from "../../../src/cpu/isa/row.ts";
import { PARSED_ROWS } from "../../../src/cpu/isa/table.ts";
import { isTranslated } from "../../../src/cpu/jit/lowerings.ts";
import { existsIn } from "../choices.ts";
import { rowName, rowObstacle } from "../native/skip-list.ts";

export const PAGE = "docs/isa-coverage.md";

const HEAD = `# Instruction set coverage

Written by \`npm run isa:coverage\` from the instruction table (\`src/cpu/isa\`); a test keeps it current.

- **interpreter**: the row has an executor.
- **translator**: translated code does it itself; where it says –, or an operand is one that it does not know, it calls
  the executor.
- **vectors**: recorded results of a processor in \`test/vectors/data\` (docs/instruction-tests.md), or why there
  are none. Rows of 16-bit and 32-bit code alone, and what only the kernel's privilege shows, are tested by guest
  programs.
`;

/** A recorded vector's row: its name less the number at the end. */
export function rowOfVector(name: string): string {
  return name.replace(/ [\d.]+$/, "");
}

function tableOf(head: readonly string[], alignment: string, rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(alignment.split(" ")) + rows.map(line).join("");
}

/** `vectors`: how many there are, by name of row. */
export function coveragePage(vectors: ReadonlyMap<string, number>): string {
  const rows = PARSED_ROWS.map((parsed) => {
    const { row } = parsed;
    const count = vectors.get(rowName(row)) ?? 0;
    const reason = existsIn(parsed, 64) ? rowObstacle(row) : "not in 64-bit code";
    return { row, count, text: count > 0 ? `${count}` : (reason ?? "–") };
  });
  const features = new Map<string, typeof rows>();
  for (const each of rows) {
    const name = each.row.feature ?? "base";
    features.set(name, [...(features.get(name) ?? []), each]);
  }
  const summary = (name: string, of: typeof rows): string[] => [
    name,
    ...[
      of.length,
      // Executors are a total record over operations.
      of.length,
      of.filter(({ row }) => isTranslated(row.op)).length,
      of.filter(({ count }) => count > 0).length,
      of.reduce((sum, { count }) => sum + count, 0),
    ].map(String),
  ];
  return [
    HEAD,
    tableOf(
      ["CPUID feature", "rows", "interpreter", "translator", "rows with vectors", "vectors"],
      "--- --: --: --: --: --:",
      [...[...features].map(([name, of]) => summary(name, of)), summary("**all**", rows)],
    ),
    tableOf(
      ["instruction", "encoding", "CPUID feature", "interpreter", "translator", "vectors"],
      "--- --- --- --- --- ---",
      rows.map(({ row, text }) => [...rowCells(row), text]),
    ),
  ].join("\n");
}

function rowCells(row: IsaRow): string[] {
  const name = `${row.mnemonic} ${row.operands}`.trimEnd();
  return [name, row.encoding, row.feature ?? "", "yes", isTranslated(row.op) ? "yes" : "–"];
}
