// SPDX-License-Identifier: BSD-2-Clause
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { directory, file, symlink } from "../../images/build/file-tree.ts";
import { buildUfs2 } from "../../images/build/ufs2.ts";
import { gunzip } from "../../src/host/gunzip.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { type Gunzip, GzipFileSystem } from "../../src/loader/fs/gzip-file-system.ts";
import { mountUfs } from "../../src/loader/fs/ufs.ts";

const packed = (text: string) => file(new Uint8Array(gzipSync(text)));
const tree = directory({
  boot: directory({
    "kernel.gz": packed("a kernel"),
    "both.gz": packed("compressed"),
    both: file("plain"),
    "damaged.gz": file("no gzip file"),
    "directory.gz": directory({}),
    "twice.gz.gz": packed("twice"),
    modules: symlink("kernel.gz"),
  }),
});
const inner = mountUfs(memorySource(buildUfs2(tree, { sizeBytes: 2 << 20 })))!;

function read(fs: GzipFileSystem, path: string): string {
  const source = fs.open(path);
  return new TextDecoder().decode(source.read(0, source.size));
}

describe("a filesystem with compressed files", () => {
  const fs = new GzipFileSystem(inner, gunzip);

  it("finds kernel.gz where kernel is asked for", () => {
    expect(fs.stat("/boot/kernel")).toEqual({ kind: "file", size: 8 });
    expect(read(fs, "/boot/kernel")).toBe("a kernel");
  });

  it("prefers the plain file", () => {
    expect(read(fs, "/boot/both")).toBe("plain");
  });

  it("gives a compressed file as it is under its own name", () => {
    expect(fs.open("/boot/kernel.gz").read(0, 2)).toEqual(Uint8Array.of(0x1f, 0x8b));
    expect(fs.list("/boot")).toEqual(inner.list("/boot"));
    expect(fs.type).toBe("ufs");
  });

  it.each([
    "/boot/nothing",
    "/boot/directory",
    "/boot/twice.gz",
    "/boot/kernel/",
    "/boot/kernel/x",
  ])("knows no %s", (path) => {
    expect(fs.stat(path)).toBeUndefined();
    expect(() => fs.open(path)).toThrow(expect.objectContaining({ code: "ERR_NOT_FOUND" }));
  });

  it("says what is wrong with a damaged file", () => {
    expect(() => fs.open("/boot/damaged")).toThrow(
      expect.objectContaining({
        code: "ERR_BAD_IMAGE",
        message: "/boot/damaged.gz: the gzip file cannot be inflated: incorrect header check",
      }),
    );
  });

  it("inflates a file once for its size and its content", () => {
    let calls = 0;
    const counting: Gunzip = (bytes, limit) => {
      calls++;
      return gunzip(bytes, limit);
    };
    const counted = new GzipFileSystem(inner, counting);
    counted.stat("/boot/kernel");
    read(counted, "/boot/kernel");
    expect(calls).toBe(1);
  });
});

it("gunzip stops at its limit", () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(1 << 20)));
  expect(() => gunzip(bomb, 1000)).toThrow(
    expect.objectContaining({
      code: "ERR_BAD_IMAGE",
      message: "the gzip file cannot be inflated: it inflates to more than 1000 bytes",
    }),
  );
});
