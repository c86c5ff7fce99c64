// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { directory, file, sparseFile, symlink } from "../../../images/build/file-tree.ts";
import { LeWriter } from "../../../images/build/le-writer.ts";
import { buildUfs1, buildUfs2 } from "../../../images/build/ufs2.ts";
import { equalBytes } from "../../../test/support/bytes.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { memorySource } from "../disk/memory-source.ts";
import type { FileSystem } from "./file-system.ts";
import { UFS_ROOTINO, UFS1, UFS2 } from "./ufs/format.ts";
import { inodeOffset } from "./ufs/inode.ts";
import { readSuperblock } from "./ufs/superblock.ts";
import { mountUfs } from "./ufs.ts";

const NOT_FOUND = expect.objectContaining({ code: "ERR_NOT_FOUND" });
const TEXT = new TextDecoder();

/** 4 KiB blocks in fragments of 512 bytes: twelve direct blocks are 48 KiB. */
const SMALL = { sizeBytes: 4 << 20, blockBytes: 4096, fragBytes: 512 };
const LARGE = { sizeBytes: 4 << 20, blockBytes: 32768, fragBytes: 4096 };

const kernel = new SeededRandom(1).bytes(700_001);
const manyNames = Array.from({ length: 200 }, (_, i) => `module-${i}.ko`);
const tree = directory({
  boot: directory({
    kernel: directory({
      kernel: file(kernel),
      ...Object.fromEntries(manyNames.map((name) => [name, file(name)])),
    }),
    "loader.conf": file('autoboot_delay="3"\n'),
    empty: file(""),
    "naïve name": file("utf-8"),
  }),
  relative: symlink("boot/loader.conf"),
  absolute: symlink("/boot/../boot/./loader.conf"),
  long: symlink(`/boot/${"../boot/".repeat(20)}loader.conf`),
  upward: symlink("../../../boot"),
  dangling: symlink("boot/nothing"),
  loop: symlink("loop2"),
  loop2: symlink("loop"),
});

function mount(image: Uint8Array): FileSystem {
  return mountUfs(memorySource(image))!;
}

function readAll(fileSystem: FileSystem, path: string): Uint8Array {
  const source = fileSystem.open(path);
  return source.read(0, source.size);
}

