// SPDX-License-Identifier: BSD-2-Clause
// The x87 instructions: SDM 2 F2XM1 … FYL2XP1, WAIT, and opcode map A.5. Processors also execute the 8087's
// and 287's leftovers, which the manual's map leaves blank: FNENI, FNDISI and FNSETPM do nothing, and some
// encodings repeat others (FCOM2, FCOMP3, FXCH4, FCOMP5, FXCH7, FSTP1, FSTP8, FSTP9, FFREEP).
import type { Operation } from "./operations.ts";
import { type IsaRow, type RowOptions, row, withOptions } from "./row.ts";
import {
  COMPARE_FORM_SHIFT,
  FORM_I16,
  FORM_I32,
  FORM_M32,
  FORM_M64,
  FORM_ST0,
  FORM_STI,
  FORM_STI_POP,
  POP,
  POP_TWICE,
  TO_FLAGS,
  TRUNCATED,
  UNORDERED,
} from "./x87-forms.ts";

/** Six encodings of each of six instructions; those with ST(i) for destination have the digits swapped. */
function arithmetic(op: Operation, digit: number, digitOfSti: number): IsaRow[] {
  const base = (number: number) => (0xc0 + 8 * number).toString(16).toUpperCase();
  return [
    row(op, "Md", `D8 /${digit}`, op, { aux: FORM_M32 }),
    row(op, "st,sti", `D8 ${base(digit)}+i`, op, { aux: FORM_ST0 }),
    row(`${op.replace("f", "fi")}`, "Md", `DA /${digit}`, op, { aux: FORM_I32 }),
    row(op, "Mq", `DC /${digit}`, op, { aux: FORM_M64 }),
    row(op, "sti,st", `DC ${base(digitOfSti)}+i`, op, { aux: FORM_STI }),
    row(`${op.replace("f", "fi")}`, "Mw", `DE /${digit}`, op, { aux: FORM_I16 }),
    row(`${op}p`, "sti,st", `DE ${base(digitOfSti)}+i`, op, { aux: FORM_STI_POP }),
  ];
}

function comparison(mnemonic: string, operands: string, encoding: string, aux: number): IsaRow {
  const options: RowOptions = (aux & TO_FLAGS) !== 0 ? { aux, flags: "0m00mm" } : { aux };
  return row(mnemonic, operands, encoding, "fcom", options);
}

function compareForm(form: number): number {
  return form << COMPARE_FORM_SHIFT;
}

const COMPARISONS: readonly IsaRow[] = [
  comparison("fcom", "Md", "D8 /2", compareForm(FORM_M32)),
  comparison("fcomp", "Md", "D8 /3", compareForm(FORM_M32) | POP),
  comparison("fcom", "sti", "D8 D0+i", 0),
  comparison("fcomp", "sti", "D8 D8+i", POP),
  comparison("ficom", "Md", "DA /2", compareForm(FORM_I32)),
  comparison("ficomp", "Md", "DA /3", compareForm(FORM_I32) | POP),
  comparison("fcom", "Mq", "DC /2", compareForm(FORM_M64)),
  comparison("fcomp", "Mq", "DC /3", compareForm(FORM_M64) | POP),
  comparison("fcom2", "sti", "DC D0+i", 0),
  comparison("fcomp3", "sti", "DC D8+i", POP),
  comparison("ficom", "Mw", "DE /2", compareForm(FORM_I16)),
  comparison("ficomp", "Mw", "DE /3", compareForm(FORM_I16) | POP),
  comparison("fcomp5", "sti", "DE D0+i", POP),
  // The register is always ST(1); the other seven encodings do not exist.
  row("fcompp", "", "DE D9", "fcom", { aux: POP | POP_TWICE }),
  row("fucompp", "", "DA E9", "fcom", { aux: POP | POP_TWICE | UNORDERED }),
  comparison("fucom", "sti", "DD E0+i", UNORDERED),
  comparison("fucomp", "sti", "DD E8+i", UNORDERED | POP),
  comparison("fucomi", "st,sti", "DB E8+i", UNORDERED | TO_FLAGS),
  comparison("fcomi", "st,sti", "DB F0+i", TO_FLAGS),
  comparison("fucomip", "st,sti", "DF E8+i", UNORDERED | TO_FLAGS | POP),
  comparison("fcomip", "st,sti", "DF F0+i", TO_FLAGS | POP),
  row("ftst", "", "D9 E4", "ftst"),
  row("fxam", "", "D9 E5", "fxam"),
];

const LOADS: readonly IsaRow[] = [
  row("fld", "Md", "D9 /0", "fldM32"),
  row("fld", "Mq", "DD /0", "fldM64"),
  row("fld", "Mt", "DB /5", "fldM80"),
  row("fld", "sti", "D9 C0+i", "fldSt"),
  row("fild", "Mw", "DF /0", "fildM16"),
  row("fild", "Md", "DB /0", "fildM32"),
  row("fild", "Mq", "DF /5", "fildM64"),
  row("fbld", "Mt", "DF /4", "fbld"),
  ...["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"].map((mnemonic, aux) =>
    row(
      mnemonic,
      "",
      `D9 E${8 + aux > 9 ? String.fromCharCode(0x37 + 8 + aux) : 8 + aux}`,
      "fldConstant",
      {
        aux,
      },
    ),
  ),
];

