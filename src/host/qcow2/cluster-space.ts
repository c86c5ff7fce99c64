// SPDX-License-Identifier: BSD-2-Clause
// Which clusters of an image's file are taken. qcow2 counts the references to each; the counts are in clusters that
// a table in clusters of its own lists, and count themselves.
//
// New clusters come from behind the file's end, so that nothing which an image, true or not, says of its own inside
// can make two things share one. Counts change in memory; `writeBack` puts them into the file, in an order that leaves
// the table whole whenever the host stops.
import { VmmError } from "../../base/errors.ts";
import { EntryTable } from "./entry-table.ts";
import { ENTRY_BYTES, HEADER, MAX_REFCOUNT_TABLE_BYTES } from "./format.ts";
import { badImage, type Qcow2Header } from "./header.ts";
import type { ImageFile } from "./image-file.ts";
import { RefcountBlock } from "./refcount-block.ts";

/** Blocks that are not changed are forgotten above this many. */
const MOST_BLOCKS = 64;

interface Extent {
  readonly offset: number;
  readonly length: number;
}

export class ClusterSpace {
  /** Clusters that hold tables of any kind: no data may be written there. */
  readonly tables = new Set([0]);
  readonly #file: ImageFile;
  readonly #clusterBytes: number;
  readonly #order: number;
  readonly #countsPerBlock: number;
  readonly #blocks = new Map<number, RefcountBlock>();
  readonly #changedTableEntries = new Set<number>();
  #table: EntryTable;
  #tableOffset: number;
  /** Where the header still says that the table is. */
  #movedFrom: Extent | undefined;
  /** Number of the first cluster behind everything. */
  #next: number;

