// SPDX-License-Identifier: BSD-2-Clause
// One executor for every operation: the record is total, so an operation without one does not compile.
import type { Cpu } from "../cpu.ts";
import { OPERATIONS, type Operation } from "../isa/operations.ts";
import { PAUSES } from "../state-layout.ts";
import { ALU_EXECUTORS } from "./alu.ts";
import { AVX_EXECUTORS } from "./avx.ts";
import { AVX_MEMORY_EXECUTORS } from "./avx-memory.ts";
import { BIT_EXECUTORS } from "./bit.ts";
import { BMI_EXECUTORS } from "./bmi.ts";
import { BRANCH_EXECUTORS } from "./branch.ts";
import { CONTROL_REGISTER_EXECUTORS } from "./control-register.ts";
import { CRYPTO_EXECUTORS } from "./crypto.ts";
import { DEBUG_REGISTER_EXECUTORS } from "./debug-register.ts";
import { DESCRIPTOR_TABLE_EXECUTORS } from "./descriptor-table.ts";
import { FAR_EXECUTORS } from "./far.ts";
import { FMA_EXECUTORS } from "./fma.ts";
import { HALF_EXECUTORS } from "./half.ts";
import { INTERRUPT_FLAG_EXECUTORS } from "./interrupt-flag.ts";
import { INVALIDATE_EXECUTORS } from "./invalidate.ts";
import { IO_EXECUTORS } from "./io.ts";
import { MMX_EXECUTORS } from "./mmx.ts";
import { MMX_CONVERT_EXECUTORS } from "./mmx-convert.ts";
import { MOV_EXECUTORS } from "./mov.ts";
import { MSR_TSC_CPUID_EXECUTORS } from "./msr-tsc-cpuid.ts";
import { MUL_DIV_EXECUTORS } from "./mul-div.ts";
import type { Executor } from "./operands.ts";
import { SEGMENT_EXECUTORS } from "./segment.ts";
import { SELECTOR_CHECK_EXECUTORS } from "./selector-check.ts";
import { SHIFT_EXECUTORS } from "./shift.ts";
import { SSE_CONVERT_EXECUTORS } from "./sse-convert.ts";
import { SSE_FLOAT_EXECUTORS } from "./sse-float.ts";
import { SSE_INTEGER_EXECUTORS } from "./sse-integer.ts";
import { SSE_MOVE_EXECUTORS } from "./sse-move.ts";
import { SSE_SHUFFLE_EXECUTORS } from "./sse-shuffle.ts";
import { SSE_STRING_EXECUTORS } from "./sse-string.ts";
import { STACK_EXECUTORS } from "./stack.ts";
import { STRING_EXECUTORS } from "./string.ts";
import { X87_EXECUTORS } from "./x87.ts";
import { X87_CONTROL_EXECUTORS } from "./x87-control.ts";
import { X87_FUNCTION_EXECUTORS } from "./x87-function.ts";
import { X87_MOVE_EXECUTORS } from "./x87-move.ts";
import { XSAVE_EXECUTORS } from "./xsave.ts";

export const EXECUTORS: Readonly<Record<Operation, Executor>> = {
  ...ALU_EXECUTORS,
  ...MOV_EXECUTORS,
  ...SHIFT_EXECUTORS,
  ...MUL_DIV_EXECUTORS,
  ...BIT_EXECUTORS,
  ...BMI_EXECUTORS,
  ...STACK_EXECUTORS,
  ...BRANCH_EXECUTORS,
  ...FAR_EXECUTORS,
  ...STRING_EXECUTORS,
  ...IO_EXECUTORS,
  ...SEGMENT_EXECUTORS,
  ...SELECTOR_CHECK_EXECUTORS,
  ...DESCRIPTOR_TABLE_EXECUTORS,
  ...CONTROL_REGISTER_EXECUTORS,
  ...DEBUG_REGISTER_EXECUTORS,
  ...INVALIDATE_EXECUTORS,
  ...MSR_TSC_CPUID_EXECUTORS,
  ...INTERRUPT_FLAG_EXECUTORS,
  ...X87_EXECUTORS,
  ...X87_MOVE_EXECUTORS,
  ...X87_FUNCTION_EXECUTORS,
  ...X87_CONTROL_EXECUTORS,
  ...MMX_EXECUTORS,
  ...MMX_CONVERT_EXECUTORS,
  ...XSAVE_EXECUTORS,
  ...SSE_MOVE_EXECUTORS,
  ...SSE_INTEGER_EXECUTORS,
  ...SSE_SHUFFLE_EXECUTORS,
  ...SSE_FLOAT_EXECUTORS,
  ...SSE_CONVERT_EXECUTORS,
  ...SSE_STRING_EXECUTORS,
  ...AVX_EXECUTORS,
  ...AVX_MEMORY_EXECUTORS,
  ...HALF_EXECUTORS,
  ...FMA_EXECUTORS,
  ...CRYPTO_EXECUTORS,
  /** A hint that costs nothing here; the count is a statistic. */
  pause: (cpu: Cpu) => {
    const { s } = cpu;
    s[PAUSES] = s[PAUSES]! + 1;
    if (s[PAUSES] === 0) s[PAUSES + 1] = s[PAUSES + 1]! + 1;
  },
};

/** The same by an operation's number: its index in OPERATIONS. */
export const EXECUTOR_TABLE: readonly Executor[] = OPERATIONS.map((op) => EXECUTORS[op]);

export const OPERATION_NUMBERS: ReadonlyMap<Operation, number> = new Map(
  OPERATIONS.map((op, number) => [op, number]),
);
