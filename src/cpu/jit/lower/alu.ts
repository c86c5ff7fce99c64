// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/alu.ts.
import { CC_ADD, CC_DEC, CC_INC, CC_LOGIC, CC_SUB } from "../../flags.ts";
import type { UnitEmitter } from "../emitter.ts";
import { keepCarry, pushCarryFlag, setFlags, setFlagsWithCarry } from "../lazy-flags.ts";
import {
  closeA,
  constant,
  type Lowering,
  type OpenOperand,
  openA,
  operandLocal,
  operate,
  truncate,
  typeOf,
  widened,
} from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32 } from "../wasm/opcodes.ts";

type Operator = "add" | "sub" | "and" | "or" | "xor";

/** Writes `a op b` into a local. */
function result(e: UnitEmitter, width: number, name: Operator, a: Local, b: Local): Local {
  const local = e.temp(typeOf(width));
  e.fn.get(a).get(b);
  operate(e, width, name);
  if (name === "add" || name === "sub") truncate(e, width);
  e.fn.set(local);
  return local;
}

function record(e: UnitEmitter, kind: number, a: OpenOperand, value: Local): void {
  const { width } = a;
  const source = kind === CC_LOGIC ? undefined : widened(e, width, a.value);
  setFlags(e, kind | width, widened(e, width, value), source);
}

/** A = A op B. */
function binary(name: Operator, kind: number): Lowering {
  return (e, p) => {
    const width = e.width(p);
    // A register cleared by XOR or SUB with itself depends on nothing.
    if ((name === "xor" || name === "sub") && e.slotA(p) === e.slotB(p)) return clear(e, p, kind);
    const b = operandLocal(e, p, e.slotB(p), width);
    const a = openA(e, p, width);
    const value = result(e, width, name, a.value, b);
    closeA(e, a, value);
    record(e, kind, a, value);
    return true;
  };
}

function clear(e: UnitEmitter, p: number, kind: number): boolean {
  const width = e.width(p);
  const a = openA(e, p, width);
  const zero = e.temp(typeOf(width));
  constant(e, width, 0);
  e.fn.set(zero);
  closeA(e, a, zero);
  record(e, kind, a, zero);
  return true;
}

/** The flags of A op B. */
function compare(name: Operator, kind: number): Lowering {
  return (e, p) => {
    const width = e.width(p);
    const b = operandLocal(e, p, e.slotB(p), width);
    const a = operandLocal(e, p, e.slotA(p), width);
    const value = result(e, width, name, a, b);
    const source = kind === CC_LOGIC ? undefined : widened(e, width, a);
    setFlags(e, kind | width, widened(e, width, value), source);
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
    const a = openA(e, p, width);
    const value = e.temp(typeOf(width));
    keepCarry(e);
    e.fn.get(a.value);
    constant(e, width, 1);
    operate(e, width, name);
    truncate(e, width);
    e.fn.set(value);
    closeA(e, a, value);
    record(e, kind, a, value);
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
  const a = openA(e, p, width);
  const zero = e.temp(typeOf(width));
  constant(e, width, 0);
  e.fn.set(zero);
  const value = result(e, width, "sub", zero, a.value);
  closeA(e, a, value);
  setFlags(e, CC_SUB | width, widened(e, width, value), widened(e, width, zero));
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
