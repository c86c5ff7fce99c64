// SPDX-License-Identifier: BSD-2-Clause
// SHA-1 and SHA-256 (FIPS 180-4) as the SHA extensions cut them up: SDM 1 12.14, SDM 2. SHA-1 keeps its first
// word in a register's highest place, SHA-256's message its first in the lowest.
import { YMM } from "../state-layout.ts";
import type { Kernel } from "./vector-unit.ts";

const rotateLeft = (a: number, count: number): number => (a << count) | (a >>> (32 - count));
const rotateRight = (a: number, count: number): number => (a >>> count) | (a << (32 - count));

/** Selects by x: FIPS 180-4 4.1.1, Ch. */
const choose = (x: number, y: number, z: number): number => (x & y) ^ (~x & z);
const parity = (x: number, y: number, z: number): number => x ^ y ^ z;
const majority = (x: number, y: number, z: number): number => (x & y) ^ (x & z) ^ (y & z);

/** FIPS 180-4 4.2.1, by the immediate's two bits. */
const SHA1_STAGES = [
  { mix: choose, constant: 0x5a827999 },
  { mix: parity, constant: 0x6ed9eba1 },
  { mix: majority, constant: 0x8f1bbcdc | 0 },
  { mix: parity, constant: 0xca62c1d6 | 0 },
] as const;

/** Four rounds. E is in the first of `b`'s words, added to the message already (SHA1NEXTE). */
export const sha1rnds4: Kernel = ({ s }, d, state, message, imm) => {
  const { mix, constant } = SHA1_STAGES[imm & 3]!;
  let a = s[state + 3]!;
  let b = s[state + 2]!;
  let c = s[state + 1]!;
  let dd = s[state]!;
  let e = 0;
  for (let i = 3; i >= 0; i--) {
    const next = (mix(b, c, dd) + rotateLeft(a, 5) + s[message + i]! + e + constant) | 0;
    e = dd;
    dd = c;
    c = rotateLeft(b, 30);
    b = a;
    a = next;
  }
  s[d + 3] = a;
  s[d + 2] = b;
  s[d + 1] = c;
  s[d] = dd;
};

export const sha1nexte: Kernel = ({ s }, d, a, b) => {
  const e = rotateLeft(s[a + 3]!, 30);
  s[d + 3] = s[b + 3]! + e;
  s[d + 2] = s[b + 2]!;
  s[d + 1] = s[b + 1]!;
  s[d] = s[b]!;
};

export const sha1msg1: Kernel = ({ s }, d, a, b) => {
  const word3 = s[a + 1]! ^ s[a + 3]!;
  const word2 = s[a]! ^ s[a + 2]!;
  const word1 = s[b + 3]! ^ s[a + 1]!;
  const word0 = s[b + 2]! ^ s[a]!;
  s[d + 3] = word3;
  s[d + 2] = word2;
  s[d + 1] = word1;
  s[d] = word0;
};

export const sha1msg2: Kernel = ({ s }, d, a, b) => {
  const word16 = rotateLeft(s[a + 3]! ^ s[b + 2]!, 1);
  const word17 = rotateLeft(s[a + 2]! ^ s[b + 1]!, 1);
  const word18 = rotateLeft(s[a + 1]! ^ s[b]!, 1);
  const word19 = rotateLeft(s[a]! ^ word16, 1);
  s[d + 3] = word16;
  s[d + 2] = word17;
  s[d + 1] = word18;
  s[d] = word19;
};

// FIPS 180-4 4.1.2: Σ0, Σ1, σ0, σ1.
const bigSigma0 = (x: number): number =>
  rotateRight(x, 2) ^ rotateRight(x, 13) ^ rotateRight(x, 22);
const bigSigma1 = (x: number): number =>
  rotateRight(x, 6) ^ rotateRight(x, 11) ^ rotateRight(x, 25);
const sigma0 = (x: number): number => rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3);
const sigma1 = (x: number): number => rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10);

/** Two rounds on A, B, E, F in `second` and C, D, G, H in `first`; XMM0 has message plus constants. */
export const sha256rnds2: Kernel = ({ s }, d, first, second) => {
  let a = s[second + 3]!;
  let b = s[second + 2]!;
  let c = s[first + 3]!;
  let dd = s[first + 2]!;
  let e = s[second + 1]!;
  let f = s[second]!;
  let g = s[first + 1]!;
  let h = s[first]!;
  for (let i = 0; i < 2; i++) {
    const t1 = (h + bigSigma1(e) + choose(e, f, g) + s[YMM + i]!) | 0;
    const t2 = (bigSigma0(a) + majority(a, b, c)) | 0;
    h = g;
    g = f;
    f = e;
    e = (dd + t1) | 0;
    dd = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  s[d + 3] = a;
  s[d + 2] = b;
  s[d + 1] = e;
  s[d] = f;
};

export const sha256msg1: Kernel = ({ s }, d, a, b) => {
  const next = s[b]!;
  s[d] = s[a]! + sigma0(s[a + 1]!);
  s[d + 1] = s[a + 1]! + sigma0(s[a + 2]!);
  s[d + 2] = s[a + 2]! + sigma0(s[a + 3]!);
  s[d + 3] = s[a + 3]! + sigma0(next);
};

export const sha256msg2: Kernel = ({ s }, d, a, b) => {
  const word16 = (s[a]! + sigma1(s[b + 2]!)) | 0;
  const word17 = (s[a + 1]! + sigma1(s[b + 3]!)) | 0;
  s[d + 2] = s[a + 2]! + sigma1(word16);
  s[d + 3] = s[a + 3]! + sigma1(word17);
  s[d] = word16;
  s[d + 1] = word17;
};
