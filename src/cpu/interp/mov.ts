// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/mov.ts.
import { HI } from "../../mmu/machine-layout.ts";
import { add32, add64, addNarrow, sub32, sub64, subNarrow } from "../alu.ts";
import type { Cpu } from "../cpu.ts";
import {
  EA_CHECKED,
  INFO,
  INFO_ADDRESS_SHIFT,
  INFO_EA,
  INFO_EA_SHIFT,
  INFO_SEGMENT_SHIFT,
  SLOT_IMMEDIATE,
} from "../decode/record.ts";
import { addSegmentBase, effectiveAddress, segmentAddress } from "../ea.ts";
import {
  changeFlags,
  FLAG_CF,
  FLAG_DF,
  FLAG_OF,
  FLAG_ZF,
  FLAGS_ARITHMETIC,
  isCarry,
  isCondition,
  readFlags,
  settleFlags,
} from "../flags.ts";
import { CURRENT, FLAGS, FS, GPR, GPR_BYTE, RAX, RBX, RCX, RDX } from "../state-layout.ts";
import { GP } from "../vectors.ts";
import {
  closeA8,
  closeA16,
  closeA32,
  closeA64,
  immediate64,
  isMemoryA,
  openA8,
  openA16,
  openA32,
  openA64,
  readB8,
  readB16,
  readB32,
  readB64,
  readSized,
  slotA,
  slotB,
  slotC,
  widthOf,
  writeA8,
  writeA16,
  writeA32,
  writeA64,
  writeRegister32,
  writeRegister64,
  writeSizedA,
} from "./operands.ts";

const AX = GPR * 2;
const EAX = GPR + 2 * RAX;
const EDX = GPR + 2 * RDX;

function mov(cpu: Cpu, p: number): void {
  switch (widthOf(cpu, p)) {
    case 3: {
      // Only the form with a register destination has an immediate of 64 bits; LINK is its high half.
      const hasImmediate = slotB(cpu, p) === SLOT_IMMEDIATE && !isMemoryA(cpu, p);
      const lo = hasImmediate ? immediate64(cpu, p) : readB64(cpu, p);
      writeA64(cpu, p, lo, cpu.s[HI]!);
      break;
    }
    case 2:
      writeA32(cpu, p, readB32(cpu, p));
      break;
    case 1:
      writeA16(cpu, p, readB16(cpu, p));
      break;
    default:
      writeA8(cpu, p, readB8(cpu, p));
      break;
  }
}

function swap16(value: number): number {
  return ((value >>> 8) & 0xff) | ((value & 0xff) << 8);
}

