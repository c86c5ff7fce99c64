// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/fma.ts, under the conditions of scalar-float.ts. WebAssembly has no fused multiply-add that is sure to
// round once; what it has are doubles, two in a vector, by which all forms go.
//
// Singles: their product is exact as a double, and rounding the sum to a double and then to a single shows only where
// the double lies half way between two singles, which is the executor's. Doubles: product and sum as pairs of doubles
// without error, whose last sum is rounded to odd (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded
// sums", 2008), as simd/float-fma.ts does it; what could overflow or be denormal on the way is the executor's.
import { FMA_KINDS } from "../../interp/fma.ts";
import type { FmaOperation, FmaOrder } from "../../isa/vector-operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import type { Lowering } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import {
  bytesOf,
  kept,
  lanesOf,
  pushPart,
  source,
  vector,
  writeLocals,
  writeLow,
} from "./lanes.ts";
import { fastOr, pushIsUsual } from "./scalar-float.ts";

type Operator = "add" | "sub" | "mul";
type Order = "lt" | "ge" | "eq";

/** Two doubles each of a × b + c. */
interface Triple {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
}

/** Two results, still as doubles, and what pushes a mask of those that count. */
interface Fused {
  readonly result: Local;
  readonly pushMask: () => void;
}

function operate(e: UnitEmitter, name: Operator, x: Local, y: Local): Local {
  return kept(e, () => e.fn.get(x).get(y).simd(`f64x2.${name}`));
}

/** Pushes a mask of the numbers whose magnitude is so to a constant. */
function pushMagnitude(e: UnitEmitter, value: Local, order: Order, constant: number): void {
  e.fn.get(value).simd("f64x2.abs").f64(constant).simd("f64x2.splat").simd(`f64x2.${order}`);
}

/** Pushes a mask of the numbers that are zero or at least a constant. */
function pushNotBelow(e: UnitEmitter, value: Local, least: number): void {
  pushMagnitude(e, value, "ge", least);
  pushMagnitude(e, value, "eq", 0);
  e.fn.simd("v128.or");
}

/** Pushes a mask of the triples of which no number is denormal in its own format. */
function pushNoDenormals(e: UnitEmitter, { a, b, c }: Triple, least: number): void {
  pushNotBelow(e, a, least);
  pushNotBelow(e, b, least);
  e.fn.simd("v128.and");
  pushNotBelow(e, c, least);
  e.fn.simd("v128.and");
}

/** Bits of a double that a single has no room for, and their value half way between two. */
const BEYOND_SINGLE = 0x1fffffff;
const HALF_WAY = 0x10000000;

function fuseSingles(e: UnitEmitter, triple: Triple): Fused {
  const { fn } = e;
  const result = operate(e, "add", operate(e, "mul", triple.a, triple.b), triple.c);
  const pushMask = () => {
    pushNoDenormals(e, triple, 2 ** -126);
    // Neither too small nor too large for a single, or nearly so.
    pushNotBelow(e, result, 2 ** -125);
    pushMagnitude(e, result, "lt", 2 ** 127);
    fn.simd("v128.and").simd("v128.and");
    fn.get(result).i64(BEYOND_SINGLE).simd("i64x2.splat").simd("v128.and");
    fn.i64(HALF_WAY).simd("i64x2.splat").simd("i64x2.eq").simd("v128.andnot");
  };
  return { result, pushMask };
}

const SPLITTER = 2 ** 27 + 1;
/** Inside these bounds neither the halves nor their products leave the range of doubles. */
const MAX_FACTOR = 2 ** 990;
const MAX_TERM = 2 ** 1020;
const MIN_PRODUCT = 2 ** -960;

/** The upper and the lower half of the bits of a double. */
function split(e: UnitEmitter, x: Local): readonly [high: Local, low: Local] {
  const big = kept(e, () => e.fn.get(x).f64(SPLITTER).simd("f64x2.splat").simd("f64x2.mul"));
  const high = operate(e, "sub", big, operate(e, "sub", big, x));
  return [high, operate(e, "sub", x, high)];
}

