// SPDX-License-Identifier: BSD-2-Clause
// Behaviour: Motorola MC146818A data sheet.
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { ManualClock } from "../../../test/support/platform/manual-clock.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { Bus } from "../bus.ts";
import { Rtc, type RtcOptions } from "./rtc.ts";

const MIB = 1024 * 1024;
const SET = 0x80;
const PERIODIC = 0x40;
const ALARM = 0x20;
const UPDATE = 0x10;
const BINARY = 0x04;
const H24 = 0x02;
const SECOND = 1e9;

class RtcRig {
  readonly clock = new ManualClock();
  readonly irq = new RecordingPin();
  readonly io = new Bus();
  readonly rtc: Rtc;

  /** The clock begins at a date written as `Date.parse` takes it, in UTC. */
  constructor(date = "2012-12-31T23:59:58Z", options: Partial<RtcOptions> = {}) {
    this.rtc = new Rtc({
      clock: this.clock,
      irq: this.irq,
      epochSeconds: Date.parse(date) / 1000,
      lowMemoryBytes: 256 * MIB,
      highMemoryBytes: 0,
      ...options,
    });
    this.rtc.attachTo(this.io);
  }

  get(register: number): number {
    this.io.write(0x70, 1, register);
    return this.io.read(0x71, 1);
  }
  set(register: number, value: number): void {
    this.io.write(0x70, 1, register);
    this.io.write(0x71, 1, value);
  }
  /** Century, year, month, day, weekday, hours, minutes, seconds as the registers spell them. */
  spelling(): string {
    return [0x32, 9, 8, 7, 6, 4, 2, 0]
      .map((register) => this.get(register).toString(16).padStart(2, "0"))
      .join(" ");
  }
}

describe("the time", () => {
  it("is BCD and 24 hours after reset, and goes over the turn of the year", () => {
    const rig = new RtcRig();
    expect(rig.spelling()).toBe("20 12 12 31 02 23 59 58");
    rig.clock.advance(2 * SECOND);
    expect(rig.spelling()).toBe("20 13 01 01 03 00 00 00");
  });

  it.each([
    ["2024-02-28T23:59:59Z", "20 24 02 29 05 00 00 00"],
    ["2023-02-28T23:59:59Z", "20 23 03 01 04 00 00 00"],
    ["2000-02-28T23:59:59Z", "20 00 02 29 03 00 00 00"],
    ["2100-02-28T23:59:59Z", "21 00 03 01 02 00 00 00"],
    ["1999-12-31T23:59:59Z", "20 00 01 01 07 00 00 00"],
    ["1970-01-01T00:00:00Z", "19 70 01 01 05 00 00 01"],
  ])("one second after %s is %s", (date, expected) => {
    const rig = new RtcRig(date);
    rig.clock.advance(SECOND);
    expect(rig.spelling()).toBe(expected);
  });

  it("is spelt in binary and in 12 hours when register B says so (table 3)", () => {
    const rig = new RtcRig("2012-12-31T23:59:58Z");
    rig.set(0x0b, BINARY | H24);
    expect([rig.get(4), rig.get(2), rig.get(0), rig.get(9)]).toEqual([23, 59, 58, 12]);
    rig.set(0x0b, 0);
    expect(rig.get(4)).toBe(0x91);
    rig.clock.advance(2 * SECOND);
    expect(rig.get(4)).toBe(0x12);
    rig.clock.advance(12 * 3600 * SECOND);
    expect(rig.get(4)).toBe(0x92);
  });

  it("is local time when an offset is given", () => {
    const rig = new RtcRig("2013-01-01T00:30:00Z", { zoneOffsetSeconds: -3600 });
    expect(rig.spelling()).toBe("20 12 12 31 02 23 30 00");
    expect(rig.rtc.time).toBe(Date.parse("2013-01-01T00:30:00Z") / 1000);
  });

  it("is set between SET and its release, and goes on with the running second", () => {
    const rig = new RtcRig();
    rig.clock.advance(0.4 * SECOND);
    rig.set(0x0b, SET | H24);
    rig.clock.advance(10 * SECOND);
    expect(rig.spelling()).toBe("20 12 12 31 02 23 59 58");
    for (const [register, value] of [
      [0x32, 0x20],
      [9, 0x24],
      [8, 0x02],
      [7, 0x29],
      [4, 0x11],
      [2, 0x30],
      [0, 0x59],
    ] as const) {
      rig.set(register, value);
    }
    rig.set(0x0b, H24);
    rig.clock.advance(0.5 * SECOND);
    expect(rig.spelling()).toBe("20 24 02 29 05 11 30 59");
    rig.clock.advance(0.1 * SECOND);
    expect(rig.spelling()).toBe("20 24 02 29 05 11 31 00");
    expect(rig.rtc.time).toBe(Date.parse("2024-02-29T11:31:00Z") / 1000);
  });

  it("stops at a date that does not exist until it is corrected", () => {
    const rig = new RtcRig();
    rig.set(8, 0x02);
    rig.clock.advance(60 * SECOND);
    expect([rig.get(8), rig.get(7), rig.get(0)]).toEqual([0x02, 0x31, 0x58]);
    rig.set(7, 0x28);
    rig.clock.advance(2 * SECOND);
    expect(rig.spelling()).toBe("20 12 02 29 04 00 00 00");
  });

  it.each([
    [0, 0x60],
    [0, 0x0a],
    [2, 0x99],
    [4, 0x24],
    [7, 0x00],
    [8, 0x13],
    [9, 0xa0],
    [0x32, 0xff],
  ])("does not take register 0x%i for a time when it holds %i", (register, value) => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(register, value);
    rig.clock.advance(100 * SECOND);
    expect(rig.get(register)).toBe(value);
    expect(rig.rtc.time).toBe(Date.parse("2012-06-15T12:30:30Z") / 1000);
  });

  it("can be set from outside, unless the guest is setting it", () => {
    const rig = new RtcRig();
    expect(rig.rtc.setTime(Date.parse("2001-09-09T01:46:40Z") / 1000)).toBe(true);
    expect(rig.spelling()).toBe("20 01 09 09 01 01 46 40");
    rig.set(0x0b, SET | H24);
    expect(rig.rtc.setTime(0)).toBe(false);
  });

  it("first updates half a second after the divider is released from reset", () => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(0x0a, 0x70);
    rig.clock.advance(5 * SECOND);
    expect(rig.get(0)).toBe(0x30);
    rig.set(0x0a, 0x20);
    rig.clock.advance(0.49 * SECOND);
    expect(rig.get(0)).toBe(0x30);
    rig.clock.advance(0.02 * SECOND);
    expect(rig.get(0)).toBe(0x31);
  });

  it("announces each update with UIP, 244 µs before it begins (table 6)", () => {
    const rig = new RtcRig();
    rig.clock.advance(SECOND - 2_228_001);
    expect(rig.get(0x0a)).toBe(0x20);
    rig.clock.advance(1);
    expect(rig.get(0x0a)).toBe(0xa0);
    rig.clock.advance(2_228_000);
    expect(rig.get(0x0a)).toBe(0x20);
    rig.set(0x0b, SET | H24);
    rig.clock.advance(SECOND - 1);
    expect(rig.get(0x0a)).toBe(0x20);
  });
});

