// SPDX-License-Identifier: BSD-2-Clause
// The platform chips wired as in the machine, driven through the buses as systems drive them.
import { describe, expect, it } from "vitest";
import { Bus } from "../../src/devices/bus.ts";
import { AcpiPm } from "../../src/devices/platform/acpi-pm.ts";
import { ApicBus } from "../../src/devices/platform/apic-bus.ts";
import { HPET_WINDOW_BYTES, Hpet } from "../../src/devices/platform/hpet.ts";
import { IOAPIC_WINDOW_BYTES, IoApic } from "../../src/devices/platform/io-apic.ts";
import { isaIrq } from "../../src/devices/platform/isa-irq.ts";
import { KeyboardController } from "../../src/devices/platform/keyboard-controller.ts";
import { LocalApic } from "../../src/devices/platform/local-apic.ts";
import { Pic8259 } from "../../src/devices/platform/pic8259.ts";
import { Pit8254 } from "../../src/devices/platform/pit8254.ts";
import { PostPort } from "../../src/devices/platform/post-port.ts";
import { Rtc } from "../../src/devices/platform/rtc.ts";
import { SystemControlPort } from "../../src/devices/platform/system-control-port.ts";
import { RecordingCpu } from "../support/platform/apic-rig.ts";
import { GuestTsc } from "../support/platform/guest-tsc.ts";
import { attack } from "../support/platform/hostile-guest.ts";
import { ManualClock } from "../support/platform/manual-clock.ts";
import { SeededRandom } from "../support/random.ts";

const LAPIC = 0xfee00000;
const IOAPIC = 0xfec00000;
const HPET = 0xfed00000;

/** One vCPU's machine: what the builder makes of this room. */
class Machine {
  readonly clock = new ManualClock();
  readonly io = new Bus();
  readonly memory = new Bus();
  readonly cpu = new RecordingCpu();
  readonly apicBus = new ApicBus();
  readonly ioApic = new IoApic({ bus: this.apicBus });
  readonly pic: Pic8259 = new Pic8259({
    onOutput: (isHigh) => {
      for (const pin of [this.lapic.lint0, this.ioApic.pin(0)]) {
        if (isHigh) pin.assert();
        else pin.deassert();
      }
    },
  });
  readonly tsc = new GuestTsc({ clock: this.clock, frequencyHz: 2.5e9 });
  readonly lapic: LocalApic = new LocalApic({
    apicId: 0,
    isBsp: true,
    bus: this.apicBus,
    clock: this.clock,
    cpu: this.cpu,
    externalInterrupts: this.pic,
    onChange: () => void this.cpu.changes++,
    tsc: this.tsc,
  });
  readonly pit = new Pit8254({ clock: this.clock, irq: this.irq(0) });
  readonly rtc = new Rtc({
    clock: this.clock,
    irq: this.irq(8),
    epochSeconds: 1_356_998_400,
    lowMemoryBytes: 0x10000000,
    highMemoryBytes: 0,
  });
  readonly hpet = new Hpet({ clock: this.clock, ioApic: this.ioApic, msi: this.apicBus });
  readonly pm = new AcpiPm({ clock: this.clock, sci: this.irq(9), onPowerOff: () => {} });
  readonly kbc = new KeyboardController({ irq: this.irq(1), onReset: () => {} });

  constructor() {
    this.pic.setLevelTriggered(9);
    this.pic.attachTo(this.io);
    this.pit.attachTo(this.io);
    new SystemControlPort({ pit: this.pit }).attachTo(this.io);
    this.rtc.attachTo(this.io);
    this.pm.attachTo(this.io);
    this.kbc.attachTo(this.io);
    new PostPort().attachTo(this.io);
    this.memory.attach(IOAPIC, IOAPIC_WINDOW_BYTES, "ioapic", this.ioApic);
    this.memory.attach(HPET, HPET_WINDOW_BYTES, "hpet", this.hpet);
    this.memory.attach(LAPIC, 0x1000, "lapic", this.lapic.mmio);
  }

  irq(number: number) {
    return isaIrq(number, this.pic, this.ioApic);
  }
  out(port: number, ...bytes: number[]): void {
    for (const byte of bytes) this.io.write(port, 1, byte);
  }
  poke(address: number, value: number): void {
    this.memory.write(address, 4, value);
  }
  redirect(pin: number, low: number): void {
    this.poke(IOAPIC, 0x10 + 2 * pin);
    this.poke(IOAPIC + 0x10, low);
  }
  /** 8259 vectors at 0x20 and 0x28, and which IRQs are let through. */
  initialisePic(masterMask: number, slaveMask: number): void {
    this.out(0x20, 0x11);
    this.out(0x21, 0x20, 0x04, 0x01, masterMask);
    this.out(0xa0, 0x11);
    this.out(0xa1, 0x28, 0x02, 0x01, slaveMask);
  }
  /** IRQ 0 at 1000 Hz, by rate generator. */
  startPit(): void {
    this.out(0x43, 0x34);
    this.out(0x40, 1193 & 0xff, 1193 >> 8);
  }
  /** The interrupts of the next `ms` milliseconds, each ended as `end` does. */
  run(ms: number, end: (vector: number) => void): Map<number, number> {
    const taken = new Map<number, number>();
    for (let step = 0; step < 10 * ms; step++) {
      this.clock.advance(100_000);
      while (this.lapic.pendingVector() >= 0) {
        const vector = this.lapic.acknowledge();
        taken.set(vector, (taken.get(vector) ?? 0) + 1);
        end(vector);
      }
    }
    return taken;
  }
}

