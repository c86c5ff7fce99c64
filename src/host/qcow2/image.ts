// SPDX-License-Identifier: BSD-2-Clause
// A disk in a qcow2 image, or on top of another disk: what was written is in the image, the rest is read from the
// base, which is never written. QEMU: docs/interop/qcow2.rst.
//
// Written are versions 2 and 3, with their internal snapshots left as they are. Writes go to clusters behind the
// file's end first and become the disk's at the next flush, in one step; to clusters that are the disk's own already
// they go in place. Space of clusters that are given up is not used again; `qemu-img convert` drops it.
// Left out: zstd, encryption, external data files, subclusters, resizing, making snapshots, discards.
import { VmmError } from "../../base/errors.ts";
import { ClusterMap, type ClusterSlot } from "./cluster-map.ts";
import { ClusterSpace } from "./cluster-space.ts";
import { CompressedClusters } from "./compressed-cluster.ts";
import type { L2Entry } from "./entry-table.ts";
import { HEADER } from "./format.ts";
import { badImage, type Qcow2Header } from "./header.ts";
import type { DiskReader, ImageFile } from "./image-file.ts";

/** So much may be lost by a host that stops, for a guest that never flushes: clusters. */
const MOST_UNCOMMITTED = 1024;

export interface Qcow2Options {
  readonly file: ImageFile;
  readonly header: Qcow2Header;
  /** What is read where the image has nothing; may be smaller. */
  readonly base?: DiskReader | undefined;
  readonly isReadOnly: boolean;
}

/** What only an image that is written needs. */
interface Writing {
  readonly space: ClusterSpace;
  hasClearedAutoclear: boolean;
  uncommitted: number;
}

export class Qcow2Image implements DiskReader {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  readonly #file: ImageFile;
  readonly #header: Qcow2Header;
  readonly #base: DiskReader | undefined;
  readonly #map: ClusterMap;
  readonly #compressed: CompressedClusters;
  readonly #writing: Writing | undefined;

  /** Owns `file` and `base`. Throws ERR_BAD_IMAGE for an image that may not be written as it is. */
  constructor({ file, header, base, isReadOnly }: Qcow2Options) {
    this.sizeBytes = header.sizeBytes;
    this.isReadOnly = isReadOnly;
    this.#file = file;
    this.#header = header;
    this.#base = base;
    this.#map = new ClusterMap(file, header);
    this.#compressed = new CompressedClusters(file, header.clusterBytes);
    if (!isReadOnly) this.#writing = this.#prepareWriting();
  }