describe.each([
  ["UFS1 with small blocks", buildUfs1, SMALL],
  ["UFS1 with large blocks", buildUfs1, LARGE],
  [
    "UFS1 with blocks of 64 KiB, whose first copy lies where UFS2's primary does",
    buildUfs1,
    { sizeBytes: 8 << 20, blockBytes: 65536, fragBytes: 8192 },
  ],
  ["UFS2 with small blocks", buildUfs2, SMALL],
  ["UFS2 with large blocks", buildUfs2, LARGE],
  ["UFS2 without fragments", buildUfs2, { sizeBytes: 4 << 20, blockBytes: 8192, fragBytes: 8192 }],
] as const)("%s", (_, build, options) => {
  const image = build(tree, options);
  const fs = mount(image);

  it("lists names and kinds in the directory's order", () => {
    expect(fs.type).toBe("ufs");
    expect(fs.list("/boot")).toEqual([
      { name: "kernel", kind: "directory" },
      { name: "loader.conf", kind: "file" },
      { name: "empty", kind: "file" },
      { name: "naïve name", kind: "file" },
    ]);
    expect(fs.list("/").find(({ name }) => name === "long")?.kind).toBe("symlink");
  });

  it("finds each of the files of a directory of several blocks", () => {
    const names = fs.list("/boot/kernel").map(({ name }) => name);
    expect(names).toEqual(["kernel", ...manyNames]);
    for (const name of manyNames) {
      expect(TEXT.decode(readAll(fs, `/boot/kernel/${name}`))).toBe(name);
    }
  });

  it("reads a large file whole and in parts", () => {
    expect(fs.stat("/boot/kernel/kernel")).toEqual({ kind: "file", size: kernel.length });
    expect(equalBytes(readAll(fs, "/boot/kernel/kernel"), kernel)).toBe(true);
    const source = fs.open("/boot/kernel/kernel");
    const random = new SeededRandom(2);
    for (let i = 0; i < 200; i++) {
      const offset = random.below(kernel.length);
      const length = random.below(Math.min(70_000, kernel.length - offset));
      const expected = kernel.subarray(offset, offset + length);
      expect(equalBytes(source.read(offset, length), expected)).toBe(true);
    }
  });

  it("reads an empty file and a name that is not ASCII", () => {
    expect(readAll(fs, "/boot/empty")).toEqual(new Uint8Array());
    expect(TEXT.decode(readAll(fs, "/boot/naïve name"))).toBe("utf-8");
  });

  it.each(["relative", "absolute", "long", "upward/loader.conf"])("follows the link %s", (path) => {
    expect(TEXT.decode(readAll(fs, path))).toBe('autoboot_delay="3"\n');
  });

  it.each(["/dangling", "/loop", "/nothing", "/boot/loader.conf/x", "/boot/nothing/x", "/LOOP"])(
    "knows no %s",
    (path) => {
      expect(fs.stat(path)).toBeUndefined();
      expect(() => fs.open(path)).toThrow(NOT_FOUND);
    },
  );

  it("opens files alone and lists directories alone", () => {
    expect(() => fs.open("/boot")).toThrow("/boot is a directory, not a file");
    expect(() => fs.list("/boot/empty")).toThrow("/boot/empty is a file, not a directory");
    expect(fs.stat("/")?.kind).toBe("directory");
    expect(fs.stat("/../boot/..//.")?.kind).toBe("directory");
  });
});

