// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/mmx.ts that deal in integers: SDM 1 chapter 9, SDM 3A chapter 12. MM0 to MM7 are the
// significands of the x87's physical registers. Every MMX instruction makes TOP zero and, unless it is EMMS,
// all of them valid; one that writes a register fills its sign and exponent with ones.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { SLOT_IMMEDIATE, SLOT_MEMORY } from "../decode/record.ts";
import { highHalfAt, registerAddress } from "../ea.ts";
import { SIGN_EXP } from "../fpu/format.ts";
import { STATUS_ES, STATUS_TOP } from "../fpu/status.ts";
import { multiply32, shiftLeft64, shiftRight64 } from "../pair.ts";
import * as packed from "../simd/packed.ts";
import {
  CR0,
  CURRENT,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAGS,
  RDI,
  VECTOR_SCRATCH,
  YMM,
  YMM_WORDS,
} from "../state-layout.ts";
import { CR0_EM, CR0_TS } from "../system/control-bits.ts";
import { MF, NM, UD } from "../vectors.ts";
import {
  type Executor,
  immediate,
  loadM16,
  loadM32,
  loadM64,
  readB32,
  readB64,
  slotA,
  slotB,
  storeM64,
  widthOf,
  writeA32,
  writeA64,
  writeRegister32,
} from "./operands.ts";
import { beginVector } from "./vector.ts";

/** What every MMX instruction begins with. CR0.EM makes them undefined, unlike the x87's. */
export function beginMmx(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR0]! & CR0_EM) !== 0) cpu.raise(UD);
  if ((s[CR0]! & CR0_TS) !== 0) cpu.raise(NM);
  if ((s[FPU_STATUS]! & STATUS_ES) !== 0) cpu.raise(MF);
}

/** From x87 to MMX; not before memory was accessed, since a fault must not change anything. */
export function enterMmx(s: Int32Array): void {
  s[FPU_STATUS] = s[FPU_STATUS]! & ~STATUS_TOP;
  s[FPU_TAGS] = 0;
}

function mmxRegister(number: number): number {
  return FPU_REGISTERS + 4 * number;
}

export function writeMmx(s: Int32Array, number: number, lo: number, hi: number): void {
  const at = mmxRegister(number);
  s[at] = lo;
  s[at + 1] = hi;
  s[at + SIGN_EXP] = 0xffff;
}

/** Operand B, 64 bits: the low half; the high half is in HI. */
export function readMmxB(cpu: Cpu, p: number): number {
  const slot = slotB(cpu, p);
  if (slot === SLOT_MEMORY) return loadM64(cpu, p);
  const at = mmxRegister(slot);
  cpu.s[HI] = cpu.s[at + 1]!;
  return cpu.s[at]!;
}

/** A = A operation B, word by word. */
function words(operation: packed.WordOp): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const bLo = readMmxB(cpu, p);
    const bHi = s[HI]!;
    enterMmx(s);
    const number = slotA(cpu, p);
    const a = mmxRegister(number);
    writeMmx(s, number, operation(s[a]!, bLo), operation(s[a + 1]!, bHi));
  };
}

/** Of two pairs, a third: the low half is the value, the high half goes to HI. */
type Pair = (s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number) => number;

/** A = A operation B, where words mix. */
function pairs(operation: Pair): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const bLo = readMmxB(cpu, p);
    const bHi = s[HI]!;
    enterMmx(s);
    const number = slotA(cpu, p);
    const a = mmxRegister(number);
    const lo = operation(s, s[a]!, s[a + 1]!, bLo, bHi);
    writeMmx(s, number, lo, s[HI]!);
  };
}

/** The same with an immediate; the four words of A and B are at VECTOR_SCRATCH. */
function pairsWithImmediate(operation: (s: Int32Array, imm: number) => number): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const bLo = readMmxB(cpu, p);
    s[B_HI] = s[HI]!;
    s[B_LO] = bLo;
    enterMmx(s);
    const number = slotA(cpu, p);
    s[A_LO] = s[mmxRegister(number)]!;
    s[A_HI] = s[mmxRegister(number) + 1]!;
    const lo = operation(s, immediate(cpu, p) & 0xff);
    writeMmx(s, number, lo, s[HI]!);
  };
}

const A_LO = VECTOR_SCRATCH;
const A_HI = VECTOR_SCRATCH + 1;
const B_LO = VECTOR_SCRATCH + 2;
const B_HI = VECTOR_SCRATCH + 3;

function pair(s: Int32Array, lo: number, hi: number): number {
  s[HI] = hi;
  return lo;
}

