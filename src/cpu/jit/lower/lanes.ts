// SPDX-License-Identifier: BSD-2-Clause
// How lowerings of vector instructions reach their operands, and the shapes most of them have: the counterpart of
// interp/vector.ts. Vector registers stay in the state block, as lanes of 128 bits.
//
// One lowering serves three encodings. Legacy SSE: A = A op B, one lane, and the upper one is kept. VEX.128:
// A = B op C, one lane, and the upper one is zeroed. VEX.256: both lanes. Memory is loaded before anything changes.
import { INFO, INFO_VEX, INFO_VEX_L, SLOT_MEMORY } from "../../decode/record.ts";
import { CR0, CR4, XCR0, YMM, YMM_WORDS } from "../../state-layout.ts";
import {
  CR0_EM,
  CR0_PE,
  CR0_TS,
  CR4_OSFXSR,
  CR4_OSXSAVE,
  XCR0_AVX,
  XCR0_SSE,
} from "../../system/control-bits.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushLinearAddress, pushOperandPlace, pushPlace } from "../memory-path.ts";
import type { Lowering } from "../operand.ts";
import { stateOffset } from "../register-emitter.ts";
import type { Local } from "../wasm/function-builder.ts";
import { type SimdPlain, TYPE_I32, TYPE_I64, TYPE_V128 } from "../wasm/opcodes.ts";

const LANE_BYTES = 16;
const LANE_WORDS = 4;

/** Byte offset of a vector register in the machine's memory, or of 32 bits in it. */
export function vectorOffset(register: number, word = 0): number {
  return stateOffset(YMM + YMM_WORDS * register + word);
}

export function isVex(e: UnitEmitter, p: number): boolean {
  return (e.code[p + INFO]! & INFO_VEX) !== 0;
}

/** How many lanes the instruction works on. */
export function laneCount(e: UnitEmitter, p: number): 1 | 2 {
  return (e.code[p + INFO]! & INFO_VEX_L) !== 0 ? 2 : 1;
}

/** The numbers of the lanes that the instruction works on. */
export function lanesOf(e: UnitEmitter, p: number): readonly number[] {
  return laneCount(e, p) === 2 ? [0, 1] : [0];
}

/** The first source of an instruction whose legacy form has the destination for it. */
export function firstSlot(e: UnitEmitter, p: number): number {
  return isVex(e, p) ? e.slotB(p) : e.slotA(p);
}

/** The other source: C, or B in legacy form. */
export function lastSlot(e: UnitEmitter, p: number): number {
  return isVex(e, p) ? e.slotC(p) : e.slotB(p);
}

/** Pushes the bits of a state word that count, and whether they are not as they should be. */
function pushDiffers(e: UnitEmitter, word: number, mask: number, value: number): void {
  e.loadState("i32.load", word);
  e.fn.i32(mask).op("i32.and");
  if (value !== 0) e.fn.i32(value).op("i32.ne");
}

/**
 * Once a block for each kind of encoding: the system lets programs use vector registers (#UD and #NM are the
 * interpreter's). What that depends on does not change inside a block.
 */
export function beginVector(e: UnitEmitter, p: number): void {
  const kind = isVex(e, p) ? "vex" : "legacy";
  if (e.checkedVectors.has(kind)) return;
  e.checkedVectors.add(kind);
  if (kind === "legacy") {
    pushDiffers(e, CR0, CR0_EM | CR0_TS, 0);
    e.loadState("i32.load", CR4);
    e.fn.i32(CR4_OSFXSR).op("i32.and").op("i32.eqz").op("i32.or");
  } else {
    pushDiffers(e, CR0, CR0_PE | CR0_TS, CR0_PE);
    pushDiffers(e, CR4, CR4_OSXSAVE, CR4_OSXSAVE);
    pushDiffers(e, XCR0, XCR0_SSE | XCR0_AVX, XCR0_SSE | XCR0_AVX);
    e.fn.op("i32.or").op("i32.or");
  }
  e.bailIf(p);
}

/** A lowering for every form of a vector instruction. */
export function vector(lower: (e: UnitEmitter, p: number) => void): Lowering {
  return (e, p) => {
    beginVector(e, p);
    lower(e, p);
    return true;
  };
}

// Operands.

/** Pushes a lane of an operand. */
export type Source = (lane: number) => void;

function register(e: UnitEmitter, slot: number): Source {
  return (lane) => {
    e.fn.i32(0).simdMemory("v128.load", vectorOffset(slot, LANE_WORDS * lane));
  };
}

/** Pushes the place of an operand; unless it is aligned to its size the interpreter raises #GP. */
export function pushAlignedPlace(e: UnitEmitter, p: number, size: number, isWrite: boolean): void {
  const { fn } = e;
  const address = e.temp(TYPE_I64);
  pushLinearAddress(e, p);
  fn.tee(address)
    .op("i32.wrap_i64")
    .i32(size - 1)
    .op("i32.and");
  e.bailIf(p);
  fn.get(address);
  pushPlace(e, p, size, isWrite);
}

