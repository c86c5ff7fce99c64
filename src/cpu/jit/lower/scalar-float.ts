// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-float.ts and sse-convert.ts for single numbers. WebAssembly rounds to nearest and tells no
// exceptions, so it may be asked only where nothing but an inexact result can come up, and that is recorded in
// MXCSR already: all exceptions masked, PE set, round to nearest, neither DAZ nor FTZ; operands and result zero
// or normal. Everything else is the executor's, in place.
import { SLOT_MEMORY } from "../../decode/record.ts";
import {
  CC_EXPLICIT,
  FLAG_CF,
  FLAG_ZF,
  FLAGS_ARITHMETIC,
  WIDTH_32,
  WIDTH_64,
} from "../../flags.ts";
import type { Operation } from "../../isa/operations.ts";
import { MXCSR } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import { type Lowering, popRegister, pushOperand } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { type Plain, TYPE_F32, TYPE_F64 } from "../wasm/opcodes.ts";
import { beginVector, isVex, vectorOffset } from "./vector.ts";

/** MXCSR but for the sticky flags that do not matter, and its value in the usual case. */
const MXCSR_MASK = 0xffe0;
const MXCSR_USUAL = 0x1fa0;

type Precision = "f32" | "f64";

const FLOAT_TYPE = { f32: TYPE_F32, f64: TYPE_F64 } as const;
const BYTES = { f32: 4, f64: 8 } as const;

/** Pushes a scalar operand. */
function pushScalar(e: UnitEmitter, p: number, slot: number, precision: Precision): void {
  if (slot === SLOT_MEMORY) {
    pushOperandPlace(e, p, BYTES[precision], false);
    e.fn.memory(`${precision}.load`);
  } else e.fn.i32(0).memory(`${precision}.load`, vectorOffset(slot));
}

function scalar(e: UnitEmitter, p: number, slot: number, precision: Precision): Local {
  const local = e.temp(FLOAT_TYPE[precision]);
  pushScalar(e, p, slot, precision);
  e.fn.set(local);
  return local;
}

export function pushIsUsual(e: UnitEmitter): void {
  e.loadState("i32.load", MXCSR);
  e.fn.i32(MXCSR_MASK).op("i32.and").i32(MXCSR_USUAL).op("i32.eq");
}

/**
 * Pushes 1 if the number is normal: neither zero nor denormal nor infinite nor a NaN. The smallest normal numbers
 * do not count: a result may have been too small before it was rounded to one.
 */
function pushIsNormal(e: UnitEmitter, value: Local, precision: Precision): void {
  const { fn } = e;
  fn.get(value);
  if (precision === "f64") {
    fn.op("i64.reinterpret_f64").i64(52).op("i64.shr_u").op("i32.wrap_i64");
    fn.i32(0x7ff).op("i32.and").i32(2).op("i32.sub").i32(0x7fd).op("i32.lt_u");
  } else {
    fn.op("i32.reinterpret_f32").i32(23).op("i32.shr_u");
    fn.i32(0xff).op("i32.and").i32(2).op("i32.sub").i32(0xfd).op("i32.lt_u");
  }
}

function pushIsZero(e: UnitEmitter, value: Local, precision: Precision): void {
  e.fn.get(value);
  if (precision === "f64") e.fn.f64(0).op("f64.eq");
  else e.fn.f32(0).op("f32.eq");
}

/** Normal or zero. */
function pushIsPlain(e: UnitEmitter, value: Local, precision: Precision): void {
  pushIsNormal(e, value, precision);
  pushIsZero(e, value, precision);
  e.fn.op("i32.or");
}

/** The i32 on the stack decides between what `fast` writes and the executor. */
export function fastOr(e: UnitEmitter, p: number, fast: () => void): void {
  const known = e.knownKind;
  e.fn.if();
  fast();
  e.fn.else();
  e.callExecutor(p);
  e.fn.end();
  // Neither way changes flags, nor what they were made from.
  e.knownKind = known;
}

function storeScalar(e: UnitEmitter, register: number, precision: Precision, value: Local): void {
  e.fn.i32(0).get(value).memory(`${precision}.store`, vectorOffset(register));
}

function arithmetic(precision: Precision, name: "add" | "sub" | "mul" | "div"): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = scalar(e, p, e.slotB(p), precision);
    const a = scalar(e, p, e.slotA(p), precision);
    const result = e.temp(FLOAT_TYPE[precision]);
    fn.get(a)
      .get(b)
      .op(`${precision}.${name}` as Plain)
      .set(result);
    pushIsUsual(e);
    pushIsPlain(e, a, precision);
    fn.op("i32.and");
    pushIsPlain(e, b, precision);
    fn.op("i32.and");
    pushIsNormal(e, result, precision);
    // Sums are never too small; a product is an exact zero only if an operand is one.
    if (name === "add" || name === "sub") pushIsZero(e, result, precision);
    else {
      pushIsZero(e, a, precision);
      if (name === "mul") {
        pushIsZero(e, b, precision);
        fn.op("i32.or");
      } else {
        pushIsZero(e, b, precision);
        fn.op("i32.eqz").op("i32.and");
      }
    }
    fn.op("i32.or").op("i32.and");
    fastOr(e, p, () => storeScalar(e, e.slotA(p), precision, result));
    return true;
  };
}

