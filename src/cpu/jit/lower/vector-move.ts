// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-move.ts, and of what VEX makes of it: moves of vector registers, whole and in part.
import { SLOT_MEMORY } from "../../decode/record.ts";
import { WIDTH_32, WIDTH_64 } from "../../flags.ts";
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import { type Lowering, popRegister, pushRegister } from "../operand.ts";
import { type SimdPlain, TYPE_I32 } from "../wasm/opcodes.ts";
import {
  beginVector,
  bytesOf,
  firstSlot,
  kept,
  laneCount,
  lanesOf,
  lastSlot,
  packedUnary,
  pushAlignedPlace,
  pushLow64,
  pushPart,
  source,
  vector,
  vectorOffset,
  writeLanes,
  writeLow,
} from "./lanes.ts";

function move(isAligned: boolean): Lowering {
  return vector((e, p) => {
    const b = e.slotB(p);
    if (e.slotA(p) === SLOT_MEMORY) storeWhole(e, p, isAligned);
    else writeLanes(e, p, source(e, p, b, { isAligned }));
  });
}

function storeWhole(e: UnitEmitter, p: number, isAligned: boolean): void {
  const { fn } = e;
  const size = 16 * laneCount(e, p);
  const from = source(e, p, e.slotB(p));
  const place = e.temp(TYPE_I32);
  if (isAligned) pushAlignedPlace(e, p, size, true);
  else pushOperandPlace(e, p, size, true);
  fn.set(place);
  for (const lane of lanesOf(e, p)) {
    fn.get(place);
    from(lane);
    fn.simdMemory("v128.store", 16 * lane);
  }
}

/** The low 64 bits, to memory or with zeroes above them. */
const movq = vector((e, p) => {
  const { fn } = e;
  const b = e.slotB(p);
  if (e.slotA(p) === SLOT_MEMORY) {
    pushOperandPlace(e, p, 8, true);
    pushLow64(e, p, b);
    fn.memory("i64.store");
    return;
  }
  writeLow(e, p, () => {
    if (b === SLOT_MEMORY) pushOperandPlace(e, p, 8, false);
    else fn.i32(0);
    fn.simdMemory("v128.load64_zero", b === SLOT_MEMORY ? 0 : vectorOffset(b));
  });
});

function movdToVector(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  if (width < WIDTH_32) return false;
  const b = e.slotB(p);
  beginVector(e, p);
  writeLow(e, p, () => {
    if (b === SLOT_MEMORY) {
      pushPart(e, p, b, width === WIDTH_64 ? 8 : 4);
      return;
    }
    fn.v128();
    pushRegister(e, b, width);
    fn.simdElement(width === WIDTH_64 ? "i64x2.replace_lane" : "i32x4.replace_lane", 0);
  });
  return true;
}

function movdFromVector(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  if (width < WIDTH_32) return false;
  const a = e.slotA(p);
  const name = width === WIDTH_64 ? "i64" : "i32";
  beginVector(e, p);
  if (a === SLOT_MEMORY) pushOperandPlace(e, p, 1 << width, true);
  fn.i32(0).memory(`${name}.load`, vectorOffset(e.slotB(p)));
  if (a === SLOT_MEMORY) fn.memory(`${name}.store`);
  else popRegister(e, a, width);
  return true;
}

/** Parts of a vector to memory: `bits` from word `word` on. */
function storePart(bits: 32 | 64, word: number): Lowering {
  return vector((e, p) => {
    pushOperandPlace(e, p, bits / 8, true);
    e.fn.i32(0).memory(`i${bits}.load`, vectorOffset(e.slotB(p), word));
    e.fn.memory(`i${bits}.store`);
  });
}

/** 128 bits from the bytes of the first source (0-15) and of the other (16-31), of which memory has 64 bits. */
function merge(bytes: readonly number[]): Lowering {
  return vector((e, p) => {
    const last = kept(e, () => pushPart(e, p, lastSlot(e, p), 8));
    const first = source(e, p, firstSlot(e, p));
    writeLow(e, p, () => {
      first(0);
      e.fn.get(last).shuffle(bytes);
    });
  });
}

/** Elements of one source, some of them twice. */
function duplicate(size: number, elements: readonly number[]): Lowering {
  const bytes = bytesOf(size, elements);
  return packedUnary(({ e, last }) => {
    last();
    last();
    e.fn.shuffle(bytes);
  });
}

const duplicateLow = duplicate(8, [0, 0]);

/** With 128 bits its memory operand has 64. */
const movddup: Lowering = (e, p) => {
  if (laneCount(e, p) === 2) return duplicateLow(e, p);
  const b = e.slotB(p);
  beginVector(e, p);
  writeLow(e, p, () => {
    if (b === SLOT_MEMORY) pushOperandPlace(e, p, 8, false);
    else e.fn.i32(0);
    e.fn.simdMemory("v128.load64_splat", b === SLOT_MEMORY ? 0 : vectorOffset(b));
  });
  return true;
};

/** The top bits of B's elements, of which a lane has `count`, into a general register. */
function mask(name: SimdPlain, count: number): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const from = source(e, p, e.slotB(p));
    for (const lane of lanesOf(e, p)) {
      from(lane);
      fn.simd(name);
      if (lane > 0) fn.i32(count).op("i32.shl").op("i32.or");
    }
    popRegister(e, e.slotA(p), WIDTH_32);
  });
}

export const VECTOR_MOVE_LOWERINGS = {
  movups: move(false),
  movaps: move(true),
  movq,
  movdToVector,
  movdFromVector,
  movssStore: storePart(32, 0),
  movhpsStore: storePart(64, 2),
  movss: merge(bytesOf(4, [4, 1, 2, 3])),
  movsd: merge(bytesOf(8, [2, 1])),
  movlhps: merge(bytesOf(8, [0, 2])),
  movhlps: merge(bytesOf(8, [3, 1])),
  movddup,
  movsldup: duplicate(4, [0, 0, 2, 2]),
  movshdup: duplicate(4, [1, 1, 3, 3]),
  pmovmskb: mask("i8x16.bitmask", 16),
  movmskps: mask("i32x4.bitmask", 4),
  movmskpd: mask("i64x2.bitmask", 2),
} as const satisfies Partial<Record<Operation, Lowering>>;