const STORES: readonly IsaRow[] = [
  row("fst", "Md", "D9 /2", "fstM32"),
  row("fstp", "Md", "D9 /3", "fstM32", { aux: POP }),
  row("fst", "Mq", "DD /2", "fstM64"),
  row("fstp", "Mq", "DD /3", "fstM64", { aux: POP }),
  row("fstp", "Mt", "DB /7", "fstpM80", { aux: POP }),
  row("fst", "sti", "DD D0+i", "fstSt"),
  row("fstp", "sti", "DD D8+i", "fstSt", { aux: POP }),
  row("fstp1", "sti", "D9 D8+i", "fstp1"),
  row("fstp8", "sti", "DF D0+i", "fstSt", { aux: POP }),
  row("fstp9", "sti", "DF D8+i", "fstSt", { aux: POP }),
  row("fist", "Mw", "DF /2", "fistM16"),
  row("fistp", "Mw", "DF /3", "fistM16", { aux: POP }),
  row("fisttp", "Mw", "DF /1", "fistM16", { aux: POP | TRUNCATED, feature: "SSE3" }),
  row("fist", "Md", "DB /2", "fistM32"),
  row("fistp", "Md", "DB /3", "fistM32", { aux: POP }),
  row("fisttp", "Md", "DB /1", "fistM32", { aux: POP | TRUNCATED, feature: "SSE3" }),
  row("fistp", "Mq", "DF /7", "fistM64", { aux: POP }),
  row("fisttp", "Mq", "DD /1", "fistM64", { aux: POP | TRUNCATED, feature: "SSE3" }),
  row("fbstp", "Mt", "DF /6", "fbstp", { aux: POP }),
];

/** Condition codes of the eight conditional moves, as the integer set numbers them. */
const CONDITIONAL_MOVES: readonly IsaRow[] = (
  [
    ["fcmovb", "DA C0", 2],
    ["fcmove", "DA C8", 4],
    ["fcmovbe", "DA D0", 6],
    ["fcmovu", "DA D8", 10],
    ["fcmovnb", "DB C0", 3],
    ["fcmovne", "DB C8", 5],
    ["fcmovnbe", "DB D0", 7],
    ["fcmovnu", "DB D8", 11],
  ] as const
).map(([mnemonic, encoding, aux]) => {
  const flags =
    aux >> 1 === 1 ? "-----t" : aux >> 1 === 2 ? "--t---" : aux >> 1 === 3 ? "--t--t" : "----t-";
  return row(mnemonic, "st,sti", `${encoding}+i`, "fcmov", { aux, flags });
});

const REGISTERS: readonly IsaRow[] = [
  row("fxch", "sti", "D9 C8+i", "fxch"),
  row("fxch4", "sti", "DD C8+i", "fxch"),
  row("fxch7", "sti", "DF C8+i", "fxch"),
  row("ffree", "sti", "DD C0+i", "ffree"),
  row("ffreep", "sti", "DF C0+i", "ffree", { aux: POP }),
  row("fdecstp", "", "D9 F6", "fdecstp"),
  row("fincstp", "", "D9 F7", "fincstp"),
  row("fchs", "", "D9 E0", "fchs"),
  row("fabs", "", "D9 E1", "fabs"),
];

const FUNCTIONS: readonly IsaRow[] = [
  row("f2xm1", "", "D9 F0", "f2xm1"),
  row("fyl2x", "", "D9 F1", "fyl2x"),
  row("fptan", "", "D9 F2", "fptan"),
  row("fpatan", "", "D9 F3", "fpatan"),
  row("fxtract", "", "D9 F4", "fxtract"),
  row("fprem1", "", "D9 F5", "fprem1"),
  row("fprem", "", "D9 F8", "fprem"),
  row("fyl2xp1", "", "D9 F9", "fyl2xp1"),
  row("fsqrt", "", "D9 FA", "fsqrt"),
  row("fsincos", "", "D9 FB", "fsincos"),
  row("frndint", "", "D9 FC", "frndint"),
  row("fscale", "", "D9 FD", "fscale"),
  row("fsin", "", "D9 FE", "fsin"),
  row("fcos", "", "D9 FF", "fcos"),
];

const CONTROL: readonly IsaRow[] = [
  row("fwait", "", "9B", "fwait"),
  row("fnop", "", "D9 D0", "fnop"),
  row("fldenv", "M", "D9 /4", "fldenv"),
  row("fldcw", "Mw", "D9 /5", "fldcw"),
  row("fnstenv", "M", "D9 /6", "fnstenv"),
  row("fnstcw", "Mw", "D9 /7", "fnstcw"),
  row("fneni", "", "DB E0", "fnneutral"),
  row("fndisi", "", "DB E1", "fnneutral"),
  row("fnclex", "", "DB E2", "fnclex"),
  row("fninit", "", "DB E3", "fninit"),
  row("fnsetpm", "", "DB E4", "fnneutral"),
  row("frstor", "M", "DD /4", "frstor"),
  row("fnsave", "M", "DD /6", "fnsave"),
  row("fnstsw", "Mw", "DD /7", "fnstsw"),
  row("fnstsw", "rAX", "DF E0", "fnstsw"),
];

export const X87_ROWS: readonly IsaRow[] = withOptionsOfUnit([
  ...arithmetic("fadd", 0, 0),
  ...arithmetic("fmul", 1, 1),
  ...arithmetic("fsub", 4, 5),
  ...arithmetic("fsubr", 5, 4),
  ...arithmetic("fdiv", 6, 7),
  ...arithmetic("fdivr", 7, 6),
  ...COMPARISONS,
  ...LOADS,
  ...STORES,
  ...CONDITIONAL_MOVES,
  ...REGISTERS,
  ...FUNCTIONS,
  ...CONTROL,
]);

/** FISTTP came with SSE3; everything else is there if the unit is. */
function withOptionsOfUnit(rows: readonly IsaRow[]): IsaRow[] {
  return rows.flatMap((each) =>
    each.feature === undefined ? withOptions({ feature: "X87" }, [each]) : [each],
  );
}
