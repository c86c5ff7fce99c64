// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import type { ByteSource } from "../byte-source.ts";
import { cachedSource } from "./block-cache.ts";
import { memorySource } from "./memory-source.ts";
import { sliceSource } from "./slice-source.ts";

const BYTES = Uint8Array.from({ length: 100 }, (_, i) => i);
const BAD_IMAGE = expect.objectContaining({ code: "ERR_BAD_IMAGE" });

/** Notes what is read of it. */
function watched(bytes: Uint8Array): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const inner = memorySource(bytes);
  const read = (offset: number, length: number) => {
    reads.push([offset, length]);
    return inner.read(offset, length);
  };
  return { source: { size: bytes.length, read }, reads };
}

describe("a memory source", () => {
  it("gives copies, which do not follow later changes", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const copy = memorySource(bytes).read(1, 2);
    bytes[1] = 9;
    expect(copy).toEqual(Uint8Array.of(2, 3));
  });

  it.each([
    [99, 2],
    [-1, 1],
    [0, -1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ])("refuses to read at %d %d bytes", (offset, length) => {
    expect(() => memorySource(BYTES).read(offset, length)).toThrow(BAD_IMAGE);
  });

  it("refuses more than 1 GiB at once, whatever its size", () => {
    const endless: ByteSource = { size: 2 ** 40, read: () => new Uint8Array() };
    expect(() => sliceSource(endless, 0, 2 ** 40, "disk0").read(0, 2 ** 30 + 1)).toThrow(
      "1073741825 bytes of disk0 are asked for at once: the most is 1073741824",
    );
  });
});

describe("a slice of a source", () => {
  it("reads from its own start and not past its end", () => {
    const slice = sliceSource(memorySource(BYTES), 10, 20, "disk0s1");
    expect(slice.read(0, 3)).toEqual(Uint8Array.of(10, 11, 12));
    expect(() => slice.read(18, 3)).toThrow(
      "disk0s1 has 20 bytes: cannot read 3 bytes at offset 18",
    );
  });

  it.each([
    [90, 11],
    [-1, 5],
    [5, -1],
    [Number.NaN, 1],
  ])("cannot be taken at %d for %d bytes", (offset, size) => {
    expect(() => sliceSource(memorySource(BYTES), offset, size, "disk0s1")).toThrow(BAD_IMAGE);
  });
});

describe("a cached source", () => {
  it("reads the same as what it caches, at every offset and length", () => {
    const cached = cachedSource(memorySource(BYTES), { blockBytes: 16, blocks: 2 });
    for (let offset = 0; offset <= 100; offset++) {
      for (let length = 0; length <= 100 - offset; length += 7) {
        expect(cached.read(offset, length)).toEqual(BYTES.slice(offset, offset + length));
      }
    }
  });

  it("reads a block once while it is in use, and forgets the one unused for longest", () => {
    const { source, reads } = watched(BYTES);
    const cached = cachedSource(source, { blockBytes: 16, blocks: 2 });
    cached.read(0, 4);
    cached.read(16, 4);
    cached.read(4, 4);
    cached.read(32, 4);
    cached.read(8, 4);
    expect(reads).toEqual([
      [0, 16],
      [16, 16],
      [32, 16],
    ]);
    cached.read(16, 4);
    expect(reads).toHaveLength(4);
  });

  it("leaves reads of more than a block to the source", () => {
    const { source, reads } = watched(BYTES);
    cachedSource(source, { blockBytes: 16, blocks: 2 }).read(3, 40);
    expect(reads).toEqual([[3, 40]]);
  });

  it("gives copies, which do not reach into the cache", () => {
    const cached = cachedSource(memorySource(BYTES), { blockBytes: 16, blocks: 2 });
    cached.read(0, 4).fill(0xff);
    expect(cached.read(0, 4)).toEqual(Uint8Array.of(0, 1, 2, 3));
  });
});
