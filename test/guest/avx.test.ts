// SPDX-License-Identifier: BSD-2-Clause
// AVX, AVX2, FMA, F16C, AES-NI, PCLMULQDQ and SHA against results recorded on a processor, and the rules that
// a recording of single instructions does not show: SDM 2 2.3 and 2.4, SDM 1 14.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Feature } from "../../src/cpu/isa/row.ts";
import { type CpuLevel, type ProcessorModel, processorModel } from "../../src/cpu/model.ts";
import { CR0, CR4, GPR, MXCSR, RAX, RCX, XCR0 } from "../../src/cpu/state-layout.ts";
import { CR4_OSXSAVE, XCR0_AVX, XCR0_SSE, XCR0_X87 } from "../../src/cpu/system/control-bits.ts";
import { cpuidLeaf } from "../../src/cpu/system/cpuid.ts";
import { GP, NM, PF, UD, XM } from "../../src/cpu/vectors.ts";
import { differences, parseRecording } from "../support/recording.ts";
import { DATA, PAGE_TABLES, TestMachine } from "../support/test-machine.ts";
import { VectorProbe } from "../support/vector-probe.ts";
import { VectorRunner } from "../support/vector-state.ts";

const VPADDD = [0xc5, 0xe9, 0xfe, 0xcb]; // vpaddd xmm1, xmm2, xmm3
const VPADDD_YMM = [0xc5, 0xed, 0xfe, 0xcb];
const ONES = [1, 1, 1, 1, 1, 1, 1, 1];
const EDGE = DATA + 0x200000; // the large page behind DATA's

function switchOnAvx(machine: TestMachine): void {
  machine.state[CR4] = machine.state[CR4]! | CR4_OSXSAVE;
  machine.state[XCR0] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
  machine.vcpu.stateChanged();
}

/** A machine in 64-bit mode with AVX switched on; RSI and RDI point at DATA. */
function avxProbe(prepare?: (machine: TestMachine) => void, model?: ProcessorModel): VectorProbe {
  return new VectorProbe((machine) => {
    machine.enterLongMode();
    prepare?.(machine);
    switchOnAvx(machine);
    machine.setRegister(6, BigInt(DATA));
    machine.setRegister(7, BigInt(DATA));
  }, model);
}

/** The same, and nothing is mapped from EDGE on. */
function avxProbeWithHole(): VectorProbe {
  return avxProbe((machine) => {
    machine.memory.store(PAGE_TABLES + 0x2000 + 8 * (EDGE >> 21), 4, 0);
  });
}

function words(probe: VectorProbe, register: number, count = 8): number[] {
  return Array.from({ length: count }, (_, i) => probe.word(register, i));
}

describe.each(["avx", "fma", "crypto"])("the instructions of %s-results.txt", (name) => {
  const file = new URL(`./fixtures/${name}-results.txt`, import.meta.url);
  const runner = new VectorRunner();
  it.each(parseRecording(readFileSync(file, "utf8")))(
    "$text gives what a processor gives",
    (each) => {
      expect(differences(runner, each)).toEqual([]);
    },
  );
});

