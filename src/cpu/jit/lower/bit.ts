// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/bit.ts and of BMI1's instructions that change flags.
import {
  EA_32_IN_64,
  IMM,
  INFO,
  INFO_EA,
  INFO_EA_SHIFT,
  SLOT_IMMEDIATE,
  SLOT_MEMORY,
} from "../../decode/record.ts";
import {
  CC_EXPLICIT,
  CC_LOGIC,
  FLAG_CF,
  FLAG_ZF,
  FLAGS_ARITHMETIC,
  WIDTH_16,
  WIDTH_64,
} from "../../flags.ts";
import type { UnitEmitter } from "../emitter.ts";
import { keepCarryOverflowAdjust, setCarry, setFlags, settleAll } from "../lazy-flags.ts";
import { pushLinearAddress, pushPlace } from "../memory-path.ts";
import {
  closeA,
  constant,
  type Lowering,
  load,
  type OpenOperand,
  openA,
  operandLocal,
  operate,
  popRegister,
  pushOperand,
  pushRegister,
  typeOf,
  widened,
} from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32 } from "../wasm/opcodes.ts";

type Change = "keep" | "set" | "reset" | "complement";

/** Bit number modulo the operand's size, of the width's type. */
function bitNumber(e: UnitEmitter, p: number, width: number): Local {
  const number = e.temp(typeOf(width));
  const mask = (8 << width) - 1;
  const slot = e.slotB(p);
  if (slot === SLOT_IMMEDIATE) constant(e, width, e.code[p + IMM]! & mask);
  else {
    pushRegister(e, slot, width);
    constant(e, width, mask);
    operate(e, width, "and");
  }
  e.fn.set(number);
  return number;
}

/** The bit string's word that holds the bit, as an opened operand; only for a register bit number. */
function openBitString(e: UnitEmitter, p: number, width: number, isWrite: boolean): OpenOperand {
  const { fn } = e;
  // bytes = (bit >> log2(bits of the operand)) << log2(its bytes), signed
  pushLinearAddress(e, p);
  pushRegister(e, e.slotB(p), width);
  if (width !== WIDTH_64) {
    if (width === WIDTH_16) fn.op("i32.extend16_s");
    fn.op("i64.extend_i32_s");
  }
  fn.i64(3 + width)
    .op("i64.shr_s")
    .i64(width)
    .op("i64.shl")
    .op("i64.add");
  const place = e.temp(TYPE_I32);
  pushPlace(e, p, 1 << width, isWrite);
  const value = e.temp(typeOf(width));
  fn.tee(place);
  load(e, width);
  fn.set(value);
  return { value, width, slot: SLOT_MEMORY, place };
}

function openTested(e: UnitEmitter, p: number, width: number, change: Change): OpenOperand {
  const isMemory = e.slotA(p) === SLOT_MEMORY;
  if (isMemory && e.slotB(p) !== SLOT_IMMEDIATE) {
    return openBitString(e, p, width, change !== "keep");
  }
  if (change !== "keep" || !isMemory) return openA(e, p, width);
  return {
    value: operandLocal(e, p, SLOT_MEMORY, width),
    width,
    slot: SLOT_MEMORY,
    place: undefined,
  };
}

/** Writes the operand with the bit changed into a local. */
function changed(e: UnitEmitter, a: OpenOperand, number: Local, change: Change): Local {
  const { fn } = e;
  const result = e.temp(typeOf(a.width));
  fn.get(a.value);
  constant(e, a.width, 1);
  fn.get(number);
  operate(e, a.width, "shl");
  if (change === "set") operate(e, a.width, "or");
  else if (change === "complement") operate(e, a.width, "xor");
  else {
    constant(e, a.width, -1);
    operate(e, a.width, "xor");
    operate(e, a.width, "and");
  }
  fn.set(result);
  return result;
}

function hasLongAddress(e: UnitEmitter, p: number): boolean {
  return (e.code[p + INFO]! & INFO_EA) >> INFO_EA_SHIFT !== EA_32_IN_64;
}

