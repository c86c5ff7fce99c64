// SPDX-License-Identifier: BSD-2-Clause
// Rules: Intel 82093AA data sheet 3.2.4, and bhyve's pin semantics (vmm/io/vioapic.c).
import { describe, expect, it } from "vitest";
import { ApicRig } from "../../../test/support/platform/apic-rig.ts";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import * as reg from "./apic/registers.ts";
import { IOAPIC_PINS, IoApic } from "./io-apic.ts";

const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;
const MASKED = 0x10000;

/** An I/O APIC with local APICs that take its interrupts, driven through its two registers. */
class IoApicRig extends ApicRig {
  readonly ioApic: IoApic;

  constructor(count = 1) {
    super({ count });
    this.enableAll();
    this.ioApic = new IoApic({ bus: this.bus });
  }

  set(register: number, value: number): void {
    this.ioApic.write(0x00, 4, register);
    this.ioApic.write(0x10, 4, value);
  }
  get(register: number): number {
    this.ioApic.write(0x00, 4, register);
    return this.ioApic.read(0x10, 4);
  }

  /** Programs a pin the way systems do: the destination first. */
  program(pin: number, low: number, destination = 0): void {
    this.set(0x11 + 2 * pin, (destination << 24) >>> 0);
    this.set(0x10 + 2 * pin, low);
  }
  entry(pin: number): number {
    return this.get(0x10 + 2 * pin);
  }
}

describe("I/O APIC registers", () => {
  it("show 32 pins of version 0x11, all masked", () => {
    const rig = new IoApicRig();
    expect(rig.get(0x01)).toBe(0x001f0011);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) expect(rig.entry(pin)).toBe(MASKED);
  });

  it("keep the ID's four bits, which the arbitration register repeats", () => {
    const rig = new IoApicRig();
    rig.set(0x00, 0xffffffff);
    expect(rig.get(0x00)).toBe(0x0f000000);
    expect(rig.get(0x02)).toBe(0x0f000000);
    rig.set(0x01, 0);
    expect(rig.get(0x01)).toBe(0x001f0011);
  });

  it("do not let software write delivery status and remote IRR", () => {
    const rig = new IoApicRig();
    rig.program(5, 0xffffffff);
    expect(rig.entry(5)).toBe(0xffffffff - 0x5000);
  });

  it("exist for whole 32-bit accesses only", () => {
    const rig = new IoApicRig();
    rig.ioApic.write(0x00, 4, 0x01);
    expect(rig.ioApic.read(0x10, 1)).toBe(0);
    rig.ioApic.write(0x00, 1, 0x00);
    expect(rig.ioApic.read(0x00, 4)).toBe(0x01);
    expect(rig.ioApic.read(0x40, 4)).toBe(0);
    expect(rig.get(0x50)).toBe(0);
  });
});

describe("an edge-triggered pin", () => {
  it("sends at each rise of its counted line", () => {
    const rig = new IoApicRig();
    rig.program(4, 0x44);
    const pin = rig.ioApic.pin(4);
    pin.assert();
    expect(rig.drain()).toEqual([0x44]);
    pin.assert();
    pin.deassert();
    expect(rig.drain()).toEqual([]);
    pin.deassert();
    pin.pulse();
    expect(rig.drain()).toEqual([0x44]);
  });

  it("loses an edge that comes while it is masked", () => {
    const rig = new IoApicRig();
    rig.program(4, MASKED | 0x44);
    rig.ioApic.pin(4).assert();
    rig.program(4, 0x44);
    expect(rig.drain()).toEqual([]);
  });

  it("goes to the destination of its entry, physical or logical", () => {
    const rig = new IoApicRig(3);
    rig.program(4, 0x44, 2);
    rig.ioApic.pin(4).pulse();
    expect(rig.apics.map((apic) => apic.pendingVector())).toEqual([-1, -1, 0x44]);
    rig.write(reg.APIC_LDR, 0x02000000, 1);
    rig.program(6, 0x0846, 0x02);
    rig.ioApic.pin(6).pulse();
    expect(rig.apics.map((apic) => apic.pendingVector())).toEqual([-1, 0x46, 0x44]);
  });
});

