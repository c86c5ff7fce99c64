// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/alu.ts.
import { HI } from "../../mmu/machine-layout.ts";
import {
  adc32,
  adc64,
  adcNarrow,
  add32,
  add64,
  addNarrow,
  dec32,
  dec64,
  decNarrow,
  inc32,
  inc64,
  incNarrow,
  logic32,
  logic64,
  logicNarrow,
  sbb32,
  sbb64,
  sbbNarrow,
  sub32,
  sub64,
  subNarrow,
} from "../alu.ts";
import type { Cpu } from "../cpu.ts";
import {
  changeFlags,
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  isAdjust,
  isCarry,
  isOverflow,
  WIDTH_64,
} from "../flags.ts";
import { GPR, GPR_BYTE } from "../state-layout.ts";
import { DE } from "../vectors.ts";
import {
  closeA8,
  closeA16,
  closeA32,
  closeA64,
  type Executor,
  immediate,
  openA8,
  openA16,
  openA32,
  openA64,
  readA8,
  readA16,
  readA32,
  readA64,
  readB8,
  readB16,
  readB32,
  readB64,
  slotA,
  widthOf,
  writeRegister32,
  writeRegister64,
} from "./operands.ts";

type Narrow = (s: Int32Array, a: number, b: number, width: number) => number;
type Single = (s: Int32Array, a: number, b: number) => number;
type Pair = (s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number) => number;

/** A = A op B. */
function binary(narrow: Narrow, single: Single, pair: Pair): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const width = widthOf(cpu, p);
    if (width === WIDTH_64) {
      const bLo = readB64(cpu, p);
      const bHi = s[HI]!;
      const aLo = openA64(cpu, p);
      const lo = pair(s, aLo, s[HI]!, bLo, bHi);
      closeA64(cpu, p, lo, s[HI]!);
    } else if (width === 2) {
      const b = readB32(cpu, p);
      closeA32(cpu, p, single(s, openA32(cpu, p), b));
    } else if (width === 1) {
      const b = readB16(cpu, p);
      closeA16(cpu, p, narrow(s, openA16(cpu, p), b, 1));
    } else {
      const b = readB8(cpu, p);
      closeA8(cpu, p, narrow(s, openA8(cpu, p), b, 0));
    }
  };
}

/** The flags of A op B. */
function compare(narrow: Narrow, single: Single, pair: Pair): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const width = widthOf(cpu, p);
    if (width === WIDTH_64) {
      const bLo = readB64(cpu, p);
      const bHi = s[HI]!;
      const aLo = readA64(cpu, p);
      pair(s, aLo, s[HI]!, bLo, bHi);
    } else if (width === 2) {
      const b = readB32(cpu, p);
      single(s, readA32(cpu, p), b);
    } else if (width === 1) {
      const b = readB16(cpu, p);
      narrow(s, readA16(cpu, p), b, 1);
    } else {
      const b = readB8(cpu, p);
      narrow(s, readA8(cpu, p), b, 0);
    }
  };
}

/** A = op A. */
function unary(
  narrow: (s: Int32Array, a: number, width: number) => number,
  single: (s: Int32Array, a: number) => number,
  pair: (s: Int32Array, lo: number, hi: number) => number,
): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const width = widthOf(cpu, p);
    if (width === WIDTH_64) {
      const aLo = openA64(cpu, p);
      const lo = pair(s, aLo, s[HI]!);
      closeA64(cpu, p, lo, s[HI]!);
    } else if (width === 2) closeA32(cpu, p, single(s, openA32(cpu, p)));
    else if (width === 1) closeA16(cpu, p, narrow(s, openA16(cpu, p), 1));
    else closeA8(cpu, p, narrow(s, openA8(cpu, p), 0));
  };
}

const and = [
  (s: Int32Array, a: number, b: number, width: number) => logicNarrow(s, a & b, width),
  (s: Int32Array, a: number, b: number) => logic32(s, a & b),
  (s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number) =>
    logic64(s, aLo & bLo, aHi & bHi),
] as const;

/** NOT touches no flag. */
const not = unary(
  (_s, a) => ~a,
  (_s, a) => ~a,
  (s, lo, hi) => {
    s[HI] = ~hi;
    return ~lo;
  },
);

