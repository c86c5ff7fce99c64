// SPDX-License-Identifier: BSD-2-Clause
// The shapes of executors that work on floats. Their exceptions are precise: flags go to MXCSR, and if one
// is unmasked the destination keeps its value and #XM is raised (#UD without CR4.OSXMMEXCPT): SDM 1 11.5.2,
// 11.5.3. So while anything is unmasked results are put together in RESULT and moved at the end.
import type { Cpu } from "../cpu.ts";
import { IMM } from "../decode/record.ts";
import { MXCSR_BEFORE, MXCSR_FLAGS, MXCSR_MASK_SHIFT, MXCSR_MASKS } from "../simd/mxcsr.ts";
import type { ElementOp } from "../simd/vector-unit.ts";
import { CR4, MXCSR, VECTOR_SCRATCH, YMM_WORDS } from "../state-layout.ts";
import { CR4_OSXMMEXCPT } from "../system/control-bits.ts";
import { UD, XM } from "../vectors.ts";
import type { Executor } from "./operands.ts";
import {
  beginVector,
  clearUpper,
  copy128,
  destination,
  firstSource,
  fullOperand,
  isVex,
  isWide,
  lastSlot,
  operand32,
  operand64,
  secondSlot,
} from "./vector.ts";

/** Where results wait until it is certain that they count. */
export const RESULT = VECTOR_SCRATCH + YMM_WORDS;

/** Where an instruction writes its results: at once at `d` if no exception can stop it. */
export function resultPlace(cpu: Cpu, d: number): number {
  return (cpu.s[MXCSR]! & MXCSR_MASKS) === MXCSR_MASKS ? d : RESULT;
}

/** Puts the flags that were raised into MXCSR; raises #XM if one is unmasked. */
export function settleExceptions(cpu: Cpu): void {
  if (cpu.raised === 0) return;
  const { s } = cpu;
  const mxcsr = s[MXCSR]!;
  const unmasked = ~(mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
  let flags = cpu.raised;
  cpu.raised = 0;
  if ((flags & MXCSR_BEFORE & unmasked) !== 0) flags &= MXCSR_BEFORE;
  s[MXCSR] = mxcsr | flags;
  if ((flags & unmasked) !== 0) cpu.raise((s[CR4]! & CR4_OSXMMEXCPT) !== 0 ? XM : UD);
}

/** Ends an instruction with a whole register for its result, which is at `from`. */
export function endPacked(cpu: Cpu, p: number, d: number, from: number): void {
  settleExceptions(cpu);
  const { s } = cpu;
  if (from !== d) copy128(s, d, from);
  if (isWide(cpu, p)) {
    if (from !== d) copy128(s, d + 4, from + 4);
  } else if (isVex(cpu, p)) clearUpper(s, d);
}

/** Each element of A = each of B op each of C. `words` is the size of an element. */
export function packedFloat(op: ElementOp, words: 1 | 2): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = fullOperand(cpu, p, lastSlot(cpu, p));
    const imm = cpu.code[p + IMM]!;
    const to = resultPlace(cpu, d);
    const count = isWide(cpu, p) ? 8 : 4;
    for (let i = 0; i < count; i += words) op(cpu, to + i, a + i, b + i, imm);
    endPacked(cpu, p, d, to);
  };
}

/** Each element of A = op each of B. */
export function packedFloatUnary(op: ElementOp, words: 1 | 2): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const b = fullOperand(cpu, p, secondSlot(cpu, p));
    const imm = cpu.code[p + IMM]!;
    const to = resultPlace(cpu, d);
    const count = isWide(cpu, p) ? 8 : 4;
    for (let i = 0; i < count; i += words) op(cpu, to + i, b + i, b + i, imm);
    endPacked(cpu, p, d, to);
  };
}

/**
 * Ends an instruction on the lowest element, which is at `from` and has `words` words: the rest of the
 * destination's 128 bits is the first source's.
 */
export function endScalar(cpu: Cpu, p: number, d: number, from: number, words: 1 | 2): void {
  settleExceptions(cpu);
  const { s } = cpu;
  if (from !== d) {
    s[d] = s[from]!;
    if (words === 2) s[d + 1] = s[from + 1]!;
  }
  if (!isVex(cpu, p)) return;
  const a = firstSource(cpu, p);
  if (words === 1) s[d + 1] = s[a + 1]!;
  s[d + 2] = s[a + 2]!;
  s[d + 3] = s[a + 3]!;
  clearUpper(s, d);
}

/** The lowest element of A = that of B op that of C; an op of one operand uses C. */
export function scalarSingle(op: ElementOp): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = operand32(cpu, p, lastSlot(cpu, p));
    const to = resultPlace(cpu, d);
    op(cpu, to, a, b, cpu.code[p + IMM]!);
    endScalar(cpu, p, d, to, 1);
  };
}

export function scalarDouble(op: ElementOp): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = operand64(cpu, p, lastSlot(cpu, p));
    const to = resultPlace(cpu, d);
    op(cpu, to, a, b, cpu.code[p + IMM]!);
    endScalar(cpu, p, d, to, 2);
  };
}
