// SPDX-License-Identifier: BSD-2-Clause
// Kernels on integers: packed.ts applied to the four words of a lane, and what looks at 64 bits or at a whole
// lane at once. SDM 2, by the names of the instructions.
import { HI } from "../../mmu/machine-layout.ts";
import { multiply32 } from "../pair.ts";
import { psubd, sumOfDifferences, type WordOp } from "./packed.ts";
import type { Kernel, VectorUnit } from "./vector-unit.ts";

/** A function of two words, on each word of a lane. */
export function wordwise(op: WordOp): Kernel {
  return ({ s }, d, a, b) => {
    s[d] = op(s[a]!, s[b]!);
    s[d + 1] = op(s[a + 1]!, s[b + 1]!);
    s[d + 2] = op(s[a + 2]!, s[b + 2]!);
    s[d + 3] = op(s[a + 3]!, s[b + 3]!);
  };
}

/** A function of one word, on each word of a lane. */
export function wordwiseUnary(op: (a: number) => number): Kernel {
  return ({ s }, d, _a, b) => {
    s[d] = op(s[b]!);
    s[d + 1] = op(s[b + 1]!);
    s[d + 2] = op(s[b + 2]!);
    s[d + 3] = op(s[b + 3]!);
  };
}

/** Two neighbouring words become one: the low half of the result from `a`, the high half from `b`. */
export function narrowing(op: WordOp): Kernel {
  return ({ s }, d, a, b) => {
    const word0 = op(s[a]!, s[a + 1]!);
    const word1 = op(s[a + 2]!, s[a + 3]!);
    const word2 = op(s[b]!, s[b + 1]!);
    const word3 = op(s[b + 2]!, s[b + 3]!);
    s[d] = word0;
    s[d + 1] = word1;
    s[d + 2] = word2;
    s[d + 3] = word3;
  };
}

export const phaddd: Kernel = narrowing((a, b) => (a + b) | 0);
export const phsubd: Kernel = narrowing(psubd);

// Elements of 64 bits.

export const paddq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    const lo = (s[a + i]! + s[b + i]!) | 0;
    const carry = lo >>> 0 < s[b + i]! >>> 0 ? 1 : 0;
    s[d + i + 1] = s[a + i + 1]! + s[b + i + 1]! + carry;
    s[d + i] = lo;
  }
};

export const psubq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    const borrow = s[a + i]! >>> 0 < s[b + i]! >>> 0 ? 1 : 0;
    s[d + i + 1] = s[a + i + 1]! - s[b + i + 1]! - borrow;
    s[d + i] = s[a + i]! - s[b + i]!;
  }
};

/** The low words of both elements, unsigned, to 64 bits. */
export const pmuludq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    s[d + i] = multiply32(s, s[a + i]!, s[b + i]!);
    s[d + i + 1] = s[HI]!;
  }
};

/** The same, signed. */
export const pmuldq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    const x = s[a + i]!;
    const y = s[b + i]!;
    s[d + i] = multiply32(s, x, y);
    s[d + i + 1] = s[HI]! - (x < 0 ? y : 0) - (y < 0 ? x : 0);
  }
};

export const pcmpeqq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    const isEqual = s[a + i] === s[b + i] && s[a + i + 1] === s[b + i + 1];
    s[d + i] = isEqual ? -1 : 0;
    s[d + i + 1] = isEqual ? -1 : 0;
  }
};

export const pcmpgtq: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    const aHi = s[a + i + 1]!;
    const bHi = s[b + i + 1]!;
    const isAbove = aHi === bHi ? s[a + i]! >>> 0 > s[b + i]! >>> 0 : aHi > bHi;
    s[d + i] = isAbove ? -1 : 0;
    s[d + i + 1] = isAbove ? -1 : 0;
  }
};

// Shifts. The count is the immediate, or what shiftCount makes of a register; above the width it is clamped.

/** Count of a shift by a register: its low 64 bits, as far as they matter. */
export function shiftCount({ s }: VectorUnit, at: number): number {
  return s[at + 1] === 0 && s[at]! >>> 0 < 64 ? s[at]! : 64;
}

/** A shift of the elements of each word by one count. */
export function shiftWords(op: WordOp): Kernel {
  return ({ s }, d, a, _b, count) => {
    s[d] = op(s[a]!, count);
    s[d + 1] = op(s[a + 1]!, count);
    s[d + 2] = op(s[a + 2]!, count);
    s[d + 3] = op(s[a + 3]!, count);
  };
}

