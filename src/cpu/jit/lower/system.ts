// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of what kernels execute all the time: the interrupt flag (isa/control.ts, isa/system.ts), the time
// stamp counter, the bases and selectors of segments. Each does the case without a fault and without an
// interrupt to deliver; everything else is the interpreter's.
import { NEXT, RECORD_WORDS, SLOT_MEMORY } from "../../decode/record.ts";
import {
  CC_EXPLICIT,
  FLAG_AC,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  FLAGS_ARITHMETIC,
  WIDTH_32,
  WIDTH_64,
} from "../../flags.ts";
import { TSC_HZ } from "../../model.ts";
import {
  CPL,
  CR4,
  GPR,
  GS,
  INTERRUPT_REQUESTED,
  MSR_KERNEL_GS_BASE,
  MSR_TSC_AUX,
  PAUSES,
  RAX,
  RCX,
  RDX,
  RSP,
  SEG_BASE,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SLICE_END_NS,
  TSC_OFFSET,
} from "../../state-layout.ts";
import { CR4_TSD } from "../../system/control-bits.ts";
import type { UnitEmitter } from "../emitter.ts";
import { settleAll } from "../lazy-flags.ts";
import { popRegister } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_F64, TYPE_I32, TYPE_I64 } from "../wasm/opcodes.ts";
import { pushFromStack, pushStackAddress, pushToStack } from "./control.ts";

const NS_PER_SECOND = 1e9;
const SP = GPR + 2 * RSP;

/** Where the block goes on behind its last instruction, at `p`. */
function goOn(e: UnitEmitter, p: number): boolean {
  e.go(e.code[p + RECORD_WORDS + NEXT]!);
  return true;
}

/** Pushes 1 if the CPL is above RFLAGS.IOPL, so that the interrupt flag is not to be touched. */
function pushIsUnprivileged(e: UnitEmitter): void {
  const { fn } = e;
  e.flagsUsed();
  e.loadState("i32.load", CPL);
  fn.get(e.flags).i32(FLAG_IOPL).op("i32.and").i32(12).op("i32.shr_u").op("i32.gt_u");
}

function cli(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  pushIsUnprivileged(e);
  e.bailIf(p);
  fn.get(e.flags).i32(~FLAG_IF).op("i32.and").set(e.flags);
  return true;
}

/**
 * The shadow holds nothing off if no interrupt is asked for. One that is asked for between two runs of the vCPU,
 * right behind this instruction, would be: then this is the last one of its run.
 */
function sti(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  pushIsUnprivileged(e);
  e.bailIf(p);
  fn.get(e.flags).i32(FLAG_IF).op("i32.and").op("i32.eqz").if();
  e.loadState("i32.load", INTERRUPT_REQUESTED);
  e.pushRemaining(p);
  fn.op("i32.eqz").op("i32.or");
  e.bailIf(p);
  fn.get(e.flags).i32(FLAG_IF).op("i32.or").set(e.flags).end();
  return goOn(e, p);
}

function pushf(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  if (!e.is64 || e.width(p) !== WIDTH_64) return false;
  settleAll(e);
  const image = e.temp(TYPE_I64);
  fn.get(e.flags).i32(~(FLAG_RF | FLAG_VM));
  fn.op("i32.and").op("i64.extend_i32_u").set(image);
  pushToStack(e, p, WIDTH_64, { push: () => fn.get(image), isWide: true });
  return true;
}

/** Flags whose change has consequences that are the interpreter's to draw. */
const RARE = FLAG_TF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID;
const POPPED = FLAGS_ARITHMETIC | FLAG_IF | FLAG_DF;

function popf(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  if (!e.is64 || e.width(p) !== WIDTH_64) return false;
  e.flagsUsed();
  const image = e.temp(TYPE_I32);
  pushFromStack(e, p, WIDTH_64, SP);
  fn.op("i32.wrap_i64").tee(image);
  fn.get(e.flags).op("i32.xor").i32(RARE).op("i32.and");
  e.bailIf(p);
  fn.get(image).get(e.flags).op("i32.xor").i32(FLAG_IF).op("i32.and").if();
  pushIsUnprivileged(e);
  fn.get(image).i32(FLAG_IF).op("i32.and").op("i32.eqz").op("i32.eqz");
  e.loadState("i32.load", INTERRUPT_REQUESTED);
  fn.op("i32.and").op("i32.or");
  e.bailIf(p);
  fn.end();
  pushStackAddress(e, SP, 8);
  e.set64(SP);
  fn.get(e.flags).i32(~POPPED).op("i32.and");
  fn.get(image).i32(POPPED).op("i32.and").op("i32.or").set(e.flags);
  e.setKind(CC_EXPLICIT);
  return goOn(e, p);
}

