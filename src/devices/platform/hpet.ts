// SPDX-License-Identifier: BSD-2-Clause
// The high-precision event timers: IA-PC HPET 1.0a with what bhyve offers (vmm/io/vhpet.c): a 32-bit counter of
// 16777216 Hz, eight timers, each periodic or one-shot, each to an I/O APIC pin 24 to 31 or as an MSI.
// The timers are in `hpet-timer.ts`.
//
// One alarm serves all eight, set for the earliest match that would interrupt. Matches that are late are one
// interrupt and the next is on the timer's grid (pacing.ts); the status bit of a timer whose interrupt is
// disabled is found when the guest looks. Left out: legacy replacement routes, 64-bit counting.
import type { Clock, Timer } from "../../base/clock.ts";
import { nsAtTick, ticksAt } from "../../base/frequency.ts";
import type { AccessSize, BusHandler } from "../bus.ts";
import type { MsiSink } from "../irq.ts";
import { HpetTimer } from "./hpet-timer.ts";
import type { PinProvider } from "./isa-irq.ts";
import { MIN_INTERRUPT_SPACING_NS } from "./pacing.ts";

export const HPET_HZ = 16777216;
export const HPET_WINDOW_BYTES = 0x400;
/** Low half of the capability register: vendor 8086, 8 timers, revision 1. The ACPI table repeats it. */
export const HPET_CAPABILITIES = 0x80860701;
const PERIOD_FEMTOSECONDS = Math.floor(1e15 / HPET_HZ);
const TIMERS = 8;
const ROUTES = 0xff000000;
const TWO_32 = 0x1_0000_0000;

const REG_CAPABILITIES = 0x000;
const REG_PERIOD = 0x004;
const REG_CONFIG = 0x010;
const REG_STATUS = 0x020;
const REG_COUNTER = 0x0f0;
const REG_TIMERS = 0x100;
const TIMER_STRIDE = 0x20;
const TIMER_CONFIG = 0x00;
const TIMER_ROUTES = 0x04;
const TIMER_COMPARATOR = 0x08;
const TIMER_FSB_VALUE = 0x10;
const TIMER_FSB_ADDRESS = 0x14;

const CONFIG_ENABLE = 1;

export interface HpetOptions {
  readonly clock: Clock;
  /** The I/O APIC. Its pins 24 to 31 are used. */
  readonly ioApic: PinProvider;
  readonly msi: MsiSink;
}

export class Hpet implements BusHandler {
  readonly timers: readonly HpetTimer[] = Array.from(
    { length: TIMERS },
    () => new HpetTimer(ROUTES),
  );
  isEnabled = false;
  /** The count at `baseTick` while it runs, or where it stands. */
  private baseCount = 0;
  private baseTick = 0;
  private readonly clock: Clock;
  private readonly ioApic: PinProvider;
  private readonly msi: MsiSink;
  private readonly alarm: Timer;

  constructor(options: HpetOptions) {
    this.clock = options.clock;
    this.ioApic = options.ioApic;
    this.msi = options.msi;
    this.alarm = this.clock.timer(() => {
      this.settle();
      this.schedule(MIN_INTERRUPT_SPACING_NS);
    });
  }

  reset(): void {
    this.isEnabled = false;
    this.baseCount = 0;
    for (const timer of this.timers) {
      timer.reset();
      this.drive(timer);
    }
    this.schedule(0);
  }

