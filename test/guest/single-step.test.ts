// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { FLAGS, IDTR_BASE, IDTR_LIMIT, RIP } from "../../src/cpu/state-layout.ts";
import { CODE, STACK, TestMachine } from "../support/test-machine.ts";

const FLAG_TF = 0x100;
const FIXED = 2;
const VECTOR_DB = 1;
const VECTOR_PF = 14;

interface Event {
  readonly vector: number;
  readonly rip: number;
}

/** Notes exceptions and where they are raised; without an IDT the first one ends the run. */
function run(code: readonly number[], flags: number, budget: number, { at = CODE, rcx = 0n } = {}) {
  const machine = new TestMachine();
  machine.enterLongMode();
  const { state } = machine;
  state[IDTR_BASE] = 0;
  state[IDTR_LIMIT] = 0;
  machine.setRegister(1, rcx);
  machine.setRegister(4, BigInt(STACK));
  machine.load(code, at);
  state[FLAGS] = flags;
  const events: Event[] = [];
  machine.vcpu.cpu.trace = {
    wantsInstructions: false,
    instruction() {},
    fault: (vector) => events.push({ vector, rip: state[RIP]! }),
    interrupt() {},
  };
  machine.vcpu.run(budget);
  return { machine, first: events[0] };
}

describe("RFLAGS.TF", () => {
  it("traps behind one instruction, however much may run", () => {
    const { machine, first } = run([0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0], FLAG_TF | FIXED, 100);
    expect(first).toEqual({ vector: VECTOR_DB, rip: CODE + 3 });
    expect(machine.register(0)).toBe(1n);
  });

  it("traps at the target of a branch that is taken", () => {
    const { first } = run([0x73, 0x10], FLAG_TF | FIXED, 100); // jae +0x10
    expect(first).toEqual({ vector: VECTOR_DB, rip: CODE + 0x12 });
  });

  it("traps after each iteration of a repeated string instruction", () => {
    const { machine, first } = run([0xf3, 0xac], FLAG_TF | FIXED, 100, { at: CODE, rcx: 2n }); // rep lodsb
    expect(first).toEqual({ vector: VECTOR_DB, rip: CODE });
    expect(machine.register(1)).toBe(1n);
    const last = run([0xf3, 0xac], FLAG_TF | FIXED, 100, { at: CODE, rcx: 1n });
    expect(last.first).toEqual({ vector: VECTOR_DB, rip: CODE + 2 });
  });
});

describe("a budget", () => {
  it("ends before the fetch of what it does not pay for can fault", () => {
    const end = 32 * 1024 * 1024; // what is mapped and no more
    const one = run([0x90], FIXED, 1, { at: end - 1 });
    expect(one.first).toBeUndefined();
    expect(one.machine.rip).toBe(BigInt(end));
    expect(run([0x90], FIXED, 2, { at: end - 1 }).first).toEqual({ vector: VECTOR_PF, rip: end });
  });

  it("ends before the fetch of a branch's target in the same page, which may cross into another", () => {
    const end = 32 * 1024 * 1024;
    const one = run([0xeb, 0xff], FIXED, 1, { at: end - 2 }); // jmp $+1
    expect(one.first).toBeUndefined();
    expect(one.machine.rip).toBe(BigInt(end - 1));
  });
});
