// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/sse-*.ts for whole XMM registers and integers in them, where WebAssembly's SIMD means the same.
// Vector registers stay in the state block. VEX encodings are left to their executors.
import { INFO, INFO_VEX, SLOT_MEMORY } from "../../decode/record.ts";
import { WIDTH_32, WIDTH_64 } from "../../flags.ts";
import type { Operation } from "../../isa/operations.ts";
import { CR0, CR4, YMM, YMM_WORDS } from "../../state-layout.ts";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../../system/control-bits.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushLinearAddress, pushOperandPlace, pushPlace } from "../memory-path.ts";
import { type Lowering, popRegister, pushOperand } from "../operand.ts";
import { stateOffset } from "../register-emitter.ts";
import { type SimdPlain, TYPE_I64 } from "../wasm/opcodes.ts";

/** Byte offset of an XMM register in the machine's memory, or of 32 bits in it. */
export function vectorOffset(register: number, word = 0): number {
  return stateOffset(YMM + YMM_WORDS * register + word);
}

/**
 * Once a block: the system lets programs use vector registers (#UD and #NM are the interpreter's). What that
 * depends on does not change inside a block.
 */
export function beginVector(e: UnitEmitter, p: number): void {
  if (e.isVectorChecked) return;
  e.isVectorChecked = true;
  e.loadState("i32.load", CR0);
  e.fn.i32(CR0_EM | CR0_TS).op("i32.and");
  e.loadState("i32.load", CR4);
  e.fn.i32(CR4_OSFXSR).op("i32.and").op("i32.eqz").op("i32.or");
  e.bailIf(p);
}

export function isVex(e: UnitEmitter, p: number): boolean {
  return (e.code[p + INFO]! & INFO_VEX) !== 0;
}

function legacy(lower: (e: UnitEmitter, p: number) => void): Lowering {
  return (e, p) => {
    if (isVex(e, p)) return false;
    beginVector(e, p);
    lower(e, p);
    return true;
  };
}

/** Pushes the place of a 16-byte operand; unless it is aligned the interpreter raises #GP. */
function pushAlignedPlace(e: UnitEmitter, p: number, isWrite: boolean): void {
  const { fn } = e;
  const address = e.temp(TYPE_I64);
  pushLinearAddress(e, p);
  fn.tee(address).op("i32.wrap_i64").i32(15).op("i32.and");
  e.bailIf(p);
  fn.get(address);
  pushPlace(e, p, 16, isWrite);
}

export function pushVector(e: UnitEmitter, p: number, slot: number, isAligned: boolean): void {
  const { fn } = e;
  if (slot !== SLOT_MEMORY) {
    fn.i32(0).simdMemory("v128.load", vectorOffset(slot));
    return;
  }
  if (isAligned) pushAlignedPlace(e, p, false);
  else pushOperandPlace(e, p, 16, false);
  fn.simdMemory("v128.load");
}

function move(isAligned: boolean): Lowering {
  return legacy((e, p) => {
    const { fn } = e;
    const a = e.slotA(p);
    if (a !== SLOT_MEMORY) fn.i32(0);
    else if (isAligned) pushAlignedPlace(e, p, true);
    else pushOperandPlace(e, p, 16, true);
    pushVector(e, p, e.slotB(p), isAligned);
    fn.simdMemory("v128.store", a === SLOT_MEMORY ? 0 : vectorOffset(a));
  });
}

/** Pushes 64 bits of a register or memory. */
function pushLow64(e: UnitEmitter, p: number, slot: number): void {
  if (slot === SLOT_MEMORY) {
    pushOperandPlace(e, p, 8, false);
    e.fn.memory("i64.load");
  } else e.fn.i32(0).memory("i64.load", vectorOffset(slot));
}

function clearHigh64(e: UnitEmitter, register: number): void {
  e.fn.i32(0).i64(0).memory("i64.store", vectorOffset(register, 2));
}

const movq = legacy((e, p) => {
  const a = e.slotA(p);
  if (a === SLOT_MEMORY) {
    pushOperandPlace(e, p, 8, true);
    pushLow64(e, p, e.slotB(p));
    e.fn.memory("i64.store");
    return;
  }
  e.fn.i32(0);
  pushLow64(e, p, e.slotB(p));
  e.fn.memory("i64.store", vectorOffset(a));
  clearHigh64(e, a);
});

function movdToVector(e: UnitEmitter, p: number): boolean {
  if (isVex(e, p) || e.width(p) < WIDTH_32) return false;
  const a = e.slotA(p);
  beginVector(e, p);
  e.fn.i32(0);
  pushOperand(e, p, e.slotB(p), e.width(p));
  if (e.width(p) === WIDTH_32) e.fn.op("i64.extend_i32_u");
  e.fn.memory("i64.store", vectorOffset(a));
  clearHigh64(e, a);
  return true;
}

