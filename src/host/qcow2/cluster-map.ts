// SPDX-License-Identifier: BSD-2-Clause
// Where a disk's clusters are: the L1 table, kept whole, points at L2 tables, kept while they are used.
//
// Changes stay in memory until `commit`, which puts things into the file so that nothing points at what is not there:
//   1. counts of clusters (ClusterSpace), and data, which was written before     sync
//   2. L2 tables                                                                 sync, if a new one is among them
//   3. the L1 table                                                              sync
//   4. counts of what nothing points at any more
// Whenever the host stops, the image in the file is that of the last commit, plus what was written in place, minus
// nothing; at worst clusters are counted that nobody points at.

import type { ClusterSpace } from "./cluster-space.ts";
import { EntryTable, type L2Entry } from "./entry-table.ts";
import { ENTRY_BYTES } from "./format.ts";
import { badImage, type Qcow2Header } from "./header.ts";
import type { ImageFile } from "./image-file.ts";

const L2_CACHE_BYTES = 16 * 1024 * 1024;
const FEWEST_L2_TABLES = 8;
const NO_CHANGE = { from: Number.POSITIVE_INFINITY, to: 0 };

/** An L2 table in memory, and which of its entries are newer than the file's. */
interface L2Table {
  readonly table: EntryTable;
  offset: number;
  changed: { from: number; to: number };
}

/** An entry, and the way to change it. */
export interface ClusterSlot {
  readonly l2: L2Table;
  readonly index: number;
}

export class ClusterMap {
  readonly #file: ImageFile;
  readonly #header: Qcow2Header;
  readonly #l1: EntryTable;
  readonly #entriesPerTable: number;
  readonly #mostTables: number;
  /** By index in L1, the least recently used first. */
  readonly #tables = new Map<number, L2Table>();
  readonly #changedL1 = new Set<number>();
  /** What nothing points at any more as soon as the tables are in the file. */
  #released: { offset: number; length: number }[] = [];

