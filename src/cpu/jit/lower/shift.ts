// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/shift.ts, and of BMI's shifts without flags. Flags the manual leaves open are the
// executors': see interp/shift.ts.
import { IMM, SLOT_IMMEDIATE, SLOT_MEMORY } from "../../decode/record.ts";
import { CC_RESULT_ONLY, FLAG_CF, FLAG_OF, WIDTH_16, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import type { UnitEmitter } from "../emitter.ts";
import { keepCarryOverflowAdjust, replaceCarryOverflow, setCarryOverflow } from "../lazy-flags.ts";
import {
  closeA,
  constant,
  type Lowering,
  type OpenOperand,
  openA,
  operandLocal,
  operate,
  popRegister,
  popWide,
  pushNarrow,
  pushOperand,
  pushRegister,
  pushWide,
  signExtendNarrow,
  truncate,
  typeOf,
  widened,
} from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32 } from "../wasm/opcodes.ts";

type Shift = "shl" | "shr_u" | "shr_s";

/** A count: known while translating, or in a local of the width's type. */
type Counted =
  | { readonly isKnown: true; readonly value: number }
  | { readonly isKnown: false; readonly value: Local };

function countMask(width: number): number {
  return width === WIDTH_64 ? 63 : 31;
}

/** Operand B as a shift count, masked. */
function countOf(e: UnitEmitter, p: number, slot: number): Counted {
  const width = e.width(p);
  const mask = countMask(width);
  if (slot === SLOT_IMMEDIATE) return { isKnown: true, value: e.code[p + IMM]! & mask };
  const local = e.temp(typeOf(width));
  e.get8(slot);
  e.fn.i32(mask).op("i32.and");
  if (width === WIDTH_64) e.fn.op("i64.extend_i32_u");
  e.fn.set(local);
  return { isKnown: false, value: local };
}

/** Pushes the count plus a constant. */
function pushCount(e: UnitEmitter, width: number, count: Counted, plus = 0): void {
  if (count.isKnown) {
    constant(e, width, count.value + plus);
    return;
  }
  e.fn.get(count.value);
  if (plus === 0) return;
  constant(e, width, plus);
  operate(e, width, "add");
}

/** Pushes the i32 that a flag is taken from bit 0 of. */
function toFlag(e: UnitEmitter, width: number): void {
  if (width === WIDTH_64) e.fn.op("i32.wrap_i64");
}

/** Writes the code that `body` makes, only to be executed for a count other than zero if that is not known. */
function unlessZero(e: UnitEmitter, width: number, count: Counted, body: () => void): void {
  if (count.isKnown) {
    if (count.value !== 0) body();
    return;
  }
  e.settleKind();
  const before = e.knownKind;
  pushCount(e, width, count);
  constant(e, width, 0);
  operate(e, width, "ne");
  e.fn.if();
  body();
  e.settleKind();
  e.fn.end();
  if (e.knownKind === before) return;
  e.expectedKind = e.knownKind;
  e.kindIs(-1);
}

/** Pushes the bit that a shift of `value` by the count moved out last. */
function pushLastBit(
  e: UnitEmitter,
  width: number,
  name: Shift,
  value: Local,
  count: Counted,
): void {
  const { fn } = e;
  if (name !== "shl") {
    fn.get(value);
    pushCount(e, width, count, -1);
    operate(e, width, name);
    toFlag(e, width);
    return;
  }
  // Of 8 and 16 bits, bit `size` of the unlimited result: nothing is left there for larger counts.
  if (width <= WIDTH_16) {
    fn.get(value).op("i64.extend_i32_u");
    pushCount(e, width, count);
    fn.op("i64.extend_i32_u").op("i64.shl");
    fn.i64(8 << width)
      .op("i64.shr_u")
      .op("i32.wrap_i64");
    return;
  }
  const size = 8 << width;
  fn.get(value);
  constant(e, width, size);
  pushCount(e, width, count);
  operate(e, width, "sub");
  operate(e, width, "shr_u");
  toFlag(e, width);
}

/** Pushes the sign bit of a value as bit 0 of an i32. */
function pushTop(e: UnitEmitter, width: number, value: Local, below = 1): void {
  e.fn.get(value);
  constant(e, width, (8 << width) - below);
  operate(e, width, "shr_u");
  toFlag(e, width);
}

