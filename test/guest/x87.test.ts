// SPDX-License-Identifier: BSD-2-Clause
// x87 and MMX against results recorded on a processor, and the rules that a recording of single instructions
// does not show: when exceptions are raised, what FSTENV and FSAVE store. SDM 1 ch. 8 and 9, SDM 3A 2.5.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ACTIVITY,
  CR0,
  DS,
  FPU_STATUS,
  FPU_TAGS,
  RIP,
  SEG_BASE,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
} from "../../src/cpu/state-layout.ts";
import { MF, NM, UD } from "../../src/cpu/vectors.ts";
import { differences, parseRecording } from "../support/recording.ts";
import { CODE, DATA, TestMachine } from "../support/test-machine.ts";
import { X87Runner } from "../support/x87-runner.ts";

const FNINIT = [0xdb, 0xe3];
const FLDZ = [0xd9, 0xee];
const FLD1 = [0xd9, 0xe8];
const FDIVP = [0xde, 0xf9];
const FWAIT = [0x9b];
const FNSTSW_AX = [0xdf, 0xe0];
const FNSTENV = [0xd9, 0x36]; // [rsi] or [esi]
const FLDENV = [0xd9, 0x26];
const FNSAVE = [0xdd, 0x36];
const FRSTOR = [0xdd, 0x26];
const FLDCW = [0xd9, 0x2e];
const FNSTCW = [0xd9, 0x3e];
const PXOR_MMX = [0x0f, 0xef, 0xc0];
const HLT = 0xf4;

const CR0_MP = 1 << 1;
const CR0_EM = 1 << 2;
const CR0_TS = 1 << 3;

/** Runs code and remembers the first exception, with the place of the instruction that raised it. */
class Probe {
  readonly machine = new TestMachine();
  fault = 0;
  faultOffset = 0;

  constructor(enter: (machine: TestMachine) => void = (machine) => machine.enterLongMode()) {
    enter(this.machine);
    this.machine.setRegister(6, BigInt(DATA));
    this.machine.vcpu.cpu.trace = {
      wantsInstructions: false,
      instruction() {},
      fault: (vector) => {
        if (this.fault !== 0) return;
        this.fault = vector;
        this.faultOffset = Number(this.machine.rip) - CODE;
      },
      interrupt() {},
    };
  }

  /** The exception that the code raises; 0 if it gets to its end. */
  run(...parts: readonly (readonly number[])[]): number {
    this.fault = 0;
    this.machine.state[ACTIVITY] = 0;
    this.machine.load([...parts.flat(), HLT], CODE);
    this.machine.run(100);
    return this.fault;
  }

  words16(count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.machine.memory.load(DATA + 2 * i, 2));
  }

  words32(count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.machine.memory.load(DATA + 4 * i, 4) >>> 0);
  }
}

/** A control word that leaves these exceptions unmasked, for FLDCW [rsi]. */
function setControl(probe: Probe, control: number): void {
  probe.machine.memory.store(DATA, 2, control);
}

describe("x87 and MMX instructions, recorded on a processor", () => {
  const file = new URL("./fixtures/x87-results.txt", import.meta.url);
  const runner = new X87Runner();
  it.each(parseRecording(readFileSync(file, "utf8")))(
    "$text gives what a processor gives",
    (each) => {
      expect(differences(runner, each)).toEqual([]);
    },
  );
});

describe("the probe of an x87 unit", () => {
  it("finds a clear status word and the initial control word after FNINIT", () => {
    const probe = new Probe();
    probe.machine.setRegister(0, 0xffffn);
    expect(probe.run(FNINIT, FNSTSW_AX, FNSTCW)).toBe(0);
    expect(probe.machine.register(0)).toBe(0n);
    expect(probe.words16(1)).toEqual([0x37f]);
  });
});

describe("an unmasked x87 exception", () => {
  const divideByZero = [...FNINIT, ...FLDCW, ...FLD1, ...FLDZ, ...FDIVP];

  it("is raised by the next waiting instruction, not by the one that found it", () => {
    const probe = new Probe();
    setControl(probe, 0x37b);
    expect(probe.run(divideByZero, [0x90], FLD1)).toBe(MF);
    expect(probe.faultOffset).toBe(divideByZero.length + 1);
  });

  it.each([
    ["FWAIT", FWAIT],
    ["an MMX instruction", PXOR_MMX],
    ["EMMS", [0x0f, 0x77]],
    ["FLDCW", FLDCW],
  ])("is raised by %s", (_name, code) => {
    const probe = new Probe();
    setControl(probe, 0x37b);
    expect(probe.run(divideByZero, code)).toBe(MF);
    expect(probe.faultOffset).toBe(divideByZero.length);
  });

  it("waits while instructions that do not wait look at the unit, and goes away with FNCLEX", () => {
    const probe = new Probe();
    setControl(probe, 0x37b);
    expect(probe.run(divideByZero, FNSTSW_AX, FNSTCW, [0xdb, 0xe2], FLD1)).toBe(0);
    // ES, B and ZE; TOP is 6, for FDIVP did not pop.
    expect(probe.machine.register(0) & 0xffffn).toBe(0xb084n);
  });

  it("is masked, and so gone, after FNSTENV", () => {
    const probe = new Probe();
    setControl(probe, 0x37b);
    expect(probe.run(divideByZero, FNSTENV, FLD1)).toBe(0);
    expect(probe.words32(2)).toEqual([0xffff037b, 0xffffb084]);
  });
});

