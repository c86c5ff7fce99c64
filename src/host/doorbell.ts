// SPDX-License-Identifier: BSD-2-Clause

/** One thread rings, another waits: a counter in shared memory that only grows. */
export class Doorbell {
  readonly buffer: SharedArrayBuffer;
  readonly #word: Int32Array;
  #seen: number;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer;
    this.#word = new Int32Array(buffer);
    this.#seen = Atomics.load(this.#word, 0);
  }

  ring(): void {
    Atomics.add(this.#word, 0, 1);
    Atomics.notify(this.#word, 0);
  }

  /** True if it rang since the last call. */
  answer(): boolean {
    const now = Atomics.load(this.#word, 0);
    if (now === this.#seen) return false;
    this.#seen = now;
    return true;
  }

  /** Sleeps until it rings, `timeoutMs` at the most. Returns at once if it rang since the last answer. */
  wait(timeoutMs: number): void {
    Atomics.wait(this.#word, 0, this.#seen, timeoutMs);
  }

  /** Resolves when it rings; at once if it has. For a thread that must not sleep. */
  async rung(): Promise<void> {
    const { async: isLater, value } = Atomics.waitAsync(this.#word, 0, this.#seen);
    if (isLater) await value;
  }
}
