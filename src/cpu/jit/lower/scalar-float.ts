// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-float.ts and sse-convert.ts for single numbers, and of what VEX makes of them. WebAssembly rounds
// to nearest and tells no exceptions, so it may be asked only where nothing but an inexact result can come up, and that
// is recorded in MXCSR already: all exceptions masked, PE set, round to nearest, neither DAZ nor FTZ; operands and
// result zero or normal. What never rounds wants just operands that are not denormal and no NaNs, whatever MXCSR says.
// Everything else is the executor's, in place.
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
import { acceptedOutcomes, EQUAL, GREATER, LESS } from "../../simd/float-compare.ts";
import { MXCSR } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import { type Lowering, popRegister, pushOperand } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { type MemoryOp, TYPE_F32, TYPE_F64 } from "../wasm/opcodes.ts";
import {
  beginVector,
  firstSlot,
  isVex,
  lastSlot,
  source,
  vector,
  vectorOffset,
  writeLane,
  zeroUpper,
} from "./lanes.ts";

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

function pushConstant(e: UnitEmitter, precision: Precision, value: number): void {
  if (precision === "f64") e.fn.f64(value);
  else e.fn.f32(value);
}

function pushIsZero(e: UnitEmitter, value: Local, precision: Precision): void {
  e.fn.get(value);
  pushConstant(e, precision, 0);
  e.fn.op(`${precision}.eq`);
}

/** Normal or zero. */
function pushIsPlain(e: UnitEmitter, value: Local, precision: Precision): void {
  pushIsNormal(e, value, precision);
  pushIsZero(e, value, precision);
  e.fn.op("i32.or");
}

const LEAST_NORMAL = { f32: 2 ** -126, f64: 2 ** -1022 } as const;

/** Pushes 1 for a number that is not denormal. Infinities are numbers. */
function pushIsOrdinary(e: UnitEmitter, value: Local, precision: Precision): void {
  // No comparison holds for a NaN.
  e.fn.get(value).op(`${precision}.abs`);
  pushConstant(e, precision, LEAST_NORMAL[precision]);
  e.fn.op(`${precision}.ge`);
  pushIsZero(e, value, precision);
  e.fn.op("i32.or");
}

/** The i32 on the stack decides between what `fast` writes and the executor. */
export function fastOr(e: UnitEmitter, p: number, fast: () => void): void {
  e.settleKind();
  const known = e.knownKind;
  e.fn.if();
  fast();
  e.fn.else();
  e.callExecutor(p);
  e.fn.end();
  // Neither way changes flags, nor what they were made from.
  e.kindIs(known);
}

/** Writes the lowest element of A, by a store of `bytes` bytes: the rest is the first source's. */
function writeScalar(e: UnitEmitter, p: number, store: MemoryOp, push: () => void): void {
  const a = e.slotA(p);
  if (firstSlot(e, p) !== a) writeLane(e, a, 0, () => source(e, p, firstSlot(e, p))(0));
  e.fn.i32(0);
  push();
  e.fn.memory(store, vectorOffset(a));
  if (isVex(e, p)) zeroUpper(e, a);
}

function storeScalar(e: UnitEmitter, p: number, precision: Precision, value: Local): void {
  writeScalar(e, p, `${precision}.store`, () => e.fn.get(value));
}

function arithmetic(precision: Precision, name: "add" | "sub" | "mul" | "div"): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = scalar(e, p, lastSlot(e, p), precision);
    const a = scalar(e, p, firstSlot(e, p), precision);
    const result = e.temp(FLOAT_TYPE[precision]);
    fn.get(a).get(b).op(`${precision}.${name}`).set(result);
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
      pushIsZero(e, b, precision);
      if (name === "mul") fn.op("i32.or");
      else fn.op("i32.eqz").op("i32.and");
    }
    fn.op("i32.or").op("i32.and");
    fastOr(e, p, () => storeScalar(e, p, precision, result));
  });
}

