// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { PciHost } from "../../../test/support/pci-host.ts";
import { parseBdf } from "./address.ts";
import type { BarSpec } from "./bar.ts";
import { type PciDevice, PciFunction, type PciFunctionSpec } from "./function.ts";
import { AMD_HOSTBRIDGE, HOSTBRIDGE, HostBridge } from "./host-bridge.ts";
import { LpcBridge } from "./lpc-bridge.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const handler = { read: () => 0, write: () => {} };
const bar = (index: number, kind: BarSpec["kind"], sizeBytes: number): BarSpec => ({
  index,
  kind,
  sizeBytes,
  handler,
});

function device(spec: Partial<PciFunctionSpec> = {}): PciDevice {
  const base = { name: "test", vendorId: 0x1234, deviceId: 1, classCode: 0x010000 };
  const fn = new PciFunction({ ...base, ...spec });
  return { function: fn, reset: () => fn.reset() };
}

function started(devices: Record<string, PciDevice>, host = new PciHost()): PciHost {
  for (const [slot, made] of Object.entries(devices)) host.root.add(parseBdf(slot), made);
  host.root.start();
  return host;
}

describe("configuration mechanism 1 (PCI 3.0 §3.2.2.3.2)", () => {
  it("reads every width of a register through 0xCFC to 0xCFF", () => {
    const host = started({ "3": device({ vendorId: 0x1af4, deviceId: 0x1001 }) });
    host.ports.write(0xcf8, 4, 0x8000_1800);
    expect(host.ports.read(0xcfc, 4)).toBe(0x1001_1af4);
    expect(host.ports.read(0xcfe, 2)).toBe(0x1001);
    expect(host.ports.read(0xcfd, 1)).toBe(0x1a);
    expect(host.ports.read(0xcfd, 2)).toBe(0x011a);
  });

  it("reads CONFIG_ADDRESS back without the bits that mean nothing", () => {
    const host = started({});
    host.ports.write(0xcf8, 4, 0xffff_ffff);
    expect(host.ports.read(0xcf8, 4)).toBe(0x80ff_fffc);
  });

  it("answers all ones for absent functions and while disabled, and drops writes", () => {
    const host = started({ "3": device() });
    expect(host.readConfig("4", 0, 4)).toBe(0xffff_ffff);
    expect(host.readConfig("3:1", 0, 2)).toBe(0xffff);
    expect(host.readConfig("1:3:0", 0, 1)).toBe(0xff);
    host.writeConfig("4", 4, 2, 7);
    host.ports.write(0xcf8, 4, 0x0000_1800);
    expect(host.ports.read(0xcfc, 4)).toBe(0xffff_ffff);
  });

  it("leaves narrow accesses to 0xCF8 alone, and gives port 0xCF9 to the reset control register", () => {
    const writes: number[] = [];
    const resetControl = { read: () => 0x06, write: (...args: number[]) => writes.push(...args) };
    const host = started({}, new PciHost({ resetControl }));
    host.ports.write(0xcf8, 4, 0x8000_1800);
    host.ports.write(0xcf8, 1, 0);
    host.ports.write(0xcf9, 1, 0x0e);
    expect(writes).toEqual([0, 1, 0x0e]);
    expect(host.ports.read(0xcf9, 1)).toBe(0x06);
    expect(host.ports.read(0xcfa, 1)).toBe(0xff);
    expect(host.ports.read(0xcf8, 4)).toBe(0x8000_1800);
  });
});

describe("ECAM (PCIe 3.0 §7.2.2)", () => {
  it("shows the same registers, and no extended capabilities", () => {
    const host = started({ "0:3:0": device(), "2:31:7": device({ deviceId: 2 }) });
    expect(host.memory.read(host.ecamBase("0:3:0"), 4)).toBe(0x0001_1234);
    expect(host.memory.read(host.ecamBase("2:31:7") + 2, 2)).toBe(2);
    expect(host.memory.read(host.ecamBase("0:3:0") + 0x100, 4)).toBe(0);
    expect(host.memory.read(host.ecamBase("0:3:0") + 0xffc, 4)).toBe(0);
    expect(host.memory.read(host.ecamBase("0:4:0") + 0x100, 4)).toBe(0xffff_ffff);
    expect(host.memory.read(host.ecamBase("255:31:7"), 4)).toBe(0xffff_ffff);
  });

  it("writes them, but not across 4 bytes", () => {
    const host = started({ "3": device() });
    const base = host.ecamBase("3");
    host.memory.write(base + 0x3c, 1, 0x0b);
    expect(host.readConfig("3", 0x3c, 1)).toBe(0x0b);
    host.memory.write(base + 0x3a, 4, 0);
    host.memory.write(base + 0x13c, 1, 0);
    expect(host.readConfig("3", 0x3c, 1)).toBe(0x0b);
    expect(host.memory.read(base + 3, 2)).toBe(0xffff);
  });
});

