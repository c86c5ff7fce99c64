// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { VirtioMachine } from "../../../../test/support/virtio-machine.ts";
import { VirtioRnd } from "./device.ts";

function makeMachine() {
  let next = 0;
  const entropy = (target: Uint8Array) => {
    for (let i = 0; i < target.length; i++) target[i] = ++next & 0xff;
  };
  const machine = new VirtioMachine(() => new VirtioRnd(entropy));
  const driver = machine.legacyDriver();
  driver.begin();
  const queue = driver.openQueue(0);
  driver.finish();
  return { machine, driver, queue };
}

describe("virtio-rnd (VirtIO 1.2 §5.4)", () => {
  it("is bhyve's: one queue of 64, no features, no configuration, 32 ports", () => {
    const { machine, driver } = makeMachine();
    expect(machine.pci.readConfig("3", 0, 4)).toBe(0x1005_1af4);
    expect(machine.pci.readConfig("3", 8, 4)).toBe(0x1000_0000);
    expect(machine.pci.readConfig("3", 0x2c, 4)).toBe(0x0004_1af4);
    expect(driver.read(0, 4)).toBe(0);
    expect([driver.queueSize(0), driver.queueSize(1)]).toEqual([64, 0]);
    machine.pci.writeConfig("3", 0x10, 4, 0xffff_ffff);
    expect(machine.pci.readConfig("3", 0x10, 4)).toBe(0xffe1);
  });

  it("fills every writable buffer of every chain, and interrupts once", () => {
    const { machine, queue } = makeMachine();
    const first = queue.addChain([
      { gpa: 0x1000, length: 3, isWritable: true },
      { gpa: 0x2000, length: 2, isWritable: true },
    ]);
    const second = queue.addChain([{ gpa: 0x3000, length: 4, isWritable: true }]);
    queue.kick();
    expect(queue.readUsed()).toEqual([
      { head: first, writtenBytes: 5 },
      { head: second, writtenBytes: 4 },
    ]);
    expect(machine.memory.load(0x1000, 4)).toBe(0x0003_0201);
    expect(machine.memory.load(0x2000, 4)).toBe(0x0000_0504);
    expect(machine.memory.load(0x3000, 4)).toBe(0x0908_0706);
    expect(machine.interrupts.level("ioapic 16")).toBe(1);
  });

  it("gives 64 KiB at most, whatever a driver asks for", () => {
    const { queue } = makeMachine();
    const head = queue.addChain([{ gpa: 0x10_0000, length: 0x100_0000, isWritable: true }]);
    queue.kick();
    expect(queue.readUsed()).toEqual([{ head, writtenBytes: 65536 }]);
  });

  it("gives back a chain that it cannot write to", () => {
    const { queue } = makeMachine();
    const head = queue.addChain([{ gpa: 0x1000, length: 8, isWritable: false }]);
    queue.kick();
    expect(queue.readUsed()).toEqual([{ head, writtenBytes: 0 }]);
  });
});
