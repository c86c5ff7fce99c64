// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { directory } from "../../../images/build/file-tree.ts";
import { LeWriter } from "../../../images/build/le-writer.ts";
import { buildUfs1, buildUfs2 } from "../../../images/build/ufs2.ts";
import { buildIso } from "../../../test/support/iso-image.ts";
import { memorySource } from "../disk/memory-source.ts";
import { mountFileSystem } from "./mount.ts";

const empty = directory({});
const small = { sizeBytes: 1 << 20, blockBytes: 4096, fragBytes: 512 };

describe("mountFileSystem", () => {
  it.each([
    ["UFS1", buildUfs1(empty, small), "ufs"],
    ["UFS2", buildUfs2(empty, small), "ufs"],
    ["ISO 9660", buildIso(empty), "cd9660"],
  ])("mounts %s", (_, image, type) => {
    expect(mountFileSystem(memorySource(image))?.type).toBe(type);
  });

  it("finds UFS before ISO 9660, as the loader does", () => {
    const image = buildUfs2(empty, small);
    image.set(buildIso(empty).subarray(0, 40_000), 0);
    expect(mountFileSystem(memorySource(image))?.type).toBe("ufs");
  });

  it.each([0, 100, 1 << 20])("knows nothing in %d zero bytes", (size) => {
    expect(mountFileSystem(memorySource(new Uint8Array(size)))).toBeUndefined();
  });

  it.each<[string, (image: LeWriter) => void]>([
    ["ZFS", (image) => image.u64((128 << 10) + 5 * 1024, 0x00bab10c)],
    ["ZFS", (image) => image.u64(128 << 10, 0x0cb1ba00n << 32n)],
    ["NTFS", (image) => image.ascii(3, "NTFS    ")],
    ["exFAT", (image) => image.ascii(3, "EXFAT   ")],
    ["FAT16", (image) => image.ascii(54, "FAT16   ")],
    ["FAT32", (image) => image.ascii(82, "FAT32   ")],
    ["ext2", (image) => image.u16(1024 + 0x38, 0xef53)],
    [
      "ext3",
      (image) => {
        image.u16(1024 + 0x38, 0xef53);
        image.u32(1024 + 0x5c, 0x4);
      },
    ],
    [
      "ext4",
      (image) => {
        image.u16(1024 + 0x38, 0xef53);
        image.u32(1024 + 0x5c, 0x4);
        image.u32(1024 + 0x60, 0x2c2);
      },
    ],
    ["XFS", (image) => image.ascii(0, "XFSB")],
    ["Btrfs", (image) => image.ascii(0x10040, "_BHRfS_M")],
  ])("says that it found %s and does not support it", (name, write) => {
    const image = new LeWriter(new Uint8Array(1 << 19));
    write(image);
    expect(() => mountFileSystem(memorySource(image.bytes))).toThrow(
      expect.objectContaining({
        code: "ERR_UNSUPPORTED",
        message: `the filesystem is ${name}, which is not supported yet: UFS and ISO 9660 can be read`,
      }),
    );
  });
});
