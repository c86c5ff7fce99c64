// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeDirectory } from "./make-directory.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "tshyve-make-directory-"));
afterAll(() => fs.rmSync(root, { recursive: true }));

function codeOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

describe("a directory that is to be there", () => {
  it("is made with those it lies in, once", () => {
    const wanted = path.join(root, "a", "b", "c");
    makeDirectory(wanted, 0o700);
    makeDirectory(wanted, 0o700);
    expect(fs.statSync(wanted).mode & 0o777).toBe(0o700);
  });

  it("is refused where a file is in the way", () => {
    const file = path.join(root, "file");
    fs.writeFileSync(file, "");
    expect(codeOf(() => makeDirectory(file))).toBe("EEXIST");
    expect(codeOf(() => makeDirectory(path.join(file, "below")))).toBe("ENOTDIR");
  });

  it.skipIf(process.platform !== "linux")(
    "is refused by /proc, where Node's own way never ends (only Linux has it)",
    () => {
      expect(codeOf(() => makeDirectory("/proc/tshyve/below"))).toBe("ENOENT");
    },
  );
});
