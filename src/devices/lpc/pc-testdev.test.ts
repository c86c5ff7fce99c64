// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { InterruptRecorder } from "../../../test/support/interrupt-recorder.ts";
import { Bus } from "../bus.ts";
import { PcTestdev } from "./pc-testdev.ts";

let ports: Bus;
let memory: Bus;
let interrupts: InterruptRecorder;
let exits: number[];
let device: PcTestdev;

beforeEach(() => {
  ports = new Bus();
  memory = new Bus();
  interrupts = new InterruptRecorder();
  exits = [];
  const exit = (status: number) => void exits.push(status);
  device = new PcTestdev({ ports, memory, ...interrupts, exit });
});

describe("pc-testdev", () => {
  it("ends the machine with twice the value and one", () => {
    ports.write(0xf4, 1, 0);
    ports.write(0xf4, 4, 0x10);
    ports.write(0xf4, 4, 0xffff_ffff);
    expect(exits).toEqual([1, 0x21, 0xff]);
    expect(ports.read(0xf4, 4)).toBe(0);
  });

  it("keeps four ports and 64 KiB of memory at any width", () => {
    ports.write(0xe0, 4, 0x8765_4321);
    ports.write(0xe1, 1, 0xff);
    expect(ports.read(0xe0, 4)).toBe(0x8765_ff21);
    memory.write(0xff00_fffc, 4, 0xdead_beef);
    expect(memory.read(0xff00_fffe, 2)).toBe(0xdead);
    device.reset();
    expect(ports.read(0xe0, 4)).toBe(0);
    expect(memory.read(0xff00_fffc, 4)).toBe(0);
  });

  it("sets interrupt lines: ISA ones, then those of the I/O APIC", () => {
    ports.write(0x2004, 1, 1);
    ports.write(0x2004, 1, 1);
    ports.write(0x201f, 1, 0x80);
    ports.write(0x2005, 2, 1);
    expect(interrupts.asserted.sort()).toEqual(["ioapic 31", "isa 4"]);
    expect(interrupts.level("isa 4")).toBe(1);
    ports.write(0x2004, 1, 0);
    expect(interrupts.asserted).toEqual(["ioapic 31"]);
    device.reset();
    expect(interrupts.asserted).toEqual([]);
    expect(ports.read(0x2004, 1)).toBe(0);
  });
});
