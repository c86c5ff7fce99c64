// SPDX-License-Identifier: BSD-2-Clause
// How executors reach their operands, whatever they are: register, memory or immediate. Operand A is the
// destination, B the source; C is a third register or a small constant. 8- and 16-bit values are
// zero-extended, 32-bit ones int32; of 64-bit ones the low half is passed and the high half is in HI.
//
// A read-modify-write instruction opens A (which faults like a store would), works, and closes it.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import {
  IMM,
  INFO,
  INFO_C_SHIFT,
  INFO_WIDTH,
  LINK,
  SLOT_IMMEDIATE,
  SLOT_MEMORY,
  SLOTS,
} from "../decode/record.ts";
import { ADDRESS } from "../state-layout.ts";

/** What an operation does to its machine when its instruction is at record `p`. */
export type Executor = (cpu: Cpu, p: number) => void;

/** Log2 of the operand size in bytes. */
export function widthOf(cpu: Cpu, p: number): number {
  return cpu.code[p + INFO]! & INFO_WIDTH;
}

export function slotA(cpu: Cpu, p: number): number {
  return cpu.code[p + SLOTS]! & 0xff;
}

export function slotB(cpu: Cpu, p: number): number {
  return (cpu.code[p + SLOTS]! >>> 8) & 0xff;
}

export function slotC(cpu: Cpu, p: number): number {
  return cpu.code[p + INFO]! >>> INFO_C_SHIFT;
}

export function isMemoryA(cpu: Cpu, p: number): boolean {
  return slotA(cpu, p) === SLOT_MEMORY;
}

export function isMemoryB(cpu: Cpu, p: number): boolean {
  return slotB(cpu, p) === SLOT_MEMORY;
}

export function immediate(cpu: Cpu, p: number): number {
  return cpu.code[p + IMM]!;
}

// Loads of the memory operand.

export function loadM8(cpu: Cpu, p: number): number {
  const lo = cpu.ea(p, 1, false);
  return cpu.mem.load8(lo, cpu.s[HI]!);
}

export function loadM16(cpu: Cpu, p: number): number {
  const lo = cpu.ea(p, 2, false);
  return cpu.mem.load16(lo, cpu.s[HI]!);
}

export function loadM32(cpu: Cpu, p: number): number {
  const lo = cpu.ea(p, 4, false);
  return cpu.mem.load32(lo, cpu.s[HI]!);
}

export function loadM64(cpu: Cpu, p: number): number {
  const lo = cpu.ea(p, 8, false);
  return cpu.mem.load64(lo, cpu.s[HI]!);
}

export function storeM8(cpu: Cpu, p: number, value: number): void {
  const lo = cpu.ea(p, 1, true);
  cpu.mem.store8(lo, cpu.s[HI]!, value);
}

export function storeM16(cpu: Cpu, p: number, value: number): void {
  const lo = cpu.ea(p, 2, true);
  cpu.mem.store16(lo, cpu.s[HI]!, value);
}

export function storeM32(cpu: Cpu, p: number, value: number): void {
  const lo = cpu.ea(p, 4, true);
  cpu.mem.store32(lo, cpu.s[HI]!, value);
}

export function storeM64(cpu: Cpu, p: number, valueLo: number, valueHi: number): void {
  const lo = cpu.ea(p, 8, true);
  cpu.mem.store64(lo, cpu.s[HI]!, valueLo, valueHi);
}

// Sources.

function read8(cpu: Cpu, p: number, slot: number): number {
  if (slot < SLOT_IMMEDIATE) return cpu.bytes[slot]!;
  return slot === SLOT_IMMEDIATE ? cpu.code[p + IMM]! & 0xff : loadM8(cpu, p);
}

function read16(cpu: Cpu, p: number, slot: number): number {
  if (slot < SLOT_IMMEDIATE) return cpu.words[slot]!;
  return slot === SLOT_IMMEDIATE ? cpu.code[p + IMM]! & 0xffff : loadM16(cpu, p);
}

function read32(cpu: Cpu, p: number, slot: number): number {
  if (slot < SLOT_IMMEDIATE) return cpu.s[slot]!;
  return slot === SLOT_IMMEDIATE ? cpu.code[p + IMM]! : loadM32(cpu, p);
}

function read64(cpu: Cpu, p: number, slot: number): number {
  const { s, code } = cpu;
  if (slot < SLOT_IMMEDIATE) {
    s[HI] = s[slot + 1]!;
    return s[slot]!;
  }
  if (slot === SLOT_MEMORY) return loadM64(cpu, p);
  s[HI] = code[p + IMM]! >> 31;
  return code[p + IMM]!;
}

export function readA8(cpu: Cpu, p: number): number {
  return read8(cpu, p, slotA(cpu, p));
}

export function readA16(cpu: Cpu, p: number): number {
  return read16(cpu, p, slotA(cpu, p));
}

export function readA32(cpu: Cpu, p: number): number {
  return read32(cpu, p, slotA(cpu, p));
}

export function readA64(cpu: Cpu, p: number): number {
  return read64(cpu, p, slotA(cpu, p));
}

