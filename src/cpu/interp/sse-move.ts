// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-move.ts: moves of vector registers, whole and in part.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { SLOT_MEMORY } from "../decode/record.ts";
import { highHalfAt, registerAddress } from "../ea.ts";
import { byteSigns } from "../simd/packed.ts";
import { movddup, movshdup, movsldup, punpcklqdq } from "../simd/shuffle.ts";
import { RDI } from "../state-layout.ts";
import { GP } from "../vectors.ts";
import {
  type Executor,
  readSized,
  slotA,
  slotB,
  storeM32,
  storeM64,
  writeRegister32,
  writeSizedA,
} from "./operands.ts";
import {
  beginVector,
  clearUpper,
  copy128,
  destination,
  endLane,
  firstSource,
  fullOperand,
  isVex,
  isWide,
  lastSlot,
  operand32,
  operand64,
  packedUnary,
  registerWord,
  secondRegister,
  secondSlot,
  unalignedOperand,
} from "./vector.ts";

/** Stores operand B, a register. VEX.256 has an alignment of its own. */
function storeFull(cpu: Cpu, p: number, isAligned: boolean): void {
  const from = secondRegister(cpu, p);
  const size = isWide(cpu, p) ? 32 : 16;
  const lo = cpu.ea(p, size, true);
  const hi = cpu.s[HI]!;
  if (isAligned && (lo & (size - 1)) !== 0) cpu.raise(GP, 0);
  if (size === 32) cpu.mem.store256(lo, hi, from);
  else cpu.mem.store128(lo, hi, from);
}

function assign(cpu: Cpu, p: number, d: number, from: number): void {
  const { s } = cpu;
  copy128(s, d, from);
  if (isWide(cpu, p)) copy128(s, d + 4, from + 4);
  else if (isVex(cpu, p)) clearUpper(s, d);
}

function moveUnaligned(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  if (slotA(cpu, p) === SLOT_MEMORY) storeFull(cpu, p, false);
  else assign(cpu, p, destination(cpu, p), unalignedOperand(cpu, p, secondSlot(cpu, p)));
}

function moveAligned(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  if (slotA(cpu, p) === SLOT_MEMORY) storeFull(cpu, p, true);
  else {
    const slot = secondSlot(cpu, p);
    if (slot === SLOT_MEMORY) {
      const size = isWide(cpu, p) ? 32 : 16;
      if ((cpu.ea(p, size, false) & (size - 1)) !== 0) cpu.raise(GP, 0);
    }
    assign(cpu, p, destination(cpu, p), fullOperand(cpu, p, slot));
  }
}

/** The low 64 bits, to memory or with zeroes above them. */
function movq(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  if (slotA(cpu, p) === SLOT_MEMORY) {
    const from = secondRegister(cpu, p);
    storeM64(cpu, p, s[from]!, s[from + 1]!);
    return;
  }
  const d = destination(cpu, p);
  const from = operand64(cpu, p, secondSlot(cpu, p));
  s[d] = s[from]!;
  s[d + 1] = s[from + 1]!;
  s[d + 2] = 0;
  s[d + 3] = 0;
  endLane(cpu, p, d);
}

/** 32 or 64 bits from a general register or memory, with zeroes above them. */
function movdToVector(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const lo = readSized(cpu, p, slotB(cpu, p));
  const d = destination(cpu, p);
  s[d] = lo;
  s[d + 1] = s[HI]!;
  s[d + 2] = 0;
  s[d + 3] = 0;
  endLane(cpu, p, d);
}

function movdFromVector(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const from = secondRegister(cpu, p);
  writeSizedA(cpu, p, cpu.s[from]!, cpu.s[from + 1]!);
}

/** The low 32 bits of a register into another; the rest is the first source's. */
function movss(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const value = s[operand32(cpu, p, lastSlot(cpu, p))]!;
  if (isVex(cpu, p)) copy128(s, d, firstSource(cpu, p));
  s[d] = value;
  endLane(cpu, p, d);
}

