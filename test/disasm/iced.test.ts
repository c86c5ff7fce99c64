// SPDX-License-Identifier: BSD-2-Clause
// Our disassembly against iced-x86's, on encodings of every row in code of every size.
import { afterAll, describe, expect, it } from "vitest";
import { type CodeSize, DECODED, Decoder } from "../../src/cpu/decode/decoder.ts";
import { Lookup } from "../../src/cpu/decode/lookup.ts";
import { Disassembler } from "../../src/cpu/disasm/disassembler.ts";
import { ISA_ROWS } from "../../src/cpu/isa/table.ts";
import { isSame } from "./differences.ts";
import { encodings } from "./encodings.ts";
import { IcedDisassembler } from "./iced-text.ts";

/** Every feature any row asks for. */
const EVERYTHING = new Lookup(
  new Set(ISA_ROWS.flatMap(({ feature }) => (feature === undefined ? [] : [feature]))),
);
/** Near the end of each address space's lower part, so that targets wrap and sign-extend. */
const ADDRESSES: Readonly<Record<CodeSize, bigint>> = {
  64: 0xffff_ffff_8000_1000n,
  32: 0x8000_1000n,
  16: 0x1000n,
};
const COMMENT = / {2}# 0x([0-9a-f]+)$/;
/** Disagreements that are worth looking at. */
const ENOUGH = 25;

describe("the disassembler agrees with iced-x86", () => {
  const ours = new Disassembler(EVERYTHING);
  const iced = new IcedDisassembler();
  const decoder = new Decoder(EVERYTHING);
  const seen = new Set<number>();

  afterAll(() => iced.free());

  /** What is wrong with one string; undefined if nothing is. */
  function disagreement(bytes: Uint8Array, codeSize: CodeSize): string | undefined {
    if (decoder.decode(bytes, 0, bytes.length, codeSize) !== DECODED) return undefined;
    seen.add(decoder.row);
    const address = ADDRESSES[codeSize];
    const mine = ours.disassemble(bytes, { codeSize, address });
    const theirs = iced.disassemble(bytes, codeSize, address);
    const text = mine.text.replace(COMMENT, "");
    const target = COMMENT.exec(mine.text)?.[1];
    const isLengthSame = theirs.text === "(bad)" || mine.length === theirs.length;
    const isTargetSame = theirs.text === "(bad)" || target === theirs.ripRelative?.toString(16);
    if (isSame(text, theirs.text) && isLengthSame && isTargetSame) return undefined;
    const hex = Buffer.from(bytes.subarray(0, mine.length)).toString("hex");
    return `${codeSize}-bit ${hex}: ${mine.text} | ${theirs.text}`;
  }

  it.each([64, 32, 16] as const)(
    "in %i-bit code",
    (codeSize) => {
      const disagreements: string[] = [];
      let count = 0;
      for (const bytes of encodings(codeSize)) {
        const found = disagreement(bytes, codeSize);
        count++;
        if (found !== undefined) disagreements.push(found);
      }
      expect(count).toBeGreaterThan(30_000);
      expect(disagreements.slice(0, ENOUGH)).toEqual([]);
    },
    60_000,
  );

  it("about every row there is", () => {
    const missing = ISA_ROWS.filter((_row, number) => !seen.has(number));
    expect(missing.map(({ mnemonic, encoding }) => `${mnemonic} ${encoding}`)).toEqual([]);
  });
});
