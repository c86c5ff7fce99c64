// SPDX-License-Identifier: BSD-2-Clause
import { type Clock, type Timer, TimerQueue } from "../../../src/base/clock.ts";

/** Guest time that moves when a test says so. */
export class ManualClock implements Clock {
  /** Nanoseconds; {@link advance} keeps timers in step, {@link stall} does not. */
  time: number;
  readonly #queue: TimerQueue;

  constructor(startNs = 0) {
    this.time = startNs;
    this.#queue = new TimerQueue(() => this.time);
  }

  now(): number {
    return this.time;
  }

  timer(fire: () => void): Timer {
    return this.#queue.timer(fire);
  }

  nextDeadline(): number {
    return this.#queue.nextDeadline();
  }

  /** Lets time pass, stopping at every deadline on the way: what an attentive run loop does. */
  advance(ns: number): void {
    const end = this.time + ns;
    for (let guard = 0; this.#queue.nextDeadline() <= end; guard++) {
      if (guard > 1_000_000) throw new Error("the timers never come to rest");
      this.time = Math.max(this.time, this.#queue.nextDeadline());
      this.#queue.runDue();
    }
    this.time = end;
  }

  /** Jumps ahead without looking at timers, then runs what is overdue: a guest that was stopped. */
  stall(ns: number): void {
    this.time += ns;
    this.#queue.runDue();
  }
}