function sqrt(precision: Precision): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = scalar(e, p, e.slotB(p), precision);
    const result = e.temp(FLOAT_TYPE[precision]);
    fn.get(b).op(`${precision}.sqrt`).set(result);
    pushIsUsual(e);
    pushIsNormal(e, b, precision);
    // The root of a negative number is not a number.
    pushIsNormal(e, result, precision);
    fn.op("i32.and").op("i32.and");
    fastOr(e, p, () => storeScalar(e, e.slotA(p), precision, result));
    return true;
  };
}

/** UCOMIS and COMIS differ only in what a NaN raises, which is the executor's. */
function compare(precision: Precision): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = scalar(e, p, e.slotB(p), precision);
    const a = scalar(e, p, e.slotA(p), precision);
    e.flagsUsed();
    pushIsPlain(e, a, precision);
    pushIsPlain(e, b, precision);
    fn.op("i32.and");
    fastOr(e, p, () => {
      fn.get(e.flags).i32(~FLAGS_ARITHMETIC).op("i32.and");
      fn.get(a).get(b).op(`${precision}.lt`).i32(FLAG_CF).op("i32.mul").op("i32.or");
      fn.get(a).get(b).op(`${precision}.eq`).i32(FLAG_ZF).op("i32.mul").op("i32.or");
      fn.set(e.flags).i32(CC_EXPLICIT).set(e.ccKind);
    });
    e.knownKind = -1;
    return true;
  };
}

/** From a general register or memory. What has 32 bits is always exact as a double. */
function fromInteger(precision: Precision): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (isVex(e, p) || width < WIDTH_32) return false;
    beginVector(e, p);
    const { fn } = e;
    const integer = width === WIDTH_64 ? "i64" : "i32";
    const result = e.temp(FLOAT_TYPE[precision]);
    pushOperand(e, p, e.slotB(p), width);
    fn.op(`${precision}.convert_${integer}_s`).set(result);
    if (precision === "f64" && width === WIDTH_32) {
      storeScalar(e, e.slotA(p), precision, result);
      return true;
    }
    pushIsUsual(e);
    fastOr(e, p, () => storeScalar(e, e.slotA(p), precision, result));
    return true;
  };
}

/** To a general register, truncated. */
function toInteger(precision: Precision): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (isVex(e, p) || width < WIDTH_32) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = scalar(e, p, e.slotB(p), precision);
    const limit = width === WIDTH_64 ? 2 ** 63 : 2 ** 31;
    pushIsUsual(e);
    fn.get(b).op(`${precision}.abs`);
    if (precision === "f64") fn.f64(limit);
    else fn.f32(limit);
    fn.op(`${precision}.lt`).op("i32.and");
    fastOr(e, p, () => {
      fn.get(b).op(`${width === WIDTH_64 ? "i64" : "i32"}.trunc_${precision}_s`);
      popRegister(e, e.slotA(p), width);
    });
    return true;
  };
}

/** A float as a double, exactly. */
function widen(e: UnitEmitter, p: number): boolean {
  if (isVex(e, p)) return false;
  beginVector(e, p);
  const b = scalar(e, p, e.slotB(p), "f32");
  pushIsPlain(e, b, "f32");
  fastOr(e, p, () => {
    e.fn
      .i32(0)
      .get(b)
      .op("f64.promote_f32")
      .memory("f64.store", vectorOffset(e.slotA(p)));
  });
  return true;
}

function narrow(e: UnitEmitter, p: number): boolean {
  if (isVex(e, p)) return false;
  beginVector(e, p);
  const { fn } = e;
  const b = scalar(e, p, e.slotB(p), "f64");
  const result = e.temp(TYPE_F32);
  fn.get(b).op("f32.demote_f64").set(result);
  pushIsUsual(e);
  pushIsNormal(e, result, "f32");
  pushIsZero(e, b, "f64");
  fn.op("i32.or").op("i32.and");
  fastOr(e, p, () => storeScalar(e, e.slotA(p), "f32", result));
  return true;
}

export const SCALAR_FLOAT_LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  addss: arithmetic("f32", "add"),
  addsd: arithmetic("f64", "add"),
  subss: arithmetic("f32", "sub"),
  subsd: arithmetic("f64", "sub"),
  mulss: arithmetic("f32", "mul"),
  mulsd: arithmetic("f64", "mul"),
  divss: arithmetic("f32", "div"),
  divsd: arithmetic("f64", "div"),
  sqrtss: sqrt("f32"),
  sqrtsd: sqrt("f64"),
  ucomiss: compare("f32"),
  ucomisd: compare("f64"),
  comiss: compare("f32"),
  comisd: compare("f64"),
  cvtsi2ss: fromInteger("f32"),
  cvtsi2sd: fromInteger("f64"),
  cvttss2si: toInteger("f32"),
  cvttsd2si: toInteger("f64"),
  cvtss2sd: widen,
  cvtsd2ss: narrow,
};
