// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { type Ordered, RequestSchedule } from "./schedule.ts";

const request = (kind: Ordered["kind"], start = 0, end = 0): Ordered => ({ kind, start, end });

function makeSchedule() {
  const running: Ordered[] = [];
  const schedule = new RequestSchedule<Ordered>((started) => running.push(started));
  return { running, schedule };
}

describe("RequestSchedule", () => {
  it.each<[Ordered["kind"], Ordered["kind"], boolean]>([
    ["read", "read", true],
    ["read", "write", false],
    ["write", "read", false],
    ["write", "write", false],
    ["discard", "read", false],
    ["read", "write-zeroes", false],
  ])("after a %s, a %s of the same bytes starts at once: %s", (first, second, isAtOnce) => {
    const { running, schedule } = makeSchedule();
    const [a, b] = [request(first, 0, 10), request(second, 9, 20)];
    schedule.add(a);
    schedule.add(b);
    expect(running.includes(b)).toBe(isAtOnce);
    schedule.finish(a);
    expect(running).toEqual([a, b]);
  });

  it("lets neighbours run side by side", () => {
    const { running, schedule } = makeSchedule();
    schedule.add(request("write", 0, 10));
    schedule.add(request("write", 10, 20));
    expect(running).toHaveLength(2);
  });

  it("keeps the order of requests that wait for each other, not only for running ones", () => {
    const { running, schedule } = makeSchedule();
    const first = request("write", 0, 10);
    const waits = request("write", 5, 15);
    const behind = request("read", 12, 20);
    const free = request("read", 15, 20);
    for (const next of [first, waits, behind, free]) schedule.add(next);
    expect(running).toEqual([first, free]);
    schedule.finish(first);
    expect(running).toEqual([first, free, waits]);
    schedule.finish(waits);
    expect(running).toEqual([first, free, waits, behind]);
  });

  it("starts a flush behind all earlier writes, and holds nothing up for it", () => {
    const { running, schedule } = makeSchedule();
    const writes = [request("write", 0, 1), request("discard", 5, 6)];
    const read = request("read", 9, 10);
    const flush = request("flush");
    const later = request("write", 0, 1);
    for (const next of [...writes, read, flush, later]) schedule.add(next);
    schedule.finish(writes[0]!);
    expect(running).toEqual([...writes, read, later]);
    schedule.finish(writes[1]!);
    expect(running).toEqual([...writes, read, later, flush]);
  });

  it("does not nest when starting a request finishes it", () => {
    let depth = 0;
    let deepest = 0;
    const schedule: RequestSchedule<Ordered> = new RequestSchedule((started) => {
      deepest = Math.max(deepest, ++depth);
      if (started.kind !== "discard") schedule.finish(started);
      depth--;
    });
    const blocker = request("discard", 0, 1);
    schedule.add(blocker);
    for (let i = 0; i < 100; i++) schedule.add(request("write", 0, 1));
    expect(schedule.length).toBe(101);
    schedule.finish(blocker);
    expect(schedule.length).toBe(0);
    expect(deepest).toBe(1);
  });

  it("forgets everything when cleared", () => {
    const { running, schedule } = makeSchedule();
    const first = request("write", 0, 1);
    schedule.add(first);
    schedule.add(request("write", 0, 1));
    schedule.clear();
    schedule.finish(first);
    expect(running).toEqual([first]);
    expect(schedule.length).toBe(0);
  });
});
