// SPDX-License-Identifier: BSD-2-Clause
// Guest memory from translated code: the operand's linear address, then a probe of the TLB in line
// (mmu/tlb-layout.ts). What misses or crosses a page is a call's to place; what is not plain RAM, or faults, is
// the interpreter's.

import { ACCESS_READ, ACCESS_WRITE } from "../../mmu/page-fault.ts";
import { TLB_ADDEND, TLB_ENTRIES } from "../../mmu/tlb-layout.ts";
import {
  DISP,
  EA_32_IN_64,
  EA_FLAT_32,
  EA_PLAIN,
  EA_RIP_FAR,
  EA_SEGMENT,
  INFO,
  INFO_EA,
  INFO_EA_SHIFT,
  INFO_SCALE_SHIFT,
  INFO_SEGMENT_SHIFT,
  NEXT,
  SLOTS,
} from "../decode/record.ts";
import { FS, RIP, SEG_BASE, SEG_WORDS, SEGMENTS, ZERO } from "../state-layout.ts";
import type { UnitEmitter } from "./emitter.ts";
import { NO_PLACE, PLACE_WRITE } from "./unit-helpers.ts";
import { TYPE_I32 } from "./wasm/opcodes.ts";

/** False for the forms whose segments must be checked: those instructions go to their executors. */
export function canAddress(e: UnitEmitter, p: number): boolean {
  switch ((e.code[p + INFO]! & INFO_EA) >> INFO_EA_SHIFT) {
    case EA_PLAIN:
    case EA_SEGMENT:
    case EA_32_IN_64:
    case EA_FLAT_32:
    case EA_RIP_FAR:
      return true;
    default:
      return false;
  }
}

/** Pushes the effective address, without a segment's base, as i64. */
export function pushEffectiveAddress(e: UnitEmitter, p: number): void {
  const form = (e.code[p + INFO]! & INFO_EA) >> INFO_EA_SHIFT;
  if (form === EA_32_IN_64 || form === EA_FLAT_32) {
    pushSum32(e, p);
    e.fn.op("i64.extend_i32_u");
  } else pushSum64(e, p, form === EA_RIP_FAR ? e.code[p + NEXT]! : 0);
}

function pushSum64(e: UnitEmitter, p: number, extra: number): void {
  const { fn } = e;
  const slots = e.code[p + SLOTS]!;
  const base = (slots >>> 16) & 0xff;
  const index = slots >>> 24;
  const displacement = e.code[p + DISP]!;
  if (base === RIP) {
    // The address of an instruction's neighbour is a constant away from the page.
    const sum = displacement + extra;
    if (sum === (sum | 0) && Math.abs(sum) < 0x7fff0000) {
      e.pushCodeAddress(sum);
      return;
    }
    e.pushCodeAddress(extra);
    fn.i64(displacement).op("i64.add");
    return;
  }
  let hasTerm = false;
  if (base !== ZERO) {
    e.get64(base);
    hasTerm = true;
  }
  if (index !== ZERO) {
    const scale = (e.code[p + INFO]! >>> INFO_SCALE_SHIFT) & 3;
    e.get64(index);
    if (scale !== 0) fn.i64(scale).op("i64.shl");
    if (hasTerm) fn.op("i64.add");
    hasTerm = true;
  }
  if (displacement !== 0 || !hasTerm) {
    fn.i64(displacement);
    if (hasTerm) fn.op("i64.add");
  }
}

function pushSum32(e: UnitEmitter, p: number): void {
  const { fn } = e;
  const slots = e.code[p + SLOTS]!;
  const base = (slots >>> 16) & 0xff;
  const index = slots >>> 24;
  const scale = (e.code[p + INFO]! >>> INFO_SCALE_SHIFT) & 3;
  fn.i32(e.code[p + DISP]!);
  if (base !== ZERO) {
    e.get32(base);
    fn.op("i32.add");
  }
  if (index !== ZERO) {
    e.get32(index);
    if (scale !== 0) fn.i32(scale).op("i32.shl");
    fn.op("i32.add");
  }
}