/** What a product lacks to be exact (T. J. Dekker, 1971). */
function productError(e: UnitEmitter, x: Local, y: Local, product: Local): Local {
  const [highX, lowX] = split(e, x);
  const [highY, lowY] = split(e, y);
  let rest = product;
  for (const [u, v] of [
    [highX, highY],
    [lowX, highY],
    [highX, lowY],
  ] as const) {
    rest = operate(e, "sub", rest, operate(e, "mul", u, v));
  }
  return operate(e, "sub", operate(e, "mul", lowX, lowY), rest);
}

/** A sum and what it lacks to be exact (D. E. Knuth). */
function exactSum(e: UnitEmitter, x: Local, y: Local): readonly [sum: Local, error: Local] {
  const sum = operate(e, "add", x, y);
  const second = operate(e, "sub", sum, x);
  const first = operate(e, "sub", sum, second);
  const error = operate(e, "add", operate(e, "sub", x, first), operate(e, "sub", y, second));
  return [sum, error];
}

/** A sum that is rounded to odd: where it is inexact and even, its neighbour on the error's side. */
function oddSum(e: UnitEmitter, x: Local, y: Local): Local {
  const { fn } = e;
  const [sum, error] = exactSum(e, x, y);
  return kept(e, () => {
    fn.get(sum);
    // One up, if the error has the sum's sign, or one down.
    fn.get(sum).get(error).simd("v128.xor").i32(63).simd("i64x2.shr_s");
    fn.i64(1).simd("i64x2.splat").simd("v128.or");
    fn.get(error).v128().simd("f64x2.ne").simd("v128.and");
    fn.get(sum).i64(1).simd("i64x2.splat").simd("v128.and").v128().simd("i64x2.eq");
    fn.simd("v128.and").simd("i64x2.add");
  });
}

function fuseDoubles(e: UnitEmitter, triple: Triple): Fused {
  const { fn } = e;
  const { a, b, c } = triple;
  const product = operate(e, "mul", a, b);
  const [t, tError] = exactSum(e, c, productError(e, a, b, product));
  const [v, vError] = exactSum(e, product, t);
  const sum = operate(e, "add", v, oddSum(e, tError, vError));
  // Nothing is left over only where nothing was inexact; then the sign is that of the plain sum.
  const result = kept(e, () => {
    fn.get(product).get(c).simd("f64x2.add").get(sum);
    fn.get(sum).v128().simd("f64x2.eq").simd("v128.bitselect");
  });
  const pushMask = () => {
    pushNoDenormals(e, triple, 2 ** -1022);
    pushMagnitude(e, a, "lt", MAX_FACTOR);
    pushMagnitude(e, b, "lt", MAX_FACTOR);
    pushMagnitude(e, c, "lt", MAX_TERM);
    pushMagnitude(e, product, "lt", MAX_TERM);
    fn.simd("v128.and").simd("v128.and").simd("v128.and").simd("v128.and");
    pushMagnitude(e, product, "ge", MIN_PRODUCT);
    pushMagnitude(e, a, "eq", 0);
    pushMagnitude(e, b, "eq", 0);
    fn.simd("v128.or").simd("v128.or").simd("v128.and");
    pushNotBelow(e, result, 2 ** -1021);
    fn.simd("v128.and");
  };
  return { result, pushMask };
}

type Kind = keyof typeof FMA_KINDS;

function negated(e: UnitEmitter, x: Local, even: boolean, odd: boolean): Local {
  if (!even && !odd) return x;
  const signs = new Array<number>(16).fill(0);
  if (even) signs[7] = 0x80;
  if (odd) signs[15] = 0x80;
  return kept(e, () => e.fn.get(x).v128(signs).simd("v128.xor"));
}

/** Which of the operands A, B and C are a, b and c of a × b + c. */
const PLACES: Readonly<Record<FmaOrder, readonly [number, number, number]>> = {
  "132": [0, 2, 1],
  "213": [1, 0, 2],
  "231": [1, 2, 0],
};

function tripleOf(e: UnitEmitter, kind: Kind, order: FmaOrder, operands: readonly Local[]): Triple {
  const [negatesProduct, negatesEven, negatesOdd] = FMA_KINDS[kind];
  const [a, b, c] = PLACES[order];
  return {
    a: negated(e, operands[a]!, negatesProduct, negatesProduct),
    b: operands[b]!,
    c: negated(e, operands[c]!, negatesEven, negatesOdd),
  };
}

