// SPDX-License-Identifier: BSD-2-Clause
// Unsigned 64-bit values off the hot path: MSRs, descriptors, BARs. The only importer of `long`.
// Hot paths use (lo, hi) pairs of int32 in typed arrays; the public API uses bigint.
import Long from "long";

export type U64 = Long;

/** From two halves, each taken modulo 2^32. */
export function u64(lo: number, hi = 0): U64 {
  return Long.fromBits(lo, hi, true);
}

/** To a bigint in 0 … 2^64-1. */
export function u64ToBigInt(value: U64): bigint {
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
}

/** Two int32 halves as a bigint in 0 … 2^64-1. */
export function pairToBigInt(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** Two halves as a number; exact below 2^53, nearest above. */
export function pairToNumber(lo: number, hi: number): number {
  return (hi >>> 0) * 0x1_0000_0000 + (lo >>> 0);
}

/** The low half of a non-negative safe integer, as int32. */
export function lowHalf(value: number): number {
  return value | 0;
}

/** The high half of a non-negative safe integer, as int32. */
export function highHalf(value: number): number {
  return Math.floor(value / 0x1_0000_0000) | 0;
}
