// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-float.ts: arithmetic and comparison of singles and doubles.
import type { Cpu } from "../cpu.ts";
import { IMM } from "../decode/record.ts";
import { changeFlags, FLAG_CF, FLAG_PF, FLAG_ZF, FLAGS_ARITHMETIC } from "../flags.ts";
import { reciprocal, reciprocalSqrt } from "../simd/float-approximate.ts";
import * as float from "../simd/float-arithmetic.ts";
import * as compare from "../simd/float-compare.ts";
import { roundDouble, roundSingle } from "../simd/float-convert.ts";
import type { ElementOp } from "../simd/vector-unit.ts";
import type { Executor } from "./operands.ts";
import {
  beginVector,
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
import {
  endPacked,
  packedFloat,
  packedFloatUnary,
  RESULT,
  scalarDouble,
  scalarSingle,
  settleExceptions,
} from "./vector-float.ts";

/** Neighbours: of each lane of B and then of C, to one register of half as many results. */
function horizontal(op: ElementOp, words: 1 | 2): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = fullOperand(cpu, p, lastSlot(cpu, p));
    const count = isWide(cpu, p) ? 8 : 4;
    for (let lane = 0; lane < count; lane += 4) {
      for (let i = 0; i < 2; i += words) {
        op(cpu, RESULT + lane + i, a + lane + 2 * i, a + lane + 2 * i + words, 0);
        op(cpu, RESULT + lane + i + 2, b + lane + 2 * i, b + lane + 2 * i + words, 0);
      }
    }
    endPacked(cpu, p, d, RESULT);
  };
}

/** Even elements are subtracted, odd ones added. */
function alternating(sub: ElementOp, add: ElementOp, words: 1 | 2): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const b = fullOperand(cpu, p, lastSlot(cpu, p));
    const count = isWide(cpu, p) ? 8 : 4;
    for (let i = 0; i < count; i += 2 * words) {
      const odd = i + words;
      sub(cpu, RESULT + i, a + i, b + i, 0);
      add(cpu, RESULT + odd, a + odd, b + odd, 0);
    }
    endPacked(cpu, p, d, RESULT);
  };
}

// Dot products: imm 7:4 choose the products that count, 3:0 the elements that get the sum.

const SUM = RESULT + 4;
const OTHER = RESULT + 6;

/**
 * Products, sums of neighbours, and the sum of these: exceptions of a step are settled before the next one
 * begins, in all lanes at once.
 */
function dpps(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const a = firstSource(cpu, p);
  const b = fullOperand(cpu, p, lastSlot(cpu, p));
  const imm = cpu.code[p + IMM]!;
  const count = isWide(cpu, p) ? 8 : 4;
  for (let i = 0; i < count; i++) {
    if (((imm >> (4 + (i & 3))) & 1) !== 0) float.mulSingle(cpu, RESULT + i, a + i, b + i, 0);
    else s[RESULT + i] = 0;
  }
  settleExceptions(cpu);
  for (let i = RESULT; i < RESULT + count; i += 2) float.addSingle(cpu, i, i, i + 1, 0);
  settleExceptions(cpu);
  for (let i = RESULT; i < RESULT + count; i += 4) float.addSingle(cpu, i, i, i + 2, 0);
  settleExceptions(cpu);
  for (let lane = RESULT; lane < RESULT + count; lane += 4) {
    const sum = s[lane]!;
    for (let i = 0; i < 4; i++) s[lane + i] = ((imm >> i) & 1) !== 0 ? sum : 0;
  }
  endPacked(cpu, p, d, RESULT);
}

function dppd(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const a = firstSource(cpu, p);
  const b = fullOperand(cpu, p, lastSlot(cpu, p));
  const imm = cpu.code[p + IMM]!;
  for (let i = 0; i < 2; i++) {
    const to = i === 0 ? SUM : OTHER;
    s[to] = 0;
    s[to + 1] = 0;
    if (((imm >> (4 + i)) & 1) !== 0) float.mulDouble(cpu, to, a + 2 * i, b + 2 * i, 0);
  }
  settleExceptions(cpu);
  float.addDouble(cpu, SUM, SUM, OTHER, 0);
  settleExceptions(cpu);
  for (let i = 0; i < 4; i++) s[RESULT + i] = ((imm >> (i >> 1)) & 1) !== 0 ? s[SUM + (i & 1)]! : 0;
  endPacked(cpu, p, d, RESULT);
}

const UNORDERED_FLAGS = FLAG_ZF | FLAG_PF | FLAG_CF;

