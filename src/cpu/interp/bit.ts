// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/bit.ts.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_IMMEDIATE } from "../decode/record.ts";
import { displacedAddress } from "../ea.ts";
import { changeFlags, FLAG_CF, FLAG_ZF, FLAGS_ARITHMETIC, WIDTH_64 } from "../flags.ts";
import { ADDRESS } from "../state-layout.ts";
import {
  closeA16,
  closeA32,
  closeA64,
  type Executor,
  isMemoryA,
  openA16,
  openA32,
  openA64,
  readA16,
  readA32,
  readA64,
  readB8,
  readB16,
  readB32,
  readB64,
  slotA,
  slotB,
  slotC,
  widthOf,
  writeRegister32,
  writeSizedA,
} from "./operands.ts";

/** What BT, BTS, BTR, BTC make of the word that holds the bit. */
type Change = (word: number, mask: number) => number;

const keep: Change = (word) => word;
const set: Change = (word, mask) => word | mask;
const reset: Change = (word, mask) => word & ~mask;
const complement: Change = (word, mask) => word ^ mask;

/**
 * With a register operand or an immediate the bit number is taken modulo the operand's size. A bit number in
 * a register and a memory operand address a bit string: the number is signed and moves the address.
 */
function bitTest(change: Change): Executor {
  const isTest = change === keep;
  return (cpu, p) => {
    if (slotB(cpu, p) !== SLOT_IMMEDIATE && isMemoryA(cpu, p)) bitString(cpu, p, change);
    else bitOfOperand(cpu, p, change, isTest);
  };
}

function bitOfOperand(cpu: Cpu, p: number, change: Change, isTest: boolean): void {
  const { s } = cpu;
  const width = widthOf(cpu, p);
  const number = slotB(cpu, p) === SLOT_IMMEDIATE ? cpu.code[p + IMM]! : bitNumber(cpu, p, width);
  const mask = 1 << (number & 31);
  let old: number;
  if (width === WIDTH_64) {
    const lo = isTest ? readA64(cpu, p) : openA64(cpu, p);
    const hi = s[HI]!;
    const isHigh = (number & 32) !== 0;
    old = (isHigh ? hi : lo) & mask;
    if (!isTest) closeA64(cpu, p, isHigh ? lo : change(lo, mask), isHigh ? change(hi, mask) : hi);
  } else if (width === 2) {
    const value = isTest ? readA32(cpu, p) : openA32(cpu, p);
    old = value & mask;
    if (!isTest) closeA32(cpu, p, change(value, mask));
  } else {
    const narrow = 1 << (number & 15);
    const value = isTest ? readA16(cpu, p) : openA16(cpu, p);
    old = value & narrow;
    if (!isTest) closeA16(cpu, p, change(value, narrow));
  }
  changeFlags(s, FLAG_CF, old !== 0 ? FLAG_CF : 0);
}

function bitNumber(cpu: Cpu, p: number, width: number): number {
  return width === 1 ? cpu.words[slotB(cpu, p)]! : cpu.s[slotB(cpu, p)]!;
}

/** The word of the operand's size that holds the bit is what is accessed. */
function bitString(cpu: Cpu, p: number, change: Change): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const b = slotB(cpu, p);
  const lo = width === 1 ? (cpu.words[b]! << 16) >> 16 : s[b]!;
  const hi = width === WIDTH_64 ? s[b + 1]! : lo >> 31;
  // bytes = (bit >> log2(bits of the operand)) << log2(its bytes), on 64 signed bits
  const shift = 3 + width;
  const deltaLo = (((lo >>> shift) | (hi << (32 - shift))) << width) | 0;
  const deltaHi =
    ((hi >> shift) << width) | (((lo >>> shift) | (hi << (32 - shift))) >>> (32 - width));
  const size = 1 << width;
  const isWrite = change !== keep;
  const address = displacedAddress(cpu, p, deltaLo, deltaHi, { size, isWrite });
  const addressHi = s[HI]!;
  s[ADDRESS] = address;
  s[ADDRESS + 1] = addressHi;
  if (isWrite) mem.probeWrite(address, addressHi, size);
  const bit = lo & (8 * size - 1);
  const mask = 1 << (bit & 31);
  let old: number;
  if (width === WIDTH_64) {
    const low = mem.load64(address, addressHi);
    const high = s[HI]!;
    old = (bit >= 32 ? high : low) & mask;
    if (isWrite) {
      mem.store64(
        address,
        addressHi,
        bit >= 32 ? low : change(low, mask),
        bit >= 32 ? change(high, mask) : high,
      );
    }
  } else if (width === 2) {
    const value = mem.load32(address, addressHi);
    old = value & mask;
    if (isWrite) mem.store32(address, addressHi, change(value, mask));
  } else {
    const value = mem.load16(address, addressHi);
    old = value & mask;
    if (isWrite) mem.store16(address, addressHi, change(value, mask));
  }
  changeFlags(s, FLAG_CF, old !== 0 ? FLAG_CF : 0);
}

