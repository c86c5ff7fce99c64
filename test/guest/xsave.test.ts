// SPDX-License-Identifier: BSD-2-Clause
// Saving and restoring the x87, SSE and AVX state: SDM 1 chapter 13, SDM 2 FXSAVE, XSAVE, XSAVEC, XRSTOR.
import { beforeEach, describe, expect, it } from "vitest";
import { processorModel } from "../../src/cpu/model.ts";
import {
  ACTIVITY,
  CR0,
  CR4,
  FPU_CONTROL,
  FPU_REGISTERS,
  MXCSR,
  XCR0,
  YMM,
} from "../../src/cpu/state-layout.ts";
import type { EngineOptions } from "../../src/cpu/vcpu.ts";
import { GP, NM, UD } from "../../src/cpu/vectors.ts";
import { CODE, DATA, TestMachine } from "../support/test-machine.ts";

const FXSAVE64 = [0x48, 0x0f, 0xae, 0x06]; // [rsi]
const FXSAVE = [0x0f, 0xae, 0x06];
const FXRSTOR64 = [0x48, 0x0f, 0xae, 0x0e];
const XSAVE64 = [0x48, 0x0f, 0xae, 0x26];
const XRSTOR64 = [0x48, 0x0f, 0xae, 0x2e];
const XSAVEOPT64 = [0x48, 0x0f, 0xae, 0x36];
const XSAVEC64 = [0x48, 0x0f, 0xc7, 0x26];
const XGETBV = [0x0f, 0x01, 0xd0];
const XSETBV = [0x0f, 0x01, 0xd1];
const LDMXCSR = [0x0f, 0xae, 0x16];
const STMXCSR = [0x0f, 0xae, 0x1e];
const FNINIT = [0xdb, 0xe3];
const FLDPI = [0xd9, 0xeb];
const CPUID = [0x0f, 0xa2];
const HLT = 0xf4;

const CR4_OSFXSR = 1 << 9;
const CR4_OSXSAVE = 1 << 18;
const CR0_TS = 1 << 3;
const X87 = 1;
const SSE = 2;
const AVX = 4;
const HEADER = DATA + 512;
const YMM_AREA = DATA + 576;
const [RAX, RBX, RCX, RDX, RSI] = [0, 3, 1, 2, 6] as const;

/** Both engines, the translator where it translates everything. */
const ENGINES: readonly EngineOptions[] = [
  { engine: "interpreter" },
  { engine: "translator", threshold: 0 },
];
let options: EngineOptions;

/** A processor that has AVX, whatever else is in its model. */
function modelWithAvx() {
  const model = processorModel();
  return { ...model, features: new Set([...model.features, "AVX" as const]), xcr0Mask: 7 };
}

/** A machine in 64-bit mode with XSAVE switched on for x87, SSE and AVX; RSI points at DATA. */
class Probe {
  readonly machine = new TestMachine(modelWithAvx(), options);
  fault = 0;

  constructor() {
    const { machine } = this;
    machine.enterLongMode();
    machine.state[CR4] = machine.state[CR4]! | CR4_OSXSAVE;
    machine.state[XCR0] = X87 | SSE | AVX;
    machine.vcpu.stateChanged();
    machine.setRegister(RSI, BigInt(DATA));
    machine.vcpu.cpu.trace = {
      wantsInstructions: false,
      instruction() {},
      fault: (vector) => {
        if (this.fault === 0) this.fault = vector;
      },
      interrupt() {},
    };
  }

  /** The exception that the code raises; 0 if it gets to its end. EDX:EAX is `components`. */
  run(components: number, ...parts: readonly (readonly number[])[]): number {
    const { machine } = this;
    this.fault = 0;
    machine.state[ACTIVITY] = 0;
    machine.setRegister(RAX, BigInt(components));
    machine.setRegister(RDX, 0n);
    machine.load([...parts.flat(), HLT], CODE);
    machine.run(100);
    return this.fault;
  }

  /** Every word of YMM0 to YMM15 gets a value of its own. */
  fillVectors(): void {
    for (let i = 0; i < 128; i++) this.machine.state[YMM + i] = 0x1000 + i;
  }

  vectors(): number[] {
    return [...this.machine.state.subarray(YMM, YMM + 128)];
  }

  word(address: number): number {
    return this.machine.memory.load(address, 4) >>> 0;
  }

