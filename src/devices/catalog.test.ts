// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { DeviceMachine, type DeviceMachineOptions } from "../../test/support/device-machine.ts";
import { DEVICE_CATALOG, LPC_CATALOG, parseLpcOption } from "./catalog.ts";
import { LEGACY_UARTS } from "./uart/pci-uart.ts";

const DISKS = { "/d": new Uint8Array(512) };

function ids(options: DeviceMachineOptions): string[] {
  const { pci } = new DeviceMachine({ disks: DISKS, ...options });
  return options.slots.map((text) =>
    pci.readConfig(text.slice(0, text.indexOf(",")), 0, 4).toString(16),
  );
}

describe("DEVICE_CATALOG", () => {
  it("makes every device by the name that a user types after -s", () => {
    const slots = Object.keys(DEVICE_CATALOG).map((name, slot) => {
      return `${slot},${name}${name === "virtio-blk" ? ",/d" : ""}`;
    });
    expect(ids({ slots })).toEqual([
      "12751275",
      "74321022",
      "70008086",
      "2000131f",
      "10011af4",
      "10051af4",
    ]);
  });

  it("describes each in one line", () => {
    for (const { description } of Object.values({ ...DEVICE_CATALOG, ...LPC_CATALOG })) {
      expect(description).toMatch(/^\S[^\n]*\S$/);
    }
  });

  it("lets a host bridge have another identity, as bhyve's configuration does", () => {
    expect(ids({ slots: ["0,hostbridge,vendor=0x8086,devid=4663"] })).toEqual(["12378086"]);
  });

  it.each([
    ["3,virtio-blk,/d", "10011af4", [0x11, 0x05, 0x09]],
    ["3,virtio-blk,/d,disable-modern", "10011af4", [0x11, 0x05]],
    ["3,virtio-rnd,disable-legacy", "10441af4", [0x11, 0x05, 0x09]],
    ["3,virtio-rnd,disable-legacy=off", "10051af4", [0x11, 0x05, 0x09]],
  ])("%s has identity %s and capabilities %j", (slot, id, capabilities) => {
    const { pci } = new DeviceMachine({ disks: DISKS, slots: [slot] });
    expect(pci.readConfig("3", 0, 4).toString(16)).toBe(id);
    expect([...new Set(pci.capabilities("3").map((capability) => capability.id))]).toEqual(
      capabilities,
    );
  });

  it("offers MSI alone with -W", () => {
    const slots = ["3,virtio-rnd,disable-modern"];
    const { pci } = new DeviceMachine({ slots, environment: { hasMsix: false } });
    expect(pci.capabilities("3").map(({ id }) => id)).toEqual([0x05]);
  });

  it("opens a disk read-only, and passes its serial number on", () => {
    const { pci } = new DeviceMachine({ disks: DISKS, slots: ["3,virtio-blk,/d,ro,ser=X1"] });
    const features = pci.ports.read(pci.barAddress("3", 0), 4);
    expect(features & 0x20).toBe(0x20);
  });

  it.each([
    [["3,e1000"], 'pci slot 0:3:0: unknown device "e1000"'],
    [["3,toString"], 'pci slot 0:3:0: unknown device "toString"'],
    [["1:3:0,lpc"], "LPC bridge can be present only on bus 0."],
    [["3,virtio-blk"], "a disk needs the path of its image"],
    [["3,virtio-blk,/d,fast"], 'virtio-blk has no option "fast"'],
    [["3,virtio-rnd,/dev/random"], 'virtio-rnd has no option "/dev/random"'],
    [["3,virtio-rnd,disable-modern,disable-legacy"], "leave no driver a way in"],
    [["0,hostbridge,vendor=x"], "hostbridge: vendor=x is not a number up to 0xffff"],
    [["0,hostbridge,devid=65536"], "hostbridge: devid=65536 is not a number up to 0xffff"],
    [["31,lpc,com1"], 'lpc has no option "com1"'],
    [["1,lpc", "2,lpc"], "com1 at 0x3f8-0x3ff overlaps com1 at 0x3f8-0x3ff"],
  ])("%j is refused in one sentence", (slots, sentence) => {
    expect(() => new DeviceMachine({ disks: DISKS, slots })).toThrow(sentence);
  });
});

describe("the LPC bridge", () => {
  it("carries four serial ports, and connects those that -l names", () => {
    const slots = ["31,lpc"];
    const { pci, lines } = new DeviceMachine({ slots, lpc: ["com1,stdio", "COM2,/dev/nmdm0A"] });
    for (const port of [0x3f8, 0x2f8, 0x3e8, 0x2e8]) pci.ports.write(port, 1, port >> 4);
    expect(lines.get("stdio")?.takeOutput()).toEqual(Uint8Array.of(0x3f));
    expect(lines.get("/dev/nmdm0A")?.takeOutput()).toEqual(Uint8Array.of(0x2f));
    expect(lines.size).toBe(2);
    for (const port of [0x3ed, 0x2ed]) expect(pci.ports.read(port, 1)).toBe(0x60);
  });

  it("keeps PCI's links off the serial ports' interrupts", () => {
    const { pci } = new DeviceMachine({ slots: ["3,virtio-rnd", "31,lpc"] });
    expect(pci.readConfig("3", 0x3c, 1)).toBe(5);
    expect(pci.interrupts.levelTriggered).toEqual([5]);
  });

  it("carries pc-testdev when asked, and PCI's ports go around it", () => {
    const machine = new DeviceMachine({ slots: ["3,virtio-rnd", "31,lpc"], lpc: ["pc-testdev"] });
    machine.pci.ports.write(0xf4, 1, 0);
    expect(machine.exits).toEqual([1]);
    expect(machine.pci.barAddress("3", 0)).toBe(0x2020);
  });
});

describe("the argument of -l", () => {
  it("is a device and its options, in any case", () => {
    expect(parseLpcOption("com1,stdio")).toEqual({ device: "com1", options: "stdio" });
    expect(parseLpcOption("PC-TestDev")).toEqual({ device: "pc-testdev", options: undefined });
  });

  it.each(["com5,stdio", "", "constructor"])("%j is refused", (text) => {
    expect(() => parseLpcOption(text)).toThrow(`invalid lpc device configuration '${text}'`);
  });
});

describe("a UART in a legacy slot", () => {
  it("is at COM1's place, with a line of its own", () => {
    const { pci, lines } = new DeviceMachine({
      slots: ["31,uart,stdio"],
      environment: { legacyUart: LEGACY_UARTS[0]! },
    });
    pci.ports.write(0x3f8, 1, 0x41);
    expect(lines.get("stdio")?.takeText()).toBe("A");
    expect(pci.readConfig("31", 0x3c, 1)).toBe(4);
  });
});
