// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { pairToBigInt } from "../../../src/base/u64.ts";
import { GuestTsc } from "./guest-tsc.ts";
import { ManualClock } from "./manual-clock.ts";

function value(tsc: GuestTsc): bigint {
  tsc.sample();
  return pairToBigInt(tsc.low, tsc.high);
}

describe("the guest's TSC", () => {
  it("counts its frequency from 0, across 32 bits", () => {
    const clock = new ManualClock();
    const tsc = new GuestTsc({ clock, frequencyHz: 3e9 });
    expect(value(tsc)).toBe(0n);
    clock.advance(10e9);
    expect(value(tsc)).toBe(30_000_000_000n);
  });

  it.each([
    [0n, 5e9],
    [0xffff_ffff_ffff_ff00n, 7e9],
    [0x1_0000_0000n, 1],
    [12345n, 0],
  ])("goes on from what was written: %s", (written, ns) => {
    const clock = new ManualClock();
    const tsc = new GuestTsc({ clock, frequencyHz: 3e9 });
    clock.advance(ns);
    tsc.write(Number(written & 0xffff_ffffn), Number(written >> 32n));
    expect(value(tsc)).toBe(written);
    clock.advance(1e9);
    expect(value(tsc)).toBe(BigInt.asUintN(64, written + 3_000_000_000n));
  });

  it("knows when it will reach a value, and that a passed one is now", () => {
    const clock = new ManualClock();
    const tsc = new GuestTsc({ clock, frequencyHz: 2.5e9 });
    tsc.write(0, 7);
    clock.advance(1000);
    expect(tsc.nsAtTsc(2500, 7)).toBe(1000);
    expect(tsc.nsAtTsc(0, 7)).toBe(1000);
    expect(tsc.nsAtTsc(2501, 7)).toBe(1001);
    expect(tsc.nsAtTsc(5000, 7)).toBe(2000);
    expect(tsc.nsAtTsc(-1, -1)).toBe(Number.POSITIVE_INFINITY);
  });
});
