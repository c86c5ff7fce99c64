// SPDX-License-Identifier: BSD-2-Clause
// PCLMULQDQ: the product of two 64-bit polynomials over GF(2), which has 127 bits (SDM 1 12.13.4).
import type { Kernel } from "./vector-unit.ts";

/** Multiples of the first operand by the polynomials of degree below 4, as words: three each. */
const multiples = new Int32Array(3 * 16);

function makeMultiples(lo: number, hi: number): void {
  for (let k = 1; k < 16; k++) {
    const half = 3 * (k >> 1);
    const low = multiples[half]!;
    const middle = multiples[half + 1]!;
    const isOdd = (k & 1) !== 0;
    multiples[3 * k] = (low << 1) ^ (isOdd ? lo : 0);
    multiples[3 * k + 1] = ((middle << 1) | (low >>> 31)) ^ (isOdd ? hi : 0);
    multiples[3 * k + 2] = (multiples[half + 2]! << 1) | (middle >>> 31);
  }
}

/** imm 0 chooses the half of `a`, 4 that of `b`. Four bits of the second operand at a time, from the top. */
export const pclmulqdq: Kernel = ({ s }, d, a, b, imm) => {
  const left = a + ((imm & 1) << 1);
  const right = b + ((imm >> 3) & 2);
  makeMultiples(s[left]!, s[left + 1]!);
  const rightLo = s[right]!;
  const rightHi = s[right + 1]!;
  let word0 = 0;
  let word1 = 0;
  let word2 = 0;
  let word3 = 0;
  for (let shift = 60; shift >= 0; shift -= 4) {
    word3 = (word3 << 4) | (word2 >>> 28);
    word2 = (word2 << 4) | (word1 >>> 28);
    word1 = (word1 << 4) | (word0 >>> 28);
    word0 <<= 4;
    const digit = (shift > 31 ? rightHi >>> (shift - 32) : rightLo >>> shift) & 15;
    word0 ^= multiples[3 * digit]!;
    word1 ^= multiples[3 * digit + 1]!;
    word2 ^= multiples[3 * digit + 2]!;
  }
  s[d] = word0;
  s[d + 1] = word1;
  s[d + 2] = word2;
  s[d + 3] = word3;
};
