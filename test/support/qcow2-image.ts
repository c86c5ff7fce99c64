// SPDX-License-Identifier: BSD-2-Clause
// qcow2 images for tests, built and checked by code of their own, after the format's description and not after the
// reader's source. QEMU: docs/interop/qcow2.rst.
import { deflateRawSync } from "node:zlib";
import type { ImageFile } from "../../src/host/qcow2/image-file.ts";

/** What a cluster of the disk is to be. `plain` data is a whole cluster. */
export type ClusterContent =
  | { readonly kind: "plain"; readonly bytes: Uint8Array }
  | { readonly kind: "compressed"; readonly bytes: Uint8Array }
  | { readonly kind: "zero" };

export interface Qcow2Plan {
  readonly version?: 2 | 3;
  readonly clusterBits?: number;
  readonly sizeBytes: number;
  readonly refcountOrder?: number;
  /** By number of the cluster. */
  readonly clusters?: ReadonlyMap<number, ClusterContent>;
  readonly backingName?: string;
  readonly incompatible?: number;
  readonly autoclear?: number;
  readonly compressionType?: number;
}

const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;
const ZERO = 1n;

/** Bytes of an image. Everything is in one piece: header, refcount table, L1, L2 tables, data, refcount blocks. */
export function buildQcow2(plan: Qcow2Plan): Uint8Array {
  return new Builder(plan).build();
}

class Builder {
  readonly #plan: Qcow2Plan;
  readonly #bits: number;
  readonly #clusterBytes: number;
  readonly #bytes: number[] = [];
  readonly #counts: number[] = [];

  constructor(plan: Qcow2Plan) {
    this.#plan = plan;
    this.#bits = plan.clusterBits ?? 16;
    this.#clusterBytes = 2 ** this.#bits;
  }

