// SPDX-License-Identifier: BSD-2-Clause
// A disk from probing PCI to reading sectors, the way real guests' drivers go about it.
import { describe, expect, it } from "vitest";
import { BlkDriver, S_OK } from "../support/blk-driver.ts";
import { DeviceMachine } from "../support/device-machine.ts";
import type { PciHost } from "../support/pci-host.ts";
import { F_EVENT_IDX, F_VERSION_1, type VirtioPciDriver } from "../support/virtio-pci-driver.ts";

const SECTORS = 256;
const F_INDIRECT = 28;
const COMMAND = 0x04;
const MSIX = 0x11;

function makeMachine(slot = "3,virtio-blk,/disk", environment = {}) {
  const disk = Uint8Array.from({ length: SECTORS * 512 }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
  const slots = ["0,hostbridge", slot, "31,lpc"];
  const machine = new DeviceMachine({ slots, disks: { "/disk": disk }, environment });
  return { machine, disk };
}

/** Every function that answers on a bus, as both systems scan: the slots' further functions if there are any. */
function scan(pci: PciHost): string[] {
  const found: string[] = [];
  for (let slot = 0; slot < 32; slot++) {
    const functions = (pci.readConfig(`${slot}`, 0x0e, 1) & 0x80) !== 0 ? 8 : 1;
    for (let func = 0; func < functions; func++) {
      const id = pci.readConfig(`${slot}:${func}`, 0, 4);
      if ((id & 0xffff) !== 0xffff) found.push(`${slot}:${func} ${id.toString(16)}`);
    }
  }
  return found;
}

/** A BAR's size, measured with decoding off and the address put back. */
function sizeBar(pci: PciHost, slot: string, index: number): number {
  const register = 0x10 + 4 * index;
  const command = pci.readConfig(slot, COMMAND, 2);
  pci.writeConfig(slot, COMMAND, 2, command & ~3);
  const value = pci.readConfig(slot, register, 4);
  pci.writeConfig(slot, register, 4, 0xffff_ffff);
  const mask = pci.readConfig(slot, register, 4);
  pci.writeConfig(slot, register, 4, value);
  pci.writeConfig(slot, COMMAND, 2, command);
  const bits = (mask & 1) === 1 ? mask & 0xfffc : mask & ~0xf;
  return bits === 0 ? 0 : bits & -bits;
}

/** Writes and reads back patterns all over the disk, and compares with the image. */
function exercise(blk: BlkDriver, disk: Uint8Array): void {
  for (const [sector, sectors] of [
    [0, 1],
    [SECTORS - 1, 1],
    [17, 8],
    [100, 64],
  ] as const) {
    const before = disk.slice(sector * 512, (sector + sectors) * 512);
    const answer = blk.finish(blk.read(sector, 512 * sectors));
    expect(answer.status).toBe(S_OK);
    expect(isSame(answer.data, before)).toBe(true);
    const pattern = Uint8Array.from({ length: 512 * sectors }, (_, i) => (i ^ sector) & 0xff);
    expect(blk.finish(blk.write(sector, pattern)).status).toBe(S_OK);
    expect(blk.finish(blk.flush()).status).toBe(S_OK);
    expect(isSame(disk.subarray(sector * 512, (sector + sectors) * 512), pattern)).toBe(true);
  }
}

/** Vitest's comparison takes a millisecond a sector. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe("a guest that scans PCI", () => {
  it("finds bridges and disk, with the BARs' sizes, and nothing else", () => {
    const { machine } = makeMachine();
    expect(scan(machine.pci)).toEqual(["0:0 12751275", "3:0 10011af4", "31:0 70008086"]);
    expect([0, 1, 2, 3, 4, 5].map((index) => sizeBar(machine.pci, "3", index))).toEqual([
      128, 0x2000, 0x4000, 0, 0, 0,
    ]);
    expect(machine.pci.readConfig("3", COMMAND, 2)).toBe(0x0007);
    expect(machine.pci.readConfig("3", 0x3c, 2)).toBe(0x0105);
  });

  it("may move every BAR, and the disk follows", () => {
    const { machine, disk } = makeMachine();
    const { pci } = machine;
    pci.writeConfig("3", 0x10, 4, 0x9000);
    pci.writeConfig("3", 0x14, 4, 0xd000_0000);
    pci.writeConfig("3", 0x18, 4, 0xd800_0000);
    const driver = machine.modernDriver("3");
    expect(driver.region(1).base).toBe(0xd800_0000);
    driver.begin([F_VERSION_1]);
    const blk = new BlkDriver(driver.openQueue(0));
    driver.finish();
    exercise(blk, disk);
    const legacy = machine.legacyDriver("3");
    legacy.status = 0;
    expect(machine.pci.ports.read(0x9012, 1)).toBe(0);
  });
});

describe("FreeBSD's legacy driver", () => {
  /** vtpci_legacy: features, MSI-X vectors read back, page number; then vtblk's configuration. */
  function attach(machine: DeviceMachine): BlkDriver {
    const driver = machine.legacyDriver("3");
    driver.begin([F_INDIRECT]);
    expect(driver.readConfig(0, 4)).toBe(SECTORS);
    driver.enableMsix([0x30, 0x31]);
    expect(driver.setConfigVector(0)).toBe(0);
    const queue = driver.openQueue(0);
    expect(driver.setQueueVector(0, 1)).toBe(1);
    driver.finish();
    expect(driver.readConfig(0, 4)).toBe(SECTORS);
    return new BlkDriver(queue);
  }

  it("reads and writes with one message a request", () => {
    const { machine, disk } = makeMachine();
    const blk = attach(machine);
    exercise(blk, disk);
    expect(machine.pci.interrupts.takeMessages()).toEqual(new Array(12).fill(0x31));
    expect(machine.pci.warnings).toEqual([]);
  });

  it("keeps 126 segments in an indirect table, as seg_max allows", () => {
    const { machine, disk } = makeMachine();
    const { queue } = attach(machine);
    const { heap } = queue;
    const header = heap.allocate(16);
    const segments = Array.from({ length: 126 }, () => heap.allocate(512, 4096));
    const status = heap.allocate(1);
    queue.addChain(
      [
        { gpa: header, length: 16, isWritable: false },
        ...segments.map((gpa) => ({ gpa, length: 512, isWritable: true })),
        { gpa: status, length: 1, isWritable: true },
      ],
      true,
    );
    queue.kick();
    expect(queue.readUsed()).toMatchObject([{ writtenBytes: 126 * 512 + 1 }]);
    expect(machine.memory.readable(segments[125]!, 512)).toEqual(
      disk.subarray(125 * 512, 126 * 512),
    );
  });
});