function sqrt(precision: Precision): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = scalar(e, p, lastSlot(e, p), precision);
    const result = e.temp(FLOAT_TYPE[precision]);
    fn.get(b).op(`${precision}.sqrt`).set(result);
    pushIsUsual(e);
    pushIsNormal(e, b, precision);
    // The root of a negative number is not a number.
    pushIsNormal(e, result, precision);
    fn.op("i32.and").op("i32.and");
    fastOr(e, p, () => storeScalar(e, p, precision, result));
  });
}

/** Both operands in locals, and whether both are ordinary on the stack. */
function orderedOperands(
  e: UnitEmitter,
  p: number,
  slots: readonly [first: number, last: number],
  precision: Precision,
): readonly [Local, Local] {
  const b = scalar(e, p, slots[1], precision);
  const a = scalar(e, p, slots[0], precision);
  pushIsOrdinary(e, a, precision);
  pushIsOrdinary(e, b, precision);
  e.fn.op("i32.and");
  return [a, b];
}

/** UCOMIS and COMIS differ only in what a NaN raises, which is the executor's. */
function compareToFlags(precision: Precision): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    e.flagsUsed();
    const [a, b] = orderedOperands(e, p, [e.slotA(p), e.slotB(p)], precision);
    fastOr(e, p, () => {
      fn.get(e.flags).i32(~FLAGS_ARITHMETIC).op("i32.and");
      fn.get(a).get(b).op(`${precision}.lt`).i32(FLAG_CF).op("i32.mul").op("i32.or");
      fn.get(a).get(b).op(`${precision}.eq`).i32(FLAG_ZF).op("i32.mul").op("i32.or");
      fn.set(e.flags).i32(CC_EXPLICIT).set(e.ccKind);
    });
    e.kindIs(-1);
  });
}

/** The first source if it is strictly less (greater), else the other as it is. */
function extreme(precision: Precision, order: "lt" | "gt"): Lowering {
  return vector((e, p) => {
    const [a, b] = orderedOperands(e, p, [firstSlot(e, p), lastSlot(e, p)], precision);
    fastOr(e, p, () =>
      writeScalar(e, p, `${precision}.store`, () => {
        e.fn.get(a).get(b).get(a).get(b).op(`${precision}.${order}`).op("select");
      }),
    );
  });
}

const ORDERS = ["none", "lt", "eq", "le", "gt", "ne", "ge", "all"] as const;

/** Which outcomes of a comparison of numbers an immediate's predicate accepts. */
export function acceptedOrders(e: UnitEmitter, p: number): (typeof ORDERS)[number] {
  const predicate = e.immediate(p) & (isVex(e, p) ? 15 : 7);
  return ORDERS[acceptedOutcomes(predicate) & (LESS | EQUAL | GREATER)]!;
}

/** All ones if an immediate's predicate accepts. */
function compare(precision: Precision): Lowering {
  const integer = precision === "f64" ? "i64" : "i32";
  return vector((e, p) => {
    const { fn } = e;
    const [a, b] = orderedOperands(e, p, [firstSlot(e, p), lastSlot(e, p)], precision);
    const orders = acceptedOrders(e, p);
    fastOr(e, p, () =>
      writeScalar(e, p, `${integer}.store`, () => {
        if (precision === "f64") fn.i64(0);
        else fn.i32(0);
        if (orders === "all" || orders === "none") fn.i32(orders === "all" ? 1 : 0);
        else fn.get(a).get(b).op(`${precision}.${orders}`);
        if (precision === "f64") fn.op("i64.extend_i32_u");
        fn.op(`${integer}.sub`);
      }),
    );
  });
}

const ROUNDINGS = ["nearest", "floor", "ceil", "trunc"] as const;

/** How an immediate wants to have rounded: SDM 2, ROUNDPD. MXCSR's way is to nearest where this is asked. */
export function roundingOf(e: UnitEmitter, p: number): (typeof ROUNDINGS)[number] {
  const choice = e.immediate(p);
  return ROUNDINGS[(choice & 4) !== 0 ? 0 : choice & 3]!;
}

