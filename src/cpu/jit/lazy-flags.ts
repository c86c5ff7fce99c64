// SPDX-License-Identifier: BSD-2-Clause
// Flags in translated code. They are the interpreter's lazy words (flags.ts) in locals: kind, result, left
// operand, and RFLAGS for what the kind does not cover. Where a block has set them itself the kind is known
// while it is translated, and a flag is an expression without branches: V8 moves it to where it is used, which
// mostly is nowhere. Where the kind is from before the block it is guessed, and checked; if the guess is
// wrong, the state block is asked.
import {
  CC_ADC,
  CC_ADD,
  CC_DEC,
  CC_EXPLICIT,
  CC_INC,
  CC_LOGIC,
  CC_RESULT_ONLY,
  CC_SUB,
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  WIDTH_8,
  WIDTH_16,
  WIDTH_64,
} from "../flags.ts";
import type { UnitEmitter } from "./emitter.ts";
import type { Local } from "./wasm/function-builder.ts";
import { TYPE_I32, TYPE_I64 } from "./wasm/opcodes.ts";

/**
 * Added to CC_ADD or CC_SUB as a known kind: there may have been a carry in, so that the kind's local is
 * either that or the next one, CC_ADC or CC_SBB.
 */
export const MAYBE_CARRY_IN = 1 << 8;

/** Records a result: `kind` is CC_… | width; the operands are in locals of i64, as ccResult and ccSource want them. */
export function setFlags(e: UnitEmitter, kind: number, result: Local, source?: Local): void {
  const { fn } = e;
  fn.get(result).set(e.ccResult);
  if (source !== undefined) fn.get(source).set(e.ccSource);
  e.setKind(kind);
}

/** The same behind an addition or subtraction with the carry (i32, 0 or 1) in `carry`. */
export function setFlagsWithCarry(
  e: UnitEmitter,
  kind: number,
  result: Local,
  source: Local,
  carry: Local,
): void {
  const { fn } = e;
  setFlags(e, kind, result, source);
  fn.i32(kind).get(carry).i32(2).op("i32.shl").op("i32.add").set(e.ccKind);
  e.kindIs(kind | MAYBE_CARRY_IN);
}

function familyOf(kind: number): number {
  return kind & ~3 & ~MAYBE_CARRY_IN;
}

function isSum(family: number): boolean {
  return family === CC_ADD || family === CC_INC;
}

function isDifference(family: number): boolean {
  return family === CC_SUB || family === CC_DEC;
}

/** Pushes result or left operand, zero-extended: i64 or i32. */
function pushUnsigned(e: UnitEmitter, local: Local, width: number): void {
  e.fn.get(local);
  if (width !== WIDTH_64) e.fn.op("i32.wrap_i64");
}

/** Takes what is on the stack for a signed number of its width. */
function signExtend(e: UnitEmitter, width: number): void {
  if (width === WIDTH_8) e.fn.op("i32.extend8_s");
  else if (width === WIDTH_16) e.fn.op("i32.extend16_s");
}

function pushSigned(e: UnitEmitter, local: Local, width: number): void {
  pushUnsigned(e, local, width);
  signExtend(e, width);
}

/** Pushes a bit of RFLAGS as 0 or 1. */
function pushFlagBit(e: UnitEmitter, flag: number): void {
  e.fn
    .get(e.flags)
    .i32(31 - Math.clz32(flag))
    .op("i32.shr_u")
    .i32(1)
    .op("i32.and");
}

/** Pushes the carry in of a known kind as i64; nothing but 0 unless there may have been one. */
function subtractCarryIn(e: UnitEmitter, kind: number): void {
  if ((kind & MAYBE_CARRY_IN) === 0) return;
  e.fn
    .get(e.ccKind)
    .i32(kind & ~MAYBE_CARRY_IN)
    .op("i32.ne")
    .op("i64.extend_i32_u")
    .op("i64.sub");
}

/** Pushes the right operand of a sum or difference, as i64 with its upper bits undefined. */
function pushRight(e: UnitEmitter, kind: number): void {
  const { fn } = e;
  if (isSum(familyOf(kind))) fn.get(e.ccResult).get(e.ccSource).op("i64.sub");
  else fn.get(e.ccSource).get(e.ccResult).op("i64.sub");
  subtractCarryIn(e, kind);
}

// The flags of a known kind, each pushed as i32, 0 or 1.

function pushZero(e: UnitEmitter, kind: number): void {
  if (familyOf(kind) === CC_EXPLICIT) {
    pushFlagBit(e, FLAG_ZF);
    return;
  }
  pushUnsigned(e, e.ccResult, kind & 3);
  e.fn.op((kind & 3) === WIDTH_64 ? "i64.eqz" : "i32.eqz");
}