describe("Linux's modern driver", () => {
  function attach(machine: DeviceMachine): BlkDriver {
    const driver = machine.modernDriver("3");
    driver.begin([F_VERSION_1, F_EVENT_IDX, F_INDIRECT, 2, 6, 9, 10, 13, 14]);
    expect(driver.status).toBe(0x0b);
    expect([...driver.features].sort((a, b) => a - b)).toEqual([2, 6, 9, 10, 13, 14, 28, 29, 32]);
    driver.enableMsix([0x50, 0x51]);
    expect(driver.setConfigVector(0)).toBe(0);
    expect(driver.setQueueVector(0, 1)).toBe(1);
    const queue = driver.openQueue(0);
    driver.finish();
    expect(driver.readConfig(0, 4)).toBe(SECTORS);
    return new BlkDriver(queue);
  }

  it("reads and writes with the event index, over many rounds of the ring", () => {
    const { machine, disk } = makeMachine();
    const blk = attach(machine);
    blk.isIndirect = true;
    for (let round = 0; round < 30; round++) exercise(blk, disk);
    expect(machine.pci.interrupts.takeMessages()).toHaveLength(360);
    expect(machine.pci.warnings).toEqual([]);
  });

  it("sleeps until a slow disk interrupts it, with the whole ring in flight", () => {
    const { machine } = makeMachine("3,virtio-blk,/disk", { diskLatencyNs: 80_000 });
    const blk = attach(machine);
    blk.isIndirect = true;
    const tickets = Array.from({ length: 128 }, (_, i) => blk.read(2 * i, 512));
    blk.kick();
    expect(machine.pci.interrupts.takeMessages()).toEqual([]);
    machine.clock.advance(80_000);
    expect(blk.queue.readUsed()).toHaveLength(128);
    expect(tickets.map((ticket) => blk.status(ticket))).toEqual(new Array(128).fill(S_OK));
    expect(machine.pci.interrupts.takeMessages()).toEqual([0x51]);
  });

  it("gets an event that came while its vector was masked", () => {
    const { machine } = makeMachine();
    const blk = attach(machine);
    const control = machine.pci.barAddress("3", 1) + 16 + 12;
    machine.pci.memory.write(control, 4, 1);
    blk.read(0, 512);
    blk.kick();
    expect(machine.pci.interrupts.takeMessages()).toEqual([]);
    machine.pci.memory.write(control, 4, 0);
    expect(machine.pci.interrupts.takeMessages()).toEqual([0x51]);
  });
});

