// SPDX-License-Identifier: BSD-2-Clause
// How translated code comes back: the value a unit's function returns. All state is in the vCPU's block then.

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

/** What the imported `exec` returns if the unit can go on; else it is the unit's exit. */
export const EXEC_DONE = 0;
