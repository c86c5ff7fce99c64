// SPDX-License-Identifier: BSD-2-Clause
// SSE … SSE4.2 against results recorded on a processor, and the rules that a recording of single
// instructions does not show: who may execute them, what faults and when. SDM 1 ch. 10-12, SDM 2 2.4.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { processorModel } from "../../src/cpu/model.ts";
import { CR0, CR2, CR4, FLAGS, GPR, MXCSR, YMM } from "../../src/cpu/state-layout.ts";
import { GP, NM, PF, UD, XM } from "../../src/cpu/vectors.ts";
import { differences, parseRecording } from "../support/recording.ts";
import { CODE, DATA, PAGE_TABLES } from "../support/test-machine.ts";
import { VectorProbe } from "../support/vector-probe.ts";
import { operandSet, VectorRunner } from "../support/vector-state.ts";

const ADDPS = [0x0f, 0x58, 0xc1]; // addps xmm0, xmm1
const MOVAPS_LOAD = [0x0f, 0x28, 0x06]; // movaps xmm0, [rsi]
const MOVUPS_LOAD = [0x0f, 0x10, 0x06];
const MOVUPS_STORE = [0x0f, 0x11, 0x06];

describe("SSE instructions, recorded on a processor", () => {
  const file = new URL("./fixtures/sse-results.txt", import.meta.url);
  const runner = new VectorRunner();
  it.each(parseRecording(readFileSync(file, "utf8")))(
    "$text gives what a processor gives",
    (each) => {
      expect(differences(runner, each)).toEqual([]);
    },
  );
});

