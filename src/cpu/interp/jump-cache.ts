// SPDX-License-Identifier: BSD-2-Clause
// From RIP to a block without a translation: a direct-mapped cache for targets that are not linked. An
// entry holds while the address space and privilege (the TLB's context) and the decoding mode are the same.
// All entries of one page lie together, so that forgetting a page is cheap.

const PAGE_BITS = 7;
const IN_PAGE_BITS = 6;
const STRIDE = 4;

export class JumpCache {
  // (RIP low, RIP high, context and mode, block)
  readonly #entries = new Int32Array(STRIDE << (PAGE_BITS + IN_PAGE_BITS));

  #group(lo: number, hi: number): number {
    const page = (lo >>> 12) ^ (lo >>> 19) ^ hi;
    return (page & ((1 << PAGE_BITS) - 1)) << IN_PAGE_BITS;
  }

  #index(lo: number, hi: number): number {
    const place = (lo ^ (lo >>> 6)) & ((1 << IN_PAGE_BITS) - 1);
    return (this.#group(lo, hi) | place) * STRIDE;
  }

  /** The block, 0 if it is not known. */
  find(lo: number, hi: number, context: number, key: number): number {
    const entries = this.#entries;
    const index = this.#index(lo, hi);
    if (
      entries[index] === lo &&
      entries[index + 1] === hi &&
      entries[index + 2] === (context ^ (key << 28))
    ) {
      return entries[index + 3]!;
    }
    return 0;
  }

  keep(lo: number, hi: number, context: number, key: number, block: number): void {
    const entries = this.#entries;
    const index = this.#index(lo, hi);
    entries[index] = lo;
    entries[index + 1] = hi;
    entries[index + 2] = context ^ (key << 28);
    entries[index + 3] = block;
  }

  forgetPage(lo: number, hi: number): void {
    const first = this.#group(lo, hi) * STRIDE;
    this.#entries.fill(0, first, first + (STRIDE << IN_PAGE_BITS));
  }

  clear(): void {
    this.#entries.fill(0);
  }
}
