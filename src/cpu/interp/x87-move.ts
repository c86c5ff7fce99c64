// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/x87.ts that move: loads, stores, exchanges. SDM 2 FLD, FILD, FBLD, FST, FIST, FBSTP, FCMOV.
import { HI as HIGH_HALF } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { highHalfAt } from "../ea.ts";
import { isCondition } from "../flags.ts";
import { copy, setIndefinite, setResult } from "../fpu/float80.ts";
import { DENORMAL, EXP_BIAS, QUIET_BIT, SIG_HI, SIGN_EXP, SNAN } from "../fpu/format.ts";
import { fromDecimal, fromInt32, fromInt64, toDecimal, toInteger } from "../fpu/integer.ts";
import { fromFloat32, fromFloat64, toFloat32, toFloat64 } from "../fpu/narrow.ts";
import { roundPack, setExact } from "../fpu/round.ts";
import {
  CONTROL_EXTENDED,
  CONTROL_ROUNDING,
  EXCEPTIONS,
  STATUS_DE,
  STATUS_IE,
  STATUS_PE,
} from "../fpu/status.ts";
import {
  begin,
  canPush,
  isEmpty,
  noteInstruction,
  noteOperand,
  pop,
  pushResult,
  report,
  rotate,
  STACK_UNDERFLOW,
  setEmpty,
  setFull,
  stackRegister,
  stackUnderflow,
  storeResult,
} from "../fpu/x87-state.ts";
import { POP, TRUNCATED } from "../isa/x87-forms.ts";
import { FPU_CONTROL, FPU_OPERAND, FPU_RESULT } from "../state-layout.ts";
import {
  type Executor,
  loadM16,
  loadM32,
  loadM64,
  slotA,
  slotB,
  slotC,
  storeM16,
  storeM32,
  storeM64,
} from "./operands.ts";

// Loads.

/** Pushes FPU_OPERAND, a single or double as it was widened. */
function pushWidened(cpu: Cpu, p: number, kind: number): void {
  const { s } = cpu;
  noteOperand(cpu, p);
  if (!canPush(cpu, p)) return;
  copy(s, FPU_OPERAND, FPU_RESULT);
  let flags = 0;
  if (kind === SNAN) {
    s[FPU_RESULT + SIG_HI] = s[FPU_RESULT + SIG_HI]! | QUIET_BIT;
    flags = STATUS_IE;
  } else if (kind === DENORMAL) flags = STATUS_DE;
  // An unmasked denormal is loaded, and reported, too.
  const isPushed = (flags & ~s[FPU_CONTROL]! & STATUS_IE) === 0;
  report(cpu, p, flags);
  if (isPushed) pushResult(s);
}

/** Pushes a number that cannot raise an exception; `make` leaves it as the result. */
function load(read: (cpu: Cpu, p: number) => void, make: (s: Int32Array) => void): Executor {
  return (cpu, p) => {
    begin(cpu, p);
    read(cpu, p);
    noteOperand(cpu, p);
    if (!canPush(cpu, p)) return;
    make(cpu.s);
    report(cpu, p, 0);
    pushResult(cpu.s);
  };
}

/** Ten bytes of memory to FPU_OPERAND. */
function loadTenBytes(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const at = cpu.ea(p, 10, false);
  const atHi = s[HIGH_HALF]!;
  mem.checkAlignment(at, atHi, 8);
  mem.probeRead(at, atHi, 10);
  const lo = mem.load64(at, atHi);
  const hi = s[HIGH_HALF]!;
  const top = (at + 8) | 0;
  s[FPU_OPERAND + SIGN_EXP] = mem.load16(top, highHalfAt(cpu, at, atHi, top));
  s[FPU_OPERAND + SIG_HI] = hi;
  s[FPU_OPERAND] = lo;
}

function fldSt(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const source = stackRegister(s, slotA(cpu, p));
  if (isEmpty(s, source)) {
    if (stackUnderflow(cpu, p)) pushResult(s);
    return;
  }
  if (!canPush(cpu, p)) return;
  report(cpu, p, 0);
  copy(s, source, FPU_RESULT);
  pushResult(s);
}

