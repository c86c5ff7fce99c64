// SPDX-License-Identifier: BSD-2-Clause
// Behaviour: Intel 8259A data sheet (231468), by the names of its sections.
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { Bus } from "../bus.ts";
import { isaIrq } from "./isa-irq.ts";
import { Pic8259 } from "./pic8259.ts";

const EOI = 0x20;
const MASTER = 0x20;
const SLAVE = 0xa0;

/** The pair on its ports, with INT as a line that counts its edges. */
class PicRig {
  readonly int = new RecordingPin();
  readonly io = new Bus();
  readonly pic = new Pic8259({
    onOutput: (isHigh) => (isHigh ? this.int.assert() : this.int.deassert()),
  });

  constructor() {
    this.pic.attachTo(this.io);
  }

  /** ICW1 to ICW4 as a PC's system writes them: vectors 0x20 and 0x28, nothing masked. */
  initialise(icw4 = 0x01): this {
    this.out(MASTER, 0x11);
    for (const value of [0x20, 0x04, icw4]) this.out(MASTER + 1, value);
    this.out(SLAVE, 0x11);
    for (const value of [0x28, 0x02, 0x01]) this.out(SLAVE + 1, value);
    return this;
  }

  out(port: number, value: number): void {
    this.io.write(port, 1, value);
  }
  in(port: number): number {
    return this.io.read(port, 1);
  }
  /** The in-service and the request register of a chip. */
  isr(port: number): number {
    this.out(port, 0x0b);
    return this.in(port);
  }
  irr(port: number): number {
    this.out(port, 0x0a);
    return this.in(port);
  }
  /** INTA when INT is high; -1 when it is not. */
  take(): number {
    return this.int.level > 0 ? this.pic.interruptAcknowledge() : -1;
  }
}

describe("initialisation", () => {
  it("keeps INT low until ICW4, forgets edges and masks, and remembers lines", () => {
    const rig = new PicRig();
    rig.pic.pin(1).pulse();
    rig.pic.pin(3).assert();
    rig.initialise();
    expect(rig.take()).toBe(-1);
    expect(rig.in(MASTER + 1)).toBe(0);
    rig.pic.pin(3).deassert();
    rig.pic.pin(3).assert();
    expect(rig.take()).toBe(0x23);
  });

  it("works without ICW4, and without ICW3 in single mode", () => {
    const rig = new PicRig();
    rig.out(MASTER, 0x12);
    rig.out(MASTER + 1, 0x47);
    rig.pic.pin(5).pulse();
    expect(rig.take()).toBe(0x45);
  });
});

describe("interrupt sequence", () => {
  it("takes the highest priority first and holds equal and lower ones back until EOI (fully nested mode)", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(6).pulse();
    rig.pic.pin(4).pulse();
    expect(rig.take()).toBe(0x24);
    expect(rig.isr(MASTER)).toBe(0x10);
    expect(rig.irr(MASTER)).toBe(0x40);
    rig.pic.pin(4).pulse();
    expect(rig.take()).toBe(-1);
    rig.pic.pin(1).pulse();
    expect(rig.take()).toBe(0x21);
    rig.out(MASTER, EOI);
    expect(rig.take()).toBe(-1);
    rig.out(MASTER, EOI);
    expect(rig.take()).toBe(0x24);
    rig.out(MASTER, EOI);
    expect(rig.take()).toBe(0x26);
  });

  it("goes through the cascade for IRQ 8 to 15, between IRQ 1 and IRQ 3", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(3).pulse();
    rig.pic.pin(14).pulse();
    rig.pic.pin(8).pulse();
    expect(rig.pic.pendingVector()).toBe(0x28);
    expect(rig.take()).toBe(0x28);
    expect([rig.isr(MASTER), rig.isr(SLAVE)]).toEqual([0x04, 0x01]);
    rig.out(SLAVE, EOI);
    rig.out(MASTER, EOI);
    expect(rig.take()).toBe(0x2e);
    rig.out(SLAVE, EOI);
    rig.out(MASTER, EOI);
    expect(rig.take()).toBe(0x23);
  });

  it("makes a new edge of INT for the next interrupt after an acknowledge", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(4).pulse();
    rig.pic.pin(1).pulse();
    rig.pic.pin(0).pulse();
    rig.int.takeRises();
    rig.take();
    rig.out(MASTER, EOI);
    expect(rig.int.takeRises()).toBe(1);
  });

  it("answers IRQ 7 or 15, without taking it into service, when the request has gone", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(4).pulse();
    rig.out(MASTER + 1, 0xff);
    expect(rig.int.level).toBe(0);
    expect(rig.pic.interruptAcknowledge()).toBe(0x27);
    expect(rig.isr(MASTER)).toBe(0);
  });

  it("answers IRQ 15 when it is the slave's request that has gone", () => {
    const rig = new PicRig().initialise();
    rig.io.write(0x4d1, 1, 0x02);
    rig.out(MASTER, 0xc7);
    rig.pic.pin(9).assert();
    expect(rig.pic.pendingVector()).toBe(0x29);
    rig.pic.slave.setLine(1, false);
    expect(rig.pic.interruptAcknowledge()).toBe(0x2f);
    expect([rig.isr(MASTER), rig.isr(SLAVE)]).toEqual([0x04, 0]);
  });

  it("masks by OCW1 and keeps the edge for later", () => {
    const rig = new PicRig().initialise();
    rig.out(MASTER + 1, 0x10);
    rig.pic.pin(4).pulse();
    expect(rig.take()).toBe(-1);
    rig.out(MASTER + 1, 0x00);
    expect(rig.take()).toBe(0x24);
  });
});

