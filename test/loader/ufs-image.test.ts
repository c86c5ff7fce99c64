// SPDX-License-Identifier: BSD-2-Clause
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  directory,
  file,
  sparseFile,
  symlink,
  type TreeNode,
} from "../../images/build/file-tree.ts";
import type { UfsOptions } from "../../images/build/ufs-geometry.ts";
import { buildUfs1, buildUfs2 } from "../../images/build/ufs2.ts";
import { SeededRandom } from "../support/random.ts";
import { testWithTool } from "../support/tools.ts";
import { checkUfs } from "../support/ufs-check.ts";

const random = new SeededRandom(4);
const many: Record<string, TreeNode> = {};
for (let i = 0; i < 700; i++) many[`file-number-${i}`] = file(random.bytes(random.below(700)));

const tree = directory({
  boot: directory({ kernel: file(random.bytes(900_000)), empty: file("", 0o600) }),
  many: directory(many),
  empty: directory({}),
  sparse: sparseFile({
    size: 2 ** 31,
    chunks: [
      { offset: 100_000, bytes: random.bytes(10_000) },
      { offset: 2 ** 30 + 2 ** 22, bytes: random.bytes(50_000) },
    ],
  }),
  short: symlink("boot/kernel"),
  long: symlink("boot/".repeat(60)),
});

const cases: [string, typeof buildUfs2, UfsOptions][] = [
  ["UFS2 as newfs makes it", buildUfs2, { sizeBytes: 24 << 20 }],
  [
    "UFS2 of small blocks in many groups",
    buildUfs2,
    { sizeBytes: 12 << 20, blockBytes: 4096, fragBytes: 512, bytesPerInode: 4096 },
  ],
  ["UFS2 of large blocks", buildUfs2, { sizeBytes: 48 << 20, blockBytes: 65536, fragBytes: 8192 }],
  ["UFS2 of an odd size", buildUfs2, { sizeBytes: 9_999_999, blockBytes: 8192, fragBytes: 2048 }],
  ["UFS1 as newfs makes it", buildUfs1, { sizeBytes: 24 << 20 }],
  [
    "UFS1 of small blocks in many groups",
    buildUfs1,
    { sizeBytes: 12 << 20, blockBytes: 4096, fragBytes: 512, bytesPerInode: 4096 },
  ],
  ["UFS1 of large blocks", buildUfs1, { sizeBytes: 32 << 20, blockBytes: 65536, fragBytes: 8192 }],
];

describe.each(cases)("%s", (title, build, options) => {
  const image = build(tree, { ...options, timeSeconds: 1_700_000_000, volumeName: "TEACH" });

  it("has bitmaps, counts, links and copies that agree", () => {
    expect(checkUfs(image)).toEqual([]);
  });

  testWithTool("fsck_ffs", `${title} is clean for FreeBSD's own check`, (run, folder) => {
    writeFileSync(join(folder, "image"), image);
    const report = run(["-n", "-f", "image"]);
    expect(report).toMatch(/files, \d+ used/);
    expect(report).not.toMatch(/\? no/);
  });
});

describe("the builder", () => {
  it("makes the same image twice", () => {
    const options = { sizeBytes: 4 << 20, timeSeconds: 5 };
    const small = directory({ a: file("a") });
    expect(Buffer.compare(buildUfs2(small, options), buildUfs2(small, options))).toBe(0);
  });

  it("makes empty filesystems of every size, or says that they are too small", () => {
    const tooSmall: number[] = [];
    for (let kib = 64; kib <= 2048; kib += 20) {
      const options = { sizeBytes: kib << 10, blockBytes: 4096, fragBytes: 512 };
      try {
        expect(checkUfs(buildUfs2(directory({}), options))).toEqual([]);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_NO_SPACE" });
        tooSmall.push(kib);
      }
    }
    expect(tooSmall).toEqual([64, 84, 104]);
  });

  it.each<[string, UfsOptions, TreeNode]>([
    [
      "ERR_NO_SPACE",
      { sizeBytes: 1 << 20, blockBytes: 4096, fragBytes: 512 },
      file(new Uint8Array(1 << 20).fill(1)),
    ],
    [
      "ERR_NO_SPACE",
      { sizeBytes: 4 << 20, bytesPerInode: 1 << 20 },
      directory(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`f${i}`, symlink("x")]))),
    ],
    ["ERR_BAD_OPTION", { sizeBytes: 4 << 20, blockBytes: 5000 }, directory({})],
    ["ERR_BAD_OPTION", { sizeBytes: 4 << 20, fragBytes: 2048 }, directory({})],
    ["ERR_BAD_OPTION", { sizeBytes: 4 << 20 }, directory({ ["x".repeat(256)]: file("") })],
    ["ERR_BAD_OPTION", { sizeBytes: 4 << 20 }, directory({ "a/b": file("") })],
  ])("gives %s for %j", (code, options, node) => {
    expect(() => buildUfs2(directory({ node }), options)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