/** Pushes the memory operand's linear address, as i64. */
export function pushLinearAddress(e: UnitEmitter, p: number): void {
  pushEffectiveAddress(e, p);
  const segment = (e.code[p + INFO]! >>> INFO_SEGMENT_SHIFT) & 7;
  if (segment >= FS && e.is64) {
    e.loadState("i64.load", SEGMENTS + segment * SEG_WORDS + SEG_BASE);
    e.fn.op("i64.add");
  }
}

const ENTRY_BYTES = 32;

/** Pops a linear address (i64) into a local, and pushes whether the TLB's entry for `size` bytes there hits. */
function pushIsHit(e: UnitEmitter, size: number, isWrite: boolean): void {
  const { fn } = e;
  const access = isWrite ? ACCESS_WRITE : ACCESS_READ;
  fn.tee(e.address).op("i32.wrap_i64");
  // entry = table + (page number modulo entries) × 32
  fn.i32(12 - Math.log2(ENTRY_BYTES)).op("i32.shr_u");
  fn.i32((TLB_ENTRIES - 1) * ENTRY_BYTES).op("i32.and");
  fn.get(e.tlb).op("i32.add").tee(e.entry);
  fn.memory("i64.load", 4 * access);
  // The tag must be the page of the last byte.
  fn.get(e.address);
  if (size > 1) fn.i64(size - 1).op("i64.add");
  fn.i64(-4096, -1).op("i64.and").op("i64.eq");
}

/** Pushes the place that a hit entry gives. */
function pushHit(e: UnitEmitter): void {
  e.fn.get(e.entry).memory("i32.load", 4 * TLB_ADDEND);
  e.fn.get(e.address).op("i32.wrap_i64").op("i32.add");
}

/**
 * Pops a linear address (i64) and pushes its place in the machine's memory (i32), checked for `size` bytes.
 * Leaves the unit at record `p` if the interpreter has to do it.
 */
export function pushPlace(e: UnitEmitter, p: number, size: number, isWrite: boolean): void {
  const { fn } = e;
  pushIsHit(e, size, isWrite);
  fn.if(TYPE_I32);
  pushHit(e);
  fn.else();
  fn.get(e.address)
    .i32(size | (isWrite ? PLACE_WRITE : 0))
    .call(e.runtime.place);
  fn.tee(e.entry).i32(NO_PLACE).op("i32.eq");
  e.bailIf(p);
  fn.get(e.entry).end();
}

const STORES = ["i32.store8", "i32.store16", "i32.store", "i64.store"] as const;
const WIDE_STORES = ["i64.store8", "i64.store16", "i64.store32", "i64.store"] as const;

/** Something to be stored: `push`, which is called twice, pushes it as i64 or i32. What is too much is cut off. */
export interface Stored {
  readonly push: () => void;
  readonly isWide: boolean;
}

/** Pops a linear address (i64) and stores a value of the width there; into two pages, by a call. */
export function storeAt(e: UnitEmitter, p: number, width: number, value: Stored): void {
  const { fn } = e;
  const size = 1 << width;
  pushIsHit(e, size, true);
  fn.if();
  pushHit(e);
  value.push();
  fn.memory((value.isWide ? WIDE_STORES : STORES)[width]!);
  fn.else();
  fn.get(e.address);
  value.push();
  if (!value.isWide) fn.op("i64.extend_i32_u");
  fn.i32(size).call(e.runtime.store);
  e.bailIf(p);
  fn.end();
}

/** Pushes the place of the memory operand of the instruction at `p`. */
export function pushOperandPlace(e: UnitEmitter, p: number, size: number, isWrite: boolean): void {
  pushLinearAddress(e, p);
  pushPlace(e, p, size, isWrite);
}