  /** Reads the L1 table. Throws what the file throws. */
  constructor(file: ImageFile, header: Qcow2Header) {
    this.#file = file;
    this.#header = header;
    this.#l1 = new EntryTable(new Uint8Array(header.l1Entries * ENTRY_BYTES));
    file.read(header.l1Offset, this.#l1.bytes);
    this.#entriesPerTable = header.clusterBytes / ENTRY_BYTES;
    const fitting = Math.floor(L2_CACHE_BYTES / header.clusterBytes);
    this.#mostTables = Math.max(FEWEST_L2_TABLES, fitting);
  }

  get hasChanges(): boolean {
    return this.#changedL1.size > 0 || this.#changedTables().length > 0;
  }

  /** Clusters with the tables: no data may be written there. */
  *ownClusters(): Generator<number> {
    const { clusterBytes, l1Offset } = this.#header;
    for (let at = 0; at < this.#l1.bytes.length; at += clusterBytes) {
      yield (l1Offset + at) / clusterBytes;
    }
    for (let index = 0; index < this.#l1.length; index++) {
      const offset = this.#l1.offset(index);
      if (offset !== 0) yield Math.floor(offset / clusterBytes);
    }
  }

  /** What is known of a cluster of the disk. Throws ERR_BAD_IMAGE for a table outside the file. */
  entry(cluster: number): L2Entry {
    const l1Index = Math.floor(cluster / this.#entriesPerTable);
    const l2 = this.#tableAt(l1Index);
    if (l2 === undefined) return { kind: "unallocated" };
    return this.#entryOf({ l2, index: cluster % this.#entriesPerTable });
  }

  /** The place of a cluster's entry, in a table that may be changed; makes it if there is none, or copies it. */
  slot(cluster: number, space: ClusterSpace): ClusterSlot {
    const l1Index = Math.floor(cluster / this.#entriesPerTable);
    const index = cluster % this.#entriesPerTable;
    const known = this.#tableAt(l1Index);
    if (known !== undefined && this.#l1.isCopied(l1Index)) return { l2: known, index };
    const offset = space.allocateTable();
    const all = { from: 0, to: this.#entriesPerTable };
    const l2 = known ?? { table: this.#emptyTable(), offset, changed: all };
    if (known !== undefined) {
      this.#released.push({ offset: known.offset, length: this.#header.clusterBytes });
      known.offset = offset;
      known.changed = all;
    }
    this.#tables.set(l1Index, l2);
    this.#l1.setCopied(l1Index, offset);
    this.#changedL1.add(l1Index);
    return { l2, index };
  }

  entryAt(slot: ClusterSlot): L2Entry {
    return this.#entryOf(slot);
  }

  /** The cluster's data is at `offset`, in a cluster of its own. What the entry said before is given up. */
  setData(slot: ClusterSlot, offset: number): void {
    this.#giveUp(this.#entryOf(slot), offset);
    slot.l2.table.setCopied(slot.index, offset);
    this.#note(slot);
  }

  /** The cluster reads as zeroes; its data's place is kept if it is its own. For version 3. */
  setZero(slot: ClusterSlot): void {
    const entry = this.#entryOf(slot);
    const keeps = (entry.kind === "data" || entry.kind === "zero") && entry.isCopied;
    const kept = keeps ? entry.offset : 0;
    this.#giveUp(entry, kept);
    slot.l2.table.setZero(slot.index, kept);
    this.#note(slot);
  }

  /** See the file's head. Throws what the file throws; what was not done is done by the next commit. */
  commit(space: ClusterSpace): void {
    space.writeBack();
    this.#file.sync();
    const changed = this.#changedTables();
    for (const { table, offset, changed: range } of changed) {
      const [from, to] = [range.from * ENTRY_BYTES, range.to * ENTRY_BYTES];
      this.#file.write(offset + from, table.bytes.subarray(from, to));
    }
    if (this.#changedL1.size > 0) {
      this.#file.sync();
      this.#writeL1();
    }
    if (changed.length > 0 || this.#changedL1.size > 0) this.#file.sync();
    for (const l2 of changed) l2.changed = NO_CHANGE;
    this.#changedL1.clear();
    for (const { offset, length } of this.#released) space.release(offset, length);
    this.#released = [];
    space.writeBack();
    this.#trim();
  }

  /** A table has to leave the memory before another comes: time to commit. */
  get isFull(): boolean {
    return this.#tables.size > this.#mostTables;
  }

  #writeL1(): void {
    for (const index of this.#changedL1) {
      const at = index * ENTRY_BYTES;
      const bytes = this.#l1.bytes.subarray(at, at + ENTRY_BYTES);
      this.#file.write(this.#header.l1Offset + at, bytes);
    }
  }

  #changedTables(): L2Table[] {
    return [...this.#tables.values()].filter(({ changed }) => changed.from < changed.to);
  }

  #entryOf({ l2, index }: ClusterSlot): L2Entry {
    const { clusterBytes, version } = this.#header;
    return l2.table.l2Entry(index, clusterBytes, version === 3);
  }

  #giveUp(entry: L2Entry, kept: number): void {
    if (entry.kind === "unallocated") return;
    const { offset } = entry;
    if (offset === 0 || offset === kept) return;
    const length = entry.kind === "compressed" ? entry.length : this.#header.clusterBytes;
    this.#released.push({ offset, length });
  }

  #note({ l2, index }: ClusterSlot): void {
    const { from, to } = l2.changed;
    l2.changed = { from: Math.min(from, index), to: Math.max(to, index + 1) };
  }

  #emptyTable(): EntryTable {
    return new EntryTable(new Uint8Array(this.#header.clusterBytes));
  }

  #tableAt(l1Index: number): L2Table | undefined {
    const known = this.#tables.get(l1Index);
    if (known !== undefined) {
      this.#tables.delete(l1Index);
      this.#tables.set(l1Index, known);
      return known;
    }
    const offset = this.#l1.offset(l1Index);
    if (offset === 0) return undefined;
    const { clusterBytes } = this.#header;
    if (offset % clusterBytes !== 0 || offset + clusterBytes > this.#file.sizeBytes) {
      throw badImage(this.#file, `L2 table ${l1Index} lies outside the file`);
    }
    const table = this.#emptyTable();
    this.#file.read(offset, table.bytes);
    const l2 = { table, offset, changed: NO_CHANGE };
    this.#tables.set(l1Index, l2);
    this.#trim();
    return l2;
  }

  /** Tables that are as in the file can go. */
  #trim(): void {
    for (const [index, { changed }] of this.#tables) {
      if (this.#tables.size <= this.#mostTables) return;
      if (changed.from >= changed.to && !this.#changedL1.has(index)) this.#tables.delete(index);
    }
  }
}