function movdFromVector(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  if (isVex(e, p) || width < WIDTH_32) return false;
  const a = e.slotA(p);
  const name = width === WIDTH_64 ? "i64" : "i32";
  beginVector(e, p);
  if (a === SLOT_MEMORY) pushOperandPlace(e, p, 1 << width, true);
  fn.i32(0).memory(`${name}.load`, vectorOffset(e.slotB(p)));
  if (a === SLOT_MEMORY) fn.memory(`${name}.store`);
  else popRegister(e, a, width);
  return true;
}

/** 32 bits to a register whose others stay, or to memory. */
const movss = legacy((e, p) => {
  const { fn } = e;
  const a = e.slotA(p);
  if (a === SLOT_MEMORY) pushOperandPlace(e, p, 4, true);
  else fn.i32(0);
  fn.i32(0).memory("i32.load", vectorOffset(e.slotB(p)));
  fn.memory("i32.store", a === SLOT_MEMORY ? 0 : vectorOffset(a));
});

/** 64 bits to half `to` (0 or 1) of a register whose other half stays. */
function intoHalf(to: number): Lowering {
  return legacy((e, p) => {
    e.fn.i32(0);
    pushLow64(e, p, e.slotB(p));
    e.fn.memory("i64.store", vectorOffset(e.slotA(p), 2 * to));
  });
}

const movhlps = legacy((e, p) => {
  e.fn
    .i32(0)
    .i32(0)
    .memory("i64.load", vectorOffset(e.slotB(p), 2));
  e.fn.memory("i64.store", vectorOffset(e.slotA(p)));
});

const movhpsStore = legacy((e, p) => {
  pushOperandPlace(e, p, 8, true);
  e.fn.i32(0).memory("i64.load", vectorOffset(e.slotB(p), 2));
  e.fn.memory("i64.store");
});

/** A = A op B. */
function binary(name: SimdPlain): Lowering {
  return legacy((e, p) => {
    const a = e.slotA(p);
    e.fn.i32(0).i32(0).simdMemory("v128.load", vectorOffset(a));
    pushVector(e, p, e.slotB(p), true);
    e.fn.simd(name).simdMemory("v128.store", vectorOffset(a));
  });
}

const pandn = legacy((e, p) => {
  const a = e.slotA(p);
  e.fn.i32(0);
  pushVector(e, p, e.slotB(p), true);
  e.fn.i32(0).simdMemory("v128.load", vectorOffset(a));
  e.fn.simd("v128.andnot").simdMemory("v128.store", vectorOffset(a));
});

/** A = lanes of A (0-15) and B (16-31). */
function shuffle(lanes: readonly number[]): Lowering {
  return legacy((e, p) => {
    const a = e.slotA(p);
    e.fn.i32(0).i32(0).simdMemory("v128.load", vectorOffset(a));
    pushVector(e, p, e.slotB(p), true);
    e.fn.shuffle(lanes).simdMemory("v128.store", vectorOffset(a));
  });
}

/** Byte numbers of elements of `size` bytes. */
function bytesOf(size: number, elements: readonly number[]): number[] {
  return elements.flatMap((element) => Array.from({ length: size }, (_, i) => size * element + i));
}

/** The elements of one half of A and B, taking turns. */
function unpack(size: number, half: 0 | 1): Lowering {
  const count = 16 / size;
  const elements = Array.from(
    { length: count },
    (_, i) => (i >> 1) + (half * count) / 2 + (i & 1) * count,
  );
  return shuffle(bytesOf(size, elements));
}

/** Elements of B chosen by an immediate's pairs of bits, among four from `first` on; the rest are B's. */
function shuffleByImmediate(size: 2 | 4, first: number): Lowering {
  return legacy((e, p) => {
    const choice = e.immediate(p);
    const elements = Array.from({ length: 16 / size }, (_, i) => {
      const at = i - first;
      return at >= 0 && at < 4 ? first + ((choice >> (2 * at)) & 3) : i;
    });
    const b = e.slotB(p);
    e.fn.i32(0);
    pushVector(e, p, b, true);
    e.fn.i32(0).simdMemory("v128.load", vectorOffset(e.slotA(p)));
    e.fn.shuffle(bytesOf(size, elements)).simdMemory("v128.store", vectorOffset(e.slotA(p)));
  });
}

