// SPDX-License-Identifier: BSD-2-Clause
// A debugger's breakpoints on linear addresses: nothing the guest can see, unlike DR0-DR3 (watch.ts).
//
// They cost nothing while there are none, and little else: a block of decoded code ends before a breakpoint,
// and one that starts at a breakpoint is never kept, so that every way there leads through the block builder.
// Blocks are found by physical address, and a page may be mapped twice: where blocks end, only an address's
// place in its page counts.

export class Breakpoints {
  /** High and low halves of the addresses, in pairs; few, so a scan will do. */
  #addresses: readonly (readonly [lo: number, hi: number])[] = [];
  /** Where the vCPU starts from is not a reason to stop: the instruction count at which it did. */
  #passedAt = -1;

  get isEmpty(): boolean {
    return this.#addresses.length === 0;
  }

  /** Replaces all of them. Decoded code has to be forgotten along with it. */
  set(addresses: Iterable<bigint>): void {
    this.#addresses = [...addresses].map((address) => [
      Number(BigInt.asIntN(32, address)),
      Number(BigInt.asIntN(32, address >> 32n)),
    ]);
  }

  /** A run begins: the first instruction is executed whether or not there is a breakpoint on it. */
  pass(retired: number): void {
    this.#passedAt = retired;
  }

  /** True if the vCPU, `retired` instructions on, is to stop in front of the one at this address. */
  stopsAt(lo: number, hi: number, retired: number): boolean {
    return this.has(lo, hi) && retired !== this.#passedAt;
  }

  has(lo: number, hi: number): boolean {
    return this.#addresses.some(([low, high]) => low === lo && high === hi);
  }

  /** True if blocks that start at this address are not to be kept. */
  splits(lo: number): boolean {
    return this.#addresses.some(([low]) => ((low ^ lo) & 0xfff) === 0);
  }

  /** Bytes from an address to where the next block has to begin; Infinity if it may go on to its page's end. */
  distance(lo: number): number {
    let nearest = Number.POSITIVE_INFINITY;
    for (const [low] of this.#addresses) {
      const ahead = (low & 0xfff) - (lo & 0xfff);
      if (ahead > 0) nearest = Math.min(nearest, ahead);
    }
    return nearest;
  }
}