function bitTest(change: Change): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    // Addresses of bit strings wrap with the address size; only 64-bit ones do by themselves.
    const isString = e.slotA(p) === SLOT_MEMORY && e.slotB(p) !== SLOT_IMMEDIATE;
    if (isString && !(e.is64 && hasLongAddress(e, p))) return false;
    const number = bitNumber(e, p, width);
    const a = openTested(e, p, width, change);
    if (change !== "keep") closeA(e, a, changed(e, a, number, change));
    keepCarryOverflowAdjust(e, FLAG_CF);
    fn.get(a.value).get(number);
    operate(e, width, "shr_u");
    if (width === WIDTH_64) fn.op("i32.wrap_i64");
    setCarry(e);
    return true;
  };
}

/** Replaces all six flags by what is on the stack (i32, in their places). */
export function setExplicit(e: UnitEmitter): void {
  e.flagsUsed();
  e.fn.get(e.flags).i32(~FLAGS_ARITHMETIC).op("i32.and").op("i32.or").set(e.flags);
  e.setKind(CC_EXPLICIT);
}

/** Pushes FLAG_ZF if the value is zero, else 0. */
function pushZeroFlag(e: UnitEmitter, width: number, value: Local): void {
  e.fn.get(value);
  operate(e, width, "eqz");
  e.fn.i32(31 - Math.clz32(FLAG_ZF)).op("i32.shl");
}

/** BSF and BSR of zero leave the destination. */
function scan(isForward: boolean): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    const slot = e.slotA(p);
    const b = operandLocal(e, p, e.slotB(p), width);
    fn.get(b);
    operate(e, width, "eqz");
    fn.op("i32.eqz").if();
    fn.get(b);
    if (isForward) operate(e, width, "ctz");
    else {
      operate(e, width, "clz");
      constant(e, width, width === WIDTH_64 ? 63 : 31);
      operate(e, width, "xor");
    }
    popRegister(e, slot, width);
    fn.end();
    pushZeroFlag(e, width, b);
    setExplicit(e);
    return true;
  };
}

/** TZCNT and LZCNT, 32 and 64 bits: CF says that the source was zero, ZF that the result is. */
function countZeros(name: "ctz" | "clz"): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    if (width === WIDTH_16) return false;
    const b = operandLocal(e, p, e.slotB(p), width);
    const result = e.temp(typeOf(width));
    fn.get(b);
    operate(e, width, name);
    fn.set(result);
    setCarryAndZero(e, width, b, result);
    fn.get(result);
    popRegister(e, e.slotA(p), width);
    return true;
  };
}

/** The other four keep their values. */
function setCarryAndZero(e: UnitEmitter, width: number, source: Local, result: Local): void {
  const { fn } = e;
  settleAll(e);
  pushZeroFlag(e, width, result);
  fn.get(source);
  operate(e, width, "eqz");
  fn.op("i32.or");
  fn.get(e.flags)
    .i32(~(FLAG_CF | FLAG_ZF))
    .op("i32.and")
    .op("i32.or")
    .set(e.flags);
}

function popcnt(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  const b = operandLocal(e, p, e.slotB(p), width);
  fn.get(b);
  operate(e, width, "popcnt");
  popRegister(e, e.slotA(p), width);
  pushZeroFlag(e, width, b);
  setExplicit(e);
  return true;
}

/** A logical result: SF and ZF of it, CF from bit 0 of what `pushCarry` pushes, the rest clear. */
function logic(
  e: UnitEmitter,
  p: number,
  result: Local,
  pushCarry: (() => void) | undefined,
): boolean {
  const width = e.width(p);
  setFlags(e, CC_LOGIC | width, widened(e, width, result));
  e.fn.get(result);
  popRegister(e, e.slotA(p), width);
  if (pushCarry === undefined) return true;
  keepCarryOverflowAdjust(e, FLAG_CF);
  pushCarry();
  setCarry(e);
  return true;
}