/** Number of the lowest set bit of a pair; 64 if there is none. */
function lowestBit(lo: number, hi: number): number {
  if (lo !== 0) return 31 - Math.clz32(lo & -lo);
  return hi !== 0 ? 63 - Math.clz32(hi & -hi) : 64;
}

function highestBit(lo: number, hi: number): number {
  return hi !== 0 ? 63 - Math.clz32(hi) : 31 - Math.clz32(lo);
}

/** The source, zero-extended to a pair. */
function source(cpu: Cpu, p: number): number {
  const width = widthOf(cpu, p);
  if (width === WIDTH_64) return readB64(cpu, p);
  const value = width === 2 ? readB32(cpu, p) : readB16(cpu, p);
  cpu.s[HI] = 0;
  return value;
}

/** BSF and BSR of zero set ZF and leave the destination; a 32-bit one is left with all 64 bits. */
function scan(find: (lo: number, hi: number) => number): Executor {
  return (cpu, p) => {
    const lo = source(cpu, p);
    const hi = cpu.s[HI]!;
    const isZero = (lo | hi) === 0;
    if (!isZero) writeSizedA(cpu, p, find(lo, hi), 0);
    changeFlags(cpu.s, FLAGS_ARITHMETIC, isZero ? FLAG_ZF : 0);
  };
}

/** TZCNT and LZCNT: CF says that the source was zero, ZF that the result is. */
function countZeros(count: (lo: number, hi: number, size: number) => number): Executor {
  return (cpu, p) => {
    const lo = source(cpu, p);
    const hi = cpu.s[HI]!;
    const size = 8 << widthOf(cpu, p);
    const result = count(lo, hi, size);
    writeSizedA(cpu, p, result, 0);
    const flags = (result === size ? FLAG_CF : 0) | (result === 0 ? FLAG_ZF : 0);
    changeFlags(cpu.s, FLAG_CF | FLAG_ZF, flags);
  };
}

function populationCount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Sets ZF, clears the other five. */
function popcnt(cpu: Cpu, p: number): void {
  const lo = source(cpu, p);
  const count = populationCount(lo) + populationCount(cpu.s[HI]!);
  writeSizedA(cpu, p, count, 0);
  changeFlags(cpu.s, FLAGS_ARITHMETIC, count === 0 ? FLAG_ZF : 0);
}

/** CRC-32C, polynomial 0x11EDC6F41, bit-reflected; one step a byte. */
const CRC_TABLE = new Int32Array(256);
for (let i = 0; i < 256; i++) {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) !== 0 ? 0x82f63b78 : 0);
  CRC_TABLE[i] = value;
}

function crcBytes(start: number, value: number, bytes: number): number {
  let crc = start;
  for (let i = 0; i < bytes; i++)
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ (value >>> (8 * i))) & 0xff]!;
  return crc;
}

/** The row's constant says whether the source is a byte; else it has the operand size. */
function crc32(cpu: Cpu, p: number): void {
  const a = slotA(cpu, p);
  const start = cpu.s[a]!;
  let crc: number;
  if (slotC(cpu, p) === 1) crc = crcBytes(start, readB8(cpu, p), 1);
  else {
    const width = widthOf(cpu, p);
    const lo = source(cpu, p);
    crc = crcBytes(start, lo, width === 1 ? 2 : 4);
    if (width === WIDTH_64) crc = crcBytes(crc, cpu.s[HI]!, 4);
  }
  writeRegister32(cpu, a, crc);
}

export const BIT_EXECUTORS = {
  bt: bitTest(keep),
  bts: bitTest(set),
  btr: bitTest(reset),
  btc: bitTest(complement),
  bsf: scan(lowestBit),
  bsr: scan(highestBit),
  tzcnt: countZeros((lo, hi, size) => Math.min(lowestBit(lo, hi), size)),
  lzcnt: countZeros((lo, hi, size) => ((lo | hi) === 0 ? size : size - 1 - highestBit(lo, hi))),
  popcnt,
  crc32,
} as const;
