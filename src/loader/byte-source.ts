// SPDX-License-Identifier: BSD-2-Clause

/** Bytes that can be read at any offset: a disk image, a partition of one, a file in a filesystem. */
export interface ByteSource {
  readonly size: number;
  /** A fresh copy of exactly `length` bytes. Throws ERR_BAD_IMAGE past the end, ERR_IO if the host fails. */
  read(offset: number, length: number): Uint8Array;
}
