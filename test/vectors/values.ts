// SPDX-License-Identifier: BSD-2-Clause
// Operand values worth trying: the ends of every range, what lies beside them, single bits, and noise.
import type { SeededRandom } from "../support/random.ts";

export function random64(random: SeededRandom): bigint {
  return (BigInt(random.next()) << 32n) | BigInt(random.next());
}

/** An unsigned integer of `bits` bits, at most 64. */
export function integer(bits: number, random: SeededRandom): bigint {
  const width = BigInt(bits);
  const top = 1n << (width - 1n);
  switch (random.below(8)) {
    case 0:
      return BigInt.asUintN(bits, BigInt(random.below(5) - 2));
    case 1:
      return BigInt.asUintN(bits, top + BigInt(random.below(5) - 2));
    case 2:
      return 1n << BigInt(random.below(bits));
    case 3:
      return BigInt.asUintN(bits, ~(1n << BigInt(random.below(bits))));
    case 4:
      return BigInt.asUintN(bits, 0x5555_5555_5555_5555n << BigInt(random.below(2)));
    case 5:
      // As many bits as may be, and no more.
      return random64(random) & ((1n << BigInt(random.below(bits) + 1)) - 1n);
    default:
      return BigInt.asUintN(bits, random64(random));
  }
}

/** A 64-bit register's value whose low 8, 16, 32 or 64 bits are of interest. */
export function register(random: SeededRandom): bigint {
  const bits = random.pick([8, 16, 32, 32, 64, 64, 64]);
  const value = integer(bits, random);
  switch (random.below(3)) {
    case 0:
      return value;
    case 1:
      return BigInt.asUintN(64, BigInt.asIntN(bits, value));
    default:
      return BigInt.asUintN(64, (random64(random) << BigInt(bits)) | value);
  }
}

/** Counts of shifts: none, one, the widths and what is beside them, anything. */
export function shiftCount(random: SeededRandom): number {
  if (random.below(3) === 0) return random.below(256);
  return random.pick([
    ...[0, 1, 1, 2, 7, 8, 9, 10, 15, 16, 17, 18, 30, 31, 32, 33, 62, 63, 64, 65, 128, 255],
  ]);
}

interface FloatFormat {
  readonly exponentBits: number;
  readonly fractionBits: number;
}

const FORMATS: Readonly<Record<number, FloatFormat>> = {
  16: { exponentBits: 5, fractionBits: 10 },
  32: { exponentBits: 8, fractionBits: 23 },
  64: { exponentBits: 11, fractionBits: 52 },
};

/** A binary floating-point number of 16, 32 or 64 bits: zeros, denormals, infinities, NaNs, near one, any. */
function float(bits: 16 | 32 | 64, random: SeededRandom): bigint {
  const { exponentBits, fractionBits } = FORMATS[bits]!;
  const maxExponent = (1 << exponentBits) - 1;
  const bias = maxExponent >> 1;
  const sign = BigInt(random.below(2));
  const fraction = integer(fractionBits, random);
  const pack = (exponent: number, value: bigint) =>
    (((sign << BigInt(exponentBits)) | BigInt(exponent)) << BigInt(fractionBits)) | value;
  switch (random.below(10)) {
    case 0:
      return pack(0, 0n);
    case 1:
      return pack(0, fraction);
    case 2:
      return pack(maxExponent, 0n);
    case 3:
      return pack(maxExponent, fraction);
    case 4:
      return pack(maxExponent - 1, fraction);
    case 5:
      return pack(1, fraction);
    case 6:
      return pack(bias + random.below(fractionBits + 8), fraction);
    case 7:
      return pack(bias, random.below(2) === 0 ? 0n : fraction);
    default:
      return pack(random.below(maxExponent + 1), fraction);
  }
}

/** A double-extended number, among them encodings that the x87 calls invalid. */
export function float80(random: SeededRandom): bigint {
  const significand = integer(64, random);
  const normal = significand | (1n << 63n);
  const sign = BigInt(random.below(2)) << 15n;
  const pack = (exponent: number, value: bigint) => ((sign | BigInt(exponent)) << 64n) | value;
  switch (random.below(12)) {
    case 0:
      return pack(0, 0n);
    case 1:
      return pack(0, significand & ~(1n << 63n));
    case 2:
      return pack(0, normal); // pseudo-denormal
    case 3:
      return pack(0x7fff, 1n << 63n);
    case 4:
      return pack(0x7fff, normal);
    case 5:
      return pack(random.below(0x8000), significand & ~(1n << 63n)); // unnormal, pseudo-NaN
    case 6:
      return pack(0x3fff, random.below(2) === 0 ? 1n << 63n : normal);
    case 7:
    case 8:
      return pack(0x3fff - 8 + random.below(80), normal);
    case 9:
      return pack(0x7ffe, normal);
    default:
      return pack(random.below(0x7fff), normal);
  }
}

/** Fills a vector register or its memory operand: lanes of one kind, now and then of several. */
export function fillLanes(
  bytes: Uint8Array,
  at: number,
  length: number,
  random: SeededRandom,
): void {
  const kinds = [8, 16, 32, 64, 132, 164, 132, 164, 116];
  let kind = random.pick(kinds);
  const isMixed = random.below(6) === 0;
  let offset = 0;
  while (offset < length) {
    if (isMixed) kind = random.pick(kinds);
    const bits = kind > 100 ? kind - 100 : kind;
    const value = kind > 100 ? float(bits as 16 | 32 | 64, random) : integer(bits, random);
    for (let i = 0; i < bits / 8 && offset < length; i++) {
      bytes[at + offset++] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }
}