  /** Throws ERR_BAD_IMAGE for a refcount table that points outside the file. */
  constructor(file: ImageFile, header: Qcow2Header) {
    this.#file = file;
    this.#clusterBytes = header.clusterBytes;
    this.#order = header.refcountOrder;
    this.#countsPerBlock = (header.clusterBytes * 8) >> header.refcountOrder;
    this.#tableOffset = header.refcountTableOffset;
    this.#table = new EntryTable(new Uint8Array(header.refcountTableClusters * this.#clusterBytes));
    file.read(this.#tableOffset, this.#table.bytes);
    this.#next = Math.ceil(file.sizeBytes / this.#clusterBytes);
    this.#noteTables();
  }

  #noteTables(): void {
    const { length } = this.#table.bytes;
    for (let at = 0; at < length; at += this.#clusterBytes) {
      this.tables.add((this.#tableOffset + at) / this.#clusterBytes);
    }
    for (let index = 0; index < this.#table.length; index++) {
      const offset = this.#table.offset(index);
      if (offset !== 0) this.tables.add(Math.floor(offset / this.#clusterBytes));
    }
  }

  /** A cluster for one reference; its offset in the file, where nothing is yet. */
  allocate(): number {
    let cluster = this.#next;
    while (this.#blockOf(cluster) === undefined) {
      this.#addBlock(cluster);
      cluster = this.#next;
    }
    this.#requireFree(cluster);
    this.#next++;
    this.#set(cluster, 1);
    return cluster * this.#clusterBytes;
  }

  /** The same, for a table. */
  allocateTable(): number {
    const offset = this.allocate();
    this.tables.add(offset / this.#clusterBytes);
    return offset;
  }

  /** Takes an allocation back if nothing was allocated since: what could not be written is not lost for ever. */
  giveBack(offset: number): void {
    const cluster = offset / this.#clusterBytes;
    if (cluster !== this.#next - 1) return;
    this.#set(cluster, 0);
    this.#next--;
  }

  /** One reference less to each cluster that the bytes are in. Clusters without any are not used again. */
  release(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / this.#clusterBytes);
    for (let cluster = Math.floor(offset / this.#clusterBytes); cluster <= last; cluster++) {
      const count = this.#blockOf(cluster)?.get(cluster % this.#countsPerBlock) ?? 0;
      if (count > 0 && Number.isSafeInteger(count)) this.#set(cluster, count - 1);
    }
  }

  /** Puts the counts into the file. They are there for good after the file's next `sync`. */
  writeBack(): void {
    this.#writeBlocks();
    if (this.#movedFrom !== undefined) this.#writeMovedTable(this.#movedFrom);
    else if (this.#changedTableEntries.size > 0) this.#writeTableEntries();
    for (const index of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(index);
    }
  }

  #writeBlocks(): void {
    for (const block of this.#blocks.values()) {
      if (!block.isDirty) continue;
      this.#file.write(block.offset, block.bytes);
      block.isDirty = false;
    }
  }

  /** Blocks have to be there before the table lists them. */
  #writeTableEntries(): void {
    this.#file.sync();
    for (const index of this.#changedTableEntries) {
      const at = index * ENTRY_BYTES;
      this.#file.write(this.#tableOffset + at, this.#table.bytes.subarray(at, at + ENTRY_BYTES));
    }
    this.#changedTableEntries.clear();
  }

  /**
   * The table has to be there before the header points at it, and is given up where it was after that. Both of the
   * header's fields are in one sector.
   */
  #writeMovedTable(old: Extent): void {
    this.#file.write(this.#tableOffset, this.#table.bytes);
    this.#file.sync();
    const fields = new DataView(new ArrayBuffer(12));
    fields.setUint32(0, Math.floor(this.#tableOffset / 2 ** 32));
    fields.setUint32(4, this.#tableOffset >>> 0);
    fields.setUint32(8, this.#table.bytes.length / this.#clusterBytes);
    this.#file.write(HEADER.refcountTableOffset, new Uint8Array(fields.buffer));
    this.#file.sync();
    this.#movedFrom = undefined;
    this.#changedTableEntries.clear();
    this.release(old.offset, old.length);
    this.#writeBlocks();
  }

  #set(cluster: number, count: number): void {
    while (this.#blockOf(cluster) === undefined) this.#addBlock(cluster);
    this.#blockOf(cluster)!.set(cluster % this.#countsPerBlock, count);
  }

  /** A count behind the file's end is of something that was cut off. */
  #requireFree(cluster: number): void {
    if (this.#blockOf(cluster)!.get(cluster % this.#countsPerBlock) === 0) return;
    throw badImage(this.#file, "clusters behind its end are said to be in use");
  }

  #blockOf(cluster: number): RefcountBlock | undefined {
    const index = Math.floor(cluster / this.#countsPerBlock);
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const offset = index < this.#table.length ? this.#table.offset(index) : 0;
    if (offset === 0) return undefined;
    const end = offset + this.#clusterBytes;
    if (offset % this.#clusterBytes !== 0 || end > this.#file.sizeBytes) {
      throw badImage(this.#file, "its refcount table points outside the file");
    }
    const bytes = new Uint8Array(this.#clusterBytes);
    this.#file.read(offset, bytes);
    const block = new RefcountBlock(offset, bytes, this.#order);
    this.#blocks.set(index, block);
    return block;
  }

  /** Makes the block that counts `cluster`; it takes the next cluster, which may be that one. */
  #addBlock(cluster: number): void {
    const index = Math.floor(cluster / this.#countsPerBlock);
    if (index >= this.#table.length) {
      this.#growTable(index + 1);
      return;
    }
    const own = this.#next++;
    const offset = own * this.#clusterBytes;
    const block = new RefcountBlock(offset, new Uint8Array(this.#clusterBytes), this.#order);
    block.isDirty = true;
    this.#blocks.set(index, block);
    this.#table.setOffset(index, offset);
    this.#changedTableEntries.add(index);
    this.tables.add(own);
    this.#set(own, 1);
  }

  /** Moves the table to the end, half as large again, so that it need not move often. */
  #growTable(entries: number): void {
    const wanted = Math.ceil(entries * 1.5 * ENTRY_BYTES);
    const clusters = Math.ceil(wanted / this.#clusterBytes);
    if (clusters * this.#clusterBytes > MAX_REFCOUNT_TABLE_BYTES) {
      const sentence = `disk image ${this.#file.path} cannot grow: its refcount table is full`;
      throw new VmmError("ERR_NO_SPACE", sentence);
    }
    this.#movedFrom ??= { offset: this.#tableOffset, length: this.#table.bytes.length };
    const bytes = new Uint8Array(clusters * this.#clusterBytes);
    bytes.set(this.#table.bytes);
    this.#table = new EntryTable(bytes);
    const first = this.#next;
    this.#next += clusters;
    this.#tableOffset = first * this.#clusterBytes;
    for (let cluster = first; cluster < first + clusters; cluster++) {
      this.tables.add(cluster);
      this.#set(cluster, 1);
    }
  }
}
