// SPDX-License-Identifier: BSD-2-Clause
// Tables of 64-bit entries: L1, L2, refcount table. Offsets are kept as numbers: what a file can have is below 2^53,
// and an offset above it fails every comparison with the file's size.
import { COMPRESSED_SECTOR_BYTES, ENTRY_BYTES } from "./format.ts";

const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;
const ZERO = 1;

/** What an L2 entry says of a cluster of the disk. */
export type L2Entry =
  /** The base has it; without a base it is zero. */
  | { readonly kind: "unallocated" }
  /** Reads as zeroes; `offset` is a cluster kept for it, or 0. */
  | { readonly kind: "zero"; readonly offset: number; readonly isCopied: boolean }
  | { readonly kind: "data"; readonly offset: number; readonly isCopied: boolean }
  /** `length` is to the end of the last sector, data may end before. */
  | { readonly kind: "compressed"; readonly offset: number; readonly length: number };

const UNALLOCATED: L2Entry = { kind: "unallocated" };

/** Borrows its bytes. */
export class EntryTable {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length / ENTRY_BYTES;
  }

  /** Bits 9 to 55: where a cluster is, or 0. */
  offset(index: number): number {
    const high = this.#view.getUint32(index * ENTRY_BYTES) & OFFSET_HIGH;
    return high * 2 ** 32 + ((this.#view.getUint32(index * ENTRY_BYTES + 4) & OFFSET_LOW) >>> 0);
  }

  /** Bit 63: exactly one entry refers to the cluster, so that it can be written in place. */
  isCopied(index: number): boolean {
    return (this.#view.getUint32(index * ENTRY_BYTES) & COPIED) !== 0;
  }

  /** An offset below 2^53 without flags. */
  setOffset(index: number, offset: number): void {
    this.#set(index, Math.floor(offset / 2 ** 32), offset);
  }

  /** A cluster of its own for data or an L2 table. */
  setCopied(index: number, offset: number): void {
    this.#set(index, Math.floor(offset / 2 ** 32) | COPIED, offset);
  }

  /** Reads as zeroes, version 3; keeps the cluster at `offset`, unless that is 0. */
  setZero(index: number, offset: number): void {
    const high = Math.floor(offset / 2 ** 32) | (offset === 0 ? 0 : COPIED);
    this.#set(index, high, (offset | ZERO) >>> 0);
  }

  /** An entry of an L2 table. `zeroFlag`: version 3. */
  l2Entry(index: number, clusterBytes: number, zeroFlag: boolean): L2Entry {
    const high = this.#view.getUint32(index * ENTRY_BYTES);
    if ((high & COMPRESSED) !== 0) return this.#compressed(index, clusterBytes);
    const offset = this.offset(index);
    const isCopied = (high & COPIED) !== 0;
    const isZero = zeroFlag && (this.#view.getUint32(index * ENTRY_BYTES + 4) & ZERO) !== 0;
    if (isZero) return { kind: "zero", offset, isCopied };
    return offset === 0 ? UNALLOCATED : { kind: "data", offset, isCopied };
  }

  /** Bits 0 to x-1 are the offset, x to 61 count further sectors, where x is 62 - (cluster bits - 8). */
  #compressed(index: number, clusterBytes: number): L2Entry {
    const high = this.#view.getUint32(index * ENTRY_BYTES) & ~(COPIED | COMPRESSED);
    const low = this.#view.getUint32(index * ENTRY_BYTES + 4);
    const offsetBitsInHigh = 62 - (Math.log2(clusterBytes) - 8) - 32;
    const offset = (high & (2 ** offsetBitsInHigh - 1)) * 2 ** 32 + low;
    const sectors = (high >>> offsetBitsInHigh) + 1;
    const length = sectors * COMPRESSED_SECTOR_BYTES - (offset % COMPRESSED_SECTOR_BYTES);
    return { kind: "compressed", offset, length };
  }

  #set(index: number, high: number, low: number): void {
    this.#view.setUint32(index * ENTRY_BYTES, high);
    this.#view.setUint32(index * ENTRY_BYTES + 4, low);
  }
}
