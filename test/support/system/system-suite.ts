// SPDX-License-Identifier: BSD-2-Clause
// System programs as cases of a table: each is run by every engine, in one go and in slices of a few instructions;
// what all of them leave behind must be the same to the bit, and be what the case says the manual says.
import { describe, expect, it } from "vitest";
import { settleFlags } from "../../../src/cpu/flags.ts";
import { STATE_FIELDS } from "../../../src/cpu/state-fields.ts";
import { ACTIVITY, ACTIVITY_SHUTDOWN } from "../../../src/cpu/state-layout.ts";
import type { EngineOptions } from "../../../src/cpu/vcpu.ts";
import { RAM_OFFSET } from "../../../src/mmu/machine-layout.ts";
import { LateCompiler } from "../late-compiler.ts";
import { USED } from "./layout.ts";
import { expectResult, loadCase, type SystemCase } from "./system-case.ts";
import { type Entry, SystemMachine } from "./system-machine.ts";

interface Contestant {
  readonly name: string;
  readonly options: EngineOptions;
  readonly slice: number;
}

const INTERPRETER: EngineOptions = { engine: "interpreter" };
/** Translates everything, and runs nothing else. */
const TRANSLATOR: EngineOptions = { engine: "translator", threshold: 0 };
/** Interprets what it meets until another thread's units are there: some blocks of a program, from some point on. */
const LATE: EngineOptions = {
  engine: "translator",
  threshold: 1,
  compiler: new LateCompiler(1),
};
const CONTESTANTS: readonly Contestant[] = [
  { name: "interpreter", options: INTERPRETER, slice: Number.POSITIVE_INFINITY },
  { name: "translator", options: TRANSLATOR, slice: Number.POSITIVE_INFINITY },
  { name: "interpreter, one at a time", options: INTERPRETER, slice: 1 },
  { name: "translator, three at a time", options: TRANSLATOR, slice: 3 },
  { name: "translator, late", options: LATE, slice: Number.POSITIVE_INFINITY },
];
/** No program is longer. */
const LIMIT = 20_000;
/** Fields of the state that mean nothing between instructions, or are another form of the flags. */
const MEANINGLESS: ReadonlySet<string> = new Set([
  "address",
  "cc",
  "current",
  "vectorScratch",
  "fpuScratch",
]);
const FIELDS = STATE_FIELDS.filter(([name]) => !MEANINGLESS.has(name));

const machines = new Map<EngineOptions, SystemMachine>();

/** Cases share machines, which begin anew each time: making one costs more than running a program. */
function machineFor(options: EngineOptions): SystemMachine {
  let machine = machines.get(options);
  if (machine === undefined) {
    machine = new SystemMachine(options);
    machines.set(options, machine);
  }
  return machine;
}

interface Outcome {
  readonly fields: Readonly<Record<string, readonly number[]>>;
  readonly ram: Uint8Array;
  readonly retired: number;
  readonly entries: readonly Entry[];
  readonly ending: string;
}

function outcomeOf(machine: SystemMachine, ending: string): Outcome {
  const { state, memory, vcpu } = machine;
  settleFlags(state);
  const fields = FIELDS.map(([name, word, words]) => [
    name,
    [...state.subarray(word, word + words)],
  ]);
  return {
    fields: Object.fromEntries(fields) as Record<string, number[]>,
    ram: memory.bytes.slice(RAM_OFFSET, RAM_OFFSET + USED),
    retired: vcpu.retired,
    entries: machine.entries,
    ending,
  };
}

function run(machine: SystemMachine, each: SystemCase, slice: number): Outcome {
  const { vcpu } = machine;
  for (const { after, interrupt } of each.arrivals ?? []) {
    machine.advance(after - vcpu.retired, slice);
    if (interrupt === "nmi") vcpu.requestNmi();
    else {
      machine.pendingVector = interrupt;
      vcpu.requestInterrupt();
    }
  }
  const isDone = machine.advance(LIMIT - vcpu.retired, slice);
  const isShutDown = (machine.state[ACTIVITY]! & ACTIVITY_SHUTDOWN) !== 0;
  return outcomeOf(machine, isShutDown ? "shutdown" : isDone ? "halt" : "endless");
}

function expectSame(outcome: Outcome, first: Outcome, name: string): void {
  const { ram, ...rest } = outcome;
  const { ram: firstRam, ...firstRest } = first;
  expect(rest, name).toEqual(firstRest);
  if (Buffer.compare(ram, firstRam) === 0) return;
  const at = ram.findIndex((byte, i) => byte !== firstRam[i]);
  expect.fail(`${name}: the byte at 0x${at.toString(16)} differs`);
}

/** All cases of the modules that were imported so far, by suite. */
export const SYSTEM_SUITES = new Map<string, readonly SystemCase[]>();

/** A test for each case, where tests are run. */
export function systemSuite(title: string, cases: readonly SystemCase[]): void {
  SYSTEM_SUITES.set(title, cases);
  if (process.env["VITEST"] === undefined) return;
  describe(title, () => {
    it.each(cases.map((each) => [`${each.title} [${each.manual}]`, each] as const))(
      "%s",
      (_title, each) => {
        let first: Outcome | undefined;
        for (const { name, options, slice } of CONTESTANTS) {
          if (each.isIndivisible === true && Number.isFinite(slice)) continue;
          const machine = machineFor(options);
          loadCase(machine, each);
          const outcome = run(machine, each, slice);
          if (first === undefined) expectResult(machine, each, outcome.ending);
          first ??= outcome;
          expectSame(outcome, first, name);
        }
      },
    );
  });
}
