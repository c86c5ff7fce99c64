// SPDX-License-Identifier: BSD-2-Clause
// Section numbers are the Intel SDM's, volume 3A.
import { describe, expect, it } from "vitest";
import { ApicRig } from "../../../test/support/platform/apic-rig.ts";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { LVT_PERFORMANCE } from "./apic/local-vector-table.ts";
import * as reg from "./apic/registers.ts";

const FIXED_TO_SELF = 0x40000;
const LVT_LINT0 = 0x35;
const LVT_LINT1 = 0x36;
const PERFORMANCE = 0x34;

describe("local APIC registers", () => {
  it("come out of reset as bhyve's do (11.4.7.1)", () => {
    const rig = new ApicRig({ count: 3 });
    expect(rig.read(reg.APIC_ID, 2)).toBe(0x02000000);
    expect(rig.read(reg.APIC_VERSION)).toBe(0x00060014);
    expect(rig.read(reg.APIC_SVR)).toBe(0xff);
    expect(rig.read(reg.APIC_DFR)).toBe(0xffffffff);
    expect(rig.read(reg.APIC_LDR)).toBe(0);
    expect(rig.read(reg.APIC_TIMER_DIVIDE)).toBe(0);
    for (const lvt of [0x2f, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37]) {
      expect(rig.read(lvt)).toBe(0x10000);
    }
  });

  it("keep only the bits that exist (11.5.1, 11.6.2.2)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LDR, 0xffffffff);
    expect(rig.read(reg.APIC_LDR)).toBe(0xff000000);
    rig.write(reg.APIC_DFR, 0);
    expect(rig.read(reg.APIC_DFR)).toBe(0x0fffffff);
    rig.write(reg.APIC_LVT_TIMER, 0xffffffff);
    expect(rig.read(reg.APIC_LVT_TIMER)).toBe(0x000300ff);
    rig.write(LVT_LINT0, 0xffffffff);
    expect(rig.read(LVT_LINT0)).toBe(0x0001a7ff);
    rig.write(reg.APIC_LVT_ERROR, 0xffffffff);
    expect(rig.read(reg.APIC_LVT_ERROR)).toBe(0x000100ff);
    rig.write(reg.APIC_ID, 0x55000000);
    expect(rig.read(reg.APIC_ID)).toBe(0);
  });

  it("mask every LVT entry while software-disabled (11.4.7.2)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LVT_TIMER, 0x30);
    expect(rig.read(reg.APIC_LVT_TIMER)).toBe(0x30);
    rig.write(reg.APIC_SVR, 0xff);
    expect(rig.read(reg.APIC_LVT_TIMER)).toBe(0x10030);
    rig.write(reg.APIC_LVT_TIMER, 0x31);
    expect(rig.read(reg.APIC_LVT_TIMER)).toBe(0x10031);
  });

  it("answer narrow reads with the bytes they touch and ignore writes inside a register", () => {
    const rig = new ApicRig().enableAll();
    expect(rig.apic.mmio.read(0x32, 1)).toBe(0x06);
    expect(rig.apic.mmio.read(0x30, 2)).toBe(0x0014);
    expect(rig.apic.mmio.read(0x34, 4)).toBe(0);
    rig.apic.mmio.write(0x84, 4, 0xff);
    expect(rig.read(reg.APIC_TPR)).toBe(0);
    rig.apic.mmio.write(0x80, 1, 0x30);
    expect(rig.read(reg.APIC_TPR)).toBe(0x30);
  });
});

