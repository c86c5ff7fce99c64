// SPDX-License-Identifier: BSD-2-Clause
// Scenarios in, vectors out: runs them on the host and writes down what it did.

import { FIELD_BY_NAME } from "../snapshot.ts";
import { undefinedConditions, undefinedFlags } from "../undefined-flags.ts";
import type { MemoryPiece, Vector, VectorException } from "../vector.ts";
import { type Layout, PAGE, pagesOf } from "./layouts.ts";
import type { NativeAnswer, NativeHost, NativeRequest } from "./native-host.ts";
import type { Scenario } from "./scenario.ts";
import { outcomeObstacle } from "./skip-list.ts";
import { inexactBits, type UndefinedBits } from "./tolerance.ts";

const HAS_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);
const RFLAGS = FIELD_BY_NAME.get("rflags")!;
const FSW = FIELD_BY_NAME.get("fsw")!;

/** A recorded vector, or the reason why there is none. */
export type Recording = { readonly vector: Vector } | { readonly obstacle: string };

/** Runs scenarios of one layout; the recordings in their order. `nameOf` is asked for each vector's name. */
export async function record(
  host: NativeHost,
  layout: Layout,
  scenarios: readonly Scenario[],
  nameOf: (scenario: Scenario) => string,
): Promise<Recording[]> {
  host.map(pagesOf(layout));
  const answers = await host.run(scenarios.map(requestFor));
  return scenarios.map((scenario, index) => {
    const answer = answers[index]!;
    const obstacle = outcomeObstacle(scenario, answer);
    if (obstacle !== undefined) return { obstacle };
    const undefinedBits = undefinedOf(scenario, answer);
    if (undefinedBits === undefined) return { obstacle: "an error of a unit would carry far" };
    return { vector: { ...vectorOf(scenario, answer), name: nameOf(scenario), undefinedBits } };
  });
}

function requestFor(scenario: Scenario): NativeRequest {
  const { registers, code, memory, layout } = scenario;
  return {
    registers,
    memory: [...memory, { address: registers.rip, bytes: code }],
    isOneStep: scenario.isOneStep,
    end: layout.code + PAGE,
    hasVectors: scenario.hasVectors,
  };
}

function vectorOf(
  scenario: Scenario,
  answer: NativeAnswer,
): Omit<Vector, "name" | "undefinedBits"> {
  const { code, registers, memory } = scenario;
  const pieces = [...memory, { address: registers.rip, bytes: code }];
  return {
    code,
    initial: { registers, memory },
    final: { registers: answer.registers, memory: changedBytes(pieces, answer.changes) },
    exception: exceptionOf(answer),
  };
}

/** A fault comes before any flag is touched, so that nothing about it is undefined. */
function undefinedOf(
  { choice, shift }: Scenario,
  { trap, registers }: NativeAnswer,
): UndefinedBits | undefined {
  if (trap !== undefined) return [];
  const { row } = choice.parsed;
  const bits: UndefinedBits = [
    { field: RFLAGS, mask: BigInt(undefinedFlags(row, shift)) },
    { field: FSW, mask: BigInt(undefinedConditions(row)) },
  ];
  const inexact = inexactBits(choice, registers);
  return inexact === undefined
    ? undefined
    : merged([...bits, ...inexact]).filter(({ mask }) => mask !== 0n);
}

/** One entry for each register. */
function merged(bits: UndefinedBits): UndefinedBits {
  return [...new Set(bits.map(({ field }) => field))].map((field) => ({
    field,
    mask: bits.reduce((mask, each) => (each.field === field ? mask | each.mask : mask), 0n),
  }));
}

export function exceptionOf({ trap }: NativeAnswer): VectorException | undefined {
  if (trap === undefined) return undefined;
  return {
    vector: trap.vector,
    code: HAS_ERROR_CODE.has(trap.vector) ? trap.code : undefined,
    cr2: trap.vector === 14 ? trap.cr2 : undefined,
  };
}

/** The harness reports whole words: only their bytes that differ from the initial memory count. */
export function changedBytes(
  pieces: readonly MemoryPiece[],
  changes: readonly MemoryPiece[],
): MemoryPiece[] {
  const result: MemoryPiece[] = [];
  for (const { address, bytes } of changes) {
    const before = initialBytes(pieces, address, bytes.length);
    let at = 0;
    while (at < bytes.length) {
      const start = at;
      while (at < bytes.length && bytes[at] !== before[at]) at++;
      if (at > start) {
        result.push({ address: address + BigInt(start), bytes: bytes.slice(start, at) });
      } else at++;
    }
  }
  return result;
}

function initialBytes(pieces: readonly MemoryPiece[], start: bigint, length: number): Uint8Array {
  const result = new Uint8Array(length);
  for (const { address, bytes } of pieces) {
    const offset = Number(address - start);
    for (let i = Math.max(0, -offset); i < bytes.length && offset + i < length; i++) {
      result[offset + i] = bytes[i]!;
    }
  }
  return result;
}