  build(): Uint8Array {
    const { sizeBytes } = this.#plan;
    const perTable = this.#clusterBytes / 8;
    const l1Entries = Math.ceil(sizeBytes / this.#clusterBytes / perTable);
    this.#append(this.#header(l1Entries));
    this.#append(new Uint8Array(this.#clusterBytes));
    const l1 = new BigUint64Array(l1Entries);
    const l1Offset = this.#append(new Uint8Array(l1Entries * 8));
    for (let index = 0; index < l1Entries; index++) {
      const entries = this.#l2(index * perTable, perTable);
      if (entries.some((entry) => entry !== 0n)) {
        l1[index] = BigInt(this.#append(bigEndian(entries))) | COPIED;
      }
    }
    this.#put(l1Offset, bigEndian([...l1]));
    this.#putU64(40, BigInt(l1Offset));
    this.#refcounts();
    return Uint8Array.from(this.#bytes);
  }

  #header(l1Entries: number): Uint8Array {
    const { version = 3, sizeBytes, backingName, refcountOrder = 4 } = this.#plan;
    const bytes = Buffer.alloc(this.#clusterBytes);
    bytes.write("QFI\xfb", 0, "latin1");
    bytes.writeUInt32BE(version, 4);
    bytes.writeUInt32BE(this.#bits, 20);
    bytes.writeBigUInt64BE(BigInt(sizeBytes), 24);
    bytes.writeUInt32BE(l1Entries, 36);
    bytes.writeBigUInt64BE(BigInt(this.#clusterBytes), 48);
    bytes.writeUInt32BE(1, 56);
    if (version === 3) {
      const { incompatible = 0, autoclear = 0, compressionType } = this.#plan;
      bytes.writeUInt32BE(incompatible, 76);
      bytes.writeUInt32BE(autoclear, 92);
      bytes.writeUInt32BE(refcountOrder, 96);
      bytes.writeUInt32BE(compressionType === undefined ? 104 : 112, 100);
      bytes[104] = compressionType ?? 0;
    }
    if (backingName !== undefined) {
      bytes.writeBigUInt64BE(256n, 8);
      bytes.writeUInt32BE(bytes.write(backingName, 256), 16);
    }
    return bytes;
  }

  #l2(first: number, count: number): bigint[] {
    return Array.from({ length: count }, (_, index) => this.#entry(first + index));
  }

  #entry(cluster: number): bigint {
    const content = this.#plan.clusters?.get(cluster);
    if (content === undefined) return 0n;
    if (content.kind === "zero") return ZERO;
    if (content.kind === "plain") return BigInt(this.#append(content.bytes)) | COPIED;
    return this.#compressed(content.bytes);
  }

  /** Compressed clusters follow each other without regard to clusters of the file. */
  #compressed(content: Uint8Array): bigint {
    const data = deflateRawSync(content, { windowBits: 12 });
    const offset = this.#bytes.length;
    const further = Math.floor((offset + data.length - 1) / 512) - Math.floor(offset / 512);
    this.#extend(data);
    const end = (Math.floor(offset / 512) + further + 1) * 512;
    const last = Math.floor((end - 1) / this.#clusterBytes);
    for (let each = Math.floor(offset / this.#clusterBytes); each <= last; each++) {
      this.#counts[each] = (this.#counts[each] ?? 0) + 1;
    }
    const x = BigInt(62 - (this.#bits - 8));
    return COMPRESSED | (BigInt(further) << x) | BigInt(offset);
  }

  /** Starts at a cluster and takes whole ones; where that is. */
  #append(bytes: Uint8Array): number {
    this.#pad();
    const offset = this.#bytes.length;
    this.#extend(bytes);
    this.#pad();
    for (let at = offset; at < this.#bytes.length; at += this.#clusterBytes) {
      this.#counts[at / this.#clusterBytes] = 1;
    }
    return offset;
  }

  #pad(): void {
    while (this.#bytes.length % this.#clusterBytes !== 0) this.#bytes.push(0);
  }

  #extend(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  #refcounts(): void {
    this.#pad();
    const bits = 2 ** (this.#plan.refcountOrder ?? 4);
    const perBlock = (this.#clusterBytes * 8) / bits;
    for (let block = 0; block * perBlock < this.#counts.length; block++) {
      const offset = this.#append(new Uint8Array(this.#clusterBytes));
      this.#putU64(this.#clusterBytes + block * 8, BigInt(offset));
    }
    this.#counts.forEach((count, cluster) => {
      const table = this.#clusterBytes + Math.floor(cluster / perBlock) * 8;
      const block = Number(readBig(this.#bytes, table));
      putCount(this.#bytes, { block, index: cluster % perBlock, bits }, count);
    });
  }

  #put(offset: number, bytes: Uint8Array): void {
    bytes.forEach((byte, index) => {
      this.#bytes[offset + index] = byte;
    });
  }

  #putU64(offset: number, value: bigint): void {
    this.#put(offset, bigEndian([value]));
  }
}

interface CountPlace {
  readonly block: number;
  readonly index: number;
  readonly bits: number;
}

function putCount(bytes: number[], { block, index, bits }: CountPlace, count: number): void {
  if (bits >= 8) bytes[block + ((index + 1) * bits) / 8 - 1] = count;
  else {
    const at = block + Math.floor((index * bits) / 8);
    bytes[at] = bytes[at]! | (count << ((index * bits) % 8));
  }
}

function countAt(bytes: Uint8Array, { block, index, bits }: CountPlace): number {
  if (bits < 8) {
    const byte = bytes[block + Math.floor((index * bits) / 8)]!;
    return (byte >> ((index * bits) % 8)) & (2 ** bits - 1);
  }
  let count = 0;
  for (let each = 0; each < bits / 8; each++) {
    count = count * 256 + bytes[block + (index * bits) / 8 + each]!;
  }
  return count;
}

function bigEndian(values: readonly bigint[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => {
    bytes.writeBigUInt64BE(value, index * 8);
  });
  return bytes;
}

function readBig(bytes: ArrayLike<number>, offset: number): bigint {
  let value = 0n;
  for (let index = 0; index < 8; index++) value = (value << 8n) | BigInt(bytes[offset + index]!);
  return value;
}

export interface Qcow2Check {
  /** Clusters that are referred to more often than they are counted: what must never be. */
  readonly errors: readonly number[];
  /** Clusters that are counted more often than they are referred to: lost space. */
  readonly leaks: readonly number[];
}

/** Counts the references in an image without snapshots and holds them against its refcounts, as `qemu-img check`. */
export function checkQcow2(bytes: Uint8Array): Qcow2Check {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const clusterBytes = 2 ** view.getUint32(20);
  const bits = 2 ** (view.getUint32(4) === 3 ? view.getUint32(96) : 4);
  const offsetOf = (entry: bigint) => Number(entry & 0x00ff_ffff_ffff_fe00n);
  const references: number[] = [];
  const refer = (offset: number, length: number) => {
    for (let at = Math.floor(offset / clusterBytes); at * clusterBytes < offset + length; at++) {
      references[at] = (references[at] ?? 0) + 1;
    }
  };
  const l1Offset = Number(view.getBigUint64(40));
  const l1Entries = view.getUint32(36);
  const tableOffset = Number(view.getBigUint64(48));
  const tableBytes = view.getUint32(56) * clusterBytes;
  refer(0, clusterBytes);
  refer(l1Offset, l1Entries * 8);
  refer(tableOffset, tableBytes);
  for (let index = 0; index < l1Entries; index++) {
    const l2 = offsetOf(view.getBigUint64(l1Offset + index * 8));
    if (l2 === 0) continue;
    refer(l2, clusterBytes);
    for (let at = l2; at < l2 + clusterBytes; at += 8) {
      const entry = view.getBigUint64(at);
      if ((entry & COMPRESSED) !== 0n) {
        const x = BigInt(62 - (view.getUint32(20) - 8));
        const offset = Number(entry & ((1n << x) - 1n));
        const sectors = Number((entry & (COMPRESSED - 1n)) >> x) + 1;
        refer(offset, sectors * 512 - (offset % 512));
      } else if (offsetOf(entry) !== 0) refer(offsetOf(entry), clusterBytes);
    }
  }
  const blocks: number[] = [];
  for (let at = tableOffset; at < tableOffset + tableBytes; at += 8) {
    const block = offsetOf(view.getBigUint64(at));
    blocks.push(block);
    if (block !== 0) refer(block, clusterBytes);
  }
  const errors: number[] = [];
  const leaks: number[] = [];
  const perBlock = (clusterBytes * 8) / bits;
  for (
    let cluster = 0;
    cluster < Math.max(references.length, bytes.length / clusterBytes);
    cluster++
  ) {
    const block = blocks[Math.floor(cluster / perBlock)] ?? 0;
    const count = block === 0 ? 0 : countAt(bytes, { block, index: cluster % perBlock, bits });
    const wanted = references[cluster] ?? 0;
    if (count < wanted) errors.push(cluster);
    if (count > wanted) leaks.push(cluster);
  }
  return { errors, leaks };
}

/** What happened to a file. */
export type FileEvent =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "sync" };

/** A file in memory that remembers what was done to it, so that a test can stop the host anywhere. */
export class MemoryImageFile implements ImageFile {
  readonly path = "test.qcow2";
  readonly events: FileEvent[] = [];
  /** What it holds, and room to grow. */
  #room: Uint8Array;
  #sizeBytes: number;

  /** Keeps `bytes`. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#room = bytes;
    this.#sizeBytes = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#sizeBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, target: Uint8Array): void {
    const inside = this.bytes.subarray(offset, offset + target.length);
    target.set(inside);
    target.fill(0, inside.length);
  }

  write(offset: number, source: Uint8Array): void {
    this.events.push({ kind: "write", offset, bytes: source.slice() });
    const end = offset + source.length;
    if (end > this.#room.length) {
      const room = new Uint8Array(2 * end);
      room.set(this.bytes);
      this.#room = room;
    }
    this.#room.set(source, offset);
    this.#sizeBytes = Math.max(this.#sizeBytes, end);
  }

  sync(): void {
    this.events.push({ kind: "sync" });
  }

  close(): void {}
}

/** The bytes with others written into them. */
export function applied(bytes: Uint8Array, offset: number, source: Uint8Array): Uint8Array {
  let target = bytes;
  if (offset + source.length > bytes.length) {
    target = new Uint8Array(offset + source.length);
    target.set(bytes);
  }
  target.set(source, offset);
  return target;
}