describe("interrupt priority", () => {
  it("offers the highest pending vector whose class exceeds the processor's (11.8.3.1)", () => {
    const rig = new ApicRig().enableAll();
    for (const vector of [0x31, 0xe0, 0x42, 0x45]) {
      rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | vector);
    }
    expect(rig.apic.pendingVector()).toBe(0xe0);
    expect(rig.apic.acknowledge()).toBe(0xe0);
    expect(rig.read(reg.APIC_PPR)).toBe(0xe0);
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.write(reg.APIC_EOI, 0);
    expect(rig.read(reg.APIC_PPR)).toBe(0);
    expect(rig.drain()).toEqual([0x45, 0x42, 0x31]);
  });

  it("nests an interrupt of a higher class and returns to the lower one at its EOI", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x35);
    rig.apic.acknowledge();
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x3f);
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x91);
    expect(rig.apic.acknowledge()).toBe(0x91);
    expect(rig.read(reg.APIC_ISR + 1)).toBe(1 << 0x15);
    expect(rig.read(reg.APIC_ISR + 4)).toBe(1 << 0x11);
    rig.write(reg.APIC_EOI, 0);
    expect(rig.read(reg.APIC_PPR)).toBe(0x30);
    rig.write(reg.APIC_EOI, 0);
    expect(rig.apic.pendingVector()).toBe(0x3f);
  });

  it("holds one pending interrupt of a vector while another is in service (11.8.4)", () => {
    const rig = new ApicRig().enableAll();
    const send = () => rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x50);
    send();
    rig.apic.acknowledge();
    send();
    send();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.drain()).toEqual([0x50]);
  });

  it("is held back by TPR, which CR8 shows the class of (11.8.6)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x5f);
    rig.write(reg.APIC_TPR, 0x53);
    expect(rig.apic.cr8).toBe(5);
    expect(rig.read(reg.APIC_PPR)).toBe(0x53);
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.apic.cr8 = 4;
    expect(rig.read(reg.APIC_TPR)).toBe(0x40);
    expect(rig.apic.pendingVector()).toBe(0x5f);
  });

  it("tells the processor when the answer changes, and only then", () => {
    const rig = new ApicRig().enableAll();
    const { cpu } = rig;
    cpu.changes = 0;
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x60);
    expect(cpu.changes).toBe(1);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x60);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x40);
    expect(cpu.changes).toBe(1);
    rig.apic.cr8 = 6;
    expect(cpu.changes).toBe(2);
    rig.apic.cr8 = 5;
    expect(cpu.changes).toBe(3);
  });

  it("gives the spurious vector for an interrupt that went away before its acknowledge (11.9)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_SVR, 0x1df);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x40);
    rig.apic.cr8 = 15;
    expect(rig.apic.acknowledge()).toBe(0xdf);
    expect(rig.read(reg.APIC_ISR + 6)).toBe(0);
  });

  it("ignores an EOI with nothing in service", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.read(reg.APIC_PPR)).toBe(0);
  });
});

describe("a level-triggered interrupt", () => {
  const LEVEL = 0x8000;

  it("sets its TMR bit, an edge on the vector clears it, and only a level's EOI is broadcast (11.8.5)", () => {
    const rig = new ApicRig().enableAll();
    const ended: number[] = [];
    rig.bus.onEoi((vector) => ended.push(vector));
    rig.bus.deliver(LEVEL | 0x40, 0);
    expect(rig.read(reg.APIC_TMR + 2)).toBe(1);
    rig.drain();
    expect(ended).toEqual([0x40]);
    rig.bus.deliver(0x40, 0);
    expect(rig.read(reg.APIC_TMR + 2)).toBe(0);
    rig.drain();
    expect(ended).toEqual([0x40]);
  });
});

describe("errors", () => {
  it("show in ESR after a write, and raise the error interrupt once until then (11.5.3)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LVT_ERROR, 0xfe);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x0f);
    expect(rig.drain()).toEqual([0xfe]);
    expect(rig.read(reg.APIC_ESR)).toBe(0);
    rig.bus.deliver(0x0e, 0);
    expect(rig.drain()).toEqual([]);
    rig.write(reg.APIC_ESR, 0);
    expect(rig.read(reg.APIC_ESR)).toBe(0x60);
    rig.write(reg.APIC_ESR, 0);
    expect(rig.read(reg.APIC_ESR)).toBe(0);
    expect(rig.read(0x0c)).toBe(0);
    expect(rig.drain()).toEqual([0xfe]);
    rig.write(reg.APIC_ESR, 0);
    expect(rig.read(reg.APIC_ESR)).toBe(0x80);
  });

  it("end at an error entry with an illegal vector of its own", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LVT_ERROR, 0x03);
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0x02);
    rig.write(reg.APIC_ESR, 0);
    expect(rig.read(reg.APIC_ESR)).toBe(0x60);
    expect(rig.apic.pendingVector()).toBe(-1);
  });
});