function pushSign(e: UnitEmitter, kind: number): void {
  if (familyOf(kind) === CC_EXPLICIT) {
    pushFlagBit(e, FLAG_SF);
    return;
  }
  pushSigned(e, e.ccResult, kind & 3);
  if ((kind & 3) === WIDTH_64) e.fn.i64(0).op("i64.lt_s");
  else e.fn.i32(0).op("i32.lt_s");
}

function pushParity(e: UnitEmitter, kind: number): void {
  if (familyOf(kind) === CC_EXPLICIT) {
    pushFlagBit(e, FLAG_PF);
    return;
  }
  e.fn.get(e.ccResult).op("i32.wrap_i64").i32(0xff).op("i32.and").op("i32.popcnt");
  e.fn.i32(1).op("i32.and").op("i32.eqz");
}

/** A difference: the left operand is below it. A sum: it is below the left operand. */
function pushCarry(
  e: UnitEmitter,
  kind: number,
  result: Local = e.ccResult,
  source: Local = e.ccSource,
): void {
  const { fn } = e;
  const family = familyOf(kind);
  if (family === CC_LOGIC) {
    fn.i32(0);
    return;
  }
  if (family !== CC_ADD && family !== CC_SUB) {
    pushFlagBit(e, FLAG_CF);
    return;
  }
  const width = kind & 3;
  const [first, second] = family === CC_SUB ? [source, result] : [result, source];
  pushUnsigned(e, first, width);
  pushUnsigned(e, second, width);
  fn.op(width === WIDTH_64 ? "i64.lt_u" : "i32.lt_u");
  if ((kind & MAYBE_CARRY_IN) === 0) return;
  // With a carry in, equality means that the right operand was all ones.
  pushUnsigned(e, first, width);
  pushUnsigned(e, second, width);
  fn.op(width === WIDTH_64 ? "i64.eq" : "i32.eq");
  fn.get(e.ccKind)
    .i32(kind & ~MAYBE_CARRY_IN)
    .op("i32.ne")
    .op("i32.and")
    .op("i32.or");
}

/** OF is the sign bit of (left ^ result) & (right ^ result), or of (left ^ right) & (left ^ result). */
function pushOverflow(e: UnitEmitter, kind: number): void {
  const { fn } = e;
  const family = familyOf(kind);
  if (family === CC_LOGIC) {
    fn.i32(0);
    return;
  }
  if (!isSum(family) && !isDifference(family)) {
    pushFlagBit(e, FLAG_OF);
    return;
  }
  fn.get(e.ccSource).get(e.ccResult).op("i64.xor");
  pushRight(e, kind);
  fn.get(isSum(family) ? e.ccResult : e.ccSource)
    .op("i64.xor")
    .op("i64.and");
  fn.i64((8 << (kind & 3)) - 1)
    .op("i64.shr_u")
    .op("i32.wrap_i64")
    .i32(1)
    .op("i32.and");
}

function pushAdjust(e: UnitEmitter, kind: number): void {
  const { fn } = e;
  const family = familyOf(kind);
  if (family === CC_LOGIC) {
    fn.i32(0);
    return;
  }
  if (!isSum(family) && !isDifference(family)) {
    pushFlagBit(e, FLAG_AF);
    return;
  }
  fn.get(e.ccSource).get(e.ccResult).op("i64.xor");
  pushRight(e, kind);
  fn.op("i64.xor").op("i32.wrap_i64").i32(4).op("i32.shr_u").i32(1).op("i32.and");
}

/** SF ≠ OF. Behind a comparison: left < right of the width, signed, where right = left - result. */
function pushLess(e: UnitEmitter, kind: number): void {
  const { fn } = e;
  const width = kind & 3;
  if (familyOf(kind) === CC_LOGIC) pushSign(e, kind);
  else if ((kind & ~3) === CC_SUB) {
    pushSigned(e, e.ccSource, width);
    fn.get(e.ccSource).get(e.ccResult).op("i64.sub");
    if (width !== WIDTH_64) fn.op("i32.wrap_i64");
    signExtend(e, width);
    fn.op(width === WIDTH_64 ? "i64.lt_s" : "i32.lt_s");
  } else {
    pushSign(e, kind);
    pushOverflow(e, kind);
    fn.op("i32.xor");
  }
}

