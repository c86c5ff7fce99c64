// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { processorModel } from "../../src/cpu/model.ts";
import { ACTIVITY, RIP } from "../../src/cpu/state-layout.ts";
import type { EngineOptions } from "../../src/cpu/vcpu.ts";
import { CODE, PAGE_TABLES, TestMachine } from "../support/test-machine.ts";

const RCX = 1;
const ALIAS = 0x1000000;

/** xor eax,eax; inc rax; dec rcx; jnz -8; hlt */
const LOOP = [0x31, 0xc0, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc9, 0x75, 0xf8, 0xf4];
const DEC = CODE + 5;

/** Both engines, the translator also where it translates everything and runs nothing else. */
const ENGINES: readonly EngineOptions[] = [
  { engine: "interpreter" },
  { engine: "translator", threshold: 1 },
  { engine: "translator", threshold: 0 },
];
let options: EngineOptions;

function machineWith(code: readonly number[]): TestMachine {
  const machine = new TestMachine(processorModel(), options);
  machine.enterLongMode();
  machine.setRegister(RCX, 3n);
  machine.load(code);
  return machine;
}

describe.each(ENGINES)("a debugger's breakpoints, $engine $threshold", (engine) => {
  beforeEach(() => {
    options = engine;
  });

  it("stop the vCPU in front of the instruction, every time it comes by", () => {
    const machine = machineWith(LOOP);
    machine.vcpu.setBreakpoints([BigInt(DEC)]);
    const seen: (readonly [string, number, bigint, bigint])[] = [];
    for (let i = 0; i < 4; i++) {
      const { kind } = machine.run(1000);
      seen.push([kind, machine.vcpu.retired, machine.rip, machine.register(RCX)]);
      machine.vcpu.passBreakpoint();
    }
    expect(seen).toEqual([
      ["debug", 2, BigInt(DEC), 3n],
      ["debug", 5, BigInt(DEC), 2n],
      ["debug", 8, BigInt(DEC), 1n],
      ["hlt", 11, BigInt(CODE + LOOP.length), 0n],
    ]);
  });

  it("stop again and again until somebody passes them", () => {
    const machine = machineWith(LOOP);
    machine.vcpu.setBreakpoints([BigInt(CODE)]);
    expect([machine.run(10).kind, machine.run(10).kind]).toEqual(["debug", "debug"]);
    expect(machine.vcpu.retired).toBe(0);
  });

  it("count in the middle of code that was decoded before they were set, and no more when they are gone", () => {
    const machine = machineWith(LOOP);
    machine.setRegister(RCX, 1000n);
    machine.run(100);
    machine.vcpu.setBreakpoints([BigInt(DEC)]);
    expect(machine.run(100).kind).toBe("debug");
    expect(machine.rip).toBe(BigInt(DEC));
    machine.vcpu.setBreakpoints([]);
    expect(machine.run(10_000).kind).toBe("hlt");
    expect(machine.vcpu.retired).toBe(3002);
  });

  it("belong to an address, not to the memory behind it", () => {
    const machine = machineWith(LOOP);
    // The 2 MiB page at 16 MiB shows the first one: its code is the same memory.
    machine.memory.store(PAGE_TABLES + 0x2000 + 8 * 8, 4, 0x87);
    machine.vcpu.stateChanged();
    machine.vcpu.setBreakpoints([BigInt(ALIAS + DEC)]);
    expect(machine.run(1000).kind).toBe("hlt");
    machine.setRegister(RCX, 1n);
    machine.load(LOOP);
    machine.state[RIP] = ALIAS + CODE;
    machine.state[ACTIVITY] = 0;
    machine.vcpu.stateChanged();
    expect(machine.run(1000).kind).toBe("debug");
    expect(machine.rip).toBe(BigInt(ALIAS + DEC));
  });

  it("do not disturb an instruction that they lie inside of", () => {
    const machine = machineWith(LOOP);
    machine.vcpu.setBreakpoints([BigInt(DEC + 1)]);
    expect(machine.run(1000).kind).toBe("hlt");
    expect(machine.vcpu.retired).toBe(11);
  });

  it("stop a guest that single-steps itself, without a trap too many", () => {
    const machine = machineWith([0x9c, 0x58, 0x80, 0xcc, 0x01, 0x50, 0x9d, 0x90, 0x90, 0xf4]);
    machine.setRegister(4, 0x300000n);
    const traps: bigint[] = [];
    machine.vcpu.cpu.trace = {
      wantsInstructions: false,
      instruction() {},
      fault: () => traps.push(machine.rip),
      interrupt() {},
    };
    machine.vcpu.setBreakpoints([BigInt(CODE + 7)]);
    expect(machine.run(1000).kind).toBe("debug");
    expect(machine.rip).toBe(BigInt(CODE + 7));
    expect(traps).toEqual([]);
  });
});
