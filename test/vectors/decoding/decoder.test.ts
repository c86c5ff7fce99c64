// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { PARSED_ROWS } from "../../../src/cpu/isa/table.ts";
import { SeededRandom } from "../../support/random.ts";
import { completeShape, enumerateShapes, existsIn } from "../choices.ts";
import { type CodeSize, encode } from "../encoder.ts";
import { formatBytes } from "../hex.ts";
import { checkDecoder, type Disagreement } from "./check.ts";
import { KNOWN_DIFFERENCES } from "./differences.ts";
import { icedMnemonic } from "./iced.ts";

const CODE_SIZES: readonly CodeSize[] = [64, 32, 16];

describe.each(CODE_SIZES)("the decoder in %i-bit code", (codeSize) => {
  it("agrees with iced-x86 on the length and the name of 30,000 random strings", () => {
    const disagreements: Disagreement[] = [];
    checkDecoder(codeSize, 2024, 30_000, (each) => disagreements.push(each));
    expect(disagreements).toEqual([]);
  }, 30_000);
});

describe.each(CODE_SIZES)("the encoder in %i-bit code", (codeSize) => {
  it("makes instructions that iced-x86 knows and finds as long as they are", () => {
    const random = new SeededRandom(7);
    const excused = new Set(KNOWN_DIFFERENCES.flatMap(({ encodings }) => encodings ?? []));
    const wrong: string[] = [];
    for (const parsed of PARSED_ROWS) {
      if (!existsIn(parsed, codeSize) || excused.has(parsed.row.encoding)) continue;
      for (const shape of enumerateShapes(parsed, codeSize)) {
        const code = encode(completeShape(parsed, codeSize, shape, random));
        const { mnemonic, length } = icedMnemonic(code, codeSize);
        if (mnemonic === "invalid" || length !== code.length) {
          wrong.push(`${parsed.row.mnemonic} ${parsed.row.encoding}: ${formatBytes(code)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  }, 30_000);
});