describe("a system that knows the 8259 alone", () => {
  it("gets timer and clock interrupts through LINT0 without touching an APIC", () => {
    const machine = new Machine();
    machine.initialisePic(0xfa, 0xfe);
    machine.startPit();
    machine.out(0x70, 0x0b);
    machine.out(0x71, 0x42);
    machine.out(0x70, 0x0a);
    machine.out(0x71, 0x29);
    const taken = machine.run(1000, (vector) => {
      if (vector === 0x28) {
        machine.out(0x70, 0x0c);
        machine.io.read(0x71, 1);
        machine.out(0xa0, 0x20);
      }
      machine.out(0x20, 0x20);
    });
    expect([...taken.keys()].sort()).toEqual([0x20, 0x28]);
    expect(taken.get(0x20)).toBe(1000);
    expect(taken.get(0x28)).toBe(128);
  });

  it("gets the SCI as a level that repeats until its cause is gone", () => {
    const machine = new Machine();
    machine.initialisePic(0xfb, 0xfd);
    machine.out(0xb2, 0xa0);
    machine.io.write(0x402, 2, 0x0100);
    machine.pm.pressPowerButton();
    let rounds = 0;
    const taken = machine.run(1, () => {
      if (++rounds === 3) machine.io.write(0x400, 2, 0x0100);
      machine.out(0xa0, 0x20);
      machine.out(0x20, 0x20);
    });
    expect([...taken]).toEqual([[0x29, 3]]);
  });
});

describe("a system in virtual wire mode through the I/O APIC", () => {
  it("acknowledges at the 8259 for each ExtINT message of pin 0", () => {
    const machine = new Machine();
    machine.poke(LAPIC + 0xf0, 0x1ff);
    machine.redirect(0, 0x700);
    machine.initialisePic(0xfe, 0xff);
    machine.startPit();
    const taken = machine.run(500, () => machine.out(0x20, 0x20));
    expect([...taken]).toEqual([[0x20, 500]]);
  });
});

describe("a system in symmetric I/O mode", () => {
  const eoi = (machine: Machine) => () => machine.poke(LAPIC + 0xb0, 0);

  it("gets the timer at pin 2, HPET at its pin or as a message, and its own timer", () => {
    const machine = new Machine();
    machine.initialisePic(0xff, 0xff);
    machine.poke(LAPIC + 0xf0, 0x1ff);
    machine.redirect(2, 0x30);
    machine.startPit();
    machine.redirect(24, 0x8040);
    machine.poke(HPET + 0x100, 0x304e);
    machine.poke(HPET + 0x108, 16777);
    machine.poke(HPET + 0x120, 0x404c);
    machine.poke(HPET + 0x130, 0x50);
    machine.poke(HPET + 0x134, 0xfee00000);
    machine.poke(HPET + 0x128, 167772);
    machine.poke(HPET + 0x10, 1);
    machine.poke(LAPIC + 0x320, 0x200e0);
    machine.poke(LAPIC + 0x3e0, 0xb);
    machine.poke(LAPIC + 0x380, 1342177);
    const taken = machine.run(1000, (vector) => {
      if (vector === 0x40) machine.poke(HPET + 0x20, 1);
      eoi(machine)();
    });
    expect(Object.fromEntries(taken)).toEqual({ 48: 1000, 64: 1000, 80: 100, 224: 100 });
  });

  it("finds all clocks in step when it measures one by another", () => {
    const machine = new Machine();
    machine.poke(HPET + 0x10, 1);
    machine.poke(LAPIC + 0x3e0, 0xb);
    machine.poke(LAPIC + 0x380, 0xffffffff);
    machine.out(0x43, 0x34);
    machine.out(0x40, 0, 0);
    machine.clock.advance(50e6);
    machine.tsc.sample();
    machine.out(0x43, 0x00);
    const pit = machine.io.read(0x40, 1) | (machine.io.read(0x40, 1) << 8);
    expect({
      tsc: machine.tsc.low,
      pm: machine.io.read(0x408, 4),
      hpet: machine.memory.read(HPET + 0xf0, 4),
      lapic: 0xffffffff - machine.memory.read(LAPIC + 0x390, 4),
      pit: 0x10000 - pit,
    }).toEqual({ tsc: 125_000_000, pm: 178_977, hpet: 838_860, lapic: 6_710_886, pit: 59_658 });
  });
});

describe("a hostile guest on the whole platform", () => {
  it.each([1, 2, 3, 4, 5])("brings nothing down (seed %d)", (seed) => {
    const machine = new Machine();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const targets = [...machine.io.windows()].map(({ start, length }) => ({
      handler: {
        read: (offset: number, size: 1 | 2 | 4) => machine.io.read(start + offset, size),
        write: (offset: number, size: 1 | 2 | 4, value: number) =>
          machine.io.write(start + offset, size, value),
      },
      length,
    }));
    targets.push({ handler: machine.ioApic, length: 0x20 });
    targets.push({ handler: machine.hpet, length: 0x200 });
    targets.push({ handler: machine.lapic.mmio, length: 0x400 });
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    attack(targets, 30_000, random, report, () => {
      if (random.below(4) === 0) machine.redirect(random.below(32), random.next());
      if (machine.lapic.pendingVector() >= 0) {
        const vector = machine.lapic.acknowledge();
        if (vector < 0 || vector > 255) bad.push(`vector ${vector}`);
      }
      if (random.below(3) === 0) machine.poke(LAPIC + 0xb0, 0);
      if (random.below(3) === 0) machine.out(0x20, 0x20);
      if (random.below(20) === 0) machine.clock.advance(random.below(200_000));
    });
    expect(bad).toEqual([]);
  });
});
