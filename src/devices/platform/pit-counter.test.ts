// SPDX-License-Identifier: BSD-2-Clause
// The waveforms of the Intel 8254 data sheet (231164), figures 15 to 20. A count written at tick 0 is loaded at tick 1.
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../test/support/random.ts";
import { PitCounter } from "./pit-counter.ts";

/** A counter programmed for single-byte counts at tick 0. */
function counter(mode: number, gate = true): PitCounter {
  const it = new PitCounter();
  it.setGate(gate, 0);
  it.program(1, mode, false, 0);
  return it;
}

/** OUT at ticks `from` … `to` - 1, "-" high and "_" low. */
function wave(it: PitCounter, from: number, to: number): string {
  let drawn = "";
  for (let tick = from; tick < to; tick++) drawn += it.out(tick) ? "-" : "_";
  return drawn;
}

/** The counts read at those ticks. */
function counts(it: PitCounter, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => it.readByte(from + i));
}

describe("mode 0, interrupt on terminal count (figure 15)", () => {
  it("keeps OUT low for N + 1 pulses, then high, and counts on", () => {
    const it0 = counter(0);
    expect(it0.out(0)).toBe(false);
    it0.writeByte(4, 0);
    expect(counts(it0, 1, 8)).toEqual([4, 3, 2, 1, 0, 0xff, 0xfe]);
    expect(wave(it0, 0, 8)).toBe("_____---");
    expect(it0.nextRise(0)).toBe(5);
    expect(it0.nextRise(5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("pauses while gate is low, without changing OUT", () => {
    const it0 = counter(0);
    it0.writeByte(3, 0);
    it0.setGate(false, 2);
    expect(counts(it0, 2, 5)).toEqual([2, 2, 2]);
    expect(it0.nextRise(2)).toBe(Number.POSITIVE_INFINITY);
    it0.setGate(true, 5);
    expect(counts(it0, 5, 9)).toEqual([2, 1, 0, 0xff]);
    expect(wave(it0, 5, 9)).toBe("__--");
  });

  it("loads a count that is written while gate is low, to be counted from when it rises", () => {
    const it0 = counter(0, false);
    it0.writeByte(2, 0);
    expect(it0.readByte(3)).toBe(2);
    it0.setGate(true, 3);
    expect(wave(it0, 3, 7)).toBe("__--");
  });

  it("starts over at a new count; the first of two bytes stops it and lowers OUT", () => {
    const it0 = new PitCounter();
    it0.program(3, 0, false, 0);
    it0.writeByte(1, 0);
    it0.writeByte(0, 0);
    expect(it0.out(2)).toBe(true);
    it0.writeByte(3, 4);
    expect(it0.out(4)).toBe(false);
    expect(it0.out(100)).toBe(false);
    it0.writeByte(0, 100);
    expect(wave(it0, 100, 106)).toBe("____--");
  });
});

describe("mode 1, hardware retriggerable one-shot (figure 16)", () => {
  it("lowers OUT for N pulses after gate rises, and again from the top when it is retriggered", () => {
    const it1 = counter(1, false);
    it1.writeByte(3, 0);
    expect(wave(it1, 0, 4)).toBe("----");
    it1.setGate(true, 4);
    expect(wave(it1, 4, 10)).toBe("-___--");
    it1.setGate(false, 10);
    it1.setGate(true, 11);
    it1.setGate(false, 12);
    it1.setGate(true, 13);
    expect(wave(it1, 13, 19)).toBe("____--");
  });

  it("uses a new count at the next trigger", () => {
    const it1 = counter(1, false);
    it1.writeByte(2, 0);
    it1.setGate(true, 0);
    it1.writeByte(4, 1);
    expect(wave(it1, 1, 5)).toBe("__--");
    it1.setGate(false, 5);
    it1.setGate(true, 6);
    expect(wave(it1, 6, 12)).toBe("-____-");
  });
});

describe("mode 2, rate generator (figure 17)", () => {
  it("lowers OUT for the one pulse at which the count is 1", () => {
    const it2 = counter(2);
    it2.writeByte(3, 0);
    expect(counts(it2, 1, 8)).toEqual([3, 2, 1, 3, 2, 1, 3]);
    expect(wave(it2, 0, 8)).toBe("---_--_-");
    expect(it2.nextRise(1)).toBe(4);
    expect(it2.nextRise(4)).toBe(7);
  });

  it("takes a new count up at the end of the present cycle", () => {
    const it2 = counter(2);
    it2.writeByte(4, 0);
    it2.writeByte(5, 2);
    expect(it2.nextRise(2)).toBe(5);
    expect(counts(it2, 2, 12)).toEqual([3, 2, 1, 5, 4, 3, 2, 1, 5, 4]);
    it2.writeByte(3, 12);
    it2.writeByte(2, 13);
    expect(counts(it2, 13, 18)).toEqual([2, 1, 2, 1, 2]);
  });

  it("stops with OUT high while gate is low and reloads when it rises", () => {
    const it2 = counter(2);
    it2.writeByte(3, 0);
    expect(it2.out(3)).toBe(false);
    it2.setGate(false, 3);
    expect(wave(it2, 3, 6)).toBe("---");
    it2.setGate(true, 6);
    expect(counts(it2, 7, 11)).toEqual([3, 2, 1, 3]);
  });
});

describe("mode 3, square wave (figure 18)", () => {
  it("counts by twos and changes OUT every N / 2 pulses when N is even", () => {
    const it3 = counter(3);
    it3.writeByte(4, 0);
    expect(counts(it3, 1, 9)).toEqual([4, 2, 4, 2, 4, 2, 4, 2]);
    expect(wave(it3, 1, 9)).toBe("--__--__");
    expect(it3.nextRise(1)).toBe(5);
  });

  it("is high for one pulse more than low when N is odd", () => {
    const it3 = counter(3);
    it3.writeByte(5, 0);
    expect(counts(it3, 1, 11)).toEqual([4, 2, 0, 4, 2, 4, 2, 0, 4, 2]);
    expect(wave(it3, 1, 11)).toBe("---__---__");
  });

  it("takes a new count up at the end of the present half", () => {
    const it3 = counter(3);
    it3.writeByte(8, 0);
    it3.writeByte(4, 2);
    expect(it3.nextRise(2)).toBe(7);
    expect(wave(it3, 1, 13)).toBe("----__--__--");
    const low = counter(3);
    low.writeByte(8, 0);
    low.writeByte(4, 6);
    expect(wave(low, 1, 15)).toBe("----____--__--");
  });

  it("never rises for the count of 1 that the data sheet forbids", () => {
    const it3 = counter(3);
    it3.writeByte(1, 0);
    expect(it3.nextRise(0)).toBe(Number.POSITIVE_INFINITY);
    expect(wave(it3, 0, 4)).toBe("----");
  });
});

describe("modes 4 and 5, strobes (figures 19 and 20)", () => {
  it("lowers OUT for one pulse, N + 1 pulses after the count in mode 4", () => {
    const it4 = counter(4);
    it4.writeByte(3, 0);
    expect(wave(it4, 0, 7)).toBe("----_--");
    expect(it4.nextRise(0)).toBe(5);
    expect(it4.nextRise(5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("lowers OUT for one pulse, N + 1 pulses after the trigger in mode 5", () => {
    const it5 = counter(5, false);
    it5.writeByte(3, 0);
    it5.setGate(true, 2);
    expect(wave(it5, 0, 9)).toBe("------_--");
  });
});

describe("reading", () => {
  it("gives the latched count, once, and ignores a second latch until then", () => {
    const it2 = new PitCounter();
    it2.program(3, 2, false, 0);
    it2.writeByte(0x34, 0);
    it2.writeByte(0x12, 0);
    it2.latchCount(1);
    it2.latchCount(2);
    expect(it2.readByte(50)).toBe(0x34);
    it2.latchCount(60);
    expect(it2.readByte(70)).toBe(0x12);
    expect(it2.readByte(1 + 0x34)).toBe(0x00);
    expect(it2.readByte(1 + 0x34)).toBe(0x12);
  });

  it("gives status before count when both are latched (read-back command)", () => {
    const it2 = new PitCounter();
    it2.program(3, 2, false, 0);
    it2.writeByte(0x10, 0);
    it2.writeByte(0, 0);
    it2.latchCount(1);
    it2.latchStatus(1);
    it2.latchStatus(16);
    expect(it2.readByte(20)).toBe(0xb4);
    expect(it2.readByte(20)).toBe(0x10);
    expect(it2.readByte(20)).toBe(0x00);
  });

  it("shows null count until the count is in the counting element", () => {
    const it0 = counter(0);
    it0.latchStatus(0);
    expect(it0.readByte(0)).toBe(0x50);
    it0.writeByte(9, 0);
    it0.latchStatus(0);
    expect(it0.readByte(0)).toBe(0x50);
    it0.latchStatus(1);
    expect(it0.readByte(1)).toBe(0x10);
  });

  it("reads most significant bytes alone when programmed so, and forgets latches when reprogrammed", () => {
    const it2 = new PitCounter();
    it2.program(2, 2, false, 0);
    it2.writeByte(0x12, 0);
    expect([it2.readByte(1), it2.readByte(2)]).toEqual([0x12, 0x11]);
    it2.latchCount(2);
    it2.program(1, 0, false, 3);
    it2.writeByte(0x77, 3);
    expect(it2.readByte(4)).toBe(0x77);
  });
});

describe("BCD", () => {
  it("counts four decimal digits and wraps from 0000 to 9999", () => {
    const it0 = new PitCounter();
    it0.program(3, 0, true, 0);
    it0.writeByte(0x02, 0);
    it0.writeByte(0x10, 0);
    const read = (tick: number) => it0.readByte(tick) | (it0.readByte(tick) << 8);
    expect([1, 2, 3, 4].map(read)).toEqual([0x1002, 0x1001, 0x1000, 0x0999]);
    expect(read(1 + 1003)).toBe(0x9999);
  });

  it("takes 0 for the largest count: 10000, or 65536 in binary", () => {
    const bcd = new PitCounter();
    bcd.program(1, 2, true, 0);
    bcd.writeByte(0, 0);
    expect(bcd.nextRise(0)).toBe(10_001);
    const binary = counter(2);
    binary.writeByte(0, 0);
    expect(binary.nextRise(0)).toBe(65_537);
  });
});

describe("any sequence of accesses", () => {
  it.each([1, 2, 3])(
    "predicts the rises of OUT that watching every pulse finds (seed %d)",
    (seed) => {
      const random = new SeededRandom(seed);
      const it = new PitCounter();
      let tick = 0;
      for (let round = 0; round < 2000; round++) {
        if (random.below(3) === 0) it.program(1, random.below(6), random.below(2) === 1, tick);
        // 2 … 12: a count of 1 is forbidden in modes 2 and 3.
        if (random.below(2) === 0) it.writeByte(2 + random.below(8), tick);
        if (random.below(3) === 0) it.setGate(random.below(2) === 1, tick);
        const predicted = it.nextRise(tick);
        const pulses = 1 + random.below(25);
        let seen = Number.POSITIVE_INFINITY;
        for (let i = 1; i <= pulses && seen > tick + pulses; i++) {
          if (!it.out(tick + i - 1) && it.out(tick + i)) seen = tick + i;
        }
        expect(predicted <= tick + pulses ? predicted : Number.POSITIVE_INFINITY).toBe(seen);
        tick += pulses;
      }
    },
  );
});
