// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of packed arithmetic and comparison in isa/sse-float.ts, and of what VEX makes of them, under the conditions
// of scalar-float.ts for every element: one that does not meet them sends the whole instruction to its executor.
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import type { Lowering } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import type { SimdPlain } from "../wasm/opcodes.ts";
import {
  bytesOf,
  firstSlot,
  kept,
  lanesOf,
  lastSlot,
  source,
  vector,
  writeLocals,
} from "./lanes.ts";
import { acceptedOrders, fastOr, pushIsUsual, roundingOf } from "./scalar-float.ts";

export interface Shape {
  readonly float: "f32x4" | "f64x2";
  readonly integer: "i32x4" | "i64x2";
  /** Bytes of an element. */
  readonly size: 4 | 8;
  /** Bits of significand and sign, to be shifted away from the exponent. */
  readonly aside: number;
  readonly largestExponent: number;
  /** What the elements' top bits give if all are set. */
  readonly all: number;
}

export const SINGLE: Shape = {
  float: "f32x4",
  integer: "i32x4",
  size: 4,
  aside: 24,
  largestExponent: 0xff,
  all: 15,
};
export const DOUBLE: Shape = {
  float: "f64x2",
  integer: "i64x2",
  size: 8,
  aside: 53,
  largestExponent: 0x7ff,
  all: 3,
};

function splat(e: UnitEmitter, shape: Shape, value: number): void {
  if (shape.integer === "i64x2") e.fn.i64(value);
  else e.fn.i32(value);
  e.fn.simd(`${shape.integer}.splat`);
}

/** Pushes the elements' exponents. */
function exponents(e: UnitEmitter, shape: Shape, value: Local): Local {
  return kept(e, () => {
    e.fn.get(value).i32(1).simd(`${shape.integer}.shl`);
    e.fn.i32(shape.aside).simd(`${shape.integer}.shr_u`);
  });
}

/** Pushes a mask of the elements that are normal, and not the smallest that are. */
export function pushNormal(e: UnitEmitter, shape: Shape, value: Local): void {
  const { fn } = e;
  const { integer } = shape;
  const exponent = exponents(e, shape, value);
  fn.get(exponent);
  splat(e, shape, 1);
  fn.simd(`${integer}.gt_s`);
  splat(e, shape, shape.largestExponent);
  fn.get(exponent).simd(`${integer}.gt_s`).simd("v128.and");
}

/** Pushes a mask of the elements that are zero. */
export function pushZero(e: UnitEmitter, shape: Shape, value: Local): void {
  e.fn.get(value).i32(1).simd(`${shape.integer}.shl`).v128().simd(`${shape.integer}.eq`);
}

function pushPlain(e: UnitEmitter, shape: Shape, value: Local): void {
  pushNormal(e, shape, value);
  pushZero(e, shape, value);
  e.fn.simd("v128.or");
}

/** Pushes a mask of the elements that are numbers and not denormal. Infinities are numbers. */
export function pushOrdinary(e: UnitEmitter, shape: Shape, value: Local): void {
  const { fn } = e;
  const { float, integer } = shape;
  // Not below the least normal number: its exponent is not 0; a NaN is unequal to itself.
  fn.get(exponents(e, shape, value))
    .v128()
    .simd(`${integer}.gt_s`);
  pushZero(e, shape, value);
  fn.simd("v128.or").get(value).get(value).simd(`${float}.eq`).simd("v128.and");
}

/** Pushes 1 if a mask for each lane has all of its elements. */
export function pushAll(
  e: UnitEmitter,
  shape: Shape,
  lanes: readonly number[],
  pushMask: (lane: number) => void,
): void {
  for (const lane of lanes) {
    pushMask(lane);
    if (lane > 0) e.fn.simd("v128.and");
  }
  e.fn.simd(`${shape.integer}.bitmask`).i32(shape.all).op("i32.eq");
}

/** Both sources, a local for each lane. */
function bothSources(
  e: UnitEmitter,
  p: number,
): { readonly first: readonly Local[]; readonly last: readonly Local[] } {
  const last = source(e, p, lastSlot(e, p));
  const first = source(e, p, firstSlot(e, p));
  const lanes = lanesOf(e, p);
  return {
    first: lanes.map((lane) => kept(e, () => first(lane))),
    last: lanes.map((lane) => kept(e, () => last(lane))),
  };
}

type Name = "add" | "sub" | "mul" | "div";

/** What is put together of the operands before the operator sees them. */
type Prepare = (e: UnitEmitter, a: Local, b: Local) => readonly [a: Local, b: Local];

function arithmetic(shape: Shape, name: Name, prepare?: Prepare): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const { first, last } = bothSources(e, p);
    const operands = first.map((a, lane) => prepare?.(e, a, last[lane]!) ?? [a, last[lane]!]);
    const results = operands.map(([a, b]) =>
      kept(e, () => fn.get(a).get(b).simd(`${shape.float}.${name}`)),
    );
    pushIsUsual(e);
    pushAll(e, shape, lanesOf(e, p), (lane) => {
      const [a, b] = operands[lane]!;
      pushPlain(e, shape, a);
      pushPlain(e, shape, b);
      fn.simd("v128.and");
      pushNormal(e, shape, results[lane]!);
      pushAllowedZero(e, shape, name, { a, b, result: results[lane]! });
      fn.simd("v128.or").simd("v128.and");
    });
    fn.op("i32.and");
    fastOr(e, p, () => writeLocals(e, p, results));
  });
}

