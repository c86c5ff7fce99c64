// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-shuffle.ts, and of what VEX makes of it: elements moved about inside a lane, chosen between two
// operands, inserted and extracted.
import { SLOT_MEMORY } from "../../decode/record.ts";
import { WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import { type Lowering, load, popRegister, store } from "../operand.ts";
import { type SimdElementOp, TYPE_I32, TYPE_I64 } from "../wasm/opcodes.ts";
import {
  beginVector,
  bytesOf,
  firstSlot,
  isVex,
  kept,
  type LaneOf,
  type LaneWork,
  lastSlot,
  packed,
  packedUnary,
  pushPart,
  source,
  vector,
  vectorOffset,
  writeLanes,
  writeLow,
} from "./lanes.ts";

/** Bytes of first (0-15) and last (16-31). `bytes` may depend on the immediate and the lane. */
function shuffle(bytes: (lane: LaneOf) => readonly number[]): LaneWork {
  return (lane) => {
    lane.first();
    lane.last();
    lane.e.fn.shuffle(bytes(lane));
  };
}

/** The immediate, of which a lane's part has `bits` bits; 0 if the lanes share it. */
function choice({ e, p, lane }: LaneOf, bits = 0): number {
  return e.immediate(p) >> (bits * lane);
}

/** The elements of one half of first and last, taking turns. */
function unpack(size: number, half: 0 | 1): Lowering {
  const count = 16 / size;
  const elements = Array.from(
    { length: count },
    (_, i) => (i >> 1) + (half * count) / 2 + (i & 1) * count,
  );
  const bytes = bytesOf(size, elements);
  return packed(shuffle(() => bytes));
}

/** Elements of B chosen by an immediate's pairs of bits, among four from `first` on; the rest are B's. */
function shuffleByImmediate(size: 2 | 4, first: number): Lowering {
  return packedUnary(
    shuffle((lane) => {
      const elements = Array.from({ length: 16 / size }, (_, i) => {
        const at = i - first;
        return at >= 0 && at < 4 ? first + ((choice(lane) >> (2 * at)) & 3) : i;
      });
      return bytesOf(size, elements);
    }),
  );
}

/** Two elements of first, two of last. */
const shufps = shuffle((lane) => {
  const at = (i: number) => (choice(lane) >> (2 * i)) & 3;
  return bytesOf(4, [at(0), at(1), 4 + at(2), 4 + at(3)]);
});

/** One of each. */
const shufpd = shuffle((lane) => {
  const bits = choice(lane, 2);
  return bytesOf(8, [bits & 1, 2 + ((bits >> 1) & 1)]);
});

/** Elements of last where the immediate has a bit, of first elsewhere. */
function blend(size: 2 | 4 | 8, immediateBits: number): Lowering {
  const count = 16 / size;
  return packed(
    shuffle((lane) => {
      const bits = choice(lane, immediateBits);
      return bytesOf(
        size,
        Array.from({ length: count }, (_, i) => i + (((bits >> i) & 1) !== 0 ? count : 0)),
      );
    }),
  );
}

/** Sixteen bytes from byte `imm` on of first above last; what lies beyond is zero. */
const palignr: LaneWork = ({ e, p, first, last }) => {
  const { fn } = e;
  const count = e.immediate(p) & 0xff;
  if (count >= 32) fn.v128();
  else if (count >= 16) {
    first();
    fn.v128().shuffle(Array.from({ length: 16 }, (_, i) => count - 16 + i));
  } else {
    last();
    first();
    fn.shuffle(Array.from({ length: 16 }, (_, i) => count + i));
  }
};

/** Indexes with their top bit set give 0, of others four bits count. */
const pshufb: LaneWork = ({ e, first, last }) => {
  first();
  last();
  e.fn.i32(0x8f).simd("i8x16.splat").simd("v128.and").simd("i8x16.swizzle");
};

/** Chooses by the top bits of XMM0 or, in VEX form, of the register that the immediate names. */
function blendByRegister(shape: "i8x16" | "i32x4" | "i64x2", bits: number): Lowering {
  return vector((e, p) => {
    const last = source(e, p, lastSlot(e, p));
    const first = source(e, p, firstSlot(e, p));
    const mask = source(e, p, isVex(e, p) ? e.immediate(p) : 0);
    writeLanes(e, p, (lane) => {
      last(lane);
      first(lane);
      mask(lane);
      e.fn
        .i32(bits - 1)
        .simd(`${shape}.shr_s`)
        .simd("v128.bitselect");
    });
  });
}

/** Bits 7:6 choose an element of last, 5:4 its new place in first; the places in 3:0 become zero. */
const insertps = vector((e, p) => {
  const { fn } = e;
  const slot = lastSlot(e, p);
  const choice = e.immediate(p);
  const last = kept(e, () => pushPart(e, p, slot, 4));
  const first = source(e, p, firstSlot(e, p));
  // With a memory operand there is but one element to choose from.
  const from = slot === SLOT_MEMORY ? 0 : (choice >> 6) & 3;
  const elements = [0, 1, 2, 3].map((i) => (i === ((choice >> 4) & 3) ? 4 + from : i));
  writeLow(e, p, () => {
    first(0);
    fn.get(last).shuffle(bytesOf(4, elements));
    if ((choice & 15) === 0) return;
    const kept = [0, 1, 2, 3].map((i) => (((choice >> i) & 1) !== 0 ? 4 : i));
    fn.v128().shuffle(bytesOf(4, kept));
  });
});

const REPLACE: readonly SimdElementOp[] = [
  "i8x16.replace_lane",
  "i16x8.replace_lane",
  "i32x4.replace_lane",
  "i64x2.replace_lane",
];

/** The first source but for one element from a general register or memory. */
function insert(widthOf: (e: UnitEmitter, p: number) => number): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = widthOf(e, p);
    if (width < 0) return false;
    beginVector(e, p);
    const slot = lastSlot(e, p);
    const value = e.temp(width === WIDTH_64 ? TYPE_I64 : TYPE_I32);
    if (slot === SLOT_MEMORY) {
      pushOperandPlace(e, p, 1 << width, false);
      load(e, width);
    } else if (width === WIDTH_64) e.get64(slot);
    else e.get32(slot);
    fn.set(value);
    const first = source(e, p, firstSlot(e, p));
    writeLow(e, p, () => {
      first(0);
      fn.get(value).simdElement(REPLACE[width]!, e.immediate(p) & ((16 >> width) - 1));
    });
    return true;
  };
}