function recordShift(e: UnitEmitter, width: number, result: Local): void {
  e.setKind(CC_RESULT_ONLY | width);
  e.fn.get(widened(e, width, result)).set(e.ccResult);
}

/** The flags of a shift; `push` leaves CF and OF on the stack, from locals that stay as they are. */
function shiftFlags(
  e: UnitEmitter,
  width: number,
  count: Counted,
  result: Local,
  push: () => void,
): void {
  const write = () => {
    push();
    setCarryOverflow(e, true);
  };
  if (!count.isKnown) {
    unlessZero(e, width, count, () => {
      write();
      recordShift(e, width, result);
    });
  } else if (count.value !== 0) {
    recordShift(e, width, result);
    e.deferFlags(write);
  }
}

/** By a constant, of a register of 32 or 64 bits. The kind needs no left operand, so that its local has the shifted one. */
function shiftRegister(e: UnitEmitter, slot: number, width: number, name: Shift, by: number): void {
  const count = { isKnown: true, value: by } as const;
  pushRegister(e, slot, width);
  pushCount(e, width, count);
  operate(e, width, name);
  popWide(e, width, e.ccResult);
  pushWide(e, slot, width);
  e.fn.set(e.ccSource);
  pushNarrow(e, width, e.ccResult);
  popRegister(e, slot, width);
  e.setKind(CC_RESULT_ONLY | width);
  e.deferFlags(() => {
    const value = narrowed(e, width, e.ccSource);
    const result = narrowed(e, width, e.ccResult);
    pushShiftFlags(e, width, name, count, value, result);
    setCarryOverflow(e, true);
  });
}

function narrowed(e: UnitEmitter, width: number, local: Local): Local {
  if (width === WIDTH_64) return local;
  const narrow = e.temp(TYPE_I32);
  e.fn.get(local).op("i32.wrap_i64").set(narrow);
  return narrow;
}

/** Pushes CF and OF of a shift. */
function pushShiftFlags(
  e: UnitEmitter,
  width: number,
  name: Shift,
  count: Counted,
  value: Local,
  result: Local,
): void {
  const { fn } = e;
  const last = e.temp(TYPE_I32);
  pushLastBit(e, width, name, value, count);
  fn.tee(last);
  if (name === "shr_s") fn.i32(0);
  else pushTop(e, width, name === "shl" ? result : value);
  if (name === "shl") fn.get(last).op("i32.xor");
}

function shift(name: Shift): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    const count = countOf(e, p, e.slotB(p));
    if (count.isKnown && count.value !== 0 && width > WIDTH_16 && e.slotA(p) !== SLOT_MEMORY) {
      shiftRegister(e, e.slotA(p), width, name, count.value);
      return true;
    }
    const a = openA(e, p, width);
    const value = e.temp(typeOf(width));
    fn.get(a.value);
    if (name === "shr_s") signExtendNarrow(e, width);
    fn.set(value);
    const result = e.temp(typeOf(width));
    fn.get(value);
    pushCount(e, width, count);
    operate(e, width, name);
    truncate(e, width);
    fn.set(result);
    closeA(e, a, result);
    shiftFlags(e, width, count, result, () => pushShiftFlags(e, width, name, count, value, result));
    return true;
  };
}

type Rotation = "left" | "right";

/**
 * Pushes a local rotated by a count, which is not zero if it is known. WebAssembly has operators for that, which are
 * calls in code that V8 has not optimised yet; what they are made of here it makes a rotation of when it does.
 */
export function pushRotated(
  e: UnitEmitter,
  width: number,
  name: Rotation,
  value: Local,
  count: Counted,
): void {
  e.fn.get(value);
  pushCount(e, width, count);
  operate(e, width, name === "left" ? "shl" : "shr_u");
  e.fn.get(value);
  if (count.isKnown) constant(e, width, (8 << width) - count.value);
  else {
    constant(e, width, 8 << width);
    pushCount(e, width, count);
    operate(e, width, "sub");
  }
  operate(e, width, name === "left" ? "shr_u" : "shl");
  operate(e, width, "or");
}