/** A = ~B & C. */
function andn(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const c = operandLocal(e, p, e.slotC(p), width);
  const result = e.temp(typeOf(width));
  pushOperand(e, p, e.slotB(p), width);
  constant(e, width, -1);
  operate(e, width, "xor");
  e.fn.get(c);
  operate(e, width, "and");
  e.fn.set(result);
  return logic(e, p, result, undefined);
}

/** BLSI: x & -x; BLSMSK: x ^ (x - 1); BLSR: x & (x - 1). */
function lowest(name: "blsi" | "blsmsk" | "blsr"): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    const b = operandLocal(e, p, e.slotB(p), width);
    const result = e.temp(typeOf(width));
    if (name === "blsi") {
      constant(e, width, 0);
      fn.get(b);
      operate(e, width, "sub");
    } else {
      fn.get(b);
      constant(e, width, 1);
      operate(e, width, "sub");
    }
    fn.get(b);
    operate(e, width, name === "blsmsk" ? "xor" : "and");
    fn.set(result);
    return logic(e, p, result, () => {
      fn.get(b);
      operate(e, width, "eqz");
      if (name === "blsi") fn.op("i32.eqz");
    });
  };
}

/** Pushes `value` as long as the count (i32) is below the width, else what `beyond` pushes. */
function pushIfBelow(
  e: UnitEmitter,
  width: number,
  count: Local,
  value: () => void,
  beyond: () => void,
): void {
  value();
  beyond();
  e.fn
    .get(count)
    .i32(8 << width)
    .op("i32.lt_u")
    .op("select");
}

/** Pushes the lowest bits of a value, as many as the count (i32) says. */
function pushLowest(e: UnitEmitter, width: number, value: Local, count: Local): void {
  const { fn } = e;
  const below = () => {
    constant(e, width, 1);
    fn.get(count);
    if (width === WIDTH_64) fn.op("i64.extend_i32_u");
    operate(e, width, "shl");
    constant(e, width, 1);
    operate(e, width, "sub");
  };
  pushIfBelow(e, width, count, below, () => constant(e, width, -1));
  fn.get(value);
  operate(e, width, "and");
}

/** Pushes a byte of operand C, a register. */
function countOfC(e: UnitEmitter, p: number, shift: 0 | 8): Local {
  const count = e.temp(TYPE_I32);
  e.get32(e.slotC(p));
  if (shift !== 0) e.fn.i32(shift).op("i32.shr_u");
  e.fn.i32(0xff).op("i32.and").set(count);
  return count;
}

/** Clears the bits of B from the number in C's low byte up. */
function bzhi(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const b = operandLocal(e, p, e.slotB(p), width);
  const count = countOfC(e, p, 0);
  const result = e.temp(typeOf(width));
  pushLowest(e, width, b, count);
  e.fn.set(result);
  return logic(e, p, result, () => {
    e.fn
      .i32((8 << width) - 1)
      .get(count)
      .op("i32.lt_u");
  });
}

/** Bits 7:0 of C are the first bit of B to take, bits 15:8 how many. */
function bextr(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  const b = operandLocal(e, p, e.slotB(p), width);
  const start = countOfC(e, p, 0);
  const length = countOfC(e, p, 8);
  const shifted = () => {
    fn.get(b).get(start);
    if (width === WIDTH_64) fn.op("i64.extend_i32_u");
    operate(e, width, "shr_u");
  };
  pushIfBelow(e, width, start, shifted, () => constant(e, width, 0));
  fn.set(b);
  pushLowest(e, width, b, length);
  fn.tee(b);
  popRegister(e, e.slotA(p), width);
  pushZeroFlag(e, width, b);
  setExplicit(e);
  return true;
}

export const BIT_LOWERINGS = {
  bt: bitTest("keep"),
  bts: bitTest("set"),
  btr: bitTest("reset"),
  btc: bitTest("complement"),
  bsf: scan(true),
  bsr: scan(false),
  tzcnt: countZeros("ctz"),
  lzcnt: countZeros("clz"),
  popcnt,
  andn,
  blsi: lowest("blsi"),
  blsmsk: lowest("blsmsk"),
  blsr: lowest("blsr"),
  bzhi,
  bextr,
} as const;
