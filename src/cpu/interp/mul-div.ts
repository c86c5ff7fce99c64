// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/mul-div.ts. Multiplication sets CF and OF when the upper half matters; the flags that the
// manual leaves open are SF, ZF and PF of the lower half. Division leaves the flags alone.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM } from "../decode/record.ts";
import {
  CC_RESULT_ONLY,
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  WIDTH_8,
  WIDTH_16,
  WIDTH_32,
  WIDTH_64,
} from "../flags.ts";
import {
  divide128,
  divideSigned128,
  multiply32,
  multiply64,
  multiplySigned64,
  productHigh,
  quotient,
  remainder,
} from "../pair.ts";
import { CC_KIND, CC_RESULT, FLAGS, GPR, GPR_BYTE, RAX, RDX } from "../state-layout.ts";
import { DE } from "../vectors.ts";
import {
  readA8,
  readA16,
  readA32,
  readA64,
  readB16,
  readB32,
  readB64,
  slotA,
  widthOf,
  writeRegister32,
  writeRegister64,
} from "./operands.ts";

const EAX = GPR + 2 * RAX;
const EDX = GPR + 2 * RDX;
const AX = 2 * EAX;
const DX = 2 * EDX;

function productFlags(s: Int32Array, width: number, lo: number, hi: number, isWide: boolean): void {
  const wide = isWide ? FLAG_CF | FLAG_OF : 0;
  s[FLAGS] = (s[FLAGS]! & ~(FLAG_CF | FLAG_OF | FLAG_AF)) | wide;
  s[CC_KIND] = CC_RESULT_ONLY | width;
  s[CC_RESULT] = lo;
  s[CC_RESULT + 1] = hi;
}

function mul(cpu: Cpu, p: number): void {
  const { s, words, bytes } = cpu;
  switch (widthOf(cpu, p)) {
    case 3: {
      const bLo = readA64(cpu, p);
      const lo = multiply64(s, s[EAX]!, s[EAX + 1]!, bLo, s[HI]!);
      const hi = s[HI]!;
      writeRegister64(cpu, EAX, lo, hi);
      writeRegister64(cpu, EDX, productHigh[0]!, productHigh[1]!);
      productFlags(s, WIDTH_64, lo, hi, (productHigh[0]! | productHigh[1]!) !== 0);
      break;
    }
    case 2: {
      const b = readA32(cpu, p);
      const lo = multiply32(s, s[EAX]!, b);
      const hi = s[HI]!;
      writeRegister32(cpu, EAX, lo);
      writeRegister32(cpu, EDX, hi);
      productFlags(s, WIDTH_32, lo, 0, hi !== 0);
      break;
    }
    case 1: {
      const product = words[AX]! * readA16(cpu, p);
      words[AX] = product;
      words[DX] = product >>> 16;
      productFlags(s, WIDTH_16, product & 0xffff, 0, product > 0xffff);
      break;
    }
    default: {
      const product = bytes[GPR_BYTE]! * readA8(cpu, p);
      words[AX] = product;
      productFlags(s, WIDTH_8, product & 0xff, 0, product > 0xff);
      break;
    }
  }
}

/** Signed product of the accumulator. */
function imul1(cpu: Cpu, p: number): void {
  const { s, words, bytes } = cpu;
  switch (widthOf(cpu, p)) {
    case 3: {
      const bLo = readA64(cpu, p);
      const lo = imul64(s, s[EAX]!, s[EAX + 1]!, bLo, s[HI]!);
      writeRegister64(cpu, EAX, lo, s[HI]!);
      writeRegister64(cpu, EDX, productHigh[0]!, productHigh[1]!);
      break;
    }
    case 2: {
      const lo = imul32(s, s[EAX]!, readA32(cpu, p));
      const hi = s[HI]!;
      writeRegister32(cpu, EAX, lo);
      writeRegister32(cpu, EDX, hi);
      break;
    }
    case 1: {
      const product = signed16(words[AX]!) * signed16(readA16(cpu, p));
      words[AX] = product;
      words[DX] = product >> 16;
      productFlags(s, WIDTH_16, product & 0xffff, 0, product !== signed16(product));
      break;
    }
    default: {
      const product = signed8(bytes[GPR_BYTE]!) * signed8(readA8(cpu, p));
      words[AX] = product;
      productFlags(s, WIDTH_8, product & 0xff, 0, product !== signed8(product));
      break;
    }
  }
}

function signed8(value: number): number {
  return (value << 24) >> 24;
}

function signed16(value: number): number {
  return (value << 16) >> 16;
}

/** Low half of a signed product, its high half in HI, with the flags set. */
function imul32(s: Int32Array, a: number, b: number): number {
  const lo = multiply32(s, a, b);
  const hi = s[HI]! - (a < 0 ? b : 0) - (b < 0 ? a : 0);
  s[HI] = hi;
  productFlags(s, WIDTH_32, lo, 0, s[HI]! !== lo >> 31);
  return lo;
}

