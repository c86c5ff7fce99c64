// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/sse-integer.ts: arithmetic, comparison and shifts of packed integers.
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_MEMORY } from "../decode/record.ts";
import { changeFlags, FLAG_CF, FLAG_ZF, FLAGS_ARITHMETIC } from "../flags.ts";
import * as lanes from "../simd/lanes.ts";
import * as op from "../simd/packed.ts";
import type { Kernel } from "../simd/vector-unit.ts";
import { type Widening, widening } from "../simd/widen.ts";
import { VECTOR_SCRATCH } from "../state-layout.ts";
import { type Executor, loadM16 } from "./operands.ts";
import {
  beginVector,
  destination,
  endLane,
  firstSource,
  fullOperand,
  isWide,
  lastSlot,
  operand32,
  operand64,
  operand128,
  packed,
  packedUnary,
  registerWord,
  secondSlot,
} from "./vector.ts";

const { narrowing, shiftWords, wordwise, wordwiseUnary } = lanes;

/** A shift of all elements by the low 64 bits of an XMM register or memory. */
function shiftByOperand(kernel: Kernel): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const count = lanes.shiftCount(cpu, operand128(cpu, p, lastSlot(cpu, p)));
    kernel(cpu, d, a, a, count);
    if (isWide(cpu, p)) kernel(cpu, d + 4, a + 4, a + 4, count);
    else endLane(cpu, p, d);
  };
}

/** A shift by an immediate. There is no form with a memory operand. */
function shiftByImmediate(kernel: Kernel): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const d = destination(cpu, p);
    const a = firstSource(cpu, p);
    const count = cpu.code[p + IMM]!;
    kernel(cpu, d, a, a, count);
    if (isWide(cpu, p)) kernel(cpu, d + 4, a + 4, a + 4, count);
    else endLane(cpu, p, d);
  };
}

/** Both forms of a shift, for elements of up to 32 bits. */
const wordShift = (shift: op.WordOp): readonly [Executor, Executor] => {
  const kernel = shiftWords(shift);
  return [shiftByOperand(kernel), shiftByImmediate(kernel)];
};

const [psllw, psllwImm] = wordShift(op.psllw);
const [psrlw, psrlwImm] = wordShift(op.psrlw);
const [psraw, psrawImm] = wordShift(op.psraw);
const [pslld, pslldImm] = wordShift(op.pslld);
const [psrld, psrldImm] = wordShift(op.psrld);
const [psrad, psradImm] = wordShift(op.psrad);

/** The memory operand has only the bytes that are used: 2, 4, 8 or 16. */
function narrowOperand(cpu: Cpu, p: number, slot: number, bytes: number): number {
  if (bytes === 16) return operand128(cpu, p, slot);
  if (bytes === 8) return operand64(cpu, p, slot);
  if (bytes === 4) return operand32(cpu, p, slot);
  if (slot !== SLOT_MEMORY) return registerWord(slot);
  cpu.s[VECTOR_SCRATCH] = loadM16(cpu, p);
  return VECTOR_SCRATCH;
}

function widen(from: 1 | 2 | 4, to: 2 | 4 | 8, isSigned: boolean): Executor {
  const work: Widening = widening(from, to, isSigned);
  return (cpu, p) => {
    beginVector(cpu, p);
    const count = (isWide(cpu, p) ? 32 : 16) / to;
    const d = destination(cpu, p);
    work(cpu, d, narrowOperand(cpu, p, secondSlot(cpu, p), count * from), count);
    if (!isWide(cpu, p)) endLane(cpu, p, d);
  };
}

/** ZF: A and B have no bit in common. CF: B has none that A has not. Only the bits of `mask` count. */
export function bitTest(wordMask: (i: number) => number): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const a = destination(cpu, p);
    const b = fullOperand(cpu, p, secondSlot(cpu, p));
    let common = 0;
    let missing = 0;
    for (let i = 0; i < (isWide(cpu, p) ? 8 : 4); i++) {
      common |= s[a + i]! & s[b + i]! & wordMask(i);
      missing |= ~s[a + i]! & s[b + i]! & wordMask(i);
    }
    changeFlags(s, FLAGS_ARITHMETIC, (common === 0 ? FLAG_ZF : 0) | (missing === 0 ? FLAG_CF : 0));
  };
}

/** PXOR and XORPS: a register with itself is the usual way to clear one. */
function pxor(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s } = cpu;
  const d = destination(cpu, p);
  const a = firstSource(cpu, p);
  const b = fullOperand(cpu, p, lastSlot(cpu, p));
  s[d] = s[a]! ^ s[b]!;
  s[d + 1] = s[a + 1]! ^ s[b + 1]!;
  s[d + 2] = s[a + 2]! ^ s[b + 2]!;
  s[d + 3] = s[a + 3]! ^ s[b + 3]!;
  if (isWide(cpu, p)) {
    for (let i = 4; i < 8; i++) s[d + i] = s[a + i]! ^ s[b + i]!;
  } else endLane(cpu, p, d);
}

