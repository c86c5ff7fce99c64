// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic on packed bytes, 16-bit and 32-bit integers: SDM 1 9.4 and 10.6. Each function works on one
// 32-bit word of an operand, and has the name of its instruction. An MMX register is two such words, an XMM
// register four, a YMM register eight.
//
// The elements of a word are worked on side by side. Carries cannot leave an element where its top bit is
// left out of the sum and put in by exclusive or. A condition is a top bit an element, which `fill…` spreads
// to a mask.

/** From the words of two operands to the word of the result. */
export type WordOp = (a: number, b: number) => number;

const BYTE_TOPS = 0x80808080 | 0;
const WORD_TOPS = 0x80008000 | 0;

function addWithin(a: number, b: number, tops: number): number {
  return ((a & ~tops) + (b & ~tops)) ^ ((a ^ b) & tops);
}

function subWithin(a: number, b: number, tops: number): number {
  return ((a | tops) - (b & ~tops)) ^ (~(a ^ b) & tops);
}

/** From one top bit an element, others clear, to the whole element. */
function fillBytes(bits: number): number {
  return Math.imul(bits >>> 7, 0xff);
}

function fillWords(bits: number): number {
  return Math.imul(bits >>> 15, 0xffff);
}

/** Top bits of the elements where a < b, both unsigned. */
function belowTops(a: number, b: number, tops: number): number {
  return ((~a & b) | (~(a ^ b) & subWithin(a, b, tops))) & tops;
}

/** Takes from `a` where the mask is set, from `b` elsewhere. */
function choose(mask: number, a: number, b: number): number {
  return (a & mask) | (b & ~mask);
}

const low = (a: number): number => (a << 16) >> 16;
const high = (a: number): number => a >> 16;
const join = (lowWord: number, highWord: number): number => (lowWord & 0xffff) | (highWord << 16);

// Addition and subtraction: wrapping, signed saturating (s), unsigned saturating (us).

export const paddb: WordOp = (a, b) => addWithin(a, b, BYTE_TOPS);
export const paddw: WordOp = (a, b) => addWithin(a, b, WORD_TOPS);
export const paddd: WordOp = (a, b) => (a + b) | 0;
export const psubb: WordOp = (a, b) => subWithin(a, b, BYTE_TOPS);
export const psubw: WordOp = (a, b) => subWithin(a, b, WORD_TOPS);
export const psubd: WordOp = (a, b) => (a - b) | 0;

export const paddusb: WordOp = (a, b) => {
  const sum = addWithin(a, b, BYTE_TOPS);
  return sum | fillBytes(((a & b) | ((a | b) & ~sum)) & BYTE_TOPS);
};
export const paddusw: WordOp = (a, b) => {
  const sum = addWithin(a, b, WORD_TOPS);
  return sum | fillWords(((a & b) | ((a | b) & ~sum)) & WORD_TOPS);
};
export const psubusb: WordOp = (a, b) =>
  subWithin(a, b, BYTE_TOPS) & ~fillBytes(belowTops(a, b, BYTE_TOPS));
export const psubusw: WordOp = (a, b) =>
  subWithin(a, b, WORD_TOPS) & ~fillWords(belowTops(a, b, WORD_TOPS));

/** The largest number of the sign that each byte has: 7F or 80. */
function limitBytes(a: number): number {
  return ((a >>> 7) & 0x01010101) + 0x7f7f7f7f;
}

function limitWords(a: number): number {
  return ((a >>> 15) & 0x00010001) + 0x7fff7fff;
}

export const paddsb: WordOp = (a, b) => {
  const sum = addWithin(a, b, BYTE_TOPS);
  return choose(fillBytes(~(a ^ b) & (a ^ sum) & BYTE_TOPS), limitBytes(a), sum);
};
export const paddsw: WordOp = (a, b) => {
  const sum = addWithin(a, b, WORD_TOPS);
  return choose(fillWords(~(a ^ b) & (a ^ sum) & WORD_TOPS), limitWords(a), sum);
};
export const psubsb: WordOp = (a, b) => {
  const difference = subWithin(a, b, BYTE_TOPS);
  return choose(fillBytes((a ^ b) & (a ^ difference) & BYTE_TOPS), limitBytes(a), difference);
};
export const psubsw: WordOp = (a, b) => {
  const difference = subWithin(a, b, WORD_TOPS);
  return choose(fillWords((a ^ b) & (a ^ difference) & WORD_TOPS), limitWords(a), difference);
};

