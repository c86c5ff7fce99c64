// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { CODE, DATA, TestMachine } from "../../test/support/test-machine.ts";
import { RIP } from "../cpu/state-layout.ts";
import { RAM_OFFSET } from "../mmu/machine-layout.ts";
import { instructionText } from "./disassemble.ts";
import { GuestView } from "./guest-view.ts";

const UNMAPPED = 0x4000_0000;

describe("the instruction at RIP", () => {
  it("is written with its bytes, in the size of the code it is in", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    machine.load([0x48, 0x89, 0xe5]);
    expect(instructionText(machine.vcpu.cpu)).toBe("4889e5               mov rbp, rsp");
    const real = new TestMachine();
    real.enterRealMode();
    // In real mode RIP is an offset in CS, and so is a branch's target.
    real.memory.write(CODE + 0x10, Uint8Array.from([0xeb, 0xee]));
    real.state[RIP] = 0x10;
    expect(instructionText(real.vcpu.cpu)).toBe("ebee                 jmp 0x0");
  });

  it("may be missing, or end where the mapping does", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    machine.state[RIP] = UNMAPPED;
    expect(instructionText(machine.vcpu.cpu)).toBe("(nothing at 0x40000000)");
    const last = machine.memory.ramBytes - 1;
    machine.load([0xc3], last);
    expect(instructionText(machine.vcpu.cpu)).toBe("c3                   ret");
    machine.load([0x48], last);
    expect(instructionText(machine.vcpu.cpu)).toBe("48                   (bad)");
  });

  it("leaves memory as it is, page tables too", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    machine.load([0x90]);
    const before = machine.memory.bytes.slice(RAM_OFFSET, RAM_OFFSET + 0x10000);
    instructionText(machine.vcpu.cpu);
    const after = machine.memory.bytes.subarray(RAM_OFFSET, RAM_OFFSET + 0x10000);
    expect(Buffer.compare(before, after)).toBe(0);
  });
});

describe("a view of guest memory", () => {
  it("reads across pages, and ends where the mapping ends", () => {
    const machine = new TestMachine();
    machine.enterLongMode();
    const view = new GuestView(machine.vcpu.cpu);
    machine.memory.write(DATA + 0xffe, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
    expect([...view.bytes(BigInt(DATA + 0xffe), 4)]).toEqual([1, 2, 3, 4]);
    expect(view.word(BigInt(DATA + 0xffe), 8)).toBe(0x0807060504030201n);
    expect(view.word(BigInt(DATA + 0xffe), 4)).toBe(0x04030201n);
    expect(view.bytes(BigInt(machine.memory.ramBytes - 3), 8)).toHaveLength(3);
    expect(view.word(BigInt(machine.memory.ramBytes - 3), 4)).toBeUndefined();
    expect(view.word(0x1234_0000_0000_0000n, 8)).toBeUndefined();
  });
});
