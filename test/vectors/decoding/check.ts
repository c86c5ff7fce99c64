// SPDX-License-Identifier: BSD-2-Clause
// Our decoder against iced-x86 on strings of bytes: random ones, and ones that were encoded from rows and
// then damaged a little.
import { DECODED, Decoder, MAX_INSTRUCTION } from "../../../src/cpu/decode/decoder.ts";
import { Lookup } from "../../../src/cpu/decode/lookup.ts";
import { PARSED_ROWS } from "../../../src/cpu/isa/table.ts";
import { processorModel } from "../../../src/cpu/model.ts";
import { SeededRandom } from "../../support/random.ts";
import { completeShape, existsIn, randomShape } from "../choices.ts";
import { type CodeSize, encode } from "../encoder.ts";
import { formatBytes } from "../hex.ts";
import { isOurs, KNOWN_DIFFERENCES } from "./differences.ts";
import { IcedBlock } from "./iced.ts";
import { icedNameOf } from "./names.ts";

/** Bytes from one string to the next: room for the longest instruction and one more. */
const STRIDE = MAX_INSTRUCTION + 1;
const BATCH = 4096;

export interface Disagreement {
  readonly codeSize: CodeSize;
  readonly bytes: string;
  readonly ours: string;
  readonly theirs: string;
}

interface OurOpinion {
  readonly mnemonic: string;
  readonly length: number;
  /** Of the row. */
  readonly encoding: string;
}

const decoder = new Decoder(new Lookup(processorModel("x86-64-v3").features));

function ourOpinion(block: Uint8Array, at: number, codeSize: CodeSize): OurOpinion {
  const result = decoder.decode(block, at, at + STRIDE, codeSize);
  if (result !== DECODED) return { mnemonic: "invalid", length: 0, encoding: "" };
  const parsed = PARSED_ROWS[decoder.row]!;
  return {
    mnemonic: icedNameOf(parsed, decoder),
    length: decoder.length,
    encoding: parsed.row.encoding,
  };
}

/** A string to decode: half of them random, half made from a row and damaged now and then. */
function fillRandom(block: Uint8Array, at: number, codeSize: CodeSize, random: SeededRandom): void {
  for (let i = 0; i < STRIDE; i++) block[at + i] = random.below(256);
  if (random.below(2) === 0) return;
  let parsed = random.pick(PARSED_ROWS);
  while (!existsIn(parsed, codeSize)) parsed = random.pick(PARSED_ROWS);
  const shape = randomShape(parsed, codeSize, random);
  const code = encode(completeShape(parsed, codeSize, shape, random));
  block.set(code.subarray(0, STRIDE), at);
  while (random.below(3) === 0) {
    const place = at + random.below(Math.min(code.length, STRIDE));
    block[place] = block[place]! ^ (1 << random.below(8));
  }
}

function isKnown(ours: OurOpinion, theirs: string): boolean {
  return KNOWN_DIFFERENCES.some(
    (each) =>
      each.ours === ours.mnemonic &&
      each.theirs.includes(theirs) &&
      (each.encodings === undefined || each.encodings.includes(ours.encoding)),
  );
}

/** Compares `count` strings of one code size; `report` gets every disagreement. */
export function checkDecoder(
  codeSize: CodeSize,
  seed: number,
  count: number,
  report: (disagreement: Disagreement) => void,
): void {
  const random = new SeededRandom(seed);
  for (let done = 0; done < count; done += BATCH) {
    const strings = Math.min(BATCH, count - done);
    const block = new Uint8Array(strings * STRIDE);
    for (let i = 0; i < strings; i++) fillRandom(block, i * STRIDE, codeSize, random);
    const iced = new IcedBlock(block, STRIDE, codeSize);
    for (let i = 0; i < strings; i++) compare(iced, block, i, codeSize, report);
    iced.free();
  }
}

function compare(
  iced: IcedBlock,
  block: Uint8Array,
  index: number,
  codeSize: CodeSize,
  report: (disagreement: Disagreement) => void,
): void {
  const ours = ourOpinion(block, index * STRIDE, codeSize);
  const theirs = iced.opinion(index);
  const isSame = ours.mnemonic === theirs.mnemonic;
  if (isSame && (ours.mnemonic === "invalid" || ours.length === theirs.length)) return;
  if (ours.mnemonic === "invalid" && !isOurs(theirs.mnemonic, theirs.features)) return;
  const isExcused = !isSame && isKnown(ours, theirs.mnemonic);
  if (isExcused && (theirs.mnemonic === "invalid" || ours.length === theirs.length)) return;
  const isLonger = isSame && ours.length !== theirs.length;
  report({
    codeSize,
    bytes: formatBytes(block.subarray(index * STRIDE, (index + 1) * STRIDE)),
    ours: isLonger ? `${ours.mnemonic} of ${ours.length} bytes` : ours.mnemonic,
    theirs: isLonger ? `${theirs.mnemonic} of ${theirs.length}` : theirs.mnemonic,
  });
}
