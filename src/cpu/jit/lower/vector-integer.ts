// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-integer.ts, of what VEX makes of it, and of AVX2's shifts by counts of their own: arithmetic,
// comparison and shifts of packed integers, where WebAssembly's SIMD means the same or a few of its operators do.
// PHMINPOSUW and MPSADBW are left to their executors.
import { SLOT_MEMORY } from "../../decode/record.ts";
import { FLAG_CF, FLAG_ZF, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import { constant, type Lowering, operate, typeOf } from "../operand.ts";
import { type SimdPlain, TYPE_I32, TYPE_I64, TYPE_V128 } from "../wasm/opcodes.ts";
import { setExplicit } from "./bit.ts";
import {
  bytesOf,
  firstSlot,
  kept,
  type LaneWork,
  laneCount,
  lanesOf,
  lastSlot,
  operator,
  packed,
  packedByImmediate,
  packedUnary,
  pushPart,
  source,
  vector,
  vectorOffset,
  writeLanes,
} from "./lanes.ts";

/** A = first op last, by one operator. */
const OPERATORS = {
  paddb: "i8x16.add",
  paddw: "i16x8.add",
  paddd: "i32x4.add",
  paddq: "i64x2.add",
  paddsb: "i8x16.add_sat_s",
  paddsw: "i16x8.add_sat_s",
  paddusb: "i8x16.add_sat_u",
  paddusw: "i16x8.add_sat_u",
  psubb: "i8x16.sub",
  psubw: "i16x8.sub",
  psubd: "i32x4.sub",
  psubq: "i64x2.sub",
  psubsb: "i8x16.sub_sat_s",
  psubsw: "i16x8.sub_sat_s",
  psubusb: "i8x16.sub_sat_u",
  psubusw: "i16x8.sub_sat_u",
  pavgb: "i8x16.avgr_u",
  pavgw: "i16x8.avgr_u",
  pminsb: "i8x16.min_s",
  pminsw: "i16x8.min_s",
  pminsd: "i32x4.min_s",
  pminub: "i8x16.min_u",
  pminuw: "i16x8.min_u",
  pminud: "i32x4.min_u",
  pmaxsb: "i8x16.max_s",
  pmaxsw: "i16x8.max_s",
  pmaxsd: "i32x4.max_s",
  pmaxub: "i8x16.max_u",
  pmaxuw: "i16x8.max_u",
  pmaxud: "i32x4.max_u",
  pcmpeqb: "i8x16.eq",
  pcmpeqw: "i16x8.eq",
  pcmpeqd: "i32x4.eq",
  pcmpeqq: "i64x2.eq",
  pcmpgtb: "i8x16.gt_s",
  pcmpgtw: "i16x8.gt_s",
  pcmpgtd: "i32x4.gt_s",
  pcmpgtq: "i64x2.gt_s",
  pmullw: "i16x8.mul",
  pmulld: "i32x4.mul",
  pmaddwd: "i32x4.dot_i16x8_s",
  packsswb: "i8x16.narrow_i16x8_s",
  packuswb: "i8x16.narrow_i16x8_u",
  packssdw: "i16x8.narrow_i32x4_s",
  packusdw: "i16x8.narrow_i32x4_u",
  pand: "v128.and",
  por: "v128.or",
} as const satisfies Partial<Record<Operation, SimdPlain>>;

/** A = op B, by one operator. */
const UNARY_OPERATORS = {
  pabsb: "i8x16.abs",
  pabsw: "i16x8.abs",
  pabsd: "i32x4.abs",
} as const satisfies Partial<Record<Operation, SimdPlain>>;

/** A register with itself is the usual way to clear one. */
const pxor: LaneWork = (lane) => {
  const { e, p } = lane;
  if (firstSlot(e, p) === lastSlot(e, p)) e.fn.v128();
  else operator("v128.xor")(lane);
};

const pandn: LaneWork = ({ e, first, last }) => {
  last();
  first();
  e.fn.simd("v128.andnot");
};

// Products.

/** Products of the even doublewords, which are shifted over their neighbours first. */
function evenProducts(shift: "i64x2.shr_u" | "i64x2.shr_s"): LaneWork {
  return ({ e, first, last }) => {
    for (const push of [first, last]) {
      push();
      e.fn.i32(32).simd("i64x2.shl").i32(32).simd(shift);
    }
    e.fn.simd("i64x2.mul");
  };
}

const UPPER_WORDS = bytesOf(2, [1, 3, 5, 7, 9, 11, 13, 15]);

/** The upper halves of products of words. */
function highProducts(sign: "s" | "u"): LaneWork {
  return ({ e, first, last }) => {
    for (const half of ["low", "high"] as const) {
      first();
      last();
      e.fn.simd(`i32x4.extmul_${half}_i16x8_${sign}`);
    }
    e.fn.shuffle(UPPER_WORDS);
  };
}

/** The rounded product is WebAssembly's but for that of two most negative numbers, which here is not saturated. */
const pmulhrsw: LaneWork = ({ e, first, last }) => {
  first();
  last();
  e.fn.simd("i16x8.q15mulr_sat_s");
  for (const push of [first, last]) {
    push();
    e.fn.i32(0x8000).simd("i16x8.splat").simd("i16x8.eq");
  }
  e.fn.simd("v128.and").simd("v128.xor");
};

/** Unsigned bytes by signed ones, products of neighbours added with saturation. */
const pmaddubsw: LaneWork = ({ e, first, last }) => {
  const { fn } = e;
  first();
  fn.i32(0xff).simd("i16x8.splat").simd("v128.and");
  last();
  fn.i32(8).simd("i16x8.shl").i32(8).simd("i16x8.shr_s").simd("i16x8.mul");
  first();
  fn.i32(8).simd("i16x8.shr_u");
  last();
  fn.i32(8).simd("i16x8.shr_s").simd("i16x8.mul");
  fn.simd("i16x8.add_sat_s");
};

// Sums.

/** Sums of absolute differences of eight bytes each. */
const psadbw: LaneWork = ({ e, first, last }) => {
  const { fn } = e;
  const sums = e.temp(TYPE_V128);
  first();
  last();
  fn.simd("i8x16.sub_sat_u");
  last();
  first();
  fn.simd("i8x16.sub_sat_u").simd("v128.or");
  fn.simd("i16x8.extadd_pairwise_i8x16_u").simd("i32x4.extadd_pairwise_i16x8_u").set(sums);
  fn.get(sums).get(sums).i32(32).simd("i64x2.shl").simd("i64x2.add");
  fn.i32(32).simd("i64x2.shr_u");
};

/** Neighbours of the first source and then of the other. */
function horizontal(size: 2 | 4, name: SimdPlain): LaneWork {
  const count = 16 / size;
  const even = Array.from({ length: count }, (_, i) => 2 * i);
  return ({ e, first, last }) => {
    for (const elements of [even, even.map((i) => i + 1)]) {
      first();
      last();
      e.fn.shuffle(bytesOf(size, elements));
    }
    e.fn.simd(name);
  };
}

/** First by the signs of last: negated, zero, or as it is. */
function sign(shape: "i8x16" | "i16x8" | "i32x4", bits: number): LaneWork {
  return ({ e, first, last }) => {
    const { fn } = e;
    const negative = e.temp(TYPE_V128);
    last();
    fn.i32(bits - 1)
      .simd(`${shape}.shr_s`)
      .set(negative);
    first();
    fn.get(negative).simd("v128.xor").get(negative).simd(`${shape}.sub`);
    last();
    fn.v128().simd(`${shape}.eq`).simd("v128.andnot");
  };
}

// Shifts of all elements by one count. WebAssembly takes counts modulo the width.

type Shift = `${"i16x8" | "i32x4" | "i64x2"}.${"shl" | "shr_u" | "shr_s"}`;

const BITS = { i16x8: 16, i32x4: 32, i64x2: 64 } as const;

function bitsOf(name: Shift): number {
  return BITS[name.slice(0, 5) as keyof typeof BITS];
}

/** What is shifted out entirely is 0, or the sign. */
function shiftBy(name: Shift): Lowering {
  const bits = bitsOf(name);
  return packedByImmediate(({ e, p, first }) => {
    const count = e.immediate(p) & 0xff;
    if (count >= bits && !name.endsWith("_s")) e.fn.v128();
    else {
      first();
      e.fn.i32(Math.min(count, bits - 1)).simd(name);
    }
  });
}

/** By the low 64 bits of a register or of 16 bytes of memory. */
function shiftByOperand(name: Shift): Lowering {
  const bits = bitsOf(name);
  return vector((e, p) => {
    const { fn } = e;
    const slot = lastSlot(e, p);
    const isSigned = name.endsWith("_s");
    const count = e.temp(TYPE_I64);
    if (slot === SLOT_MEMORY) {
      source(e, p, slot, { lanes: 1 })(0);
      fn.simdElement("i64x2.extract_lane", 0);
    } else fn.i32(0).memory("i64.load", vectorOffset(slot));
    fn.set(count);
    const isShort = e.temp(TYPE_I32);
    fn.get(count).i64(bits).op("i64.lt_u").set(isShort);
    const first = source(e, p, firstSlot(e, p));
    writeLanes(e, p, (lane) => {
      first(lane);
      fn.get(count).op("i32.wrap_i64");
      if (isSigned)
        fn.i32(bits - 1)
          .get(isShort)
          .op("select");
      fn.simd(name);
      if (isSigned) return;
      fn.i32(0).get(isShort).op("i32.sub").simd("i32x4.splat").simd("v128.and");
    });
  });
}

/** Shifts whole lanes by bytes: from `16 - n` on zeroes followed by first, or from `n` on first followed by zeroes. */
function shiftBytes(isLeft: boolean): Lowering {
  return packedByImmediate(({ e, p, first }) => {
    const count = Math.min(e.immediate(p) & 0xff, 16);
    const begin = isLeft ? 16 - count : count;
    if (isLeft) e.fn.v128();
    first();
    if (!isLeft) e.fn.v128();
    e.fn.shuffle(Array.from({ length: 16 }, (_, i) => begin + i));
  });
}

/** Each element of first by the count in last, which WebAssembly has for single numbers alone. */
function shiftEach(
  width: typeof WIDTH_32 | typeof WIDTH_64,
  name: "shl" | "shr_u" | "shr_s",
): Lowering {
  const shape = width === WIDTH_64 ? "i64x2" : "i32x4";
  const bits = 8 << width;
  return packed(({ e, first, last }) => {
    const { fn } = e;
    const values = kept(e, first);
    const counts = kept(e, last);
    const count = e.temp(typeOf(width));
    const isShort = () => {
      fn.get(count);
      constant(e, width, bits);
      operate(e, width, "lt_u");
    };
    fn.get(values);
    for (let i = 0; i < 128 / bits; i++) {
      fn.get(counts).simdElement(`${shape}.extract_lane`, i).set(count);
      fn.get(values).simdElement(`${shape}.extract_lane`, i).get(count);
      if (name === "shr_s") {
        constant(e, width, bits - 1);
        isShort();
        fn.op("select");
        operate(e, width, name);
      } else {
        operate(e, width, name);
        constant(e, width, 0);
        isShort();
        fn.op("select");
      }
      fn.simdElement(`${shape}.replace_lane`, i);
    }
  });
}

// Elements become larger.

const WIDER = { 1: ["i16x8", "i8x16"], 2: ["i32x4", "i16x8"], 4: ["i64x2", "i32x4"] } as const;

/** Elements of `from` bytes become as large as `to`: of the source's 4, 8 or 16 first bytes, or 2. */
function widen(from: 1 | 2 | 4, to: 2 | 4 | 8, isSigned: boolean): Lowering {
  const sign = isSigned ? "s" : "u";
  return vector((e, p) => {
    const { fn } = e;
    const bytes = (laneCount(e, p) * 16 * from) / to;
    const b = kept(e, () => pushBytes(e, p, e.slotB(p), bytes));
    writeLanes(e, p, (lane) => {
      fn.get(b);
      for (let size = from; size < to; size = (2 * size) as typeof from) {
        const [wide, narrow] = WIDER[size];
        // All that lies above is of the other lane.
        const half = lane === 1 && 2 * size === to ? "high" : "low";
        fn.simd(`${wide}.extend_${half}_${narrow}_${sign}` as SimdPlain);
      }
    });
  });
}

function pushBytes(e: UnitEmitter, p: number, slot: number, bytes: number): void {
  if (bytes > 2 || slot !== SLOT_MEMORY) {
    // Where VEX.128 wants 16 bytes of memory they need not be aligned, and legacy forms have no more than 8.
    pushPart(e, p, slot, Math.max(bytes, 4) as 4 | 8 | 16);
    return;
  }
  pushOperandPlace(e, p, 2, false);
  e.fn.simdMemory("v128.load16_splat");
}

// Tests.

/** ZF: A and B have no bit in common. CF: B has none that A has not. Of each element the bits of `signs`, or all. */
function test(signs: SimdPlain | undefined): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = source(e, p, e.slotB(p));
    const a = source(e, p, e.slotA(p));
    const any = (name: "v128.and" | "v128.andnot"): void => {
      for (const lane of lanesOf(e, p)) {
        b(lane);
        a(lane);
        fn.simd(name);
        if (lane > 0) fn.simd("v128.or");
      }
      fn.simd(signs ?? "v128.any_true").op("i32.eqz");
    };
    any("v128.and");
    fn.i32(31 - Math.clz32(FLAG_ZF)).op("i32.shl");
    any("v128.andnot");
    fn.i32(31 - Math.clz32(FLAG_CF))
      .op("i32.shl")
      .op("i32.or");
    setExplicit(e);
  });
}

