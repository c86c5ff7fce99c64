// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../../test/support/bytes.ts";
import {
  applied,
  buildQcow2,
  type ClusterContent,
  checkQcow2,
  type FileEvent,
  MemoryImageFile,
  type Qcow2Plan,
} from "../../../test/support/qcow2-image.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { createQcow2 } from "./create.ts";
import { parseQcow2Header } from "./header.ts";
import { Qcow2Image } from "./image.ts";
import type { DiskReader } from "./image-file.ts";

const CLUSTER = 512;
const CLEAN = { errors: [], leaks: [] };

function open(file: MemoryImageFile, base?: DiskReader, isReadOnly = false): Qcow2Image {
  return new Qcow2Image({ file, header: parseQcow2Header(file), base, isReadOnly });
}

function contents(image: DiskReader): Uint8Array {
  const bytes = new Uint8Array(image.sizeBytes);
  image.read(0, bytes);
  return bytes;
}

function memoryDisk(bytes: Uint8Array): DiskReader {
  return {
    sizeBytes: bytes.length,
    read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    close: () => {},
  };
}

/** Something that deflates to less than it is. */
function text(seed: number, length = CLUSTER): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 97 + (((index >> 4) + seed * 7) % 26));
}

/** A disk of 300 clusters, more than four L2 tables of them, with some of each kind; and what it reads as. */
function mixedDisk(plan: Partial<Qcow2Plan> = {}) {
  const clusters = new Map<number, ClusterContent>();
  const expected = new Uint8Array(300 * CLUSTER);
  const put = (cluster: number, kind: "plain" | "compressed") => {
    const bytes = text(cluster);
    clusters.set(cluster, { kind, bytes });
    expected.set(bytes, cluster * CLUSTER);
  };
  for (const cluster of [0, 1, 70, 299]) put(cluster, "plain");
  for (const cluster of [2, 3, 4, 5, 71, 200]) put(cluster, "compressed");
  if (plan.version !== 2) clusters.set(6, { kind: "zero" });
  const sizeBytes = expected.length;
  const bytes = buildQcow2({ sizeBytes, clusterBits: 9, clusters, ...plan });
  return { bytes, expected };
}

describe("a qcow2 image", () => {
  it.each([2, 3] as const)(
    "of version %i is read: plain, compressed, zero and absent",
    (version) => {
      const { bytes, expected } = mixedDisk({ version });
      expect(checkQcow2(bytes)).toEqual(CLEAN);
      const image = open(new MemoryImageFile(bytes), undefined, true);
      expect(equalBytes(contents(image), expected)).toBe(true);
      const piece = new Uint8Array(1000);
      image.read(1111, piece);
      expect(equalBytes(piece, expected.subarray(1111, 2111))).toBe(true);
    },
  );

  it("shows its base where it has nothing, and zeroes behind the base's end", () => {
    const { bytes, expected } = mixedDisk();
    const below = new Uint8Array(100 * CLUSTER).fill(0xbb);
    for (let cluster = 7; cluster < 70; cluster++) {
      expected.fill(0xbb, cluster * CLUSTER, (cluster + 1) * CLUSTER);
    }
    expected.fill(0xbb, 72 * CLUSTER, 100 * CLUSTER);
    const image = open(new MemoryImageFile(bytes), memoryDisk(below));
    expect(equalBytes(contents(image), expected)).toBe(true);
  });

  it("whose last cluster is cut off by the end of the file reads zeroes there", () => {
    const file = new MemoryImageFile(buildQcow2({ sizeBytes: CLUSTER, clusterBits: 9 }));
    const writer = open(file);
    writer.write(0, text(1));
    writer.close();
    const { length } = file.bytes;
    expect(equalBytes(file.bytes.subarray(length - CLUSTER), text(1))).toBe(true);
    const cut = file.bytes.slice(0, length - CLUSTER + 100);
    const image = open(new MemoryImageFile(cut), undefined, true);
    const expected = text(1).fill(0, 100);
    expect(equalBytes(contents(image), expected)).toBe(true);
  });
});

/** Does random things to an image and to bytes that say what it has to read as. */
function exercise(
  image: Qcow2Image,
  expected: Uint8Array,
  random: SeededRandom,
  steps: number,
): void {
  for (let step = 0; step < steps; step++) {
    const sectors = expected.length / 512;
    const start = random.below(sectors);
    const count = 1 + random.below(Math.min(12, sectors - start));
    const [at, length] = [start * 512, count * 512];
    const choice = random.below(10);
    if (choice < 6) {
      const bytes = random.bytes(length);
      image.write(at, bytes);
      expected.set(bytes, at);
    } else if (choice < 8) {
      image.writeZeroes(at, length);
      expected.fill(0, at, at + length);
    } else if (choice === 8) image.flush();
    else {
      const piece = new Uint8Array(length);
      image.read(at, piece);
      expect(equalBytes(piece, expected.subarray(at, at + length))).toBe(true);
    }
  }
}

