// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/x87.ts for the transcendental functions: SDM 1 8.3.7, 8.3.9, SDM 2 FSIN … FYL2XP1.
import { copy, setIndefinite } from "../fpu/float80.ts";
import { EXP_BIAS, EXP_SPECIAL, INTEGER_BIT, SIGN_EXP } from "../fpu/format.ts";
import { STATUS_C2 } from "../fpu/status.ts";
import {
  arctangent,
  cosineOf,
  powerLessOne,
  sine,
  sineAndCosine,
  tangent,
  timesLogarithm,
  timesLogarithmPlusOne,
} from "../fpu/transcendental.ts";
import {
  begin,
  isEmpty,
  noteInstruction,
  pop,
  pushResult,
  report,
  STACK_OVERFLOW,
  STACK_UNDERFLOW,
  stackRegister,
  stackUnderflow,
  storeResult,
} from "../fpu/x87-state.ts";
import { FPU_CONTROL, FPU_RESULT, FPU_SECOND, FPU_STATUS } from "../state-layout.ts";
import type { Executor } from "./operands.ts";

type Unary = (s: Int32Array, a: number, control: number) => number;
type Binary = (s: Int32Array, a: number, b: number, control: number) => number;

/** ST(0) = f(ST(0)). C2 is cleared unless the operand is out of range. */
function unary(compute: Unary, hasRange: boolean): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    const flags = isEmpty(s, st0) ? STACK_UNDERFLOW : compute(s, st0, s[FPU_CONTROL]!);
    if (flags === STACK_UNDERFLOW) setIndefinite(s);
    if (hasRange) s[FPU_STATUS] = s[FPU_STATUS]! & ~STATUS_C2;
    if (report(cpu, p, flags)) storeResult(s, st0);
  };
}

/** ST(1) = f(ST(0), ST(1)), and ST(0) is popped. */
function binary(compute: Binary): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    const st1 = stackRegister(s, 1);
    const isStored =
      isEmpty(s, st0) || isEmpty(s, st1)
        ? stackUnderflow(cpu, p)
        : report(cpu, p, compute(s, st0, st1, s[FPU_CONTROL]!));
    if (!isStored) return;
    storeResult(s, st1);
    pop(s);
  };
}

/** ST(0) = first result, and the second is pushed; nothing is if the operand is out of range. */
function withPush(compute: Unary): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    let flags: number;
    if (isEmpty(s, st0)) flags = STACK_UNDERFLOW;
    else if (!isEmpty(s, stackRegister(s, -1))) flags = STACK_OVERFLOW;
    else flags = compute(s, st0, s[FPU_CONTROL]!);
    if (flags === STACK_UNDERFLOW || flags === STACK_OVERFLOW) {
      setIndefinite(s);
      copy(s, FPU_RESULT, FPU_SECOND);
    }
    s[FPU_STATUS] = s[FPU_STATUS]! & ~STATUS_C2;
    if (!report(cpu, p, flags) || (flags & STATUS_C2) !== 0) return;
    storeResult(s, st0);
    copy(s, FPU_SECOND, FPU_RESULT);
    pushResult(s);
  };
}

/** The tangent, with 1.0 for its second result; two NaNs if it is one. */
function tangentAndOne(s: Int32Array, a: number, control: number): number {
  const flags = tangent(s, a, control);
  const isNan = (s[FPU_RESULT + SIGN_EXP]! & EXP_SPECIAL) === EXP_SPECIAL;
  copy(s, FPU_RESULT, FPU_SECOND);
  if (!isNan) {
    s[FPU_SECOND] = 0;
    s[FPU_SECOND + 1] = INTEGER_BIT;
    s[FPU_SECOND + SIGN_EXP] = EXP_BIAS;
  }
  return flags;
}

/** Sine and cosine; NaNs are both. */
function sineThenCosine(s: Int32Array, a: number, control: number): number {
  const flags = sineAndCosine(s, a, control);
  const isNan = (s[FPU_RESULT + SIGN_EXP]! & EXP_SPECIAL) === EXP_SPECIAL;
  if (isNan) copy(s, FPU_RESULT, FPU_SECOND);
  return flags;
}

export const X87_FUNCTION_EXECUTORS = {
  fsin: unary(sine, true),
  fcos: unary(cosineOf, true),
  fsincos: withPush(sineThenCosine),
  fptan: withPush(tangentAndOne),
  fpatan: binary((s, st0, st1, control) => arctangent(s, st1, st0, control)),
  f2xm1: unary(powerLessOne, false),
  fyl2x: binary(timesLogarithm),
  fyl2xp1: binary(timesLogarithmPlusOne),
} as const;
