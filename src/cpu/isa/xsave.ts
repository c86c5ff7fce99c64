// SPDX-License-Identifier: BSD-2-Clause
// Saving and restoring the x87, MMX, SSE and AVX state: SDM 2 FXSAVE, FXRSTOR, XSAVE …, LDMXCSR, STMXCSR. The
// supervisor forms, XSAVES and XRSTORS, are not offered.
import { type IsaRow, row, withOptions } from "./row.ts";

/** Both forms of an instruction that REX.W gives 64-bit pointers. */
function forms(mnemonic: string, opcode: string, op: "fxsave" | "fxrstor" | "xrstor" | "xsave") {
  return [
    row(mnemonic, "M", `NP ${opcode} mem`, op),
    row(`${mnemonic}64`, "M", `NP REX.W ${opcode} mem`, op),
  ];
}

function saveForms(mnemonic: string, opcode: string, aux: number): IsaRow[] {
  return forms(mnemonic, opcode, "xsave").map((each) => ({ ...each, aux }));
}

// What kind of XSAVE a row is: its aux.
export const SAVE_ALL = 0;
/** XSAVEOPT: components in their initial state are not written. */
export const SAVE_IN_USE = 1;
/** XSAVEC: the same, in compacted format. */
export const SAVE_COMPACTED = 2;

export const XSAVE_ROWS: readonly IsaRow[] = [
  ...withOptions({ feature: "FXSR" }, forms("fxsave", "0F AE /0", "fxsave")),
  ...withOptions({ feature: "FXSR" }, forms("fxrstor", "0F AE /1", "fxrstor")),
  row("ldmxcsr", "Md", "NP 0F AE /2", "ldmxcsr", { feature: "SSE" }),
  row("stmxcsr", "Md", "NP 0F AE /3", "stmxcsr", { feature: "SSE" }),
  ...withOptions({ feature: "XSAVE" }, saveForms("xsave", "0F AE /4", SAVE_ALL)),
  ...withOptions({ feature: "XSAVE" }, forms("xrstor", "0F AE /5", "xrstor")),
  ...withOptions({ feature: "XSAVEOPT" }, saveForms("xsaveopt", "0F AE /6", SAVE_IN_USE)),
  ...withOptions({ feature: "XSAVEC" }, saveForms("xsavec", "0F C7 /4", SAVE_COMPACTED)),
  row("vldmxcsr", "Md", "VEX.LZ.0F AE /2", "ldmxcsr", { feature: "AVX" }),
  row("vstmxcsr", "Md", "VEX.LZ.0F AE /3", "stmxcsr", { feature: "AVX" }),
];
