// SPDX-License-Identifier: BSD-2-Clause
// Lowerings of isa/mul-div.ts. What WebAssembly has no operator for, a 128-bit dividend that needs all its
// bits, is left to the executor; so are faults.
import { IMM } from "../../decode/record.ts";
import { CC_RESULT_ONLY, WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 } from "../../flags.ts";
import { GPR, RAX, RDX } from "../../state-layout.ts";
import type { UnitEmitter } from "../emitter.ts";
import { setCarryOverflow, setFlags } from "../lazy-flags.ts";
import { type Lowering, operandLocal, popRegister, pushOperand, pushRegister } from "../operand.ts";
import type { Local } from "../wasm/function-builder.ts";
import { TYPE_I32, TYPE_I64 } from "../wasm/opcodes.ts";

const EAX = GPR + 2 * RAX;
const EDX = GPR + 2 * RDX;

/** CF and OF as the i32 that is pushed says, AF clear, the rest those of the lower half (i64). */
function productFlags(e: UnitEmitter, width: number, low: Local, pushIsWide: () => void): void {
  setFlags(e, CC_RESULT_ONLY | width, low);
  e.deferFlags(() => {
    const isWide = e.temp(TYPE_I32);
    pushIsWide();
    e.fn.tee(isWide).get(isWide);
    setCarryOverflow(e, true);
  });
}

function pushExtended(e: UnitEmitter, value: Local, isSigned: boolean): void {
  e.fn.get(value).op(isSigned ? "i64.extend_i32_s" : "i64.extend_i32_u");
}

/** Pushes the upper half of the 128-bit product of two i64 locals. */
function pushHighProduct(e: UnitEmitter, a: Local, b: Local, isSigned: boolean): void {
  const { fn } = e;
  const high = isSigned ? "i64.shr_s" : "i64.shr_u";
  const lower = (value: Local) => fn.get(value).i64(-1, 0).op("i64.and");
  const upper = (value: Local) => fn.get(value).i64(32).op(high);
  const middle = e.temp(TYPE_I64);
  const cross = e.temp(TYPE_I64);
  // middle = aHi × bLo + (aLo × bLo >> 32), without overflow
  upper(a);
  lower(b);
  fn.op("i64.mul");
  lower(a);
  lower(b);
  fn.op("i64.mul").i64(32).op("i64.shr_u").op("i64.add").set(middle);
  // cross = aLo × bHi + the lower half of that
  lower(a);
  upper(b);
  fn.op("i64.mul");
  lower(middle);
  fn.op("i64.add").set(cross);
  upper(a);
  upper(b);
  fn.op("i64.mul").get(middle).i64(32).op(high).op("i64.add");
  fn.get(cross).i64(32).op(high).op("i64.add");
}

/** Pushes 1 if the upper half of a product matters. */
function pushIsWide(e: UnitEmitter, low: Local, high: Local, isSigned: boolean): void {
  const { fn } = e;
  fn.get(high);
  if (isSigned) fn.get(low).i64(63).op("i64.shr_s");
  else fn.i64(0);
  fn.op("i64.ne");
}

/** MUL, IMUL with one operand: rDX:rAX = rAX × A. */
function accumulatorProduct(isSigned: boolean): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (width === WIDTH_64) return product128(e, p, isSigned);
    if (width !== WIDTH_32) return false;
    const { fn } = e;
    const b = operandLocal(e, p, e.slotA(p), width);
    const a = operandLocal(e, p, EAX, width);
    const product = e.temp(TYPE_I64);
    const low = e.temp(TYPE_I64);
    pushExtended(e, a, isSigned);
    pushExtended(e, b, isSigned);
    fn.op("i64.mul").tee(product).i64(-1, 0).op("i64.and").tee(low);
    e.set64(EAX);
    fn.get(product).i64(32).op("i64.shr_u");
    e.set64(EDX);
    productFlags(e, width, low, () => {
      fn.get(product);
      if (isSigned) fn.get(product).op("i64.extend32_s");
      else fn.get(low);
      fn.op("i64.ne");
    });
    return true;
  };
}

function product128(e: UnitEmitter, p: number, isSigned: boolean): boolean {
  const { fn } = e;
  const b = operandLocal(e, p, e.slotA(p), WIDTH_64);
  const a = operandLocal(e, p, EAX, WIDTH_64);
  const low = e.temp(TYPE_I64);
  const high = e.temp(TYPE_I64);
  fn.get(a).get(b).op("i64.mul").set(low);
  pushHighProduct(e, a, b, isSigned);
  fn.set(high);
  fn.get(low);
  e.set64(EAX);
  fn.get(high);
  e.set64(EDX);
  productFlags(e, WIDTH_64, low, () => pushIsWide(e, low, high, isSigned));
  return true;
}