/** The low 64 bits likewise: MOVSD between registers, MOVLPS from memory. */
function movsd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const from = operand64(cpu, p, lastSlot(cpu, p));
  const lo = s[from]!;
  const hi = s[from + 1]!;
  if (isVex(cpu, p)) copy128(s, d, firstSource(cpu, p));
  s[d] = lo;
  s[d + 1] = hi;
  endLane(cpu, p, d);
}

/** The low 64 bits go above those of the first source: MOVLHPS, and MOVHPS from memory. */
function movlhps(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const d = destination(cpu, p);
  const from = operand64(cpu, p, lastSlot(cpu, p));
  punpcklqdq(cpu, d, firstSource(cpu, p), from, 0);
  endLane(cpu, p, d);
}

/** The high 64 bits go below those of the first source. */
function movhlps(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const from = registerWord(lastSlot(cpu, p));
  const lo = s[from + 2]!;
  const hi = s[from + 3]!;
  if (isVex(cpu, p)) copy128(s, d, firstSource(cpu, p));
  s[d] = lo;
  s[d + 1] = hi;
  endLane(cpu, p, d);
}

function movhpsStore(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const from = secondRegister(cpu, p);
  storeM64(cpu, p, cpu.s[from + 2]!, cpu.s[from + 3]!);
}

/** MOVSS to memory; EXTRACTPS and the like have executors of their own. */
function movssStore(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  storeM32(cpu, p, cpu.s[secondRegister(cpu, p)]!);
}

/** With 128 bits its memory operand has 64. */
function movddupAny(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const d = destination(cpu, p);
  const slot = secondSlot(cpu, p);
  if (isWide(cpu, p)) {
    const b = fullOperand(cpu, p, slot);
    movddup(cpu, d, b, b, 0);
    movddup(cpu, d + 4, b + 4, b + 4, 0);
  } else {
    const b = operand64(cpu, p, slot);
    movddup(cpu, d, b, b, 0);
    endLane(cpu, p, d);
  }
}

/** A mask of the elements' top bits, zero-extended into a general register. */
function signMask(maskOfLane: (s: Int32Array, b: number) => number, bits: number): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const b = secondRegister(cpu, p);
    const upper = isWide(cpu, p) ? maskOfLane(cpu.s, b + 4) << bits : 0;
    writeRegister32(cpu, slotA(cpu, p), maskOfLane(cpu.s, b) | upper);
  };
}

const byteMask = (s: Int32Array, b: number): number =>
  byteSigns(s[b]!) |
  (byteSigns(s[b + 1]!) << 4) |
  (byteSigns(s[b + 2]!) << 8) |
  (byteSigns(s[b + 3]!) << 12);

const singleMask = (s: Int32Array, b: number): number =>
  (s[b]! >>> 31) |
  ((s[b + 1]! >>> 31) << 1) |
  ((s[b + 2]! >>> 31) << 2) |
  ((s[b + 3]! >>> 31) << 3);

const doubleMask = (s: Int32Array, b: number): number =>
  (s[b + 1]! >>> 31) | ((s[b + 3]! >>> 31) << 1);

/** Stores to DS:rDI the bytes of A whose mask byte in B has its top bit set. The others fault, too. */
function maskmovdqu(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s, mem, bytes } = cpu;
  const from = 4 * destination(cpu, p);
  const mask = byteMask(s, secondRegister(cpu, p));
  const lo = registerAddress(cpu, p, RDI, { size: 16, isWrite: true });
  const hi = s[HI]!;
  mem.probeWrite(lo, hi, 16);
  for (let i = 0; i < 16; i++) {
    const at = (lo + i) | 0;
    if (((mask >> i) & 1) !== 0) mem.store8(at, highHalfAt(cpu, lo, hi, at), bytes[from + i]!);
  }
}

export const SSE_MOVE_EXECUTORS = {
  movups: moveUnaligned,
  movaps: moveAligned,
  movq,
  movdToVector,
  movdFromVector,
  movss,
  movsd,
  movssStore,
  movlhps,
  movhlps,
  movhpsStore,
  movddup: movddupAny,
  movsldup: packedUnary(movsldup),
  movshdup: packedUnary(movshdup),
  movmskps: signMask(singleMask, 4),
  movmskpd: signMask(doubleMask, 2),
  pmovmskb: signMask(byteMask, 16),
  maskmovdqu,
} as const;
