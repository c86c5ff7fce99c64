// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/control.ts: the stack, near calls, returns and jumps, of the code's own operand size (64 bits
// in 64-bit code, 32 in flat 32-bit code). Other sizes are left to the executors.
import {
  IMM,
  INFO,
  INFO_FAR_TARGET,
  NEXT,
  SLOT_IMMEDIATE,
  SLOT_MEMORY,
} from "../../decode/record.ts";
import { WIDTH_16, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import { GPR, RBP, RSP } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushCondition } from "../lazy-flags.ts";
import { pushPlace, storeAt } from "../memory-path.ts";
import { constant, load, operandLocal, popRegister, typeOf } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I64 } from "../wasm/opcodes.ts";

const SP = GPR + 2 * RSP;
const BP = GPR + 2 * RBP;

/** Width of a near branch's operand and of what calls push. */
function nativeWidth(e: UnitEmitter): number {
  return e.is64 ? WIDTH_64 : WIDTH_32;
}

/** Pushes register + bytes as an address: 32-bit stacks wrap at 4 GiB. */
export function pushStackAddress(e: UnitEmitter, slot: number, bytes: number): void {
  e.get64(slot);
  if (bytes !== 0) e.fn.i64(bytes).op("i64.add");
  if (!e.is64) e.fn.i64(-1, 0).op("i64.and");
}

/** Pushes the value in a local of the width's type onto the guest's stack. */
export function pushToStack(e: UnitEmitter, p: number, width: number, value: Local): void {
  const { fn } = e;
  const sp = e.temp(TYPE_I64);
  pushStackAddress(e, SP, -(1 << width));
  fn.tee(sp);
  storeAt(e, p, width, value);
  fn.get(sp);
  e.set64(SP);
}

/** Loads from the guest's stack at `slot` into a local. */
export function loadFromStack(e: UnitEmitter, p: number, width: number, slot: number): Local {
  const value = e.temp(typeOf(width));
  pushStackAddress(e, slot, 0);
  pushPlace(e, p, 1 << width, false);
  load(e, width);
  e.fn.set(value);
  return value;
}

function push(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e)) return false;
  const slot = e.slotA(p);
  let value: Local;
  if (slot === SLOT_IMMEDIATE) {
    value = e.temp(typeOf(width));
    constant(e, width, e.code[p + IMM]!);
    e.fn.set(value);
  } else value = operandLocal(e, p, slot, width);
  pushToStack(e, p, width, value);
  return true;
}

function pop(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e) || e.slotA(p) === SLOT_MEMORY) return false;
  const value = loadFromStack(e, p, width, SP);
  pushStackAddress(e, SP, 1 << width);
  e.set64(SP);
  e.fn.get(value);
  popRegister(e, e.slotA(p), width);
  return true;
}

function leave(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e)) return false;
  const value = loadFromStack(e, p, width, BP);
  pushStackAddress(e, BP, 1 << width);
  e.set64(SP);
  e.fn.get(value);
  popRegister(e, BP, width);
  return true;
}

/** A relative branch whose distance does not fit its field, or of 16 bits. */
function isUnusual(e: UnitEmitter, p: number): boolean {
  return e.width(p) <= WIDTH_16 || (e.code[p + INFO]! & INFO_FAR_TARGET) !== 0;
}

function jcc(e: UnitEmitter, p: number): boolean {
  if (isUnusual(e, p)) return false;
  pushCondition(e, e.slotC(p));
  e.fn.if();
  e.branch(p, e.code[p + IMM]!);
  e.fn.end();
  return true;
}

function jmp(e: UnitEmitter, p: number): boolean {
  if (isUnusual(e, p)) return false;
  e.branch(p, e.code[p + IMM]!);
  return true;
}

/** The return address of the call at `p`. */
function returnAddress(e: UnitEmitter, p: number): Local {
  const width = nativeWidth(e);
  const value = e.temp(typeOf(width));
  e.pushCodeAddress(e.code[p + NEXT]!);
  if (width === WIDTH_32) e.fn.op("i32.wrap_i64");
  e.fn.set(value);
  return value;
}

function call(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width || isUnusual(e, p)) return false;
  e.checkBranch(p, e.code[p + IMM]!);
  pushToStack(e, p, width, returnAddress(e, p));
  e.go(e.code[p + IMM]!);
  return true;
}

/** The target of an indirect branch in a local of i64; non-canonical ones are the interpreter's. */
function target(e: UnitEmitter, p: number, value: Local): Local {
  const { fn } = e;
  const local = e.temp(TYPE_I64);
  fn.get(value);
  if (!e.is64) {
    fn.op("i64.extend_i32_u").set(local);
    return local;
  }
  fn.set(local);
  e.bailUnlessCanonical(p, local);
  return local;
}

function ret(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  const to = target(e, p, loadFromStack(e, p, width, SP));
  pushStackAddress(e, SP, (1 << width) + (e.code[p + IMM]! & 0xffff));
  e.set64(SP);
  e.fn.get(to);
  e.leaveByReturn();
  return true;
}

function callIndirect(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  const to = target(e, p, operandLocal(e, p, e.slotA(p), width));
  pushToStack(e, p, width, returnAddress(e, p));
  e.fn.get(to);
  e.leave();
  return true;
}

function jmpIndirect(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  e.fn.get(target(e, p, operandLocal(e, p, e.slotA(p), width)));
  e.leave();
  return true;
}

export const CONTROL_LOWERINGS = { push, pop, leave, jcc } as const;

/** Those that leave the block for good. */
export const BRANCH_LOWERINGS = { jmp, call, ret, callIndirect, jmpIndirect } as const;
