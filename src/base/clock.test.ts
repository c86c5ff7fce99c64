// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { TimerQueue } from "./clock.ts";
import { nsAtTick, ticksAt } from "./frequency.ts";

describe("TimerQueue", () => {
  it("fires in order of deadline, and of arming where deadlines are equal", () => {
    let now = 0;
    const queue = new TimerQueue(() => now);
    const fired: string[] = [];
    const late = queue.timer(() => fired.push("late"));
    const first = queue.timer(() => fired.push("first"));
    const second = queue.timer(() => fired.push("second"));
    late.arm(20);
    first.arm(10);
    second.arm(10);
    expect(queue.nextDeadline()).toBe(10);
    now = 15;
    queue.runDue();
    expect(fired).toEqual(["first", "second"]);
    expect(queue.nextDeadline()).toBe(20);
    expect(first.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("lets a timer re-arm itself from its own fire, as a periodic device does", () => {
    let now = 35;
    const queue = new TimerQueue(() => now);
    const fired: number[] = [];
    const timer = queue.timer(() => {
      fired.push(now);
      timer.arm(10 * (fired.length + 1));
    });
    timer.arm(10);
    queue.runDue();
    expect(fired).toEqual([35, 35, 35]);
    expect(timer.deadline).toBe(40);
    now = 40;
    queue.runDue();
    expect(timer.deadline).toBe(50);
  });

  it("tells a running slice when the earliest deadline moves, and only then", () => {
    let changes = 0;
    const queue = new TimerQueue(
      () => 0,
      () => changes++,
    );
    const near = queue.timer(() => {});
    const far = queue.timer(() => {});
    near.arm(10);
    far.arm(20);
    expect(changes).toBe(1);
    near.disarm();
    near.disarm();
    expect(changes).toBe(2);
    expect(queue.nextDeadline()).toBe(20);
  });
});

describe("ticks of an oscillator", () => {
  it.each([1193182, 3579545, 134217728, 16777216, 32768])("of %d Hz count exactly", (hz) => {
    expect(ticksAt(1e9, hz)).toBe(hz);
    expect(ticksAt(3600e9, hz)).toBe(3600 * hz);
    for (const tick of [1, 2, 3, 1000, hz - 1, hz, hz + 1, 86_400 * hz + 7]) {
      const ns = nsAtTick(tick, hz);
      expect(ticksAt(ns, hz)).toBeGreaterThanOrEqual(tick);
      expect(ticksAt(ns - 1, hz)).toBeLessThan(tick);
    }
  });

  it.each([2 ** 60, 2 ** 64, Number.MAX_VALUE, Number.POSITIVE_INFINITY])(
    "never come when there are %d to wait for",
    (ticks) => {
      expect(nsAtTick(ticks, 1_000_000)).toBe(Number.POSITIVE_INFINITY);
    },
  );
});