describe("VEX instructions", () => {
  it("zero the upper half of the destination where they work on 128 bits", () => {
    const probe = avxProbe();
    for (const register of [1, 2, 3]) probe.setWords(register, ONES);
    expect(probe.run(VPADDD)).toBe(0);
    expect(words(probe, 1)).toEqual([2, 2, 2, 2, 0, 0, 0, 0]);
    probe.run(VPADDD_YMM);
    expect(words(probe, 1)).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
  });

  it("raise #UD until CR4.OSXSAVE is set and XCR0 has SSE and AVX, then #NM while CR0.TS is set", () => {
    const probe = avxProbe();
    const bare = avxProbe();
    bare.machine.state[CR4] = bare.machine.state[CR4]! & ~CR4_OSXSAVE;
    expect(bare.run(VPADDD)).toBe(UD);
    const partial = avxProbe();
    partial.machine.state[XCR0] = XCR0_X87 | XCR0_SSE;
    expect(partial.run(VPADDD)).toBe(UD);
    probe.machine.state[CR0] = probe.machine.state[CR0]! | (1 << 3);
    expect(probe.run(VPADDD)).toBe(NM);
  });

  it("do not care about CR0.EM and CR4.OSFXSR", () => {
    const probe = avxProbe();
    const { state } = probe.machine;
    state[CR0] = state[CR0]! | (1 << 2);
    state[CR4] = state[CR4]! & ~(1 << 9);
    expect(probe.run(VPADDD)).toBe(0);
  });

  it("are not recognized in real mode", () => {
    const probe = new VectorProbe((machine) => {
      machine.enterRealMode();
      switchOnAvx(machine);
    });
    probe.machine.load(VPADDD);
    probe.machine.state[38] = 0; // IP: CS has its base at CODE
    probe.machine.run(1);
    expect(probe.fault).toBe(UD);
  });

  it("take memory operands at any address, but VMOVAPS wants all of its bytes aligned", () => {
    const probe = avxProbe();
    probe.machine.setRegister(6, BigInt(DATA + 16));
    expect(probe.run([0xc5, 0xec, 0x58, 0x4e, 0x01])).toBe(0); // vaddps ymm1, ymm2, [rsi + 1]
    expect(probe.run([0xc5, 0xf8, 0x28, 0x0e])).toBe(0); // vmovaps xmm1, [rsi]
    expect(probe.run([0xc5, 0xfc, 0x28, 0x0e])).toBe(GP); // vmovaps ymm1, [rsi]
  });

  it("raise #UD for LOCK, 66, F2, F3 and REX before the prefix, and for a source they do not have", () => {
    for (const prefix of [0xf0, 0x66, 0xf2, 0xf3, 0x48]) {
      expect(avxProbe().run([prefix, ...VPADDD])).toBe(UD);
    }
    expect(avxProbe().run([0xc5, 0xe8, 0x28, 0xcb])).toBe(UD); // vmovaps with vvvv = 2
    expect(avxProbe().run([0xc5, 0xff, 0xf0, 0xcb])).toBe(UD); // vlddqu of a register
  });

  it("zero all registers that the mode has, or their upper halves", () => {
    const probe = avxProbe();
    for (let i = 0; i < 16; i++) probe.setWords(i, ONES);
    probe.run([0xc5, 0xf8, 0x77]); // vzeroupper
    expect(words(probe, 15)).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    probe.run([0xc5, 0xfc, 0x77]); // vzeroall
    expect(words(probe, 15)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const legacy = new VectorProbe((machine) => {
      machine.enterProtectedMode();
      switchOnAvx(machine);
    });
    for (const register of [7, 8]) legacy.setWords(register, ONES);
    legacy.run([0xc5, 0xfc, 0x77]);
    expect([legacy.word(7, 0), legacy.word(8, 0)]).toEqual([0, 1]);
  });

  it("reach registers 0-7 alone outside 64-bit mode", () => {
    const probe = new VectorProbe((machine) => {
      machine.enterProtectedMode();
      switchOnAvx(machine);
    });
    for (const register of [2, 3]) probe.setWords(register, ONES);
    // vblendvps xmm1, xmm2, xmm3, xmm12, of which bit 7 of the immediate is ignored: SDM 2 2.3.8.
    probe.setWords(4, [0x80000000, 0, 0, 0]);
    probe.setWords(3, [5, 5, 5, 5]);
    expect(probe.run([0xc4, 0xe3, 0x69, 0x4a, 0xcb, 0xc0])).toBe(0);
    expect(words(probe, 1, 4)).toEqual([5, 1, 1, 1]);
    // vmovd with VEX.W, which is ignored: SDM 2, MOVD/MOVQ.
    probe.machine.setRegister(1, 0xffff_ffff_8000_0001n);
    expect(probe.run([0xc4, 0xe1, 0xf9, 0x6e, 0xc9])).toBe(0);
    expect(words(probe, 1, 2)).toEqual([0x80000001, 0]);
  });
});

describe("masked moves and gathers", () => {
  it("touch no memory of elements that their mask leaves out", () => {
    const probe = avxProbeWithHole();
    probe.machine.setRegister(6, BigInt(EDGE - 8));
    probe.machine.memory.store(EDGE - 8, 4, 0x1234);
    probe.setWords(2, [0x80000000, 0, 0, 0]);
    probe.setWords(1, ONES);
    expect(probe.run([0xc4, 0xe2, 0x69, 0x2c, 0x0e])).toBe(0); // vmaskmovps xmm1, xmm2, [rsi]
    expect(words(probe, 1)).toEqual([0x1234, 0, 0, 0, 0, 0, 0, 0]);
    expect(probe.run([0xc4, 0xe2, 0x69, 0x2e, 0x06])).toBe(0); // vmaskmovps [rsi], xmm2, xmm0
  });

  it("store nothing if one of the elements they store faults", () => {
    const probe = avxProbeWithHole();
    probe.machine.setRegister(6, BigInt(EDGE - 4));
    probe.setWords(2, [0x80000000, 0x80000000, 0, 0]);
    probe.setWords(1, ONES);
    expect(probe.run([0xc4, 0xe2, 0x69, 0x2e, 0x0e])).toBe(PF); // vmaskmovps [rsi], xmm2, xmm1
    expect([...probe.machine.memory.readable(EDGE - 4, 4)!]).toEqual([0, 0, 0, 0]);
  });

  it("leave a gather that faults with the elements before loaded and their masks clear", () => {
    const probe = avxProbeWithHole();
    probe.machine.memory.store(DATA, 4, 0x77);
    probe.setWords(1, [9, 9, 9, 9]);
    probe.setWords(3, [0, (EDGE - DATA) / 4, 0, 0]);
    probe.setWords(2, [0x80000000, 0x80000000, 0x80000000, 0]);
    const vpgatherdd = [0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x9e]; // vpgatherdd xmm1, [rsi + xmm3*4], xmm2
    expect(probe.run(vpgatherdd)).toBe(PF);
    expect(words(probe, 1, 4)).toEqual([0x77, 9, 9, 9]);
    expect(words(probe, 2, 4)).toEqual([0, 0x80000000, 0x80000000, 0]);
  });

  it("let a gather name three different registers and no fewer", () => {
    expect(avxProbe().run([0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x96])).toBe(UD); // index is the mask
    expect(avxProbe().run([0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x8e])).toBe(UD); // index is the destination
    expect(avxProbe().run([0xc4, 0xe2, 0x71, 0x90, 0x0c, 0x9e])).toBe(UD); // mask is the destination
    expect(avxProbe().run([0xc4, 0xe2, 0x69, 0x90, 0x0e])).toBe(UD); // no SIB byte
  });

  it("gather with indexes of 32 bits, sign-extended, and of 64", () => {
    const probe = avxProbe();
    for (let i = 0; i < 16; i++) probe.machine.memory.store(DATA + 4 * i, 4, 0x100 + i);
    probe.machine.setRegister(6, BigInt(DATA + 32));
    probe.setWords(2, new Array(8).fill(0x80000000));
    probe.setWords(3, [0, 0xffffffff, 1, 0xfffffffe, 2, 3, 4, 5]);
    probe.run([0xc4, 0xe2, 0x6d, 0x90, 0x0c, 0x9e]); // vpgatherdd ymm1, [rsi + ymm3*4], ymm2
    expect(words(probe, 1)).toEqual([0x108, 0x107, 0x109, 0x106, 0x10a, 0x10b, 0x10c, 0x10d]);
    expect(words(probe, 2)).toEqual(new Array(8).fill(0));
    probe.setWords(2, new Array(8).fill(0x80000000));
    probe.setWords(3, [1, 0, 0xffffffff, 0xffffffff, 0, 0, 0, 0]);
    probe.setWords(1, ONES);
    probe.run([0xc4, 0xe2, 0x69, 0x91, 0x0c, 0x9e]); // vpgatherqd xmm1, [rsi + xmm3*4], xmm2
    expect(words(probe, 1)).toEqual([0x109, 0x107, 0, 0, 0, 0, 0, 0]);
  });
});

describe("VCVTPS2PH", () => {
  it("reports a page fault rather than an exception of the conversion", () => {
    const probe = avxProbeWithHole();
    probe.machine.setRegister(6, BigInt(EDGE));
    probe.setWords(1, [0x7f800001, 0, 0, 0]);
    probe.machine.state[MXCSR] = 0;
    expect(probe.run([0xc4, 0xe3, 0x79, 0x1d, 0x0e, 0x00])).toBe(PF); // vcvtps2ph [rsi], xmm1, 0
    expect(probe.machine.state[MXCSR]).toBe(0);
  });

  it("reports underflow alone where it is unmasked and the number has few bits: SDM 1 4.9.1.5", () => {
    const probe = avxProbe();
    probe.setWords(1, [1 << 9, 0, 0, 0]); // 2^-140
    probe.machine.state[MXCSR] = 0x1f80 & ~(1 << 11);
    expect(probe.run([0xc4, 0xe3, 0x79, 0x1d, 0x0e, 0x00])).toBe(XM); // vcvtps2ph [rsi], xmm1, 0
    expect(probe.machine.state[MXCSR]! & 0x3f).toBe(0b010010); // UE and DE
  });
});

describe("SHA instructions", () => {
  it("want their memory operands aligned (exceptions of type 4, SDM 2 2.4)", () => {
    const probe = avxProbe();
    expect(probe.run([0x0f, 0x38, 0xc8, 0x0e])).toBe(0); // sha1nexte xmm1, [rsi]
    expect(probe.run([0x0f, 0x38, 0xc8, 0x4e, 0x08])).toBe(GP);
  });
});

describe("CPUID", () => {
  const announced = (level: CpuLevel) => {
    const machine = new TestMachine(processorModel(level));
    machine.enterLongMode();
    const { cpu } = machine.vcpu;
    const leaf1 = cpuidLeaf(cpu, 1, 0);
    const leaf7 = cpuidLeaf(cpu, 7, 0);
    return { ecx1: leaf1[2], ebx7: leaf7[1], xsave: cpuidLeaf(cpu, 0xd, 0) };
  };

  it("announces AVX and what comes with it on x86-64-v3, and XSAVE state for it", () => {
    const { ecx1, ebx7, xsave } = announced("x86-64-v3");
    // PCLMULQDQ 1, FMA 12, AES 25, AVX 28, F16C 29; AVX2 5, SHA 29.
    const expected = (1 << 1) | (1 << 12) | (1 << 25) | (1 << 28) | (1 << 29);
    expect(ecx1 & expected).toBe(expected);
    expect(ebx7 & ((1 << 5) | (1 << 29))).toBe((1 << 5) | (1 << 29));
    expect(xsave[0]).toBe(XCR0_X87 | XCR0_SSE | XCR0_AVX);
    expect(xsave[2]).toBe(832);
  });

  it("announces none of them on x86-64-v2, where they raise #UD and XCR0 refuses AVX", () => {
    const { ecx1, ebx7, xsave } = announced("x86-64-v2");
    expect(ecx1 & ((1 << 1) | (1 << 12) | (1 << 25) | (1 << 28) | (1 << 29))).toBe(0);
    expect(ebx7 & ((1 << 5) | (1 << 29))).toBe(0);
    expect(xsave[0]).toBe(XCR0_X87 | XCR0_SSE);
    const probe = avxProbe(undefined, processorModel("x86-64-v2"));
    expect(probe.run(VPADDD)).toBe(UD);
  });

  it("decides by each feature alone whether its instructions are there", () => {
    const model = processorModel();
    const faultsWithout = (feature: Feature, code: readonly number[]) => {
      const features = new Set([...model.features].filter((each) => each !== feature));
      return avxProbe(undefined, { ...model, features }).run(code);
    };
    expect(faultsWithout("AVX2", VPADDD)).toBe(0);
    expect(faultsWithout("AVX2", VPADDD_YMM)).toBe(UD);
    expect(faultsWithout("FMA", [0xc4, 0xe2, 0x69, 0x98, 0xcb])).toBe(UD);
    expect(faultsWithout("F16C", [0xc4, 0xe2, 0x79, 0x13, 0xcb])).toBe(UD);
    expect(faultsWithout("AES", [0x66, 0x0f, 0x38, 0xdc, 0xcb])).toBe(UD);
    expect(faultsWithout("AES", [0xc4, 0xe2, 0x69, 0xdc, 0xcb])).toBe(UD);
    expect(faultsWithout("PCLMULQDQ", [0x66, 0x0f, 0x3a, 0x44, 0xcb, 0])).toBe(UD);
    expect(faultsWithout("SHA", [0x0f, 0x38, 0xc8, 0xcb])).toBe(UD);
  });
});

describe("XSETBV", () => {
  const xsetbv = [0x0f, 0x01, 0xd1];

  it("switches AVX on together with SSE, and not alone", () => {
    const probe = avxProbe();
    const { state } = probe.machine;
    probe.machine.setRegister(RCX, 0n);
    probe.machine.setRegister(2, 0n);
    probe.machine.setRegister(RAX, 7n);
    expect(probe.run(xsetbv)).toBe(0);
    expect(state[XCR0]).toBe(7);
    state[GPR + 2 * RAX] = XCR0_X87 | XCR0_AVX;
    expect(probe.run(xsetbv)).toBe(GP);
  });
});
