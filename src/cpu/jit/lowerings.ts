// SPDX-License-Identifier: BSD-2-Clause
// Which operations have a lowering, and how a guest block is written from its records. What has none calls
// its executor: translation is never incomplete.
import {
  INFO,
  INFO_OUTSIDE_RAM,
  NEXT,
  OP,
  RECORD_WORDS,
  ROW,
  SLOT_IMMEDIATE,
  SLOT_MEMORY,
} from "../decode/record.ts";
import { BLOCK_HEADER } from "../interp/code-cache.ts";
import {
  OP_JUMPED,
  OP_JUMPED_SYNC,
  OP_NEXT,
  OP_SYNC,
  OP_TOO_LONG,
  OP_UNDEFINED,
} from "../interp/hot-ops.ts";
import type { Operation } from "../isa/operations.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { SS } from "../state-layout.ts";
import type { UnitEmitter } from "./emitter.ts";
import { ALU_LOWERINGS } from "./lower/alu.ts";
import { BIT_LOWERINGS } from "./lower/bit.ts";
import { BRANCH_LOWERINGS, CONTROL_LOWERINGS } from "./lower/control.ts";
import { FMA_LOWERINGS } from "./lower/fma.ts";
import { MOV_LOWERINGS } from "./lower/mov.ts";
import { MUL_DIV_LOWERINGS } from "./lower/mul-div.ts";
import { PACKED_CONVERT_LOWERINGS } from "./lower/packed-convert.ts";
import { PACKED_FLOAT_LOWERINGS } from "./lower/packed-float.ts";
import { SCALAR_FLOAT_LOWERINGS } from "./lower/scalar-float.ts";
import { SHIFT_LOWERINGS } from "./lower/shift.ts";
import { SYSTEM_ENDINGS, SYSTEM_LOWERINGS } from "./lower/system.ts";
import { VECTOR_AVX_LOWERINGS } from "./lower/vector-avx.ts";
import { VECTOR_INTEGER_LOWERINGS } from "./lower/vector-integer.ts";
import { VECTOR_MOVE_LOWERINGS } from "./lower/vector-move.ts";
import { VECTOR_SHUFFLE_LOWERINGS } from "./lower/vector-shuffle.ts";
import { canAddress } from "./memory-path.ts";
import type { Lowering } from "./operand.ts";
import { endOf, operationOf } from "./unit.ts";

const LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  ...ALU_LOWERINGS,
  ...MOV_LOWERINGS,
  ...SHIFT_LOWERINGS,
  ...BIT_LOWERINGS,
  ...MUL_DIV_LOWERINGS,
  ...CONTROL_LOWERINGS,
  ...SYSTEM_LOWERINGS,
  ...VECTOR_MOVE_LOWERINGS,
  ...VECTOR_INTEGER_LOWERINGS,
  ...VECTOR_SHUFFLE_LOWERINGS,
  ...VECTOR_AVX_LOWERINGS,
  ...SCALAR_FLOAT_LOWERINGS,
  ...PACKED_FLOAT_LOWERINGS,
  ...PACKED_CONVERT_LOWERINGS,
  ...FMA_LOWERINGS,
};

/** Lowerings behind which nothing of the block is reached. */
const ENDING: Readonly<Partial<Record<Operation, Lowering>>> = {
  ...BRANCH_LOWERINGS,
  ...SYSTEM_ENDINGS,
};

/** True if translated code does an operation itself, for the forms that it knows. */
export function isTranslated(op: Operation): boolean {
  return LOWERINGS[op] !== undefined || ENDING[op] !== undefined;
}

/** False for memory operands that are better left to the executor. */
function canAccess(e: UnitEmitter, p: number): boolean {
  if ((e.code[p + INFO]! & INFO_OUTSIDE_RAM) !== 0) return false;
  const slots = [e.slotA(p), e.slotB(p), e.slotC(p)];
  return !slots.includes(SLOT_MEMORY) || canAddress(e, p);
}

/** Writes a guest block: its instructions, then where control goes. */
export function lowerBlock(e: UnitEmitter): void {
  const end = endOf(e.code, e.block);
  for (let p = e.block + BLOCK_HEADER; p < end; p += RECORD_WORDS) {
    const isOver = lowerInstruction(e, p);
    e.releaseTemps();
    if (isOver) return;
  }
  lowerEnd(e, end);
  e.releaseTemps();
}

