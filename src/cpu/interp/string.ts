// SPDX-License-Identifier: BSD-2-Clause
// Executors of MOVS, STOS, LODS, SCAS and CMPS. With a REP prefix an instruction runs as many iterations as
// it may: each counts as one retired instruction, and when the budget is used up (or a fault comes) RIP
// stays on the instruction with the registers saying what is left. RFLAGS.TF traps after each. SDM 2: REP;
// SDM 1 7.3.9.
import { HI } from "../../mmu/machine-layout.ts";
import { sub32, sub64, subNarrow } from "../alu.ts";
import { nextRip, ownRip, setRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import {
  INFO,
  INFO_ADDRESS_SHIFT,
  INFO_REP,
  INFO_REPNE,
  INFO_SEGMENT_SHIFT,
} from "../decode/record.ts";
import { addSegmentBase, segmentAddress } from "../ea.ts";
import { FLAG_DF, FLAG_RF, FLAG_TF, isZero } from "../flags.ts";
import { CURRENT, ES, FLAGS, FS, GPR, RAX, RCX, RDI, REMAINING, RSI } from "../state-layout.ts";
import { widthOf } from "./operands.ts";

const EAX = GPR + 2 * RAX;
const ECX = GPR + 2 * RCX;
const ESI = GPR + 2 * RSI;
const EDI = GPR + 2 * RDI;

/** 0, 1 or 2 for 16, 32 or 64-bit addresses. */
function addressBits(cpu: Cpu, p: number): number {
  return (cpu.code[p + INFO]! >>> INFO_ADDRESS_SHIFT) & 3;
}

/** Linear address that a string register points to: low half, high half in HI. */
function stringAddress(
  cpu: Cpu,
  p: number,
  register: number,
  segment: number,
  access: number,
): number {
  const { s } = cpu;
  const bits = addressBits(cpu, p);
  const lo = bits === 0 ? cpu.words[2 * register]! : s[register]!;
  s[HI] = bits === 2 ? s[register + 1]! : 0;
  if (cpu.is64) return segment >= FS ? addSegmentBase(s, segment, lo) : lo;
  if (cpu.isFlat && bits === 1 && segment < FS && segment !== 1) return lo;
  return segmentAddress(cpu, segment, lo, access & (WRITE - 1), access >= WRITE);
}

/** Added to an access's size: it is a store. */
const WRITE = 32;

export function sourceAddress(cpu: Cpu, p: number, size: number): number {
  const segment = (cpu.code[p + INFO]! >>> INFO_SEGMENT_SHIFT) & 7;
  return stringAddress(cpu, p, ESI, segment, size);
}

export function destinationAddress(cpu: Cpu, p: number, size: number, isWrite: boolean): number {
  return stringAddress(cpu, p, EDI, ES, isWrite ? size + WRITE : size);
}

function addToRegister(cpu: Cpu, register: number, delta: number, bits: number): void {
  const { s } = cpu;
  if (bits === 0) {
    cpu.words[2 * register] = cpu.words[2 * register]! + delta;
    return;
  }
  const lo = (s[register]! + delta) | 0;
  s[register + 1] =
    bits === 2 ? s[register + 1]! + (delta >> 31) + (lo >>> 0 < delta >>> 0 ? 1 : 0) : 0;
  s[register] = lo;
}

/** Moves rSI or rDI past `count` elements, by DF. */
export function advance(cpu: Cpu, p: number, register: "rSI" | "rDI", bytes: number): void {
  const delta = (cpu.s[FLAGS]! & FLAG_DF) !== 0 ? -bytes : bytes;
  addToRegister(cpu, register === "rSI" ? ESI : EDI, delta, addressBits(cpu, p));
}

/** The count register, or 2^31 - 1 where it is larger: more than any budget. */
export function repeatCount(cpu: Cpu, p: number): number {
  const { s } = cpu;
  switch (addressBits(cpu, p)) {
    case 2:
      return s[ECX + 1] !== 0 || s[ECX]! < 0 ? 0x7fffffff : s[ECX]!;
    case 1:
      return s[ECX]! < 0 ? 0x7fffffff : s[ECX]!;
    default:
      return cpu.words[2 * ECX]!;
  }
}

export function takeFromCount(cpu: Cpu, p: number, iterations: number): void {
  addToRegister(cpu, ECX, -iterations, addressBits(cpu, p));
}

type Iteration = (cpu: Cpu, p: number) => void;
/** Does up to `limit` iterations at once and says how many; 0 if it must be done one by one. */
type Bulk = (cpu: Cpu, p: number, limit: number) => number;

/**
 * A repeated instruction stops with iterations to go. RF says so to whoever interrupts it (SDM 3B 17.3.1.1), and
 * keeps a breakpoint on it from being hit again when it goes on.
 */
export function leaveUnfinished({ s }: Cpu): void {
  s[FLAGS] = s[FLAGS]! | FLAG_RF;
}

/** True when REPE or REPNE ends the loop after this iteration. */
function isEnded(cpu: Cpu, p: number): boolean {
  const isRepne = (cpu.code[p + INFO]! & INFO_REPNE) !== 0;
  return isZero(cpu.s) === isRepne;
}

function string(iteration: Iteration, bulk: Bulk | undefined, isComparison: boolean) {
  return (cpu: Cpu, p: number): void => {
    const { s } = cpu;
    s[CURRENT] = p;
    if ((cpu.code[p + INFO]! & (INFO_REP | INFO_REPNE)) === 0) {
      iteration(cpu, p);
      return;
    }
    let left = repeatCount(cpu, p);
    const isStepped = (s[FLAGS]! & FLAG_TF) !== 0;
    // The first iteration is paid for with the block.
    let isPaid = true;
    while (left > 0) {
      if (!isPaid && (isStepped || cpu.pendingDebug !== 0 || s[REMAINING]! <= 0)) {
        const lo = ownRip(cpu, p);
        setRip(cpu, lo, s[HI]!);
        leaveUnfinished(cpu);
        return;
      }
      if (!isPaid) s[REMAINING] = s[REMAINING]! - 1;
      isPaid = false;
      let done =
        bulk === undefined || isStepped ? 0 : bulk(cpu, p, Math.min(left, s[REMAINING]! + 1));
      if (done === 0) {
        iteration(cpu, p);
        done = 1;
      }
      s[REMAINING] = s[REMAINING]! - (done - 1);
      takeFromCount(cpu, p, done);
      left = left === 0x7fffffff ? repeatCount(cpu, p) : left - done;
      if (isComparison && isEnded(cpu, p)) break;
    }
    const lo = nextRip(cpu, p);
    setRip(cpu, lo, s[HI]!);
  };
}

// One iteration each.

function movs(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const from = sourceAddress(cpu, p, size);
  const fromHi = s[HI]!;
  const to = destinationAddress(cpu, p, size, true);
  const toHi = s[HI]!;
  if (width === 0) mem.store8(to, toHi, mem.load8(from, fromHi));
  else if (width === 1) mem.store16(to, toHi, mem.load16(from, fromHi));
  else if (width === 2) mem.store32(to, toHi, mem.load32(from, fromHi));
  else {
    const lo = mem.load64(from, fromHi);
    mem.store64(to, toHi, lo, s[HI]!);
  }
  advance(cpu, p, "rSI", size);
  advance(cpu, p, "rDI", size);
}

function stos(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const to = destinationAddress(cpu, p, size, true);
  const toHi = s[HI]!;
  if (width === 0) mem.store8(to, toHi, s[EAX]!);
  else if (width === 1) mem.store16(to, toHi, s[EAX]!);
  else if (width === 2) mem.store32(to, toHi, s[EAX]!);
  else mem.store64(to, toHi, s[EAX]!, s[EAX + 1]!);
  advance(cpu, p, "rDI", size);
}

function lods(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const from = sourceAddress(cpu, p, size);
  const fromHi = s[HI]!;
  if (width === 0) cpu.bytes[4 * EAX] = mem.load8(from, fromHi);
  else if (width === 1) cpu.words[2 * EAX] = mem.load16(from, fromHi);
  else if (width === 2) {
    s[EAX] = mem.load32(from, fromHi);
    s[EAX + 1] = 0;
  } else {
    s[EAX] = mem.load64(from, fromHi);
    s[EAX + 1] = s[HI]!;
  }
  advance(cpu, p, "rSI", size);
}

function scas(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const at = destinationAddress(cpu, p, size, false);
  const atHi = s[HI]!;
  if (width === 0) subNarrow(s, s[EAX]! & 0xff, mem.load8(at, atHi), 0);
  else if (width === 1) subNarrow(s, s[EAX]! & 0xffff, mem.load16(at, atHi), 1);
  else if (width === 2) sub32(s, s[EAX]!, mem.load32(at, atHi));
  else {
    const lo = mem.load64(at, atHi);
    sub64(s, s[EAX]!, s[EAX + 1]!, lo, s[HI]!);
  }
  advance(cpu, p, "rDI", size);
}

function cmps(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const left = sourceAddress(cpu, p, size);
  const leftHi = s[HI]!;
  const right = destinationAddress(cpu, p, size, false);
  const rightHi = s[HI]!;
  if (width === 0) subNarrow(s, mem.load8(left, leftHi), mem.load8(right, rightHi), 0);
  else if (width === 1) subNarrow(s, mem.load16(left, leftHi), mem.load16(right, rightHi), 1);
  else if (width === 2) sub32(s, mem.load32(left, leftHi), mem.load32(right, rightHi));
  else {
    const lo = mem.load64(left, leftHi);
    const hi = s[HI]!;
    const otherLo = mem.load64(right, rightHi);
    sub64(s, lo, hi, otherLo, s[HI]!);
  }
  advance(cpu, p, "rSI", size);
  advance(cpu, p, "rDI", size);
}

// Many iterations inside one page of RAM, upwards, with addresses that need no segment checks.

function canDoInBulk(cpu: Cpu, p: number): boolean {
  return (
    (cpu.s[FLAGS]! & FLAG_DF) === 0 && cpu.isFlat && addressBits(cpu, p) === (cpu.is64 ? 2 : 1)
  );
}

function elementsInPage(lo: number, width: number): number {
  return (4096 - (lo & 0xfff)) >>> width;
}

function bulkStos(cpu: Cpu, p: number, limit: number): number {
  const { s, mem } = cpu;
  if (limit < 4 || !canDoInBulk(cpu, p)) return 0;
  const width = widthOf(cpu, p);
  const lo = destinationAddress(cpu, p, 1, true);
  const count = Math.min(limit, elementsInPage(lo, width));
  if (count === 0) return 0;
  const place = mem.writablePlace(lo, s[HI]!);
  if (place < 0) return 0;
  fill(cpu, place, width, count);
  advance(cpu, p, "rDI", count << width);
  return count;
}

function fill(cpu: Cpu, place: number, width: number, count: number): void {
  const { s } = cpu;
  const { bytes, view } = cpu.memory;
  const lo = s[EAX]!;
  const hi = width === 3 ? s[EAX + 1]! : lo;
  const byte = lo & 0xff;
  if (width === 0 || (lo === Math.imul(byte, 0x01010101) && hi === lo)) {
    bytes.fill(byte, place, place + (count << width));
  } else if (width === 1) {
    for (let i = 0; i < count; i++) view.setInt16(place + 2 * i, lo, true);
  } else {
    const words = count << (width - 2);
    for (let i = 0; i < words; i += 2) {
      view.setInt32(place + 4 * i, lo, true);
      if (i + 1 < words) view.setInt32(place + 4 * i + 4, hi, true);
    }
  }
}

function bulkMovs(cpu: Cpu, p: number, limit: number): number {
  const { s, mem } = cpu;
  if (limit < 4 || !canDoInBulk(cpu, p)) return 0;
  // Outside 64-bit mode FS and GS have limits.
  if (!cpu.is64 && ((cpu.code[p + INFO]! >>> INFO_SEGMENT_SHIFT) & 7) >= FS) return 0;
  const width = widthOf(cpu, p);
  const from = sourceAddress(cpu, p, 1);
  const fromHi = s[HI]!;
  const to = destinationAddress(cpu, p, 1, true);
  const toHi = s[HI]!;
  const count = Math.min(limit, elementsInPage(from, width), elementsInPage(to, width));
  if (count === 0) return 0;
  const source = mem.readablePlace(from, fromHi);
  const target = mem.writablePlace(to, toHi);
  if (source < 0 || target < 0) return 0;
  const length = count << width;
  // A copy onto what it has yet to read repeats a pattern, element by element.
  if (target > source && target < source + length) return 0;
  cpu.memory.bytes.copyWithin(target, source, source + length);
  advance(cpu, p, "rSI", length);
  advance(cpu, p, "rDI", length);
  return count;
}

export const STRING_EXECUTORS = {
  movs: string(movs, bulkMovs, false),
  stos: string(stos, bulkStos, false),
  lods: string(lods, undefined, false),
  scas: string(scas, undefined, true),
  cmps: string(cmps, undefined, true),
} as const;
