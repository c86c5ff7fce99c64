// SPDX-License-Identifier: BSD-2-Clause
// One system program: what it starts from, what it must leave behind, and how the two are put into a machine and looked
// for in it. Who runs it in between is another matter.
import { expect } from "vitest";
import { assemble } from "../assembly/assemble.ts";
import { CODE, SYMBOLS, VECTORS } from "./layout.ts";
import type { Entry, SystemMachine, SystemMode } from "./system-machine.ts";

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

const EXCEPTIONS = "DE DB NMI BP OF BR UD NM DF 9 TS NP SS GP PF 15 MF AC MC XM".split(" ");
const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

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

/** Puts the program into a machine that begins anew. */
export function loadCase(machine: SystemMachine, each: SystemCase): ReadonlyMap<string, number> {
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

/** Throws the assertion that fails if this is not what the case expects; `ending` is how the program ended. */
export function expectResult(machine: SystemMachine, each: SystemCase, ending: string): void {
  const labels = assembled(each).labels;
  const events = machine.entries.map((entry) => describeEntry(entry, labels));
  expect([...events, ending]).toEqual([...(each.events ?? []), each.ends ?? "halt"]);
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
