// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { VmmError } from "../base/errors.ts";
import { GuestMemory, MIN_RAM } from "../mmu/guest-memory.ts";
import { Config } from "./config.ts";
import { SeededEntropy } from "./entropy.ts";
import { bareVcpu } from "./entry-state.ts";
import { Machine, type MachineHost } from "./machine.ts";
import { machineConfig } from "./machine-config.ts";
import { parseTracePoints, Trace, type TracePoint } from "./trace.ts";
import { readRegister, writeDescriptor, writeRegister } from "./vcpu-registers.ts";

const PROGRAM = 0x1000;
const HANDLER = 0x2000;

const host: MachineHost = {
  time: { now: () => 0, wait() {} },
  entropy: new SeededEntropy(0),
  epochSeconds: 0,
  zoneOffsetSeconds: 0,
  name: "test",
  openBlock: () => {
    throw new VmmError("ERR_UNSUPPORTED", "no disks here");
  },
  openChar: () => {
    throw new VmmError("ERR_UNSUPPORTED", "no lines here");
  },
  poll() {},
  warn() {},
};

/** A machine in real mode that runs `program` at 0:1000; vectors 6 and 32 lead to an IRET. */
function machineWith(program: readonly number[]): Machine {
  const memory = new GuestMemory(MIN_RAM);
  bareVcpu(memory).reset();
  const config = new Config();
  config.set("clock", "virtual");
  const machine = new Machine(machineConfig(config), memory, host);
  memory.write(PROGRAM, Uint8Array.from(program));
  memory.write(HANDLER, Uint8Array.of(0xcf));
  for (const vector of [6, 32]) memory.store(4 * vector, 4, HANDLER);
  writeRegister(machine.vcpu, "cs", 0n);
  writeDescriptor(machine.vcpu, "cs", { base: 0n, limit: 0xffff, access: 0x93 });
  writeRegister(machine.vcpu, "rip", BigInt(PROGRAM));
  writeRegister(machine.vcpu, "rsp", 0x8000n);
  return machine;
}

function traced(points: string, program: readonly number[]): string[] {
  const machine = machineWith(program);
  const lines: string[] = [];
  machine.setTrace(
    new Trace(parseTracePoints(points), machine.vcpu.cpu, (line) => lines.push(line)),
  );
  machine.loop.run();
  return lines;
}

/** in al, 0x61; out 0x80, al; cli; hlt: the last two end the machine. */
const PORTS = [0xe4, 0x61, 0xe6, 0x80, 0xfa, 0xf4];

describe("a trace", () => {
  it("tells every instruction, with the count it ran at", () => {
    expect(traced("insn", PORTS)).toEqual([
      "0 insn 0x0000000000001000 e461                 in al, 0x61",
      "1 insn 0x0000000000001002 e680                 out 0x80, al",
      "2 insn 0x0000000000001004 fa                   cli",
      "3 insn 0x0000000000001005 f4                   hlt",
    ]);
  });

  it("tells accesses to ports, and exits", () => {
    const lines = traced("port+exit", PORTS);
    expect(lines.map((line) => line.replace(/value 0x[0-9a-f]+/, "value"))).toEqual([
      "1 exit inout",
      "1 port in 0x0061 size 1 value",
      "2 exit inout",
      "2 port out 0x0080 size 1 value",
      "4 exit hlt",
    ]);
  });

  it("tells accesses to devices in memory", () => {
    // mov eax, [0], where the HPET is.
    const machine = machineWith([0x66, 0xa1, 0, 0, 0xfa, 0xf4]);
    const ds = { base: 0xfed0_0000n, limit: 0xffff, access: 0x93 };
    writeDescriptor(machine.vcpu, "ds", ds);
    const lines: string[] = [];
    const points = parseTracePoints("mmio");
    machine.setTrace(new Trace(points, machine.vcpu.cpu, (line) => lines.push(line)));
    machine.loop.run();
    // The capabilities that bhyve's HPET has: vhpet.c.
    expect(lines).toEqual(["0 mmio read 0xfed00000 size 4 value 0x80860701"]);
  });

  it("tells faults with what caused them", () => {
    // ud2, whose handler returns to it; one of them is enough.
    const machine = machineWith([0x0f, 0x0b]);
    const lines: string[] = [];
    const points = parseTracePoints("fault");
    machine.setTrace(new Trace(points, machine.vcpu.cpu, (line) => lines.push(line)));
    machine.loop.run(1);
    expect(lines).toEqual(["0 fault vector 6 code 0x0 rip 0x0000000000001000 rsp 0x8000"]);
  });

  it("tells interrupts by vector", () => {
    // The 8254's channel 0 through the 8259, initialised to vector 32: sti; hlt; cli; hlt.
    const out = (port: number, value: number) => [0xb0, value, 0xe6, port];
    const lines = traced("irq", [
      ...[...out(0x20, 0x11), ...out(0x21, 32), ...out(0x21, 4), ...out(0x21, 1)],
      ...[...out(0x21, 0xfe), ...out(0x43, 0x30), ...out(0x40, 0x10), ...out(0x40, 0x00)],
      ...[0xfb, 0xf4, 0xfa, 0xf4],
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^18 irq vector 0x20 rip 0x0000000000001022$/);
  });

  it("changes nothing in what the machine does", () => {
    const run = (points: string | undefined) => {
      const machine = machineWith([0xb9, 0x10, 0x00, 0xe4, 0x40, 0xe2, 0xfc, 0xfa, 0xf4]);
      if (points !== undefined) {
        machine.setTrace(new Trace(parseTracePoints(points), machine.vcpu.cpu, () => {}));
      }
      machine.loop.run();
      return [machine.vcpu.retired, readRegister(machine.vcpu.cpu, "rax"), machine.suspended];
    };
    expect(run("all")).toEqual(run(undefined));
  });

  it.each(["", "insn,port", "everything"])("is not asked for by '%s'", (text) => {
    expect(() => parseTracePoints(text)).toThrow(/^trace point '.*' is not known: expected insn/);
  });

  it("is asked for point by point, or whole", () => {
    expect([...parseTracePoints("irq+fault")]).toEqual(["irq", "fault"] satisfies TracePoint[]);
    expect(parseTracePoints("all").size).toBe(6);
  });
});
