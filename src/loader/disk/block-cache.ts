// SPDX-License-Identifier: BSD-2-Clause
import { type ByteSource, checkRead } from "../byte-source.ts";

/** What a cache may hold: `blockBytes * blocks` bytes and no more. Both are at least 1. */
export interface CacheSize {
  readonly blockBytes: number;
  readonly blocks: number;
}

/**
 * Remembers the blocks of a source that were read last, for sources where a small read is dear. Reads
 * of more than a block go straight through: they are file contents, wanted once. The source must not
 * change meanwhile.
 */
export function cachedSource(source: ByteSource, { blockBytes, blocks }: CacheSize): ByteSource {
  // A Map keeps the order of insertion; a block that is used is inserted anew, so the first is the oldest.
  const cache = new Map<number, Uint8Array>();

  const block = (index: number): Uint8Array => {
    const start = index * blockBytes;
    const bytes = cache.get(index) ?? source.read(start, Math.min(blockBytes, source.size - start));
    cache.delete(index);
    cache.set(index, bytes);
    if (cache.size > blocks) cache.delete(cache.keys().next().value!);
    return bytes;
  };

  return {
    size: source.size,
    read(offset, length) {
      checkRead(source.size, offset, length, "the image");
      if (length > blockBytes) return source.read(offset, length);
      const result = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const index = Math.floor((offset + done) / blockBytes);
        const from = offset + done - index * blockBytes;
        const part = block(index).subarray(from, from + length - done);
        result.set(part, done);
        done += part.length;
      }
      return result;
    },
  };
}
