// SPDX-License-Identifier: BSD-2-Clause
// Numbers of the double extended-precision format: SDM 1 4.2.2. A file of its own, without imports, because
// that is what the bundler inlines constants from.

/** Words of a number: 64 bits of significand with an explicit integer bit, then sign and biased exponent. */
export const SIG_LO = 0;
export const SIG_HI = 1;
export const SIGN_EXP = 2;
/** Words from one register to the next. */
export const FLOAT80_WORDS = 4;

export const SIGN = 0x8000;
export const EXP_BIAS = 0x3fff;
/** Exponent of infinities and NaNs. */
export const EXP_SPECIAL = 0x7fff;
export const INTEGER_BIT = -0x80000000;
export const QUIET_BIT = 0x40000000;

// Classes are bits, so that the usual case of two normal operands is `(a | b) === 0`.
export const NORMAL = 0;
export const DENORMAL = 1;
export const ZERO = 2;
export const INFINITY = 4;
export const QNAN = 8;
export const SNAN = 16;
/** Unnormals, pseudo-NaNs and pseudo-infinities: invalid operands since the 387. SDM 1 8.2.2. */
export const UNSUPPORTED = 32;
export const NOT_A_NUMBER = 56;

/** Words of an unpacked number: significand, biased exponent (of denormals as if it had no lower limit), sign. */
export const LO = 0;
export const HI = 1;
export const EXP = 2;
/** 0 or SIGN. */
export const SGN = 3;

/** Where shifts and rounding leave what they made, at FPU_ROUNDED: low word, high word, what is cut off. */
export const ROUNDED_HI = 1;
export const ROUNDED_REST = 2;
