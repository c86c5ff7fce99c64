// SPDX-License-Identifier: BSD-2-Clause
// Arithmetic on the vCPU's state block: what the instructions of the integer set have in common. Each
// function takes its operands, records the flags and returns the result. 32-bit values are int32, 8- and
// 16-bit ones zero-extended; of a 64-bit result the low half is returned and the high half left in HI.
import { HI } from "../mmu/machine-layout.ts";
import {
  CC_ADC,
  CC_ADD,
  CC_DEC,
  CC_INC,
  CC_LOGIC,
  CC_SBB,
  CC_SUB,
  FLAG_CF,
  isCarry,
  WIDTH_8,
  WIDTH_32,
  WIDTH_64,
} from "./flags.ts";
import { CC_KIND, CC_RESULT, CC_SOURCE, FLAGS } from "./state-layout.ts";

/** All ones of a width below 64. */
function maskOf(width: number): number {
  return width === WIDTH_8 ? 0xff : 0xffff;
}

export function add32(s: Int32Array, a: number, b: number): number {
  const result = (a + b) | 0;
  s[CC_KIND] = CC_ADD | WIDTH_32;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function sub32(s: Int32Array, a: number, b: number): number {
  const result = (a - b) | 0;
  s[CC_KIND] = CC_SUB | WIDTH_32;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

/** AND, OR and XOR have no operands to remember: the result is enough. */
export function logic32(s: Int32Array, result: number): number {
  s[CC_KIND] = CC_LOGIC | WIDTH_32;
  s[CC_RESULT] = result;
  return result;
}

export function adc32(s: Int32Array, a: number, b: number): number {
  if (!isCarry(s)) return add32(s, a, b);
  const result = (a + b + 1) | 0;
  s[CC_KIND] = CC_ADC | WIDTH_32;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function sbb32(s: Int32Array, a: number, b: number): number {
  if (!isCarry(s)) return sub32(s, a, b);
  const result = (a - b - 1) | 0;
  s[CC_KIND] = CC_SBB | WIDTH_32;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function add64(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = (aLo + bLo) | 0;
  const hi = (aHi + bHi + (lo >>> 0 < aLo >>> 0 ? 1 : 0)) | 0;
  s[CC_KIND] = CC_ADD | WIDTH_64;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
  s[CC_SOURCE] = aLo;
  s[CC_SOURCE + 1] = aHi;
  s[HI] = hi;
  return lo;
}

export function sub64(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = (aLo - bLo) | 0;
  const hi = (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0;
  s[CC_KIND] = CC_SUB | WIDTH_64;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
  s[CC_SOURCE] = aLo;
  s[CC_SOURCE + 1] = aHi;
  s[HI] = hi;
  return lo;
}

export function logic64(s: Int32Array, lo: number, hi: number): number {
  s[CC_KIND] = CC_LOGIC | WIDTH_64;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
  s[HI] = hi;
  return lo;
}

export function adc64(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (!isCarry(s)) return add64(s, aLo, aHi, bLo, bHi);
  const lo = (aLo + bLo + 1) | 0;
  const hi = (aHi + bHi + (lo >>> 0 <= aLo >>> 0 ? 1 : 0)) | 0;
  s[CC_KIND] = CC_ADC | WIDTH_64;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
  s[CC_SOURCE] = aLo;
  s[CC_SOURCE + 1] = aHi;
  s[HI] = hi;
  return lo;
}

export function sbb64(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (!isCarry(s)) return sub64(s, aLo, aHi, bLo, bHi);
  const lo = (aLo - bLo - 1) | 0;
  const hi = (aHi - bHi - (aLo >>> 0 <= bLo >>> 0 ? 1 : 0)) | 0;
  s[CC_KIND] = CC_SBB | WIDTH_64;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
  s[CC_SOURCE] = aLo;
  s[CC_SOURCE + 1] = aHi;
  s[HI] = hi;
  return lo;
}

// 8 and 16 bits: `width` is WIDTH_8 or WIDTH_16, operands and result are zero-extended.

export function addNarrow(s: Int32Array, a: number, b: number, width: number): number {
  const result = (a + b) & maskOf(width);
  s[CC_KIND] = CC_ADD | width;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function subNarrow(s: Int32Array, a: number, b: number, width: number): number {
  const result = (a - b) & maskOf(width);
  s[CC_KIND] = CC_SUB | width;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function logicNarrow(s: Int32Array, result: number, width: number): number {
  s[CC_KIND] = CC_LOGIC | width;
  s[CC_RESULT] = result;
  return result;
}

export function adcNarrow(s: Int32Array, a: number, b: number, width: number): number {
  if (!isCarry(s)) return addNarrow(s, a, b, width);
  const result = (a + b + 1) & maskOf(width);
  s[CC_KIND] = CC_ADC | width;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

export function sbbNarrow(s: Int32Array, a: number, b: number, width: number): number {
  if (!isCarry(s)) return subNarrow(s, a, b, width);
  const result = (a - b - 1) & maskOf(width);
  s[CC_KIND] = CC_SBB | width;
  s[CC_RESULT] = result;
  s[CC_SOURCE] = a;
  return result;
}

// INC and DEC keep CF, which therefore has to be worked out first.

function keepCarry(s: Int32Array): void {
  s[FLAGS] = isCarry(s) ? s[FLAGS]! | FLAG_CF : s[FLAGS]! & ~FLAG_CF;
}

export function inc32(s: Int32Array, a: number): number {
  keepCarry(s);
  const result = add32(s, a, 1);
  s[CC_KIND] = CC_INC | WIDTH_32;
  return result;
}

export function dec32(s: Int32Array, a: number): number {
  keepCarry(s);
  const result = sub32(s, a, 1);
  s[CC_KIND] = CC_DEC | WIDTH_32;
  return result;
}

export function inc64(s: Int32Array, lo: number, hi: number): number {
  keepCarry(s);
  const result = add64(s, lo, hi, 1, 0);
  s[CC_KIND] = CC_INC | WIDTH_64;
  return result;
}

export function dec64(s: Int32Array, lo: number, hi: number): number {
  keepCarry(s);
  const result = sub64(s, lo, hi, 1, 0);
  s[CC_KIND] = CC_DEC | WIDTH_64;
  return result;
}

export function incNarrow(s: Int32Array, a: number, width: number): number {
  keepCarry(s);
  const result = addNarrow(s, a, 1, width);
  s[CC_KIND] = CC_INC | width;
  return result;
}

export function decNarrow(s: Int32Array, a: number, width: number): number {
  keepCarry(s);
  const result = subNarrow(s, a, 1, width);
  s[CC_KIND] = CC_DEC | width;
  return result;
}