/** PUNPCKL*: of memory only the lower half is read. */
function unpackLow(lower: packed.WordOp, upper: packed.WordOp): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const slot = slotB(cpu, p);
    const b = slot === SLOT_MEMORY ? loadM32(cpu, p) : s[mmxRegister(slot)]!;
    enterMmx(s);
    const a = s[mmxRegister(slotA(cpu, p))]!;
    writeMmx(s, slotA(cpu, p), lower(a, b), upper(a, b));
  };
}

function unpackHigh(lower: packed.WordOp, upper: packed.WordOp): Executor {
  return pairs((s, _aLo, aHi, _bLo, bHi) => pair(s, lower(aHi, bHi), upper(aHi, bHi)));
}

/** Two words of A make the low half, two of B the high one. */
function pack(operation: packed.WordOp): Executor {
  return pairs((s, aLo, aHi, bLo, bHi) => pair(s, operation(aLo, aHi), operation(bLo, bHi)));
}

const first: packed.WordOp = (a) => a;
const second: packed.WordOp = (_a, b) => b;

/** Bytes 0 and 1 of two words in turn. */
const mixLowBytes: packed.WordOp = (a, b) =>
  (a & 0xff) | ((b & 0xff) << 8) | ((a & 0xff00) << 8) | ((b & 0xff00) << 16);
const mixHighBytes: packed.WordOp = (a, b) => mixLowBytes(a >>> 16, b >>> 16);
const mixLowWords: packed.WordOp = (a, b) => (a & 0xffff) | (b << 16);
const mixHighWords: packed.WordOp = (a, b) => (a >>> 16) | (b & 0xffff0000);

// Shifts. The count is an immediate, or all 64 bits of B; anything from 64 on is as good as 64.

function shiftCount(cpu: Cpu, p: number): number {
  if (slotB(cpu, p) === SLOT_IMMEDIATE) return immediate(cpu, p) & 0xff;
  const lo = readMmxB(cpu, p) >>> 0;
  return cpu.s[HI] !== 0 || lo > 64 ? 64 : lo;
}

function shiftWords(operation: packed.WordOp): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const count = shiftCount(cpu, p);
    enterMmx(s);
    const a = mmxRegister(slotA(cpu, p));
    writeMmx(s, slotA(cpu, p), operation(s[a]!, count), operation(s[a + 1]!, count));
  };
}

function shiftQuad(
  operation: (s: Int32Array, lo: number, hi: number, count: number) => number,
): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginMmx(cpu, p);
    const count = shiftCount(cpu, p);
    enterMmx(s);
    const a = mmxRegister(slotA(cpu, p));
    const lo = count > 63 ? pair(s, 0, 0) : operation(s, s[a]!, s[a + 1]!, count);
    writeMmx(s, slotA(cpu, p), lo, s[HI]!);
  };
}

// Arithmetic on 64 bits.