describe("a level-triggered pin", () => {
  it("sends once, and again at the EOI for as long as anybody asserts it", () => {
    const rig = new IoApicRig();
    rig.program(20, LEVEL | 0x54);
    const pin = rig.ioApic.pin(20);
    pin.assert();
    pin.assert();
    expect(rig.entry(20)).toBe(LEVEL | REMOTE_IRR | 0x54);
    rig.apic.acknowledge();
    pin.deassert();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.apic.pendingVector()).toBe(0x54);
    rig.apic.acknowledge();
    pin.deassert();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.apic.pendingVector()).toBe(-1);
    expect(rig.entry(20)).toBe(LEVEL | 0x54);
  });

  it("delivers when it is unmasked with its line high", () => {
    const rig = new IoApicRig();
    rig.program(20, MASKED | LEVEL | 0x54);
    rig.ioApic.pin(20).assert();
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.program(20, LEVEL | 0x54);
    expect(rig.apic.pendingVector()).toBe(0x54);
  });

  it("is ended by switching it to edge and back, FreeBSD's EOI", () => {
    const rig = new IoApicRig();
    rig.program(20, LEVEL | 0x54);
    rig.ioApic.pin(20).assert();
    rig.apic.acknowledge();
    rig.set(0x10 + 40, MASKED | 0x54);
    expect(rig.entry(20)).toBe(MASKED | 0x54);
    rig.set(0x10 + 40, LEVEL | 0x54);
    expect(rig.entry(20)).toBe(LEVEL | REMOTE_IRR | 0x54);
  });

  it("shares a vector: one EOI ends every pin that has it", () => {
    const rig = new IoApicRig();
    for (const pin of [20, 21]) {
      rig.program(pin, LEVEL | 0x54);
      rig.ioApic.pin(pin).assert();
      rig.ioApic.pin(pin).deassert();
    }
    rig.drain();
    expect([rig.entry(20), rig.entry(21)]).toEqual([LEVEL | 0x54, LEVEL | 0x54]);
  });

  it("sets remote IRR only when a local APIC accepted the interrupt (82093AA 3.2.4)", () => {
    const rig = new IoApicRig();
    rig.program(20, LEVEL | 0x54, 7);
    rig.ioApic.pin(20).assert();
    expect(rig.entry(20)).toBe(LEVEL | 0x54);
    rig.program(20, LEVEL | 0x54, 0);
    expect(rig.apic.pendingVector()).toBe(0x54);
  });
});

describe("other delivery modes", () => {
  it("make pin 0 the 8259's virtual wire (MP specification 3.6.2.2)", () => {
    const rig = new IoApicRig();
    rig.program(0, 0x700);
    rig.ioApic.pin(0).assert();
    expect(rig.apic.pendingVector()).toBe(0x28);
  });

  it("are edges even where the entry says level", () => {
    const rig = new IoApicRig();
    rig.program(3, LEVEL | 0x400);
    rig.ioApic.pin(3).assert();
    expect(rig.cpu.signals).toEqual(["nmi"]);
    expect(rig.entry(3)).toBe(LEVEL | 0x400);
  });
});

describe("reset", () => {
  it("masks everything and remembers what the devices assert", () => {
    const rig = new IoApicRig();
    rig.program(20, LEVEL | 0x54);
    rig.ioApic.pin(20).assert();
    rig.ioApic.reset();
    rig.drain();
    expect(rig.entry(20)).toBe(MASKED);
    rig.program(20, LEVEL | 0x54);
    expect(rig.apic.pendingVector()).toBe(0x54);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3])("finds nothing that throws or loops (seed %d)", (seed) => {
    const rig = new IoApicRig(2);
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [
      { handler: rig.ioApic, length: 0x44 },
      { handler: rig.apic.mmio, length: 0x400 },
    ];
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      rig.set(0x10 + random.below(64), random.next());
      const pin = rig.ioApic.pin(random.below(IOAPIC_PINS));
      if (random.below(2) === 0) pin.assert();
      else pin.deassert();
      if (rig.apic.pendingVector() >= 0) rig.apic.acknowledge();
    });
    expect(bad).toEqual([]);
  });
});