/** 1, log2 10, log2 e, pi, log10 2, ln 2, 0: significand, the 32 bits that follow, exponent. */
const CONSTANTS: readonly (readonly [hi: number, lo: number, rest: number, exp: number])[] = [
  [0x80000000, 0, 0, EXP_BIAS],
  [0xd49a784b, 0xcd1b8afe, 0x492bf6ff, EXP_BIAS + 1],
  [0xb8aa3b29, 0x5c17f0bb, 0xbe87fed0, EXP_BIAS],
  [0xc90fdaa2, 0x2168c234, 0xc4c6628b, EXP_BIAS + 1],
  [0x9a209a84, 0xfbcff798, 0x8f8959ac, EXP_BIAS - 2],
  [0xb17217f7, 0xd1cf79ab, 0xc9e3b398, EXP_BIAS - 1],
];

/** Constants are rounded as the control word says, but never inexact. */
function fldConstant(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  if (!canPush(cpu, p)) return;
  const constant = CONSTANTS[slotC(cpu, p)];
  if (constant === undefined) setResult(s, 0, 0, 0);
  else {
    const [hi, lo, rest, exp] = constant;
    setExact(s, 0, exp);
    roundPack(s, hi | 0, lo | 0, rest | 0, s[FPU_CONTROL]! | CONTROL_EXTENDED);
  }
  report(cpu, p, 0);
  pushResult(s);
}

// Stores.

type Convert = (s: Int32Array, at: number, control: number) => number;
type Write = (cpu: Cpu, p: number) => void;

/**
 * Stores ST(0), converted, in `size` bytes. With an unmasked exception other than inexactness there is nothing
 * to store. The store comes first, since it may fault, and would fault even if there is nothing to store.
 */
function store(convert: Convert, write: Write, size: number): Executor {
  return (cpu, p) => {
    const { s } = cpu;
    begin(cpu, p);
    const aux = slotC(cpu, p);
    const st0 = stackRegister(s, 0);
    const control = s[FPU_CONTROL]!;
    let flags = STACK_UNDERFLOW;
    if (isEmpty(s, st0)) {
      setIndefinite(s);
      copy(s, FPU_RESULT, FPU_OPERAND);
      convert(s, FPU_OPERAND, control);
    } else {
      const rounding = (aux & TRUNCATED) !== 0 ? CONTROL_ROUNDING : 0;
      flags = convert(s, st0, control | rounding);
    }
    const isStored = (flags & ~control & EXCEPTIONS & ~STATUS_PE) === 0;
    if (isStored) write(cpu, p);
    else probeStore(cpu, p, size);
    noteOperand(cpu, p);
    report(cpu, p, flags);
    if (isStored && (aux & POP) !== 0) pop(s);
  };
}

function probeStore(cpu: Cpu, p: number, size: number): void {
  const { s, mem } = cpu;
  const at = cpu.ea(p, size, true);
  mem.checkAlignment(at, s[HIGH_HALF]!, Math.min(size, 8));
  mem.probeWrite(at, s[HIGH_HALF]!, size);
}

function toInt(bits: number): Convert {
  return (s, at, control) => toInteger(s, at, bits, control);
}

/** Ten bytes of the result to memory. */
function storeTenBytes(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const at = cpu.ea(p, 10, true);
  const atHi = s[HIGH_HALF]!;
  mem.checkAlignment(at, atHi, 8);
  mem.probeWrite(at, atHi, 10);
  const top = (at + 8) | 0;
  mem.store64(at, atHi, s[FPU_RESULT]!, s[FPU_RESULT + SIG_HI]!);
  mem.store16(top, highHalfAt(cpu, at, atHi, top), s[FPU_RESULT + SIGN_EXP]!);
}

/** Extended precision is stored as it is. */
function unconverted(s: Int32Array, at: number): number {
  copy(s, at, FPU_RESULT);
  return 0;
}

const storeWord: Write = (cpu, p) => storeM16(cpu, p, cpu.s[FPU_RESULT]!);
const storeSingle: Write = (cpu, p) => storeM32(cpu, p, cpu.s[FPU_RESULT]!);
const storeDouble: Write = (cpu, p) => storeM64(cpu, p, cpu.s[FPU_RESULT]!, cpu.s[FPU_RESULT + 1]!);

// Registers.

/** FST, FSTP: ST(0) to a register, bit for bit. */
function fstSt(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  const destination = stackRegister(s, slotA(cpu, p));
  if (isEmpty(s, st0)) {
    if (!stackUnderflow(cpu, p)) return;
  } else {
    report(cpu, p, 0);
    copy(s, st0, FPU_RESULT);
  }
  storeResult(s, destination);
  if ((slotC(cpu, p) & POP) !== 0) pop(s);
}

