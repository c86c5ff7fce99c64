// SPDX-License-Identifier: BSD-2-Clause
// Which records are cases of the hot loop. A case has the same meaning as its operation's executor; this
// file only says for which forms there is one.
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_WIDTH, SLOT_IMMEDIATE, SLOT_MEMORY, SLOTS } from "../decode/record.ts";
import { WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 } from "../flags.ts";
import type { Operation } from "../isa/operations.ts";
import * as hot from "./hot-ops.ts";

/** Operand kinds, destination first. */
type Form = "RR" | "RI" | "RM" | "MR" | "MI" | "R" | "M" | "I";

function formOf(slots: number): Form {
  const a = slots & 0xff;
  const b = (slots >>> 8) & 0xff;
  if (a === SLOT_MEMORY) return b === SLOT_IMMEDIATE ? "MI" : "MR";
  if (b === SLOT_MEMORY) return "RM";
  return b === SLOT_IMMEDIATE ? "RI" : "RR";
}

function singleForm(slots: number): Form {
  const a = slots & 0xff;
  if (a === SLOT_MEMORY) return "M";
  return a === SLOT_IMMEDIATE ? "I" : "R";
}

type Forms = Readonly<Partial<Record<`${Form}${8 | 16 | 32 | 64}`, number>>>;

const BITS = [8, 16, 32, 64] as const;

const TWO_OPERANDS: Readonly<Partial<Record<Operation, Forms>>> = {
  mov: {
    RR32: hot.OP_MOV_RR32,
    RR64: hot.OP_MOV_RR64,
    RI32: hot.OP_MOV_RI32,
    RI64: hot.OP_MOV_RI64,
    RM8: hot.OP_LOAD8,
    RM16: hot.OP_LOAD16,
    RM32: hot.OP_LOAD32,
    RM64: hot.OP_LOAD64,
    MR8: hot.OP_STORE8,
    MR16: hot.OP_STORE16,
    MR32: hot.OP_STORE32,
    MR64: hot.OP_STORE64,
    MI8: hot.OP_STORE_I8,
    MI16: hot.OP_STORE_I16,
    MI32: hot.OP_STORE_I32,
    MI64: hot.OP_STORE_I64,
  },
  // Zero-extension to 32 and to 64 bits is the same thing.
  movzx8: {
    RR32: hot.OP_MOVZX8_R,
    RR64: hot.OP_MOVZX8_R,
    RM32: hot.OP_MOVZX8_M,
    RM64: hot.OP_MOVZX8_M,
  },
  movzx16: {
    RR32: hot.OP_MOVZX16_R,
    RR64: hot.OP_MOVZX16_R,
    RM32: hot.OP_MOVZX16_M,
    RM64: hot.OP_MOVZX16_M,
  },
  movsxd: { RR64: hot.OP_MOVSXD_R, RM64: hot.OP_MOVSXD_M },
  lea: { RM32: hot.OP_LEA32, RM64: hot.OP_LEA64 },
  cmov: { RR32: hot.OP_CMOV_R32, RR64: hot.OP_CMOV_R64 },
  add: {
    RR32: hot.OP_ADD_RR32,
    RR64: hot.OP_ADD_RR64,
    RI32: hot.OP_ADD_RI32,
    RI64: hot.OP_ADD_RI64,
    RM32: hot.OP_ADD_RM32,
    RM64: hot.OP_ADD_RM64,
    MR32: hot.OP_ADD_MR32,
    MR64: hot.OP_ADD_MR64,
    MI32: hot.OP_ADD_MI32,
    MI64: hot.OP_ADD_MI64,
  },
  or: {
    RR32: hot.OP_OR_RR32,
    RR64: hot.OP_OR_RR64,
    RI32: hot.OP_OR_RI32,
    RI64: hot.OP_OR_RI64,
    RM32: hot.OP_OR_RM32,
    RM64: hot.OP_OR_RM64,
    MR32: hot.OP_OR_MR32,
    MR64: hot.OP_OR_MR64,
    MI32: hot.OP_OR_MI32,
    MI64: hot.OP_OR_MI64,
  },
  and: {
    RR32: hot.OP_AND_RR32,
    RR64: hot.OP_AND_RR64,
    RI32: hot.OP_AND_RI32,
    RI64: hot.OP_AND_RI64,
    RM32: hot.OP_AND_RM32,
    RM64: hot.OP_AND_RM64,
    MR32: hot.OP_AND_MR32,
    MR64: hot.OP_AND_MR64,
    MI32: hot.OP_AND_MI32,
    MI64: hot.OP_AND_MI64,
  },
  sub: {
    RR32: hot.OP_SUB_RR32,
    RR64: hot.OP_SUB_RR64,
    RI32: hot.OP_SUB_RI32,
    RI64: hot.OP_SUB_RI64,
    RM32: hot.OP_SUB_RM32,
    RM64: hot.OP_SUB_RM64,
    MR32: hot.OP_SUB_MR32,
    MR64: hot.OP_SUB_MR64,
    MI32: hot.OP_SUB_MI32,
    MI64: hot.OP_SUB_MI64,
  },
  xor: {
    RR32: hot.OP_XOR_RR32,
    RR64: hot.OP_XOR_RR64,
    RI32: hot.OP_XOR_RI32,
    RI64: hot.OP_XOR_RI64,
    RM32: hot.OP_XOR_RM32,
    RM64: hot.OP_XOR_RM64,
    MR32: hot.OP_XOR_MR32,
    MR64: hot.OP_XOR_MR64,
    MI32: hot.OP_XOR_MI32,
    MI64: hot.OP_XOR_MI64,
  },
  cmp: {
    RR8: hot.OP_CMP_RR8,
    RI8: hot.OP_CMP_RI8,
    RM8: hot.OP_CMP_RM8,
    MR8: hot.OP_CMP_MR8,
    MI8: hot.OP_CMP_MI8,
    RR32: hot.OP_CMP_RR32,
    RR64: hot.OP_CMP_RR64,
    RI32: hot.OP_CMP_RI32,
    RI64: hot.OP_CMP_RI64,
    RM32: hot.OP_CMP_RM32,
    RM64: hot.OP_CMP_RM64,
    MR32: hot.OP_CMP_MR32,
    MR64: hot.OP_CMP_MR64,
    MI32: hot.OP_CMP_MI32,
    MI64: hot.OP_CMP_MI64,
  },
  test: {
    RR8: hot.OP_TEST_RR8,
    RI8: hot.OP_TEST_RI8,
    MI8: hot.OP_TEST_MI8,
    RR32: hot.OP_TEST_RR32,
    RR64: hot.OP_TEST_RR64,
    RI32: hot.OP_TEST_RI32,
    RI64: hot.OP_TEST_RI64,
    MR32: hot.OP_TEST_MR32,
    MR64: hot.OP_TEST_MR64,
    MI32: hot.OP_TEST_MI32,
    MI64: hot.OP_TEST_MI64,
  },
};