/** An operand of `lanes` lanes that may be memory, which is loaded here. */
export function source(
  e: UnitEmitter,
  p: number,
  slot: number,
  { lanes = laneCount(e, p) as number, isAligned = !isVex(e, p) } = {},
): Source {
  if (slot !== SLOT_MEMORY) return register(e, slot);
  const { fn } = e;
  const size = LANE_BYTES * lanes;
  if (isAligned) pushAlignedPlace(e, p, size, false);
  else pushOperandPlace(e, p, size, false);
  const place = e.temp(TYPE_I32);
  if (lanes > 1) fn.tee(place);
  const values = Array.from({ length: lanes }, (_, lane) => {
    const value = e.temp(TYPE_V128);
    if (lane > 0) fn.get(place);
    fn.simdMemory("v128.load", LANE_BYTES * lane).set(value);
    return value;
  });
  return (lane) => {
    fn.get(values[lane]!);
  };
}

/** What a source pushes, in a local. */
export function kept(e: UnitEmitter, push: () => void): Local {
  const value = e.temp(TYPE_V128);
  push();
  e.fn.set(value);
  return value;
}

/** Pushes the first four, eight or sixteen bytes of an operand, with zeroes above them where it is memory. */
export function pushPart(e: UnitEmitter, p: number, slot: number, bytes: 4 | 8 | 16): void {
  if (slot !== SLOT_MEMORY) {
    register(e, slot)(0);
    return;
  }
  pushOperandPlace(e, p, bytes, false);
  if (bytes === 16) e.fn.simdMemory("v128.load");
  else e.fn.simdMemory(bytes === 8 ? "v128.load64_zero" : "v128.load32_zero");
}

/** Pushes 64 bits of a register or memory. */
export function pushLow64(e: UnitEmitter, p: number, slot: number): void {
  if (slot === SLOT_MEMORY) {
    pushOperandPlace(e, p, 8, false);
    e.fn.memory("i64.load");
  } else e.fn.i32(0).memory("i64.load", vectorOffset(slot));
}

// Results.

/** Writes a lane of a register. */
export function writeLane(e: UnitEmitter, slot: number, lane: number, push: () => void): void {
  e.fn.i32(0);
  push();
  e.fn.simdMemory("v128.store", vectorOffset(slot, LANE_WORDS * lane));
}

export function zeroUpper(e: UnitEmitter, slot: number): void {
  writeLane(e, slot, 1, () => e.fn.v128());
}

/** Writes all lanes of the destination. A lane may be made from its own number's lanes of the sources alone. */
export function writeLanes(e: UnitEmitter, p: number, push: Source): void {
  const a = e.slotA(p);
  for (const lane of lanesOf(e, p)) writeLane(e, a, lane, () => push(lane));
  endLane(e, p);
}

/** The destination's lower lane is written, by an instruction on one: VEX zeroes what is above it. */
export function endLane(e: UnitEmitter, p: number): void {
  if (isVex(e, p) && laneCount(e, p) === 1) zeroUpper(e, e.slotA(p));
}

/** Writes 128 bits; what is above is kept, or zeroed by VEX. */
export function writeLow(e: UnitEmitter, p: number, push: () => void): void {
  writeLane(e, e.slotA(p), 0, push);
  if (isVex(e, p)) zeroUpper(e, e.slotA(p));
}

/** Writes the destination from locals, one a lane, that may be made of any lanes of the sources. */
export function writeLocals(e: UnitEmitter, p: number, values: readonly Local[]): void {
  values.forEach((value, lane) => {
    writeLane(e, e.slotA(p), lane, () => e.fn.get(value));
  });
  if (values.length === 1) endLane(e, p);
}

// Shapes.

/** One lane's part of an instruction: `first` and `last` push the sources, as often as they are wanted. */
export interface LaneOf {
  readonly e: UnitEmitter;
  readonly p: number;
  readonly lane: number;
  readonly first: () => void;
  readonly last: () => void;
}

/** Pushes one lane of the result. */
export type LaneWork = (lane: LaneOf) => void;

/** A = first op last on each lane. */
export function packed(work: LaneWork): Lowering {
  return vector((e, p) => {
    const last = source(e, p, lastSlot(e, p));
    const first = register(e, firstSlot(e, p));
    writeLanes(e, p, (lane) =>
      work({ e, p, lane, first: () => first(lane), last: () => last(lane) }),
    );
  });
}

/** A = op B on each lane. */
export function packedUnary(work: LaneWork): Lowering {
  return vector((e, p) => {
    const only = source(e, p, e.slotB(p));
    writeLanes(e, p, (lane) => {
      const push = () => only(lane);
      work({ e, p, lane, first: push, last: push });
    });
  });
}

/** A = first op immediate on each lane; there is no form with memory. */
export function packedByImmediate(work: LaneWork): Lowering {
  return vector((e, p) => {
    const first = register(e, firstSlot(e, p));
    writeLanes(e, p, (lane) => {
      const push = () => first(lane);
      work({ e, p, lane, first: push, last: push });
    });
  });
}

/** An operator of WebAssembly on first and last, in turn. */
export function operator(name: SimdPlain): LaneWork {
  return ({ e, first, last }) => {
    first();
    last();
    e.fn.simd(name);
  };
}

/** Lanes of shuffles: the bytes of elements of `size` bytes, by their numbers. */
export function bytesOf(size: number, elements: readonly number[]): number[] {
  return elements.flatMap((element) => Array.from({ length: size }, (_, i) => size * element + i));
}
