// SPDX-License-Identifier: BSD-2-Clause
// Operands of translated instructions, by width (log2 of bytes): 64-bit values are i64, narrower ones i32,
// zero-extended. A read-modify-write instruction opens operand A, works, and closes it; what can fault or be
// the interpreter's happens at the opening, before anything is changed.
import { LINK, SLOT_IMMEDIATE, SLOT_MEMORY } from "../decode/record.ts";
import { WIDTH_8, WIDTH_16, WIDTH_64 } from "../flags.ts";
import type { UnitEmitter } from "./emitter.ts";
import { pushLinearAddress, pushOperandPlace, type Stored, storeAt } from "./memory-path.ts";
import type { Local } from "./wasm/function-builder.ts";
import { type MemoryOp, type Plain, TYPE_I32, TYPE_I64, type ValueType } from "./wasm/opcodes.ts";

/** Writes one instruction's code; false, with nothing written, if this form is left to its executor. */
export type Lowering = (e: UnitEmitter, p: number) => boolean;

const LOADS: readonly MemoryOp[] = ["i32.load8_u", "i32.load16_u", "i32.load", "i64.load"];
const STORES: readonly MemoryOp[] = ["i32.store8", "i32.store16", "i32.store", "i64.store"];

export function typeOf(width: number): ValueType {
  return width === WIDTH_64 ? TYPE_I64 : TYPE_I32;
}

type Arithmetic =
  | "add"
  | "sub"
  | "and"
  | "or"
  | "xor"
  | "mul"
  | "shl"
  | "shr_u"
  | "shr_s"
  | "eq"
  | "ne"
  | "lt_u"
  | "eqz"
  | "ctz"
  | "clz"
  | "popcnt";

/** An operator of the width's type. */
export function operate(e: UnitEmitter, width: number, name: Arithmetic): void {
  e.fn.op(`${width === WIDTH_64 ? "i64" : "i32"}.${name}` as Plain);
}

/** Pushes a constant of the width's type, sign-extended. */
export function constant(e: UnitEmitter, width: number, value: number): void {
  if (width === WIDTH_64) e.fn.i64(value);
  else e.fn.i32(value);
}

/** Cuts the i32 on the stack down to 8 or 16 bits. */
export function truncate(e: UnitEmitter, width: number): void {
  if (width === WIDTH_8) e.fn.i32(0xff).op("i32.and");
  else if (width === WIDTH_16) e.fn.i32(0xffff).op("i32.and");
}

/** Makes the i32 on the stack a signed one of 8 or 16 bits. */
export function signExtendNarrow(e: UnitEmitter, width: number): void {
  if (width === WIDTH_8) e.fn.op("i32.extend8_s");
  else if (width === WIDTH_16) e.fn.op("i32.extend16_s");
}

/** Pushes a general register. */
export function pushRegister(e: UnitEmitter, slot: number, width: number): void {
  if (width === WIDTH_64) e.get64(slot);
  else if (width === WIDTH_8) e.get8(slot);
  else if (width === WIDTH_16) e.get16(slot);
  else e.get32(slot);
}

/** Pops into a general register. */
export function popRegister(e: UnitEmitter, slot: number, width: number): void {
  if (width === WIDTH_64) e.set64(slot);
  else if (width === WIDTH_8) e.set8(slot);
  else if (width === WIDTH_16) e.set16(slot);
  else e.set32(slot);
}

/** Loads from the place on the stack. */
export function load(e: UnitEmitter, width: number, offset = 0): void {
  e.fn.memory(LOADS[width]!, offset);
}

/** Stores the value on the stack at the place below it. */
export function store(e: UnitEmitter, width: number, offset = 0): void {
  e.fn.memory(STORES[width]!, offset);
}

/** Pushes the memory operand. */
function pushMemory(e: UnitEmitter, p: number, width: number): void {
  pushOperandPlace(e, p, 1 << width, false);
  load(e, width);
}

