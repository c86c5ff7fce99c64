// SPDX-License-Identifier: BSD-2-Clause
// The two kinds of guest time. On the virtual clock a nanosecond is an instruction retired, and an idle
// guest jumps to its next timer: the same inputs give the same run on any host. The host clock follows real
// time, for people at a terminal.
import { TimerQueue } from "../base/clock.ts";

/** What the host offers to a clock and to an idle machine. */
export interface HostTime {
  /** Nanoseconds of a clock that never goes back, from any origin. */
  now(): number;
  /** Sleeps until something happens on the host's side, `timeoutMs` at the most. */
  wait(timeoutMs: number): void;
}

export interface VmClock extends TimerQueue {
  readonly kind: "virtual" | "host";
  /** How many instructions may run before the next deadline has to be looked at; at least 1. */
  budget(): number;
  /**
   * The guest waits for an interrupt. True: time has moved on, or the host woke us; look again. False: there
   * is no timer and will be none, and the host has nothing either.
   */
  idle(): boolean;
}

/** Instructions between looks at the host: its input, and a stop request. */
const SLICE = 500_000;

const NS_PER_MS = 1e6;

export class VirtualClock extends TimerQueue implements VmClock {
  readonly kind = "virtual";
  readonly #retired: () => number;
  readonly #host: HostTime;
  /** Guest time that passed while nothing was executed. */
  #skippedNs = 0;
  /**
   * An idle guest waits in real time, as somebody may be about to type: the host sleeps, and says with
   * {@link skip} for how long.
   */
  isPaced = false;

  /** `retired` counts the vCPU's instructions; `onChange` hears that the next deadline moved. */
  constructor(retired: () => number, host: HostTime, onChange: () => void) {
    super(() => this.#skippedNs + retired(), onChange);
    this.#retired = retired;
    this.#host = host;
  }

  budget(): number {
    return Math.max(1, Math.min(SLICE, this.nextDeadline() - this.now()));
  }

  idle(): boolean {
    const deadline = this.nextDeadline();
    if (deadline === Number.POSITIVE_INFINITY) {
      // Only the host can wake this guest. Time stands still until it does.
      this.#host.wait(Number.POSITIVE_INFINITY);
      return true;
    }
    if (this.isPaced) {
      this.#host.wait(Math.max(0, deadline - this.now()) / NS_PER_MS);
      return true;
    }
    this.#skippedNs = Math.max(this.#skippedNs, deadline - this.#retired());
    return true;
  }

  /** Time passes for a guest that is asleep: `ns` of it, but none beyond the next timer. */
  skip(ns: number): void {
    const ahead = Math.max(0, this.nextDeadline() - this.now());
    this.#skippedNs += Math.floor(Math.min(ns, ahead));
  }
}

/** Aim of a slice on the host clock: how late a timer may be noticed. */
const SLICE_NS = 500_000;

export class HostClock extends TimerQueue implements VmClock {
  readonly kind = "host";
  readonly #host: HostTime;
  readonly #retired: () => number;
  /** Instructions a nanosecond, as lately measured. */
  #rate = 0.02;
  #lastNs = 0;
  #lastRetired = 0;

  constructor(retired: () => number, host: HostTime, onChange: () => void) {
    const origin = host.now();
    super(() => Math.floor(host.now() - origin), onChange);
    this.#host = host;
    this.#retired = retired;
  }

  budget(): number {
    const now = this.now();
    const retired = this.#retired();
    const elapsed = now - this.#lastNs;
    if (retired > this.#lastRetired && elapsed > 0) {
      const latest = (retired - this.#lastRetired) / elapsed;
      this.#rate = 0.75 * this.#rate + 0.25 * Math.min(latest, 10);
    }
    this.#lastNs = now;
    this.#lastRetired = retired;
    const ahead = Math.min(SLICE_NS, this.nextDeadline() - now);
    return Math.max(1000, Math.min(SLICE, Math.floor(ahead * this.#rate)));
  }

  idle(): boolean {
    const ahead = this.nextDeadline() - this.now();
    if (ahead > 0) this.#host.wait(ahead / NS_PER_MS);
    // The time asleep says nothing about speed.
    this.#lastNs = this.now();
    this.#lastRetired = this.#retired();
    return true;
  }
}
