// SPDX-License-Identifier: BSD-2-Clause
// VEX forms of legacy SSE rows: SDM 2 2.3. The opcode stays, the mandatory prefix and the escape bytes move
// into the VEX prefix, the mnemonic gets a v, and an instruction that works on its destination gets a first
// source of its own, VEX.vvvv.
import type { Feature, IsaRow } from "./row.ts";

/** VEX.L that a form demands; "" takes either, by which operands of width x have 128 or 256 bits. */
export type VexLength = "" | "LZ" | "128" | "256";

export interface VexForm {
  readonly length: VexLength;
  readonly feature: Feature;
  readonly operands: string;
}

const ESCAPES: readonly (readonly [legacy: string, map: string])[] = [
  ["0F 38 ", "0F38"],
  ["0F 3A ", "0F3A"],
  ["0F ", "0F"],
];

/** "66 REX.W 0F 3A 16" becomes "VEX.128.66.0F3A.W1 16". */
function vexEncoding(legacy: string, length: VexLength): string {
  const [prefix = "", ...tokens] = legacy.split(" ");
  const isWide = tokens[0] === "REX.W";
  const rest = tokens.slice(isWide ? 1 : 0).join(" ");
  const [escapeBytes, map] = ESCAPES.find(([bytes]) => rest.startsWith(bytes))!;
  const fields = ["VEX", length, prefix === "NP" ? "" : prefix, map, isWide ? "W1" : ""].filter(
    (field) => field !== "",
  );
  return `${fields.join(".")} ${rest.slice(escapeBytes.length)}`;
}

/** The VEX form of one row. Where VEX.W widens a general register it has no meaning outside 64-bit mode. */
export function vexForm(legacy: IsaRow, { length, feature, operands }: VexForm): IsaRow {
  return {
    ...legacy,
    mnemonic: `v${legacy.mnemonic}`,
    operands,
    encoding: vexEncoding(legacy.encoding, length),
    feature,
    mode: legacy.encoding.includes("REX.W") ? "64" : legacy.mode,
  };
}

/** How the operands of a VEX form follow from the legacy ones. */
export type OperandRule = (operands: string) => string;

export const sameOperands: OperandRule = (operands) => operands;

/** "Vd,Wd" becomes "Vd,Hd,Wd": the source in VEX.vvvv is as wide as the destination. */
export const threeOperands: OperandRule = (operands) => {
  const [first = "", ...others] = operands.split(",");
  return [first, `H${first.slice(1)}`, ...others].join(",");
};

/** "Ux,Ib" becomes "Hx,Ux,Ib": the destination is in VEX.vvvv. */
export const destinationInVex: OperandRule = (operands) =>
  `H${operands.split(",")[0]!.slice(1)},${operands}`;

/** Forms that came with AVX. */
export function avx(rows: readonly IsaRow[], rule: OperandRule, length: VexLength = ""): IsaRow[] {
  return rows.map((each) =>
    vexForm(each, { length, feature: "AVX", operands: rule(each.operands) }),
  );
}

/** Forms on integers: AVX has them with 128 bits, AVX2 with 256. */
export function avxInteger(rows: readonly IsaRow[], rule: OperandRule): IsaRow[] {
  return rows.flatMap((each) => {
    const operands = rule(each.operands);
    return [
      vexForm(each, { length: "128", feature: "AVX", operands }),
      vexForm(each, { length: "256", feature: "AVX2", operands }),
    ];
  });
}

const DOUBLED: Readonly<Record<string, string>> = { w: "d", d: "q", q: "dq", dq: "qq" };

/** "Vdq,Wq" becomes "Vqq,Wdq". */
const doubleWidths: OperandRule = (operands) =>
  operands
    .split(",")
    .map((operand) => operand.charAt(0) + DOUBLED[operand.slice(1)]!)
    .join(",");

/** Forms whose operands differ in width, so that x does not say it: 128 bits by AVX, 256 by `wide`. */
export function avxWidening(rows: readonly IsaRow[], wide: "AVX" | "AVX2"): IsaRow[] {
  return rows.flatMap((each) => [
    vexForm(each, { length: "128", feature: "AVX", operands: each.operands }),
    vexForm(each, { length: "256", feature: wide, operands: doubleWidths(each.operands) }),
  ]);
}