/** The FSTP that does not mind an empty ST(0): it pops it. */
function fstp1(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  report(cpu, p, 0);
  const st0 = stackRegister(s, 0);
  const destination = stackRegister(s, slotA(cpu, p));
  if (!isEmpty(s, st0)) {
    copy(s, st0, destination);
    setFull(s, destination);
  }
  pop(s);
}

/** Empty registers are filled with the indefinite before they are exchanged. */
function fxch(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  const other = stackRegister(s, slotA(cpu, p));
  if (isEmpty(s, st0) || isEmpty(s, other)) {
    if (!stackUnderflow(cpu, p)) return;
    if (isEmpty(s, st0)) storeResult(s, st0);
    if (isEmpty(s, other)) storeResult(s, other);
  } else report(cpu, p, 0);
  copy(s, st0, FPU_RESULT);
  copy(s, other, st0);
  copy(s, FPU_RESULT, other);
}

/** An empty register is an exception whether or not the condition holds. */
function fcmov(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  const st0 = stackRegister(s, 0);
  const source = stackRegister(s, slotB(cpu, p));
  if (isEmpty(s, st0) || isEmpty(s, source)) {
    if (stackUnderflow(cpu, p)) storeResult(s, st0);
    return;
  }
  if (isCondition(s, slotC(cpu, p))) copy(s, source, st0);
}

function ffree(cpu: Cpu, p: number): void {
  const { s } = cpu;
  begin(cpu, p);
  noteInstruction(cpu, p);
  report(cpu, p, 0);
  setEmpty(s, stackRegister(s, slotA(cpu, p)));
  if ((slotC(cpu, p) & POP) !== 0) pop(s);
}

function moveTop(by: 1 | -1): Executor {
  return (cpu, p) => {
    begin(cpu, p);
    noteInstruction(cpu, p);
    report(cpu, p, 0);
    rotate(cpu.s, by);
  };
}

/** The operand as an integer or decimal, from where its `read` has put it, becomes the result. */
export const X87_MOVE_EXECUTORS = {
  fldM32: (cpu: Cpu, p: number) => {
    begin(cpu, p);
    pushWidened(cpu, p, fromFloat32(cpu.s, loadM32(cpu, p)));
  },
  fldM64: (cpu: Cpu, p: number) => {
    begin(cpu, p);
    const lo = loadM64(cpu, p);
    pushWidened(cpu, p, fromFloat64(cpu.s, lo, cpu.s[HIGH_HALF]!));
  },
  fldM80: load(loadTenBytes, (s) => copy(s, FPU_OPERAND, FPU_RESULT)),
  fldSt,
  fildM16: load(
    (cpu, p) => {
      cpu.s[FPU_OPERAND] = (loadM16(cpu, p) << 16) >> 16;
    },
    (s) => fromInt32(s, s[FPU_OPERAND]!),
  ),
  fildM32: load(
    (cpu, p) => {
      cpu.s[FPU_OPERAND] = loadM32(cpu, p);
    },
    (s) => fromInt32(s, s[FPU_OPERAND]!),
  ),
  fildM64: load(
    (cpu, p) => {
      cpu.s[FPU_OPERAND] = loadM64(cpu, p);
      cpu.s[FPU_OPERAND + 1] = cpu.s[HIGH_HALF]!;
    },
    (s) => fromInt64(s, s[FPU_OPERAND]!, s[FPU_OPERAND + 1]!),
  ),
  fbld: load(loadTenBytes, (s) =>
    fromDecimal(s, s[FPU_OPERAND]!, s[FPU_OPERAND + SIG_HI]!, s[FPU_OPERAND + SIGN_EXP]!),
  ),
  fldConstant,
  fstM32: store(toFloat32, storeSingle, 4),
  fstM64: store(toFloat64, storeDouble, 8),
  fstpM80: store(unconverted, storeTenBytes, 10),
  fstSt,
  fstp1,
  fistM16: store(toInt(16), storeWord, 2),
  fistM32: store(toInt(32), storeSingle, 4),
  fistM64: store(toInt(64), storeDouble, 8),
  fbstp: store(toDecimal, storeTenBytes, 10),
  fcmov,
  fxch,
  ffree,
  fdecstp: moveTop(-1),
  fincstp: moveTop(1),
} as const;
