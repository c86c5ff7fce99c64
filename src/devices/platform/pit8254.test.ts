// SPDX-License-Identifier: BSD-2-Clause
// Behaviour: Intel 8254 data sheet (231164).
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { ManualClock } from "../../../test/support/platform/manual-clock.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { Bus } from "../bus.ts";
import { PIT_HZ, Pit8254 } from "./pit8254.ts";
import { SystemControlPort } from "./system-control-port.ts";

class PitRig {
  readonly clock = new ManualClock();
  readonly irq = new RecordingPin();
  readonly io = new Bus();
  readonly pit = new Pit8254({ clock: this.clock, irq: this.irq });
  readonly port61 = new SystemControlPort({ pit: this.pit });

  constructor() {
    this.pit.attachTo(this.io);
    this.port61.attachTo(this.io);
  }

  out(port: number, value: number): void {
    this.io.write(port, 1, value);
  }
  in(port: number): number {
    return this.io.read(port, 1);
  }
  /** A control word and a 16-bit count. */
  program(index: number, mode: number, count: number): void {
    this.out(0x43, (index << 6) | 0x30 | (mode << 1));
    this.out(0x40 + index, count & 0xff);
    this.out(0x40 + index, (count >>> 8) & 0xff);
  }
  /** Latches a counter and reads it, as i8254 drivers do. */
  read(index: number): number {
    this.out(0x43, index << 6);
    return this.in(0x40 + index) | (this.in(0x40 + index) << 8);
  }
}

describe("counter 0", () => {
  it("raises IRQ 0 at its rate, without drift", () => {
    const rig = new PitRig();
    rig.program(0, 2, 11932);
    rig.clock.advance(100e9);
    expect(rig.irq.takeRises()).toBe(Math.floor((100 * PIT_HZ - 1) / 11932));
  });

  it("raises IRQ 0 once in modes 0 and 4", () => {
    for (const mode of [0, 4]) {
      const rig = new PitRig();
      rig.program(0, mode, 1193);
      rig.clock.advance(0.999e6);
      expect(rig.irq.takeRises()).toBe(0);
      rig.clock.advance(0.01e6);
      expect(rig.irq.takeRises()).toBe(1);
      rig.clock.advance(1e9);
      expect(rig.irq.takeRises()).toBe(0);
    }
  });

  it("counts at 100 Hz and raises nothing before it is programmed", () => {
    const rig = new PitRig();
    rig.clock.advance(5e6);
    expect(rig.read(0)).toBeGreaterThan(5900);
    expect(rig.read(0)).toBeLessThan(6000);
    rig.clock.advance(1e9);
    rig.out(0x40, 1);
    rig.out(0x40, 1);
    rig.clock.advance(1e9);
    expect(rig.irq.rises).toBe(0);
  });

  it("raises IRQ 0 when a control word takes OUT from low to high", () => {
    const rig = new PitRig();
    rig.out(0x43, 0x30);
    expect(rig.irq.rises).toBe(0);
    rig.out(0x43, 0x34);
    expect(rig.irq.rises).toBe(1);
  });

  it("merges what a stopped guest missed and goes on along the grid", () => {
    const rig = new PitRig();
    rig.program(0, 2, 1193);
    rig.clock.stall(1e9);
    expect(rig.irq.takeRises()).toBe(1);
    rig.clock.advance(1e9);
    expect(rig.irq.takeRises()).toBe(1000);
  });

  it("does not drop an interrupt that is due when it is reprogrammed", () => {
    const rig = new PitRig();
    rig.program(0, 0, 1193);
    rig.clock.time += 2e6;
    rig.program(0, 0, 1193);
    expect(rig.irq.takeRises()).toBe(1);
  });

  it("is not served more interrupts than the host can stand", () => {
    const rig = new PitRig();
    rig.program(0, 2, 2);
    rig.clock.advance(1e6);
    expect(rig.irq.takeRises()).toBeLessThanOrEqual(101);
  });
});

