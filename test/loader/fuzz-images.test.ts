// SPDX-License-Identifier: BSD-2-Clause
// Damaged images: whatever is wrong with one, a VmmError comes out or nothing does, after a bounded number
// of bytes read. The seed is in the title; a run with FUZZ_ROUNDS=20000 FUZZ_SEED=9 looks further and elsewhere.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { directory, file, sparseFile, symlink } from "../../images/build/file-tree.ts";
import { buildGpt } from "../../images/build/gpt.ts";
import { LeWriter } from "../../images/build/le-writer.ts";
import { buildUfs1, buildUfs2 } from "../../images/build/ufs2.ts";
import { crc32 } from "../../src/base/crc32.ts";
import { VmmError } from "../../src/base/errors.ts";
import { gunzip } from "../../src/host/gunzip.ts";
import type { ByteSource } from "../../src/loader/byte-source.ts";
import { chooseBootPartition } from "../../src/loader/disk/boot-partition.ts";
import { GPT_HEADER, GPT_HEADER_BYTES } from "../../src/loader/disk/gpt.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { partitionSource, readPartitions } from "../../src/loader/disk/partition-table.ts";
import type { FileSystem } from "../../src/loader/fs/file-system.ts";
import { GzipFileSystem } from "../../src/loader/fs/gzip-file-system.ts";
import { mountFileSystem } from "../../src/loader/fs/mount.ts";
import { buildIso } from "../support/iso-image.ts";
import { writeBsdLabel, writeMbr } from "../support/mbr-image.ts";
import { mutated, noiseBehind } from "../support/mutation.ts";
import { SeededRandom } from "../support/random.ts";

const { FUZZ_ROUNDS = "100", FUZZ_SEED = "8" } = process.env;
const ROUNDS = Number(FUZZ_ROUNDS);
const SEED = Number(FUZZ_SEED);
/** Of one image of some hundred KiB, walked once. */
const MAX_BYTES_READ = 256 << 20;
const MAX_FILES_WALKED = 300;

const content = new SeededRandom(7);
const tree = directory({
  boot: directory({
    kernel: file(content.bytes(60_000)),
    "loader.conf": file("x"),
    "packed.gz": file(new Uint8Array(gzipSync(content.bytes(500)))),
    modules: directory(
      Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`module-${i}.ko`, file(`${i}`)])),
    ),
  }),
  sparse: sparseFile({ size: 3 << 20, chunks: [{ offset: 2_500_000, bytes: content.bytes(100) }] }),
  short: symlink("boot/kernel"),
  long: symlink("boot/../".repeat(40)),
  [`name-${"n".repeat(200)}`]: file("long"),
});
/** For a CD, which has no holes. */
const isoTree = directory(
  Object.fromEntries([...tree.entries].filter(([name]) => name !== "sparse")),
);

const SMALL = { sizeBytes: 360 << 10, blockBytes: 4096, fragBytes: 512 };
const ufs1 = buildUfs1(tree, SMALL);
const ufs2 = buildUfs2(tree, SMALL);

function mbrDisk(): Uint8Array {
  const disk = new Uint8Array(ufs2.length + 200 * 512);
  const sectors = ufs2.length / 512;
  writeMbr(disk, [
    { type: 0xa5, firstLba: 10, sectors: sectors + 16, isActive: true },
    { type: 0x05, firstLba: sectors + 60, sectors: 100 },
  ]);
  const logical = { type: 0x83, firstLba: 1, sectors: 10 };
  writeMbr(disk, [logical, { type: 0x05, firstLba: 20, sectors: 20 }], sectors + 60);
  writeMbr(disk, [logical], sectors + 80);
  writeBsdLabel(disk, [{ letter: "a", fsType: 7, offset: 16, sectors }], 10);
  disk.set(ufs2, 26 * 512);
  return disk;
}

const gpt = buildGpt([{ kind: "freebsd-ufs", name: "root", content: ufs1 }]);

/** Checksums that fit again, so that damage behind them is looked at. */
function repairGpt(disk: Uint8Array): void {
  if (disk.length < gpt.length) return;
  const header = new LeWriter(disk.subarray(512, 512 + GPT_HEADER_BYTES));
  header.u32(GPT_HEADER.headerSize, GPT_HEADER_BYTES);
  header.u32(GPT_HEADER.entryArrayCrc32, crc32(disk.subarray(1024, 34 * 512)));
  header.u32(GPT_HEADER.headerCrc32, 0);
  header.u32(GPT_HEADER.headerCrc32, crc32(header.bytes));
}

const images: [string, Uint8Array, ((image: Uint8Array) => void)?][] = [
  ["UFS1", ufs1],
  ["UFS2", ufs2],
  ["ISO 9660 with Rock Ridge", buildIso(isoTree, { rockRidge: true, maxDepth: 2 })],
  ["ISO 9660 without", buildIso(isoTree, { extentBytes: 4096 })],
  ["GPT", gpt],
  ["GPT with right checksums", gpt, repairGpt],
  ["MBR and label", mbrDisk()],
];

