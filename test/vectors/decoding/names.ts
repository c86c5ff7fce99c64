// SPDX-License-Identifier: BSD-2-Clause
// What iced-x86 calls the instructions of our rows. Rows are for every operand size, mnemonics often for one: which, the
// disassembler knows. Here is where iced-x86 says something else.
import { mnemonicFor } from "../../../src/cpu/disasm/names.ts";
import type { ParsedRow } from "../../../src/cpu/isa/table.ts";

/** The sizes that decide, in bytes. */
export interface Sizes {
  readonly operandSize: number;
  readonly addressSize: number;
}

/** One row, two mnemonics of iced-x86's: with 64-bit operands the second. */
const WIDE: Readonly<Record<string, string>> = { movd: "movq", vmovd: "vmovq" };

/** One name for another, whatever the sizes. */
const RENAMED: Readonly<Record<string, string>> = {
  xlat: "xlatb",
  fwait: "wait",
  fcom2: "fcom",
  fcomp3: "fcomp",
  fcomp5: "fcomp",
  fxch4: "fxch",
  fxch7: "fxch",
  fstp1: "fstpnce",
  fstp8: "fstp",
  fstp9: "fstp",
};

/** iced-x86's mnemonic for an instruction of a row. */
export function icedNameOf({ row, match }: ParsedRow, sizes: Sizes): string {
  const name = row.mnemonic;
  // SHL by its second group digit is called SAL.
  if (name === "shl" && match.reg === 6) return "sal";
  if (sizes.operandSize === 8 && WIDE[name] !== undefined) return WIDE[name];
  return RENAMED[name] ?? mnemonicFor(name, sizes.operandSize, sizes.addressSize);
}