describe("writes to a qcow2 image", () => {
  it.each([
    [2, 9, 4],
    [3, 9, 0],
    [3, 9, 1],
    [3, 9, 2],
    [3, 9, 3],
    [3, 10, 5],
    [3, 12, 6],
  ] as const)(
    "read back and count right: version %i, clusters of 2^%i, refcounts of 2^%i bits",
    (version, clusterBits, refcountOrder) => {
      const random = new SeededRandom(clusterBits * 100 + refcountOrder);
      const sizeBytes = 400 * CLUSTER;
      const below = random.bytes(sizeBytes - 20 * 512);
      const expected = new Uint8Array(sizeBytes);
      expected.set(below);
      const plan = { version, clusterBits, refcountOrder, sizeBytes };
      const file = new MemoryImageFile(buildQcow2(plan));
      const image = open(file, memoryDisk(below));
      exercise(image, expected, random, 600);
      image.close();
      expect(checkQcow2(file.bytes)).toEqual(CLEAN);
      const again = open(file, memoryDisk(below), true);
      expect(equalBytes(contents(again), expected)).toBe(true);
    },
  );

  it("go over compressed clusters, whose space is given up", () => {
    const { bytes, expected } = mixedDisk({ refcountOrder: 4 });
    const file = new MemoryImageFile(bytes);
    const image = open(file);
    for (const cluster of [2, 3, 71]) {
      image.write(cluster * CLUSTER, new Uint8Array(CLUSTER).fill(cluster));
      expected.fill(cluster, cluster * CLUSTER, (cluster + 1) * CLUSTER);
    }
    image.close();
    expect(equalBytes(contents(open(file)), expected)).toBe(true);
    expect(checkQcow2(file.bytes)).toEqual(CLEAN);
  });

  it("make the refcount table move when the file outgrows it", () => {
    // 64 entries of blocks of 64 counts: 4096 clusters.
    const sizeBytes = 6000 * CLUSTER;
    const file = new MemoryImageFile(buildQcow2({ sizeBytes, clusterBits: 9, refcountOrder: 6 }));
    const before = new DataView(file.bytes.buffer).getBigUint64(48);
    const image = open(file);
    const data = new SeededRandom(5).bytes(sizeBytes);
    image.write(0, data);
    image.close();
    expect(new DataView(file.bytes.buffer).getBigUint64(48)).not.toBe(before);
    expect(checkQcow2(file.bytes)).toEqual(CLEAN);
    expect(equalBytes(contents(open(file)), data)).toBe(true);
  });

  it("leave the clusters of an internal snapshot alone", () => {
    const { bytes, expected } = mixedDisk();
    const file = new MemoryImageFile(bytes);
    // As a snapshot leaves things: everything is referred to twice, so that no entry is its cluster's only one.
    const view = new DataView(file.bytes.buffer);
    const l1 = Number(view.getBigUint64(40));
    for (let entry = l1; entry < l1 + view.getUint32(36) * 8; entry += 8) {
      const l2 = Number(view.getBigUint64(entry) & 0x00ff_ffff_ffff_fe00n);
      view.setUint32(entry, view.getUint32(entry) & 0x7fff_ffff);
      for (let at = l2; l2 !== 0 && at < l2 + CLUSTER; at += 8) {
        view.setUint32(at, view.getUint32(at) & 0x7fff_ffff);
      }
    }
    const snapshot = file.bytes.slice();
    const image = open(file);
    image.write(0, new Uint8Array(3 * CLUSTER).fill(0xee));
    image.close();
    expected.fill(0xee, 0, 3 * CLUSTER);
    expect(equalBytes(contents(open(file)), expected)).toBe(true);
    const old = new MemoryImageFile(file.bytes.slice());
    old.bytes.set(snapshot.subarray(l1, l1 + CLUSTER), l1);
    const { expected: before } = mixedDisk();
    expect(equalBytes(contents(open(old)), before)).toBe(true);
  });

  it("clear feature bits that whoever does not know them has to clear", () => {
    const file = new MemoryImageFile(mixedDisk({ autoclear: 1 }).bytes);
    open(file).flush();
    expect(file.bytes[95]).toBe(1);
    open(file).write(0, new Uint8Array(512));
    expect(file.bytes[95]).toBe(0);
  });

  it("never land on the tables of an image that says its data is there", () => {
    const { bytes } = mixedDisk();
    const view = new DataView(bytes.buffer);
    const l1 = Number(view.getBigUint64(40));
    const l2 = Number(view.getBigUint64(l1) & 0x00ff_ffff_ffff_fe00n);
    const refcounts = view.getBigUint64(48);
    for (const target of [0n, BigInt(l1), BigInt(l2), refcounts]) {
      // An offset of 0 is none: the header is out of reach by the format.
      view.setBigUint64(l2, (1n << 63n) | target);
      const file = new MemoryImageFile(bytes.slice());
      const image = open(file);
      const write = () => image.write(0, new Uint8Array(CLUSTER).fill(0xff));
      if (target === 0n) expect(write).not.toThrow();
      else expect(write).toThrow("a cluster of the disk lies on the image's own tables");
      expect(equalBytes(file.bytes.subarray(0, CLUSTER), bytes.subarray(0, CLUSTER))).toBe(true);
    }
  });
});

