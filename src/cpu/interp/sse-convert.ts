// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-convert.ts: conversions between floats and integers and between float formats.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { WIDTH_64 } from "../flags.ts";
import * as convert from "../simd/float-convert.ts";
import { DOUBLE, type FloatFormat, SINGLE } from "../simd/float-format.ts";
import { ROUND_ZERO } from "../simd/mxcsr.ts";
import type { ElementOp } from "../simd/vector-unit.ts";
import {
  type Executor,
  readSized,
  slotA,
  widthOf,
  writeRegister32,
  writeRegister64,
} from "./operands.ts";
import {
  beginVector,
  copy128,
  destination,
  endLane,
  fullOperand,
  isWide,
  lastSlot,
  operand32,
  operand64,
  operand128,
  secondSlot,
} from "./vector.ts";
import {
  endPacked,
  endScalar,
  packedFloatUnary,
  RESULT,
  resultPlace,
  settleExceptions,
} from "./vector-float.ts";

/** Elements of one word become elements of two: the source has half the destination's bytes. */
function widening(op: ElementOp): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const slot = secondSlot(cpu, p);
    const count = isWide(cpu, p) ? 4 : 2;
    const b = count === 4 ? operand128(cpu, p, slot) : operand64(cpu, p, slot);
    for (let i = 0; i < count; i++) op(cpu, RESULT + 2 * i, b, b + i, 0);
    endPacked(cpu, p, d, RESULT);
  };
}

/** Elements of two words become elements of one; what is left of the register is zeroed. */
function narrowing(op: ElementOp): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const d = destination(cpu, p);
    const b = fullOperand(cpu, p, secondSlot(cpu, p));
    const count = isWide(cpu, p) ? 4 : 2;
    s[RESULT + 2] = 0;
    s[RESULT + 3] = 0;
    for (let i = 0; i < count; i++) op(cpu, RESULT + i, b, b + 2 * i, 0);
    settleExceptions(cpu);
    copy128(s, d, RESULT);
    endLane(cpu, p, d);
  };
}

/** CVTSS2SD: the source is a word, the result two. */
function cvtss2sd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const d = destination(cpu, p);
  const b = operand32(cpu, p, lastSlot(cpu, p));
  const to = resultPlace(cpu, d);
  convert.singleToDouble(cpu, to, b, b, 0);
  endScalar(cpu, p, d, to, 2);
}

function cvtsd2ss(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const d = destination(cpu, p);
  const b = operand64(cpu, p, lastSlot(cpu, p));
  const to = resultPlace(cpu, d);
  convert.doubleToSingle(cpu, to, b, b, 0);
  endScalar(cpu, p, d, to, 1);
}

/** A general register or memory, 32 or 64 bits by operand size, to the lowest element. */
function fromInteger(
  words: 1 | 2,
  op: (cpu: Cpu, d: number, lo: number, hi: number) => void,
): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const lo = readSized(cpu, p, lastSlot(cpu, p));
    const hi = widthOf(cpu, p) === WIDTH_64 ? cpu.s[HI]! : lo >> 31;
    const d = destination(cpu, p);
    const to = resultPlace(cpu, d);
    op(cpu, to, lo, hi);
    endScalar(cpu, p, d, to, words);
  };
}

/** The lowest element to a general register of 32 or 64 bits. */
function toInteger(format: FloatFormat, isTruncated: boolean): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const slot = secondSlot(cpu, p);
    const b = format.words === 1 ? operand32(cpu, p, slot) : operand64(cpu, p, slot);
    const value = convert.readFloat(cpu, format, b);
    const mode = isTruncated ? ROUND_ZERO : convert.roundingMode(cpu);
    if (widthOf(cpu, p) === WIDTH_64) {
      const lo = convert.toInt64(cpu, value, mode);
      const hi = cpu.s[HI]!;
      settleExceptions(cpu);
      writeRegister64(cpu, slotA(cpu, p), lo, hi);
    } else {
      const result = convert.toInt32(cpu, value, mode);
      settleExceptions(cpu);
      writeRegister32(cpu, slotA(cpu, p), result);
    }
  };
}

/** Every 32-bit integer is a double. */
const int32ToDouble: ElementOp = (v, d, _a, b) => {
  v.doubles[d >> 1] = v.s[b]!;
};

export const SSE_CONVERT_EXECUTORS = {
  cvtdq2ps: packedFloatUnary(convert.int32ToSingle, 1),
  cvtps2dq: packedFloatUnary(convert.singleToInt32, 1),
  cvttps2dq: packedFloatUnary(convert.singleToInt32Truncated, 1),
  cvtdq2pd: widening(int32ToDouble),
  cvtps2pd: widening(convert.singleToDouble),
  cvtpd2ps: narrowing(convert.doubleToSingle),
  cvtpd2dq: narrowing(convert.doubleToInt32),
  cvttpd2dq: narrowing(convert.doubleToInt32Truncated),
  cvtss2sd,
  cvtsd2ss,
  cvtsi2ss: fromInteger(1, convert.int64ToSingle),
  cvtsi2sd: fromInteger(2, convert.int64ToDouble),
  cvtss2si: toInteger(SINGLE, false),
  cvtsd2si: toInteger(DOUBLE, false),
  cvttss2si: toInteger(SINGLE, true),
  cvttsd2si: toInteger(DOUBLE, true),
} as const;