describe("the periodic interrupt", () => {
  it.each([
    [0x1, 256],
    [0x2, 128],
    [0x3, 8192],
    [0x6, 1024],
    [0xa, 64],
    [0xf, 2],
  ])("comes at the rate of selection %i: %i Hz (table 5)", (rate, hz) => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(0x0a, 0x20 | rate);
    rig.set(0x0b, PERIODIC | H24);
    let fires = 0;
    while (rig.clock.nextDeadline() <= 2 * SECOND) {
      rig.clock.advance(rig.clock.nextDeadline() - rig.clock.now());
      expect(rig.get(0x0c) & ~UPDATE).toBe(0x80 | PERIODIC);
      fires++;
    }
    expect(fires).toBe(2 * hz);
  });

  it("holds IRQ 8 until register C is read, so that no second one comes before", () => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(0x0a, 0x26);
    rig.set(0x0b, PERIODIC | H24);
    rig.clock.advance(10 * SECOND);
    expect([rig.irq.rises, rig.irq.level]).toEqual([1, 1]);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    expect(rig.get(0x0c)).toBe(0x80 | PERIODIC | UPDATE);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(976_562);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(1);
    expect(rig.irq.level).toBe(1);
  });

  it("sets its flag for those who poll, without an interrupt", () => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(0x0a, 0x2f);
    rig.clock.advance(0.6 * SECOND);
    expect(rig.get(0x0c)).toBe(PERIODIC);
    expect(rig.get(0x0c)).toBe(0);
    expect(rig.irq.rises).toBe(0);
  });
});

