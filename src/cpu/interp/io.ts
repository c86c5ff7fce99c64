// SPDX-License-Identifier: BSD-2-Clause
// IN, OUT, INS and OUTS. Each leaves the vCPU with an exit for the machine to carry out; after an input the
// machine hands the value to completeIn. Permission: SDM 1 19.5, IOPL and the TSS's I/O bitmap.
import { HI } from "../../mmu/machine-layout.ts";
import { nextRip, ownRip, setRip } from "../branch.ts";
import type { InoutExit } from "../bus.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_REP, INFO_REPNE, SLOT_IMMEDIATE } from "../decode/record.ts";
import { FLAG_IOPL } from "../flags.ts";
import {
  ADDRESS,
  CPL,
  CURRENT,
  FLAGS,
  GPR,
  RAX,
  RDX,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_WORDS,
  SEGMENTS,
  TR,
} from "../state-layout.ts";
import { ioBreakpoints } from "../system/watch.ts";
import { GP } from "../vectors.ts";
import { slotA, slotB, widthOf } from "./operands.ts";
import {
  advance,
  destinationAddress,
  leaveUnfinished,
  repeatCount,
  sourceAddress,
  takeFromCount,
} from "./string.ts";

const EAX = GPR + 2 * RAX;
const DX = 2 * (GPR + 2 * RDX);

/** Faults unless the current privilege may use these ports. */
function checkPermission(cpu: Cpu, port: number, size: number): void {
  const { s } = cpu;
  if (!cpu.isProtected && !cpu.isV86) return;
  if (!cpu.isV86 && s[CPL]! <= (s[FLAGS]! & FLAG_IOPL) >> 12) return;
  const tss = SEGMENTS + TR * SEG_WORDS;
  const limit = s[tss + SEG_LIMIT]! >>> 0;
  // Only 32- and 64-bit task state segments have a bitmap.
  if ((s[tss + SEG_ACCESS]! & 0xd) !== 9 || limit < 0x67) cpu.raise(GP, 0);
  const bits = cpu.mem.asSupervisor(() => {
    const start = loadTssWord(cpu, 0x66) + (port >> 3);
    return start + 1 > limit ? -1 : loadTssWord(cpu, start);
  });
  if (bits < 0 || ((bits >> (port & 7)) & ((1 << size) - 1)) !== 0) cpu.raise(GP, 0);
}

function loadTssWord(cpu: Cpu, offset: number): number {
  const { s } = cpu;
  const base = SEGMENTS + TR * SEG_WORDS + SEG_BASE;
  const lo = (s[base]! + offset) | 0;
  const hi = s[base + 1]! + (lo >>> 0 < offset >>> 0 ? 1 : 0);
  return cpu.mem.load16(lo, hi | 0);
}

/** The operand size of port I/O is at most 32 bits. */
function portSize(cpu: Cpu, p: number): 1 | 2 | 4 {
  const width = widthOf(cpu, p);
  if (width === 0) return 1;
  return width === 1 ? 2 : 4;
}

function leave(cpu: Cpu, exit: InoutExit): void {
  cpu.pendingDebug |= ioBreakpoints(cpu, exit.port, exit.size);
  cpu.exit = exit;
}

function accumulator(cpu: Cpu, size: number): number {
  const value = cpu.s[EAX]!;
  if (size === 4) return value >>> 0;
  return value & (size === 2 ? 0xffff : 0xff);
}

function input(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const size = portSize(cpu, p);
  const port = slotB(cpu, p) === SLOT_IMMEDIATE ? cpu.code[p + IMM]! & 0xff : cpu.words[DX]!;
  checkPermission(cpu, port, size);
  leave(cpu, { kind: "inout", port, size, isIn: true, isString: false, value: 0 });
}

function output(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const size = portSize(cpu, p);
  const port = slotA(cpu, p) === SLOT_IMMEDIATE ? cpu.code[p + IMM]! & 0xff : cpu.words[DX]!;
  checkPermission(cpu, port, size);
  leave(cpu, {
    kind: "inout",
    port,
    size,
    isIn: false,
    isString: false,
    value: accumulator(cpu, size),
  });
}

function isRepeated(cpu: Cpu, p: number): boolean {
  return (cpu.code[p + INFO]! & (INFO_REP | INFO_REPNE)) !== 0;
}

/** After an iteration: RIP moves on unless REP has more to do. */
function endIteration(cpu: Cpu, p: number): void {
  if (isRepeated(cpu, p)) takeFromCount(cpu, p, 1);
  const isMore = isRepeated(cpu, p) && repeatCount(cpu, p) > 0;
  if (isMore) leaveUnfinished(cpu);
  const lo = isMore ? ownRip(cpu, p) : nextRip(cpu, p);
  setRip(cpu, lo, cpu.s[HI]!);
}

function skip(cpu: Cpu, p: number): void {
  const lo = nextRip(cpu, p);
  setRip(cpu, lo, cpu.s[HI]!);
}

function outs(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  s[CURRENT] = p;
  const size = portSize(cpu, p);
  const port = cpu.words[DX]!;
  // Even where there is nothing to repeat.
  checkPermission(cpu, port, size);
  if (isRepeated(cpu, p) && repeatCount(cpu, p) === 0) {
    skip(cpu, p);
    return;
  }
  const lo = sourceAddress(cpu, p, size);
  const hi = s[HI]!;
  const value =
    size === 4 ? mem.load32(lo, hi) >>> 0 : size === 2 ? mem.load16(lo, hi) : mem.load8(lo, hi);
  advance(cpu, p, "rSI", size);
  endIteration(cpu, p);
  leave(cpu, { kind: "inout", port, size, isIn: false, isString: true, value });
}

/** RIP is set by completeIn, when the value is there; its store is known not to fault. */
function ins(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const size = portSize(cpu, p);
  const port = cpu.words[DX]!;
  // Even where there is nothing to repeat.
  checkPermission(cpu, port, size);
  if (isRepeated(cpu, p) && repeatCount(cpu, p) === 0) {
    skip(cpu, p);
    return;
  }
  const lo = destinationAddress(cpu, p, size, true);
  const hi = s[HI]!;
  cpu.mem.probeWrite(lo, hi, size);
  s[ADDRESS] = lo;
  s[ADDRESS + 1] = hi;
  cpu.inputRecord = p;
  leave(cpu, { kind: "inout", port, size, isIn: true, isString: true, value: 0 });
}

/** Gives an IN or INS its value (unsigned); must be called before the vCPU runs again. */
export function completeIn(cpu: Cpu, exit: InoutExit, value: number): void {
  const { s, mem } = cpu;
  if (!exit.isString) {
    if (exit.size === 4) {
      s[EAX] = value;
      s[EAX + 1] = 0;
    } else if (exit.size === 2) cpu.words[2 * EAX] = value;
    else cpu.bytes[4 * EAX] = value;
    return;
  }
  const lo = s[ADDRESS]!;
  const hi = s[ADDRESS + 1]!;
  if (exit.size === 4) mem.store32(lo, hi, value);
  else if (exit.size === 2) mem.store16(lo, hi, value);
  else mem.store8(lo, hi, value);
  advance(cpu, cpu.inputRecord, "rDI", exit.size);
  endIteration(cpu, cpu.inputRecord);
}

export const IO_EXECUTORS = { in: input, out: output, ins, outs } as const;
