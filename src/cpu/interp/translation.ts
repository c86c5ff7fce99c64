// SPDX-License-Identifier: BSD-2-Clause
// What the hot loop knows of the translator (jit/): blocks become hot, get a unit, and are entered through it.
// A block with a unit has the unit's number, negated, where it counted how often it was entered.

/** How a unit comes back: the value its function returns. All state is in the vCPU's block then. */

/** RIP is set; no unit was known for it. The interpreter looks. */
export const EXIT_LOOKUP = 0;
/** RIP is at a block that the budget no longer covers. */
export const EXIT_BUDGET = 1;
/** The interpreter goes on at record CURRENT of block BLOCK, which is paid for. */
export const EXIT_BAIL = 2;
/** The executor of record CURRENT has thrown GUEST_FAULT. */
export const EXIT_FAULT = 3;
/** RIP is set; the run loop has to look around before the vCPU goes on. */
export const EXIT_SYNC = 4;

// A unit's number in jump cache and blocks: its place in the table, and which of its blocks to enter.

export const UNIT_SLOT_SHIFT = 8;
export const UNIT_ENTRY_MASK = 0xff;

/**
 * No unit is entered that close, in bytes, to the border of the canonical addresses (SDM 1 3.3.7.1), so that the
 * branches of a unit that do not go that far need not look whether they leave them.
 */
export const BORDER_BYTES = 32 * 1024 * 1024;

/** Whether a linear address in 64-bit mode, by its halves, is. */
export function isAtBorder(lo: number, hi: number): boolean {
  if (hi === LAST_BELOW) return lo >>> 0 >= 2 ** 32 - BORDER_BYTES;
  return hi === FIRST_ABOVE && lo >>> 0 < BORDER_BYTES;
}

/** High halves on either side of the border: of 00007FFF_FFFFFFFF and FFFF8000_00000000. */
const LAST_BELOW = 0x7fff;
const FIRST_ABOVE = -0x8000;

export interface Translation {
  /**
   * A power of two less one: a block is requested whenever it was entered so often that these bits of the count
   * are zero. All ones: never.
   */
  readonly countMask: number;
  /** Whatever runs is translated first, for tests: blocks that are cut short, too. */
  readonly isEager: boolean;
  /** The block is hot, and the more so the more often this is asked. True if it has a unit now. */
  request(block: number): boolean;
  /** Translates a block that is not kept and runs it; an EXIT_. */
  runOnce(block: number): number;
  /** Runs a unit; an EXIT_. */
  run(unit: number): number;
  /** The blocks of a page frame are stale. */
  pageForgotten(page: number): void;
  /** All blocks are forgotten. */
  forgotten(): void;
}

/** For the interpreter on its own. */
export const NO_TRANSLATION: Translation = {
  countMask: -1,
  isEager: false,
  request: () => false,
  runOnce: () => EXIT_LOOKUP,
  run: () => EXIT_LOOKUP,
  pageForgotten() {},
  forgotten() {},
};