/** Adds 1 to a pair of the state. */
function pause(e: UnitEmitter): boolean {
  e.stateBase();
  e.loadState("i64.load", PAUSES);
  e.fn.i64(1).op("i64.add");
  e.storeState("i64.store", PAUSES);
  return true;
}

/** Ticks of the counter at guest time `ns`, as base/frequency.ts works them out. */
function pushTicksAt(e: UnitEmitter, ns: Local): void {
  const { fn } = e;
  const seconds = e.temp(TYPE_F64);
  fn.get(ns).f64(NS_PER_SECOND).op("f64.div").op("f64.floor").tee(seconds);
  fn.f64(TSC_HZ).op("f64.mul");
  fn.get(ns).get(seconds).f64(NS_PER_SECOND).op("f64.mul").op("f64.sub");
  fn.f64(TSC_HZ).op("f64.mul").f64(NS_PER_SECOND).op("f64.div").op("f64.floor").op("f64.add");
}

function rdtsc(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  e.loadState("i32.load", CPL);
  fn.i32(0).op("i32.ne");
  e.loadState("i32.load", CR4);
  fn.i32(CR4_TSD).op("i32.and").i32(0).op("i32.ne").op("i32.and");
  e.bailIf(p);
  const ns = e.temp(TYPE_F64);
  e.loadState("f64.load", SLICE_END_NS);
  fn.tee(ns).f64(0).op("f64.lt").if(TYPE_F64);
  fn.call(e.runtime.ticks).else();
  // The instruction itself is not retired yet.
  fn.get(ns);
  e.pushRemaining(p);
  fn.i32(1).op("i32.add").op("f64.convert_i32_s").op("f64.sub").set(ns);
  pushTicksAt(e, ns);
  fn.end().op("i64.trunc_f64_s");
  e.loadState("i64.load", TSC_OFFSET);
  const ticks = e.temp(TYPE_I64);
  fn.op("i64.add").tee(ticks).i64(-1, 0).op("i64.and");
  e.setGpr(RAX);
  fn.get(ticks).i64(32).op("i64.shr_u");
  e.setGpr(RDX);
  return true;
}

function rdtscp(e: UnitEmitter, p: number): boolean {
  rdtsc(e, p);
  e.loadState("i64.load32_u", MSR_TSC_AUX);
  e.setGpr(RCX);
  return true;
}

function swapgs(e: UnitEmitter, p: number): boolean {
  const base = SEGMENTS + GS * SEG_WORDS + SEG_BASE;
  e.loadState("i32.load", CPL);
  e.bailIf(p);
  e.stateBase();
  e.loadState("i64.load", MSR_KERNEL_GS_BASE);
  e.stateBase();
  e.loadState("i64.load", base);
  e.storeState("i64.store", MSR_KERNEL_GS_BASE);
  e.storeState("i64.store", base);
  return true;
}

function movFromSegment(e: UnitEmitter, p: number): boolean {
  const segment = e.slotB(p);
  if (e.slotA(p) === SLOT_MEMORY || segment > GS) return false;
  const width = e.width(p);
  const word = SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR;
  e.loadState(width === WIDTH_64 ? "i64.load32_u" : "i32.load", word);
  if (width !== WIDTH_64 && width !== WIDTH_32) e.fn.i32(0xffff).op("i32.and");
  popRegister(e, e.slotA(p), width);
  return true;
}

export const SYSTEM_LOWERINGS = {
  cli,
  pushf,
  pause,
  rdtsc,
  rdtscp,
  swapgs,
  movFromSegment,
} as const;

/** Those that leave the block for good. */
export const SYSTEM_ENDINGS = { sti, popf } as const;
