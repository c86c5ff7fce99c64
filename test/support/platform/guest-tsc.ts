// SPDX-License-Identifier: BSD-2-Clause
// A time-stamp counter on the machine's clock: a constant frequency and an offset modulo 2^64, which is what
// WRMSR to IA32_TIME_STAMP_COUNTER changes. Intel SDM 3B 18.17. One for each vCPU.
import type { Clock } from "../../../src/base/clock.ts";
import { nsAtTick, ticksAt } from "../../../src/base/frequency.ts";
import type { TscTime } from "../../../src/devices/platform/apic/apic-timer.ts";

export interface GuestTscOptions {
  readonly clock: Clock;
  readonly frequencyHz: number;
}

const TWO_32 = 0x1_0000_0000;

export class GuestTsc implements TscTime {
  readonly frequencyHz: number;
  /** What the last {@link sample} found, int32 halves. */
  low = 0;
  high = 0;
  /** What is added to the clock's ticks, unsigned halves. */
  private offsetLow = 0;
  private offsetHigh = 0;
  private readonly clock: Clock;

  constructor(options: GuestTscOptions) {
    this.clock = options.clock;
    this.frequencyHz = options.frequencyHz;
  }

  /** Puts the present value into `low` and `high`, without allocating. */
  sample(): void {
    const ticks = ticksAt(this.clock.now(), this.frequencyHz);
    const low = (ticks % TWO_32) + this.offsetLow;
    this.low = low | 0;
    this.high = (Math.floor(ticks / TWO_32) + this.offsetHigh + (low >= TWO_32 ? 1 : 0)) | 0;
  }

  /** Sets the counter; a local APIC that waits for a deadline is to be told (`timer.tscChanged`). */
  write(lo: number, hi: number): void {
    const ticks = ticksAt(this.clock.now(), this.frequencyHz);
    const low = (lo >>> 0) - (ticks % TWO_32);
    this.offsetLow = low >>> 0;
    this.offsetHigh = ((hi >>> 0) - Math.floor(ticks / TWO_32) - (low < 0 ? 1 : 0)) >>> 0;
  }

  nsAtTsc(lo: number, hi: number): number {
    this.sample();
    const ahead = ((hi >>> 0) - (this.high >>> 0)) * TWO_32 + (lo >>> 0) - (this.low >>> 0);
    const now = this.clock.now();
    if (ahead <= 0) return now;
    return nsAtTick(ticksAt(now, this.frequencyHz) + ahead, this.frequencyHz);
  }
}
