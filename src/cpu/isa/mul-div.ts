// SPDX-License-Identifier: BSD-2-Clause
// Multiplication and division.
import { type IsaRow, row } from "./row.ts";

const MULTIPLY = { flags: "muuuum" };
const DIVIDE = { flags: "uuuuuu" };

export const MUL_DIV_ROWS: readonly IsaRow[] = [
  row("mul", "Eb", "F6 /4", "mul", MULTIPLY),
  row("mul", "Ev", "F7 /4", "mul", MULTIPLY),
  row("imul", "Eb", "F6 /5", "imul1", MULTIPLY),
  row("imul", "Ev", "F7 /5", "imul1", MULTIPLY),
  row("imul", "Gv,Ev", "0F AF", "imul2", MULTIPLY),
  row("imul", "Gv,Ev,Iz", "69", "imul3", MULTIPLY),
  row("imul", "Gv,Ev,Is", "6B", "imul3", MULTIPLY),
  row("div", "Eb", "F6 /6", "div", DIVIDE),
  row("div", "Ev", "F7 /6", "div", DIVIDE),
  row("idiv", "Eb", "F6 /7", "idiv", DIVIDE),
  row("idiv", "Ev", "F7 /7", "idiv", DIVIDE),
];
