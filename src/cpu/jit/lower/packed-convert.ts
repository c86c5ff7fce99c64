// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of packed conversions in isa/sse-convert.ts, and of what VEX makes of them, under the conditions of
// scalar-float.ts for every element.
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import type { Lowering } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import type { SimdPlain } from "../wasm/opcodes.ts";
import {
  bytesOf,
  kept,
  laneCount,
  lanesOf,
  pushPart,
  vector,
  writeLanes,
  writeLow,
} from "./lanes.ts";
import {
  DOUBLE,
  pushAll,
  pushNormal,
  pushOrdinary,
  pushZero,
  type Shape,
  SINGLE,
  wholeOperand,
  writeUnary,
} from "./packed-float.ts";
import { fastOr, pushIsUsual } from "./scalar-float.ts";

/** Pushes a mask of the elements that are integers of 32 bits when rounded. A NaN is not below anything. */
function pushFits(e: UnitEmitter, { float }: Shape, value: Local): void {
  e.fn.get(value).simd(`${float}.abs`);
  if (float === "f64x2") e.fn.f64(2 ** 31).simd("f64x2.splat");
  else e.fn.f32(2 ** 31).simd("f32x4.splat");
  e.fn.simd(`${float}.lt`);
}

/** Rounded to nearest if need be. */
function rounded(e: UnitEmitter, p: number, { float }: Shape, isTruncated: boolean): Local[] {
  return wholeOperand(e, p).map((value) =>
    isTruncated ? value : kept(e, () => e.fn.get(value).simd(`${float}.nearest`)),
  );
}

const cvtdq2ps = vector((e, p) => {
  const b = wholeOperand(e, p);
  pushIsUsual(e);
  fastOr(e, p, () => writeUnary(e, p, b, "f32x4.convert_i32x4_s"));
});

function singlesToIntegers(isTruncated: boolean): Lowering {
  return vector((e, p) => {
    const b = rounded(e, p, SINGLE, isTruncated);
    pushIsUsual(e);
    pushAll(e, SINGLE, lanesOf(e, p), (lane) => pushFits(e, SINGLE, b[lane]!));
    e.fn.op("i32.and");
    fastOr(e, p, () => writeUnary(e, p, b, "i32x4.trunc_sat_f32x4_s"));
  });
}

/** Elements become twice as large: of the source's eight bytes, or sixteen. */
function widening(
  name: SimdPlain,
  pushCondition?: (e: UnitEmitter, value: Local) => void,
): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = kept(e, () => pushPart(e, p, e.slotB(p), laneCount(e, p) === 2 ? 16 : 8));
    const parts = lanesOf(e, p).map((lane) =>
      lane === 0 ? b : kept(e, () => fn.get(b).get(b).shuffle(UPPER_TO_LOWER)),
    );
    const write = () => writeLanes(e, p, (lane) => fn.get(parts[lane]!).simd(name));
    if (pushCondition === undefined) {
      write();
      return;
    }
    // Beyond the eight bytes lies what is not converted.
    if (parts.length === 1) {
      pushCondition(
        e,
        kept(e, () => fn.get(b).get(b).shuffle(LOWER_TWICE)),
      );
    } else pushCondition(e, b);
    fastOr(e, p, write);
  });
}

const UPPER_TO_LOWER = bytesOf(8, [1, 1]);
const LOWER_TWICE = bytesOf(8, [0, 0]);

/** Elements of 64 bits become elements of 32; what is left of the register is zeroed. */
function narrowing(
  name: SimdPlain,
  isTruncated: boolean,
  pushMask: (e: UnitEmitter, from: Local, result: Local) => void,
): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = rounded(e, p, DOUBLE, isTruncated);
    const results = b.map((value) => kept(e, () => fn.get(value).simd(name)));
    pushIsUsual(e);
    pushAll(e, DOUBLE, lanesOf(e, p), (lane) => pushMask(e, b[lane]!, results[lane]!));
    fn.op("i32.and");
    fastOr(e, p, () =>
      writeLow(e, p, () => {
        fn.get(results[0]!);
        if (results.length === 2) fn.get(results[1]!).shuffle(bytesOf(8, [0, 2]));
      }),
    );
  });
}

/** A single that is normal, or zero if the double was; seen as a mask of the doubles. */
function pushNarrowed(e: UnitEmitter, from: Local, result: Local): void {
  pushNormal(e, SINGLE, result);
  // A word for each element becomes two.
  e.fn.simd("i64x2.extend_low_i32x4_s");
  pushZero(e, DOUBLE, from);
  e.fn.simd("v128.or");
}

const pushFitsDouble = (e: UnitEmitter, from: Local): void => pushFits(e, DOUBLE, from);

export const PACKED_CONVERT_LOWERINGS = {
  cvtdq2ps,
  cvtps2dq: singlesToIntegers(false),
  cvttps2dq: singlesToIntegers(true),
  cvtdq2pd: widening("f64x2.convert_low_i32x4_s"),
  cvtps2pd: widening("f64x2.promote_low_f32x4", (e, value) =>
    pushAll(e, SINGLE, [0], () => pushOrdinary(e, SINGLE, value)),
  ),
  cvtpd2ps: narrowing("f32x4.demote_f64x2_zero", true, pushNarrowed),
  cvtpd2dq: narrowing("i32x4.trunc_sat_f64x2_s_zero", false, pushFitsDouble),
  cvttpd2dq: narrowing("i32x4.trunc_sat_f64x2_s_zero", true, pushFitsDouble),
} as const satisfies Partial<Record<Operation, Lowering>>;
