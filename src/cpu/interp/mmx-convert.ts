// SPDX-License-Identifier: BSD-2-Clause
// Executors of the conversions between MMX registers and packed floats: SDM 2 CVTPI2PS, CVTPS2PI, CVTTPS2PI,
// CVTPI2PD, CVTPD2PI, CVTTPD2PI; exceptions by SDM 1 11.5. Every value on the way fits a double exactly.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { CR4, MXCSR, VECTOR_SCRATCH, YMM, YMM_WORDS } from "../state-layout.ts";
import { CR4_OSXMMEXCPT } from "../system/control-bits.ts";
import { GP, UD, XM } from "../vectors.ts";
import { beginMmx, enterMmx, readMmxB, writeMmx } from "./mmx.ts";
import { type Executor, isMemoryB, slotA, slotB } from "./operands.ts";
import { requireSse } from "./xsave.ts";

const MXCSR_IE = 1 << 0;
const MXCSR_PE = 1 << 5;
const MXCSR_DAZ = 1 << 6;
/** The masks are this far above the flags. */
const MXCSR_MASK_SHIFT = 7;
const MXCSR_ROUNDING_SHIFT = 13;
const ROUND_DOWN = 1;
const ROUND_UP = 2;
const ROUND_TO_ZERO = 3;
const EXCEPTIONS = 0x3f;

const INTEGER_INDEFINITE = -0x80000000;

/** Sets flags; an unmasked one raises #XM, before anything is written. */
function report(cpu: Cpu, flags: number): void {
  const { s } = cpu;
  s[MXCSR] = s[MXCSR]! | flags;
  if ((flags & ~(s[MXCSR]! >>> MXCSR_MASK_SHIFT) & EXCEPTIONS) === 0) return;
  cpu.raise((s[CR4]! & CR4_OSXMMEXCPT) !== 0 ? XM : UD);
}

function roundingMode(cpu: Cpu): number {
  return (cpu.s[MXCSR]! >>> MXCSR_ROUNDING_SHIFT) & 3;
}

/** To an integral value. */
function round(value: number, mode: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  switch (mode) {
    case ROUND_DOWN:
      return floor;
    case ROUND_UP:
      return Math.ceil(value);
    case ROUND_TO_ZERO:
      return Math.trunc(value);
    default: {
      const isUp = fraction > 0.5 || (fraction === 0.5 && floor % 2 !== 0);
      return isUp ? floor + 1 : floor;
    }
  }
}

/** What the conversion of one element has to report; its value goes to `integers`. */
const integers = new Int32Array(2);

function toInteger(value: number, index: number, mode: number): number {
  const rounded = round(value, mode);
  if (!(rounded >= -0x80000000 && rounded <= 0x7fffffff)) {
    integers[index] = INTEGER_INDEFINITE;
    return MXCSR_IE;
  }
  integers[index] = rounded;
  return rounded === value ? 0 : MXCSR_PE;
}

const singles = new Float32Array(1);
const singleBits = new Int32Array(singles.buffer);

/** The nearest single in the rounding direction, as bits. The integer has 31 bits at most besides its sign. */
function toSingle(value: number, mode: number): number {
  singles[0] = value;
  const nearest = singles[0]!;
  const isTowardZero =
    mode === ROUND_TO_ZERO ||
    (mode === ROUND_DOWN && value > 0) ||
    (mode === ROUND_UP && value < 0);
  const isAway = (mode === ROUND_DOWN && value < 0) || (mode === ROUND_UP && value > 0);
  const excess = Math.abs(nearest) - Math.abs(value);
  // Singles of one sign are ordered like their bits.
  if (excess > 0 && isTowardZero) return singleBits[0]! - 1;
  if (excess < 0 && isAway) return singleBits[0]! + 1;
  return singleBits[0]!;
}

/** Operand B, an XMM register or memory, as the index of its first state word; `words` is 2 or 4. */
function packedSource(cpu: Cpu, p: number, words: number): number {
  const { s, mem } = cpu;
  if (!isMemoryB(cpu, p)) return YMM + YMM_WORDS * slotB(cpu, p);
  const lo = cpu.ea(p, 4 * words, false);
  const hi = s[HI]!;
  if (words === 4 && (lo & 15) !== 0) cpu.raise(GP, 0);
  for (let i = 0; i < words; i += 2) {
    s[VECTOR_SCRATCH + i] = mem.load64((lo + 4 * i) | 0, hi);
    s[VECTOR_SCRATCH + i + 1] = s[HI]!;
  }
  return VECTOR_SCRATCH;
}

/** Two singles or doubles to two integers. */
function toIntegers(isDouble: boolean, isTruncated: boolean): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    requireSse(cpu, p);
    beginMmx(cpu, p);
    const at = packedSource(cpu, p, isDouble ? 4 : 2);
    const mode = isTruncated ? ROUND_TO_ZERO : roundingMode(cpu);
    let flags = 0;
    for (let i = 0; i < 2; i++) {
      const value = isDouble ? cpu.doubles[(at >> 1) + i]! : cpu.floats[at + i]!;
      flags |= toInteger(isFlushed(cpu, value, isDouble) ? 0 : value, i, mode);
    }
    report(cpu, flags);
    enterMmx(s);
    writeMmx(s, slotA(cpu, p), integers[0]!, integers[1]!);
  };
}

/** The smallest normal numbers. */
const LEAST_SINGLE = 2 ** -126;
const LEAST_DOUBLE = 2 ** -1022;

/** MXCSR.DAZ makes denormals zero. */
function isFlushed(cpu: Cpu, value: number, isDouble: boolean): boolean {
  if ((cpu.s[MXCSR]! & MXCSR_DAZ) === 0) return false;
  return Math.abs(value) < (isDouble ? LEAST_DOUBLE : LEAST_SINGLE);
}

/** Two integers to the low singles of an XMM register. */
function cvtpi2ps(cpu: Cpu, p: number): void {
  const { s } = cpu;
  requireSse(cpu, p);
  beginMmx(cpu, p);
  const lo = readMmxB(cpu, p);
  const hi = s[HI]!;
  const mode = roundingMode(cpu);
  const isExact = Math.fround(lo) === lo && Math.fround(hi) === hi;
  report(cpu, isExact ? 0 : MXCSR_PE);
  enterMmx(s);
  const to = YMM + YMM_WORDS * slotA(cpu, p);
  s[to] = toSingle(lo, mode);
  s[to + 1] = toSingle(hi, mode);
}

/** Two integers to doubles, always exact. With a memory operand this is no MMX instruction. */
function cvtpi2pd(cpu: Cpu, p: number): void {
  const { s } = cpu;
  requireSse(cpu, p);
  const isMemory = isMemoryB(cpu, p);
  if (!isMemory) beginMmx(cpu, p);
  const lo = readMmxB(cpu, p);
  const hi = s[HI]!;
  if (!isMemory) enterMmx(s);
  const to = (YMM + YMM_WORDS * slotA(cpu, p)) >> 1;
  cpu.doubles[to] = lo;
  cpu.doubles[to + 1] = hi;
}

export const MMX_CONVERT_EXECUTORS = {
  cvtpi2ps,
  cvtps2pi: toIntegers(false, false),
  cvttps2pi: toIntegers(false, true),
  cvtpi2pd,
  cvtpd2pi: toIntegers(true, false),
  cvttpd2pi: toIntegers(true, true),
} as const;
