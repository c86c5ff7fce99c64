// SPDX-License-Identifier: BSD-2-Clause
// Section numbers are the Intel SDM's, volume 3A.
import { describe, expect, it } from "vitest";
import { ApicRig } from "../../../../test/support/platform/apic-rig.ts";
import { SeededRandom } from "../../../../test/support/random.ts";
import { u64ToBigInt } from "../../../base/u64.ts";
import type { LocalApic } from "../local-apic.ts";
import * as reg from "./registers.ts";

function read(apic: LocalApic, msr: number): bigint | undefined {
  const value = apic.msrs.read(msr);
  return value === undefined ? undefined : u64ToBigInt(value);
}

const BASE = 0xfee00000;
const ENABLE = 0x800;
const EXTD = 0x400;

describe("IA32_APIC_BASE", () => {
  it("shows the address, the mode and who is the bootstrap processor (11.4.4)", () => {
    const rig = new ApicRig({ count: 2 });
    expect(read(rig.apics[0]!, 0x1b)).toBe(0xfee00900n);
    expect(read(rig.apics[1]!, 0x1b)).toBe(0xfee00800n);
    expect(read(new ApicRig({ startsInX2apic: true }).apic, 0x1b)).toBe(0xfee00d00n);
  });

  it.each([
    ["disabled", 0, "xAPIC", ENABLE, true],
    ["disabled", 0, "x2APIC", ENABLE | EXTD, false],
    ["xAPIC", ENABLE, "disabled", 0, true],
    ["xAPIC", ENABLE, "x2APIC", ENABLE | EXTD, true],
    ["x2APIC", ENABLE | EXTD, "xAPIC", ENABLE, false],
    ["x2APIC", ENABLE | EXTD, "disabled", 0, true],
    ["xAPIC", ENABLE, "EXTD without EN", EXTD, false],
  ])("from %s (%i) to %s (%i): %s (11.12.5)", (_from, from, _to, to, isLegal) => {
    const { apic } = new ApicRig();
    if (from === 0) apic.msrs.write(0x1b, BASE, 0);
    if ((from & EXTD) !== 0) apic.msrs.write(0x1b, BASE | from, 0);
    const before = read(apic, 0x1b);
    expect(apic.msrs.write(0x1b, BASE | to, 0)).toBe(isLegal);
    expect(read(apic, 0x1b)).toBe(isLegal ? BigInt(BASE + to + 0x100) : before);
  });

  it.each([
    ["another address", 0xfee01900, 0],
    ["a high address", 0xfee00900, 1],
    ["a reserved bit", 0xfee00901, 0],
    ["reserved bit 9", 0xfee00b00, 0],
  ])("faults on %s", (_name, lo, hi) => {
    expect(new ApicRig().apic.msrs.write(0x1b, lo, hi)).toBe(false);
  });

  it("refuses x2APIC mode where CPUID does not offer it", () => {
    const { apic } = new ApicRig({ hasX2apic: false });
    expect(apic.msrs.write(0x1b, BASE | ENABLE | EXTD, 0)).toBe(false);
    expect(apic.msrs.write(0x1b, BASE | ENABLE, 0)).toBe(true);
  });

  it("loses the APIC's state when it disables it, and makes INTR and NMI of its pins (11.4.3)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_TPR, 0x20);
    rig.apic.lint0.assert();
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.apic.msrs.write(0x1b, BASE, 0);
    expect(rig.read(reg.APIC_VERSION)).toBe(0xffffffff);
    expect(rig.apic.pendingVector()).toBe(0x28);
    expect(rig.bus.deliver(0x400, 0xff)).toBe(false);
    rig.apic.msrs.write(0x1b, BASE | ENABLE, 0);
    expect(rig.read(reg.APIC_TPR)).toBe(0);
    expect(rig.read(reg.APIC_SVR)).toBe(0xff);
  });
});

