// SPDX-License-Identifier: BSD-2-Clause
// Packed integer arithmetic, SDM 1 9.3.3, one 32-bit word at a time: four bytes, two 16-bit words or one
// doubleword. A vector of any length is that many words, so MMX and the XMM and YMM registers share this.
// Lanes are numbered from the lowest bits.

/** The lanes of one word of each operand; the destination is on the left. */
export type WordOperation = (a: number, b: number) => number;

// The signed and unsigned lanes of a word.

function byte0(a: number): number {
  return (a << 24) >> 24;
}

function byte1(a: number): number {
  return (a << 16) >> 24;
}

function byte2(a: number): number {
  return (a << 8) >> 24;
}

function byte3(a: number): number {
  return a >> 24;
}

function low(a: number): number {
  return (a << 16) >> 16;
}

function high(a: number): number {
  return a >> 16;
}

function joinBytes(b0: number, b1: number, b2: number, b3: number): number {
  return (b0 & 0xff) | ((b1 & 0xff) << 8) | ((b2 & 0xff) << 16) | (b3 << 24);
}

/** Two 16-bit lanes, of which the upper bits do not matter. */
export function joinWords(w0: number, w1: number): number {
  return (w0 & 0xffff) | (w1 << 16);
}

export function saturateS8(value: number): number {
  return value > 0x7f ? 0x7f : Math.max(value, -0x80);
}

export function saturateU8(value: number): number {
  return value > 0xff ? 0xff : Math.max(value, 0);
}

export function saturateS16(value: number): number {
  return value > 0x7fff ? 0x7fff : Math.max(value, -0x8000);
}

export function saturateU16(value: number): number {
  return value > 0xffff ? 0xffff : Math.max(value, 0);
}

// Wrapping: the top bits of the lanes are kept out of the carries, and added without one.

export function addBytes(a: number, b: number): number {
  return ((a & 0x7f7f7f7f) + (b & 0x7f7f7f7f)) ^ ((a ^ b) & 0x80808080);
}

export function addWords(a: number, b: number): number {
  return ((a & 0x7fff7fff) + (b & 0x7fff7fff)) ^ ((a ^ b) & 0x80008000);
}

export function addDwords(a: number, b: number): number {
  return (a + b) | 0;
}

export function subtractBytes(a: number, b: number): number {
  return ((a | 0x80808080) - (b & 0x7f7f7f7f)) ^ ((a ^ ~b) & 0x80808080);
}

export function subtractWords(a: number, b: number): number {
  return ((a | 0x80008000) - (b & 0x7fff7fff)) ^ ((a ^ ~b) & 0x80008000);
}

export function subtractDwords(a: number, b: number): number {
  return (a - b) | 0;
}

// Saturating.

export function addSignedBytes(a: number, b: number): number {
  return joinBytes(
    saturateS8(byte0(a) + byte0(b)),
    saturateS8(byte1(a) + byte1(b)),
    saturateS8(byte2(a) + byte2(b)),
    saturateS8(byte3(a) + byte3(b)),
  );
}

export function subtractSignedBytes(a: number, b: number): number {
  return joinBytes(
    saturateS8(byte0(a) - byte0(b)),
    saturateS8(byte1(a) - byte1(b)),
    saturateS8(byte2(a) - byte2(b)),
    saturateS8(byte3(a) - byte3(b)),
  );
}

export function addSignedWords(a: number, b: number): number {
  return joinWords(saturateS16(low(a) + low(b)), saturateS16(high(a) + high(b)));
}

export function subtractSignedWords(a: number, b: number): number {
  return joinWords(saturateS16(low(a) - low(b)), saturateS16(high(a) - high(b)));
}

/** a where it is the larger lane, with nothing of b: what is left of a when b is taken off, and at least 0. */
export function subtractUnsignedBytes(a: number, b: number): number {
  return joinBytes(
    saturateU8((a & 0xff) - (b & 0xff)),
    saturateU8(((a >>> 8) & 0xff) - ((b >>> 8) & 0xff)),
    saturateU8(((a >>> 16) & 0xff) - ((b >>> 16) & 0xff)),
    saturateU8((a >>> 24) - (b >>> 24)),
  );
}

/** ~a is how far a can still go. */
export function addUnsignedBytes(a: number, b: number): number {
  return ~subtractUnsignedBytes(~a, b);
}

