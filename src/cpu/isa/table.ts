// SPDX-License-Identifier: BSD-2-Clause
// Every row the processor has, with its notation parsed. A row's index here is its number everywhere.
import { ALU_ROWS } from "./alu.ts";
import { AVX_ROWS } from "./avx.ts";
import { BIT_ROWS } from "./bit.ts";
import { BMI_ROWS } from "./bmi.ts";
import { BRANCH_ROWS, IO_ROWS, STACK_ROWS, STRING_ROWS } from "./control.ts";
import { CRYPTO_ROWS } from "./crypto.ts";
import { FMA_ROWS } from "./fma.ts";
import { MMX_ROWS } from "./mmx.ts";
import { MOV_ROWS } from "./mov.ts";
import { MUL_DIV_ROWS } from "./mul-div.ts";
import {
  type EncodingMatch,
  type Operand,
  parseEncoding,
  parseOperands,
  type Where,
} from "./notation.ts";
import type { IsaRow } from "./row.ts";
import { SHIFT_ROWS } from "./shift.ts";
import { SSE_CONVERT_ROWS } from "./sse-convert.ts";
import { SSE_FLOAT_ROWS } from "./sse-float.ts";
import { SSE_INTEGER_ROWS } from "./sse-integer.ts";
import { SSE_MOVE_ROWS } from "./sse-move.ts";
import { SSE_SHUFFLE_ROWS } from "./sse-shuffle.ts";
import { SSE_STRING_ROWS } from "./sse-string.ts";
import { SYSTEM_ROWS } from "./system.ts";
import { X87_ROWS } from "./x87.ts";
import { XSAVE_ROWS } from "./xsave.ts";

export const ISA_ROWS: readonly IsaRow[] = [
  ...ALU_ROWS,
  ...MOV_ROWS,
  ...SHIFT_ROWS,
  ...MUL_DIV_ROWS,
  ...BIT_ROWS,
  ...BMI_ROWS,
  ...STACK_ROWS,
  ...BRANCH_ROWS,
  ...STRING_ROWS,
  ...IO_ROWS,
  ...SYSTEM_ROWS,
  ...X87_ROWS,
  ...MMX_ROWS,
  ...XSAVE_ROWS,
  ...SSE_MOVE_ROWS,
  ...SSE_INTEGER_ROWS,
  ...SSE_SHUFFLE_ROWS,
  ...SSE_FLOAT_ROWS,
  ...SSE_CONVERT_ROWS,
  ...SSE_STRING_ROWS,
  ...AVX_ROWS,
  ...FMA_ROWS,
  ...CRYPTO_ROWS,
];

export interface ParsedRow {
  readonly row: IsaRow;
  readonly operands: readonly Operand[];
  /** Those of them that come from bytes behind ModRM, or are constants. */
  readonly immediates: readonly Operand[];
  readonly match: EncodingMatch;
}

const IMMEDIATES: ReadonlySet<Where> = new Set<Where>([
  "immediate",
  "relative",
  "vectorImmediate",
  "far",
  "offset",
  "one",
]);

export const PARSED_ROWS: readonly ParsedRow[] = ISA_ROWS.map((row) => {
  const operands = parseOperands(row.operands);
  const immediates = operands.filter(({ where }) => IMMEDIATES.has(where));
  return { row, operands, immediates, match: parseEncoding(row.encoding, operands) };
});
