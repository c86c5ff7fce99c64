// SPDX-License-Identifier: BSD-2-Clause
// One row describes one encoding of one instruction. Decoder, interpreter, translator, disassembler, test
// generator and the coverage page all read the same rows.
import type { Operation } from "./operations.ts";

/** What the decoder must know about an instruction's place in a run of instructions. */
export type BlockEnd =
  /** It sets RIP itself. */
  | "branch"
  /** It may change what is decoded, translated or pending (control registers, IF, I/O): look before going on. */
  | "sync"
  /** Both. */
  | "branch-sync";

/** CPUID features that gate rows; the names are the manual's. */
export type Feature =
  | "X87"
  | "MMX"
  | "SSE"
  | "SSE2"
  | "SSE3"
  | "SSSE3"
  | "SSE4_1"
  | "SSE4_2"
  | "POPCNT"
  | "LZCNT"
  | "MOVBE"
  | "ADX"
  | "BMI1"
  | "BMI2"
  | "CX16"
  | "FSGSBASE"
  | "RDRAND"
  | "RDSEED"
  | "RDTSCP"
  | "RDPID"
  | "INVPCID"
  | "SMAP"
  | "XSAVE"
  | "XSAVEOPT"
  | "XSAVEC"
  | "FXSR"
  | "CLFLUSHOPT"
  | "CLWB"
  | "AVX"
  | "AVX2"
  | "FMA"
  | "F16C"
  | "AES"
  | "PCLMULQDQ"
  | "SHA"
  | "VAES"
  | "VPCLMULQDQ";

export interface IsaRow {
  readonly mnemonic: string;
  /** Comma-separated, in the notation of SDM 2 appendix A ("Ev,Gv"); see notation.ts for the letters. */
  readonly operands: string;
  /** The opcode as SDM 2 writes it, without immediates, which follow from the operands: "REX.W 0F C7 /1". */
  readonly encoding: string;
  readonly op: Operation;
  /**
   * What happens to OF, SF, ZF, AF, PF, CF, one letter each: `-` untouched, `t` tested, `m` modified, `x`
   * both, `0` or `1` fixed, `u` undefined. Absent means untouched, all six.
   */
  readonly flags: string;
  readonly feature: Feature | undefined;
  readonly ends: BlockEnd | undefined;
  /** LOCK is legal when the first operand is memory. */
  readonly canLock: boolean;
  /** "64": 64-bit mode only. "legacy": #UD there. */
  readonly mode: "any" | "64" | "legacy";
  /** In 64-bit mode: "d64" defaults to 64-bit operands (66 gives 16), "f64" allows nothing else. */
  readonly size: "default" | "d64" | "f64";
  /** A small constant for the operation: a condition code, a bit of an opcode. */
  readonly aux: number;
}

export type RowOptions = Partial<Omit<IsaRow, "mnemonic" | "operands" | "encoding" | "op">>;

const DEFAULTS: Omit<IsaRow, "mnemonic" | "operands" | "encoding" | "op"> = {
  flags: "------",
  feature: undefined,
  ends: undefined,
  canLock: false,
  mode: "any",
  size: "default",
  aux: 0,
};

export function row(
  mnemonic: string,
  operands: string,
  encoding: string,
  op: Operation,
  options: RowOptions = {},
): IsaRow {
  return { mnemonic, operands, encoding, op, ...DEFAULTS, ...options };
}

/** Rows that share options. */
export function withOptions(options: RowOptions, rows: readonly IsaRow[]): IsaRow[] {
  return rows.map((each) => ({ ...each, ...options }));
}

/** The sixteen condition codes in encoding order, SDM 1 appendix B. */
export const CONDITIONS = [
  "o",
  "no",
  "b",
  "ae",
  "e",
  "ne",
  "be",
  "a",
  "s",
  "ns",
  "p",
  "np",
  "l",
  "ge",
  "le",
  "g",
] as const;

/** Which flags each pair of condition codes tests, in the order of `IsaRow.flags`. */
export const CONDITION_FLAGS = [
  "t-----",
  "-----t",
  "--t---",
  "--t--t",
  "-t----",
  "----t-",
  "tt----",
  "ttt---",
] as const;
