// SPDX-License-Identifier: BSD-2-Clause
// System programs as cases of a table: each is run by every engine, in one go and in slices of a few instructions;
// what all of them leave behind must be the same to the bit, and be what the case says the manual says.
import { describe, expect, it } from "vitest";
import { settleFlags } from "../../../src/cpu/flags.ts";
import { STATE_FIELDS } from "../../../src/cpu/state-fields.ts";
import { ACTIVITY, ACTIVITY_SHUTDOWN } from "../../../src/cpu/state-layout.ts";
import type { EngineOptions } from "../../../src/cpu/vcpu.ts";
import { RAM_OFFSET } from "../../../src/mmu/machine-layout.ts";
import { assemble } from "../assembly/assemble.ts";
import { LateCompiler } from "../late-compiler.ts";
import { CODE, SYMBOLS, USED, VECTORS } from "./layout.ts";
import { type Entry, SystemMachine, type SystemMode } from "./system-machine.ts";

/** Something that happens to the vCPU from outside when it has retired so many instructions. */
export interface Arrival {
  readonly after: number;
  /** A vector, or an NMI. */
  readonly interrupt: number | "nmi";
}

export interface SystemCase {
  /** What the machine does. */
  readonly title: string;
  /** Where the manual says so: SDM volume and section, or APM's. */
  readonly manual: string;
  /** 64-bit mode unless it says otherwise. */
  readonly mode?: SystemMode;
  /** Begins at CODE. Ends where it halts. */
  readonly code: string;
  /** Labels that go on behind the stubs of vectors. */
  readonly on?: Readonly<Record<number, string>>;
  /** Changes memory or registers before the program starts. */
  readonly prepare?: (machine: SystemMachine, labels: ReadonlyMap<string, number>) => void;
  readonly arrivals?: readonly Arrival[];
  /** What the stubs saw, in order, in the notation of {@link describeEntry}. */
  readonly events?: readonly string[];
  /** General registers in the end. */
  readonly registers?: Readonly<Record<string, number | bigint>>;
  /** 32-bit words of physical memory in the end, by address or label. */
  readonly memory?: Readonly<Record<string, number>>;
  /** What else must hold. */
  readonly check?: (machine: SystemMachine, labels: ReadonlyMap<string, number>) => void;
  /** It may come out differently when it is interrupted, even by nothing. */
  readonly isIndivisible?: boolean;
  /** How it ends: halted unless it says otherwise. */
  readonly ends?: "halt" | "shutdown";
}

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

const EXCEPTIONS = "DE DB NMI BP OF BR UD NM DF 9 TS NP SS GP PF 15 MF AC MC XM".split(" ");
const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

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

/** The label an address lies behind, and how far. */
function placeOf(address: bigint, labels: ReadonlyMap<string, number>): string {
  let best = "";
  let bestAt = -1;
  for (const [name, at] of labels) {
    if (BigInt(at) <= address && at > bestAt) [best, bestAt] = [name, at];
  }
  const distance = address - BigInt(Math.max(bestAt, 0));
  if (bestAt < 0 || distance > 0x100n) return `0x${address.toString(16)}`;
  return distance === 0n ? best : `${best}+${distance}`;
}

/** `#PF(6) at store, 0x50000`, `#GP(18) at load`, `#DB at next, DR6 4001`, `NMI at here`, `INT 80 at user`. */
function describeEntry(entry: Entry, labels: ReadonlyMap<string, number>): string {
  const name = EXCEPTIONS[entry.vector];
  const what =
    name === undefined ? `INT ${entry.vector.toString(16)}` : name === "NMI" ? name : `#${name}`;
  const code = entry.code === undefined ? "" : `(${entry.code.toString(16)})`;
  const more =
    name === "PF"
      ? `, 0x${entry.cr2.toString(16)}`
      : name === "DB"
        ? `, DR6 ${(entry.dr6 & 0xf00f & ~0x0ff0).toString(16)}`
        : "";
  return `${what}${code} at ${placeOf(entry.rip, labels)}${more}`;
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

/** Puts the program into a machine that begins anew. */
function load(machine: SystemMachine, each: SystemCase): ReadonlyMap<string, number> {
  const { labels, pieces } = assembled(each);
  machine.begin(each.mode ?? "long");
  for (const { at, bytes } of pieces) machine.memory.write(at, bytes);
  for (const [vector, label] of Object.entries(each.on ?? {})) {
    machine.memory.store(VECTORS + 8 * Number(vector), 4, labels.get(label)!);
  }
  each.prepare?.(machine, labels);
  machine.vcpu.stateChanged();
  return labels;
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

const texts = new WeakMap<SystemCase, ReturnType<typeof assemble>>();

function assembled(each: SystemCase) {
  const known = texts.get(each);
  if (known !== undefined) return known;
  const bits = { long: 64, protected: 32, real: 16 } as const;
  const made = assemble(each.code, {
    origin: CODE,
    bits: bits[each.mode ?? "long"],
    symbols: SYMBOLS,
  });
  texts.set(each, made);
  return made;
}

function expectSame(outcome: Outcome, first: Outcome, name: string): void {
  const { ram, ...rest } = outcome;
  const { ram: firstRam, ...firstRest } = first;
  expect(rest, name).toEqual(firstRest);
  if (Buffer.compare(ram, firstRam) === 0) return;
  const at = ram.findIndex((byte, i) => byte !== firstRam[i]);
  expect.fail(`${name}: the byte at 0x${at.toString(16)} differs`);
}

function expectResult(machine: SystemMachine, each: SystemCase, outcome: Outcome): void {
  const labels = assembled(each).labels;
  const events = outcome.entries.map((entry) => describeEntry(entry, labels));
  expect([...events, outcome.ending]).toEqual([...(each.events ?? []), each.ends ?? "halt"]);
  const registers: Record<string, bigint> = {};
  const expected: Record<string, bigint> = {};
  for (const [name, value] of Object.entries(each.registers ?? {})) {
    registers[name] = machine.register(REGISTERS.indexOf(name));
    expected[name] = BigInt.asUintN(64, BigInt(value));
  }
  expect(hex(registers)).toEqual(hex(expected));
  for (const [place, value] of Object.entries(each.memory ?? {})) {
    const address = labels.get(place) ?? Number(place);
    expect(`${place}: ${(machine.memory.load(address, 4) >>> 0).toString(16)}`).toBe(
      `${place}: ${(value >>> 0).toString(16)}`,
    );
  }
  each.check?.(machine, labels);
}

function hex(values: Readonly<Record<string, bigint>>): Record<string, string> {
  const pairs = Object.entries(values).map(([name, value]) => [name, value.toString(16)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** A test for each case. */
export function systemSuite(title: string, cases: readonly SystemCase[]): void {
  describe(title, () => {
    it.each(cases.map((each) => [`${each.title} [${each.manual}]`, each] as const))(
      "%s",
      (_title, each) => {
        let first: Outcome | undefined;
        for (const { name, options, slice } of CONTESTANTS) {
          if (each.isIndivisible === true && Number.isFinite(slice)) continue;
          const machine = machineFor(options);
          load(machine, each);
          const outcome = run(machine, each, slice);
          if (first === undefined) expectResult(machine, each, outcome);
          first ??= outcome;
          expectSame(outcome, first, name);
        }
      },
    );
  });
}
