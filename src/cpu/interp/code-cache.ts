// SPDX-License-Identifier: BSD-2-Clause
// Decoded code: blocks of records (decode/record.ts), found by where their first byte lies in the machine's
// memory and by the mode they were decoded for, and forgotten when a byte they came from is written.
//
// A block is a header, its instructions' records, and one END record:
//   +0 OFFSET  place of the first byte in the machine's memory     +4 PAGE_NEXT  next block of the same page
//   +1 KEY     the mode it was decoded for                         +5 RUNS       times entered, or its unit (translation.ts)
//   +2 COUNT   instructions                                        +6 WORDS      of header and records
//   +3 HASH_NEXT                                                   +7 BYTES      of instructions
//
// Links between blocks never leave a page, so forgetting a page forgets every link into it. A block that is
// forgotten while it runs stops by itself: its records turn into OP_STALE.
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { PAGE_CODE, RAM_OFFSET } from "../../mmu/machine-layout.ts";
import type { Tlb } from "../../mmu/tlb.ts";
import { LINK, OP, RECORD_WORDS } from "../decode/record.ts";
import { OP_JUMPED, OP_JUMPED_SYNC, OP_STALE } from "./hot-ops.ts";

export const BLOCK_OFFSET = 0;
export const BLOCK_KEY = 1;
export const BLOCK_COUNT = 2;
export const BLOCK_HASH_NEXT = 3;
export const BLOCK_PAGE_NEXT = 4;
export const BLOCK_RUNS = 5;
export const BLOCK_WORDS = 6;
export const BLOCK_BYTES = 7;
export const BLOCK_HEADER = 8;

/** Most instructions of a block: an upper bound on how late a deadline can be noticed. */
export const MAX_BLOCK = 64;

/** Room for one block that is not kept: cut short by a deadline, or crossing a page. */
export const SCRATCH = 8;
const SCRATCH_WORDS = BLOCK_HEADER + (MAX_BLOCK + 1) * RECORD_WORDS;
const FIRST_BLOCK = SCRATCH + SCRATCH_WORDS;

const ARENA_WORDS = 24 * 1024 * 1024;
const HASH_BITS = 17;
/** A page's code is tracked in 32 pieces, so that data beside code can be written freely. */
const PIECE_SHIFT = 7;

export class CodeCache {
  readonly words = new Int32Array(ARENA_WORDS);
  /** How often blocks were forgotten because their bytes were written, and how often all were. */
  invalidations = 0;
  flushes = 0;

  /** Called when all blocks are forgotten. */
  onFlush: () => void = () => {};
  /** Called when the blocks of a page frame are stale. */
  onPageForgotten: (page: number) => void = () => {};

  readonly #memory: GuestMemory;
  readonly #tlb: Tlb;
  readonly #heads = new Int32Array(1 << HASH_BITS);
  readonly #pageHeads: Int32Array;
  readonly #pieces: Int32Array;
  #end = FIRST_BLOCK;