export function subtractUnsignedWords(a: number, b: number): number {
  return joinWords(saturateU16((a & 0xffff) - (b & 0xffff)), saturateU16((a >>> 16) - (b >>> 16)));
}

export function addUnsignedWords(a: number, b: number): number {
  return ~subtractUnsignedWords(~a, b);
}

// Comparison: all ones where it holds.

/** All ones in the lanes that are not zero. */
function fillBytes(a: number): number {
  const top = ((a & 0x7f7f7f7f) + 0x7f7f7f7f) | a;
  // Each lane's top bit, spread over the lane.
  const bit = (top >>> 7) & 0x01010101;
  return ((bit << 8) - bit) | 0;
}

export function equalBytes(a: number, b: number): number {
  return ~fillBytes(a ^ b);
}

export function equalWords(a: number, b: number): number {
  const differs = a ^ b;
  return joinWords((differs & 0xffff) === 0 ? -1 : 0, differs >>> 16 === 0 ? -1 : 0);
}

export function equalDwords(a: number, b: number): number {
  return a === b ? -1 : 0;
}

export function greaterBytes(a: number, b: number): number {
  return joinBytes(
    byte0(a) > byte0(b) ? -1 : 0,
    byte1(a) > byte1(b) ? -1 : 0,
    byte2(a) > byte2(b) ? -1 : 0,
    byte3(a) > byte3(b) ? -1 : 0,
  );
}

export function greaterWords(a: number, b: number): number {
  return joinWords(low(a) > low(b) ? -1 : 0, high(a) > high(b) ? -1 : 0);
}

export function greaterDwords(a: number, b: number): number {
  return a > b ? -1 : 0;
}

// Minimum, maximum, average.

/** The larger of two unsigned lanes is one of them, plus what the other has more. */
export function maximumUnsignedBytes(a: number, b: number): number {
  return addBytes(b, subtractUnsignedBytes(a, b));
}

export function minimumUnsignedBytes(a: number, b: number): number {
  return subtractBytes(a, subtractUnsignedBytes(a, b));
}

export function maximumSignedWords(a: number, b: number): number {
  return joinWords(Math.max(low(a), low(b)), Math.max(high(a), high(b)));
}

export function minimumSignedWords(a: number, b: number): number {
  return joinWords(Math.min(low(a), low(b)), Math.min(high(a), high(b)));
}

/** (a + b + 1) >> 1 of each lane, without the ninth bit. */
export function averageBytes(a: number, b: number): number {
  return ((a | b) - (((a ^ b) >>> 1) & 0x7f7f7f7f)) | 0;
}

export function averageWords(a: number, b: number): number {
  return ((a | b) - (((a ^ b) >>> 1) & 0x7fff7fff)) | 0;
}

// Logic.

export function and(a: number, b: number): number {
  return a & b;
}

export function andNot(a: number, b: number): number {
  return ~a & b;
}

export function or(a: number, b: number): number {
  return a | b;
}

export function xor(a: number, b: number): number {
  return a ^ b;
}

// Multiplication of 16-bit lanes.

export function multiplyLowWords(a: number, b: number): number {
  return joinWords(low(a) * low(b), high(a) * high(b));
}

export function multiplyHighWords(a: number, b: number): number {
  return joinWords((low(a) * low(b)) >> 16, (high(a) * high(b)) >> 16);
}

export function multiplyHighUnsignedWords(a: number, b: number): number {
  const lower = Math.imul(a & 0xffff, b & 0xffff) >>> 16;
  const upper = Math.imul(a >>> 16, b >>> 16) >>> 16;
  return joinWords(lower, upper);
}

/** PMULHRSW: the product's upper half, rounded, as fractions with 15 bits. */
export function multiplyRoundedWords(a: number, b: number): number {
  const round = (product: number) => ((product >> 14) + 1) >> 1;
  return joinWords(round(low(a) * low(b)), round(high(a) * high(b)));
}

/** PMADDWD: products of signed lanes, added in pairs. */
export function multiplyAddWords(a: number, b: number): number {
  return (low(a) * low(b) + high(a) * high(b)) | 0;
}

/** PMADDUBSW: unsigned bytes of a by signed ones of b, added in pairs with saturation. */
export function multiplyAddBytes(a: number, b: number): number {
  const lower = (a & 0xff) * byte0(b) + ((a >>> 8) & 0xff) * byte1(b);
  const upper = ((a >>> 16) & 0xff) * byte2(b) + (a >>> 24) * byte3(b);
  return joinWords(saturateS16(lower), saturateS16(upper));
}

