// SPDX-License-Identifier: BSD-2-Clause
// What the aux constants of x87 rows mean to their executors.

// Where an arithmetic instruction's operands are.
/** ST(0) is the destination, ST(i) the source. */
export const FORM_ST0 = 0;
/** ST(i) is the destination, ST(0) the source. */
export const FORM_STI = 1;
/** The same, and the stack is popped. */
export const FORM_STI_POP = 2;
/** ST(0) is the destination, memory the source: single, double, 32-bit or 16-bit integer. */
export const FORM_M32 = 3;
export const FORM_M64 = 4;
export const FORM_I32 = 5;
export const FORM_I16 = 6;

// What else a comparison or a store does: bits.
/** Pops once. */
export const POP = 1;
/** Compares with ST(1) and pops twice. */
export const POP_TWICE = 2;
/** Quiet NaNs are not invalid. */
export const UNORDERED = 4;
/** The relation goes to RFLAGS. */
export const TO_FLAGS = 8;
/** FISTTP: truncates whatever the control word says. */
export const TRUNCATED = 16;
/** Bits 7:5 of a comparison: the form of its operands. */
export const COMPARE_FORM_SHIFT = 5;
