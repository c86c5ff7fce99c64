// SPDX-License-Identifier: BSD-2-Clause
// Section numbers are the Intel SDM's, volume 3A.
import { describe, expect, it } from "vitest";
import { ApicRig } from "../../../../test/support/platform/apic-rig.ts";
import { GuestTsc } from "../../../../test/support/platform/guest-tsc.ts";
import { u64ToBigInt } from "../../../base/u64.ts";
import * as reg from "./registers.ts";

const HZ = 134217728;
const DIVIDE_BY_1 = 0xb;
const ONE_SHOT = 0x40;
const PERIODIC = 0x20040;
const TSC_DEADLINE = 0x40040;
const MASKED = 0x10000;

/** A local APIC whose timer counts `HZ` undivided. */
function timerRig(entry: number): ApicRig {
  const rig = new ApicRig({ tsc: (clock) => new GuestTsc({ clock, frequencyHz: 2e9 }) });
  rig.enableAll();
  rig.write(reg.APIC_TIMER_DIVIDE, DIVIDE_BY_1);
  rig.write(reg.APIC_LVT_TIMER, entry);
  return rig;
}

describe("the local APIC timer", () => {
  it.each([
    [0x0, 2],
    [0x1, 4],
    [0x2, 8],
    [0x3, 16],
    [0x8, 32],
    [0x9, 64],
    [0xa, 128],
    [0xb, 1],
  ])("divides by what the register says: %i means %i (figure 11-10)", (code, divisor) => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_DIVIDE, code);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 0xffffffff);
    rig.clock.advance(1e9);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(0xffffffff - HZ / divisor);
  });

  it("counts down once and stops at 0 in one-shot mode", () => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 134_217);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(134_217);
    rig.clock.advance(999_000);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(1_000);
    expect(rig.drain()).toEqual([0x40]);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(0);
    rig.clock.advance(1e9);
    expect(rig.drain()).toEqual([]);
    expect(rig.read(reg.APIC_TIMER_INITIAL_COUNT)).toBe(134_217);
  });

  it("repeats without drift in periodic mode", () => {
    const rig = timerRig(PERIODIC);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 134_217);
    let fires = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      rig.clock.advance(1e6);
      fires += rig.drain().length;
    }
    expect(fires).toBe(Math.floor((10 * HZ) / 134_217));
  });

  it("delivers what a stopped guest missed once and goes on along the grid", () => {
    const rig = timerRig(PERIODIC);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ / 1024);
    rig.clock.stall(1e9 + 300_000);
    expect(rig.drain()).toEqual([0x40]);
    rig.clock.advance(676_562);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(1);
    expect(rig.drain()).toEqual([0x40]);
  });

  it("does not fire while its entry is masked, but counts", () => {
    const rig = timerRig(PERIODIC | MASKED);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ / 1024);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    rig.clock.advance(488_282);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(HZ / 2048);
    rig.clock.advance(1e9);
    rig.write(reg.APIC_LVT_TIMER, PERIODIC);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(976_563);
    expect(rig.drain()).toEqual([0x40]);
  });

  it("stops at an initial count of 0 and starts over at any other", () => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ / 1024);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 0);
    rig.clock.advance(1e9);
    expect(rig.drain()).toEqual([]);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ);
    rig.clock.advance(0.5e9);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ);
    rig.clock.advance(0.75e9);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(0.25e9);
    expect(rig.drain()).toEqual([0x40]);
  });

  it("goes on from its present count at a new rate when the divider changes", () => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ);
    rig.clock.advance(0.5e9);
    rig.write(reg.APIC_TIMER_DIVIDE, 0);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(HZ / 2);
    rig.clock.advance(0.5e9);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(HZ / 4);
    rig.clock.advance(0.5e9);
    expect(rig.drain()).toEqual([0x40]);
  });

  it("starts to repeat when a count that still runs becomes periodic, not when it has run out", () => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ);
    rig.clock.advance(0.25e9);
    rig.write(reg.APIC_LVT_TIMER, PERIODIC);
    rig.clock.advance(1.75e9);
    expect(rig.drain()).toEqual([0x40]);
    rig.write(reg.APIC_LVT_TIMER, ONE_SHOT);
    rig.clock.advance(1e9);
    rig.drain();
    rig.write(reg.APIC_LVT_TIMER, PERIODIC);
    rig.clock.advance(2e9);
    expect(rig.drain()).toEqual([]);
  });

  it("delivers an expiry that a register write would have overtaken", () => {
    const rig = timerRig(ONE_SHOT);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 1000);
    rig.clock.time += 1e6;
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, HZ);
    expect(rig.drain()).toEqual([0x40]);
  });
});

