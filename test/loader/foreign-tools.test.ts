// SPDX-License-Identifier: BSD-2-Clause
// Images made by others, where their tools are there: NetBSD's makefs, genisoimage, xorriso, fdisk's sfdisk,
// gdisk's sgdisk, mkfs of Linux.
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { buildGpt } from "../../images/build/gpt.ts";
import { formatDevice } from "../../src/loader/disk/device-name.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { readPartitions } from "../../src/loader/disk/partition-table.ts";
import type { FileSystem } from "../../src/loader/fs/file-system.ts";
import { mountFileSystem } from "../../src/loader/fs/mount.ts";
import { equalBytes } from "../support/bytes.ts";
import { SeededRandom } from "../support/random.ts";
import { testWithTool } from "../support/tools.ts";

const random = new SeededRandom(6);
const deep = "1/2/3/4/5/6/7/8/9/10/deep.txt";
const files = new Map<string, Uint8Array>([
  ["boot/kernel/kernel", random.bytes(3_000_000)],
  ["boot/kernel/a-module-with-a-rather-long-name.ko", random.bytes(77_777)],
  ["boot/loader.conf", new TextEncoder().encode('console="comconsole"\n')],
  ["boot/empty", new Uint8Array()],
  [deep, random.bytes(10)],
  ["x".repeat(200), random.bytes(5)],
]);
for (let i = 0; i < 500; i++) files.set(`many/file-number-${i}`, random.bytes(random.below(60)));
const links = new Map([
  ["kernel", "boot/kernel/kernel"],
  ["absolute", "/boot/kernel/kernel"],
  ["long", `boot/${"../boot/".repeat(20)}kernel/kernel`],
]);

function makeTree(folder: string): string {
  const root = join(folder, "tree");
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  for (const [path, target] of links) symlinkSync(target, join(root, path));
  return root;
}

const open = (folder: string) => memorySource(new Uint8Array(readFileSync(join(folder, "image"))));

/** Paths whose content is not what was put in. */
function differences(fs: FileSystem): string[] {
  const wanted = new Map(files);
  for (const path of links.keys()) wanted.set(path, files.get("boot/kernel/kernel")!);
  const different = [...wanted].filter(([path, bytes]) => {
    const source = fs.open(`/${path}`);
    return source.size !== bytes.length || !equalBytes(source.read(0, source.size), bytes);
  });
  return different.map(([path]) => path);
}