  constructor(memory: GuestMemory, tlb: Tlb) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#pageHeads = new Int32Array(memory.pageFlags.length);
    this.#pieces = new Int32Array(memory.pageFlags.length);
  }

  #hash(offset: number, key: number): number {
    return Math.imul(offset ^ (offset >>> 15) ^ (key << 12), 0x9e3779b1) >>> (32 - HASH_BITS);
  }

  /** The block that starts at a place, decoded for a mode; 0 if there is none. */
  find(offset: number, key: number): number {
    const words = this.words;
    let block = this.#heads[this.#hash(offset, key)]!;
    while (block !== 0) {
      if (words[block + BLOCK_OFFSET] === (offset | 0) && words[block + BLOCK_KEY] === key) {
        return block;
      }
      block = words[block + BLOCK_HASH_NEXT]!;
    }
    return 0;
  }

  /** Where the next block is to be built; forgets everything first when there is no room left. */
  reserve(): number {
    if (this.#end + SCRATCH_WORDS > ARENA_WORDS) this.flush();
    return this.#end;
  }

  /** Keeps the block that was built at {@link reserve}, from `bytes` bytes at `offset`, none past its page. */
  keep(block: number, offset: number, bytes: number, key: number): void {
    const words = this.words;
    this.#end = block + words[block + BLOCK_WORDS]!;
    const slot = this.#hash(offset, key);
    words[block + BLOCK_OFFSET] = offset;
    words[block + BLOCK_KEY] = key;
    words[block + BLOCK_RUNS] = 0;
    words[block + BLOCK_HASH_NEXT] = this.#heads[slot]!;
    this.#heads[slot] = block;
    words[block + BLOCK_PAGE_NEXT] = 0;
    const page = Math.floor((offset - RAM_OFFSET) / 4096);
    if (page >= this.#pageHeads.length) return; // ROM is never written
    words[block + BLOCK_PAGE_NEXT] = this.#pageHeads[page]!;
    this.#pageHeads[page] = block;
    this.#pieces[page] = this.#pieces[page]! | pieceMask(offset & 0xfff, bytes);
    const flags = this.#memory.pageFlags;
    if ((flags[page]! & PAGE_CODE) === 0) {
      flags[page] = flags[page]! | PAGE_CODE;
      this.#tlb.protectFrame(offset - (offset % 4096));
    }
  }

  /** Bytes of RAM change: `offset` is a place in the machine's memory. True if code was forgotten. */
  written(offset: number, length: number): boolean {
    const first = Math.floor((offset - RAM_OFFSET) / 4096);
    const last = Math.floor((offset - RAM_OFFSET + length - 1) / 4096);
    let isForgotten = false;
    for (let page = first; page <= last; page++) {
      if (this.#pageHeads[page] === 0) continue;
      const start = Math.max(offset - (RAM_OFFSET + page * 4096), 0);
      const end = Math.min(offset + length - (RAM_OFFSET + page * 4096), 4096);
      if ((this.#pieces[page]! & pieceMask(start, end - start)) === 0) continue;
      this.#forgetPage(page);
      isForgotten = true;
    }
    return isForgotten;
  }

  /** The blocks in the page of this place in memory, the latest first. */
  blocksBeside(offset: number): number[] {
    const blocks: number[] = [];
    const page = Math.floor((offset - RAM_OFFSET) / 4096);
    let block = this.#pageHeads[page] ?? 0;
    for (; block !== 0; block = this.words[block + BLOCK_PAGE_NEXT]!) blocks.push(block);
    return blocks;
  }

  #forgetPage(page: number): void {
    let block = this.#pageHeads[page]!;
    while (block !== 0) {
      const next = this.words[block + BLOCK_PAGE_NEXT]!;
      this.#unhash(block);
      this.#makeStale(block);
      block = next;
    }
    this.#pageHeads[page] = 0;
    this.#pieces[page] = 0;
    this.#memory.pageFlags[page] = this.#memory.pageFlags[page]! & ~PAGE_CODE;
    this.invalidations++;
    this.onPageForgotten(page);
  }

  #unhash(block: number): void {
    const words = this.words;
    const slot = this.#hash(words[block + BLOCK_OFFSET]!, words[block + BLOCK_KEY]!);
    let before = this.#heads[slot]!;
    if (before === block) {
      this.#heads[slot] = words[block + BLOCK_HASH_NEXT]!;
      return;
    }
    while (words[before + BLOCK_HASH_NEXT] !== block) before = words[before + BLOCK_HASH_NEXT]!;
    words[before + BLOCK_HASH_NEXT] = words[block + BLOCK_HASH_NEXT]!;
  }

  /** An END record behind an instruction that has set RIP stays: what it does is right either way. */
  #makeStale(block: number): void {
    const words = this.words;
    const end = block + words[block + BLOCK_WORDS]!;
    words[block + BLOCK_RUNS] = 0;
    for (let record = block + BLOCK_HEADER; record < end; record += RECORD_WORDS) {
      const op = words[record + OP]!;
      if (op === OP_JUMPED || op === OP_JUMPED_SYNC) words[record + LINK] = 0;
      else words[record + OP] = OP_STALE;
    }
  }

  /** Forgets every block. None may be running. */
  flush(): void {
    const flags = this.#memory.pageFlags;
    for (let page = 0; page < this.#pageHeads.length; page++) {
      if (this.#pageHeads[page] === 0) continue;
      this.#pageHeads[page] = 0;
      this.#pieces[page] = 0;
      flags[page] = flags[page]! & ~PAGE_CODE;
    }
    this.#heads.fill(0);
    this.#end = FIRST_BLOCK;
    this.flushes++;
    this.onFlush();
  }

  /** Words in use, of all there are: a statistic. */
  get usedWords(): number {
    return this.#end;
  }
}

/** The pieces that `length` bytes at `start` of a page touch. */
function pieceMask(start: number, length: number): number {
  const first = start >> PIECE_SHIFT;
  const last = (start + length - 1) >> PIECE_SHIFT;
  const count = last - first + 1;
  return (count === 32 ? -1 : (1 << count) - 1) << first;
}
