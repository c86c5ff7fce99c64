// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/x87.ts that compute: arithmetic and comparison. SDM 2 F2XM1 … FYL2XP1, SDM 1 8.3.

import { HI as HIGH_HALF } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { changeFlags, FLAG_CF, FLAG_PF, FLAG_ZF, FLAGS_ARITHMETIC } from "../flags.ts";
import { add, subtract } from "../fpu/add.ts";
import { compare } from "../fpu/compare.ts";
import { divide } from "../fpu/divide.ts";
import { copy, setIndefinite, setZero, unpack } from "../fpu/float80.ts";
import {
  DENORMAL,
  EXP_SPECIAL,
  HI,
  INFINITY,
  QNAN,
  SIGN,
  SIGN_EXP,
  SNAN,
  UNSUPPORTED,
  ZERO,
} from "../fpu/format.ts";
import { fromInt32, roundToIntegral } from "../fpu/integer.ts";
import { multiply } from "../fpu/multiply.ts";
import { fromFloat32, fromFloat64 } from "../fpu/narrow.ts";
import { nearestRemainder, truncatingRemainder } from "../fpu/remainder.ts";
import { squareRoot } from "../fpu/root.ts";
import { extract, scaleByPower } from "../fpu/scale.ts";
import {
  CONDITION_CODES,
  RELATION_UNORDERED,
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_DE,
  STATUS_IE,
  STATUS_ZE,
} from "../fpu/status.ts";
import {
  begin,
  isEmpty,
  noteInstruction,
  noteOperand,
  pop,
  pushResult,
  report,
  STACK_OVERFLOW,
  STACK_UNDERFLOW,
  stackRegister,
  stackUnderflow,
  storeResult,
} from "../fpu/x87-state.ts";
import {
  COMPARE_FORM_SHIFT,
  FORM_I32,
  FORM_M32,
  FORM_M64,
  FORM_ST0,
  FORM_STI_POP,
  POP,
  POP_TWICE,
  TO_FLAGS,
  UNORDERED,
} from "../isa/x87-forms.ts";
import {
  FPU_CONTROL,
  FPU_OPERAND,
  FPU_RESULT,
  FPU_SECOND,
  FPU_STATUS,
  FPU_X,
} from "../state-layout.ts";
import { type Executor, loadM16, loadM32, loadM64, slotA, slotB, slotC } from "./operands.ts";

/** An operation on two numbers: status bits, and its answer in FPU_RESULT. */
type Binary = (s: Int32Array, a: number, b: number, control: number) => number;
type Unary = (s: Int32Array, a: number, control: number) => number;

/** Loads the source of a form that has it in memory, to FPU_OPERAND; DENORMAL if it was one there. */
function loadOperand(cpu: Cpu, p: number, form: number): number {
  const { s } = cpu;
  let kind = 0;
  switch (form) {
    case FORM_M32:
      kind = fromFloat32(s, loadM32(cpu, p));
      break;
    case FORM_M64: {
      const lo = loadM64(cpu, p);
      kind = fromFloat64(s, lo, s[HIGH_HALF]!);
      break;
    }
    case FORM_I32:
      fromInt32(s, loadM32(cpu, p));
      copy(s, FPU_RESULT, FPU_OPERAND);
      break;
    default:
      fromInt32(s, (loadM16(cpu, p) << 16) >> 16);
      copy(s, FPU_RESULT, FPU_OPERAND);
      break;
  }
  noteOperand(cpu, p);
  return kind;
}

/** destination = destination operate source, or the other way round. */
function arithmetic(operate: Binary, isReversed: boolean): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    const form = slotC(cpu, p);
    if (form >= FORM_M32) {
      const kind = loadOperand(cpu, p, form);
      const destination = stackRegister(s, 0);
      if (isEmpty(s, destination)) {
        if (stackUnderflow(cpu, p)) storeResult(s, destination);
        return;
      }
      const control = s[FPU_CONTROL]!;
      let flags = isReversed
        ? operate(s, FPU_OPERAND, destination, control)
        : operate(s, destination, FPU_OPERAND, control);
      if (kind === DENORMAL) flags = withDenormalOperand(s, flags);
      if (report(cpu, p, flags)) storeResult(s, destination);
      return;
    }
    noteInstruction(cpu, p);
    const destination = stackRegister(s, form === FORM_ST0 ? 0 : slotA(cpu, p));
    const source = stackRegister(s, form === FORM_ST0 ? slotB(cpu, p) : 0);
    if (
      !operateOnStack(
        cpu,
        p,
        operate,
        isReversed ? source : destination,
        isReversed ? destination : source,
      )
    )
      return;
    storeResult(s, destination);
    if (form === FORM_STI_POP) pop(s);
  };
}

