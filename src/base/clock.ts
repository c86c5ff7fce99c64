// SPDX-License-Identifier: BSD-2-Clause
// Guest time. One clock stands behind the TSC and behind every timer of the machine, so that a guest
// that calibrates one against another always gets the same answer.

/** Guest time and the timers on it. Times are whole nanoseconds since the VM was made, below 2^53. */
export interface Clock {
  now(): number;
  /** A timer, not armed. `fire` is called with `now()` at or after the deadline, on the devices' thread. */
  timer(fire: () => void): Timer;
}

/** A one-shot alarm. It may be armed again from inside its own `fire`. */
export interface Timer {
  /** Nanoseconds on the clock that made it; `Infinity` while it is not armed. */
  readonly deadline: number;
  /** (Re)arms for an absolute time; one that lies in the past fires at the next opportunity. */
  arm(deadlineNs: number): void;
  disarm(): void;
}

interface QueuedTimer extends Timer {
  deadline: number;
  /** Order of arming: timers with equal deadlines fire in this order, on every host. */
  sequence: number;
  readonly fire: () => void;
}

/**
 * The clock's alarms over any source of time. A machine has a dozen timers, so a scan beats a heap.
 * The run loop asks {@link nextDeadline}, runs the guest up to it, and calls {@link runDue}.
 */
export class TimerQueue implements Clock {
  readonly now: () => number;
  readonly #timers: QueuedTimer[] = [];
  readonly #onChange: () => void;
  #sequence = 0;
  #next = Number.POSITIVE_INFINITY;

  /** `onChange` hears that the earliest deadline may have moved: a run loop in mid-slice must look again. */
  constructor(now: () => number, onChange: () => void = () => {}) {
    this.now = now;
    this.#onChange = onChange;
  }

  timer(fire: () => void): Timer {
    const queue = this;
    const timer: QueuedTimer = {
      deadline: Number.POSITIVE_INFINITY,
      sequence: 0,
      fire,
      arm(deadlineNs) {
        this.deadline = Math.max(0, Math.ceil(deadlineNs));
        this.sequence = queue.#sequence++;
        queue.#changed();
      },
      disarm() {
        if (this.deadline === Number.POSITIVE_INFINITY) return;
        this.deadline = Number.POSITIVE_INFINITY;
        queue.#changed();
      },
    };
    this.#timers.push(timer);
    return timer;
  }

  /** The earliest armed deadline, `Infinity` if none. */
  nextDeadline(): number {
    return this.#next;
  }

  /** Fires all that is due, in order of deadline, also what becomes due on the way. */
  runDue(): void {
    while (this.#next <= this.now()) {
      const due = this.#earliest();
      if (due === undefined) return;
      due.deadline = Number.POSITIVE_INFINITY;
      this.#changed();
      due.fire();
    }
  }

  #earliest(): QueuedTimer | undefined {
    let best: QueuedTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.deadline === Number.POSITIVE_INFINITY) continue;
      if (
        best === undefined ||
        timer.deadline < best.deadline ||
        (timer.deadline === best.deadline && timer.sequence < best.sequence)
      ) {
        best = timer;
      }
    }
    return best;
  }

  #changed(): void {
    const next = this.#earliest()?.deadline ?? Number.POSITIVE_INFINITY;
    if (next === this.#next) return;
    this.#next = next;
    this.#onChange();
  }
}
