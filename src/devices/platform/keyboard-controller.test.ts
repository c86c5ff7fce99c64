// SPDX-License-Identifier: BSD-2-Clause
// What drivers do is FreeBSD's atkbdc(4), atkbd(4), psm(4) and Linux's i8042.
import { describe, expect, it } from "vitest";
import { attack, readEverything } from "../../../test/support/platform/hostile-guest.ts";
import { RecordingPin } from "../../../test/support/platform/recording-pin.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { Bus } from "../bus.ts";
import { KeyboardController } from "./keyboard-controller.ts";

const OUTPUT_FULL = 0x01;
const AUX_FULL = 0x20;
const TIMEOUT = 0x40;

class KbcRig {
  readonly irq = new RecordingPin();
  readonly io = new Bus();
  resets = 0;
  readonly kbc = new KeyboardController({ irq: this.irq, onReset: () => void this.resets++ });

  constructor() {
    this.kbc.attachTo(this.io);
  }

  command(value: number): void {
    this.io.write(0x64, 1, value);
  }
  send(value: number): void {
    this.io.write(0x60, 1, value);
  }
  status(): number {
    return this.io.read(0x64, 1);
  }
  /** The answer that is there now; -1 when a driver would have to wait. */
  answer(): number {
    return (this.status() & OUTPUT_FULL) !== 0 ? this.io.read(0x60, 1) : -1;
  }
}

describe("the keyboard controller", () => {
  it("passes its self-test and the keyboard interface's", () => {
    const rig = new KbcRig();
    rig.command(0xaa);
    expect(rig.answer()).toBe(0x55);
    rig.command(0xab);
    expect(rig.answer()).toBe(0x00);
    expect(rig.answer()).toBe(-1);
  });

  it("reads its command byte back and follows it with the system flag", () => {
    const rig = new KbcRig();
    rig.command(0x20);
    expect(rig.answer()).toBe(0x64);
    rig.command(0x60);
    rig.send(0x31);
    rig.command(0x20);
    expect(rig.answer()).toBe(0x31);
    expect(rig.status() & 0x04).toBe(0);
    rig.command(0xaa);
    expect(rig.status() & 0x04).toBe(0x04);
  });

  it("switches its interfaces on and off in the command byte", () => {
    const rig = new KbcRig();
    const byte = () => {
      rig.command(0x20);
      return rig.answer() & 0x30;
    };
    rig.command(0xad);
    expect(byte()).toBe(0x30);
    rig.command(0xa8);
    expect(byte()).toBe(0x10);
    rig.command(0xae);
    rig.command(0xa7);
    expect(byte()).toBe(0x20);
  });

  it("says whether a command or data was last written", () => {
    const rig = new KbcRig();
    rig.command(0x60);
    expect(rig.status() & 0x08).toBe(0x08);
    rig.send(0);
    expect(rig.status() & 0x08).toBe(0);
  });

  it("holds IRQ 1 while an answer waits and its interrupt is enabled", () => {
    const rig = new KbcRig();
    rig.command(0xaa);
    expect(rig.irq.level).toBe(0);
    rig.command(0x60);
    rig.send(0x65);
    expect(rig.irq.level).toBe(1);
    rig.io.read(0x60, 1);
    expect(rig.irq.level).toBe(0);
  });
});

describe("without devices", () => {
  it("answers a byte for the keyboard at once, with a time-out", () => {
    const rig = new KbcRig();
    for (const command of [0xff, 0xee, 0xf2, 0xed]) {
      rig.send(command);
      expect(rig.status() & (OUTPUT_FULL | TIMEOUT | AUX_FULL)).toBe(OUTPUT_FULL | TIMEOUT);
      expect(rig.answer()).toBe(0xfe);
      expect(rig.status() & TIMEOUT).toBe(0);
    }
  });

  it("lets Linux see that there is no second port: no loop-back, a failing test", () => {
    const rig = new KbcRig();
    rig.command(0xd3);
    rig.send(0x5a);
    expect(rig.status() & (OUTPUT_FULL | AUX_FULL)).toBe(OUTPUT_FULL);
    rig.command(0xa9);
    expect([0x00, 0xfa, 0xff]).not.toContain(rig.answer());
    rig.command(0xd4);
    rig.send(0xf2);
    expect(rig.answer()).toBe(0xfe);
  });

  it("lets FreeBSD's probe end without waiting", () => {
    const rig = new KbcRig();
    rig.command(0xad);
    rig.command(0x20);
    const saved = rig.answer();
    rig.command(0xaa);
    expect(rig.answer()).toBe(0x55);
    rig.command(0xab);
    expect(rig.answer()).toBe(0);
    rig.command(0x60);
    rig.send(saved);
    rig.send(0xee);
    expect(rig.answer()).toBe(0xfe);
    rig.command(0xa9);
    // psm(4) overlooks 0 to 3 and 0xFA.
    expect([0, 1, 2, 3, 0xfa]).not.toContain(rig.answer());
  });
});

describe("reset of the machine", () => {
  it.each([
    ["the pulse command 0xFE", (rig: KbcRig) => rig.command(0xfe)],
    ["any pulse of line 0", (rig: KbcRig) => rig.command(0xf0)],
    [
      "output port bit 0",
      (rig: KbcRig) => {
        rig.command(0xd1);
        rig.send(0x02);
      },
    ],
  ])("follows %s", (_name, ask) => {
    const rig = new KbcRig();
    ask(rig);
    expect(rig.resets).toBe(1);
  });

  it("follows no other pulse, and not an output port that only moves A20", () => {
    const rig = new KbcRig();
    rig.command(0xff);
    rig.command(0xd1);
    rig.send(0xdd);
    expect(rig.resets).toBe(0);
    rig.command(0xd0);
    expect(rig.answer()).toBe(0xdd);
  });
});

describe("a hostile guest", () => {
  it.each([1, 2, 3])("finds nothing that throws, and IRQ 1 keeps its books (seed %d)", (seed) => {
    const rig = new KbcRig();
    const random = new SeededRandom(seed);
    const bad: string[] = [];
    const report = (offset: number, size: number, value: number) =>
      bad.push(`${offset}/${size}: ${value}`);
    const targets = [
      { handler: rig.kbc.dataPort, length: 1 },
      { handler: rig.kbc.commandPort, length: 1 },
    ];
    readEverything(targets, report);
    attack(targets, 20_000, random, report);
    for (let command = 0; command < 256; command++) {
      rig.command(command);
      rig.send(command);
    }
    expect(bad).toEqual([]);
    expect(rig.irq.isUnbalanced).toBe(false);
    rig.kbc.reset();
    expect(rig.irq.level).toBe(0);
  });
});
