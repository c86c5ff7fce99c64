// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic on bit patterns held in plain numbers. Every function says whether it wants or gives
// a signed (`| 0`) or an unsigned (`>>> 0`) 32-bit value, or a safe integer.

/** Rounds a non-negative safe integer up to a multiple of `alignment`, a power of two. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Rounds a non-negative safe integer down to a multiple of `alignment`, a power of two. */
export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

/** True for 1, 2, 4, … up to 2^52. */
export function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

/** Bits 7:0 as a signed number. */
export function signExtend8(value: number): number {
  return (value << 24) >> 24;
}

/** Bits 15:0 as a signed number. */
export function signExtend16(value: number): number {
  return (value << 16) >> 16;
}

/** All ones of a 1, 2 or 4-byte access, unsigned: what an absent device answers. */
export function allOnes(size: number): number {
  return size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
}

/** A number as `0x` and at least `digits` lower-case hexadecimal digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
