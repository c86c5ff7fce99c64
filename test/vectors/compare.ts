// SPDX-License-Identifier: BSD-2-Clause
// What a vector promises against what an engine did.
import { FIELDS, type RegisterField, type Snapshot } from "./snapshot.ts";
import type { MemoryPiece, Vector, VectorException } from "./vector.ts";
import type { Outcome, PageDifference, Setup, VectorMachine } from "./vector-machine.ts";

export type Difference =
  | {
      readonly kind: "register";
      readonly field: RegisterField;
      readonly before: bigint;
      readonly expected: bigint;
      readonly actual: bigint;
    }
  | {
      readonly kind: "memory";
      readonly address: bigint;
      readonly expected: Uint8Array;
      readonly actual: Uint8Array;
    }
  | {
      readonly kind: "exception";
      readonly expected: VectorException | undefined;
      readonly actual: VectorException | undefined;
    }
  /** The engine itself failed. */
  | { readonly kind: "error"; readonly message: string };

/** What a vector starts from. */
export function setupOf({ code, initial }: Vector): Setup {
  return { registers: initial.registers, code, memory: initial.memory };
}

/** Runs one vector; empty if everything is as it should be. */
export function runVector(machine: VectorMachine, vector: Vector): Difference[] {
  const { code, initial, final } = vector;
  try {
    machine.load(setupOf(vector));
    const outcome = machine.step(code);
    const differences = compareExceptions(vector.exception, outcome.exception);
    if (final === undefined) return differences;
    differences.push(
      ...compareRegisters(
        { before: initial.registers, expected: final.registers, actual: outcome.registers },
        vector.undefinedBits,
      ),
    );
    const pieces = [...initial.memory, { address: initial.registers.rip, bytes: code }];
    differences.push(...compareMemory(machine, [...pieces, ...final.memory]));
    return differences;
  } catch (cause) {
    return [{ kind: "error", message: (cause as Error).message }];
  }
}

function compareExceptions(
  expected: VectorException | undefined,
  actual: Outcome["exception"],
): Difference[] {
  const isSame =
    expected?.vector === actual?.vector &&
    (expected?.code === undefined || expected.code === actual?.code) &&
    (expected?.cr2 === undefined || expected.cr2 === actual?.cr2);
  return isSame ? [] : [{ kind: "exception", expected, actual }];
}

/** A register before the instruction, as it should be and as it is afterwards. */
export interface Comparison {
  readonly before: Snapshot;
  readonly expected: Snapshot;
  readonly actual: Snapshot;
}

export function compareRegisters(
  { before, expected, actual }: Comparison,
  undefinedBits: Vector["undefinedBits"],
): Difference[] {
  if (Buffer.compare(expected.bytes, actual.bytes) === 0) return [];
  const differences: Difference[] = [];
  for (const field of FIELDS) {
    if (expected.isSame(actual, field)) continue;
    const difference = {
      kind: "register" as const,
      field,
      before: before.read(field),
      expected: expected.read(field),
      actual: actual.read(field),
    };
    const open = undefinedBits
      .filter((each) => each.field.at === field.at)
      .reduce((bits, { mask }) => bits | mask, 0n);
    if (((difference.expected ^ difference.actual) & ~open) !== 0n) differences.push(difference);
  }
  return differences;
}

/** Runs of bytes that differ from what `pieces` say, over all mapped pages. */
export function* differingRuns(
  machine: VectorMachine,
  pieces: readonly MemoryPiece[],
): Generator<PageDifference> {
  for (const { address, expected, actual } of machine.differingPages(pieces)) {
    let at = 0;
    while (at < actual.length) {
      const start = at;
      while (at < actual.length && expected[at] !== actual[at]) at++;
      if (at > start) {
        yield {
          address: address + BigInt(start),
          expected: expected.slice(start, at),
          actual: actual.slice(start, at),
        };
      } else at++;
    }
  }
}

function compareMemory(machine: VectorMachine, pieces: readonly MemoryPiece[]): Difference[] {
  return [...differingRuns(machine, pieces)].map((run) => ({ kind: "memory" as const, ...run }));
}
