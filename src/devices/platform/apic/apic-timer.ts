// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's timer: one-shot, periodic and TSC-deadline. Intel SDM 3A 11.5.4. It counts bhyve's
// 134217728 Hz (vmm/io/vlapic.c), divided; counts are computed from the clock when they are asked for.
//
// Late expiries of the periodic mode are one interrupt, and the next is due on the grid (pacing.ts): the IRR bit
// they would set is the same one. A masked entry arms nothing, so a timer left running while masked costs
// nothing, and what expires meanwhile is lost, as the SDM has it.
import type { Clock, Timer } from "../../../base/clock.ts";
import { nsAtTick, ticksAt } from "../../../base/frequency.ts";
import { MIN_INTERRUPT_SPACING_NS } from "../pacing.ts";

const APIC_TIMER_HZ = 134217728;

const TIMER_ONE_SHOT = 0;
const TIMER_PERIODIC = 1;
const TIMER_TSC_DEADLINE = 2;

/** When the guest's TSC says what. The TSC's frequency and offset are behind it. */
export interface TscTime {
  /**
   * The first nanosecond of the clock at which the TSC is at or past (hi:lo), two int32 halves: at or before now
   * if it already is, `Infinity` if the clock never gets there.
   */
  nsAtTsc(lo: number, hi: number): number;
}

export interface ApicTimerOptions {
  readonly clock: Clock;
  /** Absent: no TSC-deadline mode, as in bhyve. */
  readonly tsc: TscTime | undefined;
  /** The timer ran out; its entry in the local vector table was not masked when it was armed. */
  readonly fire: () => void;
}

export class ApicTimer {
  /** The registers, unsigned. */
  initialCount = 0;
  divideConfiguration = 0;
  /** IA32_TSC_DEADLINE, int32 halves: zero when disarmed. */
  deadlineLo = 0;
  deadlineHi = 0;
  private mode = TIMER_ONE_SHOT;
  private isMasked = true;
  /** Counting, or it was when the one-shot count reached zero. */
  private isRunning = false;
  /** The undivided tick at which the count was `initialCount`. */
  private startTick = 0;
  /** Undivided ticks for one count. */
  private divisor = 2;
  private readonly clock: Clock;
  private readonly tsc: TscTime | undefined;
  private readonly fire: () => void;
  private readonly alarm: Timer;

  constructor(options: ApicTimerOptions) {
    this.clock = options.clock;
    this.tsc = options.tsc;
    this.fire = options.fire;
    this.alarm = options.clock.timer(() => this.expire());
  }

  reset(): void {
    this.initialCount = 0;
    this.divideConfiguration = 0;
    this.divisor = 2;
    this.mode = TIMER_ONE_SHOT;
    this.isMasked = true;
    this.stop();
  }

  /** The current-count register, unsigned. */
  currentCount(): number {
    if (!this.isRunning || this.mode === TIMER_TSC_DEADLINE) return 0;
    const elapsed = Math.floor((this.nowTick() - this.startTick) / this.divisor);
    if (this.mode === TIMER_PERIODIC) return this.initialCount - (elapsed % this.initialCount);
    return Math.max(0, this.initialCount - elapsed);
  }

  /** Starts the count; 0 stops it. The TSC-deadline mode ignores the register (SDM 3A 11.5.4.1). */
  writeInitialCount(value: number): void {
    if (this.mode === TIMER_TSC_DEADLINE) return;
    this.settle();
    this.initialCount = value;
    this.isRunning = value !== 0;
    this.startTick = this.nowTick();
    this.schedule(0);
  }

  /** A running count goes on from where it is, at the new rate. */
  writeDivide(value: number): void {
    this.settle();
    const count = this.currentCount();
    this.divideConfiguration = value;
    const code = ((value >>> 1) & 4) | (value & 3);
    this.divisor = 2 ** ((code + 1) & 7);
    this.restartFrom(count);
  }

  /** What the LVT timer entry says. Crossing into or out of TSC-deadline mode disarms the timer. */
  configure(mode: number, isMasked: boolean): void {
    this.settle();
    if (mode !== this.mode) {
      const count = this.currentCount();
      if (mode === TIMER_TSC_DEADLINE || this.mode === TIMER_TSC_DEADLINE) this.stop();
      this.mode = mode;
      this.restartFrom(count);
    }
    if (isMasked !== this.isMasked) {
      this.isMasked = isMasked;
      this.schedule(0);
    }
  }

  /** IA32_TSC_DEADLINE; other modes ignore it, 0 disarms, a deadline that has passed fires at once. */
  writeDeadline(lo: number, hi: number): void {
    if (this.mode !== TIMER_TSC_DEADLINE) return;
    this.settle();
    this.deadlineLo = lo | 0;
    this.deadlineHi = hi | 0;
    this.schedule(0);
  }

  /** To be called after the guest's TSC was set: the deadline stands, its time has changed. */
  tscChanged(): void {
    if (this.mode === TIMER_TSC_DEADLINE) this.schedule(0);
  }

  private expire(): void {
    if (this.mode === TIMER_TSC_DEADLINE) {
      this.deadlineLo = 0;
      this.deadlineHi = 0;
    } else if (this.mode === TIMER_PERIODIC) {
      this.schedule(MIN_INTERRUPT_SPACING_NS);
    }
    this.fire();
  }

  /** Goes on counting from `count` with the present divisor and mode; a finished count stays finished. */
  private restartFrom(count: number): void {
    if (!this.isRunning) return;
    this.isRunning = count !== 0;
    this.startTick = this.nowTick() - (this.initialCount - count) * this.divisor;
    this.schedule(0);
  }

  private stop(): void {
    this.isRunning = false;
    this.deadlineLo = 0;
    this.deadlineHi = 0;
    this.alarm.disarm();
  }

  /** Arms the alarm for the next expiry that is more than `spacingNs` from now. */
  private schedule(spacingNs: number): void {
    if (this.mode === TIMER_TSC_DEADLINE) {
      this.scheduleDeadline();
      return;
    }
    if (!this.isRunning || this.isMasked) {
      this.alarm.disarm();
      return;
    }
    const after = ticksAt(this.clock.now() + spacingNs, APIC_TIMER_HZ);
    const period = this.initialCount * this.divisor;
    let expiry = this.startTick + period;
    if (expiry <= after) {
      if (this.mode !== TIMER_PERIODIC) {
        this.alarm.disarm();
        return;
      }
      expiry += (Math.floor((after - expiry) / period) + 1) * period;
    }
    this.alarm.arm(nsAtTick(expiry, APIC_TIMER_HZ));
  }

  private scheduleDeadline(): void {
    if (this.tsc === undefined || (this.deadlineLo | this.deadlineHi) === 0) {
      this.alarm.disarm();
      return;
    }
    const ns = this.tsc.nsAtTsc(this.deadlineLo, this.deadlineHi);
    if (ns > this.clock.now()) {
      this.alarm.arm(ns);
    } else {
      this.alarm.disarm();
      this.expire();
    }
  }

  /** Fires what is due and was not noticed yet, before a register write forgets it. */
  private settle(): void {
    const { deadline } = this.alarm;
    // The host's clock takes longer to read than the rest of the register write.
    if (deadline === Number.POSITIVE_INFINITY || deadline > this.clock.now()) return;
    this.alarm.disarm();
    this.expire();
  }

  private nowTick(): number {
    return ticksAt(this.clock.now(), APIC_TIMER_HZ);
  }
}
