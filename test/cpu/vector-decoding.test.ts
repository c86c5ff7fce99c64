// SPDX-License-Identifier: BSD-2-Clause
// Every opcode of the maps that hold vector instructions, with every mandatory prefix, W, L, ModRM digit,
// register and memory operand: what we decode and how long it is, against iced-x86.
import { CpuidFeature, DecoderOptions, Decoder as Iced, Mnemonic, Register } from "iced-x86";
import { describe, expect, it } from "vitest";
import { DECODED, Decoder } from "../../src/cpu/decode/decoder.ts";
import { Lookup } from "../../src/cpu/decode/lookup.ts";
import type { Where } from "../../src/cpu/isa/notation.ts";
import type { Feature } from "../../src/cpu/isa/row.ts";
import { ISA_ROWS, PARSED_ROWS, type ParsedRow } from "../../src/cpu/isa/table.ts";

const VECTOR_OPERANDS: ReadonlySet<Where> = new Set<Where>([
  "vexVector",
  "vectorImmediate",
  "vectorRm",
  "vectorReg",
  "vectorOrMemory",
  "vectorMemory",
]);
const ALL_FEATURES = new Set(
  ISA_ROWS.flatMap(({ feature }): Feature[] => (feature ? [feature] : [])),
);
/** What iced calls the features whose instructions must be there. */
const OURS = new Set([
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.SSE3,
  CpuidFeature.SSSE3,
  CpuidFeature.SSE4_1,
  CpuidFeature.SSE4_2,
  CpuidFeature.AVX,
  CpuidFeature.AVX2,
  CpuidFeature.FMA,
  CpuidFeature.F16C,
  CpuidFeature.AES,
  CpuidFeature.PCLMULQDQ,
  CpuidFeature.SHA,
]);
/** With memory operands they name no MMX register, but it is what they work on. */
const MMX_CONVERSIONS = new Set([Mnemonic.Cvtpi2ps, Mnemonic.Cvtpi2pd]);
/** With memory operands they name no XMM register, but read a float. */
const FLOAT_CONVERSIONS = new Set([
  Mnemonic.Vcvtss2si,
  Mnemonic.Vcvtsd2si,
  Mnemonic.Vcvttss2si,
  Mnemonic.Vcvttsd2si,
  Mnemonic.Cvtss2si,
  Mnemonic.Cvtsd2si,
  Mnemonic.Cvttss2si,
  Mnemonic.Cvttsd2si,
]);
const MNEMONICS = Mnemonic as unknown as Readonly<Record<number, string>>;

/** Not those that work on MMX registers, too: CVTPI2PS, MOVQ2DQ and the like. */
function isVectorRow({ operands }: ParsedRow): boolean {
  return (
    operands.some(({ where }) => VECTOR_OPERANDS.has(where)) &&
    !operands.some(({ where }) => where.startsWith("mmx"))
  );
}

interface Reading {
  readonly mnemonic: string;
  readonly length: number;
}

const decoder = new Decoder(new Lookup(ALL_FEATURES));

/** What we make of the bytes, if it is a vector instruction. */
function ours(bytes: Uint8Array): Reading | undefined {
  if (decoder.decode(bytes, 0, bytes.length, 64) !== DECODED) return undefined;
  const parsed = PARSED_ROWS[decoder.row]!;
  if (!isVectorRow(parsed)) return undefined;
  return { mnemonic: parsed.row.mnemonic, length: decoder.length };
}

/** What iced makes of them, if it is a vector instruction without MMX operands. */
function theirs(bytes: Uint8Array): Reading | undefined {
  const iced = new Iced(64, bytes, DecoderOptions.None);
  const instruction = iced.decode();
  try {
    const isOurs = [...instruction.cpuidFeatures()].every((feature) => OURS.has(feature));
    if (instruction.isInvalid || !isOurs) return undefined;
    if (MMX_CONVERSIONS.has(instruction.mnemonic)) return undefined;
    let isVector = FLOAT_CONVERSIONS.has(instruction.mnemonic);
    for (let i = 0; i < instruction.opCount; i++) {
      const register = instruction.opRegister(i);
      if (register >= Register.MM0 && register <= Register.MM7) return undefined;
      if (register >= Register.XMM0 && register <= Register.YMM31) isVector = true;
    }
    if (!isVector) return undefined;
    // iced has names of its own for what REX.W makes of PCMPESTRI and PCMPESTRM.
    return {
      mnemonic: MNEMONICS[instruction.mnemonic]!.toLowerCase().replace(/^(v?pcmpestr.)64$/, "$1"),
      length: instruction.length,
    };
  } finally {
    instruction.free();
    iced.free();
  }
}

/** ModRM bytes: every digit, as register and as memory operand with a SIB byte. */
const MODRMS = Array.from({ length: 16 }, (_, i) =>
  i < 8 ? 0xc1 | (i << 3) : 0x44 | ((i & 7) << 3),
);
const TAIL = [0x8e, 0x10, 0x35, 0x90, 0x90];

const ESCAPES = [[0x0f], [0x0f, 0x38], [0x0f, 0x3a]] as const;
const PREFIXES = [[], [0x66], [0xf3], [0xf2]] as const;

function* legacyEncodings(): Generator<Uint8Array> {
  for (const escapeBytes of ESCAPES) {
    for (const prefix of PREFIXES) {
      for (const rex of [[], [0x48], [0x45]]) {
        for (let opcode = 0; opcode < 256; opcode++) {
          if (escapeBytes.length === 1 && (opcode === 0x38 || opcode === 0x3a)) continue;
          for (const modrm of MODRMS) {
            yield Uint8Array.from([...prefix, ...rex, ...escapeBytes, opcode, modrm, ...TAIL]);
          }
        }
      }
    }
  }
}

/** Both prefixes, W, L, a first source and none, X for an index register of its own. */
function* vexEncodings(): Generator<Uint8Array> {
  for (let opcode = 0; opcode < 256; opcode++) {
    for (let low = 0; low < 8; low++) {
      for (const vvvv of [0x78, 0x20]) {
        for (const modrm of MODRMS) {
          yield Uint8Array.from([0xc5, 0x80 | vvvv | low, opcode, modrm, ...TAIL]);
          for (let map = 1; map <= 3; map++) {
            for (const w of [0, 0x80]) {
              yield Uint8Array.from([0xc4, 0xa0 | map, w | vvvv | low, opcode, modrm, ...TAIL]);
            }
          }
        }
      }
    }
  }
}

/** The first few readings that differ, of all encodings. */
function disagreements(encodings: Iterable<Uint8Array>): string[] {
  const found: string[] = [];
  let agreements = 0;
  for (const bytes of encodings) {
    const mine = ours(bytes);
    const other = theirs(bytes);
    if (mine?.mnemonic === other?.mnemonic && mine?.length === other?.length) {
      if (mine !== undefined) agreements++;
    } else if (found.length < 20) {
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      found.push(`${hex}: ${describeReading(mine)}, iced: ${describeReading(other)}`);
    }
  }
  expect(agreements).toBeGreaterThan(1000);
  return found;
}

function describeReading(reading: Reading | undefined): string {
  return reading === undefined ? "nothing" : `${reading.mnemonic} of ${reading.length}`;
}

describe("the decoder", () => {
  it("finds every legacy vector instruction that iced-x86 finds, and no others", () => {
    expect(disagreements(legacyEncodings())).toEqual([]);
  }, 30_000);

  it("finds every VEX one likewise", () => {
    expect(disagreements(vexEncodings())).toEqual([]);
  }, 30_000);
});
