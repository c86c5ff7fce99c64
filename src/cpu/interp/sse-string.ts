// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-string.ts: string comparison with an index in ECX or a mask in XMM0.
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_W } from "../decode/record.ts";
import { changeFlags, FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF, FLAGS_ARITHMETIC } from "../flags.ts";
import { compareStrings, comparison, elementCount, type Lengths } from "../simd/string-compare.ts";
import { GPR, RAX, RCX, RDX, YMM } from "../state-layout.ts";
import { type Executor, writeRegister32 } from "./operands.ts";
import { beginVector, destination, endLane, secondSlot, unalignedOperand } from "./vector.ts";

const OUTPUT = 1 << 6;

/** A length in EAX or EDX (RAX, RDX with REX.W): its magnitude, at most the number of elements. */
function explicitLength(cpu: Cpu, p: number, register: number, count: number): number {
  const { s } = cpu;
  const at = GPR + 2 * register;
  const lo = s[at]!;
  const isWide = cpu.is64 && (cpu.code[p + INFO]! & INFO_W) !== 0;
  if (isWide && s[at + 1] !== lo >> 31) return count;
  return Math.min(Math.abs(lo), count);
}

function compare(cpu: Cpu, p: number, isExplicit: boolean): void {
  beginVector(cpu, p);
  const imm = cpu.code[p + IMM]!;
  const a = destination(cpu, p);
  const b = unalignedOperand(cpu, p, secondSlot(cpu, p));
  const count = elementCount(imm);
  const lengths: Lengths | undefined = isExplicit
    ? {
        first: explicitLength(cpu, p, RAX, count),
        second: explicitLength(cpu, p, RDX, count),
      }
    : undefined;
  compareStrings(cpu, a, b, imm, lengths);
  changeFlags(
    cpu.s,
    FLAGS_ARITHMETIC,
    (comparison.mask !== 0 ? FLAG_CF : 0) |
      (comparison.isSecondShort ? FLAG_ZF : 0) |
      (comparison.isFirstShort ? FLAG_SF : 0) |
      ((comparison.mask & 1) !== 0 ? FLAG_OF : 0),
  );
}

/** ECX: the first or the last element that the mask has; their number if there is none. */
function toIndex(isExplicit: boolean): Executor {
  return (cpu, p) => {
    compare(cpu, p, isExplicit);
    const imm = cpu.code[p + IMM]!;
    const { mask } = comparison;
    let index = elementCount(imm);
    if (mask !== 0) {
      index = 31 - Math.clz32((imm & OUTPUT) !== 0 ? mask : mask & -mask);
    }
    writeRegister32(cpu, GPR + 2 * RCX, index);
  };
}

/** XMM0: the mask as it is, or each bit spread over an element. */
function toMask(isExplicit: boolean): Executor {
  return (cpu, p) => {
    compare(cpu, p, isExplicit);
    const imm = cpu.code[p + IMM]!;
    const { s, bytes } = cpu;
    const { mask } = comparison;
    s[YMM] = mask;
    s[YMM + 1] = 0;
    s[YMM + 2] = 0;
    s[YMM + 3] = 0;
    if ((imm & OUTPUT) !== 0) {
      const size = 16 / elementCount(imm);
      for (let i = 0; i < 16; i++) {
        bytes[4 * YMM + i] = ((mask >> Math.floor(i / size)) & 1) !== 0 ? 0xff : 0;
      }
    }
    endLane(cpu, p, YMM);
  };
}

export const SSE_STRING_EXECUTORS = {
  pcmpestri: toIndex(true),
  pcmpistri: toIndex(false),
  pcmpestrm: toMask(true),
  pcmpistrm: toMask(false),
} as const;
