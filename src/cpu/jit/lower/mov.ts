// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/mov.ts.
import { SLOT_IMMEDIATE, SLOT_MEMORY } from "../../decode/record.ts";
import {
  CC_ADD,
  CC_SUB,
  FLAG_CF,
  FLAG_DF,
  WIDTH_8,
  WIDTH_16,
  WIDTH_32,
  WIDTH_64,
} from "../../flags.ts";
import { GPR, GPR_BYTE, RAX, RDX } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import {
  keepCarryOverflowAdjust,
  pushCarryFlag,
  pushCondition,
  setCarry,
  setFlags,
} from "../lazy-flags.ts";
import { pushEffectiveAddress, pushLinearAddress, storeAt } from "../memory-path.ts";
import {
  closeA,
  type Lowering,
  openA,
  operandLocal,
  operate,
  popRegister,
  pushImmediate64,
  pushOperand,
  pushRegister,
  storeA,
  storedOperand,
  truncate,
  typeOf,
  widened,
} from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32 } from "../wasm/opcodes.ts";
import { pushRotated } from "./shift.ts";

/** The accumulator's slot by width. */
function accumulator(width: number): number {
  if (width === WIDTH_8) return GPR_BYTE + 8 * RAX;
  return width === WIDTH_16 ? 2 * (GPR + 2 * RAX) : GPR + 2 * RAX;
}

function mov(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const b = e.slotB(p);
  if (e.slotA(p) !== SLOT_MEMORY && b === SLOT_IMMEDIATE && width === WIDTH_64) {
    pushImmediate64(e, p);
    popRegister(e, e.slotA(p), width);
  } else if (e.slotA(p) === SLOT_MEMORY) {
    pushLinearAddress(e, p);
    storeAt(e, p, width, storedOperand(e, p, b, width));
  } else {
    pushOperand(e, p, b, width);
    popRegister(e, e.slotA(p), width);
  }
  return true;
}

/** Operand B of `from` bits, extended to the operand size, into A. */
function extend(from: number, isSigned: boolean): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    pushOperand(e, p, e.slotB(p), from);
    if (isSigned && from === WIDTH_8) fn.op("i32.extend8_s");
    if (isSigned && from === WIDTH_16) fn.op("i32.extend16_s");
    if (width === WIDTH_64) fn.op(isSigned ? "i64.extend_i32_s" : "i64.extend_i32_u");
    popRegister(e, e.slotA(p), width);
    return true;
  };
}

function lea(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  pushEffectiveAddress(e, p);
  if (width !== WIDTH_64) e.fn.op("i32.wrap_i64");
  popRegister(e, e.slotA(p), width);
  return true;
}

function xchg(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const b = operandLocal(e, p, e.slotB(p), width);
  const a = openA(e, p, width);
  closeA(e, a, b);
  e.fn.get(a.value);
  popRegister(e, e.slotB(p), width);
  return true;
}

/** The source register is written before the destination. */
function xadd(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const b = operandLocal(e, p, e.slotB(p), width);
  const a = openA(e, p, width);
  const sum = e.temp(typeOf(width));
  e.fn.get(a.value).get(b);
  operate(e, width, "add");
  truncate(e, width);
  e.fn.set(sum).get(a.value);
  popRegister(e, e.slotB(p), width);
  closeA(e, a, sum);
  setFlags(e, CC_ADD | width, widened(e, width, sum), widened(e, width, a.value));
  return true;
}

/**
 * A destination in memory is written in either case, a register only if it is equal, so that the upper half of
 * a 32-bit one stays otherwise. Of unequal operands the accumulator gets the destination's.
 */
function cmpxchg(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  const slot = accumulator(width);
  const b = operandLocal(e, p, e.slotB(p), width);
  const expected = operandLocal(e, p, slot, width);
  const a = openA(e, p, width);
  const isEqual = e.temp(TYPE_I32);
  const stored = e.temp(typeOf(width));
  const difference = e.temp(typeOf(width));
  fn.get(expected).get(a.value);
  operate(e, width, "eq");
  fn.set(isEqual);
  fn.get(b).get(a.value).get(isEqual).op("select").set(stored);
  fn.get(expected).get(a.value);
  operate(e, width, "sub");
  truncate(e, width);
  fn.set(difference);
  // Of a 32-bit register the upper half is cleared only where it is written.
  fn.get(isEqual).if();
  closeA(e, a, stored);
  fn.else();
  if (a.place !== undefined) closeA(e, a, stored);
  fn.get(a.value);
  popRegister(e, slot, width);
  fn.end();
  setFlags(e, CC_SUB | width, widened(e, width, difference), widened(e, width, expected));
  return true;
}