describe("BAR allocation", () => {
  it("hands out bhyve's windows by size, largest first, naturally aligned", () => {
    const host = started({
      "2": device({ bars: [bar(0, "io", 32), bar(1, "mem32", 0x2000)] }),
      "3": device({ bars: [bar(0, "io", 128), bar(1, "mem32", 0x2000), bar(2, "mem32", MIB)] }),
      "4": device({ bars: [bar(0, "mem64", 16 * 1024), bar(2, "mem64", GIB)] }),
    });
    expect(host.barAddress("3", 0)).toBe(0x2000);
    expect(host.barAddress("2", 0)).toBe(0x2080);
    expect(host.barAddress("3", 2)).toBe(0xc000_0000);
    expect(host.barAddress("4", 0)).toBe(0xc010_0000);
    expect(host.barAddress("2", 1)).toBe(0xc010_4000);
    expect(host.barAddress("3", 1)).toBe(0xc010_6000);
    expect(host.barAddress("4", 2)).toBe(32 * GIB);
  });

  it("rounds each bus's windows up and starts the next bus behind them", () => {
    const host = started({
      "0:3:0": device({ bars: [bar(0, "io", 32), bar(1, "mem32", 0x2000)] }),
      "1:0:0": device({ bars: [bar(0, "io", 4), bar(1, "mem64", GIB)] }),
    });
    expect(host.root.busWindows).toEqual([
      {
        bus: 0,
        io: { base: 0x2000, limit: 0x2040 },
        mem32: { base: 0xc000_0000, limit: 0xc020_0000 },
        mem64: { base: 32 * GIB, limit: 32 * GIB + 512 * MIB },
      },
      {
        bus: 1,
        io: { base: 0x2040, limit: 0x2080 },
        mem32: { base: 0xc020_0000, limit: 0xc030_0000 },
        mem64: { base: 32 * GIB + 512 * MIB, limit: 34 * GIB + 512 * MIB },
      },
    ]);
    expect(host.barAddress("1:0:0", 1)).toBe(33 * GIB);
  });

  it("puts large 64-bit BARs beyond the RAM above 4 GiB", () => {
    const host = new PciHost({ highmemBytes: 29 * GIB });
    started({ "3": device({ bars: [bar(0, "mem64", 256 * MIB)] }) }, host);
    expect(host.barAddress("3", 0)).toBe(64 * GIB);
  });

  it("goes around ports that a device holds already", () => {
    const host = new PciHost();
    host.ports.attach(0x2000, 32, "pc-testdev irq", handler);
    started({ "3": device({ bars: [bar(0, "io", 128)] }) }, host);
    expect(host.barAddress("3", 0)).toBe(0x2080);
  });

  it("fails with a sentence when a window is full", () => {
    const full = { "3": device({ bars: [bar(0, "mem32", 512 * MIB), bar(1, "mem32", 16)] }) };
    expect(() => started(full)).toThrow("no room for the 0x10 bytes of test BAR1 below 0xe0000000");
  });

  it("fails at the start when a fixed address is taken, naming both sides", () => {
    const host = new PciHost();
    host.ports.attach(0x3f8, 8, "com1", handler);
    const uart = device({ name: "uart", bars: [{ ...bar(0, "io", 8), fixedAddress: 0x3f8 }] });
    expect(() => started({ "31": uart }, host)).toThrow("uart at 0:31:0 are taken by com1");
  });
});