describe("end of interrupt and rotation (OCW2)", () => {
  it("ends a specific level", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(4).pulse();
    rig.take();
    rig.pic.pin(1).pulse();
    rig.take();
    rig.out(MASTER, 0x64);
    expect(rig.isr(MASTER)).toBe(0x02);
  });

  it("gives the ended level the lowest priority when it rotates", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(4).pulse();
    rig.take();
    rig.out(MASTER, 0xa0);
    rig.pic.pin(4).pulse();
    rig.pic.pin(5).pulse();
    rig.pic.pin(3).pulse();
    expect(rig.take()).toBe(0x25);
  });

  it("sets the lowest priority by command", () => {
    const rig = new PicRig().initialise();
    rig.out(MASTER, 0xc3);
    rig.pic.pin(3).pulse();
    rig.pic.pin(4).pulse();
    expect(rig.take()).toBe(0x24);
  });

  it("needs no EOI in automatic EOI mode, and may rotate there", () => {
    const rig = new PicRig().initialise(0x03);
    rig.out(MASTER, 0x80);
    rig.pic.pin(4).pulse();
    expect(rig.take()).toBe(0x24);
    expect(rig.isr(MASTER)).toBe(0);
    rig.pic.pin(4).pulse();
    rig.pic.pin(6).pulse();
    expect(rig.take()).toBe(0x26);
    expect(rig.take()).toBe(0x24);
  });
});

describe("special modes", () => {
  it("lets lower levels through while a masked one is in service (special mask mode)", () => {
    const rig = new PicRig().initialise();
    rig.pic.pin(4).pulse();
    rig.take();
    rig.out(MASTER + 1, 0x10);
    rig.out(MASTER, 0x68);
    rig.pic.pin(6).pulse();
    expect(rig.take()).toBe(0x26);
    rig.out(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0x10);
    rig.out(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0x10);
    rig.out(MASTER, 0x48);
    rig.out(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0);
  });

  it("lets a higher IRQ of the slave through its own service (special fully nested mode)", () => {
    const rig = new PicRig().initialise(0x11);
    rig.pic.pin(12).pulse();
    expect(rig.take()).toBe(0x2c);
    rig.pic.pin(9).pulse();
    expect(rig.take()).toBe(0x29);
    const nested = new PicRig().initialise();
    nested.pic.pin(12).pulse();
    nested.take();
    nested.pic.pin(9).pulse();
    expect(nested.take()).toBe(-1);
  });

  it("acknowledges by reading after a poll command", () => {
    const rig = new PicRig().initialise();
    rig.out(MASTER, 0x0c);
    expect(rig.in(MASTER)).toBe(0);
    rig.pic.pin(4).pulse();
    rig.out(MASTER, 0x0c);
    expect(rig.in(MASTER)).toBe(0x84);
    expect(rig.isr(MASTER)).toBe(0x10);
    expect(rig.int.level).toBe(0);
  });
});

describe("edge/level control", () => {
  it("writes only the IRQs that may be levels: 3 to 7, 9 to 12, 14, 15", () => {
    const rig = new PicRig();
    rig.io.write(0x4d0, 2, 0xffff);
    expect(rig.io.read(0x4d0, 2)).toBe(0xdef8);
  });

  it("repeats a level until its line falls, counting those who assert it", () => {
    const rig = new PicRig().initialise();
    rig.pic.setLevelTriggered(9);
    expect(rig.in(0x4d1)).toBe(0x02);
    rig.pic.pin(9).assert();
    rig.pic.pin(9).assert();
    const takeAndEnd = () => {
      const vector = rig.take();
      rig.out(SLAVE, EOI);
      rig.out(MASTER, EOI);
      return vector;
    };
    expect(takeAndEnd()).toBe(0x29);
    rig.pic.pin(9).deassert();
    expect(takeAndEnd()).toBe(0x29);
    rig.pic.pin(9).deassert();
    expect(takeAndEnd()).toBe(-1);
  });
});

describe("an ISA interrupt line", () => {
  it("drives the 8259 and the I/O APIC pin of its number, IRQ 0 pin 2", () => {
    const pins = new Map<string, RecordingPin>();
    const provider = (name: string) => ({
      pin(index: number) {
        const pin = new RecordingPin();
        pins.set(`${name}${index}`, pin);
        return pin;
      },
    });
    isaIrq(0, provider("pic"), provider("ioapic")).pulse();
    isaIrq(9, provider("pic"), provider("ioapic")).assert();
    expect([...pins].map(([name, pin]) => [name, pin.rises, pin.level])).toEqual([
      ["pic0", 1, 0],
      ["ioapic2", 1, 0],
      ["pic9", 1, 1],
      ["ioapic9", 1, 1],
    ]);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3, 4])("finds nothing that throws, and INT keeps its books (seed %d)", (seed) => {
    const rig = new PicRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [rig.pic.masterPorts, rig.pic.slavePorts, rig.pic.elcrPorts].map((handler) => ({
      handler,
      length: 2,
    }));
    readEverything(targets, report);
    attack(targets, 20_000, random, report, () => {
      const pin = rig.pic.pin(random.below(16));
      if (random.below(2) === 0) pin.assert();
      else pin.deassert();
      const peeked = rig.pic.pendingVector();
      if (random.below(3) === 0) expect(rig.pic.interruptAcknowledge()).toBe(peeked);
    });
    expect(bad).toEqual([]);
    expect([0, 1]).toContain(rig.int.level);
    expect(rig.int.isUnbalanced).toBe(false);
  });
});