function bswap(e: UnitEmitter, p: number): boolean {
  const slot = e.slotA(p);
  const width = e.width(p);
  if (width === WIDTH_16) return false;
  const value = operandLocal(e, p, slot, width);
  if (width === WIDTH_32) {
    pushSwapped(e, value);
    popRegister(e, slot, width);
    return true;
  }
  pushSwapped64(e, value);
  popRegister(e, slot, width);
  return true;
}

/** Pushes an i32 local with its bytes reversed. */
function pushSwapped(e: UnitEmitter, value: Local): void {
  const { fn } = e;
  pushRotated(e, WIDTH_32, "left", value, { isKnown: true, value: 8 });
  fn.i32(0x00ff00ff).op("i32.and");
  pushRotated(e, WIDTH_32, "right", value, { isKnown: true, value: 8 });
  fn.i32(~0x00ff00ff).op("i32.and").op("i32.or");
}

/** The source is read, and a 32-bit destination's upper half cleared, whether or not the condition holds. */
function cmov(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  pushOperand(e, p, e.slotB(p), width);
  pushRegister(e, e.slotA(p), width);
  pushCondition(e, e.slotC(p));
  e.fn.op("select");
  popRegister(e, e.slotA(p), width);
  return true;
}

function set(e: UnitEmitter, p: number): boolean {
  storeA(e, p, WIDTH_8, () => pushCondition(e, e.slotC(p)));
  return true;
}

function cbw(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const slot = accumulator(width);
  pushRegister(e, slot, width);
  if (width === WIDTH_64) e.fn.op("i64.extend32_s");
  else e.fn.op(width === WIDTH_32 ? "i32.extend16_s" : "i32.extend8_s");
  truncate(e, width);
  popRegister(e, slot, width);
  return true;
}

function cwd(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const slot = accumulator(width);
  pushRegister(e, slot, width);
  if (width === WIDTH_64) e.fn.i64(63).op("i64.shr_s");
  else {
    if (width === WIDTH_16) e.fn.op("i32.extend16_s");
    e.fn.i32(31).op("i32.shr_s");
  }
  truncate(e, width);
  popRegister(e, slot + (RDX - RAX) * (width === WIDTH_16 ? 4 : 2), width);
  return true;
}

/** CLC, STC. */
function carry(value: 0 | 1): Lowering {
  return (e) => {
    keepCarryOverflowAdjust(e, FLAG_CF);
    e.fn.i32(value);
    setCarry(e);
    return true;
  };
}

function cmc(e: UnitEmitter): boolean {
  const old = e.temp(TYPE_I32);
  pushCarryFlag(e);
  e.fn.set(old);
  keepCarryOverflowAdjust(e, FLAG_CF);
  e.fn.get(old).op("i32.eqz");
  setCarry(e);
  return true;
}

/** CLD, STD. */
function direction(isDown: boolean): Lowering {
  return (e) => {
    e.flagsUsed();
    e.fn.get(e.flags);
    if (isDown) e.fn.i32(FLAG_DF).op("i32.or");
    else e.fn.i32(~FLAG_DF).op("i32.and");
    e.fn.set(e.flags);
    return true;
  };
}

/** Bytes reversed on the way from or to memory. */
function movbe(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width === WIDTH_16) return false;
  const value = operandLocal(e, p, e.slotB(p), width);
  storeA(e, p, width, () => {
    if (width === WIDTH_32) pushSwapped(e, value);
    else pushSwapped64(e, value);
  });
  return true;
}

function pushSwapped64(e: UnitEmitter, value: Local): void {
  const { fn } = e;
  const half = e.temp(TYPE_I32);
  fn.get(value).op("i32.wrap_i64").set(half);
  pushSwapped(e, half);
  fn.op("i64.extend_i32_u").i64(32).op("i64.shl");
  fn.get(value).i64(32).op("i64.shr_u").op("i32.wrap_i64").set(half);
  pushSwapped(e, half);
  fn.op("i64.extend_i32_u").op("i64.or");
}
const nothing: Lowering = () => true;

export const MOV_LOWERINGS = {
  mov,
  movzx8: extend(WIDTH_8, false),
  movzx16: extend(WIDTH_16, false),
  movsx8: extend(WIDTH_8, true),
  movsx16: extend(WIDTH_16, true),
  movsxd: extend(WIDTH_32, true),
  lea,
  xchg,
  xadd,
  cmpxchg,
  bswap,
  movbe,
  cmov,
  set,
  cbw,
  cwd,
  clc: carry(0),
  stc: carry(1),
  cmc,
  cld: direction(false),
  std: direction(true),
  nop: nothing,
  fence: nothing,
  prefetch: nothing,
} as const;