function addQuad(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = (aLo + bLo) | 0;
  return pair(s, lo, (aHi + bHi + (lo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0);
}

function subtractQuad(s: Int32Array, aLo: number, aHi: number, bLo: number, bHi: number): number {
  return pair(s, (aLo - bLo) | 0, (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0);
}

// Shuffles.

function byteAt(lo: number, hi: number, index: number): number {
  return ((index & 4) !== 0 ? hi >>> (8 * (index & 3)) : lo >>> (8 * index)) & 0xff;
}

/** PSHUFB: four bytes of (lo, hi), as four bytes of `control` choose. */
function chooseBytes(lo: number, hi: number, control: number): number {
  let chosen = 0;
  for (let shift = 0; shift < 32; shift += 8) {
    const index = (control >>> shift) & 0xff;
    if (index < 0x80) chosen |= byteAt(lo, hi, index & 7) << shift;
  }
  return chosen;
}

function wordAt(lo: number, hi: number, index: number): number {
  const word = (index & 2) !== 0 ? hi : lo;
  return ((index & 1) !== 0 ? word >>> 16 : word) & 0xffff;
}

/** PSHUFW: words of B in any order. */
function shuffleWords(s: Int32Array, order: number): number {
  const choose = (shift: number) => wordAt(s[B_LO]!, s[B_HI]!, (order >>> shift) & 3);
  return pair(s, choose(0) | (choose(2) << 16), choose(4) | (choose(6) << 16));
}

/** PALIGNR: 64 bits out of A:B, from a byte on. */
function align(s: Int32Array, bytes: number): number {
  if (bytes >= 16) return pair(s, 0, 0);
  if (bytes >= 8) return shiftRight64(s, s[A_LO]!, s[A_HI]!, 8 * (bytes - 8));
  if (bytes === 0) return pair(s, s[B_LO]!, s[B_HI]!);
  const lo = shiftRight64(s, s[B_LO]!, s[B_HI]!, 8 * bytes);
  const hi = s[HI]!;
  const upper = shiftLeft64(s, s[A_LO]!, s[A_HI]!, 64 - 8 * bytes);
  return pair(s, lo | upper, hi | s[HI]!);
}

function pinsrw(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginMmx(cpu, p);
  const slot = slotB(cpu, p);
  const value = slot === SLOT_MEMORY ? loadM16(cpu, p) : s[slot]! & 0xffff;
  enterMmx(s);
  const number = slotA(cpu, p);
  const index = immediate(cpu, p) & 3;
  const shift = 16 * (index & 1);
  const at = mmxRegister(number) + (index >> 1);
  s[at] = (s[at]! & ~(0xffff << shift)) | (value << shift);
  s[mmxRegister(number) + SIGN_EXP] = 0xffff;
}

// Moves.

function movqStore(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginMmx(cpu, p);
  const b = mmxRegister(slotB(cpu, p));
  const slot = slotA(cpu, p);
  if (slot === SLOT_MEMORY) storeM64(cpu, p, s[b]!, s[b + 1]!);
  enterMmx(s);
  if (slot !== SLOT_MEMORY) writeMmx(s, slot, s[b]!, s[b + 1]!);
}

function movdLoad(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginMmx(cpu, p);
  const isWide = widthOf(cpu, p) === 3;
  const lo = isWide ? readB64(cpu, p) : readB32(cpu, p);
  const hi = isWide ? s[HI]! : 0;
  enterMmx(s);
  writeMmx(s, slotA(cpu, p), lo, hi);
}

function movdStore(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginMmx(cpu, p);
  const b = mmxRegister(slotB(cpu, p));
  if (widthOf(cpu, p) === 3) writeA64(cpu, p, s[b]!, s[b + 1]!);
  else writeA32(cpu, p, s[b]!);
  enterMmx(s);
}

/** MASKMOVQ: the bytes of A whose mask in B has its top bit set, to DS:rDI. Bytes that are not stored fault, too. */
function maskmovq(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  beginMmx(cpu, p);
  const value = mmxRegister(slotA(cpu, p));
  const mask = mmxRegister(slotB(cpu, p));
  const lo = registerAddress(cpu, p, RDI, { size: 8, isWrite: true });
  const hi = s[HI]!;
  const selected = packed.byteSigns(s[mask]!) | (packed.byteSigns(s[mask + 1]!) << 4);
  mem.probeWrite(lo, hi, 8);
  for (let i = 0; i < 8; i++) {
    if ((selected & (1 << i)) === 0) continue;
    const at = (lo + i) | 0;
    mem.store8(at, highHalfAt(cpu, lo, hi, at), byteAt(s[value]!, s[value + 1]!, i));
  }
  enterMmx(s);
}

export const MMX_EXECUTORS = {
  mmxPaddb: words(packed.paddb),
  mmxPaddw: words(packed.paddw),
  mmxPaddd: words(packed.paddd),
  mmxPaddq: pairs(addQuad),
  mmxPaddsb: words(packed.paddsb),
  mmxPaddsw: words(packed.paddsw),
  mmxPaddusb: words(packed.paddusb),
  mmxPaddusw: words(packed.paddusw),
  mmxPsubb: words(packed.psubb),
  mmxPsubw: words(packed.psubw),
  mmxPsubd: words(packed.psubd),
  mmxPsubq: pairs(subtractQuad),
  mmxPsubsb: words(packed.psubsb),
  mmxPsubsw: words(packed.psubsw),
  mmxPsubusb: words(packed.psubusb),
  mmxPsubusw: words(packed.psubusw),
  mmxPand: words(packed.pand),
  mmxPandn: words(packed.pandn),
  mmxPor: words(packed.por),
  mmxPxor: words(packed.pxor),
  mmxPcmpeqb: words(packed.pcmpeqb),
  mmxPcmpeqw: words(packed.pcmpeqw),
  mmxPcmpeqd: words(packed.pcmpeqd),
  mmxPcmpgtb: words(packed.pcmpgtb),
  mmxPcmpgtw: words(packed.pcmpgtw),
  mmxPcmpgtd: words(packed.pcmpgtd),
  mmxPminub: words(packed.pminub),
  mmxPmaxub: words(packed.pmaxub),
  mmxPminsw: words(packed.pminsw),
  mmxPmaxsw: words(packed.pmaxsw),
  mmxPavgb: words(packed.pavgb),
  mmxPavgw: words(packed.pavgw),
  mmxPmullw: words(packed.pmullw),
  mmxPmulhw: words(packed.pmulhw),
  mmxPmulhuw: words(packed.pmulhuw),
  mmxPmulhrsw: words(packed.pmulhrsw),
  mmxPmaddwd: words(packed.pmaddwd),
  mmxPmaddubsw: words(packed.pmaddubsw),
  mmxPmuludq: pairs((s, aLo, _aHi, bLo) => multiply32(s, aLo, bLo)),
  mmxPsadbw: pairs((s, aLo, aHi, bLo, bHi) =>
    pair(s, packed.sumOfDifferences(aLo, bLo) + packed.sumOfDifferences(aHi, bHi), 0),
  ),
  mmxPabsb: words((_a, b) => packed.pabsb(b)),
  mmxPabsw: words((_a, b) => packed.pabsw(b)),
  mmxPabsd: words((_a, b) => packed.pabsd(b)),
  mmxPsignb: words(packed.psignb),
  mmxPsignw: words(packed.psignw),
  mmxPsignd: words(packed.psignd),
  mmxPsllw: shiftWords(packed.psllw),
  mmxPslld: shiftWords(packed.pslld),
  mmxPsllq: shiftQuad(shiftLeft64),
  mmxPsrlw: shiftWords(packed.psrlw),
  mmxPsrld: shiftWords(packed.psrld),
  mmxPsrlq: shiftQuad(shiftRight64),
  mmxPsraw: shiftWords(packed.psraw),
  mmxPsrad: shiftWords(packed.psrad),
  mmxPacksswb: pack(packed.packsswb),
  mmxPackuswb: pack(packed.packuswb),
  mmxPackssdw: pack(packed.packssdw),
  mmxPunpcklbw: unpackLow(mixLowBytes, mixHighBytes),
  mmxPunpcklwd: unpackLow(mixLowWords, mixHighWords),
  mmxPunpckldq: unpackLow(first, second),
  mmxPunpckhbw: unpackHigh(mixLowBytes, mixHighBytes),
  mmxPunpckhwd: unpackHigh(mixLowWords, mixHighWords),
  mmxPunpckhdq: unpackHigh(first, second),
  mmxPshufb: pairs((s, aLo, aHi, bLo, bHi) =>
    pair(s, chooseBytes(aLo, aHi, bLo), chooseBytes(aLo, aHi, bHi)),
  ),
  mmxPshufw: pairsWithImmediate(shuffleWords),
  mmxPalignr: pairsWithImmediate(align),
  mmxPhaddw: pack(packed.phaddw),
  mmxPhaddsw: pack(packed.phaddsw),
  mmxPhaddd: pairs((s, aLo, aHi, bLo, bHi) => pair(s, aLo + aHi, bLo + bHi)),
  mmxPhsubw: pack(packed.phsubw),
  mmxPhsubsw: pack(packed.phsubsw),
  mmxPhsubd: pairs((s, aLo, aHi, bLo, bHi) => pair(s, aLo - aHi, bLo - bHi)),
  mmxPinsrw: pinsrw,
  mmxPextrw: (cpu: Cpu, p: number) => {
    beginMmx(cpu, p);
    enterMmx(cpu.s);
    const at = mmxRegister(slotB(cpu, p));
    const value = wordAt(cpu.s[at]!, cpu.s[at + 1]!, immediate(cpu, p) & 3);
    writeRegister32(cpu, slotA(cpu, p), value);
  },
  mmxPmovmskb: (cpu: Cpu, p: number) => {
    beginMmx(cpu, p);
    enterMmx(cpu.s);
    const at = mmxRegister(slotB(cpu, p));
    const mask = packed.byteSigns(cpu.s[at]!) | (packed.byteSigns(cpu.s[at + 1]!) << 4);
    writeRegister32(cpu, slotA(cpu, p), mask);
  },
  mmxMovdLoad: movdLoad,
  mmxMovdStore: movdStore,
  mmxMovqLoad: words(second),
  mmxMovqStore: movqStore,
  mmxMaskmovq: maskmovq,
  emms: (cpu: Cpu, p: number) => {
    beginMmx(cpu, p);
    enterMmx(cpu.s);
    cpu.s[FPU_TAGS] = 0xffff;
  },
  movq2dq: (cpu: Cpu, p: number) => {
    const { s } = cpu;
    beginVector(cpu, p);
    beginMmx(cpu, p);
    enterMmx(s);
    const from = mmxRegister(slotB(cpu, p));
    const to = YMM + YMM_WORDS * slotA(cpu, p);
    s[to] = s[from]!;
    s[to + 1] = s[from + 1]!;
    s[to + 2] = 0;
    s[to + 3] = 0;
  },
  movdq2q: (cpu: Cpu, p: number) => {
    const { s } = cpu;
    beginVector(cpu, p);
    beginMmx(cpu, p);
    enterMmx(s);
    const from = YMM + YMM_WORDS * slotB(cpu, p);
    writeMmx(s, slotA(cpu, p), s[from]!, s[from + 1]!);
  },
} as const;
