// SPDX-License-Identifier: BSD-2-Clause
// PMOVSX and PMOVZX: the low elements of a register, each extended to a wider one. They fill one lane or
// two, from half, a quarter or an eighth as many bytes.
import type { VectorUnit } from "./vector-unit.ts";

/** `count` elements of `from` bytes at `b` become ones of `to` bytes at `d`, which may be the same place. */
export type Widening = (v: VectorUnit, d: number, b: number, count: number) => void;

function element(v: VectorUnit, byte: number, from: number, isSigned: boolean): number {
  if (from === 4) return v.s[byte >> 2]!;
  if (from === 2) {
    const value = v.words[byte >> 1]!;
    return isSigned ? (value << 16) >> 16 : value;
  }
  const value = v.bytes[byte]!;
  return isSigned ? (value << 24) >> 24 : value;
}

export function widening(from: 1 | 2 | 4, to: 2 | 4 | 8, isSigned: boolean): Widening {
  return (v, d, b, count) => {
    // From the top down: an element's new place never reaches below its old one.
    for (let i = count - 1; i >= 0; i--) {
      const value = element(v, 4 * b + from * i, from, isSigned);
      if (to === 2) v.words[2 * d + i] = value;
      else if (to === 4) v.s[d + i] = value;
      else {
        v.s[d + 2 * i + 1] = isSigned ? value >> 31 : 0;
        v.s[d + 2 * i] = value;
      }
    }
  };
}
