// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/alu.ts.
import { SLOT_MEMORY } from "../../decode/record.ts";
import { CC_ADD, CC_DEC, CC_INC, CC_LOGIC, CC_SUB, WIDTH_16 } from "../../flags.ts";
import type { UnitEmitter } from "../emitter.ts";
import { keepCarry, pushCarryFlag, setFlagsWithCarry } from "../lazy-flags.ts";
import { pushOperandPlace } from "../memory-path.ts";
import {
  closeA,
  constant,
  type Lowering,
  load,
  openA,
  operandLocal,
  operate,
  popRegister,
  popWide,
  pushNarrow,
  pushOperand,
  pushRegister,
  pushWide,
  store,
  truncate,
  typeOf,
  widened,
} from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32 } from "../wasm/opcodes.ts";

type Operator = "add" | "sub" | "and" | "or" | "xor";

// Results and left operands go straight into the locals of the flags. Each further local costs a move, or a store and
// a load, wherever control comes together, in code that the host has not optimised yet.

/** Pops A op B, both of the width's type, into ccResult. */
function popResult(e: UnitEmitter, width: number, name: Operator): void {
  operate(e, width, name);
  if (name === "add" || name === "sub") truncate(e, width);
  popWide(e, width, e.ccResult);
}

/** Puts a register into ccSource if the kind's flags need a left operand. Before the register is changed. */
function keepLeft(e: UnitEmitter, width: number, kind: number, slot: number): void {
  if (kind === CC_LOGIC) return;
  if (width > WIDTH_16) {
    pushWide(e, slot, width);
    e.fn.set(e.ccSource);
    return;
  }
  pushRegister(e, slot, width);
  popWide(e, width, e.ccSource);
}

/** Loads the operand A in memory into ccSource; its place is the result. */
function openLeft(e: UnitEmitter, p: number, width: number): Local {
  const place = e.temp(TYPE_I32);
  pushOperandPlace(e, p, 1 << width, true);
  e.fn.tee(place);
  load(e, width);
  popWide(e, width, e.ccSource);
  return place;
}

/** Stores ccResult at the place. */
function closeLeft(e: UnitEmitter, width: number, place: Local): void {
  e.fn.get(place);
  pushNarrow(e, width, e.ccResult);
  store(e, width);
}

/** Puts ccResult into a register. */
function closeRegister(e: UnitEmitter, width: number, slot: number): void {
  pushNarrow(e, width, e.ccResult);
  popRegister(e, slot, width);
}

/** A = A op B. */
function binary(name: Operator, kind: number): Lowering {
  return (e, p) => {
    const width = e.width(p);
    const a = e.slotA(p);
    const b = e.slotB(p);
    // A register cleared by XOR or SUB with itself depends on nothing.
    if ((name === "xor" || name === "sub") && a === b) clear(e, a, width, kind);
    else if (a === SLOT_MEMORY) {
      const place = openLeft(e, p, width);
      pushNarrow(e, width, e.ccSource);
      pushOperand(e, p, b, width);
      popResult(e, width, name);
      closeLeft(e, width, place);
    } else {
      pushRegister(e, a, width);
      pushOperand(e, p, b, width);
      popResult(e, width, name);
      keepLeft(e, width, kind, a);
      closeRegister(e, width, a);
    }
    e.setKind(kind | width);
    return true;
  };
}

function clear(e: UnitEmitter, slot: number, width: number, kind: number): void {
  e.fn.i64(0).set(e.ccResult);
  keepLeft(e, width, kind, slot);
  closeRegister(e, width, slot);
}

/** The flags of A op B. */
function compare(name: Operator, kind: number): Lowering {
  return (e, p) => {
    const width = e.width(p);
    const a = e.slotA(p);
    const b = e.slotB(p);
    if (a === SLOT_MEMORY) {
      pushOperand(e, p, a, width);
      popWide(e, width, e.ccSource);
      pushNarrow(e, width, e.ccSource);
    } else pushRegister(e, a, width);
    pushOperand(e, p, b, width);
    popResult(e, width, name);
    if (a !== SLOT_MEMORY) keepLeft(e, width, kind, a);
    e.setKind(kind | width);
    return true;
  };
}

/** A = A op B op CF. */
function withCarry(name: "add" | "sub", kind: number): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    const b = operandLocal(e, p, e.slotB(p), width);
    const a = openA(e, p, width);
    const carry = e.temp(TYPE_I32);
    pushCarryFlag(e);
    fn.set(carry);
    const value = e.temp(typeOf(width));
    fn.get(a.value).get(b);
    operate(e, width, name);
    fn.get(carry);
    if (width === 3) fn.op("i64.extend_i32_u");
    operate(e, width, name);
    truncate(e, width);
    fn.set(value);
    closeA(e, a, value);
    const wide = widened(e, width, value);
    setFlagsWithCarry(e, kind | width, wide, widened(e, width, a.value), carry);
    return true;
  };
}

/** A = A ± 1; CF stays. */
function step(name: "add" | "sub", kind: number): Lowering {
  return (e, p) => {
    const width = e.width(p);
    const a = e.slotA(p);
    let place: Local | undefined;
    if (a === SLOT_MEMORY) {
      place = e.temp(TYPE_I32);
      pushOperandPlace(e, p, 1 << width, true);
      e.fn.set(place);
    }
    keepCarry(e);
    if (place !== undefined) {
      e.fn.get(place);
      load(e, width);
      popWide(e, width, e.ccSource);
    } else keepLeft(e, width, kind, a);
    pushNarrow(e, width, e.ccSource);
    constant(e, width, 1);
    popResult(e, width, name);
    if (place !== undefined) closeLeft(e, width, place);
    else closeRegister(e, width, a);
    e.setKind(kind | width);
    return true;
  };
}

function not(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const a = openA(e, p, width);
  const value = e.temp(typeOf(width));
  e.fn.get(a.value);
  constant(e, width, -1);
  operate(e, width, "xor");
  truncate(e, width);
  e.fn.set(value);
  closeA(e, a, value);
  return true;
}

/** The flags are those of 0 - A. */
function neg(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  const a = e.slotA(p);
  const place = a === SLOT_MEMORY ? openLeft(e, p, width) : undefined;
  constant(e, width, 0);
  if (place !== undefined) pushNarrow(e, width, e.ccSource);
  else pushRegister(e, a, width);
  popResult(e, width, "sub");
  e.fn.i64(0).set(e.ccSource);
  if (place !== undefined) closeLeft(e, width, place);
  else closeRegister(e, width, a);
  e.setKind(CC_SUB | width);
  return true;
}

export const ALU_LOWERINGS = {
  add: binary("add", CC_ADD),
  sub: binary("sub", CC_SUB),
  and: binary("and", CC_LOGIC),
  or: binary("or", CC_LOGIC),
  xor: binary("xor", CC_LOGIC),
  cmp: compare("sub", CC_SUB),
  test: compare("and", CC_LOGIC),
  adc: withCarry("add", CC_ADD),
  sbb: withCarry("sub", CC_SUB),
  inc: step("add", CC_INC),
  dec: step("sub", CC_DEC),
  not,
  neg,
} as const;
