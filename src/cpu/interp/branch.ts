// SPDX-License-Identifier: BSD-2-Clause
// Executors of near branches, software interrupts and #UD in isa/control.ts. Far ones are in interp/far.ts.
import { HI } from "../../mmu/machine-layout.ts";
import { branchTo, checkTarget, nextRip, relativeRip, setRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_ADDRESS_SHIFT } from "../decode/record.ts";
import { isCondition, isOverflow, isZero } from "../flags.ts";
import { moveStack, peek, poke, probeStack } from "../stack.ts";
import { CURRENT, GPR, RCX } from "../state-layout.ts";
import { interruptReturn, softwareInterrupt } from "../system/interrupt.ts";
import { BP, BR, DB, OF, UD } from "../vectors.ts";
import { type Executor, readSized, slotA, slotC, widthOf } from "./operands.ts";

const ECX = GPR + 2 * RCX;

function jumpRelative(cpu: Cpu, p: number): void {
  const lo = relativeRip(cpu, p);
  branchTo(cpu, lo, cpu.s[HI]!, widthOf(cpu, p));
}

function fallThrough(cpu: Cpu, p: number): void {
  const lo = nextRip(cpu, p);
  setRip(cpu, cpu.codeSize === 16 ? lo & 0xffff : lo, cpu.s[HI]!);
}

function conditional(holds: (cpu: Cpu, p: number) => boolean): Executor {
  return (cpu, p) => {
    cpu.s[CURRENT] = p;
    if (holds(cpu, p)) jumpRelative(cpu, p);
    else fallThrough(cpu, p);
  };
}

/** rCX by the address size: ECX in 64-bit mode with a 67 prefix, CX in 16-bit code. */
function isCountZero(cpu: Cpu, p: number): boolean {
  const { s } = cpu;
  switch ((cpu.code[p + INFO]! >>> INFO_ADDRESS_SHIFT) & 3) {
    case 2:
      return (s[ECX]! | s[ECX + 1]!) === 0;
    case 1:
      return s[ECX] === 0;
    default:
      return cpu.words[2 * ECX] === 0;
  }
}

function changeCount(cpu: Cpu, p: number, delta: 1 | -1): void {
  const { s } = cpu;
  switch ((cpu.code[p + INFO]! >>> INFO_ADDRESS_SHIFT) & 3) {
    case 2: {
      const old = s[ECX]!;
      s[ECX] = old + delta;
      if (delta < 0 && old === 0) s[ECX + 1] = s[ECX + 1]! - 1;
      if (delta > 0 && old === -1) s[ECX + 1] = s[ECX + 1]! + 1;
      break;
    }
    case 1:
      s[ECX] = s[ECX]! + delta;
      s[ECX + 1] = 0;
      break;
    default:
      cpu.words[2 * ECX] = cpu.words[2 * ECX]! + delta;
      break;
  }
}

/** The count is restored when the target faults. */
function loop(holds: (cpu: Cpu) => boolean): Executor {
  return (cpu, p) => {
    cpu.s[CURRENT] = p;
    changeCount(cpu, p, -1);
    if (isCountZero(cpu, p) || !holds(cpu)) {
      fallThrough(cpu, p);
      return;
    }
    let isDone = false;
    try {
      jumpRelative(cpu, p);
      isDone = true;
    } finally {
      if (!isDone) changeCount(cpu, p, 1);
    }
  };
}

function call(cpu: Cpu, p: number, lo: number, hi: number): void {
  const width = widthOf(cpu, p);
  const target = width === 1 ? lo & 0xffff : lo;
  const targetHi = width === 3 ? hi : 0;
  const size = 1 << width;
  // A stack that cannot be written comes before a target that cannot be reached.
  probeStack(cpu, -size, size);
  checkTarget(cpu, target, targetHi);
  const returnLo = nextRip(cpu, p);
  poke(cpu, -size, size, returnLo, cpu.s[HI]!);
  moveStack(cpu, -size);
  setRip(cpu, target, targetHi);
}

function ret(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const width = widthOf(cpu, p);
  const lo = peek(cpu, 0, 1 << width);
  branchTo(cpu, lo, cpu.s[HI]!, width);
  moveStack(cpu, (1 << width) + (cpu.code[p + IMM]! & 0xffff));
}

/** A is an index, B two signed bounds in memory. */
function bound(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const isWide = widthOf(cpu, p) === 2;
  const size = isWide ? 4 : 2;
  const lo = cpu.ea(p, 2 * size, false);
  const first = isWide ? mem.load32(lo, 0) : (mem.load16(lo, 0) << 16) >> 16;
  const second = isWide ? mem.load32((lo + 4) | 0, 0) : (mem.load16((lo + 2) | 0, 0) << 16) >> 16;
  const a = slotA(cpu, p);
  const index = isWide ? s[a]! : (cpu.words[a]! << 16) >> 16;
  if (index < first || index > second) cpu.raise(BR);
}

export const BRANCH_EXECUTORS = {
  jcc: conditional((cpu, p) => isCondition(cpu.s, slotC(cpu, p))),
  jcxz: conditional(isCountZero),
  loop: loop(() => true),
  loope: loop((cpu) => isZero(cpu.s)),
  loopne: loop((cpu) => !isZero(cpu.s)),
  jmp: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    jumpRelative(cpu, p);
  },
  jmpIndirect: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    const lo = readSized(cpu, p, slotA(cpu, p));
    branchTo(cpu, lo, cpu.s[HI]!, widthOf(cpu, p));
  },
  call: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    const lo = relativeRip(cpu, p);
    call(cpu, p, lo, cpu.s[HI]!);
  },
  callIndirect: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    const lo = readSized(cpu, p, slotA(cpu, p));
    call(cpu, p, lo, cpu.s[HI]!);
  },
  ret,
  bound,
  ud: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    cpu.raise(UD);
  },
  int: (cpu: Cpu, p: number) => softwareInterrupt(cpu, p, cpu.code[p + IMM]! & 0xff, "int"),
  int3: (cpu: Cpu, p: number) => softwareInterrupt(cpu, p, BP, "int3"),
  int1: (cpu: Cpu, p: number) => softwareInterrupt(cpu, p, DB, "int1"),
  into: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    if (isOverflow(cpu.s)) softwareInterrupt(cpu, p, OF, "int3");
    else fallThrough(cpu, p);
  },
  iret: interruptReturn,
} as const;
