// SPDX-License-Identifier: BSD-2-Clause
// The PC's 8254 interval timer: counter 0 raises IRQ 0, counter 1 was the memory refresh, counter 2 is the speaker's
// and is gated by port 0x61. The counters are in `pit-counter.ts`. bhyve (vmm/io/vatpit.c) has modes 0, 2, 3 and 4 with
// two-byte access only and ends the VM at anything else, counts mode 3 by ones, and takes a count of 0
// for 0xFFFF; this is the chip of the data sheet instead.
//
// IRQ 0 is an edge at each rise of OUT. A rise that is late (the guest was stopped, or asked for more than pacing.ts
// allows) is merged with those it is late for, and the next comes on the counter's own grid. Before the
// guest programs a counter it counts down at 100 Hz, as bhyve's do, and raises nothing.
import type { Clock, Timer } from "../../base/clock.ts";
import { nsAtTick, ticksAt } from "../../base/frequency.ts";
import type { Bus, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { type ByteRegisters, bytePorts } from "./byte-ports.ts";
import { MIN_INTERRUPT_SPACING_NS } from "./pacing.ts";
import { PitCounter } from "./pit-counter.ts";

export const PIT_HZ = 1193182;
const UNPROGRAMMED_COUNT = Math.floor(PIT_HZ / 100);
const RATE_GENERATOR = 2;
const LSB_THEN_MSB = 3;
const CONTROL_PORT = 3;
const READ_BACK = 3;

export interface Pit8254Options {
  readonly clock: Clock;
  /** IRQ 0. Pulsed. */
  readonly irq: IrqPin;
}

export class Pit8254 implements ByteRegisters {
  readonly counters = [new PitCounter(), new PitCounter(), new PitCounter()] as const;
  /** Ports 0x40 to 0x43. */
  readonly ports: BusHandler = bytePorts(this);
  private isIrqProgrammed = false;
  private readonly clock: Clock;
  private readonly irq: IrqPin;
  private readonly alarm: Timer;

  constructor(options: Pit8254Options) {
    this.clock = options.clock;
    this.irq = options.irq;
    this.alarm = this.clock.timer(() => this.outRose());
    this.reset();
  }

  attachTo(io: Bus): void {
    io.attach(0x40, 4, "pit", this.ports);
  }

  reset(): void {
    const tick = this.tick();
    this.isIrqProgrammed = false;
    this.alarm.disarm();
    for (const counter of this.counters) {
      counter.setGate(true, tick);
      counter.program(LSB_THEN_MSB, RATE_GENERATOR, false, tick);
      counter.writeByte(UNPROGRAMMED_COUNT & 0xff, tick);
      counter.writeByte(UNPROGRAMMED_COUNT >>> 8, tick);
    }
    this.setSpeakerGate(false);
  }

  /** The control port is write-only and floats. */
  readByte(offset: number): number {
    if (offset === CONTROL_PORT) return 0xff;
    return this.counters[offset]!.readByte(this.tick());
  }

  writeByte(offset: number, value: number): void {
    const tick = this.tick();
    if (offset === CONTROL_PORT) {
      this.writeControl(value, tick);
    } else if (offset === 0) {
      this.changeIrqCounter(tick, (counter) => counter.writeByte(value, tick));
    } else {
      this.counters[offset]!.writeByte(value, tick);
    }
  }

  /** The gate of counter 2: bit 0 of port 0x61. */
  setSpeakerGate(isHigh: boolean): void {
    this.counters[2].setGate(isHigh, this.tick());
  }

  /** OUT of counter 2: bit 5 of port 0x61. */
  get speakerOut(): boolean {
    return this.counters[2].out(this.tick());
  }

  /** The number of the present CLK pulse. */
  tick(): number {
    return ticksAt(this.clock.now(), PIT_HZ);
  }

  private writeControl(value: number, tick: number): void {
    const select = value >>> 6;
    const access = (value >>> 4) & 3;
    if (select === READ_BACK) {
      this.readBack(value, tick);
    } else if (access === 0) {
      this.counters[select]!.latchCount(tick);
    } else {
      const program = (counter: PitCounter) =>
        counter.program(access, (value >>> 1) & 7, (value & 1) !== 0, tick);
      if (select === 0) {
        this.isIrqProgrammed = true;
        this.changeIrqCounter(tick, program);
      } else {
        program(this.counters[select]!);
      }
    }
  }

  /** Bits 5 and 4 say, by being 0, that count and status are wanted; bits 3 to 1 say of which counters. */
  private readBack(value: number, tick: number): void {
    for (let i = 0; i < 3; i++) {
      if ((value & (2 << i)) === 0) continue;
      if ((value & 0x20) === 0) this.counters[i]!.latchCount(tick);
      if ((value & 0x10) === 0) this.counters[i]!.latchStatus(tick);
    }
  }

  /** Applies a change to counter 0, with the edge that the change itself or an alarm not yet noticed makes. */
  private changeIrqCounter(tick: number, change: (counter: PitCounter) => void): void {
    const counter = this.counters[0];
    const isOverdue = this.alarm.deadline <= this.clock.now();
    const wasHigh = counter.out(tick);
    change(counter);
    const rose = !wasHigh && counter.out(tick);
    if (this.isIrqProgrammed && (isOverdue || rose)) this.irq.pulse();
    this.schedule(0);
  }

  private outRose(): void {
    this.schedule(MIN_INTERRUPT_SPACING_NS);
    this.irq.pulse();
  }

  private schedule(spacingNs: number): void {
    const rise = this.counters[0].nextRise(this.tick());
    if (!this.isIrqProgrammed || rise === Number.POSITIVE_INFINITY) {
      this.alarm.disarm();
      return;
    }
    this.alarm.arm(Math.max(nsAtTick(rise, PIT_HZ), this.clock.now() + spacingNs));
  }
}