describe("images made by other tools", () => {
  for (const version of [1, 2]) {
    for (const [block, frag] of [
      [4096, 512],
      [8192, 1024],
      [32768, 4096],
    ]) {
      const title = `makefs: UFS${version} of blocks of ${block} bytes is read`;
      testWithTool("makefs", title, (run, folder) => {
        makeTree(folder);
        const options = `version=${version},bsize=${block},fsize=${frag}`;
        run(["-t", "ffs", "-o", options, "-s", "16m", "image", "tree"]);
        const fs = mountFileSystem(open(folder))!;
        expect(fs.type).toBe("ufs");
        expect(fs.list("/many")).toHaveLength(500);
        expect(differences(fs)).toEqual([]);
      });
    }
  }

  testWithTool("makefs", "makefs: a big-endian UFS is refused", (run, folder) => {
    makeTree(folder);
    run(["-t", "ffs", "-B", "be", "-o", "version=2", "-s", "16m", "image", "tree"]);
    expect(() => mountFileSystem(open(folder))).toThrow(/big-endian/);
  });

  const isoMakers: [string, string[]][] = [
    ["makefs", ["-t", "cd9660", "-o", "rockridge", "image", "tree"]],
    ["genisoimage", ["-quiet", "-R", "-o", "image", "tree"]],
    ["xorriso", ["-as", "mkisofs", "-quiet", "-R", "-o", "image", "tree"]],
  ];
  for (const [tool, args] of isoMakers) {
    testWithTool(tool, `${tool}: a CD with Rock Ridge is read`, (run, folder) => {
      makeTree(folder);
      run(args);
      expect(readPartitions(open(folder)).scheme).toBe("iso9660");
      const fs = mountFileSystem(open(folder))!;
      expect(fs.type).toBe("cd9660");
      expect(fs.list("/many")).toHaveLength(500);
      expect(differences(fs)).toEqual([]);
    });
  }

  testWithTool("genisoimage", "genisoimage: a CD without Rock Ridge is read", (run, folder) => {
    makeTree(folder);
    run(["-quiet", "-iso-level", "2", "-o", "image", "tree/boot"]);
    const fs = mountFileSystem(open(folder))!;
    const names = fs.list("/").map(({ name }) => name);
    expect(names).toEqual(["empty", "kernel", "loader.conf"]);
    const source = fs.open("/kernel/kernel");
    expect(equalBytes(source.read(0, source.size), files.get("boot/kernel/kernel")!)).toBe(true);
  });

  testWithTool("sgdisk", "sgdisk: a GPT is read, also from its copy", (run, folder) => {
    const image = join(folder, "image");
    writeFileSync(image, "");
    truncateSync(image, 16 << 20);
    const boot = ["-n", "1:40:+512K", "-t", "1:a501", "-c", "1:boot"];
    const root = ["-n", "3:4096:+8M", "-t", "3:a503", "-c", "3:rootfs"];
    run(["-o", "-a", "1", ...boot, ...root, "image"]);
    const summary = () =>
      readPartitions(open(folder)).partitions.map(
        ({ device, kind, label, offset, size }) =>
          `${formatDevice(device)} ${kind} ${label} ${offset} ${size}`,
      );
    const wanted = [
      "disk0p1: freebsd-boot boot 20480 524288",
      "disk0p3: freebsd-ufs rootfs 2097152 8388608",
    ];
    expect(summary()).toEqual(wanted);
    const bytes = readFileSync(image);
    bytes.fill(0, 512, 34 * 512);
    writeFileSync(image, bytes);
    expect(summary()).toEqual(wanted);
  });

  testWithTool("sgdisk", "sgdisk: finds no problem with a GPT made here", (run, folder) => {
    const content = new Uint8Array(1_000_000);
    const disk = buildGpt([
      { kind: "freebsd-boot", name: "boot", content: content.subarray(0, 70_000) },
      { kind: "freebsd-ufs", name: "rootfs", content },
    ]);
    writeFileSync(join(folder, "image"), disk);
    expect(run(["-v", "image"])).toContain("No problems found.");
    expect(run(["-p", "image"])).toMatch(/A503 +rootfs/);
  });

  testWithTool("sfdisk", "sfdisk: an MBR with logical slices is read", (run, folder) => {
    writeFileSync(join(folder, "image"), new Uint8Array(16 << 20));
    const script = [
      "label: dos",
      "start=2048, size=4096, type=c",
      "start=8192, size=4096, type=a5, bootable",
      "start=14336, type=5",
      "start=16384, size=2048, type=83",
      "start=20480, size=2048, type=82",
    ];
    run(["-q", "image"], script.join("\n"));
    const table = readPartitions(open(folder));
    expect(
      table.partitions.map(
        ({ device, kind, isActive, offset }) =>
          `${formatDevice(device)} ${kind} ${isActive} ${offset / 512}`,
      ),
    ).toEqual([
      "disk0s1: dos false 2048",
      "disk0s2: freebsd true 8192",
      "disk0s3: extended false 14336",
      "disk0s5: linux false 16384",
      "disk0s6: linux-swap false 20480",
    ]);
  });

  const foreigners: [string, string[], string][] = [
    ["mkfs.ext2", ["-q", "image"], "ext2"],
    ["mkfs.ext3", ["-q", "image"], "ext3"],
    ["mkfs.ext4", ["-q", "image"], "ext4"],
    ["mkfs.fat", ["-F", "16", "image"], "FAT16"],
    ["mkfs.ntfs", ["-q", "-F", "image"], "NTFS"],
  ];
  for (const [tool, args, name] of foreigners) {
    testWithTool(tool, `${tool}: the filesystem is named`, (run, folder) => {
      writeFileSync(join(folder, "image"), new Uint8Array(16 << 20));
      run(args);
      expect(() => mountFileSystem(open(folder))).toThrow(`the filesystem is ${name}, `);
    });
  }
});
