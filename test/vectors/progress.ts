// SPDX-License-Identifier: BSD-2-Clause
// Lines on standard error now and then, so that long runs show that they live and how far they are.

const INTERVAL_MS = 30_000;

export class Progress {
  readonly #start = Date.now();
  #next = this.#start + INTERVAL_MS;

  /** To be called as often as one likes; `text` is asked when a line is due. */
  report(text: () => string): void {
    const now = Date.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL_MS;
    process.stderr.write(`${Math.round((now - this.#start) / 1000)} s: ${text()}\n`);
  }
}
