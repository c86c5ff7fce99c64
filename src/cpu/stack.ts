// SPDX-License-Identifier: BSD-2-Clause
// The stack of the current mode: 16-, 32- or 64-bit stack pointer, SS checked outside 64-bit mode. Values
// are pairs; a load returns the low half and leaves the high half in HI. Nothing moves the stack pointer
// before the access has succeeded.
import { HI } from "../mmu/machine-layout.ts";
import type { Cpu } from "./cpu.ts";
import { segmentAddress } from "./ea.ts";
import { GPR, RSP, SS } from "./state-layout.ts";

const SP = GPR + 2 * RSP;

/** Linear address of the stack pointer moved by `delta` bytes: low half, high half in HI. */
function stackAddress(cpu: Cpu, delta: number, size: number, isWrite: boolean): number {
  const { s } = cpu;
  const lo = (s[SP]! + delta) | 0;
  if (cpu.stackSize === 8) {
    const carry = lo >>> 0 < delta >>> 0 ? 1 : 0;
    s[HI] = s[SP + 1]! + (delta >> 31) + carry;
    return lo;
  }
  return segmentAddress(cpu, SS, cpu.stackSize === 4 ? lo : lo & 0xffff, size, isWrite);
}

/** Moves the stack pointer. */
export function moveStack(cpu: Cpu, delta: number): void {
  const { s } = cpu;
  const lo = (s[SP]! + delta) | 0;
  switch (cpu.stackSize) {
    case 8:
      s[SP + 1] = s[SP + 1]! + (delta >> 31) + (lo >>> 0 < delta >>> 0 ? 1 : 0);
      s[SP] = lo;
      break;
    case 4:
      s[SP] = lo;
      s[SP + 1] = 0;
      break;
    default:
      cpu.words[SP * 2] = lo;
      break;
  }
}

/** Reads `size` (2, 4 or 8) bytes `offset` bytes above the stack pointer, which stays. Zero-extended. */
export function peek(cpu: Cpu, offset: number, size: number): number {
  const { s, mem } = cpu;
  const lo = stackAddress(cpu, offset, size, false);
  const hi = s[HI]!;
  if (size === 8) return mem.load64(lo, hi);
  const value = size === 4 ? mem.load32(lo, hi) : mem.load16(lo, hi);
  s[HI] = 0;
  return value;
}

export function pop(cpu: Cpu, size: number): number {
  const lo = peek(cpu, 0, size);
  moveStack(cpu, size);
  return lo;
}

/** Stores `size` bytes at the stack pointer moved by `delta`, which stays. */
export function poke(cpu: Cpu, delta: number, size: number, lo: number, hi: number): void {
  const { s, mem } = cpu;
  const addressLo = stackAddress(cpu, delta, size, true);
  const addressHi = s[HI]!;
  if (size === 8) mem.store64(addressLo, addressHi, lo, hi);
  else if (size === 4) mem.store32(addressLo, addressHi, lo);
  else mem.store16(addressLo, addressHi, lo);
}

/** Faults as {@link poke} would. */
export function probeStack(cpu: Cpu, delta: number, size: number): void {
  const lo = stackAddress(cpu, delta, size, true);
  cpu.mem.probeWrite(lo, cpu.s[HI]!, size);
}

export function push(cpu: Cpu, size: number, lo: number, hi: number): void {
  poke(cpu, -size, size, lo, hi);
  moveStack(cpu, -size);
}