describe("the ports", () => {
  it("agree with the clock when read through the latch, as a calibration does", () => {
    const rig = new PitRig();
    rig.program(0, 2, 0);
    rig.clock.advance(10e6);
    const first = rig.read(0);
    rig.clock.advance(10e6);
    const ticks = (first - rig.read(0)) & 0xffff;
    expect(Math.abs(ticks - PIT_HZ / 100)).toBeLessThanOrEqual(1);
  });

  it("read several counters back with one command", () => {
    const rig = new PitRig();
    rig.program(1, 2, 0x1234);
    rig.program(2, 0, 0x5678);
    rig.clock.advance(1000);
    rig.out(0x43, 0xcc);
    rig.clock.advance(1e6);
    const readThree = (port: number) => [rig.in(port), rig.in(port), rig.in(port)];
    expect(readThree(0x41)).toEqual([0xb4, 0x34, 0x12]);
    expect(readThree(0x42)).toEqual([0x30, 0x78, 0x56]);
  });

  it("float at the control port, and take wide accesses a byte at a time", () => {
    const rig = new PitRig();
    expect(rig.in(0x43)).toBe(0xff);
    rig.out(0x43, 0x14);
    rig.out(0x43, 0x54);
    rig.io.write(0x40, 2, 0x0705);
    rig.clock.advance(900);
    expect(rig.io.read(0x40, 2)).toBe(0x0705);
  });
});

describe("port 0x61", () => {
  it("gates counter 2 and shows its OUT, by which Linux calibrates the TSC", () => {
    const rig = new PitRig();
    rig.out(0x61, (rig.in(0x61) & ~0x02) | 0x01);
    rig.program(2, 0, 59659);
    expect(rig.in(0x61) & 0x20).toBe(0);
    rig.clock.advance(49.9e6);
    expect(rig.in(0x61) & 0x20).toBe(0);
    rig.clock.advance(0.2e6);
    expect(rig.in(0x61) & 0x20).toBe(0x20);
  });

  it("holds counter 2 while its gate bit is 0", () => {
    const rig = new PitRig();
    rig.out(0x61, 0x00);
    rig.program(2, 0, 1000);
    rig.clock.advance(1e9);
    expect(rig.in(0x61) & 0x20).toBe(0);
    expect(rig.read(2)).toBe(1000);
    rig.out(0x61, 0x03);
    rig.clock.advance(1e6);
    expect(rig.in(0x61) & 0x2f).toBe(0x23);
  });

  it("toggles the refresh bit every 15.1 µs", () => {
    const rig = new PitRig();
    let toggles = 0;
    let last = rig.in(0x61) & 0x10;
    for (let us = 0; us < 10_000; us++) {
      rig.clock.advance(1000);
      const now = rig.in(0x61) & 0x10;
      if (now !== last) toggles++;
      last = now;
    }
    expect(toggles).toBe(Math.floor(PIT_HZ / 100 / 18));
  });
});

describe("reset", () => {
  it("stops the interrupts and closes the speaker's gate", () => {
    const rig = new PitRig();
    rig.program(0, 2, 1193);
    rig.out(0x61, 0x0f);
    rig.pit.reset();
    rig.port61.reset();
    rig.clock.advance(1e9);
    expect(rig.irq.rises).toBe(0);
    expect(rig.in(0x61) & 0x0f).toBe(0);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3, 4])("finds nothing that throws or never ends (seed %d)", (seed) => {
    const rig = new PitRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [
      { handler: rig.pit.ports, length: 4 },
      { handler: rig.port61, length: 1 },
    ];
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      if (random.below(20) === 0) rig.clock.advance(random.below(1_000_000));
      else rig.clock.time += random.below(3000);
    });
    expect(bad).toEqual([]);
    expect(rig.irq.level).toBe(0);
  });
});