function rotate(name: Rotation): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    const count = countOf(e, p, e.slotB(p));
    const a = openA(e, p, width);
    if (count.isKnown && count.value === 0) {
      closeA(e, a, a.value);
      return true;
    }
    const result = width <= WIDTH_16 ? rotateNarrow(e, a, name, count) : e.temp(typeOf(width));
    if (width > WIDTH_16) {
      pushRotated(e, width, name, a.value, count);
      fn.set(result);
    }
    closeA(e, a, result);
    const write = () => {
      if (name === "left") {
        fn.get(result);
        toFlag(e, width);
        pushTop(e, width, result);
        fn.get(result);
        toFlag(e, width);
      } else {
        pushTop(e, width, result);
        pushTop(e, width, result);
        pushTop(e, width, result, 2);
      }
      fn.op("i32.xor");
      setCarryOverflow(e, false);
    };
    if (count.isKnown) {
      replaceCarryOverflow(e, write);
      return true;
    }
    unlessZero(e, width, count, () => {
      keepCarryOverflowAdjust(e, FLAG_CF | FLAG_OF);
      write();
    });
    return true;
  };
}

/** 8 and 16 bits: the value is repeated over 32, and rotates there as it would alone. */
function rotateNarrow(e: UnitEmitter, a: OpenOperand, name: Rotation, count: Counted): Local {
  const { fn } = e;
  const repeated = e.temp(TYPE_I32);
  fn.get(a.value)
    .i32(a.width === WIDTH_16 ? 0x00010001 : 0x01010101)
    .op("i32.mul")
    .set(repeated);
  const result = e.temp(TYPE_I32);
  pushRotated(e, WIDTH_32, name, repeated, count);
  truncate(e, a.width);
  fn.set(result);
  return result;
}

/** SHLD and SHRD of 32 and 64 bits: A is filled from B. */
function doubleShift(isLeft: boolean): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    if (width <= WIDTH_16) return false;
    const count = countOf(e, p, e.slotC(p));
    const b = operandLocal(e, p, e.slotB(p), width);
    const a = openA(e, p, width);
    const result = e.temp(typeOf(width));
    fn.get(a.value).set(result);
    const shiftIn = () => {
      fn.get(a.value);
      pushCount(e, width, count);
      operate(e, width, isLeft ? "shl" : "shr_u");
      fn.get(b);
      constant(e, width, 8 << width);
      pushCount(e, width, count);
      operate(e, width, "sub");
      operate(e, width, isLeft ? "shr_u" : "shl");
      operate(e, width, "or");
      fn.set(result);
    };
    unlessZero(e, width, count, shiftIn);
    closeA(e, a, result);
    shiftFlags(e, width, count, result, () => {
      pushLastBit(e, width, isLeft ? "shl" : "shr_u", a.value, count);
      pushTop(e, width, a.value);
      pushTop(e, width, result);
      fn.op("i32.xor");
    });
    return true;
  };
}

/** SHLX, SHRX, SARX: B shifted by C. */
function shiftByRegister(name: Shift): Lowering {
  return (e, p) => {
    const width = e.width(p);
    pushOperand(e, p, e.slotB(p), width);
    // WebAssembly takes the count modulo the width, as these instructions do.
    pushRegister(e, e.slotC(p), width);
    operate(e, width, name);
    popRegister(e, e.slotA(p), width);
    return true;
  };
}

function rorx(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const value = operandLocal(e, p, e.slotB(p), width);
  const count = e.immediate(p) & countMask(width);
  if (count === 0) e.fn.get(value);
  else pushRotated(e, width, "right", value, { isKnown: true, value: count });
  popRegister(e, e.slotA(p), width);
  return true;
}

export const SHIFT_LOWERINGS = {
  shl: shift("shl"),
  shr: shift("shr_u"),
  sar: shift("shr_s"),
  rol: rotate("left"),
  ror: rotate("right"),
  shld: doubleShift(true),
  shrd: doubleShift(false),
  shlx: shiftByRegister("shl"),
  shrx: shiftByRegister("shr_u"),
  sarx: shiftByRegister("shr_s"),
  rorx,
} as const;
