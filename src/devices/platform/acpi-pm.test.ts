// SPDX-License-Identifier: BSD-2-Clause
// Section numbers are ACPI 6.4's.
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { ManualClock } from "../../../test/support/platform/manual-clock.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { Bus } from "../bus.ts";
import { AcpiPm, PM_TIMER_HZ } from "./acpi-pm.ts";

const PWRBTN = 0x0100;

class PmRig {
  readonly clock = new ManualClock();
  readonly sci = new RecordingPin();
  readonly io = new Bus();
  powerOffs = 0;
  readonly pm = new AcpiPm({
    clock: this.clock,
    sci: this.sci,
    onPowerOff: () => void this.powerOffs++,
  });

  constructor() {
    this.pm.attachTo(this.io);
  }

  /** Switches ACPI mode on as the FADT says. */
  enable(): this {
    this.io.write(0xb2, 1, 0xa0);
    return this;
  }
}

describe("the power-management timer (4.8.3.3)", () => {
  it("counts 3579545 Hz in 32 bits, since the machine was made", () => {
    const rig = new PmRig();
    expect(rig.io.read(0x408, 4)).toBe(0);
    rig.clock.advance(1e9);
    expect(rig.io.read(0x408, 4)).toBe(PM_TIMER_HZ);
    rig.clock.advance(1199e9);
    expect(rig.io.read(0x408, 4)).toBe(1200 * PM_TIMER_HZ - 2 ** 32);
  });

  it("is read-only and shows its bytes to narrower reads", () => {
    const rig = new PmRig();
    rig.clock.advance(1e9);
    rig.io.write(0x408, 4, 0);
    expect(rig.io.read(0x408, 2)).toBe(PM_TIMER_HZ & 0xffff);
    expect(rig.io.read(0x40a, 1)).toBe((PM_TIMER_HZ >> 16) & 0xff);
  });
});

describe("ACPI mode", () => {
  it("is switched by the SMI command port alone (4.8.3.2.1)", () => {
    const rig = new PmRig();
    rig.io.write(0x404, 2, 0x0001);
    expect(rig.io.read(0x404, 2)).toBe(0);
    rig.enable();
    expect(rig.io.read(0x404, 2)).toBe(1);
    rig.io.write(0x404, 2, 0x0000);
    expect(rig.io.read(0x404, 2)).toBe(1);
    rig.io.write(0xb2, 1, 0xa1);
    expect(rig.io.read(0x404, 2)).toBe(0);
  });
});

describe("PM1 control", () => {
  it("enters S5 when SLP_EN is written with sleep type 5, and for no other type", () => {
    const rig = new PmRig();
    for (const type of [0, 1, 2, 3, 4, 6, 7]) rig.io.write(0x404, 2, 0x2000 | (type << 10));
    rig.io.write(0x404, 2, 5 << 10);
    expect(rig.powerOffs).toBe(0);
    rig.io.write(0x404, 2, 0x2000 | (5 << 10));
    expect(rig.powerOffs).toBe(1);
    expect(rig.io.read(0x404, 2)).toBe(5 << 10);
  });

  it("takes the sleep request a byte at a time as well", () => {
    const rig = new PmRig();
    rig.io.write(0x405, 1, 0x34);
    expect(rig.powerOffs).toBe(1);
  });
});

describe("the power button", () => {
  it("raises the SCI until its status is cleared by writing 1 (4.8.3.1.1)", () => {
    const rig = new PmRig().enable();
    rig.io.write(0x402, 2, 0xffff);
    expect(rig.io.read(0x402, 2)).toBe(0x0520);
    expect(rig.pm.pressPowerButton()).toBe(true);
    expect([rig.sci.level, rig.io.read(0x400, 2)]).toEqual([1, PWRBTN]);
    rig.io.write(0x400, 2, 0x8610);
    expect(rig.sci.level).toBe(1);
    rig.io.write(0x400, 2, PWRBTN);
    expect([rig.sci.level, rig.io.read(0x400, 2)]).toEqual([0, 0]);
  });

  it("is heard of later by a guest that enables it, or ACPI mode, later", () => {
    const rig = new PmRig();
    expect(rig.pm.pressPowerButton()).toBe(false);
    rig.io.write(0x400, 4, PWRBTN << 16);
    expect(rig.sci.level).toBe(0);
    rig.enable();
    expect(rig.sci.level).toBe(1);
    rig.io.write(0x403, 1, 0);
    expect(rig.sci.level).toBe(0);
  });
});

describe("general-purpose event 0 (4.8.4)", () => {
  it("is enabled, told and cleared by byte", () => {
    const rig = new PmRig().enable();
    rig.pm.raiseGpe0();
    expect([rig.io.read(0x40c, 1), rig.sci.level]).toEqual([1, 0]);
    rig.io.write(0x40d, 1, 0xff);
    expect([rig.io.read(0x40d, 1), rig.sci.level]).toEqual([1, 1]);
    rig.io.write(0x40c, 1, 0xff);
    expect([rig.io.read(0x40c, 1), rig.sci.level]).toEqual([0, 0]);
  });
});

describe("reset", () => {
  it("goes back to legacy mode without events, and the timer counts on", () => {
    const rig = new PmRig().enable();
    rig.io.write(0x402, 2, PWRBTN);
    rig.pm.pressPowerButton();
    rig.clock.advance(1e9);
    rig.pm.reset();
    expect(rig.sci.level).toBe(0);
    expect([rig.io.read(0x400, 4), rig.io.read(0x404, 2)]).toEqual([0, 0]);
    expect(rig.io.read(0x408, 4)).toBe(PM_TIMER_HZ);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3])("finds nothing that throws, and the SCI keeps its books (seed %d)", (seed) => {
    const rig = new PmRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [
      { handler: rig.pm.pm1EventPorts, length: 4 },
      { handler: rig.pm.pm1ControlPorts, length: 2 },
      { handler: rig.pm.timerPorts, length: 4 },
      { handler: rig.pm.gpe0Ports, length: 2 },
      { handler: rig.pm.smiCommandPort, length: 1 },
    ];
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      rig.clock.time += random.below(1_000_000_000);
      if (random.below(10) === 0) rig.pm.pressPowerButton();
      if (random.below(10) === 0) rig.enable();
    });
    expect(bad).toEqual([]);
    expect(rig.sci.isUnbalanced).toBe(false);
    expect(rig.sci.level).toBeLessThanOrEqual(1);
  });
});
