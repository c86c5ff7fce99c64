// SPDX-License-Identifier: BSD-2-Clause
// MXCSR, SDM 1 10.2.3: exception flags 5:0, DAZ 6, exception masks 12:7, rounding control 14:13, FTZ 15.

export const MXCSR_IE = 1 << 0;
export const MXCSR_DE = 1 << 1;
export const MXCSR_ZE = 1 << 2;
export const MXCSR_OE = 1 << 3;
export const MXCSR_UE = 1 << 4;
export const MXCSR_PE = 1 << 5;
export const MXCSR_FLAGS = 0x3f;
export const MXCSR_DAZ = 1 << 6;
/** A mask bit is its flag's, shifted by this. */
export const MXCSR_MASK_SHIFT = 7;
export const MXCSR_MASKS = 0x3f << MXCSR_MASK_SHIFT;
export const MXCSR_UM = MXCSR_UE << MXCSR_MASK_SHIFT;
export const MXCSR_OM = MXCSR_OE << MXCSR_MASK_SHIFT;
export const MXCSR_PM = MXCSR_PE << MXCSR_MASK_SHIFT;
export const MXCSR_RC_SHIFT = 13;
export const MXCSR_RC = 3 << MXCSR_RC_SHIFT;
export const MXCSR_FTZ = 1 << 15;

/** Flags found before an operation is carried out; if one of them is unmasked, no other kind is reported. */
export const MXCSR_BEFORE = MXCSR_IE | MXCSR_DE | MXCSR_ZE;

// Rounding control.
export const ROUND_NEAREST = 0;
export const ROUND_DOWN = 1;
export const ROUND_UP = 2;
export const ROUND_ZERO = 3;

/**
 * True if nothing but PE can come of an operation on normal numbers with a normal result, and that is
 * masked, and rounding is to nearest: what JavaScript's own arithmetic does.
 */
export function isPlainRounding(mxcsr: number): boolean {
  return (mxcsr & (MXCSR_RC | MXCSR_PM)) === MXCSR_PM;
}
