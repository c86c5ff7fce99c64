// SPDX-License-Identifier: BSD-2-Clause
// Which records are cases of the hot loop. A case has the same meaning as its operation's executor; this
// file only says for which forms there is one.
import type { Cpu } from "../cpu.ts";
import { IMM, INFO, INFO_WIDTH, SLOT_IMMEDIATE, SLOT_MEMORY, SLOTS } from "../decode/record.ts";
import { WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 } from "../flags.ts";
import type { Operation } from "../isa/operations.ts";
import * as hot from "./hot-ops.ts";

/** Operand kinds, destination first. */
const TWO_FORMS = ["RR", "RI", "RM", "MR", "MI"] as const;
const ONE_FORMS = ["R", "M", "I"] as const;
const BITS = [8, 16, 32, 64] as const;

const REGISTER_IMMEDIATE = TWO_FORMS.indexOf("RI");

function formOf(slots: number): number {
  const a = slots & 0xff;
  const b = (slots >>> 8) & 0xff;
  if (a === SLOT_MEMORY) return b === SLOT_IMMEDIATE ? 4 : 3;
  if (b === SLOT_MEMORY) return 2;
  return b === SLOT_IMMEDIATE ? 1 : 0;
}

function singleForm(slots: number): number {
  const a = slots & 0xff;
  if (a === SLOT_MEMORY) return 1;
  return a === SLOT_IMMEDIATE ? 2 : 0;
}

type Form = (typeof TWO_FORMS)[number] | (typeof ONE_FORMS)[number];
type Forms = Readonly<Partial<Record<`${Form}${(typeof BITS)[number]}`, number>>>;

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

/** The cases of one operation. */
export interface HotCases {
  readonly op: Operation;
  readonly kind: "two" | "one" | "long" | "shift" | "other";
  /** By form × 4 + width; 0 where there is none. Empty unless the kind is of so many operands. */
  readonly byForm: readonly number[];
}

export function hotCases(op: Operation): HotCases {
  const two = TWO_OPERANDS[op];
  if (two !== undefined) return { op, kind: "two", byForm: listed(two, TWO_FORMS) };
  const one = ONE_OPERAND[op];
  if (one !== undefined) return { op, kind: "one", byForm: listed(one, ONE_FORMS) };
  const long = LONG_MODE[op];
  if (long !== undefined) return { op, kind: "long", byForm: listed(long, ONE_FORMS) };
  return { op, kind: SHIFTS[op] === undefined ? "other" : "shift", byForm: [] };
}

function listed(forms: Forms, names: readonly Form[]): number[] {
  return names.flatMap((form) => BITS.map((bits) => forms[`${form}${bits}`] ?? NO_CASE));
}

/** No hot operation has this number. */
const NO_CASE = 0;

/** The case for a record whose other words are written; NO_CASE, 0, if it goes through its executor. */
export function hotOp(cpu: Cpu, p: number, { op, kind, byForm }: HotCases): number {
  const { code } = cpu;
  const slots = code[p + SLOTS]!;
  const width = code[p + INFO]! & INFO_WIDTH;
  switch (kind) {
    case "two":
      return byForm[4 * formOf(slots) + width]!;
    case "one":
      return byForm[4 * singleForm(slots) + width]!;
    case "shift":
      return shiftOp(cpu, p, SHIFTS[op]!, width);
    case "long":
      if (cpu.is64) return byForm[4 * singleForm(slots) + width]!;
      return jumpOp(cpu, op, width);
    default:
      if (op === "nop") return hot.OP_NOP;
      if (op === "ret" && cpu.is64) return code[p + IMM] === 0 ? hot.OP_RET64 : NO_CASE;
      return jumpOp(cpu, op, width);
  }
}

function shiftOp(cpu: Cpu, p: number, ops: readonly [number, number], width: number): number {
  const { code } = cpu;
  const count = code[p + IMM]! & (width === WIDTH_64 ? 63 : 31);
  if (formOf(code[p + SLOTS]!) !== REGISTER_IMMEDIATE || count === 0) return NO_CASE;
  if (width === WIDTH_32) return ops[0];
  return width === WIDTH_64 ? ops[1] : NO_CASE;
}

/** Relative jumps where RIP needs neither truncation to 16 bits nor a limit check. */
function jumpOp(cpu: Cpu, op: Operation, width: number): number {
  if (!cpu.isFlat || width === WIDTH_16 || width === WIDTH_8) return NO_CASE;
  if (op === "jmp") return hot.OP_JMP;
  return op === "jcc" ? hot.OP_JCC : NO_CASE;
}