/** True if nothing behind it is reached. */
function lowerInstruction(e: UnitEmitter, p: number): boolean {
  e.begin(p);
  const kind = e.code[p + OP]!;
  if (kind === OP_UNDEFINED || kind === OP_TOO_LONG) {
    e.bail(p);
    return true;
  }
  const op = operationOf(e.code, p);
  const effect = flagEffect(e, p, op);
  if (effect === "some" || ENDING[op] !== undefined) e.settleLateFlags();
  // It goes two ways.
  if (op === "jcc") e.settleKind();
  const late = e.lateFlags;
  if (canAccess(e, p)) {
    if (LOWERINGS[op]?.(e, p) === true) {
      if (effect === "all" && e.lateFlags === late) e.dropLateFlags();
      return false;
    }
    if (ENDING[op]?.(e, p) === true) return true;
  }
  const next = e.code[p + RECORD_WORDS + OP]!;
  e.settleLateFlags();
  if (!isSoft(e, p, op) || (next !== OP_SYNC && next !== OP_JUMPED_SYNC)) {
    e.callExecutor(p);
    return false;
  }
  e.callExecutor(p, true);
  if (next === OP_SYNC) e.go(e.code[p + RECORD_WORDS + NEXT]!);
  else {
    e.pushStateRip();
    e.leave();
  }
  return true;
}

/**
 * What ends a block only because the run loop may have something to do behind it, which mostly it has not. What
 * changes how addresses are translated does not belong here, unless it does so by way of RIP.
 */
const SOFT: ReadonlySet<Operation> = new Set<Operation>([
  "sti",
  "popf",
  "stac",
  "clac",
  "rdmsr",
  "wrmsr",
  "cpuid",
  "movFromControl",
  "movFromDebug",
  "movToSegment",
  "iret",
  "syscall",
  "sysret",
  "sysenter",
  "sysexit",
  "in",
  "out",
]);

function isSoft(e: UnitEmitter, p: number, op: Operation): boolean {
  return SOFT.has(op) && !(op === "movToSegment" && e.slotA(p) === SS);
}

/** Which of the arithmetic flags an instruction replaces, without a look at them; of carry, CF and OF. */
type FlagEffect = "none" | "some" | "carry" | "all";

function flagEffect(e: UnitEmitter, p: number, op: Operation): FlagEffect {
  const { flags } = ISA_ROWS[e.code[p + ROW]!]!;
  if (flags === "------") return "none";
  if (ROTATES.has(op) && e.slotB(p) === SLOT_IMMEDIATE) return "carry";
  if (/[tx-]/.test(flags)) return "some";
  if (COUNTED.has(op)) return isShift(e, p, op) ? "all" : "some";
  return REPEATED.has(op) ? "some" : "all";
}

/** Instructions that leave the flags as they are if a count is zero. */
const COUNTED: ReadonlySet<Operation> = new Set<Operation>(["shl", "shr", "sar", "shld", "shrd"]);
const ROTATES: ReadonlySet<Operation> = new Set<Operation>(["rol", "ror"]);
const REPEATED: ReadonlySet<Operation> = new Set<Operation>(["cmps", "scas"]);

/** The count is a constant, and not zero. */
function isShift(e: UnitEmitter, p: number, op: Operation): boolean {
  const count = op === "shld" || op === "shrd" ? e.slotC(p) : e.slotB(p);
  return count === SLOT_IMMEDIATE && (e.immediate(p) & 31) !== 0;
}

function lowerEnd(e: UnitEmitter, end: number): void {
  e.begin(end);
  e.settleLateFlags();
  switch (e.code[end + OP]!) {
    case OP_NEXT:
      e.go(e.code[end + NEXT]!);
      break;
    case OP_SYNC:
      e.sync(() => e.pushCodeAddress(e.code[end + NEXT]!));
      break;
    case OP_JUMPED:
      e.pushStateRip();
      e.leave();
      break;
    case OP_JUMPED_SYNC:
      e.sync(() => e.pushStateRip());
      break;
    default:
      // Being taken apart while it is translated: the interpreter sees to it.
      e.bail(end);
      break;
  }
}
