// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { assemble } from "../../../test/support/assembly/assemble.ts";
import { CODE, PAGE_TABLES, TestMachine } from "../../../test/support/test-machine.ts";
import { VmmError } from "../../base/errors.ts";
import { RAM_OFFSET } from "../../mmu/machine-layout.ts";
import { RIP } from "../state-layout.ts";
import { listUnit, type UnitListing } from "./unit-listing.ts";

const SOURCE = `
  start: mov rax, [rbx]; test rax, rax; jz out
         call inner; jmp start
  inner: ret
  out:   hlt
         at ${CODE + 0x1000 - 1}; db 0x48, 0x89, 0xc3`;

const LOOP = "mov ecx, 5000; jmps again; again: dec ecx; nop; jnz again; hlt";

let machine: TestMachine;
beforeEach(() => {
  machine = new TestMachine();
  for (const { at, bytes } of assemble(SOURCE, { origin: CODE }).pieces) {
    machine.memory.bytes.set(bytes, RAM_OFFSET + at);
  }
});

const named = (address: bigint) => (address === BigInt(CODE) ? "start" : undefined);

function listed(address = CODE): UnitListing {
  return listUnit(machine.vcpu.cpu, BigInt(address), named);
}

describe("the listing of a unit", () => {
  it("has all code that a place leads to inside its page", () => {
    machine.enterLongMode();
    const { blocks, instructions, guest } = listed();
    expect({ blocks: blocks.length, instructions }).toEqual({ blocks: 5, instructions: 7 });
    expect(guest.slice(0, 5)).toEqual([
      "0x100000 <start>:",
      "  0x100000  488b4300                mov rax, qword ptr [rbx]",
      "  0x100004  4885c0                  test rax, rax",
      "  0x100007  0f840b000000            je 0x100018",
      "0x10000d:",
    ]);
    expect(guest.at(-1)).toBe("  0x100018  f4                      hlt");
  });

  it("has each instruction in front of what it becomes, and a module that the host takes", () => {
    machine.enterLongMode();
    const { wasm, module } = listed();
    const at = wasm.findIndex((line) => line.trim() === ";; 0x100004  test rax, rax");
    expect(wasm[at - 1]?.trim()).toBe("i64.load  local.set $rax");
    expect(wasm[at + 1]?.trim()).toMatch(/^local\.get \$rax /);
    expect(WebAssembly.validate(Uint8Array.from(module))).toBe(true);
  });

  it("has how often the interpreter has entered each block, and the unit of those that are translated", () => {
    machine = new TestMachine(undefined, { engine: "translator" });
    machine.enterLongMode();
    for (const { at, bytes } of assemble(LOOP, { origin: CODE }).pieces) {
      machine.memory.bytes.set(bytes, RAM_OFFSET + at);
    }
    machine.state[RIP] = CODE;
    machine.vcpu.run(10);
    const states = () => listed().blocks.map(({ state }) => state);
    expect(states()).toEqual([{ entered: 1 }, { entered: 2 }, { entered: 0 }]);
    machine.vcpu.run(3000);
    expect(states().slice(0, 2)).toEqual([{ entered: 1 }, { unit: 1 }]);
  });

  it("leaves the vCPU and the guest's page tables as they are", () => {
    machine.enterLongMode();
    const { memory, state } = machine;
    const before = [state.slice(), memory.bytes.slice(RAM_OFFSET, RAM_OFFSET + 4 * PAGE_TABLES)];
    listed();
    expect([state.slice(), memory.bytes.slice(RAM_OFFSET, RAM_OFFSET + 4 * PAGE_TABLES)]).toEqual(
      before,
    );
  });

  it("is refused where there is no code, or none for the translator", () => {
    expect(listed).toThrow(/a mode with segments, whose code is never translated/);
    machine.enterLongMode();
    expect(() => listed(0x40000000)).toThrow(
      new VmmError("ERR_NOT_FOUND", "no memory is mapped at 0x40000000"),
    );
    expect(() => listed(CODE + 0xfff)).toThrow(/0x100fff is the interpreter's/);
  });

  it("ends before a debugger's breakpoint, where no block may be kept", () => {
    machine.enterLongMode();
    machine.vcpu.cpu.breakpoints.set([BigInt(CODE + 7)]);
    const { blocks, guest } = listed();
    expect({ blocks, guest }).toMatchObject({ blocks: { length: 1 }, guest: { length: 3 } });
    expect(() => listed(CODE + 7)).toThrow(/or a breakpoint is on it/);
  });
});
