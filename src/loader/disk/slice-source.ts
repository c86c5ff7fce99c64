// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../base/errors.ts";
import { type ByteSource, checkRead } from "../byte-source.ts";

/**
 * The bytes `offset` … `offset + size - 1` of a source as a source of its own: a partition of a disk.
 * Whatever lies outside cannot be read through it. Throws ERR_BAD_IMAGE if the window leaves the source.
 */
export function sliceSource(
  source: ByteSource,
  offset: number,
  size: number,
  what: string,
): ByteSource {
  const isInside = offset >= 0 && size >= 0 && offset + size <= source.size;
  if (!isInside) {
    const sentence = `${what} takes ${size} bytes at ${offset} of an image of ${source.size} bytes`;
    throw new VmmError("ERR_BAD_IMAGE", sentence);
  }
  return {
    size,
    read(at, length) {
      checkRead(size, at, length, what);
      return source.read(offset + at, length);
    },
  };
}
