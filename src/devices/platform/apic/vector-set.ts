// SPDX-License-Identifier: BSD-2-Clause

/** A set of interrupt vectors, 0 … 255, that knows its highest member without a search: IRR, ISR, TMR. */
export class VectorSet {
  /** The registers as the guest reads them, 32 vectors each, lowest first. */
  readonly words = new Int32Array(8);
  /** Bit n is set when word n is not zero. */
  private summary = 0;

  has(vector: number): boolean {
    return (this.words[vector >>> 5] & (1 << (vector & 31))) !== 0;
  }

  add(vector: number): void {
    const word = vector >>> 5;
    this.words[word] |= 1 << (vector & 31);
    this.summary |= 1 << word;
  }

  delete(vector: number): void {
    const word = vector >>> 5;
    const rest = this.words[word] & ~(1 << (vector & 31));
    this.words[word] = rest;
    if (rest === 0) this.summary &= ~(1 << word);
  }

  /** The highest vector, -1 if the set is empty. */
  highest(): number {
    if (this.summary === 0) return -1;
    const word = 31 - Math.clz32(this.summary);
    return 32 * word + 31 - Math.clz32(this.words[word]);
  }

  clear(): void {
    this.words.fill(0);
    this.summary = 0;
  }
}