/** What a host's disk may hold after these events: all up to the last sync, and any of what came after. */
function afterCrash(start: Uint8Array, events: readonly FileEvent[], seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const lastSync = events.findLastIndex(({ kind }) => kind === "sync");
  const file = new MemoryImageFile(start.slice());
  events.forEach((event, index) => {
    const isLost = index > lastSync && random.below(2) === 0;
    if (event.kind === "write" && !isLost) file.write(event.offset, event.bytes);
  });
  return file.bytes.slice();
}

describe("a host that stops", () => {
  it("leaves an image that can be read, with all that was flushed, and never a count too few", {
    timeout: 60_000,
  }, () => {
    const sizeBytes = 500 * CLUSTER;
    const start = buildQcow2({ sizeBytes, clusterBits: 9 });
    const below = new SeededRandom(1).bytes(sizeBytes);
    const file = new MemoryImageFile(start.slice());
    const image = open(file, memoryDisk(below));
    // Every sector is written once: it holds the base's bytes before, and these afterwards.
    const written = (sector: number) => new Uint8Array(512).fill(sector % 251);
    const order = Array.from({ length: 500 }, (_, index) => (index * 37) % 500);
    const flushed: number[] = [];
    order.forEach((sector, index) => {
      image.write(sector * 512, written(sector));
      if (index % 9 === 8) image.flush();
      while (flushed.length < file.events.length) {
        flushed.push(Math.floor((index + (index % 9 === 8 ? 1 : 0)) / 9) * 9);
      }
    });
    for (let round = 0; round < 80; round++) {
      const stop = new SeededRandom(round).below(file.events.length);
      const bytes = afterCrash(start, file.events.slice(0, stop), round);
      expect(checkQcow2(bytes).errors).toEqual([]);
      const disk = contents(open(new MemoryImageFile(bytes), memoryDisk(below)));
      // A flush that was under way has not been acknowledged.
      const safe = new Set(order.slice(0, flushed[stop - 1] ?? 0).slice(0, -9));
      const wrong = order.filter((sector) => {
        const [at, end] = [sector * 512, sector * 512 + 512];
        const found = disk.subarray(at, end);
        if (equalBytes(found, written(sector))) return false;
        return safe.has(sector) || !equalBytes(found, below.subarray(at, end));
      });
      expect(wrong).toEqual([]);
    }
  });

  it("at each acknowledged flush has everything in storage", () => {
    const sizeBytes = 200 * CLUSTER;
    const start = buildQcow2({ sizeBytes, clusterBits: 9 });
    const file = new MemoryImageFile(start.slice());
    const image = open(file);
    const expected = new Uint8Array(sizeBytes);
    const random = new SeededRandom(3);
    for (let round = 0; round < 40; round++) {
      const before = file.events.length;
      exercise(image, expected, random, 5);
      image.flush();
      // Nothing but what was synced.
      const last = file.events.findLastIndex(({ kind }) => kind === "sync");
      expect(last).toBeGreaterThanOrEqual(before);
      const stored = file.events
        .slice(0, last)
        .reduce<Uint8Array>(
          (bytes, event) =>
            event.kind === "sync" ? bytes : applied(bytes, event.offset, event.bytes),
          start.slice(),
        );
      expect(equalBytes(contents(open(new MemoryImageFile(stored))), expected)).toBe(true);
    }
  });
});

describe("a new image", () => {
  it.each([512, 3 * 65536 + 512, 2 ** 40])(
    "of %i bytes reads as zeroes and can be written",
    (size) => {
      const file = new MemoryImageFile();
      createQcow2(file, { sizeBytes: size, base: { name: "b", format: "raw" } });
      expect(checkQcow2(file.bytes)).toEqual(CLEAN);
      const image = open(file);
      const sector = new Uint8Array(512).fill(9);
      image.read(size - 512, sector);
      expect(sector.every((byte) => byte === 0)).toBe(true);
      image.write(size - 512, new Uint8Array(512).fill(9));
      image.close();
      open(file).read(size - 512, sector);
      expect(sector.every((byte) => byte === 9)).toBe(true);
      expect(checkQcow2(file.bytes)).toEqual(CLEAN);
      expect(parseQcow2Header(file).backingName).toBe("b");
    },
  );
});