describe("LINT0 and LINT1", () => {
  it("are INTR and NMI until the guest software-enables the APIC", () => {
    const rig = new ApicRig();
    rig.apic.lint0.assert();
    expect(rig.apic.pendingVector()).toBe(0x28);
    expect(rig.apic.acknowledge()).toBe(0x28);
    expect(rig.pic.acknowledges).toBe(1);
    rig.apic.lint1.pulse();
    expect(rig.cpu.signals).toEqual(["nmi"]);
    rig.enableAll();
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.apic.lint1.pulse();
    expect(rig.cpu.signals).toEqual(["nmi"]);
  });

  it("hand the 8259's interrupt through, before the APIC's own, when LINT0 is ExtINT and unmasked", () => {
    const rig = new ApicRig().enableAll();
    rig.apic.lint0.assert();
    rig.write(reg.APIC_ICR_LOW, FIXED_TO_SELF | 0xf0);
    rig.write(LVT_LINT0, 0x700);
    rig.apic.cr8 = 15;
    expect(rig.apic.pendingVector()).toBe(0x28);
    rig.apic.lint0.deassert();
    expect(rig.apic.pendingVector()).toBe(-1);
    rig.apic.cr8 = 0;
    expect(rig.apic.pendingVector()).toBe(0xf0);
  });

  it("deliver what their entries say: NMI, a fixed edge", () => {
    const rig = new ApicRig().enableAll();
    rig.write(LVT_LINT1, 0x400);
    rig.apic.lint1.pulse();
    expect(rig.cpu.signals).toEqual(["nmi"]);
    rig.write(LVT_LINT0, 0x51);
    rig.apic.lint0.assert();
    rig.apic.lint0.assert();
    expect(rig.drain()).toEqual([0x51]);
  });

  it("deliver a level again at its EOI for as long as it is high (11.5.1, remote IRR)", () => {
    const rig = new ApicRig().enableAll();
    rig.write(LVT_LINT0, 0x8051);
    rig.apic.lint0.assert();
    expect(rig.read(LVT_LINT0)).toBe(0xc051);
    rig.apic.acknowledge();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.apic.pendingVector()).toBe(0x51);
    rig.apic.acknowledge();
    rig.apic.lint0.deassert();
    rig.write(reg.APIC_EOI, 0);
    expect(rig.apic.pendingVector()).toBe(-1);
    expect(rig.read(LVT_LINT0)).toBe(0x8051);
  });
});

describe("other sources", () => {
  it("deliver sources inside the processor through their entries", () => {
    const rig = new ApicRig().enableAll();
    expect(rig.apic.fireLocal(LVT_PERFORMANCE)).toBe(false);
    rig.write(PERFORMANCE, 0x400);
    expect(rig.apic.fireLocal(LVT_PERFORMANCE)).toBe(true);
    expect(rig.cpu.signals).toEqual(["nmi"]);
  });

  it("acknowledge an ExtINT message at the 8259 once", () => {
    const rig = new ApicRig().enableAll();
    expect(rig.bus.deliver(0x700, 0)).toBe(true);
    expect(rig.apic.pendingVector()).toBe(0x28);
    expect(rig.apic.acknowledge()).toBe(0x28);
    expect(rig.apic.pendingVector()).toBe(-1);
  });
});

describe("a software-disabled local APIC", () => {
  it("drops fixed interrupts, keeps those it has, and takes NMI, INIT and start-up (11.4.7.2)", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    rig.bus.deliver(0x40, 1);
    rig.write(reg.APIC_SVR, 0xff, 1);
    expect(rig.bus.deliver(0x50, 1)).toBe(false);
    expect(rig.apics[1]!.pendingVector()).toBe(0x40);
    rig.write(reg.APIC_ICR_HIGH, 0x01000000);
    for (const command of [0x4400, 0x4500, 0x4612]) rig.write(reg.APIC_ICR_LOW, command);
    expect(rig.cpus[1]!.signals).toEqual(["nmi", "init", "start-up 0x12"]);
    expect(rig.apics[1]!.pendingVector()).toBe(-1);
  });
});

describe("reset", () => {
  it("returns to the mode the machine starts in, stops the timer and drops what is pending", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_LVT_TIMER, 0x20040);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 1000);
    rig.bus.deliver(0x50, 0);
    rig.bus.deliver(0x700, 0);
    rig.apic.msrs.write(0x1b, 0xfee00c00, 0);
    rig.apic.reset();
    expect(rig.read(reg.APIC_SVR)).toBe(0xff);
    expect(rig.apic.pendingVector()).toBe(-1);
    expect(rig.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3, 4])("finds nothing in the xAPIC window that throws (seed %d)", (seed) => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = rig.apics.map((apic) => ({ handler: apic.mmio, length: 0x400 }));
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      const apic = rig.apics[random.below(3)]!;
      if (random.below(3) === 0 && apic.pendingVector() >= 0) apic.acknowledge();
      if (random.below(50) === 0) apic.lint0.pulse();
      rig.clock.time += random.below(100_000);
      if (random.below(10) === 0) rig.clock.stall(0);
    });
    expect(bad).toEqual([]);
  });

  it("is not served more timer interrupts than the host can stand", () => {
    const rig = new ApicRig().enableAll();
    rig.write(reg.APIC_TIMER_DIVIDE, 0xb);
    rig.write(reg.APIC_LVT_TIMER, 0x20040);
    rig.write(reg.APIC_TIMER_INITIAL_COUNT, 1);
    let fires = 0;
    for (let i = 0; i < 1000; i++) {
      rig.clock.advance(1000);
      fires += rig.drain().length;
    }
    expect(fires).toBeLessThanOrEqual(101);
    expect(fires).toBeGreaterThan(90);
  });
});
