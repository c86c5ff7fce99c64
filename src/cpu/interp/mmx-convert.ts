// SPDX-License-Identifier: BSD-2-Clause
// Executors of the conversions between MMX registers and packed floats: SDM 2 CVTPI2PS, CVTPS2PI, CVTTPS2PI,
// CVTPI2PD, CVTPD2PI, CVTTPD2PI; exceptions by SDM 1 11.5. An exception that is not masked finds the unit in
// MMX operation already, as on processors.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import * as convert from "../simd/float-convert.ts";
import { DOUBLE, type FloatFormat, SINGLE } from "../simd/float-format.ts";
import { ROUND_ZERO } from "../simd/mxcsr.ts";
import { VECTOR_SCRATCH } from "../state-layout.ts";
import { beginMmx, enterMmx, readMmxB, writeMmx } from "./mmx.ts";
import { type Executor, isMemoryB, slotA, slotB } from "./operands.ts";
import { beginVector, destination, operand64, operand128 } from "./vector.ts";
import { RESULT, settleExceptions } from "./vector-float.ts";

/** Two singles or doubles to two integers. */
function toIntegers(format: FloatFormat, isTruncated: boolean): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    beginMmx(cpu, p);
    const slot = slotB(cpu, p);
    const b = format.words === 2 ? operand128(cpu, p, slot) : operand64(cpu, p, slot);
    enterMmx(cpu.s);
    const mode = isTruncated ? ROUND_ZERO : convert.roundingMode(cpu);
    const lo = convert.toInt32(cpu, convert.readFloat(cpu, format, b), mode);
    const hi = convert.toInt32(cpu, convert.readFloat(cpu, format, b + format.words), mode);
    settleExceptions(cpu);
    writeMmx(cpu.s, slotA(cpu, p), lo, hi);
  };
}

/** Two integers to the low singles of an XMM register. */
function cvtpi2ps(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginVector(cpu, p);
  beginMmx(cpu, p);
  s[VECTOR_SCRATCH] = readMmxB(cpu, p);
  s[VECTOR_SCRATCH + 1] = s[HI]!;
  enterMmx(s);
  for (let i = 0; i < 2; i++) convert.int32ToSingle(cpu, RESULT + i, 0, VECTOR_SCRATCH + i, 0);
  settleExceptions(cpu);
  const to = destination(cpu, p);
  s[to] = s[RESULT]!;
  s[to + 1] = s[RESULT + 1]!;
}

/** Two integers to doubles, always exact. With a memory operand this is no MMX instruction. */
function cvtpi2pd(cpu: Cpu, p: number): void {
  const { s, doubles } = cpu;
  beginVector(cpu, p);
  const isMemory = isMemoryB(cpu, p);
  if (!isMemory) beginMmx(cpu, p);
  const lo = readMmxB(cpu, p);
  const hi = s[HI]!;
  if (!isMemory) enterMmx(s);
  const to = destination(cpu, p) >> 1;
  doubles[to] = lo;
  doubles[to + 1] = hi;
}

export const MMX_CONVERT_EXECUTORS = {
  cvtpi2ps,
  cvtps2pi: toIntegers(SINGLE, false),
  cvttps2pi: toIntegers(SINGLE, true),
  cvtpi2pd,
  cvtpd2pi: toIntegers(DOUBLE, false),
  cvttpd2pi: toIntegers(DOUBLE, true),
} as const;
