// SPDX-License-Identifier: BSD-2-Clause
// Which arithmetic flags an instruction leaves undefined. A row's `flags` says it for every execution; shifts
// and rotates depend on their count (SDM 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD), and x87
// instructions have condition codes of their own (SDM 2, "FPU Flags Affected"), which this file adds. For
// everything that compares two processors: vectors, random programs, lock-step runs.
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  FLAGS_ARITHMETIC,
} from "../../src/cpu/flags.ts";
import { CONDITION_CODES, STATUS_C0, STATUS_C2, STATUS_C3 } from "../../src/cpu/fpu/status.ts";
import type { Operation } from "../../src/cpu/isa/operations.ts";
import type { IsaRow } from "../../src/cpu/isa/row.ts";

/** RFLAGS bits in the order of `IsaRow.flags`. */
const FLAG_ORDER = [FLAG_OF, FLAG_SF, FLAG_ZF, FLAG_AF, FLAG_PF, FLAG_CF] as const;

/** The RFLAGS bits whose letter in a row's `flags` is one of `letters`. */
export function flagsWith(row: IsaRow, letters: string): number {
  return FLAG_ORDER.reduce(
    (mask, bit, index) => (letters.includes(row.flags.charAt(index)) ? mask | bit : mask),
    0,
  );
}

/** The count operand of a shift as the instruction got it, and the width of what is shifted. */
export interface ShiftUse {
  readonly count: number;
  readonly bits: 8 | 16 | 32 | 64;
}

type ShiftRule = (count: number, bits: number) => number;

function rotate(count: number): number {
  return count === 1 ? 0 : FLAG_OF;
}

/** Bits that were shifted out long ago: CF, too, is undefined for SHL and SHR from the full width on. */
function shiftOut(count: number, bits: number): number {
  return FLAG_AF | (count === 1 ? 0 : FLAG_OF) | (count >= bits ? FLAG_CF : 0);
}

function shiftArithmetic(count: number): number {
  return FLAG_AF | (count === 1 ? 0 : FLAG_OF);
}

function shiftDouble(count: number, bits: number): number {
  if (count > bits) return FLAGS_ARITHMETIC;
  return FLAG_AF | (count === 1 ? 0 : FLAG_OF);
}

/** For masked counts above zero; a count of zero changes nothing. */
const SHIFT_RULES: Readonly<Partial<Record<Operation, ShiftRule>>> = {
  rol: rotate,
  ror: rotate,
  rcl: rotate,
  rcr: rotate,
  shl: shiftOut,
  shr: shiftOut,
  sar: shiftArithmetic,
  shld: shiftDouble,
  shrd: shiftDouble,
};

/** True if an instruction's flags depend on a count: {@link undefinedFlags} then wants a ShiftUse. */
export function isCounted({ op }: IsaRow): boolean {
  return SHIFT_RULES[op] !== undefined;
}

/** The count that the processor uses: five bits of it, six for 64-bit operands. */
function effectiveCount({ count, bits }: ShiftUse): number {
  return count & (bits === 64 ? 63 : 31);
}

/** RFLAGS bits that one execution may leave with any value. Without a `use`, those of all executions. */
export function undefinedFlags(row: IsaRow, use?: ShiftUse): number {
  const rule = SHIFT_RULES[row.op];
  if (rule === undefined) return flagsWith(row, "u");
  if (use === undefined) return FLAGS_ARITHMETIC & ~unaffected(row);
  const count = effectiveCount(use);
  return count === 0 ? 0 : rule(count, use.bits);
}

function unaffected(row: IsaRow): number {
  return flagsWith(row, "-");
}

/** SHLD and SHRD of more bits than there are: the result is undefined as well. */
export function isResultUndefined({ op }: IsaRow, use: ShiftUse): boolean {
  return (op === "shld" || op === "shrd") && effectiveCount(use) > use.bits;
}

/** What x87 instructions leave undefined of the condition codes, but for those that leave C0, C2 and C3. */
const CONDITION_RULES: Readonly<Partial<Record<Operation, number>>> = {
  fcom: 0,
  ftst: 0,
  fxam: 0,
  fprem: 0,
  fprem1: 0,
  fninit: 0,
  fldenv: 0,
  frstor: 0,
  fnsave: 0,
  fwait: CONDITION_CODES,
  fsin: STATUS_C0 | STATUS_C3,
  fcos: STATUS_C0 | STATUS_C3,
  fsincos: STATUS_C0 | STATUS_C3,
  fptan: STATUS_C0 | STATUS_C3,
  ffree: CONDITION_CODES,
  fnop: CONDITION_CODES,
  fnneutral: CONDITION_CODES,
  fnclex: CONDITION_CODES,
  fldcw: CONDITION_CODES,
  fnstcw: CONDITION_CODES,
  fnstsw: CONDITION_CODES,
  fnstenv: CONDITION_CODES,
};

/** Bits of the x87 status word that an instruction leaves undefined. */
export function undefinedConditions(row: IsaRow): number {
  if (row.feature !== "X87" && !row.op.startsWith("fist")) return 0;
  return CONDITION_RULES[row.op] ?? STATUS_C0 | STATUS_C2 | STATUS_C3;
}
