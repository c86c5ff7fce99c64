// SPDX-License-Identifier: BSD-2-Clause
// Who runs programs: the engines, each in one go and interrupted at arbitrary instruction counts, and the
// host's processor. All give the same kind of outcome, which is compared in full.
import { VmmError } from "../../../src/base/errors.ts";
import { SeededRandom } from "../../support/random.ts";
import { compareRegisters, type Difference, differingRuns } from "../compare.ts";
import { ENGINES, type EngineName, enginesNamed } from "../engine.ts";
import { PAGE, pagesOf } from "../native/layouts.ts";
import { isReferenceHost, NativeHost } from "../native/native-host.ts";
import { changedBytes, exceptionOf } from "../native/recorder.ts";
import type { Snapshot } from "../snapshot.ts";
import type { MemoryPiece, Vector, VectorException } from "../vector.ts";
import { type Outcome, VectorMachine } from "../vector-machine.ts";
import type { Assembly, Program } from "./program.ts";

/** A program and its bytes. */
export interface Runnable {
  readonly program: Program;
  readonly assembly: Assembly;
}

export interface ProgramOutcome {
  readonly registers: Snapshot;
  /** Undefined if the program came to its end. */
  readonly exception: VectorException | undefined;
  /** Runs of bytes that differ from the initial ones, by address. */
  readonly changes: readonly MemoryPiece[];
  /** Instructions retired, where that is known. */
  readonly retired: number | undefined;
}

export interface Contestant {
  readonly name: string;
  run(programs: readonly Runnable[]): Promise<ProgramOutcome[]>;
  stop(): void;
}

/** More than any generated program executes. */
const BUDGET = 100_000;
const VECTOR_PF = 14;
const FETCH = 0x10;

/** The fetch behind the end says that the program is done. */
function isAtEnd({ program }: Runnable, { registers, exception }: Outcome): boolean {
  const end = program.layout.code + PAGE;
  return (
    exception?.vector === VECTOR_PF &&
    exception.cr2 === end &&
    registers.rip === end &&
    (exception.code! & FETCH) !== 0
  );
}

/** What a program's memory is before it runs. */
function initialMemory({ program, assembly }: Runnable): MemoryPiece[] {
  return [...program.memory, { address: program.registers.rip, bytes: assembly.code }];
}

/** How a run is cut into slices: the length of the next. */
export type Slicing = () => number;

/** An engine; with `slicing` it is interrupted again and again. */
export class EngineContestant implements Contestant {
  readonly name: string;
  readonly #machine: VectorMachine;
  readonly #slicing: ((seed: number) => Slicing) | undefined;

  constructor(engine: EngineName, slicing?: (seed: number) => Slicing) {
    this.#machine = new VectorMachine(engine);
    this.#slicing = slicing;
    this.name = slicing === undefined ? engine : `${engine}, interrupted`;
  }

  run(programs: readonly Runnable[]): Promise<ProgramOutcome[]> {
    return Promise.resolve(programs.map((each) => this.#runOne(each)));
  }

  #runOne(runnable: Runnable): ProgramOutcome {
    const { program, assembly } = runnable;
    const machine = this.#machine;
    const { registers, memory } = program;
    machine.load({ registers, memory, code: assembly.code });
    const before = machine.vcpu.retired;
    const slicing = this.#slicing?.(assembly.code.length);
    const outcome =
      slicing === undefined ? machine.runToException(BUDGET) : machine.runInSlices(BUDGET, slicing);
    const runs = differingRuns(machine, initialMemory(runnable));
    const changes = [...runs].map(({ address, actual }) => ({ address, bytes: actual }));
    return {
      registers: outcome.registers,
      exception: isAtEnd(runnable, outcome) ? undefined : outcome.exception,
      changes: joined(changes),
      retired: machine.vcpu.retired - before,
    };
  }

  stop(): void {}
}

class NativeContestant implements Contestant {
  readonly name = "native";
  readonly #host = new NativeHost();
  #layout: Program["layout"] | undefined;