/** Pushes whatever a slot stands for. */
export function pushOperand(e: UnitEmitter, p: number, slot: number, width: number): void {
  if (slot === SLOT_MEMORY) pushMemory(e, p, width);
  else if (slot !== SLOT_IMMEDIATE) pushRegister(e, slot, width);
  else if (width === WIDTH_64) e.fn.i64(e.immediate(p));
  else e.fn.i32(e.immediate(p) & (width === WIDTH_8 ? 0xff : width === WIDTH_16 ? 0xffff : -1));
}

/** Pushes MOV's immediate of the full 64 bits. */
export function pushImmediate64(e: UnitEmitter, p: number): void {
  e.fn.i64(e.immediate(p), e.code[p + LINK]!);
}

/** An operand in a local of its type. */
export function operandLocal(e: UnitEmitter, p: number, slot: number, width: number): Local {
  const local = e.temp(typeOf(width));
  pushOperand(e, p, slot, width);
  e.fn.set(local);
  return local;
}

/** Operand A as the destination of a read-modify-write instruction. */
export interface OpenOperand {
  readonly value: Local;
  readonly width: number;
  readonly slot: number;
  /** Place of a memory operand. */
  readonly place: Local | undefined;
}

export function openA(e: UnitEmitter, p: number, width: number): OpenOperand {
  const slot = e.slotA(p);
  const value = e.temp(typeOf(width));
  if (slot !== SLOT_MEMORY) {
    pushRegister(e, slot, width);
    e.fn.set(value);
    return { value, width, slot, place: undefined };
  }
  const place = e.temp(TYPE_I32);
  pushOperandPlace(e, p, 1 << width, true);
  e.fn.tee(place);
  load(e, width);
  e.fn.set(value);
  return { value, width, slot, place };
}

export function closeA(e: UnitEmitter, operand: OpenOperand, result: Local): void {
  if (operand.place !== undefined) {
    e.fn.get(operand.place).get(result);
    store(e, operand.width);
    return;
  }
  e.fn.get(result);
  popRegister(e, operand.slot, operand.width);
}

/** Pops into operand A, which is not read. A value for memory is worked out first: that cannot fault. */
export function storeA(e: UnitEmitter, p: number, width: number, push: () => void): void {
  const slot = e.slotA(p);
  if (slot !== SLOT_MEMORY) {
    push();
    popRegister(e, slot, width);
    return;
  }
  const value = e.temp(typeOf(width));
  push();
  e.fn.set(value);
  pushLinearAddress(e, p);
  storeAt(e, p, width, { push: () => e.fn.get(value), isWide: width === WIDTH_64 });
}

/** A register or immediate, to be stored. */
export function storedOperand(e: UnitEmitter, p: number, slot: number, width: number): Stored {
  if (slot === SLOT_IMMEDIATE) {
    return { push: () => constant(e, width, e.immediate(p)), isWide: width === WIDTH_64 };
  }
  return { push: () => pushWide(e, slot, width), isWide: true };
}

/** Pushes a general register as i64, with whatever is above its width. */
export function pushWide(e: UnitEmitter, slot: number, width: number): void {
  if (width === WIDTH_8) e.getWide8(slot);
  else if (width === WIDTH_16) e.getWide16(slot);
  else e.get64(slot);
}

/** Pops a value of the width's type, zero-extended, into a local of i64. */
export function popWide(e: UnitEmitter, width: number, local: Local): void {
  if (width !== WIDTH_64) e.fn.op("i64.extend_i32_u");
  e.fn.set(local);
}

/** Pushes what {@link popWide} popped. */
export function pushNarrow(e: UnitEmitter, width: number, local: Local): void {
  e.fn.get(local);
  if (width !== WIDTH_64) e.fn.op("i32.wrap_i64");
}

/** The value in i64, zero-extended, as flags want it. */
export function widened(e: UnitEmitter, width: number, value: Local): Local {
  if (width === WIDTH_64) return value;
  const wide = e.temp(TYPE_I64);
  e.fn.get(value).op("i64.extend_i32_u").set(wide);
  return wide;
}
