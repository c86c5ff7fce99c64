// SPDX-License-Identifier: BSD-2-Clause
import { hex } from "./bits.ts";
import { VmmError } from "./errors.ts";

/** Half-open: `start` … `start + length - 1`. */
export interface Range<T> {
  readonly start: number;
  readonly length: number;
  /** Who holds it: the words an overlap is reported with. */
  readonly name: string;
  readonly value: T;
}

/** Non-overlapping address windows, found in O(log n). Addresses are safe integers. */
export class RangeMap<T> {
  readonly #ranges: Range<T>[] = [];

  /** Throws ERR_BUS_OVERLAP, naming both sides, if any address is taken already. */
  add(range: Range<T>): void {
    const clash = this.overlapping(range.start, range.length);
    if (clash !== undefined) throw overlap(range, clash);
    this.#ranges.splice(this.#firstAfter(range.start), 0, range);
  }

  /** A range that holds any of the `length` addresses from `start` on. */
  overlapping(start: number, length: number): Range<T> | undefined {
    const index = this.#firstAfter(start);
    const before = this.#ranges[index - 1];
    if (before !== undefined && before.start + before.length > start) return before;
    const after = this.#ranges[index];
    return after !== undefined && start + length > after.start ? after : undefined;
  }

  /** Removes the range that starts there; false if there is none. */
  remove(start: number): boolean {
    const index = this.#firstAfter(start) - 1;
    if (this.#ranges[index]?.start !== start) return false;
    this.#ranges.splice(index, 1);
    return true;
  }

  /** The range that holds `address`. */
  find(address: number): Range<T> | undefined {
    const range = this.#ranges[this.#firstAfter(address) - 1];
    return range !== undefined && address < range.start + range.length ? range : undefined;
  }

  [Symbol.iterator](): IterableIterator<Range<T>> {
    return this.#ranges.values();
  }

  /** Index of the first range that starts above `address`. */
  #firstAfter(address: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function overlap(range: Range<unknown>, clash: Range<unknown>): VmmError {
  const span = (r: Range<unknown>) => `${hex(r.start)}-${hex(r.start + r.length - 1)}`;
  return new VmmError(
    "ERR_BUS_OVERLAP",
    `${range.name} at ${span(range)} overlaps ${clash.name} at ${span(clash)}`,
  );
}