describe("INTx routing", () => {
  it("spreads a slot's functions over its pins, and pins over the I/O APIC from 16 on", () => {
    const intx = () => device({ intx: true });
    const slots = { "3:0": intx(), "3:1": intx(), "2:0": intx(), "3:7": device() };
    const host = started(slots);
    expect(host.root.interruptRoutes).toEqual([
      { bus: 0, slot: 2, pin: 0, ioapicPin: 16, pirqLink: 0 },
      { bus: 0, slot: 3, pin: 0, ioapicPin: 17, pirqLink: 1 },
      { bus: 0, slot: 3, pin: 1, ioapicPin: 18, pirqLink: 2 },
    ]);
    expect(host.readConfig("3:1", 0x3c, 2)).toBe(0x0205);
    expect(host.readConfig("3:7", 0x3c, 2)).toBe(0x00ff);
    expect(host.readConfig("3:1", 0x0e, 1)).toBe(0x80);
    expect(host.readConfig("2:0", 0x0e, 1)).toBe(0x00);
  });

  it("shares a pin among a slot's fifth function and its first", () => {
    const functions = Array.from({ length: 5 }, () => device({ intx: true }));
    const host = started(Object.fromEntries(functions.map((made, i) => [`3:${i}`, made])));
    expect(host.root.interruptRoutes).toHaveLength(4);
    functions[0]!.function.intx?.assert();
    functions[4]!.function.intx?.assert();
    expect(host.interrupts.level("ioapic 16")).toBe(2);
    expect(host.interrupts.level("pic 3")).toBe(1);
    functions[0]!.function.intx?.deassert();
    functions[4]!.function.intx?.deassert();
    expect(host.interrupts.asserted).toEqual([]);
  });

  it("wraps around after sixteen pins", () => {
    const slots = Array.from({ length: 17 }, (_, slot) => [`${slot}`, device({ intx: true })]);
    const host = started(Object.fromEntries(slots));
    expect(host.root.interruptRoutes[15]?.ioapicPin).toBe(31);
    expect(host.root.interruptRoutes[16]?.ioapicPin).toBe(16);
  });

  it("is fixed by slot and pin for a boot ROM", () => {
    const host = new PciHost({ hasBootRom: true });
    started({ "3": device({ intx: true }), "31": device({ intx: true }) }, host);
    expect(host.root.interruptRoutes.map((route) => route.ioapicPin)).toEqual([16, 20]);
    expect(host.root.interruptRoutes.map((route) => route.pirqLink)).toEqual([0, 4]);
  });

  it("leaves a function with an ISA interrupt of its own out", () => {
    const uart = device({ intx: { isaIrq: 4 } });
    const host = started({ "31": uart });
    expect(host.root.interruptRoutes).toEqual([]);
    expect(host.readConfig("31", 0x3c, 2)).toBe(0x0104);
    uart.function.intx?.assert();
    expect(host.interrupts.asserted).toEqual(["isa 4"]);
  });
});

describe("bridges", () => {
  it("have bhyve's identities, and the host bridge a root port's capability", () => {
    const host = new PciHost();
    const lpc = new LpcBridge({ pirq: host.root.pirq, devices: [] });
    started(
      { "0": new HostBridge(HOSTBRIDGE), "1": new HostBridge(AMD_HOSTBRIDGE), "31": lpc },
      host,
    );
    expect(host.readConfig("0", 0, 4)).toBe(0x1275_1275);
    expect(host.readConfig("0", 8, 4)).toBe(0x0600_0000);
    expect(host.capabilities("0")).toEqual([{ id: 0x10, offset: 0x40 }]);
    expect(host.readConfig("0", 0x42, 2)).toBe(0x0042);
    expect(host.readConfig("1", 0, 4)).toBe(0x7432_1022);
    expect(host.readConfig("31", 0, 4)).toBe(0x7000_8086);
    expect(host.readConfig("31", 8, 4)).toBe(0x0601_0000);
    expect(host.capabilities("31")).toEqual([]);
  });

  it("show the PIRQ links at 0x60 and 0x68 of the LPC bridge, where a guest routes them anew", () => {
    const host = new PciHost();
    const user = device({ intx: true });
    const lpc = new LpcBridge({ pirq: host.root.pirq, devices: [] });
    started({ "3": user, "31": lpc }, host);
    expect(host.readConfig("31", 0x60, 4)).toBe(0x8080_8003);
    expect(host.readConfig("31", 0x68, 4)).toBe(0x8080_8080);
    user.function.intx?.assert();
    host.writeConfig("31", 0x60, 4, 0x8080_800a);
    expect(host.interrupts.asserted.sort()).toEqual(["ioapic 16", "pic 10"]);
    host.writeConfig("31", 0x6b, 1, 0xff);
    expect(host.readConfig("31", 0x6b, 1)).toBe(0x8f);
    host.root.reset();
    expect(host.readConfig("31", 0x60, 1)).toBe(0x03);
    expect(host.readConfig("31", 0x6b, 1)).toBe(0x80);
    expect(host.interrupts.asserted).toEqual([]);
  });
});

describe("PciRoot", () => {
  it("refuses a second device in one place, in bhyve's words", () => {
    const host = new PciHost();
    host.root.add(parseBdf("3"), device());
    expect(() => host.root.add(parseBdf("0:3:0"), device())).toThrow(
      "pci slot 0:3:0 already occupied!",
    );
  });
});
