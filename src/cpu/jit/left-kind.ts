// SPDX-License-Identifier: BSD-2-Clause
// What kind of flags (flags.ts) a block probably leaves behind, by its operations: for blocks it leads to, which
// guess and check (lazy-flags.ts). Wrong guesses cost time, nothing else.
import { INFO, INFO_WIDTH, RECORD_WORDS, ROW, SLOT_IMMEDIATE, SLOTS } from "../decode/record.ts";
import { CC_ADD, CC_DEC, CC_INC, CC_LOGIC, CC_RESULT_ONLY, CC_SUB } from "../flags.ts";
import { BLOCK_HEADER } from "../interp/code-cache.ts";
import type { Operation } from "../isa/operations.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { endOf, operationOf } from "./unit.ts";

const KINDS: ReadonlyMap<Operation, number> = new Map<Operation, number>([
  ["add", CC_ADD],
  ["sub", CC_SUB],
  ["cmp", CC_SUB],
  ["neg", CC_SUB],
  ["and", CC_LOGIC],
  ["or", CC_LOGIC],
  ["xor", CC_LOGIC],
  ["test", CC_LOGIC],
  ["inc", CC_INC],
  ["dec", CC_DEC],
  ["mul", CC_RESULT_ONLY],
  ["imul1", CC_RESULT_ONLY],
  ["imul2", CC_RESULT_ONLY],
  ["imul3", CC_RESULT_ONLY],
]);

/** With a constant count that is not zero. */
const SHIFTS: ReadonlySet<Operation> = new Set<Operation>(["shl", "shr", "sar"]);

/** They leave ZF, SF and PF to whatever set them. */
const PARTIAL: ReadonlySet<Operation> = new Set<Operation>([
  "rol",
  "ror",
  "bt",
  "bts",
  "btr",
  "btc",
  "clc",
  "stc",
  "cmc",
]);

/** No flag is written; some may be read. */
const KEEPING = /^[t-]*$/;

/** CC_… | width; -1 if there is nothing to go by. */
export function leftKind(code: Int32Array, block: number): number {
  let isPartial = false;
  for (let p = endOf(code, block) - RECORD_WORDS; p >= block + BLOCK_HEADER; p -= RECORD_WORDS) {
    if (KEEPING.test(ISA_ROWS[code[p + ROW]!]!.flags)) continue;
    const op = operationOf(code, p);
    if (PARTIAL.has(op)) {
      isPartial = true;
      continue;
    }
    const kind = kindOf(code, p, op);
    return kind < 0 || !isPartial ? kind : CC_RESULT_ONLY | (kind & 3);
  }
  return -1;
}

function kindOf(code: Int32Array, p: number, op: Operation): number {
  const width = code[p + INFO]! & INFO_WIDTH;
  const isShift = SHIFTS.has(op) && ((code[p + SLOTS]! >>> 8) & 0xff) === SLOT_IMMEDIATE;
  const kind = isShift ? CC_RESULT_ONLY : KINDS.get(op);
  return kind === undefined ? -1 : kind | width;
}
