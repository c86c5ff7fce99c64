// SPDX-License-Identifier: BSD-2-Clause
// Behaviour: IA-PC HPET specification 1.0a.
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { ManualClock } from "../../../test/support/platform/manual-clock.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { HPET_HZ, Hpet } from "./hpet.ts";

const CONFIG = 0x10;
const STATUS = 0x20;
const COUNTER = 0xf0;
const LEVEL = 0x0002;
const ENABLE = 0x0004;
const PERIODIC = 0x0008;
const VALUE_SET = 0x0040;
const FSB = 0x4000;
const route = (pin: number) => pin << 9;

class HpetRig {
  readonly clock = new ManualClock();
  readonly pins = Array.from({ length: 32 }, () => new RecordingPin());
  readonly messages: [number, number][] = [];
  readonly hpet = new Hpet({
    clock: this.clock,
    ioApic: { pin: (index) => this.pins[index]! },
    msi: { send: (address, data) => void this.messages.push([address, data]) },
  });

  get(offset: number): number {
    return this.hpet.read(offset, 4);
  }
  set(offset: number, value: number): void {
    this.hpet.write(offset, 4, value);
  }
  timer(index: number, config: number, comparator: number): void {
    this.set(0x100 + 0x20 * index, config);
    this.set(0x108 + 0x20 * index, comparator);
  }
  /** Programs a periodic timer as Linux does: first match, then period. */
  periodic(index: number, config: number, first: number, period: number): void {
    this.timer(index, config | PERIODIC | VALUE_SET, first);
    this.set(0x108 + 0x20 * index, period);
  }
}

describe("HPET registers", () => {
  it("say what bhyve's say", () => {
    const rig = new HpetRig();
    expect(rig.get(0x000)).toBe(0x80860701);
    expect(rig.get(0x004)).toBe(0x038d7ea4);
    for (let timer = 0; timer < 8; timer++) {
      expect(rig.get(0x100 + 0x20 * timer)).toBe(0x8010);
      expect(rig.get(0x104 + 0x20 * timer)).toBe(0xff000000);
      expect(rig.get(0x108 + 0x20 * timer)).toBe(0xffffffff);
    }
    expect(rig.get(0x200)).toBe(0);
  });

  it("refuse legacy routes and routes the timer does not have", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 0xffffffff);
    expect(rig.get(CONFIG)).toBe(1);
    rig.set(0x100, route(2) | ENABLE);
    expect(rig.get(0x100)).toBe(0x8010 | ENABLE);
    rig.set(0x100, route(31) | 0x8181);
    expect(rig.get(0x100)).toBe(0x8010 | route(31));
  });

  it("are 32 bits wide and aligned", () => {
    const rig = new HpetRig();
    rig.hpet.write(CONFIG, 1, 1);
    rig.hpet.write(CONFIG + 2, 2, 1);
    expect(rig.get(CONFIG)).toBe(0);
    expect(rig.hpet.read(0x002, 2)).toBe(0);
  });
});

describe("the main counter", () => {
  it("counts 16777216 Hz while enabled, wraps at 32 bits, and stands otherwise", () => {
    const rig = new HpetRig();
    rig.clock.advance(1e9);
    expect(rig.get(COUNTER)).toBe(0);
    rig.set(CONFIG, 1);
    rig.clock.advance(3e9);
    expect(rig.get(COUNTER)).toBe(3 * HPET_HZ);
    rig.set(CONFIG, 0);
    rig.clock.advance(1e9);
    expect(rig.get(COUNTER)).toBe(3 * HPET_HZ);
    rig.set(COUNTER, 0xffffff00);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e9);
    expect(rig.get(COUNTER)).toBe(HPET_HZ - 0x100);
    expect(rig.get(COUNTER + 4)).toBe(0);
  });
});

describe("a one-shot timer", () => {
  it("interrupts when the counter reaches its comparator, and again when it comes round", () => {
    const rig = new HpetRig();
    rig.timer(0, ENABLE | route(24), HPET_HZ);
    rig.set(CONFIG, 1);
    rig.clock.advance(999_999_999);
    expect(rig.pins[24]!.rises).toBe(0);
    rig.clock.advance(1);
    expect(rig.pins[24]!.takeRises()).toBe(1);
    rig.clock.advance(255.999e9);
    expect(rig.pins[24]!.rises).toBe(0);
    rig.clock.advance(0.001e9);
    expect(rig.pins[24]!.rises).toBe(1);
  });

  it("waits for the counter to come round to a comparator that is behind (2.3.9.1)", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    rig.clock.advance(1e9);
    rig.timer(0, ENABLE | route(24), HPET_HZ - 1);
    rig.clock.advance(255e9);
    expect(rig.pins[24]!.rises).toBe(0);
    rig.clock.advance(1e9);
    expect(rig.pins[24]!.rises).toBe(1);
  });

  it("delivers a match that a new comparator would have overtaken", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    rig.timer(0, ENABLE | route(24), 1000);
    rig.clock.time += 1e6;
    rig.set(0x108, HPET_HZ);
    expect(rig.pins[24]!.rises).toBe(1);
  });
});

