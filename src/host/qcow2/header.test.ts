// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { buildQcow2, MemoryImageFile, type Qcow2Plan } from "../../../test/support/qcow2-image.ts";
import { parseQcow2Header } from "./header.ts";
import { Qcow2Image } from "./image.ts";

const PLAN: Qcow2Plan = { sizeBytes: 64 * 1024, clusterBits: 12 };

/** A header with one field changed, as four or eight bytes. */
function changed(offset: number, value: number | bigint): MemoryImageFile {
  const bytes = Buffer.from(buildQcow2(PLAN));
  if (typeof value === "bigint") bytes.writeBigUInt64BE(value, offset);
  else bytes.writeUInt32BE(value, offset);
  return new MemoryImageFile(bytes);
}

describe("a qcow2 header", () => {
  it("tells the size, the clusters and the base's name", () => {
    const file = new MemoryImageFile(buildQcow2({ ...PLAN, backingName: "/etc/passwd" }));
    expect(parseQcow2Header(file)).toMatchObject({
      version: 3,
      sizeBytes: 65536,
      clusterBytes: 4096,
      refcountOrder: 4,
      backingName: "/etc/passwd",
      overlayRecord: undefined,
    });
  });

  it("has the base's name made harmless to print", () => {
    const backingName = `\x1b[2J\n${"x".repeat(200)}`;
    const file = new MemoryImageFile(buildQcow2({ ...PLAN, backingName }));
    expect(parseQcow2Header(file).backingName).toBe(`?[2J?${"x".repeat(75)}…`);
  });

  it.each<[string, number, number | bigint, string]>([
    ["another magic", 0, 0x12345678, "does not begin as a qcow2 image"],
    ["version 1", 4, 1, "it is of version 1: 2 and 3 are read"],
    ["version 4", 4, 4, "it is of version 4"],
    ["clusters of 256 bytes", 20, 8, "clusters would have 2^8 bytes"],
    ["clusters of 4 GiB", 20, 32, "clusters would have 2^32 bytes"],
    ["no size", 24, 0n, "its disk would have 0 bytes"],
    ["half a sector", 24, 256n, "its disk would have 256 bytes"],
    ["a size beyond counting", 24, 2n ** 63n, "its disk would have"],
    ["a size beyond its L1 table", 24, 2n ** 40n, "L1 table of 1 entries is not one for"],
    ["encryption", 32, 1, "it is encrypted"],
    ["an L1 table outside", 40, 2n ** 40n, "its L1 table lies outside the file"],
    ["an L1 table on the header", 40, 0n, "its L1 table lies outside the file or on its header"],
    ["an L1 table between clusters", 40, 4097n, "its L1 table lies outside"],
    ["no refcounts", 56, 0, "its refcount table would have 0 bytes"],
    ["refcounts without end", 56, 0xffff_ffff, "its refcount table would have"],
    ["a refcount table outside", 48, 2n ** 55n, "its refcount table lies outside"],
    ["data in another file", 76, 4, "its data is in another file"],
    ["subclusters", 76, 16, "it has subclusters"],
    ["a feature of the future", 76, 0x80, "it needs features that are not known"],
    ["a feature of the far future", 72, 1, "it needs features that are not known"],
    ["refcounts of 128 bits", 96, 7, "its refcounts would have 2^7 bits"],
    ["a header of 4 GiB", 100, 0xffff_ffff, "its header would have"],
    ["a base's name outside", 8, 2n ** 40n, "the name of its base lies outside the header"],
    ["a base without a name", 8, 512n, "the name of its base lies outside the header"],
  ])("with %s is refused in a sentence", (_what, offset, value, sentence) => {
    const parse = () => parseQcow2Header(changed(offset, value));
    expect(parse).toThrow(sentence);
    expect(parse).toThrow(/^disk image test\.qcow2 /);
  });

  it("of an image that is compressed with zstd says so, and what helps", () => {
    const plan = { ...PLAN, incompatible: 8, compressionType: 1 };
    expect(() => parseQcow2Header(new MemoryImageFile(buildQcow2(plan)))).toThrow(
      "it is compressed with zstd, and only zlib is read (qemu-img convert -O qcow2 makes one",
    );
  });

  it.each([0, 3, 71, 72, 103])("of %i bytes is none", (length) => {
    const bytes = buildQcow2(PLAN).slice(0, length);
    expect(() => parseQcow2Header(new MemoryImageFile(bytes))).toThrow(/damaged/);
  });

  it.each([
    [1, "it was not closed by who wrote it last"],
    [2, "it is marked as corrupt"],
  ])("with incompatible feature bits %i is read, and not written", (incompatible, why) => {
    const file = new MemoryImageFile(buildQcow2({ ...PLAN, incompatible }));
    const header = parseQcow2Header(file);
    expect(() => new Qcow2Image({ file, header, isReadOnly: false })).toThrow(
      `cannot be written: ${why}`,
    );
    const sector = new Uint8Array(512).fill(1);
    new Qcow2Image({ file, header, isReadOnly: true }).read(0, sector);
    expect(sector.every((byte) => byte === 0)).toBe(true);
  });
});
