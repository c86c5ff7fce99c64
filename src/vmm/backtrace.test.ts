// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { symbolTable } from "../../test/support/elf-builder.ts";
import { kallsymsImage } from "../../test/support/kallsyms-image.ts";
import { BytesSource } from "../../test/support/memory-file-system.ts";
import { STACK, TestMachine } from "../../test/support/test-machine.ts";
import { MSR_LSTAR, RIP } from "../cpu/state-layout.ts";
import { SymbolTable } from "../loader/symbols.ts";
import { backtraceLines } from "./backtrace.ts";
import { guestSymbols, type SymbolSources } from "./guest-symbols.ts";

const RSP = 4;
const RBP = 5;
const MAIN = 0x10_0000;
const OUTER = 0x10_0100;
const INNER = 0x10_0200;

/** main calls outer with a near CALL, outer calls inner through memory, inner halts. */
const SYMBOLS = SymbolTable.fromNames([
  { value: BigInt(MAIN), name: "main" },
  { value: BigInt(OUTER), name: "outer" },
  { value: BigInt(INNER), name: "inner" },
]);

const PROLOGUE = [0x55, 0x48, 0x89, 0xe5]; // push rbp; mov rbp, rsp
const WITHOUT = [0x50, 0x90, 0x90, 0x90]; // push rax; nops

const le32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** The three functions, each entered with `prologue`. */
function loadProgram(machine: TestMachine, prologue: readonly number[]): void {
  machine.load([...prologue, 0xe8, ...le32(OUTER - MAIN - 9)], MAIN);
  // call [rip]: the pointer stands behind the instruction.
  machine.load([...prologue, 0xff, 0x15, ...le32(0), ...le32(INNER), 0, 0, 0, 0], OUTER);
  machine.load([...prologue, 0xf4], INNER);
  machine.setRegister(RSP, BigInt(STACK));
  machine.setRegister(RBP, 0n);
  machine.state[RIP] = MAIN;
}

let machine: TestMachine;
beforeEach(() => {
  machine = new TestMachine();
  machine.enterLongMode();
});
const lines = (symbols: SymbolTable | undefined = SYMBOLS) =>
  backtraceLines(machine.vcpu.cpu, symbols);

describe("a backtrace", () => {
  it("follows frame pointers to the first function", () => {
    loadProgram(machine, PROLOGUE);
    expect(machine.run(100).kind).toBe("hlt");
    expect(lines()).toEqual([
      "#0 0x100205 at inner+0x5",
      "#1 0x10010a at outer+0xa",
      "#2 0x100009 at main+0x9",
    ]);
    expect(backtraceLines(machine.vcpu.cpu, undefined)[1]).toBe("#1 0x10010a at ??+0");
  });

  it("knows the caller of a function that has no frame yet", () => {
    loadProgram(machine, PROLOGUE);
    // main: push, mov, call; outer: push, mov, call.
    for (const [instructions, first] of [
      [6, "#0 0x100200 at inner+0"],
      [1, "#0 0x100201 at inner+0x1"],
    ] as const) {
      machine.run(instructions);
      expect(lines()).toEqual([first, "#1 0x10010a at outer+0xa", "#2 0x100009 at main+0x9"]);
    }
  });

  it("guesses from the stack where there are no frame pointers", () => {
    loadProgram(machine, WITHOUT);
    machine.setRegister(RBP, 0x1234_5678n);
    machine.run(100);
    expect(lines()).toEqual([
      "#0 0x100205 at inner+0x5",
      "#1 0x10010a at outer+0xa (on the stack)",
      "#2 0x100009 at main+0x9 (on the stack)",
    ]);
  });

  it("goes through an interrupt's frame", () => {
    loadProgram(machine, PROLOGUE);
    // A handler that was called by an entry that took an interrupt inside of outer: SDM 3A 6.14.2.
    const ENTRY = 0x10_0300;
    machine.load([0xe8, 0, 0, 0, 0], ENTRY);
    const put = (address: number, value: number) => machine.memory.store(address, 4, value);
    const frame = STACK - 0x100;
    put(frame, STACK - 0x40); // the interrupted function's rBP
    put(frame + 8, ENTRY + 5);
    const pushed = frame + 16;
    put(pushed, OUTER + 2);
    put(pushed + 8, 8); // CS
    put(pushed + 16, 0x246);
    put(pushed + 24, pushed + 40);
    put(pushed + 32, 16); // SS
    put(STACK - 0x40 + 8, MAIN + 9);
    machine.setRegister(RBP, BigInt(frame));
    machine.state[RIP] = INNER + 4;
    expect(lines()).toEqual([
      "#0 0x100204 at inner+0x4",
      "#1 0x100305 at inner+0x105",
      "#2 0x100102 at outer+0x2 (interrupted)",
      "#3 0x100009 at main+0x9",
    ]);
  });

  it("ends on frames that turn in a circle, or lie outside of memory", () => {
    loadProgram(machine, PROLOGUE);
    machine.run(100);
    const frame = Number(machine.register(RBP));
    machine.memory.store(frame, 4, frame);
    expect(lines()).toHaveLength(2);
    machine.setRegister(RBP, 0xffff_ffff_ffff_fff8n);
    machine.setRegister(RSP, 0x7fff_ffff_fff8n);
    machine.state[RIP] = 0x7000_0000;
    expect(lines()).toEqual(["#0 0x70000000 at ??+0"]);
  });

  it("is no longer than 64 calls, however deep the stack", () => {
    loadProgram(machine, PROLOGUE);
    for (let depth = 0; depth < 1000; depth++) {
      machine.memory.store(STACK - 16 * (depth + 1), 4, STACK - 16 * depth);
      machine.memory.store(STACK - 16 * (depth + 1) + 8, 4, MAIN + 9);
    }
    machine.setRegister(RBP, BigInt(STACK - 16_000));
    expect(lines()).toHaveLength(65);
  });

  it("follows frames of four bytes in 32-bit code", () => {
    machine = new TestMachine();
    machine.enterProtectedMode();
    machine.load([0x55, 0x89, 0xe5, 0xe8, ...le32(INNER - MAIN - 8)], MAIN);
    machine.load([0x55, 0x89, 0xe5, 0xf4], INNER);
    machine.setRegister(RSP, BigInt(STACK));
    machine.state[RIP] = MAIN;
    machine.run(100);
    expect(lines()).toEqual(["#0 0x100204 at inner+0x4", "#1 0x100008 at main+0x8"]);
  });
});