/** Indexes with their top bit set give 0, of others four bits count. */
const pshufb = legacy((e, p) => {
  const a = e.slotA(p);
  e.fn.i32(0).i32(0).simdMemory("v128.load", vectorOffset(a));
  pushVector(e, p, e.slotB(p), true);
  e.fn.i32(0x8f).simd("i8x16.splat").simd("v128.and");
  e.fn.simd("i8x16.swizzle").simdMemory("v128.store", vectorOffset(a));
});

/** Shifts all elements of A by an immediate; what is shifted out entirely is 0, or the sign. */
function shiftBy(name: SimdPlain, bits: number, isSigned: boolean): Lowering {
  return legacy((e, p) => {
    const a = e.slotA(p);
    const count = e.immediate(p) & 0xff;
    e.fn.i32(0);
    if (count >= bits && !isSigned) e.fn.i32(0).simd("i32x4.splat");
    else {
      e.fn.i32(0).simdMemory("v128.load", vectorOffset(a));
      e.fn.i32(Math.min(count, bits - 1)).simd(name);
    }
    e.fn.simdMemory("v128.store", vectorOffset(a));
  });
}

/** Shifts A by whole bytes: lanes from `16 - n` on are zeroes followed by A, or from `n` on A followed by zeroes. */
function shiftBytes(isLeft: boolean): Lowering {
  return legacy((e, p) => {
    const { fn } = e;
    const a = e.slotA(p);
    const count = Math.min(e.immediate(p) & 0xff, 16);
    const first = isLeft ? 16 - count : count;
    fn.i32(0);
    if (isLeft) fn.i32(0).simd("i32x4.splat");
    fn.i32(0).simdMemory("v128.load", vectorOffset(a));
    if (!isLeft) fn.i32(0).simd("i32x4.splat");
    fn.shuffle(Array.from({ length: 16 }, (_, i) => first + i));
    fn.simdMemory("v128.store", vectorOffset(a));
  });
}

/** The top bits of B's elements into a general register. */
function mask(name: SimdPlain): Lowering {
  return legacy((e, p) => {
    e.fn
      .i32(0)
      .simdMemory("v128.load", vectorOffset(e.slotB(p)))
      .simd(name);
    popRegister(e, e.slotA(p), WIDTH_32);
  });
}

/** Products of the even doublewords. */
const pmuludq = legacy((e, p) => {
  const { fn } = e;
  const a = e.slotA(p);
  const even = (): void => {
    fn.i32(32).simd("i64x2.shl").i32(32).simd("i64x2.shr_u");
  };
  fn.i32(0).i32(0).simdMemory("v128.load", vectorOffset(a));
  even();
  pushVector(e, p, e.slotB(p), true);
  even();
  fn.simd("i64x2.mul").simdMemory("v128.store", vectorOffset(a));
});

const BINARIES: Readonly<Partial<Record<Operation, SimdPlain>>> = {
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
  pxor: "v128.xor",
};

export const VECTOR_LOWERINGS: Readonly<Partial<Record<Operation, Lowering>>> = {
  ...Object.fromEntries(Object.entries(BINARIES).map(([op, name]) => [op, binary(name)])),
  movups: move(false),
  movaps: move(true),
  movq,
  movdToVector,
  movdFromVector,
  movss,
  movssStore: movss,
  movsd: intoHalf(0),
  movlhps: intoHalf(1),
  movhlps,
  movhpsStore,
  pandn,
  pmuludq,
  pshufb,
  pshufd: shuffleByImmediate(4, 0),
  pshuflw: shuffleByImmediate(2, 0),
  pshufhw: shuffleByImmediate(2, 4),
  punpcklbw: unpack(1, 0),
  punpcklwd: unpack(2, 0),
  punpckldq: unpack(4, 0),
  punpcklqdq: unpack(8, 0),
  punpckhbw: unpack(1, 1),
  punpckhwd: unpack(2, 1),
  punpckhdq: unpack(4, 1),
  punpckhqdq: unpack(8, 1),
  psllwImm: shiftBy("i16x8.shl", 16, false),
  pslldImm: shiftBy("i32x4.shl", 32, false),
  psllqImm: shiftBy("i64x2.shl", 64, false),
  psrlwImm: shiftBy("i16x8.shr_u", 16, false),
  psrldImm: shiftBy("i32x4.shr_u", 32, false),
  psrlqImm: shiftBy("i64x2.shr_u", 64, false),
  psrawImm: shiftBy("i16x8.shr_s", 16, true),
  psradImm: shiftBy("i32x4.shr_s", 32, true),
  pslldq: shiftBytes(true),
  psrldq: shiftBytes(false),
  pmovmskb: mask("i8x16.bitmask"),
  movmskps: mask("i32x4.bitmask"),
  movmskpd: mask("i64x2.bitmask"),
};
