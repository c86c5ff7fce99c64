// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of what AVX and AVX2 have of their own (isa/avx.ts): broadcasts, permutations across lanes, parts of 128
// bits, VZEROUPPER. What chooses by a mask which memory to touch, and halves of singles, are left to their executors.
import { SLOT_MEMORY } from "../../decode/record.ts";
import type { Operation } from "../../isa/operations.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushOperandPlace } from "../memory-path.ts";
import type { Lowering } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import type { SimdMemoryOp } from "../wasm/opcodes.ts";
import {
  bytesOf,
  kept,
  source,
  vector,
  vectorOffset,
  writeLane,
  writeLanes,
  writeLocals,
} from "./lanes.ts";

/** The first element of B, of `bytes` bytes, everywhere. */
function broadcast(bytes: number, name: SimdMemoryOp): Lowering {
  return vector((e, p) => {
    const { fn } = e;
    const b = e.slotB(p);
    const value = kept(e, () => {
      if (b === SLOT_MEMORY) pushOperandPlace(e, p, bytes, false);
      else fn.i32(0);
      fn.simdMemory(name, b === SLOT_MEMORY ? 0 : vectorOffset(b));
    });
    writeLanes(e, p, () => fn.get(value));
  });
}

/** Both lanes of an operand in locals. */
function bothLanes(e: UnitEmitter, p: number, slot: number): readonly [Local, Local] {
  const from = source(e, p, slot);
  return [kept(e, () => from(0)), kept(e, () => from(1))];
}

/** Words of C that the low three bits of B's words number. */
const vpermd = vector((e, p) => {
  const { fn } = e;
  const [low, high] = bothLanes(e, p, e.slotC(p));
  const words = source(e, p, e.slotB(p));
  writeLanes(e, p, (lane) => {
    const bytes = kept(e, () => {
      words(lane);
      // Numbers of words become numbers of their bytes; swizzles give zero beyond their sixteen.
      fn.i32(7).simd("i32x4.splat").simd("v128.and");
      fn.i32(0x04040404).simd("i32x4.splat").simd("i32x4.mul");
      fn.i32(0x03020100).simd("i32x4.splat").simd("i32x4.add");
    });
    fn.get(low).get(bytes).simd("i8x16.swizzle");
    fn.get(high).get(bytes).i32(16).simd("i8x16.splat").simd("i8x16.sub").simd("i8x16.swizzle");
    fn.simd("v128.or");
  });
});

/** Pairs of words of B that two bits each of the immediate number. */
const vpermq = vector((e, p) => {
  const [low, high] = bothLanes(e, p, e.slotB(p));
  writeLanes(e, p, (lane) => {
    const bits = e.immediate(p) >> (4 * lane);
    e.fn
      .get(low)
      .get(high)
      .shuffle(bytesOf(8, [bits & 3, (bits >> 2) & 3]));
  });
});

/** Each lane is one of the four of B and C, by two bits of the immediate, or zero by a third. */
const vperm2i128 = vector((e, p) => {
  const sources = [source(e, p, e.slotB(p)), source(e, p, e.slotC(p))] as const;
  const values = [0, 1].map((lane) => {
    const control = e.immediate(p) >> (4 * lane);
    return kept(e, () => {
      if ((control & 8) !== 0) e.fn.v128();
      else sources[(control & 2) === 0 ? 0 : 1](control & 1);
    });
  });
  writeLocals(e, p, values);
});

/** B with one lane from C. */
const vinserti128 = vector((e, p) => {
  const inserted = source(e, p, e.slotC(p), { lanes: 1 });
  const from = source(e, p, e.slotB(p));
  const at = e.immediate(p) & 1;
  const values = [0, 1].map((lane) => kept(e, () => (lane === at ? inserted(0) : from(lane))));
  writeLocals(e, p, values);
});

/** One lane of B, to a register or memory. */
const vextracti128 = vector((e, p) => {
  const { fn } = e;
  const from = source(e, p, e.slotB(p));
  const at = e.immediate(p) & 1;
  const a = e.slotA(p);
  if (a === SLOT_MEMORY) {
    pushOperandPlace(e, p, 16, true);
    from(at);
    fn.simdMemory("v128.store");
    return;
  }
  writeLane(e, a, 0, () => from(at));
  writeLane(e, a, 1, () => fn.v128());
});

/** 128 bits of memory in both lanes. */
const vbroadcasti128 = vector((e, p) => {
  const from = source(e, p, e.slotB(p), { lanes: 1 });
  writeLanes(e, p, () => from(0));
});

/** Lanes of all registers that instructions can name become zero. */
function zero(lanes: readonly number[]): Lowering {
  return vector((e) => {
    for (let register = 0; register < (e.is64 ? 16 : 8); register++) {
      for (const lane of lanes) writeLane(e, register, lane, () => e.fn.v128());
    }
  });
}

export const VECTOR_AVX_LOWERINGS = {
  vzeroupper: zero([1]),
  vzeroall: zero([0, 1]),
  vpbroadcastb: broadcast(1, "v128.load8_splat"),
  vpbroadcastw: broadcast(2, "v128.load16_splat"),
  vpbroadcastd: broadcast(4, "v128.load32_splat"),
  vpbroadcastq: broadcast(8, "v128.load64_splat"),
  vbroadcasti128,
  vpermd,
  vpermq,
  vperm2i128,
  vinserti128,
  vextracti128,
} as const satisfies Partial<Record<Operation, Lowering>>;
