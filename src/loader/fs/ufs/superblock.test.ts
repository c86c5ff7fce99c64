// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { directory } from "../../../../images/build/file-tree.ts";
import { LeWriter } from "../../../../images/build/le-writer.ts";
import { buildUfs1, buildUfs2 } from "../../../../images/build/ufs2.ts";
import { memorySource } from "../../disk/memory-source.ts";
import { FS, FS_BYTES, SBLOCK_PIGGY, SBLOCK_UFS1, SBLOCK_UFS2 } from "./format.ts";
import { readSuperblock } from "./superblock.ts";

const OPTIONS = { sizeBytes: 1 << 20, blockBytes: 4096, fragBytes: 512 };
const BAD_IMAGE = expect.objectContaining({ code: "ERR_BAD_IMAGE" });

const ufs1 = () => buildUfs1(directory({}), OPTIONS);
const ufs2 = () => buildUfs2(directory({}), OPTIONS);

/** An empty image but for a superblock, moved there from where it was. */
function moved(image: Uint8Array, from: number, to: number): Uint8Array {
  const result = new Uint8Array(image.length);
  result.set(image.subarray(from, from + FS_BYTES), to);
  new LeWriter(result).u64(to + FS.sblockloc, to);
  return result;
}

describe("the search for a superblock", () => {
  it.each([SBLOCK_UFS2, SBLOCK_UFS1, 0, SBLOCK_PIGGY])("looks at offset %d", (offset) => {
    const sb = readSuperblock(memorySource(moved(ufs2(), SBLOCK_UFS2, offset)));
    expect(sb?.format.version).toBe(2);
  });

  it("looks no further than the end of a short image", () => {
    expect(readSuperblock(memorySource(new Uint8Array(100)))).toBeUndefined();
    expect(readSuperblock(memorySource(new Uint8Array(1 << 20)))).toBeUndefined();
  });

  it("passes over a UFS2 superblock that belongs elsewhere", () => {
    const image = ufs2();
    new LeWriter(image).u64(SBLOCK_UFS2 + FS.sblockloc, SBLOCK_PIGGY);
    expect(readSuperblock(memorySource(image))).toBeUndefined();
  });

  it("takes a later one where an earlier one is damaged", () => {
    const image = ufs1();
    image.set(
      moved(ufs2(), SBLOCK_UFS2, SBLOCK_UFS2).subarray(SBLOCK_UFS2, SBLOCK_UFS2 + FS_BYTES),
      SBLOCK_UFS2,
    );
    new LeWriter(image).u32(SBLOCK_UFS2 + FS.bsize, 4097);
    expect(readSuperblock(memorySource(image))?.format.version).toBe(1);
  });
});

describe("a superblock", () => {
  it("of a big-endian machine is refused in so many words", () => {
    const image = ufs2();
    image.subarray(SBLOCK_UFS2 + FS.magic, SBLOCK_UFS2 + FS.magic + 4).reverse();
    expect(() => readSuperblock(memorySource(image))).toThrow(
      expect.objectContaining({
        code: "ERR_UNSUPPORTED",
        message: expect.stringContaining("the UFS2 filesystem is big-endian"),
      }),
    );
  });

  it("that newfs did not finish is refused", () => {
    const image = ufs2();
    new LeWriter(image).u32(SBLOCK_UFS2 + FS.magic, 0x19960408);
    expect(() => readSuperblock(memorySource(image))).toThrow(/newfs was interrupted/);
  });

  it.each([
    ["bsize", 0],
    ["bsize", 2048],
    ["bsize", 131072],
    ["bsize", -4096],
    ["fsize", 256],
    ["fsize", 513],
    ["fsize", 8192],
    ["frag", 0],
    ["frag", 4],
    ["inopb", 17],
    ["nindir", 0],
    ["maxsymlinklen", 0],
    ["fpg", 0],
    ["fpg", 23],
    ["ncg", 0],
    ["ncg", 0xffffffff],
    ["ipg", 0],
    ["ipg", 17],
    ["ipg", 0xfffffff0],
    ["iblkno", 0],
    ["dblkno", 0],
    ["size", 0],
    ["size", 1 << 20],
  ] as const)("with fs_%s %d is damaged", (field, value) => {
    const image = ufs2();
    new LeWriter(image).u32(SBLOCK_UFS2 + FS[field], value);
    expect(() => readSuperblock(memorySource(image))).toThrow(BAD_IMAGE);
  });

  it.each([
    ["old_cgoffset", -1],
    ["old_cgmask", 0],
    ["old_size", -1],
  ] as const)("of UFS1 with fs_%s %d is damaged", (field, value) => {
    const image = ufs1();
    const writer = new LeWriter(image);
    writer.u32(SBLOCK_UFS1 + FS.old_cgoffset, 1);
    writer.u32(SBLOCK_UFS1 + FS[field], value);
    expect(() => readSuperblock(memorySource(image))).toThrow(BAD_IMAGE);
  });

  it("is described by the field that cannot be", () => {
    const image = ufs2();
    new LeWriter(image).u32(SBLOCK_UFS2 + FS.bsize, 12345);
    expect(() => readSuperblock(memorySource(image))).toThrow(
      "the UFS2 superblock at 65536 is damaged: fs_bsize is 12345",
    );
  });
});
