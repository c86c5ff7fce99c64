// SPDX-License-Identifier: BSD-2-Clause
// npm run isa:coverage -- [--check]: writes docs/isa-coverage.md; with --check, tells whether it is current.
import { readFileSync, writeFileSync } from "node:fs";
import { setPath, VECTOR_SETS } from "../native/sets.ts";
import { readVectors } from "../vector-file.ts";
import { coveragePage, PAGE, rowOfVector } from "./isa-coverage.ts";

/** The exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const vectors = new Map<string, number>();
  for (const path of VECTOR_SETS.map(setPath)) {
    for await (const { name } of readVectors(path)) {
      const row = rowOfVector(name);
      vectors.set(row, (vectors.get(row) ?? 0) + 1);
    }
  }
  const page = coveragePage(vectors);
  if (!args.includes("--check")) writeFileSync(PAGE, page);
  else if (readFileSync(PAGE, "utf8") !== page) {
    process.stderr.write(`${PAGE} is not current: run npm run isa:coverage\n`);
    return 1;
  }
  return 0;
}
