// SPDX-License-Identifier: BSD-2-Clause
// Which translations are kept, and when they are forgotten: SDM 3A 4.10. Forgetting more than the manual
// asks is always allowed; each place that does says so.
import { TLB_CONTEXT, TLB_TABLE } from "./machine-layout.ts";
import type { Access } from "./page-fault.ts";
import {
  TABLE_SUPERVISOR,
  TABLE_SUPERVISOR_SMAP,
  TABLE_USER,
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_FETCH,
  TLB_FLAGS,
  TLB_GLOBAL,
  TLB_INVALID,
  TLB_LARGE,
  TLB_LISTED,
  TLB_READ,
  TLB_SET_ENTRIES,
  TLB_SET_WORDS,
  TLB_SETS,
  TLB_STRIDE,
  TLB_TABLE_WORDS,
  TLB_WORDS,
  TLB_WRITE,
} from "./tlb-layout.ts";

const ENTRY_MASK = TLB_ENTRIES - 1;
const NO_PCID = -1;

/** Who else remembers translations: the cache of decoded code. */
export interface TranslationListener {
  /** One page's translation is gone, in every address space. */
  pageForgotten(lo: number, hi: number): void;
  /** Numbers of contexts are about to be used again: whatever was kept under one must go. */
  contextsReused(): void;
}

/** Low bits of a context that tell the privilege apart; the rest is the address space. */
export const CONTEXT_PRIVILEGE_BITS = 2;

/** Contexts are numbered below this, so that two more fields fit beside one in 32 bits. */
const MAX_CONTEXTS = 1 << 24;

/** One address space's tables. Set 0 is the only one while CR4.PCIDE is clear. */
interface TlbSet {
  pcid: number;
  /** Counts uses, to find the set that was left longest ago. */
  lastUsed: number;
  /** Differs from every earlier value once anything in the set was forgotten wholesale. */
  context: number;
  /** 2 MiB page numbers between which pieces of large pages may be; empty if first > last. */
  firstLarge: number;
  lastLarge: number;
  /** Word indexes of the entries that may hold something: flushing looks at these alone. */
  readonly filled: Int32Array;
  filledCount: number;
}

/** The 2 MiB page of a linear address as a signed number. */
function largePageOf(lo: number, hi: number): number {
  return hi * 2048 + (lo >>> 21);
}

export class Tlb {
  readonly words: Int32Array;
  listener: TranslationListener = { pageForgotten() {}, contextsReused() {} };
  /** Word index of the table that the current privilege uses. */
  table = 0;
  /** Identifies address space and privilege: while it is the same, translations still hold. */
  context = 0;
  /** How often a single page was forgotten, which leaves the context as it is. */
  pageFlushes = 0;

  readonly #sets: TlbSet[];
  #current = 0;
  #privilege = TABLE_SUPERVISOR;
  #uses = 0;
  #contexts = 0;

  readonly #state: Int32Array;
  readonly #offset: number;