describe("TSC-deadline mode (11.5.4.1)", () => {
  const msr = (rig: ApicRig) => u64ToBigInt(rig.apic.msrs.read(0x6e0)!);

  it("fires once when the TSC reaches the deadline, and reads 0 from then on", () => {
    const rig = timerRig(TSC_DEADLINE);
    expect(rig.apic.msrs.write(0x6e0, 2_000_000, 0)).toBe(true);
    expect(msr(rig)).toBe(2_000_000n);
    rig.clock.advance(999_999);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(1);
    expect(rig.drain()).toEqual([0x40]);
    expect(msr(rig)).toBe(0n);
  });

  it("fires at once for a deadline that has passed; 0 disarms", () => {
    const rig = timerRig(TSC_DEADLINE);
    rig.clock.advance(1e9);
    rig.apic.msrs.write(0x6e0, 5, 0);
    expect(rig.drain()).toEqual([0x40]);
    rig.apic.msrs.write(0x6e0, 0, 1);
    rig.apic.msrs.write(0x6e0, 0, 0);
    rig.clock.advance(100e9);
    expect(rig.drain()).toEqual([]);
  });

  it("ignores the initial count, and the other modes ignore the MSR", () => {
    const rig = timerRig(TSC_DEADLINE);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 1000);
    expect(rig.read(reg.APIC_TIMER_CURRENT_COUNT)).toBe(0);
    rig.apic.msrs.write(0x6e0, 1000, 0);
    rig.write(reg.APIC_LVT_TIMER, ONE_SHOT);
    expect(msr(rig)).toBe(0n);
    rig.apic.msrs.write(0x6e0, 1000, 0);
    expect(msr(rig)).toBe(0n);
    rig.clock.advance(1e9);
    expect(rig.drain()).toEqual([]);
  });

  it("keeps its deadline when the guest sets the TSC, and meets it at the new time", () => {
    let tsc: GuestTsc | undefined;
    const rig = new ApicRig({
      tsc: (clock) => {
        tsc = new GuestTsc({ clock, frequencyHz: 1e9 });
        return tsc;
      },
    }).enableAll();
    rig.write(reg.APIC_LVT_TIMER, TSC_DEADLINE);
    rig.apic.msrs.write(0x6e0, 5_000_000, 0);
    tsc?.write(4_000_000, 0);
    rig.apic.timer.tscChanged();
    rig.clock.advance(999_999);
    expect(rig.drain()).toEqual([]);
    rig.clock.advance(1);
    expect(rig.drain()).toEqual([0x40]);
  });

  it("never fires for a deadline beyond all time", () => {
    const rig = timerRig(TSC_DEADLINE);
    rig.apic.msrs.write(0x6e0, 0xffffffff, 0xffffffff);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    expect(msr(rig)).toBe(2n ** 64n - 1n);
  });

  it("does not exist without a TSC to compare with: reserved mode bit, faulting MSR", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LVT_TIMER, TSC_DEADLINE);
    expect(rig.read(reg.APIC_LVT_TIMER)).toBe(0x40);
    expect(rig.apic.msrs.read(0x6e0)).toBeUndefined();
    expect(rig.apic.msrs.write(0x6e0, 1, 0)).toBe(false);
  });
});