/** False if nothing is to be stored. */
function operateOnStack(cpu: Cpu, p: number, operate: Binary, a: number, b: number): boolean {
  const { s } = cpu;
  if (isEmpty(s, a) || isEmpty(s, b)) return stackUnderflow(cpu, p);
  return report(cpu, p, operate(s, a, b, s[FPU_CONTROL]!));
}

/** A narrow denormal is none any more when it is computed with; NaNs, invalid operations and division by zero count for more. */
function withDenormalOperand(s: Int32Array, flags: number): number {
  const isNan =
    (s[FPU_RESULT + SIGN_EXP]! & EXP_SPECIAL) === EXP_SPECIAL && s[FPU_RESULT + HI]! << 1 !== 0;
  return (flags & (STATUS_IE | STATUS_ZE)) !== 0 || isNan ? flags : flags | STATUS_DE;
}

/** ST(0) = operate(ST(0)). */
function unary(operate: Unary): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    const isStored = isEmpty(s, st0)
      ? stackUnderflow(cpu, p)
      : report(cpu, p, operate(s, st0, s[FPU_CONTROL]!));
    if (isStored) storeResult(s, st0);
  };
}

/** FSCALE. */
function fscale(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  const st1 = stackRegister(s, 1);
  if (operateOnStack(cpu, p, scaleByPower, st0, st1)) storeResult(s, st0);
}

/** FPREM and FPREM1. Without a quotient, C0 and C3 stay as they are. */
function remainder(operate: Binary): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    const st1 = stackRegister(s, 1);
    let flags = STACK_UNDERFLOW;
    if (isEmpty(s, st0) || isEmpty(s, st1)) setIndefinite(s);
    else flags = operate(s, st0, st1, s[FPU_CONTROL]!);
    const isStopped = (flags & ~s[FPU_CONTROL]! & STATUS_DE) !== 0;
    const hasQuotient = !isStopped && (s[FPU_RESULT + SIGN_EXP]! & EXP_SPECIAL) !== EXP_SPECIAL;
    const codes = hasQuotient ? CONDITION_CODES : STATUS_C2;
    s[FPU_STATUS] = s[FPU_STATUS]! & ~codes;
    if (report(cpu, p, flags)) storeResult(s, st0);
  };
}

/** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
function fxtract(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  let flags: number;
  if (isEmpty(s, st0)) flags = STACK_UNDERFLOW;
  else flags = isEmpty(s, stackRegister(s, -1)) ? extract(s, st0) : STACK_OVERFLOW;
  if (flags === STACK_UNDERFLOW || flags === STACK_OVERFLOW) {
    setIndefinite(s);
    copy(s, FPU_RESULT, FPU_SECOND);
  }
  if (!report(cpu, p, flags)) return;
  copy(s, FPU_SECOND, st0);
  storeResult(s, st0);
  copy(s, FPU_SECOND, st0);
  pushResult(s);
}

// Comparison.

const EMPTY_COMPARED = RELATION_UNORDERED | STACK_UNDERFLOW;

function fcom(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const aux = slotC(cpu, p);
  begin(cpu, p);
  const form = aux >> COMPARE_FORM_SHIFT;
  const st0 = stackRegister(s, 0);
  let found: number;
  if (form >= FORM_M32) {
    const kind = loadOperand(cpu, p, form);
    found = isEmpty(s, st0) ? EMPTY_COMPARED : compare(s, st0, FPU_OPERAND, false);
    const isOrdered = (found & RELATION_UNORDERED) !== RELATION_UNORDERED;
    if (kind === DENORMAL && isOrdered) found |= STATUS_DE;
  } else {
    noteInstruction(cpu, p);
    const source = stackRegister(s, comparedRegister(cpu, p, aux));
    found =
      isEmpty(s, st0) || isEmpty(s, source)
        ? EMPTY_COMPARED
        : compare(s, st0, source, (aux & UNORDERED) !== 0);
  }
  if (!reportRelation(cpu, p, found, (aux & TO_FLAGS) !== 0)) return;
  if ((aux & POP) !== 0) pop(s);
  if ((aux & POP_TWICE) !== 0) pop(s);
}

function comparedRegister(cpu: Cpu, p: number, aux: number): number {
  if ((aux & POP_TWICE) !== 0) return 1;
  return (aux & TO_FLAGS) !== 0 ? slotB(cpu, p) : slotA(cpu, p);
}

function ftst(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  setZero(s, 0);
  copy(s, FPU_RESULT, FPU_OPERAND);
  const st0 = stackRegister(s, 0);
  const found = isEmpty(s, st0) ? EMPTY_COMPARED : compare(s, st0, FPU_OPERAND, false);
  reportRelation(cpu, p, found, false);
}

/** An unmasked invalid operation leaves condition codes and RFLAGS alone: SDM 2 FCOM, FCOMI. */
function reportRelation(cpu: Cpu, p: number, found: number, isToFlags: boolean): boolean {
  const { s } = cpu;
  const relation = found & RELATION_UNORDERED;
  if ((found & ~s[FPU_CONTROL]! & STATUS_IE) === 0) {
    if (isToFlags) changeFlags(s, FLAGS_ARITHMETIC, flagsOf(relation));
    else s[FPU_STATUS] = (s[FPU_STATUS]! & ~RELATION_UNORDERED) | relation;
  }
  return report(cpu, p, found & ~RELATION_UNORDERED);
}

/** C0, C2 and C3 as CF, PF and ZF. */
function flagsOf(relation: number): number {
  return (
    ((relation & STATUS_C0) !== 0 ? FLAG_CF : 0) |
    ((relation & STATUS_C2) !== 0 ? FLAG_PF : 0) |
    ((relation & STATUS_C3) !== 0 ? FLAG_ZF : 0)
  );
}

/** FXAM: the class in C3, C2, C0, the sign in C1, of empty registers too. */
function fxam(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  const sign = (s[st0 + SIGN_EXP]! & SIGN) !== 0 ? STATUS_C1 : 0;
  const kind = isEmpty(s, st0) ? STATUS_C3 | STATUS_C0 : classCodes(unpack(s, st0, FPU_X));
  s[FPU_STATUS] = (s[FPU_STATUS]! & ~CONDITION_CODES) | kind | sign;
}

function classCodes(kind: number): number {
  switch (kind) {
    case UNSUPPORTED:
      return 0;
    case QNAN:
    case SNAN:
      return STATUS_C0;
    case INFINITY:
      return STATUS_C2 | STATUS_C0;
    case ZERO:
      return STATUS_C3;
    case DENORMAL:
      return STATUS_C3 | STATUS_C2;
    default:
      return STATUS_C2;
  }
}

/** FCHS and FABS: any value at all, and no exception but for an empty register. */
function changeSign(change: (signExp: number) => number): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    noteInstruction(cpu, p);
    const st0 = stackRegister(s, 0);
    if (isEmpty(s, st0)) {
      if (stackUnderflow(cpu, p)) storeResult(s, st0);
      return;
    }
    report(cpu, p, 0);
    s[st0 + SIGN_EXP] = change(s[st0 + SIGN_EXP]!);
  };
}

export const X87_EXECUTORS = {
  fadd: arithmetic(add, false),
  fmul: arithmetic(multiply, false),
  fsub: arithmetic(subtract, false),
  fsubr: arithmetic(subtract, true),
  fdiv: arithmetic(divide, false),
  fdivr: arithmetic(divide, true),
  fsqrt: unary(squareRoot),
  frndint: unary(roundToIntegral),
  fchs: changeSign((signExp) => signExp ^ SIGN),
  fabs: changeSign((signExp) => signExp & ~SIGN),
  fprem: remainder(truncatingRemainder),
  fprem1: remainder(nearestRemainder),
  fscale,
  fxtract,
  fcom,
  ftst,
  fxam,
} as const;