/** A disk that watches: a parser that goes round in circles, or looks outside of its partition, ends the test. */
class WatchedDisk implements ByteSource {
  readonly size: number;
  readonly #inner: ByteSource;
  #total = 0;
  #window: { readonly start: number; readonly end: number };

  constructor(bytes: Uint8Array) {
    this.#inner = memorySource(bytes);
    this.size = bytes.length;
    this.#window = { start: 0, end: this.size };
  }

  read(offset: number, length: number): Uint8Array {
    this.#total += length + 64;
    if (this.#total > MAX_BYTES_READ)
      throw new Error(`more than ${MAX_BYTES_READ} bytes were read`);
    const bytes = this.#inner.read(offset, length);
    const { start, end } = this.#window;
    if (offset >= start && offset + length <= end) return bytes;
    throw new Error(`${offset} + ${length} was read, outside of ${start} to ${end}`);
  }

  /** Nothing else is to be read meanwhile. */
  within<T>(start: number, size: number, action: () => T): T {
    const outer = this.#window;
    this.#window = { start, end: start + size };
    try {
      return action();
    } finally {
      this.#window = outer;
    }
  }
}

/** All that a loader may do with a disk; returns how many files could be read. Only other errors get out. */
function explore(disk: WatchedDisk): number {
  let files = 0;
  tolerate(() => {
    const table = readPartitions(disk);
    const boot = chooseBootPartition(table);
    for (const partition of new Set([boot, ...table.partitions])) {
      if (partition === undefined) continue;
      tolerate(() => {
        files += disk.within(partition.offset, partition.size, () =>
          exploreFiles(mountFileSystem(partitionSource(disk, partition))),
        );
      });
    }
  });
  tolerate(() => {
    files += exploreFiles(mountFileSystem(disk));
  });
  return files;
}

function exploreFiles(inner: FileSystem | undefined): number {
  if (inner === undefined) return 0;
  const fs = new GzipFileSystem(inner, gunzip);
  const paths = ["/boot/packed", "/short", "/long/kernel", "/boot/modules/module-29.ko"];
  const directories = ["/"];
  for (const path of directories) {
    tolerate(() => {
      for (const { name, kind } of fs.list(path)) {
        const child = `${path === "/" ? "" : path}/${name}`;
        if (paths.length + directories.length > MAX_FILES_WALKED) return;
        if (kind === "directory") directories.push(child);
        else paths.push(child);
      }
    });
  }
  let files = 0;
  for (const path of paths) {
    tolerate(() => fs.stat(path));
    tolerate(() => {
      readParts(fs.open(path));
      files++;
    });
  }
  return files;
}

/** The whole, if it can be had, and both ends. */
function readParts(source: ByteSource): void {
  const part = Math.min(source.size, 10_000);
  tolerate(() => source.read(0, part));
  tolerate(() => source.read(source.size - part, part));
  tolerate(() => source.read(0, source.size));
}

function tolerate(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof VmmError) || error.code === "ERR_INTERNAL") throw error;
  }
}

/** Offsets of metadata: all that is not zero, but for long runs of the files' random bytes. */
function usedOffsets(image: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < image.length; at += 512) {
    const sector = image.subarray(at, at + 512);
    const zeros = sector.filter((byte) => byte === 0).length;
    if (zeros < 50) continue;
    sector.forEach((byte, i) => {
      if (byte !== 0) offsets.push(at + i);
    });
  }
  return offsets;
}

describe.each(images)("an image of %s", (_, image, repair) => {
  it("that is intact has files to read", () => {
    expect(explore(new WatchedDisk(image))).toBeGreaterThan(35);
  });

  it(`that is damaged gives a VmmError or none, in ${ROUNDS} variants from seed ${SEED}`, {
    timeout: 600_000,
  }, () => {
    const random = new SeededRandom(SEED);
    const used = usedOffsets(image);
    for (let round = 0; round < ROUNDS; round++) {
      const damaged = mutated(image, random, used);
      repair?.(damaged);
      const started = performance.now();
      expect(() => explore(new WatchedDisk(damaged)), `round ${round}`).not.toThrow();
      expect(performance.now() - started, `milliseconds of round ${round}`).toBeLessThan(20_000);
    }
  });
});

it(`${ROUNDS} disks of noise, behind the beginning of a disk, give a VmmError or none`, {
  timeout: 600_000,
}, () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const [, image] = random.pick(images);
    const noise = noiseBehind(image.subarray(0, 70_000), 20_000, random);
    expect(() => explore(new WatchedDisk(noise)), `round ${round}`).not.toThrow();
  }
});