  /** `state` is the vCPU's block: its words TLB_TABLE and TLB_CONTEXT are kept up to date. */
  constructor(buffer: SharedArrayBuffer, offset: number, state: Int32Array) {
    this.#state = state;
    this.#offset = offset;
    this.words = new Int32Array(buffer, offset, TLB_WORDS);
    this.#sets = Array.from({ length: TLB_SETS }, () => ({
      pcid: NO_PCID,
      lastUsed: 0,
      context: this.#nextContext(),
      firstLarge: Number.POSITIVE_INFINITY,
      lastLarge: Number.NEGATIVE_INFINITY,
      filled: new Int32Array(TLB_SET_ENTRIES),
      filledCount: 0,
    }));
    this.#sets[0]!.pcid = 0;
    this.flushAll();
  }

  /** `privilege` is one of the TABLE_ constants. */
  setPrivilege(privilege: number): void {
    if (privilege === this.#privilege) return;
    this.#privilege = privilege;
    this.#selectTable();
  }

  #selectTable(): void {
    this.table = this.#current * TLB_SET_WORDS + this.#privilege * TLB_TABLE_WORDS;
    this.context =
      this.#sets[this.#current]!.context * (1 << CONTEXT_PRIVILEGE_BITS) + this.#privilege;
    this.#state[TLB_TABLE] = this.#offset + 4 * this.table;
    this.#state[TLB_CONTEXT] = this.context;
  }

  /** Word index of the entry that could hold a page, in the current table. */
  entryOf(lo: number): number {
    return this.table + ((lo >>> 12) & ENTRY_MASK) * TLB_STRIDE;
  }

  /**
   * Makes `access` (and reading) of one page hit. `addend` is its place in memory less the page's address.
   * What the entry said of another page is forgotten, of this one kept.
   */
  fill(lo: number, hi: number, access: Access, addend: number, flags: number): void {
    const words = this.words;
    const entry = this.entryOf(lo);
    const page = lo & -4096;
    if (words[entry + TLB_ADDEND] !== addend || !this.#holds(entry, page, hi)) this.#clear(entry);
    words[entry + access] = page;
    words[entry + access + 1] = hi;
    words[entry + TLB_ADDEND] = addend;
    const set = this.#sets[this.#current]!;
    if ((words[entry + TLB_FLAGS]! & TLB_LISTED) === 0) set.filled[set.filledCount++] = entry;
    words[entry + TLB_FLAGS] = flags | TLB_LISTED;
    if ((flags & TLB_LARGE) !== 0) {
      const large = largePageOf(lo, hi);
      set.firstLarge = Math.min(set.firstLarge, large);
      set.lastLarge = Math.max(set.lastLarge, large);
    }
  }

  /** Forgets everything: global pages, every address space. */
  flushAll(): void {
    this.words.fill(TLB_INVALID);
    for (const set of this.#sets) {
      set.filledCount = 0;
      this.#forgotten(set);
    }
    this.#selectTable();
  }

  /** MOV to CR3 without PCIDs, or INVPCID type 3: all but the global pages of every set. */
  flushNonGlobal(): void {
    for (let index = 0; index < TLB_SETS; index++) {
      if (this.#sets[index]!.pcid !== NO_PCID) this.#flushSet(index, false);
    }
    this.#selectTable();
  }

  /** INVPCID type 1, or MOV to CR3 with CR4.PCIDE and bit 63 clear: one PCID's, but global pages. */
  flushPcid(pcid: number): void {
    const index = this.#sets.findIndex((set) => set.pcid === pcid);
    if (index >= 0) this.#flushSet(index, false);
    this.#selectTable();
  }

  /** Makes a PCID's address space current, with what is remembered of it. */
  selectPcid(pcid: number): void {
    let index = this.#sets.findIndex((set) => set.pcid === pcid);
    if (index < 0) {
      index = this.#leastRecentlyUsed();
      this.#flushSet(index, true);
      this.#sets[index]!.pcid = pcid;
    }
    this.#sets[index]!.lastUsed = ++this.#uses;
    this.#current = index;
    this.#selectTable();
  }

  /**
   * INVLPG and INVPCID type 0: one page, in every address space (more than asked for pages that are not
   * global), and every piece of it if it may be a large one.
   */
  flushPage(lo: number, hi: number): void {
    const large = largePageOf(lo, hi);
    for (let index = 0; index < TLB_SETS; index++) {
      const set = this.#sets[index]!;
      if (set.pcid === NO_PCID) continue;
      if (large >= set.firstLarge - 512 && large <= set.lastLarge + 512) this.#flushLarge(index);
      for (const privilege of [TABLE_SUPERVISOR, TABLE_SUPERVISOR_SMAP, TABLE_USER]) {
        const table = index * TLB_SET_WORDS + privilege * TLB_TABLE_WORDS;
        const entry = table + ((lo >>> 12) & ENTRY_MASK) * TLB_STRIDE;
        if (this.#holds(entry, lo & -4096, hi)) this.#clear(entry);
      }
    }
    this.pageFlushes++;
    this.listener.pageForgotten(lo, hi);
  }

  /** Stores to one frame must be noticed from now on. `addend + page address` is the frame's place. */
  protectFrame(offset: number): void {
    const words = this.words;
    const place = offset | 0;
    for (const { pcid, filled, filledCount } of this.#sets) {
      if (pcid === NO_PCID) continue;
      for (let i = 0; i < filledCount; i++) {
        const entry = filled[i]!;
        const page = words[entry + TLB_WRITE]!;
        if (page !== TLB_INVALID && ((words[entry + TLB_ADDEND]! + page) | 0) === place) {
          words[entry + TLB_WRITE] = TLB_INVALID;
        }
      }
    }
  }

  #nextContext(): number {
    if (this.#contexts === MAX_CONTEXTS) {
      this.#contexts = 0;
      this.listener.contextsReused();
      for (const set of this.#sets) set.context = this.#contexts++;
    }
    return this.#contexts++;
  }

  #leastRecentlyUsed(): number {
    let best = -1;
    for (let index = 0; index < TLB_SETS; index++) {
      if (index === this.#current) continue;
      if (best < 0 || this.#sets[index]!.lastUsed < this.#sets[best]!.lastUsed) best = index;
    }
    return best;
  }

  /** All valid tags of an entry name the same page. */
  #holds(entry: number, page: number, hi: number): boolean {
    const words = this.words;
    return (
      (words[entry + TLB_READ] === page && words[entry + TLB_READ + 1] === hi) ||
      (words[entry + TLB_WRITE] === page && words[entry + TLB_WRITE + 1] === hi) ||
      (words[entry + TLB_FETCH] === page && words[entry + TLB_FETCH + 1] === hi)
    );
  }

  #clear(entry: number): void {
    const words = this.words;
    words[entry + TLB_READ] = TLB_INVALID;
    words[entry + TLB_WRITE] = TLB_INVALID;
    words[entry + TLB_FETCH] = TLB_INVALID;
  }

  #flushSet(index: number, alsoGlobal: boolean): void {
    const words = this.words;
    const set = this.#sets[index]!;
    const { filled, filledCount, firstLarge, lastLarge } = set;
    set.filledCount = 0;
    for (let i = 0; i < filledCount; i++) {
      const entry = filled[i]!;
      if (!alsoGlobal && (words[entry + TLB_FLAGS]! & TLB_GLOBAL) !== 0) {
        filled[set.filledCount++] = entry;
        continue;
      }
      this.#clear(entry);
      words[entry + TLB_FLAGS] = 0;
    }
    this.#forgotten(set);
    // Pieces of large global pages may be left, so the range of large pages stays.
    if (!alsoGlobal) Object.assign(set, { firstLarge, lastLarge });
  }

  #flushLarge(index: number): void {
    const words = this.words;
    const set = this.#sets[index]!;
    for (let i = 0; i < set.filledCount; i++) {
      const entry = set.filled[i]!;
      if ((words[entry + TLB_FLAGS]! & TLB_LARGE) !== 0) this.#clear(entry);
    }
    this.#forgotten(set);
    if (index === this.#current) this.#selectTable();
  }

  #forgotten(set: TlbSet): void {
    set.context = this.#nextContext();
    set.firstLarge = Number.POSITIVE_INFINITY;
    set.lastLarge = Number.NEGATIVE_INFINITY;
  }
}