/** ADCX and ADOX: an addition that takes its carry from one flag and gives it back there alone. */
function addWithFlag(flag: number, isSet: (s: Int32Array) => boolean): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    const carryIn = isSet(s) ? 1 : 0;
    if (widthOf(cpu, p) === WIDTH_64) {
      const bLo = readB64(cpu, p) >>> 0;
      const bHi = s[HI]! >>> 0;
      const aLo = readA64(cpu, p) >>> 0;
      const sumLo = aLo + bLo + carryIn;
      const sumHi = (s[HI]! >>> 0) + bHi + (sumLo > 0xffffffff ? 1 : 0);
      writeRegister64(cpu, slotA(cpu, p), sumLo | 0, sumHi | 0);
      changeFlags(s, flag, sumHi > 0xffffffff ? flag : 0);
    } else {
      const b = readB32(cpu, p) >>> 0;
      const sum = (readA32(cpu, p) >>> 0) + b + carryIn;
      writeRegister32(cpu, slotA(cpu, p), sum | 0);
      changeFlags(s, flag, sum > 0xffffffff ? flag : 0);
    }
  };
}

// Decimal arithmetic on AL and AX, SDM 2. OF and what else the manual leaves open is left as computed.

const AL = GPR_BYTE;
const AH = GPR_BYTE + 1;

function decimalAdjust(cpu: Cpu, direction: 1 | -1): void {
  const { s, bytes } = cpu;
  const old = bytes[AL]!;
  const wasCarry = isCarry(s);
  const isLowAdjusted = (old & 0xf) > 9 || isAdjust(s);
  let al = old;
  let isCarryOut = false;
  if (isLowAdjusted) {
    const adjusted = old + 6 * direction;
    isCarryOut = wasCarry || adjusted < 0 || adjusted > 0xff;
    al = adjusted & 0xff;
  }
  if (old > 0x99 || wasCarry) {
    al = (al + 0x60 * direction) & 0xff;
    isCarryOut = true;
  } else if (direction === 1) isCarryOut = false;
  bytes[AL] = al;
  logicNarrow(s, al, 0);
  changeFlags(s, FLAG_CF | FLAG_AF, (isCarryOut ? FLAG_CF : 0) | (isLowAdjusted ? FLAG_AF : 0));
}

function asciiAdjust(cpu: Cpu, direction: 1 | -1): void {
  const { s, words, bytes } = cpu;
  const isAdjusted = (bytes[AL]! & 0xf) > 9 || isAdjust(s);
  if (isAdjusted) words[GPR * 2] = words[GPR * 2]! + 0x106 * direction;
  bytes[AL] = bytes[AL]! & 0xf;
  changeFlags(s, FLAG_CF | FLAG_AF, isAdjusted ? FLAG_CF | FLAG_AF : 0);
}

export const ALU_EXECUTORS = {
  add: binary(addNarrow, add32, add64),
  or: binary(
    (s, a, b, width) => logicNarrow(s, a | b, width),
    (s, a, b) => logic32(s, a | b),
    (s, aLo, aHi, bLo, bHi) => logic64(s, aLo | bLo, aHi | bHi),
  ),
  adc: binary(adcNarrow, adc32, adc64),
  sbb: binary(sbbNarrow, sbb32, sbb64),
  and: binary(...and),
  sub: binary(subNarrow, sub32, sub64),
  xor: binary(
    (s, a, b, width) => logicNarrow(s, a ^ b, width),
    (s, a, b) => logic32(s, a ^ b),
    (s, aLo, aHi, bLo, bHi) => logic64(s, aLo ^ bLo, aHi ^ bHi),
  ),
  cmp: compare(subNarrow, sub32, sub64),
  test: compare(...and),
  not,
  neg: unary(
    (s, a, width) => subNarrow(s, 0, a, width),
    (s, a) => sub32(s, 0, a),
    (s, lo, hi) => sub64(s, 0, 0, lo, hi),
  ),
  inc: unary(incNarrow, inc32, inc64),
  dec: unary(decNarrow, dec32, dec64),
  adcx: addWithFlag(FLAG_CF, isCarry),
  adox: addWithFlag(FLAG_OF, isOverflow),
  daa: (cpu: Cpu) => decimalAdjust(cpu, 1),
  das: (cpu: Cpu) => decimalAdjust(cpu, -1),
  aaa: (cpu: Cpu) => asciiAdjust(cpu, 1),
  aas: (cpu: Cpu) => asciiAdjust(cpu, -1),
  aam: (cpu: Cpu, p: number) => {
    const base = immediate(cpu, p) & 0xff;
    if (base === 0) cpu.raise(DE);
    const al = cpu.bytes[AL]!;
    cpu.bytes[AH] = al / base;
    cpu.bytes[AL] = al % base;
    logicNarrow(cpu.s, cpu.bytes[AL]!, 0);
  },
  aad: (cpu: Cpu, p: number) => {
    const al = (cpu.bytes[AL]! + cpu.bytes[AH]! * immediate(cpu, p)) & 0xff;
    cpu.words[GPR * 2] = al;
    logicNarrow(cpu.s, al, 0);
  },
} as const;