/** One element of B, zero-extended, to a general register, or to memory. */
function extract(widthOf: (e: UnitEmitter, p: number) => number): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = widthOf(e, p);
    if (width < 0) return false;
    const a = e.slotA(p);
    beginVector(e, p);
    if (a === SLOT_MEMORY) pushOperandPlace(e, p, 1 << width, true);
    const at = (e.immediate(p) & ((16 >> width) - 1)) << width;
    fn.i32(0);
    load(e, width, vectorOffset(e.slotB(p)) + at);
    if (a === SLOT_MEMORY) store(e, width);
    else popRegister(e, a, Math.max(width, WIDTH_32));
    return true;
  };
}

/** 32 or 64 bits by operand size, -1 for what has neither. */
function sized(e: UnitEmitter, p: number): number {
  const width = e.width(p);
  return width === WIDTH_32 || width === WIDTH_64 ? width : -1;
}

// AVX: variable permutations inside a lane.

/** Words of first that bits 1:0 of last's words number. */
const vpermilps: LaneWork = ({ e, first, last }) => {
  first();
  last();
  // Numbers of words become numbers of their bytes.
  e.fn.i32(3).simd("i32x4.splat").simd("v128.and");
  e.fn.i32(0x04040404).simd("i32x4.splat").simd("i32x4.mul");
  e.fn.i32(0x03020100).simd("i32x4.splat").simd("i32x4.add").simd("i8x16.swizzle");
};

/** Pairs of words of first that bit 1 of last's pairs numbers. */
const vpermilpd: LaneWork = ({ e, first, last }) => {
  for (const half of [1, 0]) {
    first();
    first();
    e.fn.shuffle(bytesOf(8, [half, half]));
  }
  last();
  e.fn.i32(62).simd("i64x2.shl").i32(63).simd("i64x2.shr_s").simd("v128.bitselect");
};

export const VECTOR_SHUFFLE_LOWERINGS = {
  punpcklbw: unpack(1, 0),
  punpcklwd: unpack(2, 0),
  punpckldq: unpack(4, 0),
  punpcklqdq: unpack(8, 0),
  punpckhbw: unpack(1, 1),
  punpckhwd: unpack(2, 1),
  punpckhdq: unpack(4, 1),
  punpckhqdq: unpack(8, 1),
  pshufb: packed(pshufb),
  pshufd: shuffleByImmediate(4, 0),
  pshuflw: shuffleByImmediate(2, 0),
  pshufhw: shuffleByImmediate(2, 4),
  shufps: packed(shufps),
  shufpd: packed(shufpd),
  palignr: packed(palignr),
  blendps: blend(4, 4),
  blendpd: blend(8, 2),
  pblendw: blend(2, 0),
  blendvps: blendByRegister("i32x4", 32),
  blendvpd: blendByRegister("i64x2", 64),
  pblendvb: blendByRegister("i8x16", 8),
  insertps,
  pinsrb: insert(() => WIDTH_8),
  pinsrw: insert(() => WIDTH_16),
  pinsrd: insert(sized),
  pextrb: extract(() => WIDTH_8),
  pextrw: extract(() => WIDTH_16),
  pextrd: extract(sized),
  vpermilps: packed(vpermilps),
  vpermilpd: packed(vpermilpd),
  vpermilpdImm: packedUnary(shufpd),
} as const satisfies Partial<Record<Operation, Lowering>>;
