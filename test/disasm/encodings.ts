// SPDX-License-Identifier: BSD-2-Clause
// Strings of bytes that between them are every row of the instruction table in every code size: with each
// prefix, each REX bit, each form of ModRM, several SIBs, displacements and immediates. What follows ModRM is
// filler, so a string may be another row than the one it was made for, or none: that is the decoder's to say.
import type { CodeSize } from "../../src/cpu/decode/decoder.ts";
import {
  MAP_0F,
  MAP_0F38,
  MAP_ONE_BYTE,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  VEX_MAPS,
} from "../../src/cpu/isa/notation.ts";
import { PARSED_ROWS, type ParsedRow } from "../../src/cpu/isa/table.ts";

const MANDATORY: Readonly<Record<number, number>> = {
  [PREFIX_66]: 0x66,
  [PREFIX_F3]: 0xf3,
  [PREFIX_F2]: 0xf2,
};

const LEGACY_PREFIXES: readonly (readonly number[])[] = [
  ...[0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].map((byte) => [byte]),
  [0x66, 0x67],
  [0x65, 0xf3],
  [0x64, 0x67],
  [0xf0, 0x66],
];
const REX_PREFIXES = [0x40, 0x41, 0x42, 0x44, 0x48, 0x4f];

/** What stands behind ModRM: a SIB byte, a displacement, immediates, whichever the instruction has. */
const FILLERS: readonly (readonly number[])[] = [
  [0x24, 0x10, 0x32, 0x54, 0x76, 0x18, 0x3a, 0x5c, 0x7e, 0x21, 0x43],
  [0x25, 0xf0, 0xde, 0xbc, 0x9a, 0x85, 0x96, 0xa7, 0xb8, 0xc9, 0xda],
  [0x88, 0x80, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00],
  [0xcd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x80, 0x80],
  [0x65, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00],
];

/** Every mod and rm, for a few values of reg. */
function modrms({ match }: ParsedRow): number[] {
  const regs = match.reg !== undefined ? [match.reg] : [0, 5];
  const rms = match.rm !== undefined ? [match.rm] : [0, 1, 2, 3, 4, 5, 6, 7];
  const mods = match.mod === "register" ? [3] : match.mod === "memory" ? [0, 1, 2] : [0, 1, 2, 3];
  return regs.flatMap((reg) =>
    mods.flatMap((mod) => rms.map((rm) => (mod << 6) | (reg << 3) | rm)),
  );
}

/** A few of the same: a register, a plain pointer, a SIB with displacement, a displacement alone. */
function fewModrms({ match }: ParsedRow): number[] {
  const reg = (match.reg ?? 6) << 3;
  const all = [0xc4, 0x03, 0x44, 0x05, 0x87].map((modrm) => modrm | reg);
  if (match.rm !== undefined) return [0xc0 | reg | match.rm];
  return match.mod === "register" ? [all[0]!] : match.mod === "memory" ? all.slice(1) : all;
}

/** Opcodes of a row: several where a register is in it. */
function opcodes({ match }: ParsedRow): number[] {
  return match.hasRegisterInOpcode ? [0, 1, 4, 7].map((low) => match.opcode | low) : [match.opcode];
}

function escapeBytes(map: number): number[] {
  if (map === MAP_ONE_BYTE) return [];
  if (map === MAP_0F) return [0x0f];
  return [0x0f, map === MAP_0F38 ? 0x38 : 0x3a];
}

/** From the opcode on, with everything or a little behind it. */
function tails(parsed: ParsedRow, isThorough: boolean): number[][] {
  const fillers = isThorough ? FILLERS : FILLERS.slice(0, 1);
  const places = parsed.match.hasModrm
    ? (isThorough ? modrms(parsed) : fewModrms(parsed)).map((modrm) => [modrm])
    : [[]];
  return opcodes(parsed).flatMap((opcode) =>
    places.flatMap((place, index) =>
      // Each ModRM with one filler, each filler with many a ModRM.
      (place.length === 0 ? fillers : [fillers[index % fillers.length]!]).map((filler) => [
        opcode,
        ...place,
        ...filler,
      ]),
    ),
  );
}

function legacyStrings(parsed: ParsedRow, codeSize: CodeSize): number[][] {
  const { match } = parsed;
  const mandatory = MANDATORY[match.prefix ?? 0];
  const before = mandatory === undefined ? [] : [mandatory];
  const behind = escapeBytes(match.map);
  const rexW = match.w === 1 ? [0x48] : [];
  const strings = tails(parsed, true).map((tail) => [...before, ...rexW, ...behind, ...tail]);
  const few = tails(parsed, false);
  for (const prefixes of LEGACY_PREFIXES) {
    for (const tail of few) strings.push([...prefixes, ...before, ...rexW, ...behind, ...tail]);
  }
  if (codeSize !== 64) return strings;
  for (const rex of REX_PREFIXES) {
    const byte = match.w === 1 ? rex | 8 : rex;
    for (const tail of few) strings.push([...before, byte, ...behind, ...tail]);
    for (const tail of few) strings.push([0x66, ...before, byte, ...behind, ...tail]);
  }
  return strings;
}

function vexStrings(parsed: ParsedRow): number[][] {
  const { match } = parsed;
  const map = match.map - VEX_MAPS;
  const lengths = match.vexL !== undefined ? [match.vexL] : [0, 1];
  const widths = match.w !== undefined ? [match.w] : [0, 1];
  const strings: number[][] = [];
  for (const l of lengths) {
    for (const w of widths) {
      // R, X, B and vvvv are inverted; vvvv must be 1111b where it is no operand.
      for (const [rxb, vvvv] of [
        [7, 15],
        [7, 9],
        [0, 3],
        [5, 15],
      ] as const) {
        const head = [
          0xc4,
          (rxb << 5) | map,
          (w << 7) | (vvvv << 3) | (l << 2) | (match.prefix ?? 0),
        ];
        for (const tail of tails(parsed, rxb === 7)) strings.push([...head, ...tail]);
      }
    }
  }
  return [...strings, ...strings.slice(0, 8).map((string) => [0x65, ...string])];
}

/** All strings of one code size; each is longer than its instruction. */
export function* encodings(codeSize: CodeSize): Generator<Uint8Array> {
  for (const parsed of PARSED_ROWS) {
    const isVex = parsed.match.map >= VEX_MAPS;
    const strings = isVex ? vexStrings(parsed) : legacyStrings(parsed, codeSize);
    for (const string of strings) yield Uint8Array.from(string);
  }
}
