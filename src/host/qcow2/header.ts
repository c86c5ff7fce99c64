// SPDX-License-Identifier: BSD-2-Clause
// The header of a qcow2 image and its extensions, believed only as far as they fit together and into the file.
//
// The name of a backing file is text that the maker of the image chose. It is kept to be shown, and to compare: no
// file is ever opened because an image names it.
// Refused: encryption, external data files, extended L2 entries, zstd, features that are not known.
import { VmmError } from "../../base/errors.ts";
import {
  ENTRY_BYTES,
  EXTENSION_END,
  EXTENSION_OVERLAY,
  HEADER,
  INCOMPATIBLE_COMPRESSION,
  INCOMPATIBLE_CORRUPT,
  INCOMPATIBLE_DIRTY,
  INCOMPATIBLE_EXTENDED_L2,
  INCOMPATIBLE_EXTERNAL_DATA,
  MAX_BACKING_NAME_BYTES,
  MAX_CLUSTER_BITS,
  MAX_L1_ENTRIES,
  MAX_REFCOUNT_TABLE_BYTES,
  MIN_CLUSTER_BITS,
  QCOW2_MAGIC,
  V2_HEADER_BYTES,
  V3_HEADER_BYTES,
} from "./format.ts";
import type { ImageFile } from "./image-file.ts";

export interface Qcow2Header {
  readonly version: 2 | 3;
  /** Of the disk that the guest sees. */
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** A refcount has 2^order bits. */
  readonly refcountOrder: number;
  readonly snapshotsOffset: number;
  /** Its refcounts are not up to date: it was not closed. */
  readonly isDirty: boolean;
  readonly isCorrupt: boolean;
  /** Bits that whoever writes the image and does not know them has to clear. */
  readonly hasAutoclear: boolean;
  /** The base that the image names, made harmless to print; undefined if it has none. */
  readonly backingName: string | undefined;
  /** Our record of an overlay's base. */
  readonly overlayRecord: Uint8Array | undefined;
}

const MAX_HEADER_BYTES = 64 * 1024;
const MAX_SHOWN = 80;

/** True if a file with these first bytes begins as a qcow2 image does. */
export function isQcow2(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  return new DataView(head.buffer, head.byteOffset).getUint32(0) === QCOW2_MAGIC;
}

/** Throws ERR_BAD_IMAGE for what cannot be, ERR_UNSUPPORTED for what is not read here, or what the file throws. */
export function parseQcow2Header(file: ImageFile): Qcow2Header {
  return new HeaderParser(file).parse();
}

