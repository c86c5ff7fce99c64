// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { assemble } from "../../test/support/assembly/assemble.ts";
import { CODE, TestMachine } from "../../test/support/test-machine.ts";
import { CPL, RIP } from "../cpu/state-layout.ts";
import type { EngineName } from "../cpu/vcpu.ts";
import { RAM_OFFSET } from "../mmu/machine-layout.ts";
import { HeatSampler } from "./heat.ts";
import { type HeatGroup, heatReport } from "./heat-report.ts";

/** 300 instructions in one loop, then 100 in another one, which is on the next page; for ever. */
const TWO_LOOPS = `
  start:  mov ecx, 100
  long:   nop; dec ecx; jnz long
          jmp second
          at ${CODE + 0x1000}
  second: mov ecx, 50
  short:  dec ecx; jnz short
          jmp start`;
const LONG = CODE + 5;
const SHORT = CODE + 0x1005;
const ACROSS = CODE + 0x2fff;
const INSTRUCTIONS = 120_000;
const TIMEOUT = 60_000;

function running(engine: EngineName): TestMachine {
  const machine = new TestMachine(undefined, { engine });
  machine.enterLongMode();
  for (const { at, bytes } of assemble(TWO_LOOPS, { origin: CODE }).pieces) {
    machine.memory.bytes.set(bytes, RAM_OFFSET + at);
  }
  machine.state[RIP] = CODE;
  return machine;
}

function sampled({ vcpu }: TestMachine, period = 97, instructions = INSTRUCTIONS): HeatSampler {
  const sampler = new HeatSampler(vcpu, period);
  const end = vcpu.retired + instructions;
  while (vcpu.retired < end) {
    vcpu.run(Math.min(end - vcpu.retired, sampler.ahead));
    sampler.look();
  }
  return sampler;
}

const names: readonly (readonly [address: number, name: string])[] = [
  [CODE + 0x1000, "second"],
  [CODE, "first"],
];

function nameAt(address: bigint) {
  const found = names.find(([at]) => address >= BigInt(at));
  return found && { name: found[1], offset: address - BigInt(found[0]) };
}

function rowsOf(machine: TestMachine, sampler: HeatSampler, by: HeatGroup, count = 10) {
  return heatReport(machine.vcpu.cpu, sampler.heat, { by, count }, nameAt).rows;
}

describe.each(["interpreter", "auto"] as const)(
  "heat, with engine=%s,",
  { timeout: TIMEOUT },
  (engine) => {
    it("is the share of the instructions retired", () => {
      const machine = running(engine);
      const sampler = sampled(machine);
      const { samples, instructions } = sampler.heat;
      expect(instructions).toBe(INSTRUCTIONS);
      expect(samples).toBeGreaterThan(INSTRUCTIONS / 110);
      const [first, second] = rowsOf(machine, sampler, "block");
      expect([first!.address, second!.address]).toEqual(
        [LONG, SHORT].map((at) => `0x${at.toString(16)}`),
      );
      // 3 of 4 and 1 of 4, to four standard deviations.
      expect(Math.abs(first!.samples / samples - 3 / 4)).toBeLessThan(0.05);
      expect(Math.abs(second!.samples / samples - 1 / 4)).toBeLessThan(0.05);
    });

    it("says what ran it", () => {
      const machine = running(engine);
      const sampler = sampled(machine);
      const [first] = rowsOf(machine, sampler, "block");
      if (engine === "interpreter") {
        expect(sampler.heat.inUnits).toBe(0);
        expect(first).toMatchObject({ translated: 0, state: { entered: expect.any(Number) } });
      } else {
        expect(sampler.heat.inUnits).toBeGreaterThan(0.5 * INSTRUCTIONS);
        expect(first!.translated).toBeGreaterThan(0.5 * first!.samples);
        expect(first!.state).toEqual({ unit: expect.any(Number) });
      }
    });

    it("changes nothing for the guest", () => {
      const machine = running(engine);
      sampled(machine);
      const other = running(engine);
      other.vcpu.run(INSTRUCTIONS);
      expect(machine.vcpu.retired).toBe(other.vcpu.retired);
      expect(machine.state.slice(0, 48)).toEqual(other.state.slice(0, 48));
    });
  },
);

describe("a report on heat", { timeout: TIMEOUT }, () => {
  it("puts blocks together by page and by function, and names the hottest place", () => {
    const machine = running("auto");
    const sampler = sampled(machine);
    const ofPages = rowsOf(machine, sampler, "page");
    expect(ofPages.map(({ address }) => address)).toEqual(["0x100000", "0x101000"]);
    const ofFunctions = rowsOf(machine, sampler, "function");
    expect(ofFunctions.map(({ name }) => name)).toEqual(["first", "second"]);
    expect(ofFunctions.map(({ samples }) => samples)).toEqual(
      ofPages.map(({ samples }) => samples),
    );
    expect(rowsOf(machine, sampler, "block", 1).map(({ name }) => name)).toEqual(["first+0x5"]);
  });

  it("puts blocks of a unit together", () => {
    const machine = running("auto");
    const [first] = rowsOf(machine, sampled(machine), "unit");
    expect(first!.state).toEqual({ unit: expect.any(Number) });
    expect(first!.places).toBeGreaterThanOrEqual(1);
  });

  it("gives no kernel's names to a program's code", () => {
    const machine = running("interpreter");
    machine.vcpu.cpu.s[CPL] = 3;
    machine.vcpu.stateChanged();
    expect(machine.state[CPL]).toBe(3);
    const [first] = rowsOf(machine, sampled(machine), "function");
    expect(first).toMatchObject({ isUser: true, name: undefined });
  });

  it("tells of code that is gone", () => {
    const machine = running("auto");
    const sampler = sampled(machine);
    machine.memory.write(CODE, Uint8Array.of(0xf4));
    machine.vcpu.cpu.cache.written(RAM_OFFSET + CODE, 4096);
    expect(rowsOf(machine, sampler, "block")[0]!.state).toBe("forgotten");
  });
});

describe("a sampler", { timeout: TIMEOUT }, () => {
  it("counts no more when it was stopped", () => {
    const machine = running("interpreter");
    const sampler = sampled(machine);
    sampler.stop();
    const { samples, instructions } = sampler.heat;
    machine.vcpu.run(1000);
    sampler.look();
    expect(sampler.heat).toMatchObject({ samples, instructions });
    expect(sampler.ahead).toBe(Number.POSITIVE_INFINITY);
  });

  it("notes an instruction by itself that lies in two pages, where no block is kept", () => {
    const machine = running("interpreter");
    const source = `at ${ACROSS}; across: mov rbx, rax; jmps across`;
    for (const { at, bytes } of assemble(source, { origin: CODE }).pieces) {
      machine.memory.bytes.set(bytes, RAM_OFFSET + at);
    }
    machine.state[RIP] = ACROSS;
    const [first] = sampled(machine, 9, 1000).heat.places.filter(
      ({ address }) => address === BigInt(ACROSS),
    );
    expect(first).toMatchObject({ instructions: 0, offset: RAM_OFFSET + ACROSS });
    expect(first!.samples).toBeGreaterThan(10);
  });
});