describe("x2APIC mode", () => {
  it("moves the registers from memory to MSRs and keeps their state (11.12.5.1)", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    const apic = rig.apics[1]!;
    rig.write(reg.APIC_TPR, 0x20, 1);
    expect(read(apic, 0x808)).toBeUndefined();
    apic.msrs.write(0x1b, BASE | ENABLE | EXTD, 0);
    expect(read(apic, 0x808)).toBe(0x20n);
    expect(read(apic, 0x80f)).toBe(0x1ffn);
    expect(rig.read(reg.APIC_TPR, 1)).toBe(0xffffffff);
    rig.write(reg.APIC_TPR, 0x30, 1);
    expect(read(apic, 0x808)).toBe(0x20n);
  });

  it("has a 32-bit ID and a logical ID made from it (11.12.10.2)", () => {
    const rig = new ApicRig({ count: 19, startsInX2apic: true });
    expect(read(rig.apics[18]!, 0x802)).toBe(18n);
    expect(read(rig.apics[18]!, 0x80d)).toBe(0x00010004n);
    expect(read(rig.apics[3]!, 0x80d)).toBe(0x00000008n);
  });

  it("sends with one 64-bit write, by ID or to a cluster (11.12.9, 11.12.10)", () => {
    const rig = new ApicRig({ count: 19, startsInX2apic: true });
    for (const apic of rig.apics) apic.msrs.write(0x80f, 0x1ff, 0);
    const holders = (vector: number) =>
      rig.apics.flatMap((apic, index) => (apic.priority.irr.has(vector) ? [index] : []));
    expect(rig.apic.msrs.write(0x830, 0x4041, 17)).toBe(true);
    expect(holders(0x41)).toEqual([17]);
    rig.apic.msrs.write(0x830, 0x4842, 0x00010005);
    expect(holders(0x42)).toEqual([16, 18]);
    rig.apic.msrs.write(0x830, 0x4043, 0xffffffff);
    expect(holders(0x43)).toHaveLength(19);
    expect(read(rig.apic, 0x830)).toBe(0xffffffff_00004043n);
  });

  it("interrupts itself through SELF IPI (11.12.11)", () => {
    const { apic } = new ApicRig({ startsInX2apic: true });
    apic.msrs.write(0x80f, 0x1ff, 0);
    expect(apic.msrs.write(0x83f, 0x61, 0)).toBe(true);
    expect(apic.pendingVector()).toBe(0x61);
  });

  it.each([
    ["a register that x2APIC mode lacks", 0x80e, 0, 0],
    ["ICR's high half by itself", 0x831, 0, 0],
    ["a read-only register", 0x803, 0, 0],
    ["an ISR word", 0x810, 0, 0],
    ["an address without register", 0x8ff, 0, 0],
    ["an EOI that is not 0", 0x80b, 1, 0],
    ["an ESR write that is not 0", 0x828, 1, 0],
    ["high bits of a 32-bit register", 0x808, 0, 1],
    ["reserved bits of TPR", 0x808, 0x100, 0],
    ["reserved bits of SVR", 0x80f, 0x1000, 0],
    ["reserved bits of the timer's entry", 0x832, 0x700, 0],
    ["reserved bits of ICR", 0x830, 0x100000, 0],
    ["reserved bits of the divider", 0x83e, 0x4, 0],
  ])("faults on writing %s (11.12.1.2, 11.12.1.3)", (_name, msr, lo, hi) => {
    const { apic } = new ApicRig({ startsInX2apic: true });
    expect(apic.msrs.write(msr, lo, hi)).toBe(false);
  });

  it.each([0x80b, 0x83f, 0x80e, 0x831, 0x809, 0x80c, 0x8ff, 0xbff])(
    "faults on reading MSR 0x%i",
    (msr) => {
      expect(read(new ApicRig({ startsInX2apic: true }).apic, msr)).toBeUndefined();
    },
  );

  it("stays what it is across INIT (11.12.5.2)", () => {
    const rig = new ApicRig({ count: 2, startsInX2apic: true });
    rig.apics[0]!.msrs.write(0x830, 0x4500, 1);
    expect(rig.cpus[1]!.signals).toEqual(["init"]);
    expect(read(rig.apics[1]!, 0x802)).toBe(1n);
  });
});

describe("ownership", () => {
  it.each([
    [0x1a, false],
    [0x1b, true],
    [0x6e0, true],
    [0x7ff, false],
    [0x800, true],
    [0xbff, true],
    [0xc00, false],
  ])("of MSR %i is %s", (msr, isOwned) => {
    expect(new ApicRig().apic.msrs.owns(msr)).toBe(isOwned);
  });
});

describe("a hostile guest", () => {
  it("finds no MSR write that throws", () => {
    const rig = new ApicRig({ count: 2, startsInX2apic: true });
    const random = new SeededRandom(11);
    let accepted = 0;
    for (let i = 0; i < 40_000; i++) {
      const { msrs } = rig.apics[random.below(2)]!;
      const msr = random.below(40) === 0 ? 0x1b : 0x800 + random.below(0x48);
      const lo = random.below(3) === 0 ? random.next() : random.below(0x400);
      if (msrs.write(msr, lo, random.below(8) === 0 ? random.next() : 0)) accepted++;
      msrs.read(msr);
      rig.clock.time += random.below(1000);
    }
    expect(accepted).toBeGreaterThan(100);
  });
});
