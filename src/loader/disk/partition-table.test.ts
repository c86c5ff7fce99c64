// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { buildGpt } from "../../../images/build/gpt.ts";
import { writeBsdLabel, writeMbr } from "../../../test/support/mbr-image.ts";
import { formatDevice } from "./device-name.ts";
import { memorySource } from "./memory-source.ts";
import { type PartitionTable, partitionSource, readPartitions } from "./partition-table.ts";
import { SECTOR_BYTES } from "./sectors.ts";

const filled = (sectors: number, byte: number) => new Uint8Array(sectors * SECTOR_BYTES).fill(byte);

function summary(table: PartitionTable): string[] {
  return table.partitions.map(
    ({ device, kind, offset, size }) =>
      `${formatDevice(device)} ${kind} ${offset / SECTOR_BYTES}+${size / SECTOR_BYTES}`,
  );
}

function gptDisk(): Uint8Array {
  return buildGpt([
    { kind: "freebsd-boot", name: "boot", content: filled(8, 1) },
    { kind: "freebsd-ufs", name: "rootfs", content: filled(16, 2) },
    { kind: "freebsd-swap", name: "swäp", content: filled(1, 3) },
  ]);
}

describe("a GPT", () => {
  it("gives partitions their names, kinds, labels and contents", () => {
    const source = memorySource(gptDisk());
    const table = readPartitions(source, 1);
    expect(table.scheme).toBe("gpt");
    expect(summary(table)).toEqual([
      "disk1p1: freebsd-boot 40+8",
      "disk1p2: freebsd-ufs 48+16",
      "disk1p3: freebsd-swap 64+1",
    ]);
    expect(table.partitions.map(({ label }) => label)).toEqual(["boot", "rootfs", "swäp"]);
    expect(table.partitions[1]?.type).toBe("516e7cb6-6ecf-11d6-8ff8-00022d09712b");
    expect(partitionSource(source, table.partitions[1]!).read(0, 16 * SECTOR_BYTES)).toEqual(
      filled(16, 2),
    );
  });

  it.each([
    ["header", 1 * SECTOR_BYTES + 40],
    ["entries", 2 * SECTOR_BYTES + 56],
    ["protective boot record", 510],
  ])("is read from its copy when the %s is damaged", (_, at) => {
    const disk = gptDisk();
    const intact = summary(readPartitions(memorySource(disk)));
    disk[at]! ^= 1;
    expect(summary(readPartitions(memorySource(disk)))).toEqual(intact);
  });

  it("of which neither copy is intact is an error, not an empty disk", () => {
    const disk = gptDisk();
    disk[SECTOR_BYTES + 40]! ^= 1;
    disk[disk.length - SECTOR_BYTES + 40]! ^= 1;
    expect(() => readPartitions(memorySource(disk))).toThrow(
      expect.objectContaining({
        code: "ERR_BAD_IMAGE",
        message:
          "the GPT of disk0 is damaged, and so is its copy: the checksum of its header is wrong",
      }),
    );
  });

  it("on a disk that was cut short keeps what is left of a partition", () => {
    const disk = gptDisk().slice(0, 50 * SECTOR_BYTES);
    expect(summary(readPartitions(memorySource(disk)))).toEqual([
      "disk0p1: freebsd-boot 40+8",
      "disk0p2: freebsd-ufs 48+2",
    ]);
  });
});

