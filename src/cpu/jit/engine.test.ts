// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { LateCompiler } from "../../../test/support/late-compiler.ts";
import { CODE, TestMachine } from "../../../test/support/test-machine.ts";
import { EXIT_BAIL } from "../interp/translation.ts";
import { RAX, RCX, RDX, RIP } from "../state-layout.ts";

/** mov ecx, 1000; again: add eax, 1; dec ecx; jnz again; hlt */
const LOOP = [0xb9, 0xe8, 3, 0, 0, 0x83, 0xc0, 1, 0xff, 0xc9, 0x75, 0xf9, 0xf4];
/** Rounds until a job is given away: hot after 8, and then a few times anew, for company to come. */
const ASKED = 80;
/** More than it takes. */
const BUDGET = 10_000;
const ADDED = CODE + 7;

let compiler: LateCompiler;
let machine: TestMachine;

beforeEach(() => {
  compiler = new LateCompiler(5);
  machine = new TestMachine(undefined, { engine: "translator", threshold: 8, compiler });
  machine.enterLongMode();
  machine.load(LOOP);
});

function counters() {
  return machine.vcpu.translation!.counters;
}

describe("a translation engine with a compiler on another thread", () => {
  it("interprets until the unit is there, then runs it", () => {
    machine.run(BUDGET);
    expect(machine.register(RAX)).toBe(1000n);
    expect(compiler.taken).toBeGreaterThan(0);
    expect(counters().units).toBe(1);
    // Given away in round 72; looked for at every 8th from then on, five times for nothing.
    expect(counters().retired).toBe(3 * (1000 - 120));
    expect(machine.vcpu.retired).toBe(3 * 1000 + 2);
  });

  it("has no use for a unit whose code was written while it was translated", () => {
    machine.run(3 * ASKED);
    expect(compiler.taken).toBe(1);
    machine.memory.write(ADDED, Uint8Array.of(2));
    machine.run(BUDGET);
    const before = ASKED;
    expect(machine.register(RAX)).toBeGreaterThan(2n * BigInt(1000 - before) - 2n);
    expect(machine.register(RCX)).toBe(0n);
    // The first job's unit was not installed; the second one's was.
    expect(compiler.taken).toBe(2);
    expect(counters().units).toBe(1);
  });

  it("has no use for units of before a flush", () => {
    machine.run(3 * ASKED);
    machine.vcpu.cpu.cache.flush();
    machine.run(BUDGET);
    expect(machine.register(RAX)).toBe(1000n);
    expect(counters().units).toBe(1);
  });

  it("translates by itself what a thread that has ended has left", () => {
    machine.run(3 * ASKED);
    compiler.isReady = false;
    compiler.delay = Number.POSITIVE_INFINITY;
    machine.run(BUDGET);
    expect(machine.register(RAX)).toBe(1000n);
    expect(counters().units).toBe(1);
  });

  it("does not wait for a thread that has not begun", () => {
    compiler.isReady = false;
    machine.run(BUDGET);
    expect(compiler.taken).toBe(0);
    expect(counters().units).toBe(1);
    expect(machine.register(RAX)).toBe(1000n);
  });
});

describe("a unit that accesses a device", () => {
  /** mov ecx, 1000; again: mov [0x10000000], ecx; mov edx, [0x10000000]; inc eax; dec ecx; jnz again; hlt */
  const DRIVER = [
    ...[0xb9, 0xe8, 3, 0, 0],
    ...[0x89, 0x0d, 0, 0, 0, 0x10, 0x8b, 0x15, 0, 0, 0, 0x10],
    ...[0xff, 0xc0, 0xff, 0xc9, 0x75, 0xee, 0xf4],
  ];
  const LOAD = CODE + 11;

  beforeEach(() => {
    machine = new TestMachine(undefined, { engine: "translator", threshold: 8 });
    machine.enterProtectedMode();
    machine.load(DRIVER);
    // While an interrupt is asked for, the vCPU looks around behind each access.
    machine.vcpu.cpu.isInterruptRequested = false;
  });

  it("is left for it a few times, then is translated anew and calls the executors", () => {
    const stored: number[] = [];
    machine.storedOutside = (_gpa, value) => stored.push(value);
    machine.run(BUDGET);
    expect(stored).toEqual(Array.from({ length: 1000 }, (_, i) => 1000 - i));
    expect(machine.register(RAX)).toBe(1000n);
    expect(machine.register(RDX)).toBe(0xffffffffn);
    expect(machine.vcpu.retired).toBe(5 * 1000 + 2);
    expect(counters().dropped).toBe(2);
    expect(counters().exits[EXIT_BAIL]).toBeLessThan(50);
    const called = machine.vcpu.translation!.runtime.calledExecutors();
    expect(Object.fromEntries(called)["mov"]).toBeGreaterThan(1500);
  });

  it("stops behind the very access at which the device asks for it", () => {
    machine.storedOutside = (_gpa, value) => {
      if (value === 100) machine.vcpu.stop();
    };
    machine.run(BUDGET);
    expect(machine.state[RIP]).toBe(LOAD);
    expect(machine.register(RAX)).toBe(900n);
    expect(machine.vcpu.retired).toBe(1 + 5 * 900 + 1);
    machine.run(BUDGET);
    expect(machine.register(RAX)).toBe(1000n);
    expect(machine.vcpu.retired).toBe(5 * 1000 + 2);
  });
});