  /** Only aligned accesses of 32 bits (of 64, which the bus splits) mean anything; other reads give 0. */
  read(offset: number, size: AccessSize): number {
    if (offset === REG_COUNTER && size === 4) return this.count() % TWO_32;
    if (size !== 4 || offset % 4 !== 0) return 0;
    if (offset >= REG_TIMERS) return this.readTimer(offset);
    switch (offset) {
      case REG_CAPABILITIES:
        return HPET_CAPABILITIES;
      case REG_PERIOD:
        return PERIOD_FEMTOSECONDS;
      case REG_CONFIG:
        return this.isEnabled ? CONFIG_ENABLE : 0;
      case REG_STATUS:
        return this.readStatus();
      default:
        return 0;
    }
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0) return;
    this.settle();
    if (offset >= REG_TIMERS) this.writeTimer(offset, value);
    else if (offset === REG_CONFIG) this.setEnabled((value & CONFIG_ENABLE) !== 0);
    else if (offset === REG_STATUS) this.clearStatus(value);
    else if (offset === REG_COUNTER) this.setCount(value);
    this.schedule(0);
  }

  private readTimer(offset: number): number {
    const timer = this.timers[Math.floor((offset - REG_TIMERS) / TIMER_STRIDE)];
    if (timer === undefined) return 0;
    switch (offset % TIMER_STRIDE) {
      case TIMER_CONFIG:
        return timer.visibleConfig;
      case TIMER_ROUTES:
        return ROUTES;
      case TIMER_COMPARATOR:
        this.settle();
        return timer.comparator;
      case TIMER_FSB_VALUE:
        return timer.fsbValue;
      case TIMER_FSB_ADDRESS:
        return timer.fsbAddress;
      default:
        return 0;
    }
  }

  private writeTimer(offset: number, value: number): void {
    const timer = this.timers[Math.floor((offset - REG_TIMERS) / TIMER_STRIDE)];
    if (timer === undefined) return;
    switch (offset % TIMER_STRIDE) {
      case TIMER_CONFIG:
        timer.writeConfig(value);
        this.drive(timer);
        break;
      case TIMER_COMPARATOR:
        if (timer.writeComparator(value) && this.isEnabled) timer.start(this.count());
        break;
      case TIMER_FSB_VALUE:
        timer.fsbValue = value;
        break;
      case TIMER_FSB_ADDRESS:
        timer.fsbAddress = value;
        break;
    }
  }

  private readStatus(): number {
    this.settle();
    let status = 0;
    this.timers.forEach((timer, index) => {
      if (timer.isActive) status |= 1 << index;
    });
    return status;
  }

  /** Writing 1 ends a level-triggered interrupt. */
  private clearStatus(bits: number): void {
    this.timers.forEach((timer, index) => {
      if ((bits & (1 << index)) === 0) return;
      timer.isActive = false;
      this.drive(timer);
    });
  }

  private setEnabled(isEnabled: boolean): void {
    if (isEnabled === this.isEnabled) return;
    this.setCount(this.count() % TWO_32);
    this.isEnabled = isEnabled;
    for (const timer of this.timers) {
      if (isEnabled) timer.start(this.baseCount);
      else timer.stop();
    }
  }

  private setCount(value: number): void {
    this.baseCount = value;
    this.baseTick = ticksAt(this.clock.now(), HPET_HZ);
    if (!this.isEnabled) return;
    for (const timer of this.timers) timer.start(value);
  }

  /** The main counter as it would be if it never wrapped. */
  private count(): number {
    if (!this.isEnabled) return this.baseCount;
    return this.baseCount + ticksAt(this.clock.now(), HPET_HZ) - this.baseTick;
  }

  /** Carries out every match there has been. */
  private settle(): void {
    if (!this.isEnabled) return;
    const count = this.count();
    for (const timer of this.timers) {
      if (timer.takeMatch(count)) this.matched(timer);
    }
  }

  private matched(timer: HpetTimer): void {
    if (timer.isLevel) {
      timer.isActive = true;
      this.drive(timer);
    } else if (!timer.isInterruptEnabled) {
      return;
    } else if (timer.isFsb) {
      this.msi.send(timer.fsbAddress, timer.fsbValue);
    } else if (timer.route !== 0) {
      this.ioApic.pin(timer.route).pulse();
    }
  }

  /** Holds the pin up that an active level-triggered timer is routed to, and no other. */
  private drive(timer: HpetTimer): void {
    const isUp = timer.isActive && timer.isInterruptEnabled && timer.route !== 0;
    const pin = isUp ? timer.route : -1;
    if (pin === timer.heldPin) return;
    if (timer.heldPin >= 0) this.ioApic.pin(timer.heldPin).deassert();
    timer.heldPin = pin;
    if (pin >= 0) this.ioApic.pin(pin).assert();
  }

  /** Sets the alarm for the earliest match that would interrupt, no sooner than `spacingNs` from now. */
  private schedule(spacingNs: number): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const timer of this.timers) {
      const isHeard = timer.isInterruptEnabled && (timer.route !== 0 || timer.isFsb);
      if (isHeard && !timer.isActive) earliest = Math.min(earliest, timer.nextMatch);
    }
    if (earliest === Number.POSITIVE_INFINITY) {
      this.alarm.disarm();
      return;
    }
    const ns = nsAtTick(this.baseTick + earliest - this.baseCount, HPET_HZ);
    this.alarm.arm(Math.max(ns, this.clock.now() + spacingNs));
  }
}
