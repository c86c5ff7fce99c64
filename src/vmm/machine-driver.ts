// SPDX-License-Identifier: BSD-2-Clause
// Runs a machine on a thread that has other things to do: in turns of the run loop, between which everybody
// else has theirs. A turn's length is counted in instructions and trips around the loop, not in time, so that on
// the virtual clock the same inputs give the same turns on any host.
import type { Timer } from "../base/clock.ts";
import { VmmError } from "../base/errors.ts";
import { pairToBigInt } from "../base/u64.ts";
import { RIP } from "../cpu/state-layout.ts";
import { VirtualClock } from "./clock.ts";
import { type Duration, durationNs } from "./duration.ts";
import type { Machine } from "./machine.ts";
import type { RunOutcome } from "./run-outcome.ts";

const TURN_INSTRUCTIONS = 250_000;
/** An idle guest's clock may jump from timer to timer without an instruction retired. */
const TURN_TRIPS = 20_000;
/** What a host's timer can count. */
const LONGEST_NAP_MS = 0x7fff_ffff;

/** The thread that the machine runs on, as seen from a turn. */
export interface Thread {
  /** Nanoseconds of a clock that never goes back. */
  now(): number;
  /** Lets everything that is ready have its turn. */
  yield(): Promise<void>;
  /** Resolves when `wake` is called, or after `timeoutMs`, which may be Infinity. */
  sleep(timeoutMs: number): { readonly done: Promise<void>; wake(): void };
}

export interface DriveOptions {
  /** Instructions to retire at most, from now. */
  readonly maxInstructions?: number;
  /** Guest time to run for at most, from now. */
  readonly timeout?: Duration;
  /** Stops the run; the promise rejects with its reason, and the machine can go on later. */
  readonly signal?: AbortSignal;
}

export interface DriverEvents {
  /** Behind every turn, before others have theirs. A promise holds the machine back. */
  readonly turned: () => void | Promise<void>;
  /** The guest waits for input, and has no timer that could wake it otherwise. */
  readonly idle: () => void;
}

export class MachineDriver {
  readonly #thread: Thread;
  readonly #events: DriverEvents;
  #machine: Machine | undefined;
  #timer: Timer | undefined;
  #isTimedOut = false;
  #isPaused = false;
  #isRunning = false;
  /** How long the guest wants to sleep, in milliseconds; undefined if it does not. */
  #napMs: number | undefined;
  #trips = 0;
  #wake: () => void = () => {};
  /** Something came from outside since the last turn began. */
  #isStirred = false;

  constructor(thread: Thread, events: DriverEvents) {
    this.#thread = thread;
    this.#events = events;
  }

  /** To be given to the machine as its host's `wait`: notes the wish, and takes the machine out of its loop. */
  wait(timeoutMs: number): void {
    this.#napMs = timeoutMs;
    this.#machine?.loop.stop();
  }

  /** To be called from the machine's `poll`. */
  poll(): void {
    if (++this.#trips === TURN_TRIPS) this.#machine?.loop.stop();
  }

  /** The machine to run from now on. */
  adopt(machine: Machine): void {
    this.#machine = machine;
    this.#timer = machine.clock.timer(() => {
      this.#isTimedOut = true;
      machine.loop.stop();
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Something came from outside: a sleeping machine has to look. */
  stir(): void {
    this.#isStirred = true;
    this.#wake();
  }

  /** Ends the run at the next opportunity; it can go on later. */
  pause(): void {
    if (!this.#isRunning) return;
    this.#isPaused = true;
    this.#machine?.loop.stop();
    this.#wake();
  }

  /** Runs until something ends it. Throws ERR_VM_STATE if it runs already. */
  async run(options: DriveOptions = {}): Promise<RunOutcome> {
    const machine = this.#machine;
    if (machine === undefined) throw new VmmError("ERR_INTERNAL", "there is no machine to run");
    if (this.#isRunning) throw new VmmError("ERR_VM_STATE", "the VM is running already");
    const { signal, timeout, maxInstructions = Number.POSITIVE_INFINITY } = options;
    signal?.throwIfAborted();
    const onAbort = () => this.pause();
    this.#isRunning = true;
    this.#isPaused = this.#isTimedOut = false;
    if (timeout !== undefined) this.#timer?.arm(machine.clock.now() + durationNs(timeout));
    signal?.addEventListener("abort", onAbort, { once: true });
    machine.vcpu.passBreakpoint();
    try {
      return await this.#turns(machine, machine.vcpu.retired + maxInstructions, signal);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#timer?.disarm();
      this.#isRunning = false;
    }
  }

  async #turns(machine: Machine, limit: number, signal?: AbortSignal): Promise<RunOutcome> {
    // Whoever started the run may want to wait for something before its first instruction.
    await this.#thread.yield();
    for (;;) {
      const outcome = this.#turn(machine, limit);
      await this.#events.turned();
      await this.#thread.yield();
      signal?.throwIfAborted();
      if (outcome !== undefined) return outcome;
      if (this.#isPaused) return { kind: "paused" };
      if (this.#napMs === undefined || this.#isStirred) continue;
      // Who can end the run must keep the process alive for it.
      await this.#nap(
        machine,
        Math.min(this.#napMs, signal === undefined ? Number.POSITIVE_INFINITY : LONGEST_NAP_MS),
      );
    }
  }

  /** Undefined if the run goes on. */
  #turn(machine: Machine, limit: number): RunOutcome | undefined {
    const { loop, vcpu } = machine;
    if (this.#isPaused) return { kind: "paused" };
    this.#trips = 0;
    this.#napMs = undefined;
    this.#isStirred = false;
    switch (loop.run(Math.min(limit, vcpu.retired + TURN_INSTRUCTIONS))) {
      case "suspended":
        return { kind: "suspended", how: machine.suspended! };
      case "exited":
        return { kind: "exited", status: machine.exitStatus! };
      case "debug": {
        const { s } = vcpu.cpu;
        return { kind: "breakpoint", address: pairToBigInt(s[RIP]!, s[RIP + 1]!) };
      }
      default:
        if (this.#isPaused) return { kind: "paused" };
        if (this.#isTimedOut) return { kind: "timeout" };
        return vcpu.retired >= limit ? { kind: "limit" } : undefined;
    }
  }

  async #nap(machine: Machine, timeoutMs: number): Promise<void> {
    const { clock, statistics } = machine;
    const before = clock.now();
    const began = this.#thread.now();
    if (timeoutMs >= LONGEST_NAP_MS) this.#events.idle();
    if (this.#isStirred || this.#isPaused) return;
    const { done, wake } = this.#thread.sleep(timeoutMs);
    this.#wake = wake;
    await done;
    this.#wake = () => {};
    if (clock instanceof VirtualClock && clock.isPaced) {
      const slept = this.#thread.now() - began;
      // A host's timer may be early by a fraction of a millisecond.
      clock.skip(this.#isStirred ? slept : Math.max(slept, timeoutMs * 1e6));
    }
    statistics.idleNs += clock.now() - before;
  }
}
