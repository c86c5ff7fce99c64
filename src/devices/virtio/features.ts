// SPDX-License-Identifier: BSD-2-Clause
// Feature bits and sets of them. VirtIO 1.2 §2.2, §6.

/** Descriptors may refer to tables of descriptors, §2.7.5.3. */
export const VIRTIO_F_INDIRECT_DESC = 28;
/** Both sides say at which index they want to be told, §2.7.7, §2.7.10. */
export const VIRTIO_F_EVENT_IDX = 29;
/** The driver follows version 1 of the specification; without it, it is a legacy one. */
export const VIRTIO_F_VERSION_1 = 32;
/** Single queues can be reset, §2.6.1. */
export const VIRTIO_F_RING_RESET = 40;

const WORDS = 4;

/** A set of feature bits 0–127, read and written in words of 32 as the transports do. */
export class FeatureSet {
  readonly #words = new Uint32Array(WORDS);

  constructor(bits: Iterable<number> = []) {
    for (const bit of bits) this.#words[bit >> 5]! |= 1 << (bit & 31);
  }

  has(bit: number): boolean {
    return ((this.#words[bit >> 5]! >>> (bit & 31)) & 1) === 1;
  }

  /** Bits 32·index and up; zero beyond the last one. */
  word(index: number): number {
    return this.#words[index] ?? 0;
  }

  /** Replaces a word; one beyond the last is ignored. */
  setWord(index: number, value: number): void {
    if (index < WORDS) this.#words[index] = value;
  }

  isSubsetOf(other: FeatureSet): boolean {
    return this.#words.every((word, index) => (word & ~other.word(index)) === 0);
  }

  clear(): void {
    this.#words.fill(0);
  }
}