describe("the names of a guest's functions", () => {
  const nothing: SymbolSources = {
    block: undefined,
    open: () => new BytesSource(new Uint8Array()),
  };
  const named = (sources: SymbolSources, path?: string) =>
    guestSymbols(machine.vcpu.cpu, sources, path);

  it("come from the block that the FreeBSD loader left", () => {
    const { bytes, strings } = symbolTable([{ name: "btext", value: 0x1000n, size: 16n }]);
    const block = new Uint8Array(16 + bytes.length + strings.length);
    const view = new DataView(block.buffer);
    view.setBigUint64(0, BigInt(bytes.length), true);
    block.set(bytes, 8);
    view.setBigUint64(8 + bytes.length, BigInt(strings.length), true);
    block.set(strings, 16 + bytes.length);
    machine.memory.write(0x30_0000, block);
    const place = { start: 0x30_0000, end: 0x30_0000 + block.length };
    expect(named({ ...nothing, block: place })?.lookup(0x1008n)?.name).toBe("btext");
    // A guest can use the memory for something else, and a record can be wrong.
    machine.memory.zero(0x30_0000, 0x1000);
    expect(named({ ...nothing, block: place })).toBeUndefined();
    expect(named({ ...nothing, block: { start: 0x7000_0000, end: 0x7000_1000 } })).toBeUndefined();
  });

  it("come from the kallsyms of a Linux kernel", () => {
    const base = 0xffff_ffff_8100_0000n;
    const symbols = Array.from({ length: 300 }, (_, i) => ({
      address: base + 16n * BigInt(i),
      name: `Tfunction_${i}`,
    }));
    machine.memory.write(0x80_0000, kallsymsImage({ symbols, base, order: "addresses last" }));
    expect(named(nothing)?.lookup(base + 33n)).toEqual({ name: "function_2", offset: 1n });
  });

  it("come from a System.map, moved to where KASLR has put the kernel", () => {
    const map = "ffffffff81000000 T _text\nffffffff81c00000 T entry_SYSCALL_64\n";
    const sources = { ...nothing, open: () => new BytesSource(new TextEncoder().encode(map)) };
    expect(named(sources, "System.map")?.addressOf("_text")).toBe(0xffff_ffff_8100_0000n);
    machine.state[MSR_LSTAR] = 0xa5c0_0000 | 0;
    machine.state[MSR_LSTAR + 1] = -1;
    expect(named(sources, "System.map")?.addressOf("_text")).toBe(0xffff_ffff_a500_0000n);
  });

  it("are missed with one sentence if the file has none", () => {
    const sources = { ...nothing, open: () => new BytesSource(new TextEncoder().encode("hello")) };
    expect(() => named(sources, "x")).toThrow("x names no text symbol: it is no System.map");
  });
});