/** Pushes a mask of the elements that may be zero: sums always, products and quotients of a zero. */
function pushAllowedZero(
  e: UnitEmitter,
  shape: Shape,
  name: Name,
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

/** Neighbours of the first source and then of the other. */
function horizontal(shape: Shape): Prepare {
  const even = Array.from({ length: 16 / shape.size }, (_, i) => 2 * i);
  const odd = even.map((i) => i + 1);
  const chosen = (e: UnitEmitter, elements: readonly number[], a: Local, b: Local) =>
    kept(e, () => e.fn.get(a).get(b).shuffle(bytesOf(shape.size, elements)));
  return (e, a, b) => [chosen(e, even, a, b), chosen(e, odd, a, b)];
}

/** Even elements of the other source with their signs changed: what is added is subtracted there. */
function alternating(shape: Shape): Prepare {
  const signs = Array.from({ length: 16 }, (_, i) =>
    i % (2 * shape.size) === shape.size - 1 ? 0x80 : 0,
  );
  return (e, a, b) => [a, kept(e, () => e.fn.get(b).v128(signs).simd("v128.xor"))];
}

/** The root of a normal number that is not negative is normal, that of a zero the same zero. */
function sqrt(shape: Shape): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = wholeOperand(e, p);
    pushIsUsual(e);
    pushAll(e, shape, lanesOf(e, p), (lane) => {
      pushNormal(e, shape, b[lane]!);
      // Elements that are not negative: their own sign bit, all over.
      fn.get(b[lane]!);
      splat(e, shape, -1);
      fn.simd(`${shape.integer}.gt_s`).simd("v128.and");
      pushZero(e, shape, b[lane]!);
      fn.simd("v128.or");
    });
    fn.op("i32.and");
    fastOr(e, p, () => writeUnary(e, p, b, `${shape.float}.sqrt`));
  });
}

/** Operand B, a local for each lane. */
export function wholeOperand(e: UnitEmitter, p: number): readonly Local[] {
  const from = source(e, p, e.slotB(p));
  return lanesOf(e, p).map((lane) => kept(e, () => from(lane)));
}

/** Writes an operator of each lane. */
export function writeUnary(
  e: UnitEmitter,
  p: number,
  values: readonly Local[],
  ...names: readonly SimdPlain[]
): void {
  const results = values.map((value) =>
    kept(e, () => {
      e.fn.get(value);
      for (const name of names) e.fn.simd(name);
    }),
  );
  writeLocals(e, p, results);
}

/** What works on ordinary elements of both sources, without rounding. */
function ordered(
  shape: Shape,
  push: (e: UnitEmitter, p: number, a: Local, b: Local) => void,
): Lowering {
  return vector((e, p) => {
    const { first, last } = bothSources(e, p);
    pushAll(e, shape, lanesOf(e, p), (lane) => {
      pushOrdinary(e, shape, first[lane]!);
      pushOrdinary(e, shape, last[lane]!);
      e.fn.simd("v128.and");
    });
    fastOr(e, p, () => {
      const results = first.map((a, lane) => kept(e, () => push(e, p, a, last[lane]!)));
      writeLocals(e, p, results);
    });
  });
}

/** The first source where it is strictly less (greater): WebAssembly's operators, with operands exchanged. */
function extreme(shape: Shape, name: "pmin" | "pmax"): Lowering {
  return ordered(shape, (e, _, a, b) => e.fn.get(b).get(a).simd(`${shape.float}.${name}`));
}

/** All ones where an immediate's predicate accepts. */
function compare(shape: Shape): Lowering {
  return ordered(shape, (e, p, a, b) => {
    const orders = acceptedOrders(e, p);
    if (orders === "all" || orders === "none") e.fn.v128(orders === "all" ? ONES : undefined);
    else e.fn.get(a).get(b).simd(`${shape.float}.${orders}`);
  });
}

const ONES: readonly number[] = new Array(16).fill(0xff);

/** Rounded to integers, which are not inexact, nor is it recorded anew if the operand is none. */
function round(shape: Shape): Lowering {
  return vector((e, p) => {
    const b = wholeOperand(e, p);
    pushIsUsual(e);
    pushAll(e, shape, lanesOf(e, p), (lane) => pushOrdinary(e, shape, b[lane]!));
    e.fn.op("i32.and");
    fastOr(e, p, () => writeUnary(e, p, b, `${shape.float}.${roundingOf(e, p)}`));
  });
}

function forShape(shape: Shape, suffix: "ps" | "pd"): Readonly<Record<string, Lowering>> {
  const of = {
    add: arithmetic(shape, "add"),
    sub: arithmetic(shape, "sub"),
    mul: arithmetic(shape, "mul"),
    div: arithmetic(shape, "div"),
    hadd: arithmetic(shape, "add", horizontal(shape)),
    hsub: arithmetic(shape, "sub", horizontal(shape)),
    addsub: arithmetic(shape, "add", alternating(shape)),
    sqrt: sqrt(shape),
    min: extreme(shape, "pmin"),
    max: extreme(shape, "pmax"),
    cmp: compare(shape),
    round: round(shape),
  };
  return Object.fromEntries(Object.entries(of).map(([name, each]) => [`${name}${suffix}`, each]));
}

export const PACKED_FLOAT_LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  ...forShape(SINGLE, "ps"),
  ...forShape(DOUBLE, "pd"),
};
