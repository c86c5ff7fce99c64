// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { CODE, DATA, STACK, TestMachine } from "../support/test-machine.ts";

describe("a vCPU in 64-bit mode", () => {
  it("runs a loop to the exact instruction the budget allows", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    // xor eax,eax; inc rax; jmp -5
    machine.load([0x31, 0xc0, 0x48, 0xff, 0xc0, 0xeb, 0xfb]);
    expect(machine.run(100)).toEqual({ kind: "bogus" });
    expect(machine.vcpu.retired).toBe(100);
    // One XOR, then INC and JMP in turn: the 100th instruction is an INC.
    expect(machine.register(0)).toBe(50n);
    expect(machine.rip).toBe(BigInt(CODE + 5));
  });

  it("calls and returns, and halts with what memory and registers say", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    machine.setRegister(4, BigInt(STACK));
    machine.setRegister(6, BigInt(DATA));
    machine.load([
      ...[0xe8, 0x01, 0x00, 0x00, 0x00], // call +1
      0xf4, // hlt
      ...[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], // mov rax, 0x0807060504030201
      ...[0x48, 0x89, 0x06], // mov [rsi], rax
      ...[0x48, 0x01, 0x06], // add [rsi], rax
      0xc3, // ret
    ]);
    expect(machine.run(1000).kind).toBe("hlt");
    expect([...machine.memory.readable(DATA, 8)!]).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
    expect(machine.register(4)).toBe(BigInt(STACK));
    expect(machine.vcpu.retired).toBe(6);
  });
});
