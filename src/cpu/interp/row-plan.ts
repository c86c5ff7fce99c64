// SPDX-License-Identifier: BSD-2-Clause
// What of a record (record-writer.ts) the instruction's row alone decides, worked out once for each row: a boot decodes
// half a million instructions, of a few hundred rows.
import { FIRST_EXECUTOR } from "../decode/record.ts";
import { WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 } from "../flags.ts";
import { type EncodingMatch, MAP_ONE_BYTE, type Operand } from "../isa/notation.ts";
import type { Operation } from "../isa/operations.ts";
import { PARSED_ROWS, type ParsedRow } from "../isa/table.ts";
import { OPERATION_NUMBERS } from "./executors.ts";
import { type HotCases, hotCases } from "./hot-forms.ts";

export interface RowPlan {
  readonly op: Operation;
  /** OP of its records that are no case of the hot loop. */
  readonly executor: number;
  readonly cases: HotCases;
  readonly aux: number;
  readonly a: Operand | undefined;
  readonly b: Operand | undefined;
  readonly c: Operand | undefined;
  /** Log2 of the operands' size, by the instruction's operand size in bytes, divided by four. */
  readonly widths: readonly number[];
  /** The operand in memory is at an offset that the instruction has in it. */
  readonly isOffset: boolean;
  readonly isString: boolean;
  readonly isRelative: boolean;
  readonly hasSecondImmediate: boolean;
  /**
   * D8 … DF: the opcode's three variable bits, above ModRM; -1 for others. Such records have both for an immediate, as
   * exceptions save it.
   */
  readonly x87: number;
}

function planOf({ row, operands, match }: ParsedRow): RowPlan {
  const has = (where: Operand["where"]) => operands.some((operand) => operand.where === where);
  const immediates = operands.filter(({ where }) => where === "immediate").length;
  return {
    op: row.op,
    executor: FIRST_EXECUTOR + OPERATION_NUMBERS.get(row.op)!,
    cases: hotCases(row.op),
    aux: row.aux,
    a: operands[0],
    b: operands[1],
    c: operands[2],
    widths: [WIDTH_16, WIDTH_32, WIDTH_64].map((width) => widthOf(operands, width)),
    isOffset: has("offset"),
    isString: has("string"),
    isRelative: has("relative"),
    hasSecondImmediate: immediates > 1 || has("far"),
    x87: isX87(match) ? (match.opcode & 7) << 8 : -1,
  };
}

function isX87(match: EncodingMatch): boolean {
  return match.hasModrm && match.map === MAP_ONE_BYTE && (match.opcode & 0xf8) === 0xd8;
}

const SIZED: ReadonlySet<Operand["where"]> = new Set<Operand["where"]>([
  "vexGpr",
  "gprOrMemory",
  "gprReg",
  "memory",
  "offset",
  "gprRm",
  "string",
  "gprOpcode",
  "fixedGpr",
]);

/** Log2 of a row's operand size: of the first operand that has one, else the instruction's. */
function widthOf(operands: readonly Operand[], byInstruction: number): number {
  for (const { where, width, text } of operands) {
    if (!SIZED.has(where) || text === "dx") continue;
    switch (width) {
      case "b":
        return WIDTH_8;
      case "w":
        return WIDTH_16;
      case "d":
        return WIDTH_32;
      case "y":
        // CRC32's destination has 32 or 64 bits, its source decides.
        if (operands[1]?.width === "v") return byInstruction;
        return byInstruction === WIDTH_64 ? WIDTH_64 : WIDTH_32;
      case "z":
        return byInstruction === WIDTH_16 ? WIDTH_16 : WIDTH_32;
      default:
        return byInstruction;
    }
  }
  return byInstruction;
}

/** By number of row. */
export const ROW_PLANS: readonly RowPlan[] = PARSED_ROWS.map(planOf);