  /** Programs of one layout at a time. */
  async run(programs: readonly Runnable[]): Promise<ProgramOutcome[]> {
    const { layout } = programs[0]!.program;
    if (this.#layout !== layout) this.#host.map(pagesOf(layout));
    this.#layout = layout;
    const answers = await this.#host.run(
      programs.map((runnable) => ({
        registers: runnable.program.registers,
        memory: initialMemory(runnable),
        isOneStep: false,
        end: layout.code + PAGE,
        hasVectors: true,
      })),
    );
    return answers.map((answer, index) => ({
      registers: answer.registers,
      exception: exceptionOf(answer),
      changes: joined(changedBytes(initialMemory(programs[index]!), answer.changes)),
      retired: undefined,
    }));
  }

  stop(): void {
    this.#host.stop();
  }
}

/** Sorted, and in as few pieces as possible. */
function joined(pieces: readonly MemoryPiece[]): MemoryPiece[] {
  const result: MemoryPiece[] = [];
  for (const piece of [...pieces].sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const last = result.at(-1);
    if (last !== undefined && last.address + BigInt(last.bytes.length) === piece.address) {
      const bytes = Uint8Array.from([...last.bytes, ...piece.bytes]);
      result[result.length - 1] = { address: last.address, bytes };
    } else result.push(piece);
  }
  return result;
}

function randomSlices(seed: number): Slicing {
  const random = new SeededRandom(seed);
  return () => random.pick([1, 1, 2, 3, 4, 7, 20, 100]);
}

/** By name: "native", an engine, or an engine followed by "-interrupted". */
function contestantNamed(name: string): Contestant {
  if (name === "native") return new NativeContestant();
  const isInterrupted = name.endsWith("-interrupted");
  const [engine, ...others] = enginesNamed(isInterrupted ? name.slice(0, -12) : name);
  if (others.length > 0) {
    throw new VmmError("ERR_BAD_OPTION", `--with=${name}: name the engines one by one`);
  }
  return new EngineContestant(engine!, isInterrupted ? randomSlices : undefined);
}

/** Contestants by a comma-separated list of names; without one, everybody there is. */
export function contestantsNamed(names: string | undefined): Contestant[] {
  const all = ENGINES.flatMap((engine) => [engine, `${engine}-interrupted`]);
  if (isReferenceHost()) all.unshift("native");
  return (names?.split(",") ?? all).map(contestantNamed);
}

/** What two contestants disagree about. */
export function compareOutcomes(
  runnable: Runnable,
  expected: ProgramOutcome,
  actual: ProgramOutcome,
  undefinedBits: Vector["undefinedBits"],
): Difference[] {
  const differences: Difference[] = compareRegisters(
    {
      before: runnable.program.registers,
      expected: expected.registers,
      actual: actual.registers,
    },
    undefinedBits,
  );
  if (!isSameException(expected.exception, actual.exception)) {
    differences.unshift({
      kind: "exception",
      expected: expected.exception,
      actual: actual.exception,
    });
  }
  differences.push(...changeDifferences(expected.changes, actual.changes));
  const { retired } = expected;
  if (retired !== undefined && actual.retired !== undefined && retired !== actual.retired) {
    differences.push({
      kind: "error",
      message: `retired ${actual.retired} instructions instead of ${retired}`,
    });
  }
  return differences;
}

function isSameException(a: VectorException | undefined, b: VectorException | undefined): boolean {
  return a?.vector === b?.vector && a?.code === b?.code && a?.cr2 === b?.cr2;
}

function changeDifferences(
  expected: readonly MemoryPiece[],
  actual: readonly MemoryPiece[],
): Difference[] {
  const bytesOf = (pieces: readonly MemoryPiece[]) =>
    new Map(
      pieces.flatMap(({ address, bytes }) =>
        [...bytes].map((byte, index): [bigint, number] => [address + BigInt(index), byte]),
      ),
    );
  const first = bytesOf(expected);
  const second = bytesOf(actual);
  const differences: Difference[] = [];
  for (const address of new Set([...first.keys(), ...second.keys()])) {
    const a = first.get(address);
    const b = second.get(address);
    if (a === b) continue;
    differences.push({
      kind: "memory",
      address,
      expected: a === undefined ? new Uint8Array() : Uint8Array.of(a),
      actual: b === undefined ? new Uint8Array() : Uint8Array.of(b),
    });
  }
  return differences;
}
