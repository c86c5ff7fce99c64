// SPDX-License-Identifier: BSD-2-Clause
import { EntryTable } from "./entry-table.ts";
import {
  ENTRY_BYTES,
  EXTENSION_BACKING_FORMAT,
  EXTENSION_OVERLAY,
  HEADER,
  QCOW2_MAGIC,
  V3_HEADER_BYTES,
} from "./format.ts";
import type { ImageFile } from "./image-file.ts";
import { RefcountBlock } from "./refcount-block.ts";

const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 1 << CLUSTER_BITS;
const REFCOUNT_ORDER = 4;
const REFCOUNT_TABLE = CLUSTER_BYTES;
const REFCOUNT_BLOCK = 2 * CLUSTER_BYTES;
const L1_TABLE = 3 * CLUSTER_BYTES;

export interface NewQcow2 {
  readonly sizeBytes: number;
  /** For other programs: where the base is and what it is. */
  readonly base?: { readonly name: string; readonly format: string };
  /** For us: {@link EXTENSION_OVERLAY}. */
  readonly overlayRecord?: Uint8Array;
}

/** Writes an image without data to an empty file, of version 3, as `qemu-img create` does, and syncs it. */
export function createQcow2(file: ImageFile, image: NewQcow2): void {
  const l1Entries = Math.ceil(image.sizeBytes / (CLUSTER_BYTES * (CLUSTER_BYTES / ENTRY_BYTES)));
  const l1Clusters = Math.ceil((l1Entries * ENTRY_BYTES) / CLUSTER_BYTES);
  file.write(0, headerCluster(image, l1Entries));
  const table = new EntryTable(new Uint8Array(CLUSTER_BYTES));
  table.setOffset(0, REFCOUNT_BLOCK);
  file.write(REFCOUNT_TABLE, table.bytes);
  const block = new RefcountBlock(REFCOUNT_BLOCK, new Uint8Array(CLUSTER_BYTES), REFCOUNT_ORDER);
  for (let cluster = 0; cluster < 3 + l1Clusters; cluster++) block.set(cluster, 1);
  file.write(REFCOUNT_BLOCK, block.bytes);
  file.write(L1_TABLE, new Uint8Array(l1Clusters * CLUSTER_BYTES));
  file.sync();
}

function headerCluster({ sizeBytes, base, overlayRecord }: NewQcow2, l1Entries: number) {
  const bytes = new Uint8Array(CLUSTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(HEADER.magic, QCOW2_MAGIC);
  view.setUint32(HEADER.version, 3);
  view.setUint32(HEADER.clusterBits, CLUSTER_BITS);
  view.setBigUint64(HEADER.size, BigInt(sizeBytes));
  view.setUint32(HEADER.l1Size, l1Entries);
  view.setUint32(HEADER.l1TableOffset + 4, L1_TABLE);
  view.setUint32(HEADER.refcountTableOffset + 4, REFCOUNT_TABLE);
  view.setUint32(HEADER.refcountTableClusters, 1);
  view.setUint32(HEADER.refcountOrder, REFCOUNT_ORDER);
  view.setUint32(HEADER.headerLength, V3_HEADER_BYTES);
  let end = V3_HEADER_BYTES;
  const addExtension = (type: number, data: Uint8Array) => {
    view.setUint32(end, type);
    view.setUint32(end + 4, data.length);
    bytes.set(data, end + 8);
    end += 8 + Math.ceil(data.length / 8) * 8;
  };
  const text = new TextEncoder();
  if (base !== undefined) addExtension(EXTENSION_BACKING_FORMAT, text.encode(base.format));
  if (overlayRecord !== undefined) addExtension(EXTENSION_OVERLAY, overlayRecord);
  if (base !== undefined) {
    const name = text.encode(base.name);
    // Eight zero bytes in between end the extensions.
    view.setBigUint64(HEADER.backingFileOffset, BigInt(end + 8));
    view.setUint32(HEADER.backingFileSize, name.length);
    bytes.set(name, end + 8);
  }
  return bytes;
}
