// SPDX-License-Identifier: BSD-2-Clause
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testWithTool } from "../../test/support/tools.ts";
import type { FileSystem } from "../loader/fs/file-system.ts";
import { FileByteSource } from "./file-byte-source.ts";
import { hostDirectory } from "./host-directory.ts";

let top: string;
let root: string;

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "tshyve-host-"));
  root = join(top, "root");
  mkdirSync(join(root, "boot"), { recursive: true });
  writeFileSync(join(top, "secret"), "secret");
  writeFileSync(join(root, "boot/kernel"), "kernel");
  symlinkSync("kernel", join(root, "boot/relative"));
  symlinkSync("/boot/kernel", join(root, "absolute"));
  symlinkSync(join(top, "secret"), join(root, "escape-absolute"));
  symlinkSync("../secret", join(root, "escape-relative"));
  symlinkSync("../..", join(root, "boot/escape-directory"));
  symlinkSync("loop", join(root, "loop"));
});

afterAll(() => rmSync(top, { recursive: true }));

function read(fs: FileSystem, path: string): string {
  const source = fs.open(path);
  return new TextDecoder().decode(source.read(0, source.size));
}

describe("a directory of the host", () => {
  it("lists and reads what is in it", () => {
    const fs = hostDirectory(root);
    expect(fs.type).toBe("host");
    expect(fs.list("/")).toEqual([
      { name: "absolute", kind: "symlink" },
      { name: "boot", kind: "directory" },
      { name: "escape-absolute", kind: "symlink" },
      { name: "escape-relative", kind: "symlink" },
      { name: "loop", kind: "symlink" },
    ]);
    expect(fs.stat("/boot/kernel")).toEqual({ kind: "file", size: 6 });
    expect(fs.open("/boot/kernel").read(1, 3)).toEqual(new TextEncoder().encode("ern"));
  });

  it.each([
    "/boot/relative",
    "/absolute",
    "/../../boot/kernel",
    "/boot/escape-directory/boot/kernel",
  ])("is its own top for %s", (path) => {
    expect(read(hostDirectory(root), path)).toBe("kernel");
  });

  it.each([
    "/escape-absolute",
    "/escape-relative",
    "/../secret",
    "/boot/escape-directory/secret",
    "/boot/escape-directory/../secret",
    "/loop",
    "/boot/kernel/x",
    `/${"x".repeat(300)}`,
    "/boot\0",
  ])("holds no %j", (path) => {
    const fs = hostDirectory(root);
    expect(fs.stat(path)).toBeUndefined();
    expect(() => fs.open(path)).toThrow(expect.objectContaining({ code: "ERR_NOT_FOUND" }));
  });

  it("that is none is an error", () => {
    expect(() => hostDirectory(join(top, "nothing"))).toThrow(
      expect.objectContaining({
        code: "ERR_NOT_FOUND",
        message: `cannot use the directory ${join(top, "nothing")}: there is no such file`,
      }),
    );
    expect(() => hostDirectory(join(top, "secret"))).toThrow(/it is not a directory/);
  });
});

describe("a file of the host", () => {
  it("is read at any offset until it is closed", () => {
    const source = new FileByteSource(join(root, "boot/kernel"));
    expect(source.size).toBe(6);
    expect(source.read(2, 4)).toEqual(new TextEncoder().encode("rnel"));
    expect(() => source.read(2, 5)).toThrow(expect.objectContaining({ code: "ERR_BAD_IMAGE" }));
    source.close();
  });

  it.each([
    ["nothing", "ERR_NOT_FOUND", "there is no such file"],
    ["boot", "ERR_IO", "it is not a regular file"],
    ["loop", "ERR_IO", "too many symbolic links"],
  ])("that is %s gives %s", (name, code, reason) => {
    const path = join(root, name);
    const message = `cannot open ${path}: ${reason}`;
    expect(() => new FileByteSource(path)).toThrow(expect.objectContaining({ code, message }));
  });

  it("that becomes shorter meanwhile is an I/O error", () => {
    const path = join(top, "shrinking");
    writeFileSync(path, "0123456789");
    const source = new FileByteSource(path);
    truncateSync(path, 5);
    expect(() => source.read(0, 10)).toThrow(expect.objectContaining({ code: "ERR_IO" }));
    source.close();
  });
});

testWithTool("mkfifo", "a FIFO, which would wait for ever, is never read", (run, folder) => {
  run(["fifo"]);
  expect(() => new FileByteSource(join(folder, "fifo"))).toThrow(/it is not a regular file/);
  const fs = hostDirectory(folder);
  expect(fs.list("/")).toEqual([{ name: "fifo", kind: "other" }]);
  expect(() => fs.open("/fifo")).toThrow("/fifo is neither file nor directory, not a file");
});
