// SPDX-License-Identifier: BSD-2-Clause
// What things are called in Intel syntax, where a row's mnemonic or an operand's letters do not say it.
import type { Width } from "../isa/notation.ts";
import { RBX, RDI } from "../state-layout.ts";

const LEGACY_REGISTERS = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] as const;
const LOW_BYTES = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"] as const;
const HIGH_BYTES = ["ah", "ch", "dh", "bh"] as const;

/** A general register of 1, 2, 4 or 8 bytes. Without REX or VEX, bytes 4 to 7 are AH, CH, DH and BH. */
export function gprName(number: number, bytes: number, hasRex: boolean): string {
  if (bytes === 1) {
    if (number >= 8) return `r${number}b`;
    return !hasRex && number >= 4 ? HIGH_BYTES[number - 4]! : LOW_BYTES[number]!;
  }
  if (number >= 8) return `r${number}${bytes === 8 ? "" : bytes === 4 ? "d" : "w"}`;
  const name = LEGACY_REGISTERS[number]!;
  return bytes === 8 ? `r${name}` : bytes === 4 ? `e${name}` : name;
}

/** In encoding order; the last two do not exist. */
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "segr6", "segr7"] as const;

/** How a memory operand of so many bytes is announced. */
export const POINTERS: Readonly<Record<number, string>> = {
  0: "",
  1: "byte ptr ",
  2: "word ptr ",
  4: "dword ptr ",
  6: "fword ptr ",
  8: "qword ptr ",
  10: "tbyte ptr ",
  16: "xmmword ptr ",
  32: "ymmword ptr ",
};

type Names = Readonly<Record<number, string>>;

/** One row, several mnemonics: by mnemonic of the row, then by operand size in bytes. */
const BY_OPERAND_SIZE: Readonly<Record<string, Names>> = {
  movs: { 2: "movsw", 4: "movsd", 8: "movsq" },
  cmps: { 2: "cmpsw", 4: "cmpsd", 8: "cmpsq" },
  stos: { 2: "stosw", 4: "stosd", 8: "stosq" },
  lods: { 2: "lodsw", 4: "lodsd", 8: "lodsq" },
  scas: { 2: "scasw", 4: "scasd", 8: "scasq" },
  ins: { 2: "insw", 4: "insd", 8: "insd" },
  outs: { 2: "outsw", 4: "outsd", 8: "outsd" },
  cbw: { 2: "cbw", 4: "cwde", 8: "cdqe" },
  cwd: { 2: "cwd", 4: "cdq", 8: "cqo" },
  pusha: { 2: "pusha", 4: "pushad" },
  popa: { 2: "popa", 4: "popad" },
  pushf: { 2: "pushf", 4: "pushfd", 8: "pushfq" },
  popf: { 2: "popf", 4: "popfd", 8: "popfq" },
  iret: { 2: "iret", 4: "iretd", 8: "iretq" },
  sysret: { 8: "sysretq" },
  sysexit: { 8: "sysexitq" },
  pcmpestri: { 8: "pcmpestri64" },
  pcmpestrm: { 8: "pcmpestrm64" },
  vpcmpestri: { 8: "vpcmpestri64" },
  vpcmpestrm: { 8: "vpcmpestrm64" },
};

/** And by address size, for the counter that is tested. */
const BY_ADDRESS_SIZE: Readonly<Record<string, Names>> = {
  jrcxz: { 2: "jcxz", 4: "jecxz", 8: "jrcxz" },
};

export function mnemonicFor(mnemonic: string, operandSize: number, addressSize: number): string {
  return (
    BY_OPERAND_SIZE[mnemonic]?.[operandSize] ?? BY_ADDRESS_SIZE[mnemonic]?.[addressSize] ?? mnemonic
  );
}

// By operation. Names that no row has yet do no harm.

/** Operand widths that the letters do not tell, of registers or in memory. */
export const FORM_WIDTHS: Readonly<
  Record<string, { readonly register?: Width; readonly memory?: Width }>
> = {
  movFromSegment: { memory: "w" },
  sldt: { memory: "w" },
  str: { memory: "w" },
  smsw: { memory: "w" },
  lar: { register: "v" },
  lsl: { register: "v" },
  movsxd: { register: "z", memory: "z" },
  fnstsw: { register: "w" },
  vpgatherdd: { memory: "d" },
  vpgatherdq: { memory: "q" },
  vpgatherqd: { memory: "d" },
  vpgatherqq: { memory: "q" },
};

/** Memory operands that no operand of the row stands for: the register that points at them, and their bytes. */
export const IMPLICIT_MEMORY: Readonly<Record<string, readonly [register: number, bytes: number]>> =
  {
    xlat: [RBX, 1],
    maskmovq: [RDI, 8],
    maskmovdqu: [RDI, 16],
  };

/** Operations whose operand size shows in nothing they are written with: a prefix that changes it is told. */
export const SILENT_SIZE: ReadonlySet<string> = new Set([
  "pushSegment",
  "popSegment",
  "enter",
  "leave",
  "call",
  "callFar",
  "ret",
  "retFar",
  "jmp",
  "jmpFar",
  "jcc",
  "jcxz",
  "loop",
  "loope",
  "loopne",
  "fldenv",
  "fnstenv",
  "frstor",
  "fnsave",
]);

/** Operations that count in CX, ECX or RCX by address size without saying which. */
export const SILENT_COUNTER: ReadonlySet<string> = new Set(["loop", "loope", "loopne"]);