export const SSE_INTEGER_EXECUTORS = {
  paddb: packed(wordwise(op.paddb)),
  paddw: packed(wordwise(op.paddw)),
  paddd: packed(wordwise(op.paddd)),
  paddq: packed(lanes.paddq),
  paddsb: packed(wordwise(op.paddsb)),
  paddsw: packed(wordwise(op.paddsw)),
  paddusb: packed(wordwise(op.paddusb)),
  paddusw: packed(wordwise(op.paddusw)),
  psubb: packed(wordwise(op.psubb)),
  psubw: packed(wordwise(op.psubw)),
  psubd: packed(wordwise(op.psubd)),
  psubq: packed(lanes.psubq),
  psubsb: packed(wordwise(op.psubsb)),
  psubsw: packed(wordwise(op.psubsw)),
  psubusb: packed(wordwise(op.psubusb)),
  psubusw: packed(wordwise(op.psubusw)),
  pavgb: packed(wordwise(op.pavgb)),
  pavgw: packed(wordwise(op.pavgw)),
  pminub: packed(wordwise(op.pminub)),
  pminuw: packed(wordwise(op.pminuw)),
  pminud: packed(wordwise(op.pminud)),
  pminsb: packed(wordwise(op.pminsb)),
  pminsw: packed(wordwise(op.pminsw)),
  pminsd: packed(wordwise(op.pminsd)),
  pmaxub: packed(wordwise(op.pmaxub)),
  pmaxuw: packed(wordwise(op.pmaxuw)),
  pmaxud: packed(wordwise(op.pmaxud)),
  pmaxsb: packed(wordwise(op.pmaxsb)),
  pmaxsw: packed(wordwise(op.pmaxsw)),
  pmaxsd: packed(wordwise(op.pmaxsd)),
  pcmpeqb: packed(wordwise(op.pcmpeqb)),
  pcmpeqw: packed(wordwise(op.pcmpeqw)),
  pcmpeqd: packed(wordwise(op.pcmpeqd)),
  pcmpeqq: packed(lanes.pcmpeqq),
  pcmpgtb: packed(wordwise(op.pcmpgtb)),
  pcmpgtw: packed(wordwise(op.pcmpgtw)),
  pcmpgtd: packed(wordwise(op.pcmpgtd)),
  pcmpgtq: packed(lanes.pcmpgtq),
  pmullw: packed(wordwise(op.pmullw)),
  pmulhw: packed(wordwise(op.pmulhw)),
  pmulhuw: packed(wordwise(op.pmulhuw)),
  pmulhrsw: packed(wordwise(op.pmulhrsw)),
  pmulld: packed(wordwise(op.pmulld)),
  pmuludq: packed(lanes.pmuludq),
  pmuldq: packed(lanes.pmuldq),
  pmaddwd: packed(wordwise(op.pmaddwd)),
  pmaddubsw: packed(wordwise(op.pmaddubsw)),
  psadbw: packed(lanes.psadbw),
  mpsadbw: packed(lanes.mpsadbw, 3),
  phminposuw: packedUnary(lanes.phminposuw),
  pabsb: packedUnary(wordwiseUnary(op.pabsb)),
  pabsw: packedUnary(wordwiseUnary(op.pabsw)),
  pabsd: packedUnary(wordwiseUnary(op.pabsd)),
  psignb: packed(wordwise(op.psignb)),
  psignw: packed(wordwise(op.psignw)),
  psignd: packed(wordwise(op.psignd)),
  phaddw: packed(narrowing(op.phaddw)),
  phaddd: packed(lanes.phaddd),
  phaddsw: packed(narrowing(op.phaddsw)),
  phsubw: packed(narrowing(op.phsubw)),
  phsubd: packed(lanes.phsubd),
  phsubsw: packed(narrowing(op.phsubsw)),
  packsswb: packed(narrowing(op.packsswb)),
  packuswb: packed(narrowing(op.packuswb)),
  packssdw: packed(narrowing(op.packssdw)),
  packusdw: packed(narrowing(op.packusdw)),
  pand: packed(wordwise(op.pand)),
  pandn: packed(wordwise(op.pandn)),
  por: packed(wordwise(op.por)),
  pxor,
  psllw,
  psllwImm,
  psrlw,
  psrlwImm,
  psraw,
  psrawImm,
  pslld,
  pslldImm,
  psrld,
  psrldImm,
  psrad,
  psradImm,
  psllq: shiftByOperand(lanes.psllq),
  psllqImm: shiftByImmediate(lanes.psllq),
  psrlq: shiftByOperand(lanes.psrlq),
  psrlqImm: shiftByImmediate(lanes.psrlq),
  pslldq: shiftByImmediate(lanes.pslldq),
  psrldq: shiftByImmediate(lanes.psrldq),
  pmovsxbw: widen(1, 2, true),
  pmovsxbd: widen(1, 4, true),
  pmovsxbq: widen(1, 8, true),
  pmovsxwd: widen(2, 4, true),
  pmovsxwq: widen(2, 8, true),
  pmovsxdq: widen(4, 8, true),
  pmovzxbw: widen(1, 2, false),
  pmovzxbd: widen(1, 4, false),
  pmovzxbq: widen(1, 8, false),
  pmovzxwd: widen(2, 4, false),
  pmovzxwq: widen(2, 8, false),
  pmovzxdq: widen(4, 8, false),
  ptest: bitTest(() => -1),
} as const;