  read(offset: number, target: Uint8Array): void {
    this.#eachPiece(offset, target, (cluster, start, piece) => {
      this.#readEntry(this.#map.entry(cluster), cluster, start, piece);
    });
  }

  /** Throws ERR_IO, ERR_NO_SPACE, ERR_BAD_IMAGE. */
  write(offset: number, source: Uint8Array): void {
    const writing = this.#requireWriting();
    this.#eachPiece(offset, source, (cluster, start, piece) => {
      this.#writePiece(writing, { cluster, start, piece });
    });
  }

  /** The guest reads zeroes there; as little of the image is used for it as can be. */
  writeZeroes(offset: number, length: number): void {
    const writing = this.#requireWriting();
    const { clusterBytes, version } = this.#header;
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const start = at % clusterBytes;
      const count = Math.min(clusterBytes - start, end - at);
      const cluster = Math.floor(at / clusterBytes);
      const isWhole = count === clusterBytes || at + count === this.sizeBytes;
      if (start === 0 && isWhole && version === 3) this.#zeroCluster(writing, cluster);
      else if (!this.#isZero(cluster)) {
        this.#writePiece(writing, { cluster, start, piece: new Uint8Array(count) });
      }
      at += count;
    }
  }

  /** When it returns, the host's storage has all that was written. */
  flush(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    if (this.#map.hasChanges) this.#map.commit(writing.space);
    else this.#file.sync();
    writing.uncommitted = 0;
  }

  /** Flushes. What cannot be written then is lost, and `close` throws; the file is closed in any case. */
  close(): void {
    try {
      this.flush();
    } finally {
      this.#file.close();
      this.#base?.close();
    }
  }

  #prepareWriting(): Writing {
    const { isDirty, isCorrupt, clusterBytes, snapshotsOffset } = this.#header;
    if (isDirty || isCorrupt) {
      const what = isCorrupt ? "it is marked as corrupt" : "it was not closed by who wrote it last";
      const sentence = `disk image ${this.#file.path} cannot be written: ${what} ("qemu-img check -r all" repairs it, and with ro it is only read)`;
      throw new VmmError("ERR_BAD_IMAGE", sentence);
    }
    const space = new ClusterSpace(this.#file, this.#header);
    space.tables.add(Math.floor(snapshotsOffset / clusterBytes));
    for (const cluster of this.#map.ownClusters()) space.tables.add(cluster);
    return { space, hasClearedAutoclear: false, uncommitted: 0 };
  }

  #requireWriting(): Writing {
    const writing = this.#writing;
    if (writing === undefined) throw new VmmError("ERR_INTERNAL", "a read-only image is written");
    if (this.#header.hasAutoclear && !writing.hasClearedAutoclear) {
      this.#file.write(HEADER.autoclearFeatures, new Uint8Array(8));
      this.#file.sync();
      writing.hasClearedAutoclear = true;
    }
    return writing;
  }

  /** Calls `use` with each part of the bytes that lies in one cluster. */
  #eachPiece(
    offset: number,
    bytes: Uint8Array,
    use: (cluster: number, start: number, piece: Uint8Array) => void,
  ): void {
    const { clusterBytes } = this.#header;
    for (let done = 0; done < bytes.length; ) {
      const start = (offset + done) % clusterBytes;
      const piece = bytes.subarray(done, done + clusterBytes - start);
      use(Math.floor((offset + done) / clusterBytes), start, piece);
      done += piece.length;
    }
  }

  #readEntry(entry: L2Entry, cluster: number, start: number, target: Uint8Array): void {
    if (entry.kind === "zero") target.fill(0);
    else if (entry.kind === "unallocated") this.#readBase(cluster, start, target);
    else if (entry.kind === "data") this.#file.read(this.#dataOffset(entry) + start, target);
    else {
      const bytes = this.#compressed.read(entry);
      target.set(bytes.subarray(start, start + target.length));
    }
  }

  #readBase(cluster: number, start: number, target: Uint8Array): void {
    const at = cluster * this.#header.clusterBytes + start;
    const inBase = Math.max(0, Math.min(target.length, (this.#base?.sizeBytes ?? 0) - at));
    if (inBase > 0) this.#base!.read(at, target.subarray(0, inBase));
    target.fill(0, inBase);
  }

  /** The last cluster of a file may be cut short; beyond that there is nothing. */
  #dataOffset({ offset }: { readonly offset: number }): number {
    const isInside = offset % this.#header.clusterBytes === 0 && offset < this.#file.sizeBytes;
    if (!isInside) throw badImage(this.#file, "an L2 table points outside the file");
    return offset;
  }

  #writePiece(writing: Writing, to: { cluster: number; start: number; piece: Uint8Array }): void {
    const { cluster, start, piece } = to;
    const slot = this.#map.slot(cluster, writing.space);
    const entry = this.#map.entryAt(slot);
    if (entry.kind === "data" && entry.isCopied) {
      this.#file.write(this.#ownOffset(writing, entry) + start, piece);
      return;
    }
    const kept = entry.kind === "zero" && entry.isCopied && entry.offset !== 0;
    const offset = kept ? this.#ownOffset(writing, entry) : writing.space.allocate();
    try {
      this.#file.write(offset, this.#filled(entry, to));
    } catch (error) {
      if (!kept) writing.space.giveBack(offset);
      throw error;
    }
    this.#map.setData(slot, offset);
    this.#countChange(writing);
  }

  /** The whole cluster with the piece in it. */
  #filled(entry: L2Entry, to: { cluster: number; start: number; piece: Uint8Array }): Uint8Array {
    const { clusterBytes } = this.#header;
    if (to.piece.length === clusterBytes) return to.piece;
    const bytes = new Uint8Array(clusterBytes);
    this.#readEntry(entry, to.cluster, 0, bytes);
    bytes.set(to.piece, to.start);
    return bytes;
  }

  /** Where an image lets the guest write must not be where its tables are. */
  #ownOffset({ space }: Writing, entry: { readonly offset: number }): number {
    const offset = this.#dataOffset(entry);
    if (!space.tables.has(offset / this.#header.clusterBytes)) return offset;
    throw badImage(this.#file, "a cluster of the disk lies on the image's own tables");
  }

  #zeroCluster(writing: Writing, cluster: number): void {
    if (this.#isZero(cluster)) return;
    const slot: ClusterSlot = this.#map.slot(cluster, writing.space);
    this.#map.setZero(slot);
    this.#countChange(writing);
  }

  /** Known to be zero without looking at data. */
  #isZero(cluster: number): boolean {
    const { kind } = this.#map.entry(cluster);
    return kind === "zero" || (kind === "unallocated" && this.#base === undefined);
  }

  #countChange(writing: Writing): void {
    writing.uncommitted++;
    if (writing.uncommitted >= MOST_UNCOMMITTED || this.#map.isFull) this.flush();
  }
}
