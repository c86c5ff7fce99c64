// SPDX-License-Identifier: BSD-2-Clause
// Bits of the x87 control and status words: SDM 1 8.1.3 and 8.1.5. Arithmetic takes a control word and
// returns what it has to say as bits of the status word: exceptions, and C1 if it rounded up.

/** Invalid operation, denormal operand, division by zero, overflow, underflow, inexact. */
export const STATUS_IE = 1 << 0;
export const STATUS_DE = 1 << 1;
export const STATUS_ZE = 1 << 2;
export const STATUS_OE = 1 << 3;
export const STATUS_UE = 1 << 4;
export const STATUS_PE = 1 << 5;
/** Stack fault: the invalid operation was an empty source or a full destination. */
export const STATUS_SF = 1 << 6;
/** An unmasked exception is pending. Bit 15 has been a copy of it since the 387. */
export const STATUS_ES = 1 << 7;
export const STATUS_BUSY = 1 << 15;
export const STATUS_C0 = 1 << 8;
export const STATUS_C1 = 1 << 9;
export const STATUS_C2 = 1 << 10;
export const STATUS_C3 = 1 << 14;
export const STATUS_TOP_SHIFT = 11;
export const STATUS_TOP = 7 << STATUS_TOP_SHIFT;

export const CONDITION_CODES = STATUS_C0 | STATUS_C1 | STATUS_C2 | STATUS_C3;
/** The six exceptions: at the same bits the control word masks them. */
export const EXCEPTIONS = 0x3f;
export const PENDING = STATUS_ES | STATUS_BUSY;

/** What a comparison finds, as C3, C2, C0. */
export const RELATION_GREATER = 0;
export const RELATION_LESS = STATUS_C0;
export const RELATION_EQUAL = STATUS_C3;
export const RELATION_UNORDERED = STATUS_C3 | STATUS_C2 | STATUS_C0;

export const CONTROL_PRECISION_SHIFT = 8;
/** Precision control 11b: 64 bits, which is what everything but five instructions rounds to. */
export const CONTROL_EXTENDED = 3 << CONTROL_PRECISION_SHIFT;
export const CONTROL_ROUNDING_SHIFT = 10;
export const CONTROL_ROUNDING = 3 << CONTROL_ROUNDING_SHIFT;
export const ROUND_NEAREST = 0;
export const ROUND_DOWN = 1;
export const ROUND_UP = 2;
export const ROUND_TO_ZERO = 3;

/** After FNINIT. */
export const CONTROL_INITIAL = 0x37f;
/** Bits that exist: masks, precision, rounding, and the infinity control that nothing looks at. */
export const CONTROL_KNOWN = 0x1f3f;
/** Bit 6 reads as one. */
export const CONTROL_FIXED = 0x40;