/** Low pair of a signed product (upper pair in productHigh), with the flags set. */
function imul64(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = multiplySigned64(s, aLo, aHi, bLo, bHi);
  const hi = s[HI]!;
  const sign = hi >> 31;
  productFlags(s, WIDTH_64, lo, hi, productHigh[0] !== sign || productHigh[1] !== sign);
  return lo;
}

/** A = A × B, or A = B × immediate. */
function imulTruncated(cpu: Cpu, p: number, hasImmediate: boolean): void {
  const { s, words } = cpu;
  const a = slotA(cpu, p);
  const constant = cpu.code[p + IMM]!;
  switch (widthOf(cpu, p)) {
    case 3: {
      const bLo = readB64(cpu, p);
      const bHi = s[HI]!;
      const lo = hasImmediate
        ? imul64(s, bLo, bHi, constant, constant >> 31)
        : imul64(s, s[a]!, s[a + 1]!, bLo, bHi);
      writeRegister64(cpu, a, lo, s[HI]!);
      break;
    }
    case 2: {
      const b = readB32(cpu, p);
      writeRegister32(cpu, a, imul32(s, hasImmediate ? constant : s[a]!, b));
      break;
    }
    default: {
      const b = signed16(readB16(cpu, p));
      const product = b * signed16(hasImmediate ? constant : words[a]!);
      words[a] = product;
      productFlags(s, WIDTH_16, product & 0xffff, 0, product !== signed16(product));
      break;
    }
  }
}

function div(cpu: Cpu, p: number): void {
  const { s, words, bytes } = cpu;
  switch (widthOf(cpu, p)) {
    case 3: {
      const bLo = readA64(cpu, p);
      const fits = divide128(s[EAX]!, s[EAX + 1]!, s[EDX]!, s[EDX + 1]!, bLo, s[HI]!);
      if (!fits) cpu.raise(DE);
      writeRegister64(cpu, EAX, quotient[0]!, quotient[1]!);
      writeRegister64(cpu, EDX, remainder[0]!, remainder[1]!);
      break;
    }
    case 2: {
      const fits = divide128(s[EAX]!, s[EDX]!, 0, 0, readA32(cpu, p), 0);
      if (!fits || quotient[1] !== 0) cpu.raise(DE);
      writeRegister32(cpu, EAX, quotient[0]!);
      writeRegister32(cpu, EDX, remainder[0]!);
      break;
    }
    case 1: {
      const divisor = readA16(cpu, p);
      const dividend = words[DX]! * 0x10000 + words[AX]!;
      const result = Math.floor(dividend / divisor);
      if (divisor === 0 || result > 0xffff) cpu.raise(DE);
      words[AX] = result;
      words[DX] = dividend % divisor;
      break;
    }
    default: {
      const divisor = readA8(cpu, p);
      const dividend = words[AX]!;
      const result = Math.floor(dividend / divisor);
      if (divisor === 0 || result > 0xff) cpu.raise(DE);
      bytes[GPR_BYTE] = result;
      bytes[GPR_BYTE + 1] = dividend % divisor;
      break;
    }
  }
}

function idiv(cpu: Cpu, p: number): void {
  const { s, words, bytes } = cpu;
  switch (widthOf(cpu, p)) {
    case 3: {
      const bLo = readA64(cpu, p);
      const fits = divideSigned128(s[EAX]!, s[EAX + 1]!, s[EDX]!, s[EDX + 1]!, bLo, s[HI]!);
      if (!fits) cpu.raise(DE);
      writeRegister64(cpu, EAX, quotient[0]!, quotient[1]!);
      writeRegister64(cpu, EDX, remainder[0]!, remainder[1]!);
      break;
    }
    case 2: {
      const b = readA32(cpu, p);
      const sign = s[EDX]! >> 31;
      const fits = divideSigned128(s[EAX]!, s[EDX]!, sign, sign, b, b >> 31);
      if (!fits || quotient[1] !== quotient[0]! >> 31) cpu.raise(DE);
      writeRegister32(cpu, EAX, quotient[0]!);
      writeRegister32(cpu, EDX, remainder[0]!);
      break;
    }
    case 1: {
      const divisor = signed16(readA16(cpu, p));
      const dividend = (words[DX]! << 16) | words[AX]!;
      const result = Math.trunc(dividend / divisor);
      if (divisor === 0 || result !== signed16(result)) cpu.raise(DE);
      words[AX] = result;
      words[DX] = dividend % divisor;
      break;
    }
    default: {
      const divisor = signed8(readA8(cpu, p));
      const dividend = signed16(words[AX]!);
      const result = Math.trunc(dividend / divisor);
      if (divisor === 0 || result !== signed8(result)) cpu.raise(DE);
      bytes[GPR_BYTE] = result;
      bytes[GPR_BYTE + 1] = dividend % divisor;
      break;
    }
  }
}

export const MUL_DIV_EXECUTORS = {
  mul,
  imul1,
  imul2: (cpu: Cpu, p: number) => imulTruncated(cpu, p, false),
  imul3: (cpu: Cpu, p: number) => imulTruncated(cpu, p, true),
  div,
  idiv,
} as const;
