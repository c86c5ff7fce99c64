// SPDX-License-Identifier: BSD-2-Clause
// AES rounds on one lane: FIPS 197, as AES-NI cuts it up (SDM 1 12.13). Byte i of a lane is row i mod 4 of
// column i / 4. SubBytes and MixColumns are one table of words; the other rows' words are its rotations.
import type { Kernel } from "./vector-unit.ts";

/** Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
function double(a: number): number {
  return ((a << 1) ^ ((a & 0x80) !== 0 ? 0x11b : 0)) & 0xff;
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let power = a, rest = b; rest !== 0; rest >>= 1, power = double(power)) {
    if ((rest & 1) !== 0) product ^= power;
  }
  return product;
}

const rotateByte = (a: number, count: number): number => ((a << count) | (a >> (8 - count))) & 0xff;

const SBOX = new Uint8Array(256);
const INVERSE_SBOX = new Uint8Array(256);
/** Column that a byte in row 0 contributes after SubBytes and MixColumns, and after their inverses. */
const ROUND = new Int32Array(256);
const INVERSE_ROUND = new Int32Array(256);

function column(a: number, factors: readonly [number, number, number, number]): number {
  return factors.reduce((word, factor, row) => word | (multiply(a, factor) << (8 * row)), 0);
}

/** FIPS 197 5.1.1 and 5.1.3: the inverse in GF(2^8), an affine map, and the columns' polynomials. */
function makeTables(): void {
  for (let a = 0; a < 256; a++) {
    let inverse = 0;
    if (a !== 0) {
      inverse = 1;
      while (multiply(a, inverse) !== 1) inverse++;
    }
    const image =
      inverse ^
      rotateByte(inverse, 1) ^
      rotateByte(inverse, 2) ^
      rotateByte(inverse, 3) ^
      rotateByte(inverse, 4) ^
      0x63;
    SBOX[a] = image;
    INVERSE_SBOX[image] = a;
  }
  for (let a = 0; a < 256; a++) {
    ROUND[a] = column(SBOX[a]!, [2, 1, 1, 3]);
    INVERSE_ROUND[a] = column(INVERSE_SBOX[a]!, [14, 9, 13, 11]);
  }
}

const rotate = (a: number, count: number): number => (a << count) | (a >>> (32 - count));

const state = new Uint8Array(16);

/** A row's bytes come from this many columns to the right: ShiftRows, and its inverse. */
const SHIFT = 1;
const INVERSE_SHIFT = 3;

function takeState(bytes: Uint8Array, a: number): void {
  for (let i = 0; i < 16; i++) state[i] = bytes[4 * a + i]!;
}

/** Byte of the state in `row` that lands in `toColumn`. */
function shifted(toColumn: number, row: number, shift: number): number {
  return state[4 * ((toColumn + shift * row) & 3) + row]!;
}

function round(table: Int32Array, shift: number): Kernel {
  return ({ s, bytes }, d, a, b) => {
    takeState(bytes, a);
    for (let i = 0; i < 4; i++) {
      s[d + i] =
        table[shifted(i, 0, shift)]! ^
        rotate(table[shifted(i, 1, shift)]!, 8) ^
        rotate(table[shifted(i, 2, shift)]!, 16) ^
        rotate(table[shifted(i, 3, shift)]!, 24) ^
        s[b + i]!;
    }
  };
}

/** Without MixColumns. */
function lastRound(box: Uint8Array, shift: number): Kernel {
  return ({ s, bytes }, d, a, b) => {
    takeState(bytes, a);
    for (let i = 0; i < 4; i++) {
      const word =
        box[shifted(i, 0, shift)]! |
        (box[shifted(i, 1, shift)]! << 8) |
        (box[shifted(i, 2, shift)]! << 16) |
        (box[shifted(i, 3, shift)]! << 24);
      s[d + i] = word ^ s[b + i]!;
    }
  };
}

export const aesenc: Kernel = round(ROUND, SHIFT);
export const aesdec: Kernel = round(INVERSE_ROUND, INVERSE_SHIFT);
export const aesenclast: Kernel = lastRound(SBOX, SHIFT);
export const aesdeclast: Kernel = lastRound(INVERSE_SBOX, INVERSE_SHIFT);

/** InvMixColumns of `b`: the inverse round's table behind SubBytes, which undoes its InvSubBytes. */
export const aesimc: Kernel = ({ s }, d, _a, b) => {
  for (let i = 0; i < 4; i++) {
    const word = s[b + i]!;
    s[d + i] =
      INVERSE_ROUND[SBOX[word & 0xff]!]! ^
      rotate(INVERSE_ROUND[SBOX[(word >>> 8) & 0xff]!]!, 8) ^
      rotate(INVERSE_ROUND[SBOX[(word >>> 16) & 0xff]!]!, 16) ^
      rotate(INVERSE_ROUND[SBOX[word >>> 24]!]!, 24);
  }
};

function substituteWord(word: number): number {
  return (
    SBOX[word & 0xff]! |
    (SBOX[(word >>> 8) & 0xff]! << 8) |
    (SBOX[(word >>> 16) & 0xff]! << 16) |
    (SBOX[word >>> 24]! << 24)
  );
}

/** Of the words 1 and 3 of `b`: SubWord, and RotWord of that with the round constant. */
export const aeskeygenassist: Kernel = ({ s }, d, _a, b, roundConstant) => {
  const first = substituteWord(s[b + 1]!);
  const second = substituteWord(s[b + 3]!);
  s[d] = first;
  s[d + 1] = rotate(first, 24) ^ roundConstant;
  s[d + 2] = second;
  s[d + 3] = rotate(second, 24) ^ roundConstant;
};

makeTables();