/** IMUL with a destination of its own: A = A × B, or A = B × immediate. */
function product(hasImmediate: boolean): Lowering {
  return (e, p) => {
    const { fn } = e;
    const width = e.width(p);
    if (width === WIDTH_64) {
      const low = e.temp(TYPE_I64);
      const b = operandLocal(e, p, e.slotB(p), width);
      const a = e.temp(TYPE_I64);
      if (hasImmediate) fn.i64(e.code[p + IMM]!);
      else e.get64(e.slotA(p));
      fn.set(a);
      fn.get(a).get(b).op("i64.mul").tee(low);
      e.set64(e.slotA(p));
      productFlags(e, width, low, () => {
        const high = e.temp(TYPE_I64);
        pushHighProduct(e, a, b, true);
        fn.set(high);
        pushIsWide(e, low, high, true);
      });
      return true;
    }
    pushOperand(e, p, e.slotB(p), width);
    if (width === WIDTH_16) fn.op("i32.extend16_s");
    fn.op("i64.extend_i32_s");
    if (hasImmediate) fn.i32(e.code[p + IMM]!);
    else pushRegister(e, e.slotA(p), width);
    if (width === WIDTH_16) fn.op("i32.extend16_s");
    // The kind needs no left operand, so that its local has the whole product.
    fn.op("i64.extend_i32_s").op("i64.mul").tee(e.ccSource);
    fn.i64(width === WIDTH_16 ? 0xffff : -1, 0)
      .op("i64.and")
      .tee(e.ccResult)
      .op("i32.wrap_i64");
    popRegister(e, e.slotA(p), width);
    productFlags(e, width, e.ccResult, () => {
      fn.get(e.ccSource).get(e.ccSource);
      fn.op(width === WIDTH_16 ? "i64.extend16_s" : "i64.extend32_s").op("i64.ne");
    });
    return true;
  };
}

/** MULX: A:B = rDX × C. */
function mulx(e: UnitEmitter, p: number): boolean {
  const { fn } = e;
  const width = e.width(p);
  const c = operandLocal(e, p, e.slotC(p), width);
  const factor = operandLocal(e, p, EDX, width);
  if (width === WIDTH_64) {
    const high = e.temp(TYPE_I64);
    pushHighProduct(e, factor, c, false);
    fn.set(high);
    fn.get(factor).get(c).op("i64.mul");
    e.set64(e.slotB(p));
    fn.get(high);
    e.set64(e.slotA(p));
    return true;
  }
  const full = e.temp(TYPE_I64);
  pushExtended(e, factor, false);
  pushExtended(e, c, false);
  fn.op("i64.mul").tee(full).op("i32.wrap_i64");
  e.set32(e.slotB(p));
  fn.get(full).i64(32).op("i64.shr_u");
  e.set64(e.slotA(p));
  return true;
}

/** Pushes the 64-bit dividend in EDX:EAX. */
function pushDividend(e: UnitEmitter): void {
  e.get64(EDX);
  e.fn.i64(32).op("i64.shl");
  e.get64(EAX);
  e.fn.i64(-1, 0).op("i64.and").op("i64.or");
}

/** DIV and IDIV; quotients that do not fit and divisors of zero are the interpreter's fault to raise. */
function divide(isSigned: boolean): Lowering {
  return (e, p) => {
    const width = e.width(p);
    if (width === WIDTH_8 || width === WIDTH_16) return false;
    const { fn } = e;
    const divisor = e.temp(TYPE_I64);
    const dividend = e.temp(TYPE_I64);
    const slot = operandLocal(e, p, e.slotA(p), width);
    if (width === WIDTH_64) fn.get(slot);
    else pushExtended(e, slot, isSigned);
    fn.set(divisor);
    fn.get(divisor).op("i64.eqz");
    e.bailIf(p);
    if (width === WIDTH_64) {
      // Only dividends that fit 64 bits.
      e.get64(EDX);
      if (isSigned) {
        e.get64(EAX);
        fn.i64(63).op("i64.shr_s");
      } else fn.i64(0);
      fn.op("i64.ne");
      e.bailIf(p);
      e.get64(EAX);
    } else pushDividend(e);
    fn.set(dividend);
    if (isSigned) {
      // The most negative number by -1 overflows.
      fn.get(divisor).i64(-1).op("i64.eq");
      fn.get(dividend).i64(0, -0x80000000).op("i64.eq").op("i32.and");
      e.bailIf(p);
    }
    const quotient = e.temp(TYPE_I64);
    fn.get(dividend).get(divisor);
    fn.op(isSigned ? "i64.div_s" : "i64.div_u").set(quotient);
    if (width === WIDTH_32) {
      fn.get(quotient).get(quotient);
      if (isSigned) fn.op("i64.extend32_s");
      else fn.i64(-1, 0).op("i64.and");
      fn.op("i64.ne");
      e.bailIf(p);
    }
    const rest = e.temp(TYPE_I64);
    fn.get(dividend).get(quotient).get(divisor).op("i64.mul").op("i64.sub").set(rest);
    for (const [value, register] of [
      [quotient, EAX],
      [rest, EDX],
    ] as const) {
      fn.get(value);
      if (width === WIDTH_32) fn.i64(-1, 0).op("i64.and");
      e.set64(register);
    }
    return true;
  };
}

export const MUL_DIV_LOWERINGS = {
  mul: accumulatorProduct(false),
  imul1: accumulatorProduct(true),
  imul2: product(false),
  imul3: product(true),
  mulx,
  div: divide(false),
  idiv: divide(true),
} as const;
