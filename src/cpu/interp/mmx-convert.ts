// SPDX-License-Identifier: BSD-2-Clause
// Executors of the conversions between MMX registers and packed floats: SDM 2 CVTPI2PS, CVTPS2PI, CVTTPS2PI,
// CVTPI2PD, CVTPD2PI, CVTTPD2PI; exceptions by SDM 1 11.5.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import * as convert from "../simd/float-convert.ts";
import type { ElementOp } from "../simd/vector-unit.ts";
import { VECTOR_SCRATCH } from "../state-layout.ts";
import { beginMmx, enterMmx, readMmxB, writeMmx } from "./mmx.ts";
import { type Executor, isMemoryB, slotA } from "./operands.ts";
import { beginVector, destination, operand64, operand128, secondSlot } from "./vector.ts";
import { RESULT, settleExceptions } from "./vector-float.ts";

/** Two singles (one word each) or doubles to two integers. */
function toIntegers(op: ElementOp, words: 1 | 2): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    beginVector(cpu, p);
    beginMmx(cpu, p);
    const slot = secondSlot(cpu, p);
    const b = words === 1 ? operand64(cpu, p, slot) : operand128(cpu, p, slot);
    op(cpu, RESULT, b, b, 0);
    op(cpu, RESULT + 1, b, b + words, 0);
    settleExceptions(cpu);
    enterMmx(s);
    writeMmx(s, slotA(cpu, p), s[RESULT]!, s[RESULT + 1]!);
  };
}

/** Two integers to the low singles of an XMM register. */
function cvtpi2ps(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginVector(cpu, p);
  beginMmx(cpu, p);
  s[VECTOR_SCRATCH] = readMmxB(cpu, p);
  s[VECTOR_SCRATCH + 1] = s[HI]!;
  for (let i = 0; i < 2; i++) {
    convert.int32ToSingle(cpu, RESULT + i, VECTOR_SCRATCH, VECTOR_SCRATCH + i, 0);
  }
  settleExceptions(cpu);
  enterMmx(s);
  const d = destination(cpu, p);
  s[d] = s[RESULT]!;
  s[d + 1] = s[RESULT + 1]!;
}

/** Two integers to doubles, always exact. With a memory operand this is no MMX instruction. */
function cvtpi2pd(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginVector(cpu, p);
  const isMemory = isMemoryB(cpu, p);
  if (!isMemory) beginMmx(cpu, p);
  const lo = readMmxB(cpu, p);
  const hi = s[HI]!;
  if (!isMemory) enterMmx(s);
  const d = destination(cpu, p) >> 1;
  cpu.doubles[d] = lo;
  cpu.doubles[d + 1] = hi;
}

export const MMX_CONVERT_EXECUTORS = {
  cvtpi2ps,
  cvtps2pi: toIntegers(convert.singleToInt32, 1),
  cvttps2pi: toIntegers(convert.singleToInt32Truncated, 1),
  cvtpi2pd,
  cvtpd2pi: toIntegers(convert.doubleToInt32, 2),
  cvttpd2pi: toIntegers(convert.doubleToInt32Truncated, 2),
} as const;