describe("SSE instructions", () => {
  it("keep the upper half of the YMM register", () => {
    const probe = new VectorProbe();
    probe.setWords(0, [1, 2, 3, 4, 5, 6, 7, 8]);
    probe.run([0x66, 0x0f, 0xef, 0xc0]); // pxor xmm0, xmm0
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((i) => probe.word(0, i))).toEqual([0, 0, 0, 0, 5, 6, 7, 8]);
  });

  it("raise #UD while CR0.EM is set or CR4.OSFXSR clear, else #NM while CR0.TS is set", () => {
    const probe = new VectorProbe();
    const { state } = probe.machine;
    const { [CR0]: cr0, [CR4]: cr4 } = state;
    state[CR0] = cr0! | (1 << 2) | (1 << 3);
    expect(probe.run(ADDPS)).toBe(UD);
    state[CR0] = cr0! | (1 << 3);
    expect(new VectorProbe().run(ADDPS)).toBe(0);
    const other = new VectorProbe();
    other.machine.state[CR0] = cr0! | (1 << 3);
    expect(other.run(ADDPS)).toBe(NM);
    const bare = new VectorProbe();
    bare.machine.state[CR4] = cr4! & ~(1 << 9);
    expect(bare.run(ADDPS)).toBe(UD);
  });

  it("work in real mode, too", () => {
    const probe = new VectorProbe((machine) => machine.enterRealMode());
    probe.machine.state[CR4] = 1 << 9;
    probe.setWords(0, [0x3f800000, 0, 0, 0]);
    probe.setWords(1, [0x40000000, 0, 0, 0]);
    probe.machine.load(ADDPS, CODE);
    probe.machine.state[38] = 0; // IP: CS has its base at CODE
    probe.machine.run(1);
    expect(probe.word(0, 0)).toBe(0x40400000);
  });

  it("raise #GP for misaligned memory operands unless they are for unaligned ones", () => {
    const probe = new VectorProbe();
    probe.machine.setRegister(6, BigInt(DATA + 8));
    expect(probe.run(MOVUPS_LOAD)).toBe(0);
    expect(probe.run([0x66, 0x0f, 0x3a, 0x63, 0x06, 0])).toBe(0); // pcmpistri xmm0, [rsi], 0
    expect(probe.run(MOVAPS_LOAD)).toBe(GP);
    const second = new VectorProbe();
    second.machine.setRegister(6, BigInt(DATA + 8));
    expect(second.run([0x0f, 0x58, 0x06])).toBe(GP); // addps xmm0, [rsi]
    const third = new VectorProbe();
    third.machine.setRegister(6, BigInt(DATA + 8));
    expect(third.run([0x0f, 0x29, 0x06])).toBe(GP); // movaps [rsi], xmm0
  });

  it("load nothing and store nothing of an operand whose second page is missing", () => {
    const edge = DATA + 0x200000; // the next large page
    const probe = new VectorProbe((machine) => {
      machine.enterLongMode();
      machine.memory.store(PAGE_TABLES + 0x2000 + 8 * (edge >> 21), 4, 0);
      machine.vcpu.stateChanged();
    });
    const { machine } = probe;
    machine.setRegister(6, BigInt(edge - 4));
    probe.setWords(0, [1, 2, 3, 4]);
    expect(probe.run(MOVUPS_STORE)).toBe(PF);
    expect(machine.state[CR2]! >>> 0).toBe(edge);
    expect([...machine.memory.readable(edge - 4, 4)!]).toEqual([0, 0, 0, 0]);
  });

  it("raise #XM for an unmasked exception, or #UD without CR4.OSXMMEXCPT, and change no register", () => {
    const probe = new VectorProbe();
    const { state } = probe.machine;
    probe.setWords(0, [0x3f800000, 0x3f800000, 0, 0]);
    probe.setWords(1, [0, 0x40000000, 0, 0]);
    state[MXCSR] = 0x1f80 & ~(1 << 9); // ZM clear
    expect(probe.run([0x0f, 0x5e, 0xc1])).toBe(XM); // divps xmm0, xmm1
    expect([probe.word(0, 0), probe.word(0, 1)]).toEqual([0x3f800000, 0x3f800000]);
    // 0/0 in the other elements is invalid, and found at the same time: SDM 1 11.5.2.
    expect(state[MXCSR]! & 0x3f).toBe(0b101);
    const other = new VectorProbe();
    other.setWords(0, [0x3f800000, 0, 0, 0]);
    other.machine.state[MXCSR] = 0;
    other.machine.state[CR4] = other.machine.state[CR4]! & ~(1 << 10);
    expect(other.run([0x0f, 0x5e, 0xc1])).toBe(UD);
  });

  it("approximate reciprocals within 1.5 × 2^-12, as SDM 2 promises", () => {
    const probe = new VectorProbe();
    const { floats } = probe.machine.vcpu.cpu;
    for (let value = 1e-30; value < 1e30; value *= 3.7) {
      floats[YMM + 8] = value;
      const x = floats[YMM + 8]!;
      probe.run([0xf3, 0x0f, 0x53, 0xc1]); // rcpss xmm0, xmm1
      expect(Math.abs(floats[YMM]! * x - 1)).toBeLessThan(1.5 * 2 ** -12);
      probe.run([0xf3, 0x0f, 0x52, 0xc1]); // rsqrtss xmm0, xmm1
      expect(Math.abs(floats[YMM]! * Math.sqrt(x) - 1)).toBeLessThan(1.5 * 2 ** -12);
    }
  });

  it("approximate what has no reciprocal: SDM 2, RCPPS and RSQRTPS", () => {
    const probe = new VectorProbe();
    probe.setWords(1, [0x00000001, 0x80000000, 0x7f000000, 0xff800000]);
    probe.run([0x0f, 0x53, 0xc1]); // rcpps xmm0, xmm1
    expect([0, 1, 2, 3].map((i) => probe.word(0, i))).toEqual([
      0x7f800000, 0xff800000, 0, 0x80000000,
    ]);
    probe.setWords(1, [0x80000001, 0xbf800000, 0x7f800001, 0x7f800000]);
    probe.run([0x0f, 0x52, 0xc1]); // rsqrtps xmm0, xmm1
    expect([0, 1, 2, 3].map((i) => probe.word(0, i))).toEqual([
      0xff800000, 0xffc00000, 0x7fc00001, 0,
    ]);
    expect(probe.machine.state[MXCSR]).toBe(0x1f80);
  });

  it("leave comparisons' flags alone when the comparison faults", () => {
    const probe = new VectorProbe();
    probe.setWords(0, [0x7f800001]);
    probe.machine.state[MXCSR] = 0;
    probe.machine.state[FLAGS] = 0x8d7;
    expect(probe.run([0x0f, 0x2e, 0xc0])).toBe(XM); // ucomiss xmm0, xmm0
    expect(probe.machine.state[FLAGS]! & 0x8d5).toBe(0x8d5);
  });

  it("store the bytes that MASKMOVDQU's mask selects, and no others", () => {
    const probe = new VectorProbe();
    const { machine } = probe;
    machine.memory.write(DATA, new Uint8Array(16).fill(0xee));
    machine.setRegister(7, BigInt(DATA));
    probe.setWords(0, [0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d]);
    probe.setWords(1, [0x00800080, 0, 0x7f7f7f7f, 0x80000000]);
    expect(probe.run([0x66, 0x0f, 0xf7, 0xc1])).toBe(0); // maskmovdqu xmm0, xmm1
    const stored = [0x01, 0xee, 0x03, ...new Array(12).fill(0xee), 0x10];
    expect([...machine.memory.readable(DATA, 16)!]).toEqual(stored);
  });

  it("use 64-bit lengths in PCMPESTRI with REX.W", () => {
    const probe = new VectorProbe();
    const { machine } = probe;
    machine.setRegister(0, 1n << 32n);
    machine.setRegister(2, 16n);
    const equalEach = [0x66, 0x0f, 0x3a, 0x61, 0xc1, 0x08]; // pcmpestri xmm0, xmm1, 8
    probe.run(equalEach);
    // EAX is 0: the first string is empty, the second full, so nothing is equal.
    expect(machine.state[GPR + 2]).toBe(16);
    probe.run([0x66, 0x48, ...equalEach.slice(1)]);
    expect(machine.state[GPR + 2]).toBe(0);
  });

  it("are not there on a processor that does not announce them", () => {
    const model = processorModel();
    const features = new Set([...model.features].filter((feature) => feature !== "SSE4_1"));
    const probe = new VectorProbe(undefined, { ...model, features });
    expect(probe.run([0x66, 0x0f, 0x38, 0x17, 0xc1])).toBe(UD); // ptest xmm0, xmm1
  });

  it("give the same result again with the same operands", () => {
    const runner = new VectorRunner();
    const first = runner.run(ADDPS, operandSet(0));
    const second = runner.run(ADDPS, operandSet(0));
    expect(second).toEqual(first);
  });
});
