// SPDX-License-Identifier: BSD-2-Clause
// Fused multiply-add, SDM 2 VFMADD132PD and the like. The digits say which operands are multiplied, and which
// one is added: 132 is A × C + B, 213 is B × A + C, 231 is B × C + A.

import { type IsaRow, row } from "./row.ts";
import type { FmaOperation, FmaOrder, FmaType } from "./vector-operations.ts";

/** The high digit of the opcode. */
const ORDERS: readonly (readonly [order: FmaOrder, digit: string])[] = [
  ["132", "9"],
  ["213", "A"],
  ["231", "B"],
];

/** Operands and VEX.W; packed and scalar forms have opcodes of their own. */
const PACKED: readonly (readonly [type: FmaType, operands: string, w: string])[] = [
  ["ps", "Vx,Hx,Wx", "W0"],
  ["pd", "Vx,Hx,Wx", "W1"],
];
const SCALAR: readonly (readonly [type: FmaType, operands: string, w: string])[] = [
  ["ss", "Vd,Hd,Wd", "W0"],
  ["sd", "Vq,Hq,Wq", "W1"],
];

/** The low digit of the opcode. */
const KINDS = [
  ["vfmaddsub", "6", PACKED],
  ["vfmsubadd", "7", PACKED],
  ["vfmadd", "8", PACKED],
  ["vfmadd", "9", SCALAR],
  ["vfmsub", "A", PACKED],
  ["vfmsub", "B", SCALAR],
  ["vfnmadd", "C", PACKED],
  ["vfnmadd", "D", SCALAR],
  ["vfnmsub", "E", PACKED],
  ["vfnmsub", "F", SCALAR],
] as const;

export const FMA_ROWS: readonly IsaRow[] = ORDERS.flatMap(([order, high]) =>
  KINDS.flatMap(([kind, low, types]) =>
    types.map(([type, operands, w]) => {
      const name = `${kind}${order}${type}` as FmaOperation;
      return row(name, operands, `VEX.66.0F38.${w} ${high}${low}`, name, { feature: "FMA" });
    }),
  ),
);