export function readB8(cpu: Cpu, p: number): number {
  return read8(cpu, p, slotB(cpu, p));
}

export function readB16(cpu: Cpu, p: number): number {
  return read16(cpu, p, slotB(cpu, p));
}

export function readB32(cpu: Cpu, p: number): number {
  return read32(cpu, p, slotB(cpu, p));
}

export function readB64(cpu: Cpu, p: number): number {
  return read64(cpu, p, slotB(cpu, p));
}

/** The full 64-bit immediate of MOV, its high half into HI. */
export function immediate64(cpu: Cpu, p: number): number {
  cpu.s[HI] = cpu.code[p + LINK]!;
  return cpu.code[p + IMM]!;
}

// Destinations.

/** Zeroes the high half, as every write of a 32-bit register does. */
export function writeRegister32(cpu: Cpu, slot: number, value: number): void {
  cpu.s[slot] = value;
  cpu.s[slot + 1] = 0;
}

export function writeRegister64(cpu: Cpu, slot: number, lo: number, hi: number): void {
  cpu.s[slot] = lo;
  cpu.s[slot + 1] = hi;
}

export function writeA8(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot === SLOT_MEMORY) storeM8(cpu, p, value);
  else cpu.bytes[slot] = value;
}

export function writeA16(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot === SLOT_MEMORY) storeM16(cpu, p, value);
  else cpu.words[slot] = value;
}

export function writeA32(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot === SLOT_MEMORY) storeM32(cpu, p, value);
  else writeRegister32(cpu, slot, value);
}

export function writeA64(cpu: Cpu, p: number, lo: number, hi: number): void {
  const slot = slotA(cpu, p);
  if (slot === SLOT_MEMORY) storeM64(cpu, p, lo, hi);
  else writeRegister64(cpu, slot, lo, hi);
}

/** A general register's value by operand size, zero-extended to a pair: low half, high half in HI. */
export function readSized(cpu: Cpu, p: number, slot: number): number {
  switch (widthOf(cpu, p)) {
    case 3:
      return read64(cpu, p, slot);
    case 2: {
      const value = read32(cpu, p, slot);
      cpu.s[HI] = 0;
      return value;
    }
    case 1: {
      const value = read16(cpu, p, slot);
      cpu.s[HI] = 0;
      return value;
    }
    default: {
      const value = read8(cpu, p, slot);
      cpu.s[HI] = 0;
      return value;
    }
  }
}

/** Writes operand A by operand size; `hi` counts for 64 bits only. */
export function writeSizedA(cpu: Cpu, p: number, lo: number, hi: number): void {
  switch (widthOf(cpu, p)) {
    case 3:
      writeA64(cpu, p, lo, hi);
      break;
    case 2:
      writeA32(cpu, p, lo);
      break;
    case 1:
      writeA16(cpu, p, lo);
      break;
    default:
      writeA8(cpu, p, lo);
      break;
  }
}

/** A selector or another word: 16 bits to memory, zero-extended by operand size to a register. */
export function storeWord(cpu: Cpu, p: number, value: number): void {
  if (isMemoryA(cpu, p)) storeM16(cpu, p, value);
  else writeSizedA(cpu, p, value, 0);
}

// Read-modify-write.

/** Remembers the memory operand's address for the store, and faults now if that store would. */
function open(cpu: Cpu, p: number, size: number): void {
  const { s } = cpu;
  const lo = cpu.ea(p, size, true);
  const hi = s[HI]!;
  s[ADDRESS] = lo;
  s[ADDRESS + 1] = hi;
  cpu.mem.probeWrite(lo, hi, size);
}

export function openA8(cpu: Cpu, p: number): number {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) return cpu.bytes[slot]!;
  open(cpu, p, 1);
  return cpu.mem.load8(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!);
}

export function openA16(cpu: Cpu, p: number): number {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) return cpu.words[slot]!;
  open(cpu, p, 2);
  return cpu.mem.load16(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!);
}

export function openA32(cpu: Cpu, p: number): number {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) return cpu.s[slot]!;
  open(cpu, p, 4);
  return cpu.mem.load32(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!);
}

export function openA64(cpu: Cpu, p: number): number {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) {
    cpu.s[HI] = cpu.s[slot + 1]!;
    return cpu.s[slot]!;
  }
  open(cpu, p, 8);
  return cpu.mem.load64(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!);
}

export function closeA8(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) cpu.bytes[slot] = value;
  else cpu.mem.store8(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!, value);
}

export function closeA16(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) cpu.words[slot] = value;
  else cpu.mem.store16(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!, value);
}

export function closeA32(cpu: Cpu, p: number, value: number): void {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) writeRegister32(cpu, slot, value);
  else cpu.mem.store32(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!, value);
}

export function closeA64(cpu: Cpu, p: number, lo: number, hi: number): void {
  const slot = slotA(cpu, p);
  if (slot !== SLOT_MEMORY) writeRegister64(cpu, slot, lo, hi);
  else cpu.mem.store64(cpu.s[ADDRESS]!, cpu.s[ADDRESS + 1]!, lo, hi);
}
