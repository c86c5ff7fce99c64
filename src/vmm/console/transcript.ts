// SPDX-License-Identifier: BSD-2-Clause

const BATCH = 1024;

/**
 * What a guest has written, as text, by position from the very first unit. UTF-8 that is broken shows as
 * U+FFFD. Only the last `keep` units, or up to twice as many, are kept: a guest must not fill the host's memory.
 */
export class Transcript {
  readonly #keep: number;
  #decoder = new TextDecoder();
  #isInSequence = false;
  #text = "";
  /** Written, and not joined to the text yet: joining one by one would be quadratic. */
  #units: number[] = [];
  #dropped = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  /** Position of the first unit that is still there. */
  get start(): number {
    return this.#dropped;
  }

  get end(): number {
    return this.#dropped + this.#text.length + this.#units.length;
  }

  /** One byte of the guest's; the units that it completes, most often one. */
  write(byte: number): string {
    if (byte < 0x80 && !this.#isInSequence) {
      this.#append(byte);
      return String.fromCharCode(byte);
    }
    const decoded = this.#decoder.decode(Uint8Array.of(byte), { stream: true });
    this.#isInSequence = decoded === "" || byte >= 0x80;
    for (let i = 0; i < decoded.length; i++) this.#append(decoded.charCodeAt(i));
    return decoded;
  }

  /** The text between two positions, as far as it is kept. */
  slice(from: number, to = this.end): string {
    this.#join();
    return this.#text.slice(Math.max(0, from - this.#dropped), Math.max(0, to - this.#dropped));
  }

  #append(unit: number): void {
    this.#units.push(unit);
    if (this.#units.length >= BATCH) this.#join();
  }

  #join(): void {
    if (this.#units.length === 0) return;
    this.#text += String.fromCharCode(...this.#units);
    this.#units = [];
    if (this.#text.length <= 2 * this.#keep) return;
    const excess = this.#text.length - this.#keep;
    this.#text = this.#text.slice(excess);
    this.#dropped += excess;
  }
}
