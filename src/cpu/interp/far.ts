// SPDX-License-Identifier: BSD-2-Clause
// Executors of far JMP, CALL and RET, and of the system calls, whose targets are in MSRs and registers.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, LINK } from "../decode/record.ts";
import { CURRENT } from "../state-layout.ts";
import { type FarTarget, farCall, farJump, farReturn } from "../system/far.ts";
import { syscall, sysenter, sysexit, sysret } from "../system/syscall.ts";
import { widthOf } from "./operands.ts";

/** The pointer in the instruction: offset in IMM, selector in LINK. */
function direct(cpu: Cpu, p: number): FarTarget {
  cpu.s[CURRENT] = p;
  const offset = cpu.code[p + IMM]!;
  return {
    selector: cpu.code[p + LINK]! & 0xffff,
    lo: widthOf(cpu, p) === 1 ? offset & 0xffff : offset,
    hi: 0,
  };
}

/** The pointer in memory: offset by operand size, then the selector; they are read, and fault, in this order. */
function indirect(cpu: Cpu, p: number): FarTarget {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const at = cpu.ea(p, size + 2, false);
  const atHi = s[HI]!;
  const lo =
    width === 3 ? mem.load64(at, atHi) : width === 2 ? mem.load32(at, atHi) : mem.load16(at, atHi);
  const hi = width === 3 ? s[HI]! : 0;
  const selectorAt = (at + size) | 0;
  const carry = selectorAt >>> 0 < at >>> 0 ? 1 : 0;
  return { selector: mem.load16(selectorAt, (atHi + carry) | 0), lo, hi };
}

export const FAR_EXECUTORS = {
  jmpFar: (cpu: Cpu, p: number) => farJump(cpu, p, direct(cpu, p)),
  jmpFarIndirect: (cpu: Cpu, p: number) => farJump(cpu, p, indirect(cpu, p)),
  callFar: (cpu: Cpu, p: number) => farCall(cpu, p, direct(cpu, p), widthOf(cpu, p)),
  callFarIndirect: (cpu: Cpu, p: number) => farCall(cpu, p, indirect(cpu, p), widthOf(cpu, p)),
  retFar: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    farReturn(cpu, widthOf(cpu, p), cpu.code[p + IMM]! & 0xffff);
  },
  syscall,
  sysret,
  sysenter,
  sysexit,
} as const;