describe("CR0 and the x87 unit (SDM 3A table 2-2)", () => {
  it.each([
    [0, 0, 0, 0],
    [CR0_TS, NM, 0, NM],
    [CR0_MP, 0, 0, 0],
    [CR0_MP | CR0_TS, NM, NM, NM],
    [CR0_EM, NM, 0, UD],
    [CR0_EM | CR0_TS, NM, 0, UD],
    [CR0_EM | CR0_MP, NM, 0, UD],
    [CR0_EM | CR0_MP | CR0_TS, NM, NM, UD],
  ])("with %i, x87 instructions raise %i, WAIT %i, MMX %i", (bits, x87, wait, mmx) => {
    const raised = [FLD1, FWAIT, PXOR_MMX].map((code) => {
      const probe = new Probe();
      const { state } = probe.machine;
      probe.run(FNINIT);
      state[CR0] = (state[CR0]! & ~(CR0_MP | CR0_EM | CR0_TS)) | bits;
      const other = new Probe();
      other.machine.state[CR0] = state[CR0]!;
      other.machine.state[FPU_TAGS] = 0xffff;
      return other.run(code);
    });
    expect(raised).toEqual([x87, wait, mmx]);
  });
});

describe("the x87 environment in memory", () => {
  // FLD dword [rsi], at CODE + 4, makes instruction and operand pointers.
  const enterWithPointers = [...FNINIT, ...FLD1, 0xd9, 0x06];

  it("has selectors and 32-bit offsets in protected mode (SDM 1 figure 8-9)", () => {
    const probe = new Probe((machine) => machine.enterProtectedMode());
    expect(probe.run(enterWithPointers, FNSTENV)).toBe(0);
    const [control, status, tags, ip, cs, dp, ds] = probe.words32(7);
    expect([control, status]).toEqual([0xffff037f, 0xffff3000]);
    // R7 valid, R6 zero, the others empty.
    expect(tags).toBe(0xffff1fff);
    expect([ip, cs! & 0xffff, dp, ds]).toEqual([CODE + 4, 8, DATA, 0xffff0010]);
  });

  it("has selectors and 16-bit offsets with that operand size (figure 8-11)", () => {
    const probe = new Probe((machine) => machine.enterProtectedMode());
    expect(probe.run(enterWithPointers, [0x66], FNSTENV)).toBe(0);
    expect(probe.words16(7)).toEqual([0x37f, 0x3000, 0x1fff, (CODE + 4) & 0xffff, 8, 0, 16]);
  });

  it("has linear addresses in real mode (figure 8-12)", () => {
    const probe = new Probe((machine) => machine.enterRealMode());
    const { machine } = probe;
    machine.setRegister(6, 0x20n);
    // fninit; fld1; fld dword [si]; fnstenv [si], and DS is 0x1234.
    const code = [...FNINIT, ...FLD1, 0xd9, 0x04, 0xd9, 0x34, HLT];
    machine.state[SEGMENTS + DS * SEG_WORDS + SEG_SELECTOR] = 0x1234;
    machine.state[SEGMENTS + DS * SEG_WORDS + SEG_BASE] = 0x12340;
    machine.load(code, CODE);
    machine.state[RIP] = 0;
    machine.run(10);
    const words = Array.from({ length: 7 }, (_, i) => machine.memory.load(0x12360 + 2 * i, 2));
    expect(words).toEqual([0x37f, 0x3000, 0x1fff, 4, 0, 0x2360, 0x1000]);
  });

  it("comes back with FLDENV, and pending exceptions with it", () => {
    const probe = new Probe();
    const { memory, state } = probe.machine;
    [0x37b, 0x3804, 0xfffc, 0, 0, 0, 0].forEach((word, i) => {
      memory.store(DATA + 4 * i, 4, word);
    });
    expect(probe.run(FLDENV, FWAIT)).toBe(MF);
    expect(state[FPU_STATUS]).toBe(0xb884);
    expect(state[FPU_TAGS]).toBe(0xfffc);
  });

  it.each([
    ["32", [] as number[], 28],
    ["16", [0x66], 14],
  ])(
    "is saved with the registers by FNSAVE and restored by FRSTOR, %s bits",
    (_bits, prefix, at) => {
      const probe = new Probe();
      const { memory, state } = probe.machine;
      expect(probe.run(FNINIT, FLD1, [0xd9, 0xeb], prefix, FNSAVE, FNSTSW_AX)).toBe(0);
      // pi, then 1.
      expect(memory.load(DATA + at + 8, 2)).toBe(0x4000);
      expect(memory.load(DATA + at + 4, 4) >>> 0).toBe(0xc90fdaa2);
      expect(memory.load(DATA + at + 18, 2)).toBe(0x3fff);
      expect([state[FPU_STATUS], state[FPU_TAGS]]).toEqual([0, 0xffff]);
      // faddp; fstp qword [rsi + 0x80]
      expect(probe.run(prefix, FRSTOR, [0xde, 0xc1, 0xdd, 0x9e, 0x80, 0, 0, 0])).toBe(0);
      const sum = new DataView(memory.readable(DATA + 0x80, 8)!.slice().buffer);
      expect(sum.getFloat64(0, true)).toBe(Math.PI + 1);
    },
  );
});

describe("CVTPI2PS", () => {
  it("enters MMX state with a memory operand, too (SDM 2)", () => {
    const probe = new Probe();
    expect(probe.run(FNINIT, [0x0f, 0x2a, 0x06])).toBe(0);
    expect(probe.machine.state[FPU_TAGS]).toBe(0);
  });
});
