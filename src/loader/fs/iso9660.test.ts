// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { directory, file, symlink } from "../../../images/build/file-tree.ts";
import { LeWriter } from "../../../images/build/le-writer.ts";
import { equalBytes } from "../../../test/support/bytes.ts";
import { buildIso } from "../../../test/support/iso-image.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { memorySource } from "../disk/memory-source.ts";
import type { FileSystem } from "./file-system.ts";
import { mountIso9660 } from "./iso9660.ts";

const TEXT = new TextDecoder();
const DESCRIPTOR = 16 * 2048;

const kernel = new SeededRandom(3).bytes(50_001);
const longName = `${"long-".repeat(48)}name`;
const longTarget = `/boot/${"a-component-of-some-length/../".repeat(9)}loader.conf`;

const mount = (image: Uint8Array): FileSystem => mountIso9660(memorySource(image))!;

function read(fs: FileSystem, path: string): Uint8Array {
  const source = fs.open(path);
  return source.read(0, source.size);
}

describe("a CD with Rock Ridge", () => {
  const many = Array.from({ length: 100 }, (_, i) => `Module-${i}.ko`);
  const tree = directory({
    boot: directory({
      Kernel: file(kernel),
      "loader.conf": file("boot"),
      empty: file(""),
      "a-component-of-some-length": directory({}),
      [longName]: file("long"),
      modules: directory(Object.fromEntries(many.map((name) => [name, file(name)]))),
    }),
    relative: symlink("boot/./loader.conf"),
    absolute: symlink("/../boot/loader.conf"),
    long: symlink(longTarget),
    "long-component": symlink(`boot/${longName}`),
  });
  const fs = mount(buildIso(tree, { rockRidge: true }));

  it("lists full names and kinds", () => {
    expect(fs.type).toBe("cd9660");
    expect(fs.list("/")).toEqual([
      { name: "boot", kind: "directory" },
      { name: "relative", kind: "symlink" },
      { name: "absolute", kind: "symlink" },
      { name: "long", kind: "symlink" },
      { name: "long-component", kind: "symlink" },
    ]);
    expect(fs.list("/boot").map(({ name }) => name)).toEqual([
      "Kernel",
      "loader.conf",
      "empty",
      "a-component-of-some-length",
      longName,
      "modules",
    ]);
  });

  it("reads files, and tells upper from lower case", () => {
    expect(equalBytes(read(fs, "/boot/Kernel"), kernel)).toBe(true);
    expect(fs.stat("/boot/kernel")).toBeUndefined();
    expect(fs.stat("/boot/empty")).toEqual({ kind: "file", size: 0 });
    expect(read(fs, "/boot/empty")).toEqual(new Uint8Array());
  });

  it("finds each of the files of a directory of several blocks", () => {
    expect(fs.list("/boot/modules").map(({ name }) => name)).toEqual(many);
    for (const name of many) expect(TEXT.decode(read(fs, `/boot/modules/${name}`))).toBe(name);
  });

  it.each(["relative", "absolute", "long"])("follows the link %s", (path) => {
    expect(TEXT.decode(read(fs, path))).toBe("boot");
  });

  it("puts together names and links that are split", () => {
    expect(TEXT.decode(read(fs, `/boot/${longName}`))).toBe("long");
    expect(TEXT.decode(read(fs, "/long-component"))).toBe("long");
  });
});

describe("a CD with directories that are too deep for ISO 9660", () => {
  const tree = directory({
    a: directory({ b: directory({ c: directory({ d: directory({ deep: file("deep") }) }) }) }),
  });
  const fs = mount(buildIso(tree, { rockRidge: true, maxDepth: 3 }));

  it("shows them where they belong, and not where they are", () => {
    expect(fs.list("/")).toEqual([{ name: "a", kind: "directory" }]);
    expect(fs.list("/a/b")).toEqual([{ name: "c", kind: "directory" }]);
    expect(TEXT.decode(read(fs, "/a/b/c/d/deep"))).toBe("deep");
    expect(TEXT.decode(read(fs, "/a/b/c/d/../../c/d/deep"))).toBe("deep");
  });
});

describe("a CD without Rock Ridge", () => {
  const tree = directory({
    boot: directory({ kernel: file(kernel), "loader.cnf": file("boot") }),
  });
  const fs = mount(buildIso(tree));

  it("lists names in lower case, without version and without a dot that ends them", () => {
    expect(fs.list("/boot")).toEqual([
      { name: "kernel", kind: "file" },
      { name: "loader.cnf", kind: "file" },
    ]);
  });

  it.each(["/boot/loader.cnf", "/BOOT/LOADER.CNF", "/Boot/Loader.cnf"])("finds %s", (path) => {
    expect(TEXT.decode(read(fs, path))).toBe("boot");
  });

  it("joins the extents of a large file", () => {
    const cut = mount(buildIso(tree, { extentBytes: 8192 }));
    expect(cut.stat("/boot/kernel")).toEqual({ kind: "file", size: kernel.length });
    expect(equalBytes(read(cut, "/boot/kernel"), kernel)).toBe(true);
    const part = cut.open("/boot/kernel").read(8000, 17_000);
    expect(equalBytes(part, kernel.subarray(8000, 25_000))).toBe(true);
  });
});

describe("a damaged CD", () => {
  const intact = buildIso(directory({ kernel: file(kernel) }));
  const root = new DataView(intact.buffer).getUint32(DESCRIPTOR + 158, true) * 2048;
  // The records for the directory itself and its parent take 34 bytes each.
  const kernelRecord = root + 68;

  it.each<[string, string, (image: LeWriter) => void]>([
    ["ERR_UNSUPPORTED", "blocks of another size", (image) => image.u16(DESCRIPTOR + 128, 512)],
    ["ERR_BAD_IMAGE", "no primary descriptor", (image) => image.u8(DESCRIPTOR, 2)],
    ["ERR_BAD_IMAGE", "a root outside", (image) => image.u32(DESCRIPTOR + 158, 0xffffffff)],
    ["ERR_BAD_IMAGE", "an endless directory", (image) => image.u32(DESCRIPTOR + 166, 0xffffffff)],
    ["ERR_BAD_IMAGE", "a record that is too short", (image) => image.u8(kernelRecord, 33)],
    ["ERR_BAD_IMAGE", "a name longer than its record", (image) => image.u8(kernelRecord + 32, 99)],
    ["ERR_BAD_IMAGE", "a file outside", (image) => image.u32(kernelRecord + 2, 0x7fffffff)],
    ["ERR_BAD_IMAGE", "an endless file", (image) => image.u32(kernelRecord + 10, 0xffffffff)],
    ["ERR_UNSUPPORTED", "an interleaved file", (image) => image.u8(kernelRecord + 26, 1)],
  ])("gives %s for %s", (code, _, damage) => {
    const image = intact.slice();
    damage(new LeWriter(image));
    const use = () => read(mount(image), "/kernel");
    expect(use).toThrow(expect.objectContaining({ code }));
  });

  it("is not taken for a CD without its signature", () => {
    const image = intact.slice();
    image[DESCRIPTOR + 1]! ^= 1;
    expect(mountIso9660(memorySource(image))).toBeUndefined();
    expect(mountIso9660(memorySource(new Uint8Array(100)))).toBeUndefined();
  });
});
