// SPDX-License-Identifier: BSD-2-Clause

/** A ring of bytes with a fixed capacity. It refuses what does not fit, so nothing is lost silently. */
export class ByteFifo {
  readonly #bytes: Uint8Array;
  #head = 0;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#length === this.#bytes.length;
  }

  /** Appends one byte; false, and no change, when full. */
  push(byte: number): boolean {
    if (this.isFull) return false;
    this.#bytes[(this.#head + this.#length) % this.#bytes.length] = byte;
    this.#length++;
    return true;
  }

  /** The oldest byte, left where it is; -1 when empty. */
  peek(): number {
    return this.#length === 0 ? -1 : this.#bytes[this.#head]!;
  }

  /** Takes the oldest byte; -1 when empty. */
  shift(): number {
    if (this.#length === 0) return -1;
    const byte = this.#bytes[this.#head]!;
    this.#head = (this.#head + 1) % this.#bytes.length;
    this.#length--;
    return byte;
  }

  clear(): void {
    this.#head = 0;
    this.#length = 0;
  }
}
