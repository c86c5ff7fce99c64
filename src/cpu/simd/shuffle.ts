// SPDX-License-Identifier: BSD-2-Clause
// Kernels that move elements about within a lane: unpack, shuffle, blend, align, broadcast. SDM 2, by the
// names of the instructions. A result that may share its place with an operand is put together in locals.
import type { Kernel } from "./vector-unit.ts";

// Interleaving.

/** Bytes 0 and 1 of two words, or 2 and 3, in turn. */
function mixLowBytes(a: number, b: number): number {
  return (a & 0xff) | ((b & 0xff) << 8) | ((a & 0xff00) << 8) | ((b & 0xff00) << 16);
}

function mixHighBytes(a: number, b: number): number {
  return mixLowBytes(a >>> 16, b >>> 16);
}

const mixLowWords = (a: number, b: number): number => (a & 0xffff) | (b << 16);
const mixHighWords = (a: number, b: number): number => (a >>> 16) | (b & 0xffff0000);

type Mix = (a: number, b: number) => number;

/** Interleaves the words `from` and `from + 1` of both operands, each pair to two words. */
function interleave(from: number, lowMix: Mix, highMix: Mix): Kernel {
  return ({ s }, d, a, b) => {
    const a0 = s[a + from]!;
    const a1 = s[a + from + 1]!;
    const b0 = s[b + from]!;
    const b1 = s[b + from + 1]!;
    s[d] = lowMix(a0, b0);
    s[d + 1] = highMix(a0, b0);
    s[d + 2] = lowMix(a1, b1);
    s[d + 3] = highMix(a1, b1);
  };
}

const first: Mix = (a) => a;
const second: Mix = (_a, b) => b;

export const punpcklbw = interleave(0, mixLowBytes, mixHighBytes);
export const punpckhbw = interleave(2, mixLowBytes, mixHighBytes);
export const punpcklwd = interleave(0, mixLowWords, mixHighWords);
export const punpckhwd = interleave(2, mixLowWords, mixHighWords);
export const punpckldq = interleave(0, first, second);
export const punpckhdq = interleave(2, first, second);

function write(
  s: Int32Array,
  d: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): void {
  s[d] = word0;
  s[d + 1] = word1;
  s[d + 2] = word2;
  s[d + 3] = word3;
}

export const punpcklqdq: Kernel = ({ s }, d, a, b) =>
  write(s, d, s[a]!, s[a + 1]!, s[b]!, s[b + 1]!);
export const punpckhqdq: Kernel = ({ s }, d, a, b) =>
  write(s, d, s[a + 2]!, s[a + 3]!, s[b + 2]!, s[b + 3]!);

// Shuffles by an immediate: two bits choose an element.

export const pshufd: Kernel = ({ s }, d, _a, b, imm) =>
  write(
    s,
    d,
    s[b + (imm & 3)]!,
    s[b + ((imm >> 2) & 3)]!,
    s[b + ((imm >> 4) & 3)]!,
    s[b + ((imm >> 6) & 3)]!,
  );

export const shufps: Kernel = ({ s }, d, a, b, imm) =>
  write(
    s,
    d,
    s[a + (imm & 3)]!,
    s[a + ((imm >> 2) & 3)]!,
    s[b + ((imm >> 4) & 3)]!,
    s[b + ((imm >> 6) & 3)]!,
  );

export const shufpd: Kernel = ({ s }, d, a, b, imm) => {
  const x = a + ((imm & 1) << 1);
  const y = b + (imm & 2);
  write(s, d, s[x]!, s[x + 1]!, s[y]!, s[y + 1]!);
};

/** VPERMILPD by an immediate. */
export const permilpd: Kernel = (v, d, _a, b, imm) => shufpd(v, d, b, b, imm);

/** Two words of which four 16-bit elements are chosen. */
function shuffleWords({ s }: { s: Int32Array }, d: number, b: number, imm: number): void {
  const lo = s[b]!;
  const hi = s[b + 1]!;
  const element = (at: number): number => {
    const word = (at & 2) === 0 ? lo : hi;
    return (at & 1) === 0 ? word & 0xffff : word >>> 16;
  };
  s[d] = element(imm) | (element(imm >> 2) << 16);
  s[d + 1] = element(imm >> 4) | (element(imm >> 6) << 16);
}

export const pshuflw: Kernel = (v, d, _a, b, imm) => {
  const { s } = v;
  shuffleWords(v, d, b, imm);
  s[d + 2] = s[b + 2]!;
  s[d + 3] = s[b + 3]!;
};