describe("an MBR", () => {
  it("gives its slices, and the partitions of a label inside a FreeBSD slice", () => {
    const disk = new Uint8Array(400 * SECTOR_BYTES);
    writeMbr(disk, [
      { type: 0x0c, firstLba: 1, sectors: 63 },
      { type: 0xa5, firstLba: 64, sectors: 200, isActive: true },
    ]);
    const label = [
      { letter: "a", fsType: 7, offset: 16, sectors: 100 },
      { letter: "b", fsType: 1, offset: 116, sectors: 84 },
      { letter: "c", fsType: 0, offset: 0, sectors: 200 },
    ];
    writeBsdLabel(disk, label, 64);
    const table = readPartitions(memorySource(disk));
    expect(table.scheme).toBe("mbr");
    expect(summary(table)).toEqual([
      "disk0s1: dos 1+63",
      "disk0s2: freebsd 64+200",
      "disk0s2a: freebsd-ufs 80+100",
      "disk0s2b: freebsd-swap 180+84",
    ]);
    expect(table.partitions.map(({ isActive }) => isActive)).toEqual([false, true, false, false]);
  });

  it("may hold a label whose offsets count from the start of the disk", () => {
    const disk = new Uint8Array(400 * SECTOR_BYTES);
    writeMbr(disk, [{ type: 0xa5, firstLba: 64, sectors: 200 }]);
    const label = [
      { letter: "a", fsType: 7, offset: 80, sectors: 100 },
      { letter: "c", fsType: 0, offset: 64, sectors: 200 },
    ];
    writeBsdLabel(disk, label, 64);
    expect(summary(readPartitions(memorySource(disk)))[1]).toBe("disk0s1a: freebsd-ufs 80+100");
  });

  it("continues in an extended slice with numbers from 5 on", () => {
    const disk = new Uint8Array(400 * SECTOR_BYTES);
    writeMbr(disk, [
      { type: 0x83, firstLba: 1, sectors: 10 },
      { type: 0x0f, firstLba: 100, sectors: 300 },
    ]);
    const first = { type: 0x83, firstLba: 2, sectors: 40 };
    const second = { type: 0x82, firstLba: 4, sectors: 50 };
    writeMbr(disk, [first, { type: 0x05, firstLba: 60, sectors: 100 }], 100);
    writeMbr(disk, [second], 160);
    expect(summary(readPartitions(memorySource(disk)))).toEqual([
      "disk0s1: linux 1+10",
      "disk0s2: extended 100+300",
      "disk0s5: linux 102+40",
      "disk0s6: linux-swap 164+50",
    ]);
  });

  it("with a chain of extended slices that leads back to itself ends", () => {
    const disk = new Uint8Array(400 * SECTOR_BYTES);
    writeMbr(disk, [{ type: 0x05, firstLba: 100, sectors: 300 }]);
    const logical = { type: 0x83, firstLba: 1, sectors: 1 };
    writeMbr(disk, [logical, { type: 0x05, firstLba: 60, sectors: 1 }], 100);
    writeMbr(disk, [logical, { type: 0x05, firstLba: 60, sectors: 1 }], 160);
    expect(readPartitions(memorySource(disk)).partitions).toHaveLength(65);
  });

  it("with flags that no partition has is the boot sector of a filesystem", () => {
    const disk = new Uint8Array(4 * SECTOR_BYTES);
    writeMbr(disk, [{ type: 0x0c, firstLba: 1, sectors: 2 }]);
    disk[446] = 0x61;
    expect(readPartitions(memorySource(disk))).toEqual({ scheme: "none", unit: 0, partitions: [] });
  });
});

describe("a BSD label on a bare disk", () => {
  it("names partitions without a slice", () => {
    const disk = new Uint8Array(400 * SECTOR_BYTES);
    writeMbr(disk, [{ type: 0xa5, firstLba: 1, sectors: 50 }]);
    writeBsdLabel(disk, [
      { letter: "a", fsType: 7, offset: 16, sectors: 200 },
      { letter: "h", fsType: 27, offset: 216, sectors: 10_000 },
    ]);
    const table = readPartitions(memorySource(disk));
    expect(table.scheme).toBe("bsd");
    expect(summary(table)).toEqual(["disk0a: freebsd-ufs 16+200", "disk0h: freebsd-zfs 216+184"]);
  });
});

describe("a disk without a table", () => {
  it.each([0, 1, 511, 512, 100_000])("of %d bytes has no partitions", (bytes) => {
    const table = readPartitions(memorySource(new Uint8Array(bytes)));
    expect(table).toEqual({ scheme: "none", unit: 0, partitions: [] });
  });
});
