// SPDX-License-Identifier: BSD-2-Clause
// From opcode bytes to a row. Each opcode gets a flat table, built from its rows when the opcode is first
// met and indexed by everything an encoding may demand. Two rows that match the same bytes with equal
// precision are a mistake in the table and throw.
import { VmmError } from "../../base/errors.ts";
import { MAP_COUNT, VEX_MAPS } from "../isa/notation.ts";
import type { Feature } from "../isa/row.ts";
import { PARSED_ROWS, type ParsedRow } from "../isa/table.ts";

/** No instruction: #UD. */
export const NO_ROW = -1;

// A key: prefix class 1:0, W 2, 64-bit mode (legacy maps) or VEX.L 3, then for opcodes with ModRM:
// register form 4, reg 7:5, rm 10:8; for others REX.B 4.
export const KEY_W = 1 << 2;
export const KEY_64 = 1 << 3;
export const KEY_VEX_L = 1 << 3;
export const KEY_REX_B = 1 << 4;
export const KEY_REGISTER = 1 << 4;
export const KEY_REG_SHIFT = 5;
export const KEY_RM_SHIFT = 8;
const MODRM_KEYS = 1 << 11;
const PLAIN_KEYS = 1 << 5;

export interface OpcodeTable {
  readonly hasModrm: boolean;
  /** Row numbers by key. */
  readonly rows: Int16Array;
}

const EMPTY: OpcodeTable = { hasModrm: false, rows: new Int16Array(PLAIN_KEYS).fill(NO_ROW) };

export class Lookup {
  readonly #candidates: number[][] = Array.from({ length: MAP_COUNT * 256 }, () => []);
  readonly #tables: (OpcodeTable | undefined)[] = new Array(MAP_COUNT * 256).fill(undefined);

  /** Rows of features outside the set do not exist: their bytes mean what they meant before, or #UD. */
  constructor(features: ReadonlySet<Feature>) {
    PARSED_ROWS.forEach((parsed, number) => {
      const { feature } = parsed.row;
      if (feature !== undefined && !features.has(feature)) return;
      const { map, opcode, hasRegisterInOpcode } = parsed.match;
      for (let low = 0; low < (hasRegisterInOpcode ? 8 : 1); low++) {
        this.#candidates[map * 256 + opcode + low]!.push(number);
      }
    });
  }

  /** `opcode` is map × 256 + opcode byte. */
  table(opcode: number): OpcodeTable {
    return this.#tables[opcode] ?? this.#build(opcode);
  }

  #build(opcode: number): OpcodeTable {
    const candidates = this.#candidates[opcode]!;
    const hasModrm = candidates.some((number) => PARSED_ROWS[number]!.match.hasModrm);
    const isVex = opcode >= VEX_MAPS * 256;
    let table = EMPTY;
    if (candidates.length > 0) {
      const keys = hasModrm ? MODRM_KEYS : PLAIN_KEYS;
      const rows = new Int16Array(keys);
      for (let key = 0; key < keys; key++) rows[key] = best(candidates, key, hasModrm, isVex);
      table = { hasModrm, rows };
    }
    this.#tables[opcode] = table;
    return table;
  }
}

function best(
  candidates: readonly number[],
  key: number,
  hasModrm: boolean,
  isVex: boolean,
): number {
  let winner = NO_ROW;
  let precision = -1;
  for (const number of candidates) {
    const parsed = PARSED_ROWS[number]!;
    if (!isMatch(parsed, key, hasModrm, isVex)) continue;
    const its = precisionOf(parsed);
    if (its === precision) throw ambiguous(PARSED_ROWS[winner]!, parsed);
    if (its > precision) {
      winner = number;
      precision = its;
    }
  }
  return winner;
}

function isMatch(
  { row, match }: ParsedRow,
  key: number,
  hasModrm: boolean,
  isVex: boolean,
): boolean {
  if (match.prefix !== undefined && match.prefix !== (key & 3)) return false;
  if (match.w !== undefined && match.w !== ((key & KEY_W) !== 0 ? 1 : 0)) return false;
  if (isVex) {
    if (match.vexL !== undefined && match.vexL !== ((key & KEY_VEX_L) !== 0 ? 1 : 0)) return false;
  } else if (row.mode !== "any" && (row.mode === "64") !== ((key & KEY_64) !== 0)) return false;
  if (!hasModrm) return match.rexB === undefined || (key & KEY_REX_B) === 0;
  const isRegister = (key & KEY_REGISTER) !== 0;
  if (match.mod !== undefined && (match.mod === "register") !== isRegister) return false;
  if (match.reg !== undefined && match.reg !== ((key >> KEY_REG_SHIFT) & 7)) return false;
  return match.rm === undefined || match.rm === ((key >> KEY_RM_SHIFT) & 7);
}

/** How much an encoding demands: the row that demands more is the one that is meant. */
function precisionOf({ match }: ParsedRow): number {
  return (
    (match.prefix !== undefined ? 8 : 0) +
    (match.w !== undefined ? 16 : 0) +
    (match.rexB !== undefined ? 32 : 0) +
    (match.rm !== undefined ? 4 : 0) +
    (match.reg !== undefined ? 2 : 0) +
    (match.mod !== undefined ? 1 : 0) +
    (match.hasRegisterInOpcode ? 0 : 64)
  );
}

function ambiguous(a: ParsedRow, b: ParsedRow): VmmError {
  const name = ({ row }: ParsedRow) => `${row.mnemonic} ${row.operands} (${row.encoding})`;
  return new VmmError("ERR_INTERNAL", `rows ${name(a)} and ${name(b)} match the same bytes`);
}