/** Two singles of a lane, from number 0 or 2 on, as doubles. */
function promoted(e: UnitEmitter, value: Local, half: 0 | 1): Local {
  return kept(e, () => {
    e.fn.get(value);
    if (half === 1) e.fn.get(value).shuffle(bytesOf(8, [1, 1]));
    e.fn.simd("f64x2.promote_low_f32x4");
  });
}

function demoted(e: UnitEmitter, { result }: Fused): Local {
  return kept(e, () => e.fn.get(result).simd("f32x4.demote_f64x2_zero"));
}

/** `write` if everything is usual and all results that `elements` says count; else the executor. */
function fastIfAll(
  e: UnitEmitter,
  p: number,
  fused: readonly Fused[],
  elements: 1 | 3,
  write: () => void,
): void {
  pushIsUsual(e);
  fused.forEach(({ pushMask }, index) => {
    pushMask();
    if (index > 0) e.fn.simd("v128.and");
  });
  e.fn.simd("i64x2.bitmask").i32(elements).op("i32.and").i32(elements).op("i32.eq").op("i32.and");
  fastOr(e, p, write);
}

function packed(kind: Kind, order: FmaOrder, isSingle: boolean): Lowering {
  return vector((e, p) => {
    const c = source(e, p, e.slotC(p));
    const sources = [source(e, p, e.slotA(p)), source(e, p, e.slotB(p)), c];
    const lanes = lanesOf(e, p).map((lane) => {
      const operands = sources.map((from) => kept(e, () => from(lane)));
      if (!isSingle) return [fuseDoubles(e, tripleOf(e, kind, order, operands))];
      return ([0, 1] as const).map((half) => {
        const doubles = operands.map((value) => promoted(e, value, half));
        return fuseSingles(e, tripleOf(e, kind, order, doubles));
      });
    });
    fastIfAll(e, p, lanes.flat(), 3, () => {
      const results = lanes.map(([first, second]) => {
        if (second === undefined) return first!.result;
        const halves = [demoted(e, first!), demoted(e, second)] as const;
        return kept(e, () =>
          e.fn
            .get(halves[0])
            .get(halves[1])
            .shuffle(bytesOf(8, [0, 2])),
        );
      });
      writeLocals(e, p, results);
    });
  });
}

/** The lowest element; the rest of A's 128 bits stays. */
function scalar(kind: Kind, order: FmaOrder, isSingle: boolean): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const operands = [e.slotA(p), e.slotB(p), e.slotC(p)].map((slot) =>
      kept(e, () => pushPart(e, p, slot, isSingle ? 4 : 8)),
    );
    const values = isSingle ? operands.map((value) => promoted(e, value, 0)) : operands;
    const triple = tripleOf(e, kind, order, values);
    const fused = isSingle ? fuseSingles(e, triple) : fuseDoubles(e, triple);
    fastIfAll(e, p, [fused], 1, () => {
      const result = isSingle ? demoted(e, fused) : fused.result;
      writeLow(e, p, () => {
        fn.get(operands[0]!).get(result);
        fn.shuffle(isSingle ? bytesOf(4, [4, 1, 2, 3]) : bytesOf(8, [2, 1]));
      });
    });
  });
}

const ORDERS: readonly FmaOrder[] = ["132", "213", "231"];

function allOf(kind: Kind): (readonly [string, Lowering])[] {
  const isAlternating = kind === "vfmaddsub" || kind === "vfmsubadd";
  return ORDERS.flatMap((order) => [
    [`${kind}${order}ps`, packed(kind, order, true)] as const,
    [`${kind}${order}pd`, packed(kind, order, false)] as const,
    ...(isAlternating
      ? []
      : [
          [`${kind}${order}ss`, scalar(kind, order, true)] as const,
          [`${kind}${order}sd`, scalar(kind, order, false)] as const,
        ]),
  ]);
}

export const FMA_LOWERINGS = Object.fromEntries(
  (Object.keys(FMA_KINDS) as Kind[]).flatMap(allOf),
) as Readonly<Record<FmaOperation, Lowering>>;