describe("the alarm", () => {
  it("interrupts when hours, minutes and seconds match", () => {
    const rig = new RtcRig("2012-06-15T12:30:30Z");
    rig.set(1, 0x10);
    rig.set(3, 0x31);
    rig.set(5, 0x12);
    rig.set(0x0b, ALARM | H24);
    rig.clock.advance(39.9 * SECOND);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(0.1 * SECOND);
    expect(rig.irq.level).toBe(1);
    expect(rig.get(0x0c)).toBe(0x80 | ALARM | UPDATE);
    rig.clock.advance(86_400 * SECOND - 1);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(1);
    expect(rig.irq.level).toBe(1);
  });

  it.each([
    ["every second", 0xff, 0xff, 0xff, 60],
    ["every minute", 0x00, 0xc0, 0xc0, 1],
    ["never, for a second that does not exist", 0x60, 0xff, 0xff, 0],
    ["never, for digits that are none", 0x0a, 0xff, 0xff, 0],
  ])("takes bytes from 0xC0 for any value: %s", (_name, second, minute, hour, perMinute) => {
    const rig = new RtcRig("2012-06-15T12:00:30Z");
    rig.set(1, second);
    rig.set(3, minute);
    rig.set(5, hour);
    rig.set(0x0b, ALARM | H24);
    let alarms = 0;
    for (let i = 0; i < 600; i++) {
      rig.clock.advance(0.1 * SECOND);
      if ((rig.get(0x0c) & ALARM) !== 0) alarms++;
    }
    expect(alarms).toBe(perMinute);
  });

  it("knows the afternoon in 12-hour mode", () => {
    const rig = new RtcRig("2012-06-15T00:59:59Z");
    rig.set(0x0b, ALARM | BINARY);
    rig.set(1, 0);
    rig.set(3, 0);
    rig.set(5, 0x81);
    rig.clock.advance(2 * SECOND);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(12 * 3600 * SECOND);
    expect(rig.irq.level).toBe(1);
  });
});

describe("the update-ended interrupt", () => {
  it("comes at the end of each second, and SET disables it", () => {
    const rig = new RtcRig();
    rig.set(0x0b, UPDATE | H24);
    rig.clock.advance(0.999 * SECOND);
    expect(rig.irq.level).toBe(0);
    rig.clock.advance(0.001 * SECOND);
    expect(rig.get(0x0c)).toBe(0x80 | UPDATE);
    rig.set(0x0b, SET | UPDATE | H24);
    expect(rig.get(0x0b)).toBe(SET | H24);
  });
});

describe("memory", () => {
  it("says how much RAM there is in the firmware's cells", () => {
    const small = new RtcRig();
    expect([small.get(0x34), small.get(0x35)]).toEqual([0x00, 0x0f]);
    const large = new RtcRig(undefined, {
      lowMemoryBytes: 3072 * MIB,
      highMemoryBytes: 5120 * MIB,
    });
    expect([large.get(0x34), large.get(0x35)]).toEqual([0x00, 0xbf]);
    expect([large.get(0x5b), large.get(0x5c), large.get(0x5d)]).toEqual([0x00, 0x40, 0x01]);
  });

  it("keeps what is written, from both sides, and protects the clock's registers from outside", () => {
    const rig = new RtcRig();
    rig.set(0x0f, 0x0a);
    expect(rig.rtc.readNvram(0x0f)).toBe(0x0a);
    expect(rig.rtc.writeNvram(0x7f, 0x42)).toBe(true);
    expect(rig.get(0x7f)).toBe(0x42);
    for (const offset of [-1, 0, 0x0b, 0x32, 0x80]) {
      expect(rig.rtc.writeNvram(offset, 1)).toBe(false);
    }
    expect(rig.rtc.readNvram(0x80)).toBe(0xff);
  });

  it("says that the battery is good, and hides the index", () => {
    const rig = new RtcRig();
    rig.set(0x0d, 0);
    expect(rig.get(0x0d)).toBe(0x80);
    expect(rig.io.read(0x70, 1)).toBe(0xff);
    rig.io.write(0x70, 1, 0x8d);
    expect(rig.io.read(0x71, 1)).toBe(0x80);
  });
});

describe("reset", () => {
  it("ends interrupts and keeps time, memory and formats", () => {
    const rig = new RtcRig();
    rig.set(0x40, 7);
    rig.set(0x0a, 0x26);
    rig.set(0x0b, PERIODIC | BINARY | H24);
    rig.clock.advance(SECOND);
    rig.rtc.reset();
    expect([rig.irq.level, rig.get(0x0b), rig.get(0x40)]).toEqual([0, BINARY | H24, 7]);
    expect(rig.get(0)).toBe(59);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3, 4])("finds nothing that throws or never ends (seed %d)", (seed) => {
    const rig = new RtcRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [{ handler: rig.rtc.ports, length: 2 }];
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      if (random.below(3) === 0) rig.set(random.below(14), random.below(256));
      const jump = random.below(40);
      if (jump === 0) rig.clock.advance(random.below(2_000_000_000));
      else if (jump === 1) rig.clock.stall(86_400e9 * random.below(3));
      else rig.clock.time += random.below(100_000);
    });
    expect(bad).toEqual([]);
    expect([0, 1]).toContain(rig.irq.level);
    expect(rig.irq.isUnbalanced).toBe(false);
  });
});
