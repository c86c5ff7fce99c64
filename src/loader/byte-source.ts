// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../base/errors.ts";

/** Bytes that can be read at any offset: a disk image, a partition of one, a file in a filesystem. */
export interface ByteSource {
  readonly size: number;
  /**
   * A fresh copy of exactly `length` bytes. Throws ERR_BAD_IMAGE past the end or for more than
   * {@link MAX_READ_BYTES}, ERR_IO if the host fails.
   */
  read(offset: number, length: number): Uint8Array;
}

/** No single read is larger: it is all the memory that the loader maps, and a damaged size must not be believed. */
const MAX_READ_BYTES = 2 ** 30;

/** What every source checks first. Throws ERR_BAD_IMAGE; `what` names the source in the sentence. */
export function checkRead(size: number, offset: number, length: number, what: string): void {
  const isInside = offset >= 0 && length >= 0 && offset + length <= size;
  if (!isInside) {
    const sentence = `${what} has ${size} bytes: cannot read ${length} bytes at offset ${offset}`;
    throw new VmmError("ERR_BAD_IMAGE", sentence);
  }
  if (length > MAX_READ_BYTES) {
    const sentence = `${length} bytes of ${what} are asked for at once: the most is ${MAX_READ_BYTES}`;
    throw new VmmError("ERR_BAD_IMAGE", sentence);
  }
}
