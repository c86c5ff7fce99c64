// SPDX-License-Identifier: BSD-2-Clause
// Four-level page tables for the pages of one vector after another (SDM 3A 4.5). Mapping the pages that are
// mapped already costs a comparison, so vectors that share a layout are set up fast.
import { VmmError } from "../../src/base/errors.ts";
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";
import type { Tlb } from "../../src/mmu/tlb.ts";

/** What CPL 3 may do with a page; `supervisor` pages are CPL 0's alone, with every right. */
export type PageUse = "code" | "data" | "supervisor";

const PTE_P = 1;
const PTE_W = 2;
const PTE_U = 4;
const PTE_NX_HI = 1 << 31;

/** Where the root, further tables, and the frames of mapped pages are, guest-physical. */
const ROOT = 0x1000;
const TABLES = 0x10000;
const FRAMES = 0x800000;

/** A linear page's number: bits 63:12 of a canonical address, signed, which a number holds exactly. */
export function pageOf(address: bigint): number {
  return Number(BigInt.asIntN(64, address) >> 12n);
}

export interface MappedPage {
  readonly page: number;
  readonly use: PageUse;
  /** Guest-physical. */
  readonly frame: number;
}

export class PageMapper {
  readonly root = ROOT;
  readonly #memory: GuestMemory;
  readonly #tlb: Tlb;
  readonly #mapped = new Map<number, MappedPage>();
  readonly #freeFrames: number[] = [];
  #nextTable = TABLES;
  #nextFrame = FRAMES;

  constructor(memory: GuestMemory, tlb: Tlb) {
    this.#memory = memory;
    this.#tlb = tlb;
    memory.zero(ROOT, 4096);
  }

  /** The pages that are mapped, but for the supervisor's. */
  get pages(): Iterable<MappedPage> {
    return this.#mapped.values();
  }

  get count(): number {
    return this.#mapped.size;
  }

  find(page: number): MappedPage | undefined {
    return this.#mapped.get(page);
  }

  /** Maps one page for good, at a frame of the caller's. */
  mapSupervisor(page: number, frame: number): void {
    this.#setEntry(page, frame | PTE_P | PTE_W, 0);
  }

  map(page: number, use: PageUse): MappedPage {
    const frame = this.#takeFrame();
    const rights = PTE_P | PTE_U | (use === "data" ? PTE_W : 0);
    this.#setEntry(page, frame | rights, use === "data" ? PTE_NX_HI : 0);
    const mapped = { page, use, frame };
    this.#mapped.set(page, mapped);
    return mapped;
  }

  unmap({ page, frame }: MappedPage): void {
    this.#setEntry(page, 0, 0);
    this.#mapped.delete(page);
    this.#freeFrames.push(frame);
  }

  #takeFrame(): number {
    const free = this.#freeFrames.pop();
    if (free !== undefined) return free;
    if (this.#nextFrame + 4096 > this.#memory.ramBytes) {
      throw new VmmError("ERR_NO_SPACE", "a vector maps more pages than the test machine has");
    }
    this.#nextFrame += 4096;
    return this.#nextFrame - 4096;
  }

  #setEntry(page: number, lo: number, hi: number): void {
    const memory = this.#memory;
    let table = ROOT;
    for (let shift = 27; shift > 0; shift -= 9) {
      const entry = table + 8 * indexAt(page, shift);
      const next = memory.load(entry, 4);
      table = (next & PTE_P) !== 0 ? (next & -4096) >>> 0 : this.#newTable(entry);
    }
    const entry = table + 8 * indexAt(page, 0);
    memory.store(entry, 4, lo);
    memory.store(entry + 4, 4, hi);
    this.#tlb.flushPage((page << 12) | 0, Math.floor(page / 2 ** 20) | 0);
  }

  #newTable(entry: number): number {
    // Tables of pages that are gone stay: a file's vectors lie close together.
    if (this.#nextTable === FRAMES) {
      throw new VmmError(
        "ERR_NO_SPACE",
        "vectors are spread over more addresses than there are tables for",
      );
    }
    const table = this.#nextTable;
    this.#nextTable += 4096;
    this.#memory.zero(table, 4096);
    this.#memory.store(entry, 4, table | PTE_P | PTE_W | PTE_U);
    return table;
  }
}

/** Nine bits of a page number, which may be negative and wider than 32 bits. */
function indexAt(page: number, shift: number): number {
  return Math.floor(page / 2 ** shift) & 0x1ff;
}