describe("a periodic timer", () => {
  it("first matches where VAL_SET put it and then every period, without drift (2.3.9.2.2)", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    rig.periodic(1, ENABLE | route(25), HPET_HZ, 167_773);
    rig.clock.advance(1e9);
    expect(rig.pins[25]!.takeRises()).toBe(1);
    expect(rig.get(0x128)).toBe(HPET_HZ + 167_773);
    rig.clock.advance(100e9);
    expect(rig.pins[25]!.takeRises()).toBe(Math.floor((100 * HPET_HZ) / 167_773));
  });

  it("merges what a stopped guest missed and goes on along the grid", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    rig.periodic(1, ENABLE | route(25), HPET_HZ / 1024, HPET_HZ / 1024);
    rig.clock.stall(1e9 + 400_000);
    expect(rig.pins[25]!.takeRises()).toBe(1);
    rig.clock.advance(576_562);
    expect(rig.pins[25]!.takeRises()).toBe(0);
    rig.clock.advance(1);
    expect(rig.pins[25]!.takeRises()).toBe(1);
  });

  it("moves a comparator that is behind ahead by whole periods when the counter starts", () => {
    const rig = new HpetRig();
    rig.periodic(1, ENABLE | route(25), 100, 1000);
    rig.set(COUNTER, 5000);
    rig.set(CONFIG, 1);
    expect(rig.get(0x128)).toBe(5100);
  });

  it("is not served more interrupts than the host can stand, with all eight timers", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    for (let timer = 0; timer < 8; timer++) rig.periodic(timer, ENABLE | route(24 + timer), 10, 1);
    rig.clock.advance(1e6);
    const rises = rig.pins.map((pin) => pin.rises);
    expect(Math.max(...rises)).toBeLessThanOrEqual(102);
    expect(Math.min(...rises.slice(24))).toBeGreaterThan(90);
  });

  it("does not divide by a period that was never written", () => {
    const rig = new HpetRig();
    rig.set(CONFIG, 1);
    rig.timer(0, ENABLE | PERIODIC | route(24), 0);
    rig.clock.advance(300e9);
    expect(rig.pins[24]!.rises).toBe(1);
  });
});

describe("interrupt delivery", () => {
  it("is a message when FSB is enabled (2.3.9.4)", () => {
    const rig = new HpetRig();
    rig.set(0x110, 0x4071);
    rig.set(0x114, 0xfee01000);
    rig.timer(0, ENABLE | FSB | LEVEL | route(24), 1000);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e6);
    expect(rig.messages).toEqual([[0xfee01000, 0x4071]]);
    expect(rig.pins[24]!.rises).toBe(0);
    expect(rig.get(STATUS)).toBe(0);
  });

  it("holds a level until its status bit is cleared", () => {
    const rig = new HpetRig();
    rig.periodic(3, ENABLE | LEVEL | route(27), 1000, 1000);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e6);
    expect([rig.get(STATUS), rig.pins[27]!.level, rig.pins[27]!.rises]).toEqual([8, 1, 1]);
    rig.set(STATUS, 0xf7);
    expect(rig.pins[27]!.level).toBe(1);
    rig.set(STATUS, 8);
    expect([rig.get(STATUS), rig.pins[27]!.level]).toEqual([0, 0]);
    rig.clock.advance(1e6);
    expect(rig.pins[27]!.rises).toBe(2);
  });

  it("sets the status bit of a level even while the interrupt is disabled", () => {
    const rig = new HpetRig();
    rig.timer(0, LEVEL | route(24), 1000);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e6);
    expect([rig.get(STATUS), rig.pins[24]!.level]).toEqual([1, 0]);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ["disabled", LEVEL | route(24)],
    ["made an edge", ENABLE | route(24)],
    ["made a message", ENABLE | LEVEL | FSB | route(24)],
    ["routed elsewhere", ENABLE | LEVEL | route(25)],
  ])("lets a level's pin go when the timer is %s", (_name, config) => {
    const rig = new HpetRig();
    rig.timer(0, ENABLE | LEVEL | route(24), 1000);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e6);
    expect(rig.pins[24]!.level).toBe(1);
    rig.set(0x100, config);
    expect(rig.pins[24]!.level).toBe(0);
  });

  it("ends with the counter, and with reset", () => {
    const rig = new HpetRig();
    rig.periodic(0, ENABLE | route(24), 1000, 1000);
    rig.set(CONFIG, 1);
    rig.set(CONFIG, 0);
    rig.clock.advance(1e9);
    expect(rig.pins[24]!.rises).toBe(0);
    rig.timer(1, ENABLE | LEVEL | route(25), 1000);
    rig.set(CONFIG, 1);
    rig.clock.advance(1e6);
    rig.hpet.reset();
    expect(rig.pins[25]!.level).toBe(0);
    expect([rig.get(CONFIG), rig.get(COUNTER), rig.get(0x128)]).toEqual([0, 0, 0xffffffff]);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3, 4])("finds nothing that throws, and pins stay balanced (seed %d)", (seed) => {
    const rig = new HpetRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [{ handler: rig.hpet, length: 0x220 }];
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      rig.set(0x100 + 8 * random.below(0x20), random.next());
      if (random.below(100) === 0) rig.set(CONFIG, random.below(4));
      if (random.below(20) === 0) rig.clock.advance(random.below(1_000_000));
      else rig.clock.time += random.below(10_000);
    });
    expect(bad).toEqual([]);
    for (const pin of rig.pins) {
      expect(pin.isUnbalanced).toBe(false);
      expect(pin.level).toBeLessThanOrEqual(8);
    }
  });
});