/** Pushes a condition by half its code (O, B, E, BE, S, P, L, LE) for a known kind. */
function pushKnown(e: UnitEmitter, condition: number, kind: number): void {
  const { fn } = e;
  switch (condition) {
    case 0:
      pushOverflow(e, kind);
      break;
    case 1:
      pushCarry(e, kind);
      break;
    case 2:
      pushZero(e, kind);
      break;
    case 3:
      pushCarry(e, kind);
      pushZero(e, kind);
      fn.op("i32.or");
      break;
    case 4:
      pushSign(e, kind);
      break;
    case 5:
      pushParity(e, kind);
      break;
    case 6:
      pushLess(e, kind);
      break;
    default:
      pushLess(e, kind);
      pushZero(e, kind);
      fn.op("i32.or");
      break;
  }
}

/** Pushes 1 if the condition (0 … 15) holds, else 0. */
export function pushCondition(e: UnitEmitter, condition: number): void {
  const { fn } = e;
  e.flagsUsed();
  if (e.knownKind >= 0) pushKnown(e, condition >> 1, e.knownKind);
  else if (e.expectedKind >= 0 && (e.expectedKind & MAYBE_CARRY_IN) === 0) {
    fn.get(e.ccKind).i32(e.expectedKind).op("i32.eq").if(TYPE_I32);
    pushKnown(e, condition >> 1, e.expectedKind);
    fn.else();
    askCondition(e, condition);
    fn.end();
  } else askCondition(e, condition);
  if ((condition & 1) !== 0) fn.op("i32.eqz");
}

function askCondition(e: UnitEmitter, condition: number): void {
  e.publishFlags();
  e.fn.i32(condition & ~1).call(e.runtime.condition);
}

const BELOW = 2;

/** Pushes CF as i32. */
export function pushCarryFlag(e: UnitEmitter): void {
  pushCondition(e, BELOW);
}

/** Pops 0 or 1 into a bit of RFLAGS. */
function popFlagBit(e: UnitEmitter, flag: number): void {
  const { fn } = e;
  fn.i32(31 - Math.clz32(flag)).op("i32.shl");
  fn.get(e.flags).i32(~flag).op("i32.and").op("i32.or").set(e.flags);
}

/** Puts CF into RFLAGS, for a kind that leaves it there: INC and DEC. */
export function keepCarry(e: UnitEmitter): void {
  const { fn } = e;
  e.flagsUsed();
  if (e.knownKind >= 0) {
    if (!isBeforeCarry(e.knownKind)) return;
    if ((e.knownKind & MAYBE_CARRY_IN) === 0) deferCarry(e, e.knownKind);
    else {
      pushCarry(e, e.knownKind);
      popFlagBit(e, FLAG_CF);
    }
    return;
  }
  fn.get(e.ccKind).i32(CC_ADD).op("i32.sub");
  fn.i32(CC_INC - CC_ADD)
    .op("i32.lt_u")
    .if();
  if (!isBeforeCarry(e.expectedKind)) e.expectedKind = -1;
  pushCarryFlag(e);
  popFlagBit(e, FLAG_CF);
  fn.end();
}

/** CC_ADD … CC_LOGIC: CF is not in RFLAGS yet. */
function isBeforeCarry(kind: number): boolean {
  const family = familyOf(kind);
  return family >= CC_ADD && family < CC_INC;
}

function deferCarry(e: UnitEmitter, kind: number): void {
  const { fn } = e;
  const result = e.temp(TYPE_I64);
  const source = e.temp(TYPE_I64);
  fn.get(e.ccResult).set(result).get(e.ccSource).set(source);
  e.deferFlags(() => {
    pushCarry(e, kind, result, source);
    popFlagBit(e, FLAG_CF);
  });
}

/**
 * Puts CF, OF and AF into RFLAGS, with a kind that leaves them there and keeps ZF, SF and PF: what a rotate
 * or a bit test starts from. `replaced` are those of the three that the caller sets anyway.
 */
export function keepCarryOverflowAdjust(e: UnitEmitter, replaced: number): void {
  const { fn } = e;
  e.flagsUsed();
  if (e.knownKind >= 0) {
    writeCarryOverflowAdjust(e, e.knownKind, replaced);
    e.kindIs(withoutThem(e, e.knownKind));
    return;
  }
  const expected = e.expectedKind;
  if (expected < 0 || (expected & MAYBE_CARRY_IN) !== 0) {
    askCarryOverflowAdjust(e);
    return;
  }
  fn.get(e.ccKind).i32(expected).op("i32.eq").if();
  writeCarryOverflowAdjust(e, expected, replaced);
  e.expectedKind = withoutThem(e, expected);
  fn.else();
  askCarryOverflowAdjust(e);
  fn.end();
}

