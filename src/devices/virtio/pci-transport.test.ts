// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { EchoDevice } from "../../../test/support/echo-device.ts";
import {
  SLOT,
  VirtioMachine,
  type VirtioMachineOptions,
} from "../../../test/support/virtio-machine.ts";
import type { LegacyDriver, ModernDriver } from "../../../test/support/virtio-pci-driver.ts";
import type { VirtqueueDriver } from "../../../test/support/virtqueue-driver.ts";

const VERSION_1 = 32;
const RING_RESET = 40;
const NO_VECTOR = 0xffff;

let machine: VirtioMachine;
let device: EchoDevice;

function open(options: VirtioMachineOptions = {}): void {
  device = new EchoDevice();
  machine = new VirtioMachine(() => device, options);
}

beforeEach(() => open());

/** A chain of 4 bytes there and back. */
function addEcho(queue: VirtqueueDriver): void {
  const gpa = queue.heap.allocate(8);
  queue.addChain([
    { gpa, length: 4, isWritable: false },
    { gpa: gpa + 4, length: 4, isWritable: true },
  ]);
}

function capabilityIds(): number[] {
  return machine.pci.capabilities(SLOT).map(({ id }) => id);
}

describe("a virtio function", () => {
  it("is transitional: legacy registers, MSI-X and modern registers in three BARs", () => {
    expect(machine.pci.readConfig(SLOT, 0, 4)).toBe(0x1001_1af4);
    expect(machine.pci.readConfig(SLOT, 8, 1)).toBe(0);
    expect(machine.pci.readConfig(SLOT, 0x2c, 4)).toBe(0x0002_1af4);
    expect(capabilityIds()).toEqual([0x11, 0x05, 0x09, 0x09, 0x09, 0x09, 0x09]);
    expect(machine.pci.barAddress(SLOT, 0)).toBe(0x2000);
    expect(machine.pci.barAddress(SLOT, 2)).toBe(0xc000_0000);
    expect(machine.pci.barAddress(SLOT, 1)).toBe(0xc000_4000);
  });

  it("without modern registers is bhyve's", () => {
    open({ interface: "legacy" });
    expect(capabilityIds()).toEqual([0x11, 0x05]);
    expect(machine.pci.readConfig(SLOT, 0x18, 4)).toBe(0);
    expect(machine.pci.barAddress(SLOT, 1)).toBe(0xc000_0000);
  });

  it("without legacy registers has a modern identity (VirtIO 1.2 §4.1.2)", () => {
    open({ interface: "modern" });
    expect(machine.pci.readConfig(SLOT, 0, 4)).toBe(0x1042_1af4);
    expect(machine.pci.readConfig(SLOT, 8, 1)).toBe(1);
    expect(machine.pci.readConfig(SLOT, 0x10, 4)).toBe(0);
    const driver = machine.modernDriver();
    driver.begin([VERSION_1]);
    expect(driver.status).toBe(0x0b);
  });

  it("with -W offers MSI alone", () => {
    open({ hasMsix: false });
    expect(capabilityIds()).toEqual([0x05, 0x09, 0x09, 0x09, 0x09, 0x09]);
    expect(machine.pci.readConfig(SLOT, 0x14, 4)).toBe(0);
    expect(machine.modernDriver().setQueueVector(0, 0)).toBe(NO_VECTOR);
  });
});

