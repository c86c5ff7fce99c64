// SPDX-License-Identifier: BSD-2-Clause
// Executors that can be called without all of the state in its block: those of the x87 and of vectors, whose
// registers are never anywhere else. Of the general registers they see the ones of a memory operand's address.
import { AVX_ROWS } from "../isa/avx.ts";
import { CRYPTO_ROWS } from "../isa/crypto.ts";
import { FMA_ROWS } from "../isa/fma.ts";
import { MMX_ROWS } from "../isa/mmx.ts";
import type { IsaRow } from "../isa/row.ts";
import { SSE_CONVERT_ROWS } from "../isa/sse-convert.ts";
import { SSE_FLOAT_ROWS } from "../isa/sse-float.ts";
import { SSE_INTEGER_ROWS } from "../isa/sse-integer.ts";
import { SSE_MOVE_ROWS } from "../isa/sse-move.ts";
import { SSE_SHUFFLE_ROWS } from "../isa/sse-shuffle.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { X87_ROWS } from "../isa/x87.ts";

const CANDIDATES: ReadonlySet<IsaRow> = new Set([
  ...X87_ROWS,
  ...MMX_ROWS,
  ...SSE_MOVE_ROWS,
  ...SSE_INTEGER_ROWS,
  ...SSE_SHUFFLE_ROWS,
  ...SSE_FLOAT_ROWS,
  ...SSE_CONVERT_ROWS,
  ...AVX_ROWS,
  ...FMA_ROWS,
  ...CRYPTO_ROWS,
]);

/** Memory, x87 stack, MMX and vector registers, constants: isa/notation.ts has the letters. */
const OPERAND = /^(M.*|st|sti|[VWUHLKNPQ].*|Ib|xmm0)?$/;
/** Registers that are no operands: RDI; RAX, RCX and RDX. */
const HAS_HIDDEN_REGISTERS = /maskmov(q|dqu)|pcmp[ei]str/;

function isLightRow(row: IsaRow): boolean {
  return (
    CANDIDATES.has(row) &&
    !HAS_HIDDEN_REGISTERS.test(row.mnemonic) &&
    row.operands.split(",").every((operand) => OPERAND.test(operand))
  );
}

const IS_LIGHT: readonly boolean[] = ISA_ROWS.map(isLightRow);

/** True for a row whose executor leaves the general registers alone, but for addresses. */
export function isLight(row: number): boolean {
  return IS_LIGHT[row]!;
}

/** True for a row whose executor neither reads nor writes flags. */
export function isFlagless(row: number): boolean {
  return ISA_ROWS[row]!.flags === "------";
}
