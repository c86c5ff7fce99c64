// SPDX-License-Identifier: BSD-2-Clause
// Shifts and rotates. A count of zero leaves every flag alone; OF is defined for a count of one only.
import type { Operation } from "./operations.ts";
import { type IsaRow, row } from "./row.ts";

/** OF is undefined unless the count is one, AF always (shifts) or untouched (rotates). */
const SHIFT_FLAGS = "ummumm";
const ROTATE_FLAGS = "u----m";
const ROTATE_CARRY_FLAGS = "u----x";

function group(op: Operation, digit: number, flags: string): IsaRow[] {
  return [
    row(op, "Eb,Ib", `C0 /${digit}`, op, { flags }),
    row(op, "Ev,Ib", `C1 /${digit}`, op, { flags }),
    row(op, "Eb,1", `D0 /${digit}`, op, { flags: flags.replace("u", "m") }),
    row(op, "Ev,1", `D1 /${digit}`, op, { flags: flags.replace("u", "m") }),
    row(op, "Eb,cl", `D2 /${digit}`, op, { flags }),
    row(op, "Ev,cl", `D3 /${digit}`, op, { flags }),
  ];
}

export const SHIFT_ROWS: readonly IsaRow[] = [
  ...group("rol", 0, ROTATE_FLAGS),
  ...group("ror", 1, ROTATE_FLAGS),
  ...group("rcl", 2, ROTATE_CARRY_FLAGS),
  ...group("rcr", 3, ROTATE_CARRY_FLAGS),
  ...group("shl", 4, SHIFT_FLAGS),
  ...group("shr", 5, SHIFT_FLAGS),
  ...group("shl", 6, SHIFT_FLAGS),
  ...group("sar", 7, SHIFT_FLAGS),
  row("shld", "Ev,Gv,Ib", "0F A4", "shld", { flags: SHIFT_FLAGS }),
  row("shld", "Ev,Gv,cl", "0F A5", "shld", { flags: SHIFT_FLAGS }),
  row("shrd", "Ev,Gv,Ib", "0F AC", "shrd", { flags: SHIFT_FLAGS }),
  row("shrd", "Ev,Gv,cl", "0F AD", "shrd", { flags: SHIFT_FLAGS }),
];