function swap32(value: number): number {
  return (
    (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | ((value & 0xff) << 24)
  );
}

function movbe(cpu: Cpu, p: number): void {
  switch (widthOf(cpu, p)) {
    case 3: {
      const lo = readB64(cpu, p);
      writeA64(cpu, p, swap32(cpu.s[HI]!), swap32(lo));
      break;
    }
    case 2:
      writeA32(cpu, p, swap32(readB32(cpu, p)));
      break;
    default:
      writeA16(cpu, p, swap16(readB16(cpu, p)));
      break;
  }
}

function bswap(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const slot = slotA(cpu, p);
  const width = widthOf(cpu, p);
  if (width === 3) writeRegister64(cpu, slot, swap32(s[slot + 1]!), swap32(s[slot]!));
  else if (width === 2) writeRegister32(cpu, slot, swap32(s[slot]!));
  // Undefined for 16 bits; processors clear the register.
  else cpu.words[slot] = 0;
}

function lea(cpu: Cpu, p: number): void {
  const lo = effectiveAddress(cpu, p);
  writeSizedA(cpu, p, lo, cpu.s[HI]!);
}

function xchg(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const b = slotB(cpu, p);
  switch (widthOf(cpu, p)) {
    case 3: {
      const lo = openA64(cpu, p);
      const hi = s[HI]!;
      closeA64(cpu, p, s[b]!, s[b + 1]!);
      writeRegister64(cpu, b, lo, hi);
      break;
    }
    case 2: {
      const value = openA32(cpu, p);
      closeA32(cpu, p, s[b]!);
      writeRegister32(cpu, b, value);
      break;
    }
    case 1: {
      const value = openA16(cpu, p);
      closeA16(cpu, p, cpu.words[b]!);
      cpu.words[b] = value;
      break;
    }
    default: {
      const value = openA8(cpu, p);
      closeA8(cpu, p, cpu.bytes[b]!);
      cpu.bytes[b] = value;
      break;
    }
  }
}

/** The source register is written before the destination, so that XADD of a register with itself doubles it. */
function xadd(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const b = slotB(cpu, p);
  switch (widthOf(cpu, p)) {
    case 3: {
      const aLo = openA64(cpu, p);
      const aHi = s[HI]!;
      const lo = add64(s, aLo, aHi, s[b]!, s[b + 1]!);
      const hi = s[HI]!;
      writeRegister64(cpu, b, aLo, aHi);
      closeA64(cpu, p, lo, hi);
      break;
    }
    case 2: {
      const a = openA32(cpu, p);
      const sum = add32(s, a, s[b]!);
      writeRegister32(cpu, b, a);
      closeA32(cpu, p, sum);
      break;
    }
    case 1: {
      const a = openA16(cpu, p);
      const sum = addNarrow(s, a, cpu.words[b]!, 1);
      cpu.words[b] = a;
      closeA16(cpu, p, sum);
      break;
    }
    default: {
      const a = openA8(cpu, p);
      const sum = addNarrow(s, a, cpu.bytes[b]!, 0);
      cpu.bytes[b] = a;
      closeA8(cpu, p, sum);
      break;
    }
  }
}

/** The destination is written in either case: with the source, or with what it held. */
function cmpxchg(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const b = slotB(cpu, p);
  switch (widthOf(cpu, p)) {
    case 3: {
      const lo = openA64(cpu, p);
      const hi = s[HI]!;
      sub64(s, s[EAX]!, s[EAX + 1]!, lo, hi);
      if (s[EAX] === lo && s[EAX + 1] === hi) closeA64(cpu, p, s[b]!, s[b + 1]!);
      else {
        closeA64(cpu, p, lo, hi);
        writeRegister64(cpu, EAX, lo, hi);
      }
      break;
    }
    case 2: {
      const value = openA32(cpu, p);
      sub32(s, s[EAX]!, value);
      if (s[EAX] === value) closeA32(cpu, p, s[b]!);
      else {
        // A register that is not exchanged keeps its upper half: it is not written at all.
        if (isMemoryA(cpu, p)) closeA32(cpu, p, value);
        writeRegister32(cpu, EAX, value);
      }
      break;
    }
    case 1: {
      const value = openA16(cpu, p);
      subNarrow(s, cpu.words[AX]!, value, 1);
      if (cpu.words[AX] === value) closeA16(cpu, p, cpu.words[b]!);
      else {
        closeA16(cpu, p, value);
        cpu.words[AX] = value;
      }
      break;
    }
    default: {
      const value = openA8(cpu, p);
      subNarrow(s, cpu.bytes[GPR_BYTE]!, value, 0);
      if (cpu.bytes[GPR_BYTE] === value) closeA8(cpu, p, cpu.bytes[b]!);
      else {
        closeA8(cpu, p, value);
        cpu.bytes[GPR_BYTE] = value;
      }
    }
  }
}

const quad = new Int32Array(4);

/** CMPXCHG8B and, with REX.W, CMPXCHG16B, whose operand must be aligned. */
function cmpxchg8b(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const isWide = widthOf(cpu, p) === 3;
  const lo = cpu.ea(p, isWide ? 16 : 8, true);
  const hi = s[HI]!;
  if (isWide && (lo & 15) !== 0) cpu.raise(GP, 0);
  mem.probeWrite(lo, hi, isWide ? 16 : 8);
  const words = isWide ? 4 : 2;
  for (let i = 0; i < words; i += 2) {
    quad[i] = mem.load64((lo + 4 * i) | 0, hi);
    quad[i + 1] = s[HI]!;
  }
  if (isWide) exchange16(cpu, lo, hi);
  else exchange8(cpu, lo, hi);
}

function exchange8(cpu: Cpu, lo: number, hi: number): void {
  const { s, mem } = cpu;
  const isEqual = s[EAX] === quad[0] && s[EDX] === quad[1];
  if (isEqual) mem.store64(lo, hi, s[GPR + 2 * RBX]!, s[GPR + 2 * RCX]!);
  else {
    mem.store64(lo, hi, quad[0]!, quad[1]!);
    writeRegister32(cpu, EAX, quad[0]!);
    writeRegister32(cpu, EDX, quad[1]!);
  }
  changeFlags(s, FLAG_ZF, isEqual ? FLAG_ZF : 0);
}

function exchange16(cpu: Cpu, lo: number, hi: number): void {
  const { s, mem } = cpu;
  const isEqual =
    s[EAX] === quad[0] && s[EAX + 1] === quad[1] && s[EDX] === quad[2] && s[EDX + 1] === quad[3];
  const b = GPR + 2 * RBX;
  const c = GPR + 2 * RCX;
  mem.store64(lo, hi, isEqual ? s[b]! : quad[0]!, isEqual ? s[b + 1]! : quad[1]!);
  mem.store64((lo + 8) | 0, hi, isEqual ? s[c]! : quad[2]!, isEqual ? s[c + 1]! : quad[3]!);
  if (!isEqual) {
    writeRegister64(cpu, EAX, quad[0]!, quad[1]!);
    writeRegister64(cpu, EDX, quad[2]!, quad[3]!);
  }
  changeFlags(s, FLAG_ZF, isEqual ? FLAG_ZF : 0);
}

/** The source is read, and a 32-bit destination's high half zeroed, whether or not the condition holds. */
function cmov(cpu: Cpu, p: number): void {
  const lo = readSized(cpu, p, slotB(cpu, p));
  const hi = cpu.s[HI]!;
  if (isCondition(cpu.s, slotC(cpu, p))) writeSizedA(cpu, p, lo, hi);
  else if (widthOf(cpu, p) === 2) cpu.s[slotA(cpu, p) + 1] = 0;
}

/** CBW, CWDE, CDQE: the accumulator's lower half, sign-extended into all of it. */
function cbw(cpu: Cpu, p: number): void {
  const { s, bytes, words } = cpu;
  switch (widthOf(cpu, p)) {
    case 3:
      s[EAX + 1] = s[EAX]! >> 31;
      break;
    case 2:
      writeRegister32(cpu, EAX, (words[AX]! << 16) >> 16);
      break;
    default:
      words[AX] = (bytes[GPR_BYTE]! << 24) >> 24;
      break;
  }
}

/** CWD, CDQ, CQO: the accumulator's sign, in all of rDX. */
function cwd(cpu: Cpu, p: number): void {
  const { s, words } = cpu;
  switch (widthOf(cpu, p)) {
    case 3:
      writeRegister64(cpu, EDX, s[EAX + 1]! >> 31, s[EAX + 1]! >> 31);
      break;
    case 2:
      writeRegister32(cpu, EDX, s[EAX]! >> 31);
      break;
    default:
      words[AX + 4 * RDX] = (words[AX]! << 16) >> 31;
      break;
  }
}

/** AL = byte at rBX + AL. */
function xlat(cpu: Cpu, p: number): void {
  const { s, bytes, mem } = cpu;
  s[CURRENT] = p;
  const info = cpu.code[p + INFO]!;
  const segment = (info >>> INFO_SEGMENT_SHIFT) & 7;
  const addressBits = (info >>> INFO_ADDRESS_SHIFT) & 3;
  const rbx = GPR + 2 * RBX;
  let lo = (s[rbx]! + bytes[GPR_BYTE]!) | 0;
  s[HI] = addressBits === 2 ? s[rbx + 1]! + (lo >>> 0 < bytes[GPR_BYTE]! ? 1 : 0) : 0;
  if (addressBits === 0) lo &= 0xffff;
  if (cpu.is64) lo = segment >= FS ? addSegmentBase(s, segment, lo) : lo;
  else if ((info & INFO_EA) >> INFO_EA_SHIFT === EA_CHECKED || !cpu.isFlat || segment >= FS) {
    lo = segmentAddress(cpu, segment, lo, 1, false);
  }
  bytes[GPR_BYTE] = mem.load8(lo, s[HI]!);
}

const LAHF_FLAGS = FLAGS_ARITHMETIC & ~FLAG_OF;

export const MOV_EXECUTORS = {
  mov,
  movbe,
  movzx8: (cpu: Cpu, p: number) => writeSizedA(cpu, p, readB8(cpu, p), 0),
  movzx16: (cpu: Cpu, p: number) => writeSizedA(cpu, p, readB16(cpu, p), 0),
  movsx8: (cpu: Cpu, p: number) => {
    const value = (readB8(cpu, p) << 24) >> 24;
    writeSizedA(cpu, p, value, value >> 31);
  },
  movsx16: (cpu: Cpu, p: number) => {
    const value = (readB16(cpu, p) << 16) >> 16;
    writeSizedA(cpu, p, value, value >> 31);
  },
  movsxd: (cpu: Cpu, p: number) => {
    const value = readB32(cpu, p);
    writeSizedA(cpu, p, value, value >> 31);
  },
  lea,
  xchg,
  xadd,
  cmpxchg,
  cmpxchg8b,
  bswap,
  cmov,
  set: (cpu: Cpu, p: number) => writeA8(cpu, p, isCondition(cpu.s, slotC(cpu, p)) ? 1 : 0),
  cbw,
  cwd,
  xlat,
  nop: () => {},
  cmc: (cpu: Cpu) => changeFlags(cpu.s, FLAG_CF, isCarry(cpu.s) ? 0 : FLAG_CF),
  clc: (cpu: Cpu) => changeFlags(cpu.s, FLAG_CF, 0),
  stc: (cpu: Cpu) => changeFlags(cpu.s, FLAG_CF, FLAG_CF),
  cld: (cpu: Cpu) => {
    cpu.s[FLAGS] = cpu.s[FLAGS]! & ~FLAG_DF;
  },
  std: (cpu: Cpu) => {
    cpu.s[FLAGS] = cpu.s[FLAGS]! | FLAG_DF;
  },
  lahf: (cpu: Cpu) => {
    cpu.bytes[GPR_BYTE + 1] = readFlags(cpu.s);
  },
  sahf: (cpu: Cpu) => {
    const flags = settleFlags(cpu.s);
    cpu.s[FLAGS] = (flags & ~LAHF_FLAGS) | (cpu.bytes[GPR_BYTE + 1]! & LAHF_FLAGS);
  },
  salc: (cpu: Cpu) => {
    cpu.bytes[GPR_BYTE] = isCarry(cpu.s) ? 0xff : 0;
  },
} as const;