/** Rounded up. */
export const pavgb: WordOp = (a, b) => ((a | b) - (((a ^ b) & 0xfefefefe) >>> 1)) | 0;
export const pavgw: WordOp = (a, b) => ((a | b) - (((a ^ b) & 0xfffefffe) >>> 1)) | 0;

// Comparison: all ones where it holds.

/** Top bits of the elements that are zero. */
function zeroTops(x: number, tops: number): number {
  return ~(((x & ~tops) + ~tops) | x) & tops;
}

export const pcmpeqb: WordOp = (a, b) => fillBytes(zeroTops(a ^ b, BYTE_TOPS));
export const pcmpeqw: WordOp = (a, b) => fillWords(zeroTops(a ^ b, WORD_TOPS));
export const pcmpeqd: WordOp = (a, b) => (a === b ? -1 : 0);
export const pcmpgtb: WordOp = (a, b) =>
  fillBytes(belowTops(b ^ BYTE_TOPS, a ^ BYTE_TOPS, BYTE_TOPS));
export const pcmpgtw: WordOp = (a, b) =>
  fillWords(belowTops(b ^ WORD_TOPS, a ^ WORD_TOPS, WORD_TOPS));
export const pcmpgtd: WordOp = (a, b) => (a > b ? -1 : 0);

export const pminub: WordOp = (a, b) => choose(fillBytes(belowTops(a, b, BYTE_TOPS)), a, b);
export const pmaxub: WordOp = (a, b) => choose(fillBytes(belowTops(a, b, BYTE_TOPS)), b, a);
export const pminuw: WordOp = (a, b) => choose(fillWords(belowTops(a, b, WORD_TOPS)), a, b);
export const pmaxuw: WordOp = (a, b) => choose(fillWords(belowTops(a, b, WORD_TOPS)), b, a);
export const pminud: WordOp = (a, b) => (a >>> 0 < b >>> 0 ? a : b);
export const pmaxud: WordOp = (a, b) => (a >>> 0 < b >>> 0 ? b : a);
export const pminsb: WordOp = (a, b) => choose(pcmpgtb(b, a), a, b);
export const pmaxsb: WordOp = (a, b) => choose(pcmpgtb(b, a), b, a);
export const pminsw: WordOp = (a, b) => choose(pcmpgtw(b, a), a, b);
export const pmaxsw: WordOp = (a, b) => choose(pcmpgtw(b, a), b, a);
export const pminsd: WordOp = (a, b) => Math.min(a, b);
export const pmaxsd: WordOp = (a, b) => Math.max(a, b);

// Multiplication.

export const pmullw: WordOp = (a, b) =>
  join(Math.imul(a, b), Math.imul(a >>> 16, b >>> 16) & 0xffff);
export const pmulhw: WordOp = (a, b) => join((low(a) * low(b)) >> 16, (high(a) * high(b)) >> 16);
export const pmulhuw: WordOp = (a, b) =>
  join(Math.imul(a & 0xffff, b & 0xffff) >>> 16, Math.imul(a >>> 16, b >>> 16) >>> 16);
export const pmulhrsw: WordOp = (a, b) =>
  join((((low(a) * low(b)) >> 14) + 1) >> 1, (((high(a) * high(b)) >> 14) + 1) >> 1);
export const pmulld: WordOp = (a, b) => Math.imul(a, b);

/** Sum of both products of signed 16-bit numbers; only four times -32768 overflows, to -2^31. */
export const pmaddwd: WordOp = (a, b) => (low(a) * low(b) + high(a) * high(b)) | 0;

function clampWord(value: number): number {
  return value > 32767 ? 32767 : Math.max(value, -32768);
}

/** Unsigned bytes of `a` by signed ones of `b`, neighbours added with saturation. */
export const pmaddubsw: WordOp = (a, b) =>
  join(
    clampWord((a & 0xff) * ((b << 24) >> 24) + ((a >>> 8) & 0xff) * ((b << 16) >> 24)),
    clampWord(((a >>> 16) & 0xff) * ((b << 8) >> 24) + (a >>> 24) * (b >> 24)),
  );

// Sign.

/** Absolute values; the most negative number has none and stays. */
export const pabsb = (a: number): number => {
  const mask = fillBytes(a & BYTE_TOPS);
  return subWithin(a ^ mask, mask, BYTE_TOPS);
};
export const pabsw = (a: number): number => {
  const mask = fillWords(a & WORD_TOPS);
  return subWithin(a ^ mask, mask, WORD_TOPS);
};
export const pabsd = (a: number): number => (a < 0 ? -a | 0 : a);