export const pshufhw: Kernel = (v, d, _a, b, imm) => {
  const { s } = v;
  shuffleWords(v, d + 2, b + 2, imm);
  s[d] = s[b]!;
  s[d + 1] = s[b + 1]!;
};

// Shuffles by an operand.

const laneBytes = new Uint8Array(32);

/** Bytes of `a` that the bytes of `b` number; zero where bit 7 is set. */
export const pshufb: Kernel = ({ bytes }, d, a, b) => {
  for (let i = 0; i < 16; i++) {
    const at = bytes[4 * b + i]!;
    laneBytes[i] = at > 127 ? 0 : bytes[4 * a + (at & 15)]!;
  }
  for (let i = 0; i < 16; i++) bytes[4 * d + i] = laneBytes[i]!;
};

/** VPERMILPS and VPERMILPD by an operand: numbers in bits 1:0 of each word, in bit 1 of each pair. */
export const permilpsVariable: Kernel = ({ s }, d, a, b) =>
  write(
    s,
    d,
    s[a + (s[b]! & 3)]!,
    s[a + (s[b + 1]! & 3)]!,
    s[a + (s[b + 2]! & 3)]!,
    s[a + (s[b + 3]! & 3)]!,
  );

export const permilpdVariable: Kernel = ({ s }, d, a, b) => {
  const x = a + (s[b]! & 2);
  const y = a + (s[b + 2]! & 2);
  write(s, d, s[x]!, s[x + 1]!, s[y]!, s[y + 1]!);
};

/** Sixteen bytes from byte `imm` on of `a` above `b`; what lies beyond is zero. */
export const palignr: Kernel = ({ bytes }, d, a, b, imm) => {
  for (let i = 0; i < 16; i++) {
    const at = i + imm;
    laneBytes[i] = at < 16 ? bytes[4 * b + at]! : at < 32 ? bytes[4 * a + at - 16]! : 0;
  }
  for (let i = 0; i < 16; i++) bytes[4 * d + i] = laneBytes[i]!;
};

// Blends: a set bit takes the element of `b`.

export const blendps: Kernel = ({ s }, d, a, b, imm) => {
  for (let i = 0; i < 4; i++) s[d + i] = ((imm >> i) & 1) !== 0 ? s[b + i]! : s[a + i]!;
};

export const blendpd: Kernel = ({ s }, d, a, b, imm) => {
  for (let i = 0; i < 4; i++) s[d + i] = ((imm >> (i >> 1)) & 1) !== 0 ? s[b + i]! : s[a + i]!;
};

export const pblendw: Kernel = ({ words }, d, a, b, imm) => {
  for (let i = 0; i < 8; i++) {
    words[2 * d + i] = ((imm >> i) & 1) !== 0 ? words[2 * b + i]! : words[2 * a + i]!;
  }
};

// Blends by an operand's top bits: its place comes in as the immediate does elsewhere.

export const blendvps: Kernel = ({ s }, d, a, b, mask) => {
  for (let i = 0; i < 4; i++) s[d + i] = s[mask + i]! < 0 ? s[b + i]! : s[a + i]!;
};

export const blendvpd: Kernel = ({ s }, d, a, b, mask) => {
  for (let i = 0; i < 4; i += 2) {
    const from = s[mask + i + 1]! < 0 ? b : a;
    s[d + i] = s[from + i]!;
    s[d + i + 1] = s[from + i + 1]!;
  }
};

export const pblendvb: Kernel = ({ bytes }, d, a, b, mask) => {
  for (let i = 0; i < 16; i++) {
    const from = bytes[4 * mask + i]! > 127 ? b : a;
    bytes[4 * d + i] = bytes[4 * from + i]!;
  }
};

// Duplication.

export const movsldup: Kernel = ({ s }, d, _a, b) =>
  write(s, d, s[b]!, s[b]!, s[b + 2]!, s[b + 2]!);
export const movshdup: Kernel = ({ s }, d, _a, b) =>
  write(s, d, s[b + 1]!, s[b + 1]!, s[b + 3]!, s[b + 3]!);
export const movddup: Kernel = ({ s }, d, _a, b) => write(s, d, s[b]!, s[b + 1]!, s[b]!, s[b + 1]!);

/** Bits 7:6 choose an element of `b`, 5:4 its new place in `a`; the places in 3:0 become zero. */
export const insertps: Kernel = ({ s }, d, a, b, imm) => {
  const element = s[b + ((imm >> 6) & 3)]!;
  for (let i = 0; i < 4; i++) s[d + i] = s[a + i]!;
  s[d + ((imm >> 4) & 3)] = element;
  for (let i = 0; i < 4; i++) if (((imm >> i) & 1) !== 0) s[d + i] = 0;
};
