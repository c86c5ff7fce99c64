// SPDX-License-Identifier: BSD-2-Clause
// Near transfers of control. A branch executor checks its target before it changes anything, and sets RIP
// last: until then RIP is the address of the block's first instruction.
import { HI } from "../mmu/machine-layout.ts";
import type { Cpu } from "./cpu.ts";
import { IMM, INFO, INFO_FAR_TARGET, INFO_LENGTH_SHIFT, NEXT } from "./decode/record.ts";
import { CS, RIP, RIP_HIGH_MASK, SEG_LIMIT, SEG_WORDS, SEGMENTS } from "./state-layout.ts";
import { GP } from "./vectors.ts";

/** RIP `offset` bytes from the block's start: low half, high half in HI. */
function ripAt(cpu: Cpu, offset: number): number {
  const { s } = cpu;
  const lo = (s[RIP]! + offset) | 0;
  const carry = lo >>> 0 < offset >>> 0 ? 1 : 0;
  s[HI] = (s[RIP + 1]! + (offset >> 31) + carry) & s[RIP_HIGH_MASK]!;
  return lo;
}

/** Address of the instruction behind the one at `p`. */
export function nextRip(cpu: Cpu, p: number): number {
  return ripAt(cpu, cpu.code[p + NEXT]!);
}

/** Address of the instruction at `p`. */
export function ownRip(cpu: Cpu, p: number): number {
  const { code } = cpu;
  return ripAt(cpu, code[p + NEXT]! - ((code[p + INFO]! >>> INFO_LENGTH_SHIFT) & 15));
}

/** Target of the relative branch at `p`: low half, high half in HI. */
export function relativeRip(cpu: Cpu, p: number): number {
  const { s, code } = cpu;
  const distance = code[p + IMM]!;
  const lo = ripAt(cpu, distance);
  // The high half was extended with the wrong sign: it is off by one.
  if ((code[p + INFO]! & INFO_FAR_TARGET) !== 0) s[HI] = s[HI]! + (distance < 0 ? 1 : -1);
  return lo;
}

/** Faults unless a near branch may go there: canonical, or inside CS's limit. */
export function checkTarget(cpu: Cpu, lo: number, hi: number): void {
  if (cpu.is64) {
    const top = hi >> 15;
    if (top !== 0 && top !== -1) cpu.raise(GP, 0);
  } else if (lo >>> 0 > cpu.s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0) cpu.raise(GP, 0);
}

export function setRip(cpu: Cpu, lo: number, hi: number): void {
  cpu.s[RIP] = lo;
  cpu.s[RIP + 1] = hi;
}

/** Goes to a checked near target; with 16-bit operands only IP counts. */
export function branchTo(cpu: Cpu, lo: number, hi: number, width: number): void {
  const target = width === 1 ? lo & 0xffff : lo;
  const targetHi = width === 3 ? hi : 0;
  checkTarget(cpu, target, targetHi);
  setRip(cpu, target, targetHi);
}