  setWord(address: number, value: number): void {
    this.machine.memory.store(address, 4, value);
  }

  fillArea(): void {
    this.machine.memory.write(DATA, new Uint8Array(1024).fill(0xee));
  }

  clearHeader(): void {
    this.machine.memory.write(HEADER, new Uint8Array(64));
  }
}

const UNTOUCHED = 0xeeeeeeee;

describe.each(ENGINES)("$engine", (engine) => {
  beforeEach(() => {
    options = engine;
  });

  describe("FXSAVE", () => {
    it("stores the x87 and SSE state as SDM 1 table 10-2 lays it out", () => {
      const probe = new Probe();
      probe.fillVectors();
      probe.fillArea();
      expect(probe.run(0, FNINIT, FLDPI, FXSAVE64)).toBe(0);
      expect([0, 4].map((at) => probe.word(DATA + at))).toEqual([0x3800037f, 0x80]);
      expect([8, 12].map((at) => probe.word(DATA + at))).toEqual([CODE + 2, 0]);
      expect([24, 28].map((at) => probe.word(DATA + at))).toEqual([0x1f80, 0xffff]);
      expect([32, 36, 40].map((at) => probe.word(DATA + at))).toEqual([
        0x2168c235, 0xc90fdaa2, 0x4000,
      ]);
      expect([160, 172, 176, 412].map((at) => probe.word(DATA + at))).toEqual([
        0x1000, 0x1003, 0x1008, 0x107b,
      ]);
      expect(probe.word(DATA + 416)).toBe(UNTOUCHED);
    });

    it("stores selectors without REX.W", () => {
      const probe = new Probe();
      expect(probe.run(0, FNINIT, FLDPI, FXSAVE)).toBe(0);
      expect(probe.word(DATA + 12)).toBe(8);
    });

    it("leaves the XMM registers out while CR4.OSFXSR is clear", () => {
      const probe = new Probe();
      const { state } = probe.machine;
      state[CR4] = state[CR4]! & ~CR4_OSFXSR;
      probe.fillArea();
      expect(probe.run(0, FXSAVE64)).toBe(0);
      expect(probe.word(DATA + 160)).toBe(UNTOUCHED);
    });

    it("wants 16-byte alignment, and faults with CR0.TS", () => {
      const probe = new Probe();
      probe.machine.setRegister(RSI, BigInt(DATA + 8));
      expect(probe.run(0, FXSAVE64)).toBe(GP);
      const other = new Probe();
      other.machine.state[CR0] = other.machine.state[CR0]! | CR0_TS;
      expect(other.run(0, FXSAVE64)).toBe(NM);
    });
  });

  describe("FXRSTOR", () => {
    it("brings back what FXSAVE stored", () => {
      const probe = new Probe();
      const { state } = probe.machine;
      probe.fillVectors();
      const vectors = probe.vectors();
      expect(probe.run(0, FNINIT, FLDPI, FXSAVE64)).toBe(0);
      const registers = [...state.subarray(FPU_REGISTERS, FPU_REGISTERS + 32)];
      state.fill(0, FPU_REGISTERS, FPU_REGISTERS + 32);
      for (let i = 0; i < 16; i++) state.fill(0, YMM + 8 * i, YMM + 8 * i + 4);
      expect(probe.run(0, FNINIT, FXRSTOR64)).toBe(0);
      expect([...state.subarray(FPU_REGISTERS, FPU_REGISTERS + 32)]).toEqual(registers);
      expect(probe.vectors()).toEqual(vectors);
    });

    it("raises #GP for reserved bits of MXCSR, with nothing loaded", () => {
      const probe = new Probe();
      expect(probe.run(0, FNINIT, FXSAVE64)).toBe(0);
      probe.setWord(DATA, 0x027f);
      probe.setWord(DATA + 24, 0x10000);
      expect(probe.run(0, FXRSTOR64)).toBe(GP);
      expect([FPU_CONTROL, MXCSR].map((at) => probe.machine.state[at])).toEqual([0x37f, 0x1f80]);
    });
  });

  describe("XSAVE", () => {
    it("stores what is asked for and adds it to XSTATE_BV", () => {
      const probe = new Probe();
      probe.fillVectors();
      probe.fillArea();
      probe.clearHeader();
      probe.setWord(HEADER, X87);
      expect(probe.run(AVX, XSAVE64)).toBe(0);
      expect(probe.word(HEADER)).toBe(X87 | AVX);
      expect([0, 12, 16, 252].map((at) => probe.word(YMM_AREA + at))).toEqual([
        0x1004, 0x1007, 0x100c, 0x107f,
      ]);
      // MXCSR goes with AVX (SDM 1 13.7); x87 and XMM registers were not asked for.
      expect(probe.word(DATA + 24)).toBe(0x1f80);
      expect([0, 32, 160].map((at) => probe.word(DATA + at))).toEqual([
        UNTOUCHED,
        UNTOUCHED,
        UNTOUCHED,
      ]);
    });

    it("clears the bits of components in their initial state, and XSAVEOPT does not store them", () => {
      const probe = new Probe();
      probe.machine.state.fill(0, FPU_REGISTERS, FPU_REGISTERS + 32);
      for (const save of [XSAVE64, XSAVEOPT64]) {
        probe.fillArea();
        probe.clearHeader();
        probe.setWord(HEADER, 7);
        expect(probe.run(7, FNINIT, save)).toBe(0);
        expect(probe.word(HEADER)).toBe(0);
        expect(probe.word(DATA + 160)).toBe(save === XSAVE64 ? 0 : UNTOUCHED);
        expect(probe.word(YMM_AREA)).toBe(save === XSAVE64 ? 0 : UNTOUCHED);
      }
    });

    it("wants CR4.OSXSAVE, 64-byte alignment, and CR0.TS clear", () => {
      const misaligned = new Probe();
      misaligned.machine.setRegister(RSI, BigInt(DATA + 32));
      expect(misaligned.run(7, XSAVE64)).toBe(GP);
      const off = new Probe();
      off.machine.state[CR4] = off.machine.state[CR4]! & ~CR4_OSXSAVE;
      expect(off.run(7, XSAVE64)).toBe(UD);
      const switched = new Probe();
      switched.machine.state[CR0] = switched.machine.state[CR0]! | CR0_TS;
      expect(switched.run(7, XSAVE64)).toBe(NM);
    });
  });

  describe("XSAVEC", () => {
    it("stores what is in use, says so, and which format it is", () => {
      const probe = new Probe();
      probe.fillVectors();
      probe.fillArea();
      expect(probe.run(X87 | AVX, XSAVEC64)).toBe(0);
      expect([0, 4, 8, 12, 16].map((at) => probe.word(HEADER + at))).toEqual([
        X87 | AVX,
        0,
        X87 | AVX,
        0x80000000,
        UNTOUCHED,
      ]);
      expect(probe.word(YMM_AREA)).toBe(0x1004);
      expect(probe.word(DATA + 160)).toBe(UNTOUCHED);
    });
  });

  describe("XRSTOR", () => {
    it.each([
      ["XSAVE", XSAVE64],
      ["XSAVEC", XSAVEC64],
    ])("brings back what %s stored", (_name, save) => {
      const probe = new Probe();
      const { state } = probe.machine;
      probe.fillVectors();
      const vectors = probe.vectors();
      probe.clearHeader();
      expect(probe.run(7, FNINIT, FLDPI, save)).toBe(0);
      const registers = [...state.subarray(FPU_REGISTERS, FPU_REGISTERS + 32)];
      state.fill(0, FPU_REGISTERS, FPU_REGISTERS + 32);
      state.fill(1, YMM, YMM + 128);
      expect(probe.run(7, XRSTOR64)).toBe(0);
      expect([...state.subarray(FPU_REGISTERS, FPU_REGISTERS + 32)]).toEqual(registers);
      expect(probe.vectors()).toEqual(vectors);
    });

    it("initializes what is asked for and not in the area, and leaves the rest alone", () => {
      const probe = new Probe();
      const { state } = probe.machine;
      probe.fillVectors();
      probe.clearHeader();
      probe.setWord(DATA + 24, 0x3f80);
      expect(probe.run(SSE, XRSTOR64)).toBe(0);
      expect([...state.subarray(YMM, YMM + 8)]).toEqual([
        0, 0, 0, 0, 0x1004, 0x1005, 0x1006, 0x1007,
      ]);
      // In standard format MXCSR is loaded even so (SDM 1 13.8.1).
      expect(state[MXCSR]).toBe(0x3f80);
    });

    it.each([
      ["a component that XCR0 does not have", 0, 8],
      ["a component above bit 31", 4, 1],
      ["XCOMP_BV in standard format", 8, 1],
      ["reserved bytes", 16, 1],
    ])("raises #GP for %s in the header", (_name, at, value) => {
      const probe = new Probe();
      probe.clearHeader();
      probe.setWord(HEADER + at, value);
      expect(probe.run(7, XRSTOR64)).toBe(GP);
    });

    it("raises #GP for a component that a compacted area does not have", () => {
      const probe = new Probe();
      probe.clearHeader();
      probe.setWord(HEADER, AVX);
      probe.setWord(HEADER + 8, X87);
      probe.setWord(HEADER + 12, 0x80000000);
      expect(probe.run(7, XRSTOR64)).toBe(GP);
    });

    it("raises #GP for reserved bits of MXCSR before it changes anything", () => {
      const probe = new Probe();
      probe.fillVectors();
      const vectors = probe.vectors();
      probe.clearHeader();
      probe.setWord(DATA + 24, 0x10000);
      expect(probe.run(7, XRSTOR64)).toBe(GP);
      expect(probe.vectors()).toEqual(vectors);
    });
  });

  describe("XGETBV and XSETBV", () => {
    it("read and write XCR0, and tell what is in use", () => {
      const probe = new Probe();
      const { machine } = probe;
      machine.setRegister(RCX, 0n);
      expect(probe.run(X87 | SSE, XSETBV, XGETBV)).toBe(0);
      expect([machine.register(RAX), machine.register(RDX)]).toEqual([3n, 0n]);
      machine.state.fill(0, FPU_REGISTERS, FPU_REGISTERS + 32);
      machine.state[YMM] = 1;
      machine.setRegister(RCX, 1n);
      expect(probe.run(0, FNINIT, XGETBV)).toBe(0);
      expect(machine.register(RAX)).toBe(BigInt(SSE));
    });

    it.each([
      ["no x87", SSE],
      ["AVX without SSE", X87 | AVX],
      ["what CPUID does not offer", X87 | 8],
    ])("refuse %s", (_name, components) => {
      const probe = new Probe();
      probe.machine.setRegister(RCX, 0n);
      expect(probe.run(components, XSETBV)).toBe(GP);
    });
  });

  describe("LDMXCSR and STMXCSR", () => {
    it("load and store MXCSR, of which the upper half must be zero", () => {
      const probe = new Probe();
      probe.setWord(DATA, 0xffff);
      expect(probe.run(0, LDMXCSR)).toBe(0);
      probe.setWord(DATA, 0);
      expect(probe.run(0, STMXCSR)).toBe(0);
      expect(probe.word(DATA)).toBe(0xffff);
      probe.setWord(DATA, 0x10000);
      expect(probe.run(0, LDMXCSR)).toBe(GP);
    });
  });

  describe("VLDMXCSR and VSTMXCSR", () => {
    const VSTMXCSR = [0xc5, 0xf8, 0xae, 0x1e];

    it("do the same, where AVX state is enabled", () => {
      const probe = new Probe();
      expect(probe.run(0, VSTMXCSR)).toBe(0);
      expect(probe.word(DATA)).toBe(0x1f80);
      probe.machine.state[XCR0] = X87 | SSE;
      expect(probe.run(0, VSTMXCSR)).toBe(UD);
    });
  });

  describe("CPUID leaf 0xD", () => {
    /** EAX, EBX, ECX and EDX. */
    function leaf(probe: Probe, subleaf: number): number[] {
      probe.machine.setRegister(RCX, BigInt(subleaf));
      expect(probe.run(0xd, CPUID)).toBe(0);
      return [RAX, RBX, RCX, RDX].map((register) => Number(probe.machine.register(register)));
    }

    it("tells the area's size for what is enabled and for everything, and where AVX state is", () => {
      const probe = new Probe();
      expect(leaf(probe, 0)).toEqual([7, 832, 832, 0]);
      expect(leaf(probe, 1)).toEqual([7, 832, 0, 0]);
      expect(leaf(probe, 2)).toEqual([256, 576, 0, 0]);
      expect(leaf(probe, 3)).toEqual([0, 0, 0, 0]);
      expect(leaf(probe, 34)).toEqual([0, 0, 0, 0]);
      probe.machine.state[XCR0] = X87 | SSE;
      expect(leaf(probe, 0)).toEqual([7, 576, 832, 0]);
      expect(leaf(probe, 1)).toEqual([7, 576, 0, 0]);
    });
  });
});