function round(precision: Precision): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = scalar(e, p, lastSlot(e, p), precision);
    pushIsUsual(e);
    pushIsOrdinary(e, b, precision);
    fn.op("i32.and");
    fastOr(e, p, () =>
      writeScalar(e, p, `${precision}.store`, () => {
        fn.get(b).op(`${precision}.${roundingOf(e, p)}`);
      }),
    );
  });
}

/** From a general register or memory. What has 32 bits is always exact as a double. */
function fromInteger(precision: Precision): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (width < WIDTH_32) return false;
    beginVector(e, p);
    const { fn } = e;
    const integer = width === WIDTH_64 ? "i64" : "i32";
    const result = e.temp(FLOAT_TYPE[precision]);
    pushOperand(e, p, lastSlot(e, p), width);
    fn.op(`${precision}.convert_${integer}_s`).set(result);
    if (precision === "f64" && width === WIDTH_32) {
      storeScalar(e, p, precision, result);
      return true;
    }
    pushIsUsual(e);
    fastOr(e, p, () => storeScalar(e, p, precision, result));
    return true;
  };
}

/** To a general register, truncated or rounded to nearest. */
function toInteger(precision: Precision, isTruncated: boolean): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (width < WIDTH_32) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = scalar(e, p, e.slotB(p), precision);
    const limit = width === WIDTH_64 ? 2 ** 63 : 2 ** 31;
    if (!isTruncated) fn.get(b).op(`${precision}.nearest`).set(b);
    pushIsUsual(e);
    fn.get(b).op(`${precision}.abs`);
    pushConstant(e, precision, limit);
    fn.op(`${precision}.lt`).op("i32.and");
    fastOr(e, p, () => {
      fn.get(b).op(`${width === WIDTH_64 ? "i64" : "i32"}.trunc_${precision}_s`);
      popRegister(e, e.slotA(p), width);
    });
    return true;
  };
}

/** A float as a double, exactly. */
const widen = vector((e, p) => {
  const b = scalar(e, p, lastSlot(e, p), "f32");
  pushIsOrdinary(e, b, "f32");
  fastOr(e, p, () => writeScalar(e, p, "f64.store", () => e.fn.get(b).op("f64.promote_f32")));
});

const narrow = vector((e, p) => {
  const { fn } = e;
  const b = scalar(e, p, lastSlot(e, p), "f64");
  const result = e.temp(TYPE_F32);
  fn.get(b).op("f32.demote_f64").set(result);
  pushIsUsual(e);
  pushIsNormal(e, result, "f32");
  pushIsZero(e, b, "f64");
  fn.op("i32.or").op("i32.and");
  fastOr(e, p, () => storeScalar(e, p, "f32", result));
});

function forPrecision(
  precision: Precision,
  suffix: "ss" | "sd",
): Readonly<Partial<Record<string, Lowering>>> {
  return {
    [`add${suffix}`]: arithmetic(precision, "add"),
    [`sub${suffix}`]: arithmetic(precision, "sub"),
    [`mul${suffix}`]: arithmetic(precision, "mul"),
    [`div${suffix}`]: arithmetic(precision, "div"),
    [`min${suffix}`]: extreme(precision, "lt"),
    [`max${suffix}`]: extreme(precision, "gt"),
    [`cmp${suffix}`]: compare(precision),
    [`sqrt${suffix}`]: sqrt(precision),
    [`round${suffix}`]: round(precision),
    [`ucomi${suffix}`]: compareToFlags(precision),
    [`comi${suffix}`]: compareToFlags(precision),
    [`cvtsi2${suffix}`]: fromInteger(precision),
    [`cvtt${suffix}2si`]: toInteger(precision, true),
    [`cvt${suffix}2si`]: toInteger(precision, false),
  };
}

export const SCALAR_FLOAT_LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  ...forPrecision("f32", "ss"),
  ...forPrecision("f64", "sd"),
  cvtss2sd: widen,
  cvtsd2ss: narrow,
};
