// SPDX-License-Identifier: BSD-2-Clause
// Numbers of the qcow2 format, versions 2 and 3. QEMU: docs/interop/qcow2.rst.
// All numbers in an image are big-endian.

/** "QFI\xfb" */
export const QCOW2_MAGIC = 0x514649fb;

export const V2_HEADER_BYTES = 72;
export const V3_HEADER_BYTES = 104;

/** Offsets of header fields. */
export const HEADER = {
  magic: 0,
  version: 4,
  backingFileOffset: 8,
  backingFileSize: 16,
  clusterBits: 20,
  size: 24,
  cryptMethod: 32,
  l1Size: 36,
  l1TableOffset: 40,
  refcountTableOffset: 48,
  refcountTableClusters: 56,
  snapshots: 60,
  snapshotsOffset: 64,
  incompatibleFeatures: 72,
  compatibleFeatures: 80,
  autoclearFeatures: 88,
  refcountOrder: 96,
  headerLength: 100,
  compressionType: 104,
} as const;

export const INCOMPATIBLE_DIRTY = 1 << 0;
export const INCOMPATIBLE_CORRUPT = 1 << 1;
export const INCOMPATIBLE_EXTERNAL_DATA = 1 << 2;
export const INCOMPATIBLE_COMPRESSION = 1 << 3;
export const INCOMPATIBLE_EXTENDED_L2 = 1 << 4;

export const EXTENSION_END = 0;
export const EXTENSION_BACKING_FORMAT = 0xe2792aca;
/** Our own: what an overlay was made over. Others skip it, as the format wants. */
export const EXTENSION_OVERLAY = 0x74736879;

export const MIN_CLUSTER_BITS = 9;
export const MAX_CLUSTER_BITS = 21;
export const MAX_BACKING_NAME_BYTES = 1023;
/** Of the L1 table: 8 MiB of it. 64 KiB clusters make 512 TiB of that. */
export const MAX_L1_ENTRIES = 2 ** 20;
/** As QEMU. */
export const MAX_REFCOUNT_TABLE_BYTES = 8 * 1024 * 1024;
/** Bytes of an entry of the L1, L2 and refcount tables. */
export const ENTRY_BYTES = 8;
/** Compressed data is counted in these. */
export const COMPRESSED_SECTOR_BYTES = 512;
