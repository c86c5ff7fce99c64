// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { InterruptRecorder } from "../../../test/support/interrupt-recorder.ts";
import { PirqRouter } from "./pirq.ts";

describe("PirqRouter", () => {
  let interrupts: InterruptRecorder;
  let pirq: PirqRouter;

  beforeEach(() => {
    interrupts = new InterruptRecorder();
    pirq = new PirqRouter({ ...interrupts, hasBootRom: false });
  });

  it("has every link disabled until somebody uses it", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((link) => pirq.read(link))).toEqual(Array(8).fill(0x80));
  });

  it("routes links in turn to the least-used permitted interrupts, the SCI's last", () => {
    pirq.useIrq(9);
    for (const irq of [3, 4, 12]) pirq.reserveIrq(irq);
    const links = Array.from({ length: 9 }, (_, slot) => pirq.allocate(slot, 1));
    expect(links).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0]);
    expect(links.map((link) => pirq.read(link))).toEqual([5, 6, 7, 10, 11, 14, 15, 5, 5]);
    expect(interrupts.levelTriggered).toEqual([5, 6, 7, 10, 11, 14, 15, 5]);
  });

  it("puts a slot's pin on a fixed link for a boot ROM", () => {
    const rom = new PirqRouter({ ...interrupts, hasBootRom: true });
    expect(rom.allocate(3, 1)).toBe(0);
    expect(rom.allocate(31, 4)).toBe(7);
  });

  it("asserts the 8259's input while any of a link's users does", () => {
    const link = pirq.allocate(1, 1);
    pirq.assert(link);
    pirq.assert(link);
    pirq.deassert(link);
    expect(interrupts.level("pic 3")).toBe(1);
    pirq.deassert(link);
    expect(interrupts.level("pic 3")).toBe(0);
  });

  it("moves an asserted link with its register, and drops it where no interrupt may be", () => {
    const link = pirq.allocate(1, 1);
    pirq.assert(link);
    pirq.write(link, 0x7b);
    expect(pirq.read(link)).toBe(0x0b);
    expect(interrupts.asserted).toEqual(["pic 11"]);
    for (const register of [0x80, 0x8b, 0, 1, 2, 8, 13]) {
      pirq.write(link, register);
      expect(interrupts.asserted).toEqual([]);
    }
    pirq.write(link, 5);
    expect(interrupts.asserted).toEqual(["pic 5"]);
    pirq.reset();
    expect(interrupts.asserted).toEqual(["pic 3"]);
  });

  it("makes its interrupts level-triggered again at a reset, which clears the ELCR", () => {
    pirq.allocate(1, 1);
    pirq.allocate(2, 1);
    interrupts.levelTriggered.length = 0;
    pirq.reset();
    expect(interrupts.levelTriggered).toEqual([3, 4]);
  });
});