function shiftLeft(s: Int32Array, d: number, a: number, count: number): void {
  const lo = s[a]!;
  const hi = s[a + 1]!;
  if (count > 63) {
    s[d] = 0;
    s[d + 1] = 0;
  } else if (count > 31) {
    s[d] = 0;
    s[d + 1] = lo << (count - 32);
  } else {
    s[d] = lo << count;
    s[d + 1] = count === 0 ? hi : (hi << count) | (lo >>> (32 - count));
  }
}

function shiftRight(s: Int32Array, d: number, a: number, count: number): void {
  const lo = s[a]!;
  const hi = s[a + 1]!;
  if (count > 63) {
    s[d] = 0;
    s[d + 1] = 0;
  } else if (count > 31) {
    s[d] = hi >>> (count - 32);
    s[d + 1] = 0;
  } else {
    s[d] = count === 0 ? lo : (lo >>> count) | (hi << (32 - count));
    s[d + 1] = hi >>> count;
  }
}

export const psllq: Kernel = ({ s }, d, a, _b, count) => {
  shiftLeft(s, d, a, count);
  shiftLeft(s, d + 2, a + 2, count);
};

export const psrlq: Kernel = ({ s }, d, a, _b, count) => {
  shiftRight(s, d, a, count);
  shiftRight(s, d + 2, a + 2, count);
};

/** The whole lane, by bytes. */
export const pslldq: Kernel = ({ bytes }, d, a, _b, count) => {
  const from = 4 * a;
  const to = 4 * d;
  for (let i = 15; i >= 0; i--) bytes[to + i] = i >= count ? bytes[from + i - count]! : 0;
};

export const psrldq: Kernel = ({ bytes }, d, a, _b, count) => {
  const from = 4 * a;
  const to = 4 * d;
  for (let i = 0; i < 16; i++) bytes[to + i] = i + count < 16 ? bytes[from + i + count]! : 0;
};

// AVX2's shifts of each element by a count of its own.

/** A shift for 32-bit elements as a function of two words. */
export function byOwnCount(shift: WordOp): WordOp {
  return (a, count) => shift(a, count >>> 0 > 32 ? 32 : count);
}

export const psllvq: Kernel = (v, d, a, b) => {
  const first = shiftCount(v, b);
  const second = shiftCount(v, b + 2);
  shiftLeft(v.s, d, a, first);
  shiftLeft(v.s, d + 2, a + 2, second);
};

export const psrlvq: Kernel = (v, d, a, b) => {
  const first = shiftCount(v, b);
  const second = shiftCount(v, b + 2);
  shiftRight(v.s, d, a, first);
  shiftRight(v.s, d + 2, a + 2, second);
};

// Sums of absolute differences.

export const psadbw: Kernel = ({ s }, d, a, b) => {
  for (let i = 0; i < 4; i += 2) {
    s[d + i] =
      sumOfDifferences(s[a + i]!, s[b + i]!) + sumOfDifferences(s[a + i + 1]!, s[b + i + 1]!);
    s[d + i + 1] = 0;
  }
};

const difference = new Uint16Array(8);

/** Eight sums: four bytes of `b` against `a` from each of eight places on. imm 1:0 and 2 choose them. */
export const mpsadbw: Kernel = ({ bytes, words }, d, a, b, imm) => {
  const block = 4 * b + 4 * (imm & 3);
  const window = 4 * a + (imm & 4);
  for (let i = 0; i < 8; i++) {
    let sum = 0;
    for (let k = 0; k < 4; k++) sum += Math.abs(bytes[window + i + k]! - bytes[block + k]!);
    difference[i] = sum;
  }
  for (let i = 0; i < 8; i++) words[2 * d + i] = difference[i]!;
};

/** The smallest of eight unsigned 16-bit numbers, and where it is first. */
export const phminposuw: Kernel = ({ s, words }, d, _a, b) => {
  let position = 0;
  for (let i = 1; i < 8; i++) {
    if (words[2 * b + i]! < words[2 * b + position]!) position = i;
  }
  s[d] = words[2 * b + position]! | (position << 16);
  s[d + 1] = 0;
  s[d + 2] = 0;
  s[d + 3] = 0;
};
