// SPDX-License-Identifier: BSD-2-Clause

/** The counts in a cluster, of 2^order bits each. Counts of less than a byte begin at a byte's low end. */
export class RefcountBlock {
  readonly offset: number;
  readonly bytes: Uint8Array;
  isDirty = false;
  readonly #order: number;
  readonly #view: DataView;

  /** Keeps `bytes`, which lie at `offset` of the file. */
  constructor(offset: number, bytes: Uint8Array, order: number) {
    this.offset = offset;
    this.bytes = bytes;
    this.#order = order;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Exact below 2^53, nearest above. */
  get(index: number): number {
    const order = this.#order;
    if (order < 3) {
      const bit = (index << order) & 7;
      return (this.bytes[(index << order) >> 3]! >> bit) & ((1 << (1 << order)) - 1);
    }
    const at = index << (order - 3);
    if (order === 3) return this.#view.getUint8(at);
    if (order === 4) return this.#view.getUint16(at);
    if (order === 5) return this.#view.getUint32(at);
    return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }

  /** A count that its bits can hold. */
  set(index: number, count: number): void {
    this.isDirty = true;
    const order = this.#order;
    const at = order < 3 ? (index << order) >> 3 : index << (order - 3);
    if (order < 3) {
      const bit = (index << order) & 7;
      const mask = ((1 << (1 << order)) - 1) << bit;
      this.bytes[at] = (this.bytes[at]! & ~mask) | (count << bit);
    } else if (order === 3) this.#view.setUint8(at, count);
    else if (order === 4) this.#view.setUint16(at, count);
    else if (order === 5) this.#view.setUint32(at, count);
    else {
      this.#view.setUint32(at, Math.floor(count / 2 ** 32));
      this.#view.setUint32(at + 4, count >>> 0);
    }
  }
}
