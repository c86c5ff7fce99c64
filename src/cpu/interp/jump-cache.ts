// SPDX-License-Identifier: BSD-2-Clause
// From RIP to a block without a translation: a direct-mapped cache for targets that are not linked. An
// entry holds while the address space and privilege (the TLB's context) and the decoding mode are the same.
// It lies in the machine's memory, so that translated code can probe it, too.
//
//   entry, 32 bytes: +0 i64 RIP   +8 i32 context and mode   +12 i32 block   +16 i32 translation (0: none)
//
// All entries of one page lie together, so that forgetting a page is cheap.
import { JUMP_CACHE_OFFSET } from "../../mmu/machine-layout.ts";

export const JUMP_PAGE_BITS = 9;
export const JUMP_IN_PAGE_BITS = 8;
/** By how much an address is moved to be mixed with itself, for the page and for the place in it. */
export const JUMP_PAGE_FOLD = 21;
export const JUMP_IN_PAGE_FOLD = 4;
export const JUMP_STRIDE = 8;
export const JUMP_RIP = 0;
export const JUMP_CONTEXT = 2;
export const JUMP_BLOCK = 3;
export const JUMP_UNIT = 4;
/** The mode is above the context's bits. */
export const JUMP_KEY_SHIFT = 28;

const ENTRIES = 1 << (JUMP_PAGE_BITS + JUMP_IN_PAGE_BITS);
export const JUMP_CACHE_BYTES = 4 * JUMP_STRIDE * ENTRIES;

export class JumpCache {
  readonly #entries: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#entries = new Int32Array(buffer, JUMP_CACHE_OFFSET, ENTRIES * JUMP_STRIDE);
  }

  #group(lo: number, hi: number): number {
    const page = (lo >>> 12) ^ (lo >>> JUMP_PAGE_FOLD) ^ hi;
    return (page & ((1 << JUMP_PAGE_BITS) - 1)) << JUMP_IN_PAGE_BITS;
  }

  #index(lo: number, hi: number): number {
    const place = (lo ^ (lo >>> JUMP_IN_PAGE_FOLD)) & ((1 << JUMP_IN_PAGE_BITS) - 1);
    return (this.#group(lo, hi) | place) * JUMP_STRIDE;
  }

  /** The block, 0 if it is not known. */
  find(lo: number, hi: number, context: number, key: number): number {
    const entries = this.#entries;
    const index = this.#index(lo, hi);
    if (
      entries[index + JUMP_RIP] === lo &&
      entries[index + JUMP_RIP + 1] === hi &&
      entries[index + JUMP_CONTEXT] === (context ^ (key << JUMP_KEY_SHIFT))
    ) {
      return entries[index + JUMP_BLOCK]!;
    }
    return 0;
  }

  /** `unit` is the block's translation, 0 if it has none. */
  keep(
    at: { readonly lo: number; readonly hi: number },
    context: number,
    key: number,
    block: number,
    unit: number,
  ): void {
    const entries = this.#entries;
    const index = this.#index(at.lo, at.hi);
    entries[index + JUMP_RIP] = at.lo;
    entries[index + JUMP_RIP + 1] = at.hi;
    entries[index + JUMP_CONTEXT] = context ^ (key << JUMP_KEY_SHIFT);
    entries[index + JUMP_BLOCK] = block;
    entries[index + JUMP_UNIT] = unit;
  }

  forgetPage(lo: number, hi: number): void {
    const first = this.#group(lo, hi) * JUMP_STRIDE;
    this.#entries.fill(0, first, first + (JUMP_STRIDE << JUMP_IN_PAGE_BITS));
  }

  clear(): void {
    this.#entries.fill(0);
  }
}
