// SPDX-License-Identifier: BSD-2-Clause
// The real-time clock and its 128 bytes of battery-backed memory: Motorola MC146818A, with bhyve's memory-size cells
// (vmm/io/vrtc.c, bhyve/rtc.c). The calendar is in `rtc-calendar.ts`.
//
// Nothing ticks: the time, and which of the flags in register C have come up, are computed when somebody looks. A timer
// runs only towards the next enabled interrupt. IRQ 8 stays high until register C is read, so lateness cannot
// heap interrupts up: what comes due meanwhile is one flag. The periodic interrupt stays on the divider's grid.
//
// As in bhyve, a date that does not exist stops the clock until the guest corrects it, and the day of the week follows
// from the date. Left out: square wave, daylight saving, divider settings other than 32.768 kHz (they stop the clock).
import type { Clock, Timer } from "../../base/clock.ts";
import { nsAtTick, ticksAt } from "../../base/frequency.ts";
import type { Bus, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { type ByteRegisters, bytePorts } from "./byte-ports.ts";
import { MIN_INTERRUPT_SPACING_NS } from "./pacing.ts";
import {
  nextAlarm,
  parseAlarm,
  parseTime,
  RTC_B_24_HOURS,
  RTC_CENTURY,
  RTC_SECONDS,
  RTC_YEAR,
  spellTime,
} from "./rtc-calendar.ts";

export const RTC_NVRAM_BYTES = 128;
const OSCILLATOR_HZ = 32768;
const NS_PER_SECOND = 1e9;
const HALF_SECOND_NS = 5e8;

const SECONDS_ALARM = 0x01;
const MINUTES_ALARM = 0x03;
const HOURS_ALARM = 0x05;
const REGISTER_A = 0x0a;
const REGISTER_B = 0x0b;
const REGISTER_C = 0x0c;
const REGISTER_D = 0x0d;
const FIRST_NVRAM = 0x0e;
const CELL_MEMORY_16M = 0x34;
const CELL_MEMORY_4G = 0x5b;

const A_UPDATE_IN_PROGRESS = 0x80;
const A_DIVIDER = 0x70;
const A_DIVIDER_32KHZ = 0x20;
const A_RATE = 0x0f;
const B_SET = 0x80;
const B_UPDATE_INTERRUPT = 0x10;
const B_SQUARE_WAVE = 0x08;
const FLAG_PERIODIC = 0x40;
const FLAG_ALARM = 0x20;
const FLAG_UPDATE = 0x10;
/** In B they enable, in C they tell. */
const INTERRUPTS = FLAG_PERIODIC | FLAG_ALARM | FLAG_UPDATE;
const C_INTERRUPT = 0x80;
const D_VALID = 0x80;

/** UIP comes up 244 µs before an update of 1984 µs (MC146818A table 6). */
const UPDATE_NS = 2_228_000;
const MEMORY_UNIT = 0x10000;
const MEMORY_16M = 0x1000000;
const MEMORY_3G = 0xc0000000;

export interface RtcOptions {
  readonly clock: Clock;
  /** IRQ 8. */
  readonly irq: IrqPin;
  /** UTC at time 0 of the clock: seconds since 1970. */
  readonly epochSeconds: number;
  /** What the guest's clock is ahead of UTC: bhyve shows local time unless told -u. */
  readonly zoneOffsetSeconds?: number;
  /** RAM below and above 4 GiB, for firmware's memory-size cells. */
  readonly lowMemoryBytes: number;
  readonly highMemoryBytes: number;
}

export class Rtc implements ByteRegisters {
  /** What the guest sees; the time in it is brought up to date when it is read. Register C holds the flags alone. */
  readonly registers = new Uint8Array(RTC_NVRAM_BYTES);
  /** Ports 0x70 and 0x71. */
  readonly ports: BusHandler = bytePorts(this);
  index = REGISTER_D;
  /** When the divider chain was at 0: seconds end at whole seconds from here. */
  private chainStartNs: number;
  /** The time at `baseSecond` of the divider chain. */
  private baseTime: number;
  private baseSecond = 0;
  /** The registers spell no time. */
  private isBroken = false;
  /** Seconds and oscillator ticks of the chain up to which flags have been raised. */
  private seenSecond = 0;
  private seenTick = 0;
  private isIrqHigh = false;
  private readonly clock: Clock;
  private readonly irq: IrqPin;
  private readonly zoneOffsetSeconds: number;
  private readonly alarm: Timer;

  constructor(options: RtcOptions) {
    this.clock = options.clock;
    this.irq = options.irq;
    this.zoneOffsetSeconds = options.zoneOffsetSeconds ?? 0;
    this.chainStartNs = this.clock.now();
    this.baseTime = Math.floor(options.epochSeconds) + this.zoneOffsetSeconds;
    this.alarm = this.clock.timer(() => this.settle());
    this.registers[REGISTER_A] = A_DIVIDER_32KHZ;
    this.registers[REGISTER_B] = RTC_B_24_HOURS;
    this.registers[REGISTER_D] = D_VALID;
    this.storeMemorySize(options.lowMemoryBytes, options.highMemoryBytes);
  }

  attachTo(io: Bus): void {
    io.attach(0x70, 2, "rtc", this.ports);
  }

  /** The RESET pin: no interrupts. Time and memory run on a battery. */
  reset(): void {
    this.advance();
    this.registers[REGISTER_B] &= ~(INTERRUPTS | B_SQUARE_WAVE);
    this.registers[REGISTER_C] = 0;
    this.index = REGISTER_D;
    this.settle();
  }

  /** UTC as the guest's clock has it, in seconds since 1970; where a broken date stopped it, the last that was not. */
  get time(): number {
    return this.localTime() - this.zoneOffsetSeconds;
  }

  /** Sets the clock from outside; false, and no change, while the guest is setting it. */
  setTime(epochSeconds: number): boolean {
    if (this.isHalted()) return false;
    this.advance();
    this.isBroken = false;
    this.startFrom(Math.floor(epochSeconds) + this.zoneOffsetSeconds);
    this.settle();
    return true;
  }

  /** A byte of memory; 0xFF beyond it. */
  readNvram(offset: number): number {
    if (offset < 0 || offset >= RTC_NVRAM_BYTES) return 0xff;
    return this.readRegister(offset);
  }

  /** Writes a byte of memory; false, and no change, where the clock's own registers are. */
  writeNvram(offset: number, value: number): boolean {
    if (offset < FIRST_NVRAM || offset >= RTC_NVRAM_BYTES || offset === RTC_CENTURY) return false;
    this.registers[offset] = value;
    return true;
  }

  /** The index cannot be read back. */
  readByte(offset: number): number {
    if (offset === 0) return 0xff;
    if (this.index !== REGISTER_C) return this.readRegister(this.index);
    this.advance();
    const flags = this.registers[REGISTER_C];
    const isInterrupting = (flags & this.registers[REGISTER_B] & INTERRUPTS) !== 0;
    this.registers[REGISTER_C] = 0;
    this.settle();
    return flags | (isInterrupting ? C_INTERRUPT : 0);
  }

  writeByte(offset: number, value: number): void {
    // Bit 7 of the index masks NMI, of which there is none from here.
    if (offset === 0) this.index = value & 0x7f;
    else this.writeRegister(this.index, value);
  }

  private readRegister(register: number): number {
    if (isTime(register)) this.refresh();
    if (register === REGISTER_A) return this.registers[REGISTER_A] | this.updateInProgress();
    return this.registers[register];
  }

  private writeRegister(register: number, value: number): void {
    this.advance();
    switch (register) {
      case REGISTER_A:
        this.writeRegisterA(value);
        break;
      case REGISTER_B:
        this.writeRegisterB(value);
        break;
      case REGISTER_C:
      case REGISTER_D:
        break;
      default:
        if (isTime(register)) this.writeTime(register, value);
        else this.registers[register] = value;
    }
    this.settle();
  }

  private writeRegisterA(value: number): void {
    const wasRunning = this.isDividing();
    this.holdTime();
    this.registers[REGISTER_A] = value & ~A_UPDATE_IN_PROGRESS;
    if (wasRunning || !this.isDividing()) return;
    // The first update follows the divider's reset by half a second (MC146818A, "Divider control").
    this.chainStartNs = this.clock.now() - HALF_SECOND_NS;
    this.baseSecond = 0;
    this.seenSecond = 0;
    this.seenTick = this.chainTick();
  }

  private writeRegisterB(value: number): void {
    const wasHalted = this.isHalted();
    this.refresh();
    this.holdTime();
    this.registers[REGISTER_B] = value;
    if (this.isHalted()) this.registers[REGISTER_B] &= ~B_UPDATE_INTERRUPT;
    else if (wasHalted) this.takeTime();
  }

  private writeTime(register: number, value: number): void {
    this.refresh();
    // The top bit of the seconds is read-only.
    this.registers[register] = register === RTC_SECONDS ? value & 0x7f : value;
    if (!this.isHalted()) this.takeTime();
  }

  /** Goes on from the time the guest has written, or stops if it is none. */
  private takeTime(): void {
    const time = parseTime(this.registers, this.registers[REGISTER_B]);
    this.isBroken = time === undefined;
    if (time !== undefined) this.startFrom(time);
  }

  private startFrom(time: number): void {
    this.baseTime = time;
    this.baseSecond = this.chainSecond();
  }

  /** Makes now the base, so that a change of what keeps the time going does not change the time. */
  private holdTime(): void {
    this.startFrom(this.localTime());
  }

  private localTime(): number {
    if (!this.isUpdating()) return this.baseTime;
    return this.baseTime + this.chainSecond() - this.baseSecond;
  }

  /** Brings the time registers up to date, unless they are the guest's or broken. */
  private refresh(): void {
    if (this.isHalted() || this.isBroken) return;
    spellTime(this.localTime(), this.registers, this.registers[REGISTER_B]);
  }

  private updateInProgress(): number {
    if (!this.isUpdating()) return 0;
    const intoSecond = (this.clock.now() - this.chainStartNs) % NS_PER_SECOND;
    return intoSecond >= NS_PER_SECOND - UPDATE_NS ? A_UPDATE_IN_PROGRESS : 0;
  }

  /** Raises the flags of everything that has happened since it was last called. */
  private advance(): void {
    if (!this.isDividing()) return;
    const second = this.chainSecond();
    const tick = this.chainTick();
    let flags = 0;
    if (this.isUpdating() && second > this.seenSecond) {
      flags |= FLAG_UPDATE;
      const time = this.localTime();
      if (this.alarmAfter(time - (second - this.seenSecond)) <= time) flags |= FLAG_ALARM;
    }
    const period = this.periodTicks();
    if (Math.floor(tick / period) > Math.floor(this.seenTick / period)) flags |= FLAG_PERIODIC;
    this.registers[REGISTER_C] |= flags;
    this.seenSecond = second;
    this.seenTick = tick;
  }

  /** Drives IRQ 8 as registers B and C say, and arms the timer for the next interrupt. */
  private settle(): void {
    this.advance();
    const enabled = this.registers[REGISTER_B] & INTERRUPTS;
    const isHigh = (this.registers[REGISTER_C] & enabled) !== 0;
    if (isHigh !== this.isIrqHigh) {
      this.isIrqHigh = isHigh;
      if (isHigh) this.irq.assert();
      else this.irq.deassert();
    }
    const next = isHigh ? Number.POSITIVE_INFINITY : this.nextInterruptNs(enabled);
    const now = this.clock.now();
    // Past 2^53 ns sums are rounded; a deadline rounded down to now would be met for ever.
    if (next === Number.POSITIVE_INFINITY) this.alarm.disarm();
    else this.alarm.arm(next > now ? next : now + MIN_INTERRUPT_SPACING_NS);
  }

  private nextInterruptNs(enabled: number): number {
    let next = Number.POSITIVE_INFINITY;
    const period = this.periodTicks();
    if ((enabled & FLAG_PERIODIC) !== 0 && this.isDividing() && Number.isFinite(period)) {
      const tick = (Math.floor(this.seenTick / period) + 1) * period;
      next = this.chainStartNs + nsAtTick(tick, OSCILLATOR_HZ);
    }
    if (!this.isUpdating()) return next;
    let seconds = Number.POSITIVE_INFINITY;
    if ((enabled & FLAG_UPDATE) !== 0) seconds = 1;
    else if ((enabled & FLAG_ALARM) !== 0) {
      const time = this.localTime();
      seconds = this.alarmAfter(time) - time;
    }
    return Math.min(next, this.chainStartNs + (this.seenSecond + seconds) * NS_PER_SECOND);
  }

  /** The first time later than `time` that the alarm matches, `Infinity` if it matches none. */
  private alarmAfter(time: number): number {
    const { registers } = this;
    const alarm = parseAlarm(
      registers[SECONDS_ALARM],
      registers[MINUTES_ALARM],
      registers[HOURS_ALARM],
      registers[REGISTER_B],
    );
    return alarm === undefined ? Number.POSITIVE_INFINITY : nextAlarm(alarm, time + 1);
  }

  /** Oscillator ticks between periodic interrupts, `Infinity` for none. Rates 1 and 2 repeat 8 and 9. */
  private periodTicks(): number {
    const rate = this.registers[REGISTER_A] & A_RATE;
    if (rate === 0) return Number.POSITIVE_INFINITY;
    return 2 ** (rate < 3 ? rate + 6 : rate - 1);
  }

  private isDividing(): boolean {
    return (this.registers[REGISTER_A] & A_DIVIDER) === A_DIVIDER_32KHZ;
  }

  private isHalted(): boolean {
    return (this.registers[REGISTER_B] & B_SET) !== 0;
  }

  private isUpdating(): boolean {
    return this.isDividing() && !this.isHalted() && !this.isBroken;
  }

  private chainSecond(): number {
    return Math.floor((this.clock.now() - this.chainStartNs) / NS_PER_SECOND);
  }

  private chainTick(): number {
    return ticksAt(this.clock.now() - this.chainStartNs, OSCILLATOR_HZ);
  }

  private storeMemorySize(lowBytes: number, highBytes: number): void {
    const low = (Math.min(lowBytes, MEMORY_3G) - MEMORY_16M) / MEMORY_UNIT;
    const high = highBytes / MEMORY_UNIT;
    const cell = (first: number, bytes: number, value: number) => {
      const whole = Math.max(0, Math.floor(value));
      for (let i = 0; i < bytes; i++) this.registers[first + i] = Math.floor(whole / 256 ** i);
    };
    cell(CELL_MEMORY_16M, 2, low);
    cell(CELL_MEMORY_4G, 3, high);
  }
}

function isTime(register: number): boolean {
  if (register === RTC_CENTURY) return true;
  const isAlarm =
    register === SECONDS_ALARM || register === MINUTES_ALARM || register === HOURS_ALARM;
  return register <= RTC_YEAR && !isAlarm;
}
