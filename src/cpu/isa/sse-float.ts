// SPDX-License-Identifier: BSD-2-Clause
// Float arithmetic, comparison, logic and rounding on XMM registers. SDM 2, legacy encodings; the VEX ones
// are made from these rows in avx.ts.
import type { Operation } from "./operations.ts";
import { type IsaRow, row } from "./row.ts";

const SSE = { feature: "SSE" } as const;
const SSE2 = { feature: "SSE2" } as const;
const SSE3 = { feature: "SSE3" } as const;
const SSE4_1 = { feature: "SSE4_1" } as const;
const COMPARISON = "00m0mm";

type Stem = "add" | "mul" | "sub" | "min" | "div" | "max";
const ARITHMETIC: readonly (readonly [stem: Stem, opcode: string])[] = [
  ["add", "58"],
  ["mul", "59"],
  ["sub", "5C"],
  ["min", "5D"],
  ["div", "5E"],
  ["max", "5F"],
];

/** A = A op B, all elements. */
export const SSE_FLOAT_PACKED: readonly IsaRow[] = [
  ...ARITHMETIC.flatMap(([stem, opcode]) => [
    row(`${stem}ps`, "Vx,Wx", `NP 0F ${opcode}`, `${stem}ps`, SSE),
    row(`${stem}pd`, "Vx,Wx", `66 0F ${opcode}`, `${stem}pd`, SSE2),
  ]),
  row("cmpps", "Vx,Wx,Ib", "NP 0F C2", "cmpps", SSE),
  row("cmppd", "Vx,Wx,Ib", "66 0F C2", "cmppd", SSE2),
  row("andps", "Vx,Wx", "NP 0F 54", "pand", SSE),
  row("andpd", "Vx,Wx", "66 0F 54", "pand", SSE2),
  row("andnps", "Vx,Wx", "NP 0F 55", "pandn", SSE),
  row("andnpd", "Vx,Wx", "66 0F 55", "pandn", SSE2),
  row("orps", "Vx,Wx", "NP 0F 56", "por", SSE),
  row("orpd", "Vx,Wx", "66 0F 56", "por", SSE2),
  row("xorps", "Vx,Wx", "NP 0F 57", "pxor", SSE),
  row("xorpd", "Vx,Wx", "66 0F 57", "pxor", SSE2),
  row("haddpd", "Vx,Wx", "66 0F 7C", "haddpd", SSE3),
  row("haddps", "Vx,Wx", "F2 0F 7C", "haddps", SSE3),
  row("hsubpd", "Vx,Wx", "66 0F 7D", "hsubpd", SSE3),
  row("hsubps", "Vx,Wx", "F2 0F 7D", "hsubps", SSE3),
  row("addsubpd", "Vx,Wx", "66 0F D0", "addsubpd", SSE3),
  row("addsubps", "Vx,Wx", "F2 0F D0", "addsubps", SSE3),
  row("dpps", "Vx,Wx,Ib", "66 0F 3A 40", "dpps", SSE4_1),
];

export const SSE_DPPD: readonly IsaRow[] = [
  row("dppd", "Vdq,Wdq,Ib", "66 0F 3A 41", "dppd", SSE4_1),
];

/** A = op B, all elements. */
export const SSE_FLOAT_UNARY: readonly IsaRow[] = [
  row("sqrtps", "Vx,Wx", "NP 0F 51", "sqrtps", SSE),
  row("sqrtpd", "Vx,Wx", "66 0F 51", "sqrtpd", SSE2),
  row("rsqrtps", "Vx,Wx", "NP 0F 52", "rsqrtps", SSE),
  row("rcpps", "Vx,Wx", "NP 0F 53", "rcpps", SSE),
  row("roundps", "Vx,Wx,Ib", "66 0F 3A 08", "roundps", SSE4_1),
  row("roundpd", "Vx,Wx,Ib", "66 0F 3A 09", "roundpd", SSE4_1),
];

/** The lowest element; the rest of A stays. */
export const SSE_FLOAT_SCALAR: readonly IsaRow[] = [
  ...ARITHMETIC.flatMap(([stem, opcode]) => [
    row(`${stem}ss`, "Vd,Wd", `F3 0F ${opcode}`, `${stem}ss`, SSE),
    row(`${stem}sd`, "Vq,Wq", `F2 0F ${opcode}`, `${stem}sd`, SSE2),
  ]),
  row("cmpss", "Vd,Wd,Ib", "F3 0F C2", "cmpss", SSE),
  row("cmpsd", "Vq,Wq,Ib", "F2 0F C2", "cmpsd", SSE2),
  row("sqrtss", "Vd,Wd", "F3 0F 51", "sqrtss", SSE),
  row("sqrtsd", "Vq,Wq", "F2 0F 51", "sqrtsd", SSE2),
  row("rsqrtss", "Vd,Wd", "F3 0F 52", "rsqrtss", SSE),
  row("rcpss", "Vd,Wd", "F3 0F 53", "rcpss", SSE),
  row("roundss", "Vd,Wd,Ib", "66 0F 3A 0A", "roundss", SSE4_1),
  row("roundsd", "Vq,Wq,Ib", "66 0F 3A 0B", "roundsd", SSE4_1),
];

/** Compares the lowest elements and sets flags. */
export const SSE_COMPARE: readonly IsaRow[] = (
  [
    ["ucomiss", "Vd,Wd", "NP 0F 2E"],
    ["ucomisd", "Vq,Wq", "66 0F 2E"],
    ["comiss", "Vd,Wd", "NP 0F 2F"],
    ["comisd", "Vq,Wq", "66 0F 2F"],
  ] satisfies readonly (readonly [Operation, string, string])[]
).map(([name, operands, encoding]) =>
  row(name, operands, encoding, name, {
    feature: name.endsWith("s") ? "SSE" : "SSE2",
    flags: COMPARISON,
  }),
);

export const SSE_FLOAT_ROWS: readonly IsaRow[] = [
  ...SSE_FLOAT_PACKED,
  ...SSE_DPPD,
  ...SSE_FLOAT_UNARY,
  ...SSE_FLOAT_SCALAR,
  ...SSE_COMPARE,
];
