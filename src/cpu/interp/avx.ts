// SPDX-License-Identifier: BSD-2-Clause
// Executors of what isa/avx.ts has beside VEX forms of SSE: broadcasts, permutations across lanes, shifts by
// a count for each element, VZEROALL. Those that choose what memory to touch are in avx-memory.ts.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_MEMORY } from "../decode/record.ts";
import { byOwnCount, psllvq, psrlvq, wordwise } from "../simd/lanes.ts";
import { pslld, psrad, psrld } from "../simd/packed.ts";
import { permilpd, permilpdVariable, permilpsVariable } from "../simd/shuffle.ts";
import { YMM, YMM_WORDS } from "../state-layout.ts";
import { type Executor, loadM8, loadM16, slotA } from "./operands.ts";
import { bitTest } from "./sse-integer.ts";
import {
  beginVector,
  clearUpper,
  copy128,
  destination,
  firstSource,
  fullOperand,
  isWide,
  lastSlot,
  operand32,
  operand64,
  operand128,
  packed,
  packedUnary,
  registerWord,
  secondRegister,
  secondSlot,
} from "./vector.ts";
import { RESULT } from "./vector-float.ts";

/** Registers that instructions can name. */
function registerCount(cpu: Cpu): number {
  return cpu.is64 ? 16 : 8;
}

function vzeroupper(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  for (let i = 0; i < registerCount(cpu); i++) clearUpper(cpu.s, registerWord(i));
}

function vzeroall(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  cpu.s.fill(0, YMM, YMM + YMM_WORDS * registerCount(cpu));
}

/** A result of eight words is put together in RESULT, because operands may share its place. */
function endResult(cpu: Cpu, d: number): void {
  copy128(cpu.s, d, RESULT);
  copy128(cpu.s, d + 4, RESULT + 4);
}

// Broadcasts: the lowest element of B everywhere.

/** Four words that are all the same, from an element of up to 32 bits. */
function broadcastWord(cpu: Cpu, p: number, word: number): void {
  const { s } = cpu;
  const d = destination(cpu, p);
  for (let i = 0; i < 4; i++) s[d + i] = word;
  if (isWide(cpu, p)) copy128(s, d + 4, d);
  else clearUpper(s, d);
}

function vpbroadcastb(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const slot = secondSlot(cpu, p);
  const value = slot === SLOT_MEMORY ? loadM8(cpu, p) : cpu.s[registerWord(slot)]! & 0xff;
  broadcastWord(cpu, p, Math.imul(value, 0x01010101));
}

function vpbroadcastw(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const slot = secondSlot(cpu, p);
  const value = slot === SLOT_MEMORY ? loadM16(cpu, p) : cpu.s[registerWord(slot)]! & 0xffff;
  broadcastWord(cpu, p, Math.imul(value, 0x00010001));
}

function vpbroadcastd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  broadcastWord(cpu, p, cpu.s[operand32(cpu, p, secondSlot(cpu, p))]!);
}

function vpbroadcastq(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const from = operand64(cpu, p, secondSlot(cpu, p));
  const d = destination(cpu, p);
  s[d + 2] = s[from]!;
  s[d + 3] = s[from + 1]!;
  s[d] = s[d + 2]!;
  s[d + 1] = s[d + 3]!;
  if (isWide(cpu, p)) copy128(s, d + 4, d);
  else clearUpper(s, d);
}

function vbroadcasti128(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const from = operand128(cpu, p, secondSlot(cpu, p));
  const d = destination(cpu, p);
  copy128(cpu.s, d, from);
  copy128(cpu.s, d + 4, from);
}

// Permutations across lanes.

/** Words of C that the low three bits of B's words number. */
function vpermd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const indexes = secondRegister(cpu, p);
  const from = fullOperand(cpu, p, lastSlot(cpu, p));
  for (let i = 0; i < 8; i++) s[RESULT + i] = s[from + (s[indexes + i]! & 7)]!;
  endResult(cpu, destination(cpu, p));
}

/** Pairs of words of B that two bits each of the immediate number. */
function vpermq(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const from = fullOperand(cpu, p, secondSlot(cpu, p));
  const imm = cpu.code[p + IMM]!;
  for (let i = 0; i < 4; i++) {
    const pair = from + 2 * ((imm >> (2 * i)) & 3);
    s[RESULT + 2 * i] = s[pair]!;
    s[RESULT + 2 * i + 1] = s[pair + 1]!;
  }
  endResult(cpu, destination(cpu, p));
}

/** Each lane is one of the four of B and C, by two bits of the immediate, or zero by a third. */
function vperm2i128(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const a = firstSource(cpu, p);
  const b = fullOperand(cpu, p, lastSlot(cpu, p));
  const imm = cpu.code[p + IMM]!;
  for (let lane = 0; lane < 2; lane++) {
    const control = imm >> (4 * lane);
    const from = ((control & 2) === 0 ? a : b) + ((control & 1) << 2);
    const to = RESULT + 4 * lane;
    if ((control & 8) !== 0) s.fill(0, to, to + 4);
    else copy128(s, to, from);
  }
  endResult(cpu, destination(cpu, p));
}

/** B with one lane from C. */
function vinserti128(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const a = firstSource(cpu, p);
  const b = operand128(cpu, p, lastSlot(cpu, p));
  const isUpper = (cpu.code[p + IMM]! & 1) !== 0;
  copy128(s, RESULT, isUpper ? a : b);
  copy128(s, RESULT + 4, isUpper ? b : a + 4);
  endResult(cpu, destination(cpu, p));
}

/** One lane of B, to a register or memory. */
function vextracti128(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const from = secondRegister(cpu, p) + ((cpu.code[p + IMM]! & 1) << 2);
  if (slotA(cpu, p) === SLOT_MEMORY) {
    const lo = cpu.ea(p, 16, true);
    cpu.mem.store128(lo, cpu.s[HI]!, from);
    return;
  }
  const d = destination(cpu, p);
  copy128(cpu.s, d, from);
  clearUpper(cpu.s, d);
}

const isOdd = (i: number): boolean => (i & 1) !== 0;
const SIGN = 1 << 31;

export const AVX_EXECUTORS = {
  vzeroupper,
  vzeroall,
  vpbroadcastb,
  vpbroadcastw,
  vpbroadcastd,
  vpbroadcastq,
  vbroadcasti128,
  vpermilps: packed(permilpsVariable),
  vpermilpd: packed(permilpdVariable),
  vpermilpdImm: packedUnary(permilpd, 2),
  vpermd,
  vpermq,
  vperm2i128,
  vinserti128,
  vextracti128,
  vtestps: bitTest(() => SIGN),
  vtestpd: bitTest((i) => (isOdd(i) ? SIGN : 0)),
  vpsrlvd: packed(wordwise(byOwnCount(psrld))),
  vpsrlvq: packed(psrlvq),
  vpsravd: packed(wordwise(byOwnCount(psrad))),
  vpsllvd: packed(wordwise(byOwnCount(pslld))),
  vpsllvq: packed(psllvq),
} as const satisfies Record<string, Executor>;