const ONE_OPERAND: Readonly<Partial<Record<Operation, Forms>>> = {
  inc: { R32: hot.OP_INC32, R64: hot.OP_INC64 },
  dec: { R32: hot.OP_DEC32, R64: hot.OP_DEC64 },
  set: { R8: hot.OP_SET_R8 },
};

/** Shifts by an immediate that is not zero. */
const SHIFTS: Readonly<Partial<Record<Operation, readonly [short: number, long: number]>>> = {
  shl: [hot.OP_SHL_I32, hot.OP_SHL_I64],
  shr: [hot.OP_SHR_I32, hot.OP_SHR_I64],
  sar: [hot.OP_SAR_I32, hot.OP_SAR_I64],
};

/** Stack and indirect branches with 64-bit operands, in 64-bit mode. */
const LONG_MODE: Readonly<Partial<Record<Operation, Forms>>> = {
  push: { R64: hot.OP_PUSH_R64, I64: hot.OP_PUSH_I64, M64: hot.OP_PUSH_M64 },
  pop: { R64: hot.OP_POP_R64 },
  leave: { R64: hot.OP_LEAVE64 },
  call: { I64: hot.OP_CALL64 },
  callIndirect: { R64: hot.OP_CALL_R64, M64: hot.OP_CALL_M64 },
  jmpIndirect: { R64: hot.OP_JMP_R64, M64: hot.OP_JMP_M64 },
};

/** The case for a record whose other words are written; undefined if it goes through its executor. */
export function hotOp(cpu: Cpu, p: number, op: Operation): number | undefined {
  const { code } = cpu;
  const slots = code[p + SLOTS]!;
  const width = code[p + INFO]! & INFO_WIDTH;
  const bits = BITS[width]!;
  const two = TWO_OPERANDS[op];
  if (two !== undefined) return two[`${formOf(slots)}${bits}`];
  const one = ONE_OPERAND[op];
  if (one !== undefined) return one[`${singleForm(slots)}${bits}`];
  const shifts = SHIFTS[op];
  if (shifts !== undefined) return shiftOp(cpu, p, shifts, width);
  if (op === "nop") return hot.OP_NOP;
  if (cpu.is64) {
    if (op === "ret") return code[p + IMM] === 0 ? hot.OP_RET64 : undefined;
    const long = LONG_MODE[op];
    if (long !== undefined) return long[`${singleForm(slots)}${bits}`];
  }
  return jumpOp(cpu, op, width);
}

function shiftOp(
  cpu: Cpu,
  p: number,
  ops: readonly [number, number],
  width: number,
): number | undefined {
  const { code } = cpu;
  const count = code[p + IMM]! & (width === WIDTH_64 ? 63 : 31);
  if (formOf(code[p + SLOTS]!) !== "RI" || count === 0) return undefined;
  if (width === WIDTH_32) return ops[0];
  return width === WIDTH_64 ? ops[1] : undefined;
}

/** Relative jumps where RIP needs neither truncation to 16 bits nor a limit check. */
function jumpOp(cpu: Cpu, op: Operation, width: number): number | undefined {
  if (!cpu.isFlat || width === WIDTH_16 || width === WIDTH_8) return undefined;
  if (op === "jmp") return hot.OP_JMP;
  return op === "jcc" ? hot.OP_JCC : undefined;
}
