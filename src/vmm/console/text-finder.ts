// SPDX-License-Identifier: BSD-2-Clause

/** Finds a text in a stream of UTF-16 units, one by one, in constant time each (Knuth, Morris and Pratt). */
export class TextFinder {
  readonly #needle: string;
  /** Length of the longest proper prefix of the first i + 1 units that is also their suffix. */
  readonly #borders: Int32Array;
  #matched = 0;

  constructor(needle: string) {
    this.#needle = needle;
    this.#borders = new Int32Array(needle.length);
    for (let i = 1; i < needle.length; i++) {
      this.#borders[i] = this.#advance(this.#borders[i - 1]!, needle.charCodeAt(i));
    }
  }

  /** True if the needle ends with this unit. */
  feed(unit: number): boolean {
    if (this.#needle === "") return true;
    this.#matched = this.#advance(this.#matched, unit);
    if (this.#matched < this.#needle.length) return false;
    this.#matched = this.#borders[this.#matched - 1]!;
    return true;
  }

  #advance(matched: number, unit: number): number {
    let length = matched;
    while (length > 0 && this.#needle.charCodeAt(length) !== unit) {
      length = this.#borders[length - 1]!;
    }
    return this.#needle.charCodeAt(length) === unit ? length + 1 : length;
  }
}