class HeaderParser {
  readonly #file: ImageFile;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(file: ImageFile) {
    this.#file = file;
    this.#bytes = new Uint8Array(MAX_HEADER_BYTES);
    file.read(0, this.#bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  parse(): Qcow2Header {
    const version = this.#version();
    const clusterBits = this.#u32(HEADER.clusterBits);
    if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
      throw this.#bad(`its clusters would have 2^${clusterBits} bytes`);
    }
    const clusterBytes = 2 ** clusterBits;
    const incompatible = this.#features(version);
    const headerBytes = version === 2 ? V2_HEADER_BYTES : this.#u32(HEADER.headerLength);
    if (version === 3 && (headerBytes < V3_HEADER_BYTES || headerBytes > clusterBytes)) {
      throw this.#bad(`its header would have ${headerBytes} bytes`);
    }
    this.#refuseForeignData(version, incompatible, headerBytes);
    const extensionsEnd = Math.min(clusterBytes, MAX_HEADER_BYTES);
    return {
      version,
      clusterBytes,
      ...this.#sizes(clusterBytes),
      ...this.#refcounts(version, clusterBytes),
      snapshotsOffset: this.#u32(HEADER.snapshots) > 0 ? this.#u64(HEADER.snapshotsOffset) : 0,
      isDirty: (incompatible & INCOMPATIBLE_DIRTY) !== 0,
      isCorrupt: (incompatible & INCOMPATIBLE_CORRUPT) !== 0,
      hasAutoclear: version === 3 && this.#u64(HEADER.autoclearFeatures) !== 0,
      backingName: this.#backingName(clusterBytes),
      overlayRecord: this.#extension(EXTENSION_OVERLAY, headerBytes, extensionsEnd),
    };
  }

  #version(): 2 | 3 {
    if (this.#file.sizeBytes < V2_HEADER_BYTES || this.#u32(HEADER.magic) !== QCOW2_MAGIC) {
      throw this.#bad("it does not begin as a qcow2 image does");
    }
    const version = this.#u32(HEADER.version);
    if (version === 2 || version === 3) return version;
    throw this.#unsupported(`it is of version ${version}: 2 and 3 are read`);
  }

  #features(version: 2 | 3): number {
    if (version === 2) return 0;
    const high = this.#u32(HEADER.incompatibleFeatures);
    const low = this.#u32(HEADER.incompatibleFeatures + 4);
    const known =
      INCOMPATIBLE_DIRTY |
      INCOMPATIBLE_CORRUPT |
      INCOMPATIBLE_EXTERNAL_DATA |
      INCOMPATIBLE_COMPRESSION |
      INCOMPATIBLE_EXTENDED_L2;
    if (high !== 0 || (low & ~known) !== 0) {
      throw this.#unsupported("it needs features that are not known");
    }
    return low;
  }

  #refuseForeignData(version: 2 | 3, incompatible: number, headerBytes: number): void {
    if (this.#u32(HEADER.cryptMethod) !== 0) throw this.#unsupported("it is encrypted");
    if (incompatible & INCOMPATIBLE_EXTERNAL_DATA) {
      throw this.#unsupported("its data is in another file");
    }
    if (incompatible & INCOMPATIBLE_EXTENDED_L2) {
      throw this.#unsupported("it has subclusters (extended L2 entries)");
    }
    const hasType = version === 3 && headerBytes > HEADER.compressionType;
    const type = hasType ? this.#bytes[HEADER.compressionType]! : 0;
    if (type !== 0) {
      const name = type === 1 ? "zstd" : `method ${type}`;
      throw this.#unsupported(`it is compressed with ${name}, and only zlib is read`);
    }
  }

  #sizes(clusterBytes: number) {
    const sizeBytes = this.#u64(HEADER.size);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes === 0 || sizeBytes % 512 !== 0) {
      throw this.#bad(`its disk would have ${sizeBytes} bytes`);
    }
    const l1Entries = this.#u32(HEADER.l1Size);
    const needed = Math.ceil(sizeBytes / (clusterBytes * (clusterBytes / ENTRY_BYTES)));
    if (l1Entries < needed || needed > MAX_L1_ENTRIES) {
      throw this.#bad(`its L1 table of ${l1Entries} entries is not one for ${sizeBytes} bytes`);
    }
    const l1Offset = this.#u64(HEADER.l1TableOffset);
    this.#requireInside("L1 table", l1Offset, needed * ENTRY_BYTES, clusterBytes);
    return { sizeBytes, l1Offset, l1Entries: needed };
  }

  #refcounts(version: 2 | 3, clusterBytes: number) {
    const refcountTableOffset = this.#u64(HEADER.refcountTableOffset);
    const refcountTableClusters = this.#u32(HEADER.refcountTableClusters);
    const bytes = refcountTableClusters * clusterBytes;
    if (bytes === 0 || bytes > MAX_REFCOUNT_TABLE_BYTES) {
      throw this.#bad(`its refcount table would have ${bytes} bytes`);
    }
    this.#requireInside("refcount table", refcountTableOffset, bytes, clusterBytes);
    const refcountOrder = version === 2 ? 4 : this.#u32(HEADER.refcountOrder);
    if (refcountOrder > 6) throw this.#bad(`its refcounts would have 2^${refcountOrder} bits`);
    return { refcountTableOffset, refcountTableClusters, refcountOrder };
  }

  #requireInside(what: string, offset: number, bytes: number, clusterBytes: number): void {
    const isInside =
      offset >= clusterBytes &&
      offset % clusterBytes === 0 &&
      offset + bytes <= this.#file.sizeBytes;
    if (!isInside) throw this.#bad(`its ${what} lies outside the file or on its header`);
  }

  #backingName(clusterBytes: number): string | undefined {
    const offset = this.#u64(HEADER.backingFileOffset);
    if (offset === 0) return undefined;
    const length = this.#u32(HEADER.backingFileSize);
    const isInside = offset + length <= clusterBytes && offset >= V2_HEADER_BYTES;
    if (!isInside || length === 0 || length > MAX_BACKING_NAME_BYTES) {
      throw this.#bad("the name of its base lies outside the header");
    }
    const bytes = new Uint8Array(length);
    this.#file.read(offset, bytes);
    return harmless(new TextDecoder().decode(bytes));
  }

  /** The extension's bytes; undefined if there is none. Stops at the first that does not fit. */
  #extension(wanted: number, start: number, end: number): Uint8Array | undefined {
    let at = start;
    while (at + 8 <= end) {
      const type = this.#u32(at);
      const length = this.#u32(at + 4);
      if (type === EXTENSION_END || at + 8 + length > end) return undefined;
      if (type === wanted) return this.#bytes.slice(at + 8, at + 8 + length);
      at += 8 + Math.ceil(length / 8) * 8;
    }
    return undefined;
  }

  #u32(offset: number): number {
    return this.#view.getUint32(offset);
  }

  /** Exact below 2^53, nearest above: every use is compared with a limit. */
  #u64(offset: number): number {
    return this.#u32(offset) * 2 ** 32 + this.#u32(offset + 4);
  }

  #bad(why: string): VmmError {
    return badImage(this.#file, why);
  }

  #unsupported(why: string): VmmError {
    const convert = "qemu-img convert -O qcow2 makes one that can be";
    const sentence = `disk image ${this.#file.path} cannot be used: ${why} (${convert})`;
    return new VmmError("ERR_UNSUPPORTED", sentence);
  }
}

/** What is wrong with an image, as ERR_BAD_IMAGE. */
export function badImage(file: ImageFile, why: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `disk image ${file.path} is damaged: ${why}`);
}

/** Foreign text for a terminal: no control characters, and not too much of it. */
function harmless(text: string): string {
  const printable = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?");
  return printable.length > MAX_SHOWN ? `${printable.slice(0, MAX_SHOWN)}…` : printable;
}
