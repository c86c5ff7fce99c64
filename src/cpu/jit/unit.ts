// SPDX-License-Identifier: BSD-2-Clause
// What is translated together: blocks of one page that lead to each other by direct branches, starting from
// those that have become hot. Only blocks that were executed are known, so cold paths stay out.
import { IMM, INFO, INFO_FAR_TARGET, NEXT, OP, RECORD_WORDS, ROW } from "../decode/record.ts";
import {
  BLOCK_COUNT,
  BLOCK_HEADER,
  BLOCK_KEY,
  BLOCK_OFFSET,
  BLOCK_RUNS,
} from "../interp/code-cache.ts";
import { OP_NEXT } from "../interp/hot-ops.ts";
import { UNIT_SLOT_SHIFT } from "../interp/translation.ts";
import type { Operation } from "../isa/operations.ts";
import { ISA_ROWS } from "../isa/table.ts";

/** Most blocks and instructions of a unit: what the engine's optimiser still handles well. */
export const MAX_UNIT_BLOCKS = 64;
const MAX_UNIT_INSTRUCTIONS = 800;

/** Finds a block by its place in memory, 0 if it was never decoded or is translated already. */
export type FindBlock = (offset: number, key: number) => number;

/** The END record of a block. */
export function endOf(code: Int32Array, block: number): number {
  return block + BLOCK_HEADER + code[block + BLOCK_COUNT]! * RECORD_WORDS;
}

/** The operation of a record, as the table of instructions names it. */
export function operationOf(code: Int32Array, p: number): Operation {
  return ISA_ROWS[code[p + ROW]!]!.op;
}

/** A block that ends with a near relative call. */
export function isCall(code: Int32Array, block: number): boolean {
  return operationOf(code, endOf(code, block) - RECORD_WORDS) === "call";
}

/** What runs a block, and how warm it is. */
export type BlockState =
  /** A unit, by its place in the table. */
  | { readonly unit: number; readonly entered?: undefined }
  /** The interpreter, which has entered it so often. */
  | { readonly entered: number; readonly unit?: undefined };

export function blockState(code: Int32Array, block: number): BlockState {
  const runs = code[block + BLOCK_RUNS]!;
  return runs < 0 ? { unit: -runs >> UNIT_SLOT_SHIFT } : { entered: runs };
}

/** Where control can go from a block without leaving the page, in bytes from the block's start. */
export function successorsOf(code: Int32Array, block: number): number[] {
  const end = endOf(code, block);
  const last = end - RECORD_WORDS;
  const op = operationOf(code, last);
  if ((code[last + INFO]! & INFO_FAR_TARGET) !== 0) return [];
  if (op === "jmp") return [code[last + IMM]!];
  // Behind a call lies where it returns to.
  if (op === "jcc" || op === "call") return [code[last + IMM]!, code[end + NEXT]!];
  return code[end + OP] === OP_NEXT ? [code[end + NEXT]!] : [];
}

/** Blocks in order of address: the first of `hot`, what it leads to, and as many of the others as there is room for. */
export function selectUnit(code: Int32Array, hot: readonly number[], find: FindBlock): number[] {
  const key = code[hot[0]! + BLOCK_KEY]!;
  const chosen = new Set<number>();
  let instructions = 0;
  const add = (block: number): void => {
    const sum = instructions + code[block + BLOCK_COUNT]!;
    if (chosen.size >= MAX_UNIT_BLOCKS || sum > MAX_UNIT_INSTRUCTIONS) return;
    instructions = sum;
    chosen.add(block);
  };
  const followed = new Set<number>();
  for (const seed of hot) {
    add(seed);
    // A Set iterates over what is added on the way.
    for (const block of chosen) {
      if (followed.has(block)) continue;
      followed.add(block);
      for (const target of targetsInPage(code, block)) {
        const next = find(target, key);
        if (next !== 0 && !chosen.has(next)) add(next);
      }
    }
  }
  return [...chosen].sort(
    (a, b) => (code[a + BLOCK_OFFSET]! >>> 0) - (code[b + BLOCK_OFFSET]! >>> 0),
  );
}

/** Where control can go from a block without leaving its page, as places in memory. */
function targetsInPage(code: Int32Array, block: number): number[] {
  const offset = code[block + BLOCK_OFFSET]!;
  return successorsOf(code, block)
    .map((distance) => (offset + distance) | 0)
    .filter((target) => ((target ^ offset) & -4096) === 0);
}
