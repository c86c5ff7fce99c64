// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { InterruptRecorder } from "../../../test/support/interrupt-recorder.ts";
import { MemoryCharBackend } from "../../../test/support/memory-char.ts";
import { PciHost } from "../../../test/support/pci-host.ts";
import { Bus } from "../bus.ts";
import { parseBdf } from "../pci/address.ts";
import { LPC_UARTS, LpcUart, type LpcUartName } from "./lpc-uart.ts";
import { LEGACY_UARTS, PciUart } from "./pci-uart.ts";

function makeLpcUart(name: LpcUartName = "com1") {
  const ports = new Bus();
  const interrupts = new InterruptRecorder();
  const host = new MemoryCharBackend();
  const uart = new LpcUart({ name, ports, irq: interrupts.isaPin(4), host });
  return { ports, interrupts, host, uart };
}

describe("a UART behind the LPC bridge", () => {
  it.each<[LpcUartName, number]>([
    ["com1", 0x3f8],
    ["com2", 0x2f8],
    ["com3", 0x3e8],
    ["com4", 0x2e8],
  ])("%s answers at its eight ports", (name, port) => {
    const { ports, host } = makeLpcUart(name);
    ports.write(port, 1, 0x41);
    ports.write(port + 7, 1, 0x5a);
    expect(ports.read(port + 7, 1)).toBe(0x5a);
    expect(ports.read(port + 8, 1)).toBe(0xff);
    expect(host.takeText()).toBe("A");
  });

  it("pulses its interrupt at every access that leaves one pending, as bhyve does", () => {
    const { ports, interrupts } = makeLpcUart();
    const { port } = LPC_UARTS.com1;
    ports.write(port + 1, 1, 0x02);
    expect(interrupts.pulses("isa 4")).toBe(1);
    ports.read(port + 5, 1);
    expect(interrupts.pulses("isa 4")).toBe(2);
    ports.read(port + 2, 1);
    ports.read(port + 5, 1);
    expect(interrupts.pulses("isa 4")).toBe(2);
    expect(interrupts.level("isa 4")).toBe(0);
  });

  it("pulses when the far end has something to say", () => {
    const { ports, interrupts, host } = makeLpcUart();
    ports.write(LPC_UARTS.com1.port + 1, 1, 0x01);
    host.type("x");
    expect(interrupts.pulses("isa 4")).toBe(1);
  });

  it("cuts wide accesses into bytes, low byte first", () => {
    const { ports } = makeLpcUart();
    const { port } = LPC_UARTS.com1;
    ports.write(port + 3, 1, 0x80);
    ports.write(port, 2, 0x1234);
    expect(ports.read(port, 2)).toBe(0x1234);
    ports.write(port + 4, 4, 0x7700_0003);
    expect(ports.read(port + 4, 4)).toBe(0x77a0_6003);
  });
});

describe("a UART on PCI", () => {
  function makePciUart(legacyUnit?: number) {
    const pci = new PciHost();
    const host = new MemoryCharBackend();
    const legacy = legacyUnit === undefined ? undefined : LEGACY_UARTS[legacyUnit];
    pci.root.add(parseBdf("3"), new PciUart({ host, legacy }));
    pci.root.start();
    return { pci, host };
  }

  it("has bhyve's identity, eight ports and a pin", () => {
    const { pci, host } = makePciUart();
    expect(pci.readConfig("3", 0, 4)).toBe(0x2000_131f);
    expect(pci.readConfig("3", 8, 4)).toBe(0x0700_0000);
    expect(pci.readConfig("3", 0x3d, 1)).toBe(1);
    expect(pci.barAddress("3", 0)).toBe(0x2000);
    pci.ports.write(0x2000, 1, 0x21);
    expect(host.takeText()).toBe("!");
  });

  it("holds INTx# asserted while an interrupt is pending", () => {
    const { pci, host } = makePciUart();
    pci.ports.write(0x2001, 1, 0x01);
    host.type("ab");
    expect(pci.interrupts.asserted.sort()).toEqual(["ioapic 16", "pic 3"]);
    pci.ports.read(0x2005, 1);
    expect(pci.interrupts.level("ioapic 16")).toBe(1);
    pci.ports.read(0x2000, 1);
    expect(pci.interrupts.asserted).toEqual([]);
  });

  it.each([
    [0, 0x3f8, 4],
    [1, 0x2f8, 3],
  ])(
    "mounted legacy as unit %d is at port %d with interrupt %d from reset on",
    (unit, port, irq) => {
      const { pci, host } = makePciUart(unit);
      expect(pci.barAddress("3", 0)).toBe(port);
      expect(pci.readConfig("3", 0x3c, 2)).toBe(0x0100 | irq);
      pci.ports.write(port, 1, 0x21);
      expect(host.takeText()).toBe("!");
      pci.ports.write(port + 1, 1, 0x02);
      expect(pci.interrupts.asserted).toEqual([`isa ${irq}`]);
      expect(pci.root.interruptRoutes).toEqual([]);
    },
  );

  it("is silent and in its place again after a reset", () => {
    const { pci } = makePciUart();
    pci.writeConfig("3", 0x10, 4, 0x3000);
    pci.ports.write(0x3001, 1, 0x02);
    pci.root.reset();
    expect(pci.interrupts.asserted).toEqual([]);
    expect(pci.ports.read(0x2001, 1)).toBe(0);
  });
});

describe("a legacy UART", () => {
  it("keeps its ISA ports when the guest sizes, moves and disables its BAR", () => {
    const pci = new PciHost();
    const host = new MemoryCharBackend();
    pci.root.add(parseBdf("3"), new PciUart({ host, legacy: LEGACY_UARTS[0] }));
    pci.root.start();
    pci.writeConfig("3", 0x04, 2, 0);
    pci.writeConfig("3", 0x10, 4, 0xffffffff);
    pci.ports.write(0x3f8, 1, 0x41);
    pci.writeConfig("3", 0x10, 4, 0x4001);
    pci.writeConfig("3", 0x04, 2, 1);
    pci.ports.write(0x3f8, 1, 0x42);
    expect(host.takeText()).toBe("AB");
  });
});