describe.each(["legacy", "modern"] as const)("a %s driver without MSI-X", (kind) => {
  function attach(machine: DeviceMachine, prepare: (driver: VirtioPciDriver) => void) {
    const driver = kind === "legacy" ? machine.legacyDriver("3") : machine.modernDriver("3");
    driver.begin([F_VERSION_1]);
    prepare(driver);
    const blk = new BlkDriver(driver.openQueue(0));
    driver.finish();
    return { driver, blk };
  }

  it("is interrupted by level on its slot's I/O APIC pin and PIRQ link", () => {
    const { machine, disk } = makeMachine();
    const { driver, blk } = attach(machine, () => {});
    blk.read(0, 512);
    blk.kick();
    expect(machine.pci.interrupts.asserted.sort()).toEqual(["ioapic 16", "pic 5"]);
    expect(driver.readIsr()).toBe(1);
    expect(machine.pci.interrupts.asserted).toEqual([]);
    blk.queue.readUsed();
    exercise(blk, disk);
  });

  it("is interrupted by MSI where -W leaves nothing else", () => {
    const { machine } = makeMachine("3,virtio-blk,/disk", { hasMsix: false });
    expect(machine.pci.capabilities("3").some(({ id }) => id === MSIX)).toBe(false);
    const { blk } = attach(machine, (driver) => driver.enableMsi(0x4042));
    expect(blk.finish(blk.read(1, 512)).status).toBe(S_OK);
    expect(machine.pci.interrupts.messages).toEqual([{ address: 0xfee0_0000, data: 0x4042 }]);
  });
});

describe("a machine that is reset", () => {
  it("has its disk as at power-on, for the other kind of driver too", () => {
    const { machine, disk } = makeMachine();
    const modern = machine.modernDriver("3");
    modern.begin([F_VERSION_1, F_EVENT_IDX]);
    modern.enableMsix([0x50, 0x51]);
    modern.openQueue(0);
    modern.finish();
    machine.pci.writeConfig("3", 0x10, 4, 0x9000);
    machine.pci.root.reset();
    expect(machine.pci.barAddress("3", 0)).toBe(0x2000);
    const legacy = machine.legacyDriver("3");
    expect(legacy.status).toBe(0);
    legacy.begin();
    const blk = new BlkDriver(legacy.openQueue(0));
    legacy.finish();
    exercise(blk, disk);
    expect(machine.pci.interrupts.takeMessages()).toEqual([]);
    expect(machine.pci.interrupts.level("ioapic 16")).toBe(1);
  });
});
