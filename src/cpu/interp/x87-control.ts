// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/x87.ts that control the unit: SDM 2 FCLEX, FINIT, FLDCW, FLDENV, FRSTOR, FSAVE, FSTCW,
// FSTENV, FSTSW, FNOP, WAIT. The waiting ones of the manual are FWAIT and one of these.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { highHalfAt } from "../ea.ts";
import {
  ENVIRONMENT_FIELDS,
  environmentFields,
  initialize,
  loadControl,
  loadEnvironmentFields,
} from "../fpu/environment.ts";
import { SIG_HI, SIGN_EXP } from "../fpu/format.ts";
import { CONDITION_CODES, EXCEPTIONS, STATUS_ES, STATUS_TOP } from "../fpu/status.ts";
import { begin, beginNoWait, changedMasks, stackRegister } from "../fpu/x87-state.ts";
import { CR0, CURRENT, FPU_CONTROL, FPU_STATUS, GPR } from "../state-layout.ts";
import { CR0_MP, CR0_TS } from "../system/control-bits.ts";
import { MF, NM } from "../vectors.ts";
import { isMemoryA, loadM16, storeM16, widthOf } from "./operands.ts";

const fields = new Int32Array(ENVIRONMENT_FIELDS);

/**
 * Of every register: 64 bits of significand, 16 of sign and exponent. They are accessed by sixteen bits, since
 * an aligned save area need not align them any further (SDM 3A table 6-7).
 */
const REGISTER_BYTES = 10;

/** A field's size, and the alignment of everything that consists of fields. */
function fieldBytes(is32: boolean): number {
  return is32 ? 4 : 2;
}

/** The environment's size, which is a field's times seven. */
function environmentBytes(is32: boolean): number {
  return ENVIRONMENT_FIELDS * fieldBytes(is32);
}

function hasWideFields(cpu: Cpu, p: number): boolean {
  return widthOf(cpu, p) !== 1;
}

function storeFields(cpu: Cpu, lo: number, hi: number, is32: boolean): void {
  environmentFields(cpu, is32, fields);
  for (let i = 0; i < ENVIRONMENT_FIELDS; i++) {
    const at = (lo + i * fieldBytes(is32)) | 0;
    const atHi = highHalfAt(cpu, lo, hi, at);
    if (is32) cpu.mem.store32(at, atHi, fields[i]!);
    else cpu.mem.store16(at, atHi, fields[i]!);
  }
}

function loadFields(cpu: Cpu, lo: number, hi: number, is32: boolean): void {
  for (let i = 0; i < ENVIRONMENT_FIELDS; i++) {
    const at = (lo + i * fieldBytes(is32)) | 0;
    const atHi = highHalfAt(cpu, lo, hi, at);
    fields[i] = is32 ? cpu.mem.load32(at, atHi) : cpu.mem.load16(at, atHi);
  }
}

/** Afterwards all exceptions are masked, so none is pending. */
function fnstenv(cpu: Cpu, p: number): void {
  const { s } = cpu;
  beginNoWait(cpu, p);
  const is32 = hasWideFields(cpu, p);
  const size = environmentBytes(is32);
  const lo = cpu.ea(p, size, true);
  const hi = s[HI]!;
  cpu.mem.checkAlignment(lo, hi, fieldBytes(is32));
  cpu.mem.probeWrite(lo, hi, size);
  storeFields(cpu, lo, hi, is32);
  s[FPU_CONTROL] = s[FPU_CONTROL]! | EXCEPTIONS;
  changedMasks(s);
}

function fldenv(cpu: Cpu, p: number): void {
  begin(cpu, p);
  const is32 = hasWideFields(cpu, p);
  const size = environmentBytes(is32);
  const lo = cpu.ea(p, size, false);
  const hi = cpu.s[HI]!;
  cpu.mem.checkAlignment(lo, hi, fieldBytes(is32));
  cpu.mem.probeRead(lo, hi, size);
  loadFields(cpu, lo, hi, is32);
  loadEnvironmentFields(cpu, is32, fields);
}

/** The environment, then ST(0) to ST(7); afterwards the unit is initialized. */
function fnsave(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  beginNoWait(cpu, p);
  const is32 = hasWideFields(cpu, p);
  const registers = environmentBytes(is32);
  const size = registers + 8 * REGISTER_BYTES;
  const lo = cpu.ea(p, size, true);
  const hi = s[HI]!;
  mem.checkAlignment(lo, hi, fieldBytes(is32));
  mem.probeWrite(lo, hi, size);
  storeFields(cpu, lo, hi, is32);
  for (let i = 0; i < 8; i++) {
    const from = stackRegister(s, i);
    const parts = [s[from]!, s[from]! >>> 16, s[from + SIG_HI]!, s[from + SIG_HI]! >>> 16];
    [...parts, s[from + SIGN_EXP]!].forEach((part, index) => {
      const at = (lo + registers + i * REGISTER_BYTES + 2 * index) | 0;
      mem.store16(at, highHalfAt(cpu, lo, hi, at), part);
    });
  }
  initialize(s);
}

function frstor(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  begin(cpu, p);
  const is32 = hasWideFields(cpu, p);
  const registers = environmentBytes(is32);
  const size = registers + 8 * REGISTER_BYTES;
  const lo = cpu.ea(p, size, false);
  const hi = s[HI]!;
  mem.checkAlignment(lo, hi, fieldBytes(is32));
  mem.probeRead(lo, hi, size);
  loadFields(cpu, lo, hi, is32);
  loadEnvironmentFields(cpu, is32, fields);
  for (let i = 0; i < 8; i++) {
    const to = stackRegister(s, i);
    const part = (index: number) => {
      const at = (lo + registers + i * REGISTER_BYTES + 2 * index) | 0;
      return mem.load16(at, highHalfAt(cpu, lo, hi, at));
    };
    s[to] = part(0) | (part(1) << 16);
    s[to + SIG_HI] = part(2) | (part(3) << 16);
    s[to + SIGN_EXP] = part(4);
  }
}

/** WAIT obeys CR0.TS only with CR0.MP, and CR0.EM not at all. */
function fwait(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR0]! & (CR0_MP | CR0_TS)) === (CR0_MP | CR0_TS)) cpu.raise(NM);
  if ((s[FPU_STATUS]! & STATUS_ES) !== 0) cpu.raise(MF);
}

export const X87_CONTROL_EXECUTORS = {
  fwait,
  fnop: begin,
  fnneutral: beginNoWait,
  fnclex: (cpu: Cpu, p: number) => {
    beginNoWait(cpu, p);
    cpu.s[FPU_STATUS] = cpu.s[FPU_STATUS]! & (STATUS_TOP | CONDITION_CODES);
  },
  fninit: (cpu: Cpu, p: number) => {
    beginNoWait(cpu, p);
    initialize(cpu.s);
  },
  fldcw: (cpu: Cpu, p: number) => {
    begin(cpu, p);
    loadControl(cpu.s, loadM16(cpu, p));
  },
  fnstcw: (cpu: Cpu, p: number) => {
    beginNoWait(cpu, p);
    storeM16(cpu, p, cpu.s[FPU_CONTROL]!);
  },
  /** AX, whatever the operand size. */
  fnstsw: (cpu: Cpu, p: number) => {
    beginNoWait(cpu, p);
    if (isMemoryA(cpu, p)) storeM16(cpu, p, cpu.s[FPU_STATUS]!);
    else cpu.words[2 * GPR] = cpu.s[FPU_STATUS]!;
  },
  fnstenv,
  fldenv,
  fnsave,
  frstor,
} as const;
