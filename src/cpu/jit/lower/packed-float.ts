// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of packed arithmetic in isa/sse-float.ts, under the conditions of scalar-float.ts for every element.
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import type { Lowering } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { type SimdPlain, TYPE_V128 } from "../wasm/opcodes.ts";
import { fastOr, pushIsUsual } from "./scalar-float.ts";
import { beginVector, isVex, pushVector, vectorOffset } from "./vector.ts";

interface Shape {
  readonly float: "f32x4" | "f64x2";
  readonly integer: "i32x4" | "i64x2";
  /** Bits of significand and sign, to be shifted away from the exponent. */
  readonly aside: number;
  readonly largestExponent: number;
  /** What the elements' top bits give if all are set. */
  readonly all: number;
}

const SINGLE: Shape = {
  float: "f32x4",
  integer: "i32x4",
  aside: 24,
  largestExponent: 0xff,
  all: 15,
};
const DOUBLE: Shape = {
  float: "f64x2",
  integer: "i64x2",
  aside: 53,
  largestExponent: 0x7ff,
  all: 3,
};

function splat(e: UnitEmitter, shape: Shape, value: number): void {
  if (shape.integer === "i64x2") e.fn.i64(value);
  else e.fn.i32(value);
  e.fn.simd(`${shape.integer}.splat`);
}

/** Pushes a mask of the elements that are normal, and not the smallest that are. */
function pushNormal(e: UnitEmitter, shape: Shape, value: Local): void {
  const { fn } = e;
  const { integer } = shape;
  const exponents = e.temp(TYPE_V128);
  fn.get(value).i32(1).simd(`${integer}.shl`).i32(shape.aside).simd(`${integer}.shr_u`);
  fn.set(exponents);
  fn.get(exponents);
  splat(e, shape, 1);
  fn.simd(`${integer}.gt_s`);
  splat(e, shape, shape.largestExponent);
  fn.get(exponents).simd(`${integer}.gt_s`).simd("v128.and");
}

/** Pushes a mask of the elements that are zero. */
function pushZero(e: UnitEmitter, shape: Shape, value: Local): void {
  const { fn } = e;
  fn.get(value).i32(1).simd(`${shape.integer}.shl`);
  splat(e, shape, 0);
  fn.simd(`${shape.integer}.eq`);
}

function pushPlain(e: UnitEmitter, shape: Shape, value: Local): void {
  pushNormal(e, shape, value);
  pushZero(e, shape, value);
  e.fn.simd("v128.or");
}

function arithmetic(shape: Shape, name: "add" | "sub" | "mul" | "div"): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    const { fn } = e;
    const a = e.temp(TYPE_V128);
    const b = e.temp(TYPE_V128);
    const result = e.temp(TYPE_V128);
    const register = e.slotA(p);
    pushVector(e, p, e.slotB(p), true);
    fn.set(b);
    pushVector(e, p, register, true);
    fn.tee(a)
      .get(b)
      .simd(`${shape.float}.${name}` as SimdPlain)
      .set(result);
    pushIsUsual(e);
    pushPlain(e, shape, a);
    pushPlain(e, shape, b);
    fn.simd("v128.and");
    pushNormal(e, shape, result);
    pushAllowedZero(e, shape, name, { a, b, result });
    fn.simd("v128.or").simd("v128.and");
    fn.simd(`${shape.integer}.bitmask`).i32(shape.all).op("i32.eq").op("i32.and");
    fastOr(e, p, () => {
      fn.i32(0).get(result).simdMemory("v128.store", vectorOffset(register));
    });
    return true;
  };
}

/** The root of a normal number that is not negative is normal, that of a zero the same zero. */
function sqrt(shape: Shape): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    const { fn } = e;
    const b = e.temp(TYPE_V128);
    pushVector(e, p, e.slotB(p), true);
    fn.set(b);
    pushIsUsual(e);
    pushNormal(e, shape, b);
    // Elements that are not negative: their own sign bit, all over.
    fn.get(b);
    splat(e, shape, -1);
    fn.simd(`${shape.integer}.gt_s`).simd("v128.and");
    pushZero(e, shape, b);
    fn.simd("v128.or").simd(`${shape.integer}.bitmask`).i32(shape.all).op("i32.eq").op("i32.and");
    fastOr(e, p, () => {
      fn.i32(0)
        .get(b)
        .simd(`${shape.float}.sqrt` as SimdPlain);
      fn.simdMemory("v128.store", vectorOffset(e.slotA(p)));
    });
    return true;
  };
}

/** Pushes a mask of the elements that may be zero: sums always, products and quotients of a zero. */
function pushAllowedZero(
  e: UnitEmitter,
  shape: Shape,
  name: "add" | "sub" | "mul" | "div",
  { a, b, result }: { readonly a: Local; readonly b: Local; readonly result: Local },
): void {
  if (name === "add" || name === "sub") {
    pushZero(e, shape, result);
    return;
  }
  pushZero(e, shape, a);
  pushZero(e, shape, b);
  if (name === "mul") e.fn.simd("v128.or");
  else e.fn.simd("v128.not").simd("v128.and");
}

export const PACKED_FLOAT_LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  addps: arithmetic(SINGLE, "add"),
  addpd: arithmetic(DOUBLE, "add"),
  subps: arithmetic(SINGLE, "sub"),
  subpd: arithmetic(DOUBLE, "sub"),
  mulps: arithmetic(SINGLE, "mul"),
  mulpd: arithmetic(DOUBLE, "mul"),
  divps: arithmetic(SINGLE, "div"),
  divpd: arithmetic(DOUBLE, "div"),
  sqrtps: sqrt(SINGLE),
  sqrtpd: sqrt(DOUBLE),
};