function mapped<K extends string>(
  table: Readonly<Record<K, SimdPlain>>,
  lower: (name: SimdPlain) => Lowering,
): Readonly<Record<K, Lowering>> {
  const entries = Object.entries<SimdPlain>(table).map(([op, name]) => [op, lower(name)]);
  return Object.fromEntries(entries) as Record<K, Lowering>;
}

export const VECTOR_INTEGER_LOWERINGS = {
  ...mapped(OPERATORS, (name) => packed(operator(name))),
  ...mapped(UNARY_OPERATORS, (name) =>
    packedUnary(({ e, last }) => {
      last();
      e.fn.simd(name);
    }),
  ),
  pxor: packed(pxor),
  pandn: packed(pandn),
  pmuludq: packed(evenProducts("i64x2.shr_u")),
  pmuldq: packed(evenProducts("i64x2.shr_s")),
  pmulhw: packed(highProducts("s")),
  pmulhuw: packed(highProducts("u")),
  pmulhrsw: packed(pmulhrsw),
  pmaddubsw: packed(pmaddubsw),
  psadbw: packed(psadbw),
  phaddw: packed(horizontal(2, "i16x8.add")),
  phaddd: packed(horizontal(4, "i32x4.add")),
  phaddsw: packed(horizontal(2, "i16x8.add_sat_s")),
  phsubw: packed(horizontal(2, "i16x8.sub")),
  phsubd: packed(horizontal(4, "i32x4.sub")),
  phsubsw: packed(horizontal(2, "i16x8.sub_sat_s")),
  psignb: packed(sign("i8x16", 8)),
  psignw: packed(sign("i16x8", 16)),
  psignd: packed(sign("i32x4", 32)),
  psllwImm: shiftBy("i16x8.shl"),
  pslldImm: shiftBy("i32x4.shl"),
  psllqImm: shiftBy("i64x2.shl"),
  psrlwImm: shiftBy("i16x8.shr_u"),
  psrldImm: shiftBy("i32x4.shr_u"),
  psrlqImm: shiftBy("i64x2.shr_u"),
  psrawImm: shiftBy("i16x8.shr_s"),
  psradImm: shiftBy("i32x4.shr_s"),
  psllw: shiftByOperand("i16x8.shl"),
  pslld: shiftByOperand("i32x4.shl"),
  psllq: shiftByOperand("i64x2.shl"),
  psrlw: shiftByOperand("i16x8.shr_u"),
  psrld: shiftByOperand("i32x4.shr_u"),
  psrlq: shiftByOperand("i64x2.shr_u"),
  psraw: shiftByOperand("i16x8.shr_s"),
  psrad: shiftByOperand("i32x4.shr_s"),
  pslldq: shiftBytes(true),
  psrldq: shiftBytes(false),
  vpsllvd: shiftEach(WIDTH_32, "shl"),
  vpsllvq: shiftEach(WIDTH_64, "shl"),
  vpsrlvd: shiftEach(WIDTH_32, "shr_u"),
  vpsrlvq: shiftEach(WIDTH_64, "shr_u"),
  vpsravd: shiftEach(WIDTH_32, "shr_s"),
  pmovsxbw: widen(1, 2, true),
  pmovsxbd: widen(1, 4, true),
  pmovsxbq: widen(1, 8, true),
  pmovsxwd: widen(2, 4, true),
  pmovsxwq: widen(2, 8, true),
  pmovsxdq: widen(4, 8, true),
  pmovzxbw: widen(1, 2, false),
  pmovzxbd: widen(1, 4, false),
  pmovzxbq: widen(1, 8, false),
  pmovzxwd: widen(2, 4, false),
  pmovzxwq: widen(2, 8, false),
  pmovzxdq: widen(4, 8, false),
  ptest: test(undefined),
  vtestps: test("i32x4.bitmask"),
  vtestpd: test("i64x2.bitmask"),
} as const satisfies Partial<Record<Operation, Lowering>>;
