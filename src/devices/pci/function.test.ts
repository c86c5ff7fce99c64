// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { InterruptRecorder } from "../../../test/support/interrupt-recorder.ts";
import { Bus } from "../bus.ts";
import { BarDecoder } from "./bar-decoder.ts";
import { PciFunction } from "./function.ts";
import { MsiCapability } from "./msi.ts";
import { MsixCapability } from "./msix.ts";

const COMMAND = 0x04;
const STATUS = 0x06;
const BAR0 = 0x10;
const BAR2 = 0x18;

describe("PciFunction", () => {
  let ports: Bus;
  let memory: Bus;
  let interrupts: InterruptRecorder;
  let decoder: BarDecoder;
  let warnings: string[];
  let fn: PciFunction;

  beforeEach(() => {
    ports = new Bus();
    memory = new Bus();
    warnings = [];
    interrupts = new InterruptRecorder();
    decoder = new BarDecoder({ ports, memory, warn: (message) => warnings.push(message) });
    fn = makeFunction("test");
  });

  function makeFunction(name: string): PciFunction {
    const made = new PciFunction({
      name,
      vendorId: 0x1af4,
      deviceId: 0x1001,
      revisionId: 3,
      classCode: 0x01_06_02,
      subsystemVendorId: 0x1af4,
      subsystemId: 2,
      bars: [
        { index: 0, kind: "io", sizeBytes: 8, handler: { read: () => 0x11, write: () => {} } },
        {
          index: 2,
          kind: "mem64",
          sizeBytes: 4096,
          handler: { read: () => 0x22, write: () => {} },
        },
      ],
      msix: new MsixCapability({ vectors: 2, barIndex: 1, sink: interrupts }),
      msi: new MsiCapability(interrupts),
      intx: true,
    });
    made.barAt(0)?.preset(0x2000);
    made.barAt(1)?.preset(0xc000_2000);
    made.barAt(2)?.preset(0xc000_0000);
    return made;
  }

  it("shows the header of type 0 (PCI 3.0 figure 6-1)", () => {
    expect(fn.readConfig(0x00, 4)).toBe(0x1001_1af4);
    expect(fn.readConfig(0x08, 4)).toBe(0x01060203);
    expect(fn.readConfig(0x0e, 1)).toBe(0);
    expect(fn.readConfig(0x2c, 4)).toBe(0x0002_1af4);
    expect(fn.readConfig(0x34, 1)).toBe(0x40);
  });

  it("decodes ports and memory and masters the bus from reset on, as in bhyve", () => {
    expect(fn.readConfig(COMMAND, 2)).toBe(0x0007);
    fn.connect(decoder);
    expect(ports.read(0x2000, 1)).toBe(0x11);
    expect(memory.read(0xc000_0ffc, 4)).toBe(0x22);
  });

  it("keeps identity and reserved command bits whatever the driver writes", () => {
    fn.writeConfig(0x00, 4, 0xffff_ffff);
    fn.writeConfig(COMMAND, 2, 0xffff);
    expect(fn.readConfig(0x00, 4)).toBe(0x1001_1af4);
    expect(fn.readConfig(COMMAND, 2)).toBe(0x077f);
  });

  it("lists MSI-X, then MSI", () => {
    expect(fn.readConfig(0x40, 2)).toBe(0x4c11);
    expect(fn.readConfig(0x4c, 2)).toBe(0x0005);
    expect(fn.readConfig(STATUS, 2)).toBe(0x0010);
  });

  it("takes its windows off the buses while decoding is off", () => {
    fn.connect(decoder);
    fn.writeConfig(COMMAND, 2, 0x0002);
    expect(ports.read(0x2000, 1)).toBe(0xff);
    expect(memory.read(0xc000_0000, 1)).toBe(0x22);
    fn.writeConfig(COMMAND, 2, 0x0001);
    expect(ports.read(0x2000, 1)).toBe(0x11);
    expect(memory.read(0xc000_0000, 1)).toBe(0xff);
  });

  it("moves a window while decoding", () => {
    fn.connect(decoder);
    fn.writeConfig(BAR0, 4, 0x3000);
    expect(ports.read(0x2000, 1)).toBe(0xff);
    expect(ports.read(0x3007, 1)).toBe(0x11);
    fn.writeConfig(BAR2 + 4, 4, 8);
    expect(memory.read(0x8_c000_0000, 4)).toBe(0x22);
    expect(memory.read(0xc000_0000, 4)).toBe(0xffff_ffff);
  });

  it("stays hidden behind a window that was there first, until that one moves away", () => {
    const other = makeFunction("other");
    other.barAt(0)?.preset(0x4000);
    other.barAt(1)?.preset(0xd000_2000);
    other.barAt(2)?.preset(0xd000_0000);
    fn.connect(decoder);
    other.connect(decoder);
    other.writeConfig(BAR0, 4, 0x2000);
    expect(ports.read(0x4000, 1)).toBe(0xff);
    expect(warnings).toEqual(["other BAR0 at 0x2000 is hidden by test BAR0"]);
    fn.writeConfig(BAR0, 4, 0x5000);
    expect(ports.read(0x2000, 1)).toBe(0x11);
    expect(ports.read(0x5000, 1)).toBe(0x11);
  });

  it("drives INTx# only while neither MSI, MSI-X nor Interrupt Disable forbid it", () => {
    fn.intx?.connect(interrupts.pin("intx"));
    fn.intx?.assert();
    expect(interrupts.level("intx")).toBe(1);
    for (const [offset, on] of [
      [COMMAND, 0x0400],
      [0x42, 0x8000],
      [0x4e, 0x0001],
    ] as const) {
      fn.writeConfig(offset, 2, on);
      expect(interrupts.level("intx")).toBe(0);
      fn.writeConfig(offset, 2, 0);
      expect(interrupts.level("intx")).toBe(1);
    }
    fn.intx?.deassert();
    fn.intx?.deassert();
    expect(interrupts.level("intx")).toBe(0);
  });

  it("shows a waiting interrupt in its status, driven or not (§6.2.3)", () => {
    fn.writeConfig(COMMAND, 2, 0x0400);
    fn.intx?.assert();
    expect(fn.readConfig(STATUS, 2) & 8).toBe(8);
    fn.intx?.deassert();
    expect(fn.readConfig(COMMAND, 4) >>> 16).toBe(0x0010);
  });

  it("sends its MSI to the address and with the data that the driver wrote (§6.8.1)", () => {
    fn.msi?.send();
    fn.writeConfig(0x50, 4, 0xfee0_3000);
    fn.writeConfig(0x58, 2, 0x4051);
    fn.writeConfig(0x4e, 2, 0xffff);
    expect(fn.readConfig(0x4e, 2)).toBe(0x00f1);
    fn.msi?.send();
    expect(interrupts.messages).toEqual([{ address: 0xfee0_3000, data: 0x4051 }]);
  });

  it("is as at power-on after a reset, windows included", () => {
    fn.connect(decoder);
    fn.intx?.connect(interrupts.pin("intx"));
    fn.intx?.assert();
    fn.writeConfig(BAR0, 4, 0x3000);
    fn.writeConfig(COMMAND, 2, 0);
    fn.reset();
    expect(ports.read(0x2000, 1)).toBe(0x11);
    expect(ports.read(0x3000, 1)).toBe(0xff);
    expect(interrupts.level("intx")).toBe(0);
  });
});
