// SPDX-License-Identifier: BSD-2-Clause
// npm run decode:fuzz -- [--seed=N] [--count=N]: our decoder against iced-x86, `count` strings of bytes in
// 64-bit, 32-bit and 16-bit code each. Exit status 1 if they disagree anywhere.
import { parseArgs } from "node:util";
import { checkDecoder, type Disagreement } from "./check.ts";

/** Examples of one kind of disagreement that are printed. */
const EXAMPLES = 3;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: "1" },
      count: { type: "string", default: "1000000" },
    },
  });
  const kinds = new Map<string, Disagreement[]>();
  for (const codeSize of [64, 32, 16] as const) {
    checkDecoder(codeSize, Number(values.seed), Number(values.count), (disagreement) => {
      const kind = `ours ${disagreement.ours}, iced-x86 ${disagreement.theirs}`;
      kinds.set(kind, [...(kinds.get(kind) ?? []), disagreement]);
    });
  }
  for (const [kind, cases] of [...kinds].sort((a, b) => b[1].length - a[1].length)) {
    process.stdout.write(`${kind}: ${cases.length}\n`);
    for (const { codeSize, bytes } of cases.slice(0, EXAMPLES)) {
      process.stdout.write(`    ${codeSize}-bit ${bytes}\n`);
    }
  }
  process.stdout.write(
    `${values.count} strings in each code size, ${kinds.size} kinds of difference\n`,
  );
  return kinds.size === 0 ? 0 : 1;
}