/** COMISS and the like: the outcome goes to ZF, PF and CF. */
function compareToFlags(words: 1 | 2, isAnyNan: boolean): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const a = destination(cpu, p);
    const slot = secondSlot(cpu, p);
    const outcome =
      words === 1
        ? compare.compareSingles(cpu, a, operand32(cpu, p, slot), isAnyNan)
        : compare.compareDoubles(cpu, a, operand64(cpu, p, slot), isAnyNan);
    settleExceptions(cpu);
    changeFlags(cpu.s, FLAGS_ARITHMETIC, OUTCOME_FLAGS[outcome]!);
  };
}

/** By outcome, which is one bit of four. */
const OUTCOME_FLAGS: readonly number[] = [0, FLAG_CF, FLAG_ZF, 0, 0, 0, 0, 0, UNORDERED_FLAGS];

/** The immediate's bits above the predicate mean nothing. */
function predicated(op: ElementOp, mask: number): ElementOp {
  return (v, d, a, b, imm) => op(v, d, a, b, imm & mask);
}

/** CMPPS and the like have eight predicates in legacy form, 32 in VEX form. */
function comparison(legacy: Executor, vex: Executor): Executor {
  return (cpu, p) => (isVex(cpu, p) ? vex : legacy)(cpu, p);
}

const legacySingle = predicated(compare.compareSingle, 7);
const legacyDouble = predicated(compare.compareDouble, 7);
const vexSingle = predicated(compare.compareSingle, 31);
const vexDouble = predicated(compare.compareDouble, 31);

export const SSE_FLOAT_EXECUTORS = {
  addps: packedFloat(float.addSingle, 1),
  addpd: packedFloat(float.addDouble, 2),
  addss: scalarSingle(float.addSingle),
  addsd: scalarDouble(float.addDouble),
  subps: packedFloat(float.subSingle, 1),
  subpd: packedFloat(float.subDouble, 2),
  subss: scalarSingle(float.subSingle),
  subsd: scalarDouble(float.subDouble),
  mulps: packedFloat(float.mulSingle, 1),
  mulpd: packedFloat(float.mulDouble, 2),
  mulss: scalarSingle(float.mulSingle),
  mulsd: scalarDouble(float.mulDouble),
  divps: packedFloat(float.divSingle, 1),
  divpd: packedFloat(float.divDouble, 2),
  divss: scalarSingle(float.divSingle),
  divsd: scalarDouble(float.divDouble),
  minps: packedFloat(compare.minSingle, 1),
  minpd: packedFloat(compare.minDouble, 2),
  minss: scalarSingle(compare.minSingle),
  minsd: scalarDouble(compare.minDouble),
  maxps: packedFloat(compare.maxSingle, 1),
  maxpd: packedFloat(compare.maxDouble, 2),
  maxss: scalarSingle(compare.maxSingle),
  maxsd: scalarDouble(compare.maxDouble),
  cmpps: comparison(packedFloat(legacySingle, 1), packedFloat(vexSingle, 1)),
  cmppd: comparison(packedFloat(legacyDouble, 2), packedFloat(vexDouble, 2)),
  cmpss: comparison(scalarSingle(legacySingle), scalarSingle(vexSingle)),
  cmpsd: comparison(scalarDouble(legacyDouble), scalarDouble(vexDouble)),
  sqrtps: packedFloatUnary(float.sqrtSingle, 1),
  sqrtpd: packedFloatUnary(float.sqrtDouble, 2),
  sqrtss: scalarSingle(float.sqrtSingle),
  sqrtsd: scalarDouble(float.sqrtDouble),
  rcpps: packedFloatUnary(reciprocal, 1),
  rcpss: scalarSingle(reciprocal),
  rsqrtps: packedFloatUnary(reciprocalSqrt, 1),
  rsqrtss: scalarSingle(reciprocalSqrt),
  roundps: packedFloatUnary(roundSingle, 1),
  roundpd: packedFloatUnary(roundDouble, 2),
  roundss: scalarSingle(roundSingle),
  roundsd: scalarDouble(roundDouble),
  haddps: horizontal(float.addSingle, 1),
  haddpd: horizontal(float.addDouble, 2),
  hsubps: horizontal(float.subSingle, 1),
  hsubpd: horizontal(float.subDouble, 2),
  addsubps: alternating(float.subSingle, float.addSingle, 1),
  addsubpd: alternating(float.subDouble, float.addDouble, 2),
  dpps,
  dppd,
  ucomiss: compareToFlags(1, false),
  ucomisd: compareToFlags(2, false),
  comiss: compareToFlags(1, true),
  comisd: compareToFlags(2, true),
} as const;