// Signs: PABS takes b alone, PSIGN gives a's lanes the sign of b's.

export function absoluteBytes(_a: number, b: number): number {
  return joinBytes(Math.abs(byte0(b)), Math.abs(byte1(b)), Math.abs(byte2(b)), Math.abs(byte3(b)));
}

export function absoluteWords(_a: number, b: number): number {
  return joinWords(Math.abs(low(b)), Math.abs(high(b)));
}

export function absoluteDwords(_a: number, b: number): number {
  return b < 0 ? -b | 0 : b;
}

export function signBytes(a: number, b: number): number {
  return joinBytes(
    byte0(a) * Math.sign(byte0(b)),
    byte1(a) * Math.sign(byte1(b)),
    byte2(a) * Math.sign(byte2(b)),
    byte3(a) * Math.sign(byte3(b)),
  );
}

export function signWords(a: number, b: number): number {
  return joinWords(low(a) * Math.sign(low(b)), high(a) * Math.sign(high(b)));
}

export function signDwords(a: number, b: number): number {
  return b > 0 ? a : b < 0 ? -a | 0 : 0;
}

// Shifts of all lanes by one count, which is unsigned; from the lane's width on nothing is left, or the sign.

export function shiftWordsLeft(a: number, count: number): number {
  return count > 15 ? 0 : joinWords(a << count, (a >>> 16) << count);
}

export function shiftWordsRight(a: number, count: number): number {
  return count > 15 ? 0 : joinWords((a & 0xffff) >>> count, (a >>> 16) >>> count);
}

export function shiftWordsArithmetic(a: number, count: number): number {
  const by = Math.min(count, 15);
  return joinWords(low(a) >> by, high(a) >> by);
}

export function shiftDwordsLeft(a: number, count: number): number {
  return count > 31 ? 0 : a << count;
}

export function shiftDwordsRight(a: number, count: number): number {
  return count > 31 ? 0 : a >>> count;
}

export function shiftDwordsArithmetic(a: number, count: number): number {
  return a >> Math.min(count, 31);
}

// Packing and interleaving: words made of other words' lanes.

/** Four 16-bit lanes of two words, as signed bytes. */
export function packSignedBytes(first: number, second: number): number {
  return joinBytes(
    saturateS8(low(first)),
    saturateS8(high(first)),
    saturateS8(low(second)),
    saturateS8(high(second)),
  );
}

/** Signed 16-bit lanes as unsigned bytes. */
export function packUnsignedBytes(first: number, second: number): number {
  return joinBytes(
    saturateU8(low(first)),
    saturateU8(high(first)),
    saturateU8(low(second)),
    saturateU8(high(second)),
  );
}

export function packSignedWords(first: number, second: number): number {
  return joinWords(saturateS16(first), saturateS16(second));
}

/** The lower two bytes of each, taken in turn. */
export function interleaveLowBytes(a: number, b: number): number {
  return joinBytes(a, b, a >>> 8, b >>> 8);
}

export function interleaveHighBytes(a: number, b: number): number {
  return joinBytes(a >>> 16, b >>> 16, a >>> 24, b >>> 24);
}

export function interleaveLowWords(a: number, b: number): number {
  return joinWords(a, b);
}

export function interleaveHighWords(a: number, b: number): number {
  return joinWords(a >>> 16, b >>> 16);
}

/** Sum of the absolute differences of four unsigned bytes. */
export function sumOfDifferences(a: number, b: number): number {
  return (
    Math.abs((a & 0xff) - (b & 0xff)) +
    Math.abs(((a >>> 8) & 0xff) - ((b >>> 8) & 0xff)) +
    Math.abs(((a >>> 16) & 0xff) - ((b >>> 16) & 0xff)) +
    Math.abs((a >>> 24) - (b >>> 24))
  );
}

/** The top bits of four bytes. */
export function signMask(a: number): number {
  return ((a >>> 7) & 1) | ((a >>> 14) & 2) | ((a >>> 21) & 4) | ((a >>> 28) & 8);
}

// Horizontal: both lanes of one word.

export function sumOfWords(a: number): number {
  return low(a) + high(a);
}

/** The lower lane less the upper one. */
export function differenceOfWords(a: number): number {
  return low(a) - high(a);
}
