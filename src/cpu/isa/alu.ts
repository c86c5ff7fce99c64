// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic and logic of the integer set. SDM 2: ADC … XOR.
import type { Operation } from "./operations.ts";
import { type IsaRow, type RowOptions, row } from "./row.ts";

/** The nine regular encodings of the eight two-operand instructions, from `base` and group-1 digit. */
function forms(op: Operation, base: number, digit: number, options: RowOptions): IsaRow[] {
  const opcode = (offset: number) => (base + offset).toString(16).padStart(2, "0").toUpperCase();
  const locked = { ...options, canLock: op !== "cmp" };
  return [
    row(op, "Eb,Gb", opcode(0), op, locked),
    row(op, "Ev,Gv", opcode(1), op, locked),
    row(op, "Gb,Eb", opcode(2), op, options),
    row(op, "Gv,Ev", opcode(3), op, options),
    row(op, "al,Ib", opcode(4), op, options),
    row(op, "rAX,Iz", opcode(5), op, options),
    row(op, "Eb,Ib", `80 /${digit}`, op, locked),
    row(op, "Ev,Iz", `81 /${digit}`, op, locked),
    row(op, "Eb,Ib", `82 /${digit}`, op, { ...locked, mode: "legacy" }),
    row(op, "Ev,Is", `83 /${digit}`, op, locked),
  ];
}

const ARITHMETIC: RowOptions = { flags: "mmmmmm" };
const WITH_CARRY: RowOptions = { flags: "mmmmmx" };
const LOGIC: RowOptions = { flags: "0mmum0" };
const STEP: RowOptions = { flags: "mmmmm-", canLock: true };

export const ALU_ROWS: readonly IsaRow[] = [
  ...forms("add", 0x00, 0, ARITHMETIC),
  ...forms("or", 0x08, 1, LOGIC),
  ...forms("adc", 0x10, 2, WITH_CARRY),
  ...forms("sbb", 0x18, 3, WITH_CARRY),
  ...forms("and", 0x20, 4, LOGIC),
  ...forms("sub", 0x28, 5, ARITHMETIC),
  ...forms("xor", 0x30, 6, LOGIC),
  ...forms("cmp", 0x38, 7, ARITHMETIC),

  row("test", "Eb,Gb", "84", "test", LOGIC),
  row("test", "Ev,Gv", "85", "test", LOGIC),
  row("test", "al,Ib", "A8", "test", LOGIC),
  row("test", "rAX,Iz", "A9", "test", LOGIC),
  row("test", "Eb,Ib", "F6 /0", "test", LOGIC),
  row("test", "Eb,Ib", "F6 /1", "test", LOGIC),
  row("test", "Ev,Iz", "F7 /0", "test", LOGIC),
  row("test", "Ev,Iz", "F7 /1", "test", LOGIC),

  row("not", "Eb", "F6 /2", "not", { canLock: true }),
  row("not", "Ev", "F7 /2", "not", { canLock: true }),
  row("neg", "Eb", "F6 /3", "neg", { ...ARITHMETIC, canLock: true }),
  row("neg", "Ev", "F7 /3", "neg", { ...ARITHMETIC, canLock: true }),
  row("inc", "Eb", "FE /0", "inc", STEP),
  row("inc", "Ev", "FF /0", "inc", STEP),
  row("inc", "Zv", "40+r", "inc", { ...STEP, canLock: false, mode: "legacy" }),
  row("dec", "Eb", "FE /1", "dec", STEP),
  row("dec", "Ev", "FF /1", "dec", STEP),
  row("dec", "Zv", "48+r", "dec", { ...STEP, canLock: false, mode: "legacy" }),

  row("adcx", "Gy,Ey", "66 0F 38 F6", "adcx", { flags: "-----x", feature: "ADX" }),
  row("adox", "Gy,Ey", "F3 0F 38 F6", "adox", { flags: "x-----", feature: "ADX" }),

  row("daa", "", "27", "daa", { flags: "ummxmx", mode: "legacy" }),
  row("das", "", "2F", "das", { flags: "ummxmx", mode: "legacy" }),
  row("aaa", "", "37", "aaa", { flags: "uuuxum", mode: "legacy" }),
  row("aas", "", "3F", "aas", { flags: "uuuxum", mode: "legacy" }),
  row("aam", "Ib", "D4", "aam", { flags: "ummumu", mode: "legacy" }),
  row("aad", "Ib", "D5", "aad", { flags: "ummumu", mode: "legacy" }),
];