/** `a` with the sign of `b` applied: negated, zero or unchanged. */
export const psignb: WordOp = (a, b) => {
  const mask = fillBytes(b & BYTE_TOPS);
  return subWithin(a ^ mask, mask, BYTE_TOPS) & ~fillBytes(zeroTops(b, BYTE_TOPS));
};
export const psignw: WordOp = (a, b) => {
  const mask = fillWords(b & WORD_TOPS);
  return subWithin(a ^ mask, mask, WORD_TOPS) & ~fillWords(zeroTops(b, WORD_TOPS));
};
export const psignd: WordOp = (a, b) => (b < 0 ? -a | 0 : b === 0 ? 0 : a);

// Shifts of each 16- or 32-bit element by a count that is at most its width.

export const psllw: WordOp = (a, count) =>
  count > 15 ? 0 : join((a & 0xffff) << count, (a >>> 16) << count);
export const psrlw: WordOp = (a, count) =>
  count > 15 ? 0 : join((a & 0xffff) >>> count, (a >>> 16) >>> count);
export const psraw: WordOp = (a, count) => {
  const clamped = Math.min(count, 15);
  return join(low(a) >> clamped, high(a) >> clamped);
};
export const pslld: WordOp = (a, count) => (count > 31 ? 0 : a << count);
export const psrld: WordOp = (a, count) => (count > 31 ? 0 : a >>> count);
export const psrad: WordOp = (a, count) => a >> Math.min(count, 31);

// Logic.

export const pand: WordOp = (a, b) => a & b;
export const pandn: WordOp = (a, b) => ~a & b;
export const por: WordOp = (a, b) => a | b;
export const pxor: WordOp = (a, b) => a ^ b;

// Narrowing and sums across a word.

/** Two words of signed 16-bit numbers to one of saturated signed bytes. */
export const packsswb: WordOp = (a, b) =>
  (clampByte(low(a)) & 0xff) |
  ((clampByte(high(a)) & 0xff) << 8) |
  ((clampByte(low(b)) & 0xff) << 16) |
  (clampByte(high(b)) << 24);

/** The same to unsigned bytes. */
export const packuswb: WordOp = (a, b) =>
  clampUnsignedByte(low(a)) |
  (clampUnsignedByte(high(a)) << 8) |
  (clampUnsignedByte(low(b)) << 16) |
  (clampUnsignedByte(high(b)) << 24);

/** Two signed 32-bit numbers to a word of saturated signed 16-bit ones. */
export const packssdw: WordOp = (a, b) => join(clampWord(a), clampWord(b));

/** The same to unsigned ones. */
export const packusdw: WordOp = (a, b) => join(clampUnsignedWord(a), clampUnsignedWord(b));

function clampByte(value: number): number {
  return value > 127 ? 127 : Math.max(value, -128);
}

function clampUnsignedByte(value: number): number {
  return value > 255 ? 255 : Math.max(value, 0);
}

function clampUnsignedWord(value: number): number {
  return value > 65535 ? 65535 : Math.max(value, 0);
}

/** The top bits of the four bytes, as bits 3:0. */
export function byteSigns(a: number): number {
  return Math.imul((a & BYTE_TOPS) >>> 7, 0x10204080) >>> 28;
}

/** Sum of the four absolute differences of unsigned bytes. */
export function sumOfDifferences(a: number, b: number): number {
  const below = fillBytes(belowTops(a, b, BYTE_TOPS));
  const difference = subWithin(a, b, BYTE_TOPS);
  // Where a < b the difference is negated.
  const absolute = subWithin(difference ^ below, below, BYTE_TOPS);
  const pairs = (absolute & 0x00ff00ff) + ((absolute >>> 8) & 0x00ff00ff);
  return (pairs & 0xffff) + (pairs >>> 16);
}

/** Neighbouring 16-bit numbers added or subtracted: two words of them to one. */
export const phaddw: WordOp = (a, b) => join(low(a) + high(a), low(b) + high(b));
export const phsubw: WordOp = (a, b) => join(low(a) - high(a), low(b) - high(b));
export const phaddsw: WordOp = (a, b) =>
  join(clampWord(low(a) + high(a)), clampWord(low(b) + high(b)));
export const phsubsw: WordOp = (a, b) =>
  join(clampWord(low(a) - high(a)), clampWord(low(b) - high(b)));