describe.each([
  ["UFS1", buildUfs1, 1024],
  ["UFS2", buildUfs2, 512],
] as const)("a sparse file on %s", (_, build, addressesPerBlock) => {
  // With blocks of 4 KiB: the first block behind each kind of address, and the last before the next.
  const single = 12 * 4096;
  const double = single + addressesPerBlock * 4096;
  const triple = double + addressesPerBlock ** 2 * 4096;
  const marks = [
    0,
    single - 4096,
    single,
    double - 1,
    double,
    triple - 4,
    triple,
    triple + 10_000_000,
  ];
  const size = triple + 20_000_000;
  const chunks = marks.map((offset, i) => ({ offset, bytes: Uint8Array.of(i + 1) }));
  const fs = mount(build(directory({ sparse: sparseFile({ size, chunks }) }), SMALL));
  const source = fs.open("/sparse");

  it("has its bytes behind direct, single, double and triple indirect blocks", () => {
    expect(source.size).toBe(size);
    expect(marks.map((offset) => source.read(offset, 1)[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("reads as zeros where it has holes", () => {
    const bytes = source.read(triple - 100_000, 200_000);
    expect([...bytes.keys()].filter((i) => bytes[i] !== 0)).toEqual([99_996, 100_000]);
    expect(source.read(size - 3, 3)).toEqual(new Uint8Array(3));
  });

  it("cannot be read whole, being larger than its disk", () => {
    expect(() => source.read(0, 5 << 20)).toThrow(
      expect.objectContaining({ code: "ERR_BAD_IMAGE" }),
    );
  });
});

describe.each([
  ["UFS1", buildUfs1, UFS1],
  ["UFS2", buildUfs2, UFS2],
] as const)("a damaged %s", (_, build, format) => {
  const FILE = 3;
  const LINK = 4;
  const small = directory({ file: file(kernel.subarray(0, 100_000)), link: symlink("file") });
  const intact = build(small, { sizeBytes: 1 << 20, blockBytes: 4096, fragBytes: 512 });
  const sb = readSuperblock(memorySource(intact))!;
  const { size, mode, db } = format.inode;
  const wordAt = (at: number) =>
    new DataView(intact.buffer).getUint32(inodeOffset(sb, UFS_ROOTINO) + at, true);
  const rootAt = wordAt(db) * 512;
  const indirectAt = db + 12 * format.addressBytes;

  /** The image with fields of an inode changed; a value fills the low half of a field. */
  function damaged(inode: number, ...fields: [offset: number, value: number][]): Uint8Array {
    const image = intact.slice();
    const writer = new LeWriter(image);
    for (const [offset, value] of fields) writer.u32(inodeOffset(sb, inode) + offset, value);
    return image;
  }

  /** The image with one byte of the root directory changed. */
  function damagedRoot(at: number, byte: number): Uint8Array {
    const image = intact.slice();
    image[rootAt + at] = byte;
    return image;
  }

  it("is read where it is not damaged", () => {
    const whole = readAll(mount(intact), "/link");
    expect(equalBytes(whole, kernel.subarray(0, 100_000))).toBe(true);
  });

  it.each<[string, Uint8Array]>([
    ["a root that is a file", damaged(UFS_ROOTINO, [mode, 0o100644])],
    ["a root that is free", damaged(UFS_ROOTINO, [mode, 0])],
    ["a directory with a hole", damaged(UFS_ROOTINO, [db, 0])],
    ["a directory outside", damaged(UFS_ROOTINO, [db, 0x7fffffff])],
    ["an endless directory", damaged(UFS_ROOTINO, [size, 0x7fffffff])],
    ["an entry of no length", damagedRoot(4, 0)],
    ["an entry of odd length", damagedRoot(4, 13)],
    ["an entry beyond its block", damagedRoot(5, 2)],
    ["a name beyond its entry", damagedRoot(7, 200)],
    ["a name with a slash in it", damagedRoot(24 + 8, 0x2f)],
    ["an entry for an inode that is free", damagedRoot(24, 9)],
    ["an entry for an inode that is not there", damagedRoot(24 + 3, 0xff)],
    ["a file of 2^60 bytes", damaged(FILE, [size + 4, 1 << 28])],
    ["a file of 2 GiB, in 1 MiB", damaged(FILE, [size, 0x7fffffff])],
    ["a file outside", damaged(FILE, [db, 0x7ffffff])],
    ["a file before the start", damaged(FILE, [db + format.addressBytes - 4, 0xffffffff])],
    ["an indirect block outside", damaged(FILE, [indirectAt, 0x7ffffff])],
  ])("gives ERR_BAD_IMAGE for %s", (_what, image) => {
    expect(() => readAll(mount(image), "/file")).toThrow(
      expect.objectContaining({ code: "ERR_BAD_IMAGE" }),
    );
  });

  it("gives ERR_BAD_IMAGE for a link of absurd length", () => {
    const image = damaged(LINK, [size, 5000]);
    expect(() => mount(image).stat("/link")).toThrow(
      "the symbolic link in inode 4 is 5000 bytes long",
    );
  });

  it("ends where an indirect block names itself", () => {
    const image = damaged(FILE, [size, 100 << 20]);
    const writer = new LeWriter(image);
    const indirect = new DataView(image.buffer).getUint32(inodeOffset(sb, FILE) + indirectAt, true);
    for (const level of [1, 2]) {
      const at = inodeOffset(sb, FILE) + indirectAt + level * format.addressBytes;
      writer.word(at, indirect, format.addressBytes);
    }
    for (let at = 0; at < 4096; at += format.addressBytes) {
      writer.word(indirect * 512 + at, indirect, format.addressBytes);
    }
    const source = mount(image).open("/file");
    const block = image.subarray(indirect * 512, indirect * 512 + 4096);
    for (const offset of [12 * 4096, 6 << 20, 80 << 20]) {
      const start = offset - (offset % 4096);
      expect(equalBytes(source.read(start, 4096), block)).toBe(true);
    }
  });
});
