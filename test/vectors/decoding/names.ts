// SPDX-License-Identifier: BSD-2-Clause
// What iced-x86 calls the instructions of our rows, where the row's mnemonic does not say it: rows are for
// every operand size, iced-x86's mnemonics often for one.
import type { ParsedRow } from "../../../src/cpu/isa/table.ts";

/** The sizes that decide. */
export interface Sizes {
  readonly operandSize: number;
  readonly addressSize: number;
  readonly isMemory: boolean;
  /** REX.W or VEX.W. */
  readonly w: number;
}

type Names = Readonly<Record<number, string>>;

/** By mnemonic of the row, then by operand size. */
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
  sysret: { 2: "sysret", 4: "sysret", 8: "sysretq" },
  movd: { 8: "movq" },
  vmovd: { 8: "vmovq" },
  pcmpestri: { 8: "pcmpestri64" },
  pcmpestrm: { 8: "pcmpestrm64" },
  vpcmpestri: { 8: "vpcmpestri64" },
  vpcmpestrm: { 8: "vpcmpestrm64" },
  sysexit: { 2: "sysexit", 4: "sysexit", 8: "sysexitq" },
};

/** With operands of 64 bits. */
const WIDE: Readonly<Record<string, string>> = {
  pcmpestri: "pcmpestri64",
  pcmpestrm: "pcmpestrm64",
  vpcmpestri: "vpcmpestri64",
  vpcmpestrm: "vpcmpestrm64",
};

const BY_ADDRESS_SIZE: Readonly<Record<string, Names>> = {
  jrcxz: { 2: "jcxz", 4: "jecxz", 8: "jrcxz" },
};

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
  return (
    BY_OPERAND_SIZE[name]?.[sizes.operandSize] ??
    BY_ADDRESS_SIZE[name]?.[sizes.addressSize] ??
    RENAMED[name] ??
    name
  );
}