describe("legacy registers (VirtIO 1.2 §4.1.4.10)", () => {
  let driver: LegacyDriver;

  beforeEach(() => {
    driver = machine.legacyDriver();
  });

  it("offer the device's features alone, and accept no others", () => {
    expect(driver.read(0, 4)).toBe(0x1000_0002);
    driver.write(4, 4, 0xffff_ffff);
    expect(driver.read(4, 4)).toBe(0x1000_0002);
  });

  it("show the selected queue, and none beyond the last", () => {
    expect([0, 1, 2, 0xffff].map((index) => driver.queueSize(index))).toEqual([16, 4, 0, 0]);
    expect(driver.read(14, 2)).toBe(0xffff);
    expect(driver.read(8, 4)).toBe(0xffff_ffff);
    driver.write(8, 4, 1);
    expect(machine.warnings).toEqual(["echo: queue 65535 has no address"]);
  });

  it("have the device configuration at 20 while MSI-X is off, at 24 while it is on", () => {
    expect(driver.read(20, 4)).toBe(0x0403_0201);
    expect(driver.read(22, 2)).toBe(0x0403);
    driver.enableMsix([0x40, 0x41, 0x42]);
    expect(driver.read(20, 2)).toBe(NO_VECTOR);
    expect(driver.read(24, 4)).toBe(0x0403_0201);
    expect(driver.read(29, 1)).toBe(6);
    machine.pci.writeConfig(SLOT, driver.capability(0x11) + 2, 2, 0);
    expect(driver.read(24, 2)).toBe(0x0605);
  });

  it("pass writes of the configuration on to the device", () => {
    driver.writeConfig(4, 2, 0x1234);
    driver.enableMsix([]);
    driver.writeConfig(0, 1, 9);
    expect(device.calls).toEqual(["config 4/2=4660", "config 0/1=9"]);
  });

  it.each([
    [0, 1],
    [0, 2],
    [4, 2],
    [12, 4],
    [18, 2],
    [19, 4],
    [17, 1],
    [24, 4],
    [26, 1],
    [30, 2],
  ] as const)("answer all ones at %d for %d bytes, with one warning", (offset, size) => {
    expect(driver.read(offset, size)).toBe(2 ** (8 * size) - 1);
    expect(driver.read(offset, size)).toBe(2 ** (8 * size) - 1);
    driver.write(offset, size, 0);
    expect(machine.warnings).toEqual([
      `echo: read from bad offset/size ${offset}/${size}`,
      `echo: write to bad offset/size ${offset}/${size}`,
    ]);
    expect(device.calls).toEqual([]);
  });

  it("cannot be written where they are read-only", () => {
    for (const [offset, size] of [
      [0, 4],
      [12, 2],
      [19, 1],
    ] as const) {
      driver.write(offset, size, 0xff);
    }
    expect(machine.warnings).toHaveLength(3);
    expect(driver.queueSize(0)).toBe(16);
  });

  it("run a queue before DRIVER_OK, as legacy drivers may", () => {
    driver.begin();
    const queue = driver.openQueue(1);
    addEcho(queue);
    queue.kick();
    expect(queue.readUsed()).toHaveLength(1);
    expect(driver.readIsr()).toBe(1);
  });

  it("take a queue away with page number 0", () => {
    driver.begin();
    const queue = driver.openQueue(0);
    driver.write(8, 4, 0);
    addEcho(queue);
    queue.kick();
    expect(queue.readUsed()).toEqual([]);
    expect(driver.read(8, 4)).toBe(0);
    expect(device.calls).toEqual(["reset", "reset 0", "reset 0"]);
  });

  it("start a queue anew when its page number is written again", () => {
    driver.begin();
    const first = driver.openQueue(0);
    addEcho(first);
    first.kick();
    const second = driver.openQueue(0);
    addEcho(second);
    second.kick();
    expect(second.readUsed()).toHaveLength(1);
    expect(driver.read(8, 4)).toBe(second.place.descriptorArea / 4096);
  });

  it("refuse a ring outside the memory, and go on", () => {
    driver.begin();
    driver.write(8, 4, 0xffff_ffff);
    driver.notify(0);
    expect(machine.warnings).toEqual([
      "echo: queue 0: the driver gave a ring outside the guest's memory",
    ]);
    expect(driver.status).toBe(3);
  });

  it("warn of notifications for queues that there are not", () => {
    driver.notify(2);
    driver.notify(0xffff);
    expect(machine.warnings).toEqual([
      "echo: queue 2 notify out of range",
      "echo: queue 65535 notify out of range",
    ]);
  });

  it("drop a broken chain with a warning and serve the next, as bhyve does", () => {
    driver.begin();
    const queue = driver.openQueue(0);
    driver.finish();
    queue.offerHead(99);
    addEcho(queue);
    queue.kick();
    expect(queue.readUsed()).toHaveLength(1);
    expect(driver.status).toBe(7);
    expect(machine.warnings).toEqual([
      "echo: queue 0: the driver gave descriptor 99 of a table of 16",
    ]);
  });

  it("forget everything at a reset", () => {
    driver.begin([28]);
    driver.enableMsix([0x40, 0x41, 0x42]);
    driver.setConfigVector(0);
    driver.setQueueVector(1, 2);
    driver.openQueue(0);
    driver.finish();
    driver.status = 0;
    expect([driver.status, driver.read(4, 4), driver.read(14, 2), driver.read(8, 4)]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(driver.read(20, 2)).toBe(NO_VECTOR);
    driver.write(14, 2, 1);
    expect(driver.read(22, 2)).toBe(NO_VECTOR);
    expect(device.calls.at(-1)).toBe("reset");
  });
});

describe("modern registers (VirtIO 1.2 §4.1.4.3)", () => {
  let driver: ModernDriver;

  beforeEach(() => {
    driver = machine.modernDriver();
  });

  it("offer the device's features, the ring's, and version 1", () => {
    const words = [0, 1, 2, 3, 4].map((select) => {
      driver.write(0, 4, select);
      return driver.read(4, 4);
    });
    expect(words).toEqual([0x3000_0022, 0x0000_0101, 0, 0, 0]);
  });

  it("keep FEATURES_OK for a driver that accepts version 1 and a subset of the offer", () => {
    driver.begin([VERSION_1, 29, 5]);
    expect(driver.status).toBe(0x0b);
    expect(device.host?.hasFeature(5)).toBe(true);
    expect(device.host?.hasFeature(1)).toBe(false);
  });

  it.each([
    ["version 1 is missing", [[0, 0x1000_0000]]],
    [
      "a bit was not offered",
      [
        [0, 0x4000_0000],
        [1, 1],
      ],
    ],
    [
      "a bit of a far word was not offered",
      [
        [1, 1],
        [3, 1],
      ],
    ],
  ])("do not keep FEATURES_OK if %s (§3.1.1)", (_, words) => {
    driver.status = 3;
    for (const [select, word] of words) {
      driver.write(8, 4, select!);
      driver.write(12, 4, word!);
    }
    driver.status = 0x0b;
    expect(driver.status).toBe(3);
  });

  it("fix the features with FEATURES_OK", () => {
    driver.begin([VERSION_1]);
    driver.write(8, 4, 0);
    driver.write(12, 4, 0xffff_ffff);
    expect(driver.read(12, 4)).toBe(0);
  });

  it("let a queue be smaller than it can be, by powers of two", () => {
    driver.begin([VERSION_1]);
    driver.write(22, 2, 0);
    for (const size of [32, 0, 3]) driver.write(24, 2, size);
    expect(driver.read(24, 2)).toBe(16);
    const queue = driver.openQueue(0, 2);
    driver.finish();
    addEcho(queue);
    expect(driver.read(24, 2)).toBe(2);
    queue.kick();
    expect(queue.readUsed()).toHaveLength(1);
  });

  it("show a queue that is not there as one of size 0", () => {
    driver.write(22, 2, 2);
    expect([24, 28, 30, 56, 58].map((offset) => driver.read(offset, 2))).toEqual([0, 0, 0, 0, 0]);
    expect(driver.read(26, 2)).toBe(NO_VECTOR);
    expect(driver.read(32, 4)).toBe(0);
    driver.write(28, 2, 1);
    driver.write(26, 2, 0);
    expect(driver.read(18, 2)).toBe(2);
  });

  it("read back addresses by halves, and keep them once the queue is enabled", () => {
    driver.begin([VERSION_1]);
    driver.openQueue(1);
    const address = driver.read(32, 4);
    driver.write(32, 4, 0);
    driver.write(24, 2, 2);
    expect(driver.read(32, 4)).toBe(address);
    expect(driver.read(28, 2)).toBe(1);
    expect(machine.warnings).toEqual(["echo: queue 1 is enabled and cannot be changed"]);
  });

  it("take nothing before DRIVER_OK (§3.1.1), and no queue before FEATURES_OK", () => {
    driver.status = 3;
    driver.openQueue(0);
    expect(driver.read(28, 2)).toBe(0);
    driver.begin([VERSION_1]);
    const queue = driver.openQueue(0);
    addEcho(queue);
    queue.kick();
    expect(queue.readUsed()).toEqual([]);
    driver.finish();
    driver.notify(0);
    expect(queue.readUsed()).toHaveLength(1);
  });

  it("give every queue a notification register of its own", () => {
    driver.begin([VERSION_1]);
    driver.openQueue(0);
    driver.openQueue(1);
    driver.finish();
    const { base, length } = driver.region(2);
    expect(length).toBe(8);
    machine.pci.memory.write(base + 4, 2, 1);
    machine.pci.memory.write(base, 4, 0);
    machine.pci.memory.write(base + 8, 2, 2);
    expect(device.calls.filter((call) => call.startsWith("notify"))).toEqual([
      "notify 1",
      "notify 0",
    ]);
    expect(machine.warnings).toEqual(["echo: queue 2 notify out of range"]);
    expect(machine.pci.memory.read(base, 2)).toBe(0);
  });

  it("answer fields in their own width alone", () => {
    expect(driver.read(0, 1)).toBe(0xff);
    expect(driver.read(20, 4)).toBe(0xffff_ffff);
    expect(driver.read(33, 1)).toBe(0xff);
    expect(driver.read(60, 4)).toBe(0xffff_ffff);
    driver.write(20, 2, 1);
    expect(driver.status).toBe(0);
    expect(driver.readConfig(4, 4)).toBe(0xffff_ffff);
    expect(driver.readConfig(4, 2)).toBe(0x0605);
    driver.writeConfig(5, 1, 1);
    driver.writeConfig(5, 2, 1);
    expect(device.calls).toEqual(["config 5/1=1"]);
  });

  it("count changes of the configuration, and tell the driver (§2.5.3)", () => {
    driver.begin([VERSION_1]);
    device.host?.configChanged();
    expect(driver.readIsr()).toBe(0);
    driver.finish();
    device.host?.configChanged();
    expect(driver.read(21, 1)).toBe(2);
    expect(machine.interrupts.level("ioapic 16")).toBe(1);
    expect(driver.readIsr()).toBe(2);
    expect(machine.interrupts.asserted).toEqual([]);
  });

  it("ask for a reset when the ring is broken (§2.1.2), and do nothing until then", () => {
    driver.begin([VERSION_1]);
    const queue = driver.openQueue(0);
    const other = driver.openQueue(1);
    driver.finish();
    queue.offerHead(99);
    queue.kick();
    expect(driver.status).toBe(0x4f);
    expect(driver.readIsr()).toBe(2);
    addEcho(other);
    other.kick();
    expect(other.readUsed()).toEqual([]);
    driver.status = 0x0f;
    expect(driver.status).toBe(0x4f);
    driver.begin([VERSION_1]);
    const again = driver.openQueue(0);
    driver.finish();
    addEcho(again);
    again.kick();
    expect(again.readUsed()).toHaveLength(1);
  });

  it("ask for a reset when a ring cannot be where it is put", () => {
    driver.begin([VERSION_1]);
    driver.write(22, 2, 0);
    driver.write(36, 4, 0xffff_ffff);
    driver.write(28, 2, 1);
    expect(driver.status).toBe(0x4b);
    expect(driver.read(28, 2)).toBe(0);
  });

  it("reset one queue and leave the others alone (§2.6.1)", () => {
    driver.begin([VERSION_1, RING_RESET]);
    driver.openQueue(0, 8);
    const other = driver.openQueue(1);
    driver.finish();
    driver.write(22, 2, 0);
    driver.write(58, 2, 1);
    expect([58, 28, 24].map((offset) => driver.read(offset, 2))).toEqual([0, 0, 16]);
    expect(driver.read(32, 4)).toBe(0);
    expect(device.calls).toContain("reset 0");
    const again = driver.openQueue(0);
    for (const queue of [again, other]) {
      addEcho(queue);
      queue.kick();
      expect(queue.readUsed()).toHaveLength(1);
    }
  });

  it("do not reset a queue for a driver that did not accept that feature", () => {
    driver.begin([VERSION_1]);
    driver.openQueue(0);
    driver.write(58, 2, 1);
    expect(driver.read(28, 2)).toBe(1);
  });
});

describe("the PCI configuration access capability (VirtIO 1.2 §4.1.4.9)", () => {
  function select(bar: number, offset: number, length: number): number {
    const found = machine.pci
      .capabilities(SLOT)
      .filter(({ id, offset: at }) => id === 0x09 && machine.pci.readConfig(SLOT, at + 3, 1) === 5);
    const capability = found[0]!.offset;
    machine.pci.writeConfig(SLOT, capability + 4, 1, bar);
    machine.pci.writeConfig(SLOT, capability + 8, 4, offset);
    machine.pci.writeConfig(SLOT, capability + 12, 4, length);
    return capability + 16;
  }

  it("reads and writes registers without their BAR being reachable", () => {
    const driver = machine.modernDriver();
    machine.pci.writeConfig(SLOT, 4, 2, 0);
    expect(driver.read(18, 2)).toBe(0xffff);
    expect(machine.pci.readConfig(SLOT, select(2, 18, 2), 2)).toBe(2);
    machine.pci.writeConfig(SLOT, select(2, 20, 1), 1, 3);
    expect(machine.pci.readConfig(SLOT, select(2, 20, 1), 1)).toBe(3);
    expect(machine.pci.readConfig(SLOT, select(0, 18, 1), 1)).toBe(3);
    expect(machine.pci.readConfig(SLOT, select(2, 0x2000, 4), 4)).toBe(0x0403_0201);
  });

  it.each([
    [3, 0, 4],
    [0xff, 0, 4],
    [2, 0, 3],
    [2, 0, 8],
    [2, 0, 0],
    [2, 1, 2],
    [2, 0x4000, 1],
    [2, 0xffff_ffff, 1],
  ])("does nothing for BAR %d, offset %d, length %d", (bar, offset, length) => {
    const data = select(bar, offset, length);
    machine.pci.writeConfig(SLOT, data, 4, 0x1234_5678);
    expect(machine.pci.readConfig(SLOT, data, 4)).toBe(0x1234_5678);
    expect(machine.warnings).toEqual([]);
  });
});

describe.each(["legacy", "modern"] as const)("interrupts of a %s driver", (kind) => {
  function run(prepare: (driver: LegacyDriver | ModernDriver) => void) {
    const driver = kind === "legacy" ? machine.legacyDriver() : machine.modernDriver();
    driver.begin([VERSION_1]);
    prepare(driver);
    const queue = driver.openQueue(1);
    driver.finish();
    addEcho(queue);
    queue.kick();
    expect(queue.readUsed()).toHaveLength(1);
    return driver;
  }

  it("come by INTx#, which reading ISR lets go", () => {
    const driver = run(() => {});
    expect(machine.interrupts.asserted.sort()).toEqual(["ioapic 16", "pic 3"]);
    expect(driver.readIsr()).toBe(1);
    expect(driver.readIsr()).toBe(0);
    expect(machine.interrupts.asserted).toEqual([]);
  });

  it("come by MSI", () => {
    run((driver) => driver.enableMsi(0x51));
    expect(machine.interrupts.takeMessages()).toEqual([0x51]);
    expect(machine.interrupts.asserted).toEqual([]);
  });

  it("come by the queue's vector of MSI-X", () => {
    const driver = run((driver) => {
      driver.enableMsix([0x40, 0x41, 0x42]);
      expect(driver.setConfigVector(0)).toBe(0);
      expect(driver.setQueueVector(1, 2)).toBe(2);
      expect(driver.setQueueVector(0, 3)).toBe(NO_VECTOR);
    });
    device.host?.configChanged();
    expect(machine.interrupts.takeMessages()).toEqual([0x42, 0x40]);
    expect(driver.readIsr()).toBe(0);
    expect(machine.interrupts.asserted).toEqual([]);
  });

  it("do not come at all without a vector", () => {
    run((driver) => driver.enableMsix([0x40, 0x41, 0x42]));
    device.host?.configChanged();
    expect(machine.interrupts.takeMessages()).toEqual([]);
  });

  it("are withdrawn by a reset", () => {
    const driver = run(() => {});
    driver.status = 0;
    expect(machine.interrupts.asserted).toEqual([]);
    machine.pci.root.reset();
    expect(machine.interrupts.asserted).toEqual([]);
  });
});
