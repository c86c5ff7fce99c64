// SPDX-License-Identifier: BSD-2-Clause
import { TimerQueue } from "../../src/base/clock.ts";

/** Guest time that stands still until the test moves it. */
export class ManualClock extends TimerQueue {
  readonly #time: { ns: number };

  constructor() {
    const time = { ns: 0 };
    super(() => time.ns);
    this.#time = time;
  }

  /** Moves time on, stopping at every deadline on the way. */
  advance(ns: number): void {
    const end = this.#time.ns + ns;
    while (this.nextDeadline() <= end) {
      this.#time.ns = Math.max(this.#time.ns, this.nextDeadline());
      this.runDue();
    }
    this.#time.ns = end;
  }
}