function hasThem(kind: number): boolean {
  const family = familyOf(kind);
  return family === CC_EXPLICIT || family === CC_RESULT_ONLY;
}

/** Makes a known kind one that leaves CF, OF and AF to RFLAGS. */
function withoutThem(e: UnitEmitter, kind: number): number {
  const rest = restOf(kind);
  e.fn.i32(rest).set(e.ccKind);
  return rest;
}

/** The kind that leaves CF, OF and AF to RFLAGS, and the other three to what a kind says. */
function restOf(kind: number): number {
  return hasThem(kind) ? kind : CC_RESULT_ONLY | (kind & 3);
}

/** Puts those of CF, OF and AF that are not `replaced` into RFLAGS, as a known kind tells them. */
function writeCarryOverflowAdjust(e: UnitEmitter, kind: number, replaced: number): void {
  if (hasThem(kind)) return;
  for (const [flag, push] of [
    [FLAG_CF, pushCarry],
    [FLAG_OF, pushOverflow],
    [FLAG_AF, pushAdjust],
  ] as const) {
    if ((replaced & flag) !== 0) continue;
    push(e, kind);
    popFlagBit(e, flag);
  }
}

function askCarryOverflowAdjust(e: UnitEmitter): void {
  const { fn } = e;
  fn.get(e.ccKind).i32(CC_ADD).op("i32.sub");
  fn.i32(CC_RESULT_ONLY - CC_ADD)
    .op("i32.lt_u")
    .if();
  e.publishFlags();
  fn.call(e.runtime.settle);
  e.fetchFlags();
  fn.end();
}

/**
 * For an instruction that replaces CF and OF and keeps the rest: `write` puts those two into RFLAGS. It is done where
 * they may be seen; so is what earlier instructions have left to be done late.
 */
export function replaceCarryOverflow(e: UnitEmitter, write: () => void): void {
  const kind = e.knownKind;
  e.flagsUsed();
  if (kind < 0) {
    // The first one of several sees to what was before.
    if (e.lateFlags === undefined) {
      e.deferFlagsBeside(() => keepCarryOverflowAdjust(e, FLAG_CF | FLAG_OF));
    }
  } else if ((kind & MAYBE_CARRY_IN) !== 0) {
    e.settleLateFlags();
    keepCarryOverflowAdjust(e, FLAG_CF | FLAG_OF);
  } else if (!hasThem(kind)) {
    e.deferFlagsBeside(() => writeCarryOverflowAdjust(e, kind, FLAG_CF | FLAG_OF));
    e.setKind(restOf(kind));
  }
  e.deferCarryOverflow(write);
}

/** Pops CF (an i32 whose bit 0 counts). */
export function setCarry(e: UnitEmitter): void {
  e.fn.i32(1).op("i32.and");
  popFlagBit(e, FLAG_CF);
}

/** Pops CF, then OF (i32s whose bit 0 counts: OF was pushed last), and clears AF if a shift does. */
export function setCarryOverflow(e: UnitEmitter, clearsAdjust: boolean): void {
  const { fn } = e;
  fn.i32(1).op("i32.and").i32(11).op("i32.shl");
  const overflow = e.temp(TYPE_I32);
  fn.set(overflow);
  fn.i32(1).op("i32.and").get(overflow).op("i32.or");
  const cleared = FLAG_CF | FLAG_OF | (clearsAdjust ? FLAG_AF : 0);
  fn.get(e.flags).i32(~cleared).op("i32.and").op("i32.or").set(e.flags);
}

/** Puts all six into RFLAGS. */
export function settleAll(e: UnitEmitter): void {
  const { fn } = e;
  e.flagsUsed();
  if (e.knownKind < 0) {
    fn.get(e.ccKind).if();
    e.publishFlags();
    fn.call(e.runtime.settle);
    e.fetchFlags();
    fn.end();
    return;
  }
  const kind = e.knownKind;
  if (familyOf(kind) === CC_EXPLICIT) return;
  keepCarryOverflowAdjust(e, 0);
  pushZero(e, kind);
  popFlagBit(e, FLAG_ZF);
  pushSign(e, kind);
  popFlagBit(e, FLAG_SF);
  pushParity(e, kind);
  popFlagBit(e, FLAG_PF);
  e.setKindHere(CC_EXPLICIT);
}

/** ADC's and SBB's kinds follow those without a carry, as {@link setFlagsWithCarry} takes for granted. */
if (CC_ADC !== CC_ADD + 4) throw new RangeError("CC_ADC must follow CC_ADD");
