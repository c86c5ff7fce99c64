// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../test/support/random.ts";
import { nextAlarm, parseAlarm, parseTime, spellTime } from "./rtc-calendar.ts";

const FORMATS = [0x00, 0x02, 0x04, 0x06];

describe("dates", () => {
  it("agree with the ECMAScript calendar, in every format, and survive being spelt", () => {
    const random = new SeededRandom(5);
    const registers = new Uint8Array(128);
    const first = Date.UTC(1900, 0, 1) / 1000;
    for (let i = 0; i < 20_000; i++) {
      const seconds = first + Math.floor((random.next() / 2 ** 32) * 400 * 365.25 * 86_400);
      const format = FORMATS[random.below(4)]!;
      spellTime(seconds, registers, format);
      expect(parseTime(registers, format)).toBe(seconds);
      spellTime(seconds, registers, 0x06);
      const date = new Date(seconds * 1000);
      expect([
        registers[0x32] * 100 + registers[9],
        registers[8],
        registers[7],
        registers[6],
        registers[4],
        registers[2],
        registers[0],
      ]).toEqual([
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        date.getUTCDay() + 1,
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds(),
      ]);
    }
  });
});

describe("alarms", () => {
  it("come when a search second by second finds them", () => {
    const random = new SeededRandom(6);
    const field = (limit: number) => (random.below(2) === 0 ? 0xff : random.below(limit));
    for (let i = 0; i < 30; i++) {
      const alarm = parseAlarm(field(60), field(60), field(24), 0x06)!;
      const from = 1_000_000_000 + random.below(86_400);
      const matches = (time: number) =>
        (alarm.second < 0 || time % 60 === alarm.second) &&
        (alarm.minute < 0 || Math.floor(time / 60) % 60 === alarm.minute) &&
        (alarm.hour < 0 || Math.floor(time / 3600) % 24 === alarm.hour);
      let expected = from;
      while (!matches(expected)) expected++;
      expect(nextAlarm(alarm, from)).toBe(expected);
    }
  });

  it("do not exist for bytes that mean no time", () => {
    expect(parseAlarm(60, 0, 0, 0x06)).toBeUndefined();
    expect(parseAlarm(0, 0x0a, 0, 0x02)).toBeUndefined();
    expect(parseAlarm(0, 0, 0x13, 0x00)).toBeUndefined();
    expect(parseAlarm(0xc0, 0xff, 0x92, 0x00)).toEqual({ second: -1, minute: -1, hour: 12 });
  });
});
