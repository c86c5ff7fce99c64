// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/fma.ts. Destination and both sources take the three places of a × b + c in one of three
// orders; which NaN wins where there are several goes by these places (SDM 1 14.5.1).
import type { Cpu } from "../cpu.ts";
import type { FmaOperation, FmaOrder } from "../isa/vector-operations.ts";
import { type FusedOp, fusedDouble, fusedSingle } from "../simd/float-fma.ts";
import type { Executor } from "./operands.ts";
import {
  beginVector,
  clearUpper,
  destination,
  fullOperand,
  isWide,
  lastSlot,
  operand32,
  operand64,
  secondRegister,
} from "./vector.ts";
import { endPacked, resultPlace, settleExceptions } from "./vector-float.ts";

type Words = 1 | 2;

/** An operation on operands A, B and C as the instruction has them. */
function inOrder(order: FmaOrder, op: FusedOp): FusedOp {
  switch (order) {
    case "132":
      return (v, d, a, b, c) => op(v, d, a, c, b);
    case "213":
      return (v, d, a, b, c) => op(v, d, b, a, c);
    default:
      return (v, d, a, b, c) => op(v, d, b, c, a);
  }
}

/** Elements with even numbers by one operation, with odd ones by the other. */
function packedFused(even: FusedOp, odd: FusedOp, words: Words): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const a = destination(cpu, p);
    const b = secondRegister(cpu, p);
    const c = fullOperand(cpu, p, lastSlot(cpu, p));
    const to = resultPlace(cpu, a);
    const count = isWide(cpu, p) ? 8 : 4;
    for (let i = 0; i < count; i += 2 * words) {
      const j = i + words;
      even(cpu, to + i, a + i, b + i, c + i);
      odd(cpu, to + j, a + j, b + j, c + j);
    }
    endPacked(cpu, p, a, to);
  };
}

/** The lowest element; the rest of A's 128 bits stays. */
function scalarFused(op: FusedOp, words: Words): Executor {
  return (cpu: Cpu, p: number) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const a = destination(cpu, p);
    const b = secondRegister(cpu, p);
    const slot = lastSlot(cpu, p);
    const c = words === 1 ? operand32(cpu, p, slot) : operand64(cpu, p, slot);
    const to = resultPlace(cpu, a);
    op(cpu, to, a, b, c);
    settleExceptions(cpu);
    for (let i = 0; i < words; i++) s[a + i] = s[to + i]!;
    clearUpper(s, a);
  };
}

/** Which signs turn: the product's, and those of the addends with even and with odd numbers. */
export const FMA_KINDS = {
  vfmadd: [false, false, false],
  vfmsub: [false, true, true],
  vfnmadd: [true, false, false],
  vfnmsub: [true, true, true],
  vfmaddsub: [false, true, false],
  vfmsubadd: [false, false, true],
} as const;

type Kind = keyof typeof FMA_KINDS;

function packedOf(kind: Kind, order: FmaOrder, words: Words): Executor {
  const [negatesProduct, negatesEven, negatesOdd] = FMA_KINDS[kind];
  const fused = words === 1 ? fusedSingle : fusedDouble;
  const even = inOrder(order, fused({ negatesProduct, negatesAddend: negatesEven }));
  const odd =
    negatesEven === negatesOdd
      ? even
      : inOrder(order, fused({ negatesProduct, negatesAddend: negatesOdd }));
  return packedFused(even, odd, words);
}

function scalarOf(kind: Kind, order: FmaOrder, words: Words): Executor {
  const [negatesProduct, negatesAddend] = FMA_KINDS[kind];
  const fused = words === 1 ? fusedSingle : fusedDouble;
  return scalarFused(inOrder(order, fused({ negatesProduct, negatesAddend })), words);
}

const ORDERS: readonly FmaOrder[] = ["132", "213", "231"];

function allOf(kind: Kind): (readonly [string, Executor])[] {
  const isAlternating = kind === "vfmaddsub" || kind === "vfmsubadd";
  return ORDERS.flatMap((order) => {
    const packed = [
      [`${kind}${order}ps`, packedOf(kind, order, 1)],
      [`${kind}${order}pd`, packedOf(kind, order, 2)],
    ] as const;
    if (isAlternating) return packed;
    return [
      ...packed,
      [`${kind}${order}ss`, scalarOf(kind, order, 1)],
      [`${kind}${order}sd`, scalarOf(kind, order, 2)],
    ] as const;
  });
}

export const FMA_EXECUTORS = Object.fromEntries(
  (Object.keys(FMA_KINDS) as Kind[]).flatMap(allOf),
) as Readonly<Record<FmaOperation, Executor>>;
