// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/control.ts: the stack, near calls, returns and jumps, of the code's own operand size (64 bits
// in 64-bit code, 32 in flat 32-bit code). Other sizes are left to the executors.
import { IMM, INFO, INFO_FAR_TARGET, NEXT, SLOT_MEMORY } from "../../decode/record.ts";
import { WIDTH_16, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import { GPR, RBP, RSP } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import { pushCondition } from "../lazy-flags.ts";
import { pushPlace, type Stored, storeAt } from "../memory-path.ts";
import { load, operandLocal, popRegister, pushOperand, storedOperand } from "../operand.ts";

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

/** Pushes a value of the width onto the guest's stack. */
export function pushToStack(e: UnitEmitter, p: number, width: number, value: Stored): void {
  pushStackAddress(e, SP, -(1 << width));
  storeAt(e, p, width, value);
  // Stacks that units have to do with begin at address 0, so that this is what the stack pointer has to be.
  e.fn.get(e.address);
  e.set64(SP);
}

/** Pushes what lies on the guest's stack at `slot`, of the width's type. */
export function pushFromStack(e: UnitEmitter, p: number, width: number, slot: number): void {
  pushStackAddress(e, slot, 0);
  pushPlace(e, p, 1 << width, false);
  load(e, width);
}

function push(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e)) return false;
  const slot = e.slotA(p);
  if (slot === SLOT_MEMORY) {
    const value = operandLocal(e, p, slot, width);
    pushToStack(e, p, width, { push: () => e.fn.get(value), isWide: width === WIDTH_64 });
  } else pushToStack(e, p, width, storedOperand(e, p, slot, width));
  return true;
}

function pop(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e) || e.slotA(p) === SLOT_MEMORY) return false;
  pushFromStack(e, p, width, SP);
  pushStackAddress(e, SP, 1 << width);
  e.set64(SP);
  popRegister(e, e.slotA(p), width);
  return true;
}

function leave(e: UnitEmitter, p: number): boolean {
  const width = e.width(p);
  if (width !== nativeWidth(e)) return false;
  pushFromStack(e, p, width, BP);
  pushStackAddress(e, BP, 1 << width);
  e.set64(SP);
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
function returnAddress(e: UnitEmitter, p: number): Stored {
  return { push: () => e.pushCodeAddress(e.code[p + NEXT]!), isWide: true };
}

function call(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width || isUnusual(e, p)) return false;
  e.checkBranch(p, e.code[p + IMM]!);
  pushToStack(e, p, width, returnAddress(e, p));
  e.go(e.code[p + IMM]!);
  return true;
}

/** Pops an indirect branch's target into `rip`; non-canonical ones are the interpreter's. */
function popTarget(e: UnitEmitter, p: number): void {
  if (!e.is64) e.fn.op("i64.extend_i32_u");
  e.fn.set(e.rip);
  if (e.is64) e.bailUnlessCanonical(p, e.rip);
}

function ret(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  pushFromStack(e, p, width, SP);
  popTarget(e, p);
  pushStackAddress(e, SP, (1 << width) + (e.code[p + IMM]! & 0xffff));
  e.set64(SP);
  e.leaveByReturn();
  return true;
}

function callIndirect(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  pushOperand(e, p, e.slotA(p), width);
  popTarget(e, p);
  pushToStack(e, p, width, returnAddress(e, p));
  e.leaveByTarget();
  return true;
}

function jmpIndirect(e: UnitEmitter, p: number): boolean {
  const width = nativeWidth(e);
  if (e.width(p) !== width) return false;
  pushOperand(e, p, e.slotA(p), width);
  popTarget(e, p);
  e.leaveByTarget();
  return true;
}

export const CONTROL_LOWERINGS = { push, pop, leave, jcc } as const;

/** Those that leave the block for good. */
export const BRANCH_LOWERINGS = { jmp, call, ret, callIndirect, jmpIndirect } as const;
