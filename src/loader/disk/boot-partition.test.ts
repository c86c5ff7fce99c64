// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { chooseBootPartition, findPartition, resolvePartition } from "./boot-partition.ts";
import { type DiskDevice, formatDevice } from "./device-name.ts";
import type { PartitionKind } from "./partition-kind.ts";
import type { Partition, PartitionScheme, PartitionTable } from "./partition-table.ts";

/** What `disk0p2` and `disk0s1a` stand for. */
function deviceOf(name: string): DiskDevice {
  const [, unit, gpt, slice, letter] = /^disk(\d)(?:p(\d))?(?:s(\d))?([a-d])?$/.exec(name)!;
  return {
    unit: Number(unit),
    ...(gpt === undefined ? {} : { gpt: Number(gpt) }),
    ...(slice === undefined ? {} : { slice: Number(slice) }),
    ...(letter === undefined ? {} : { letter }),
  };
}

/** `disk0s2 freebsd active`, one partition a line. */
function table(scheme: PartitionScheme, ...lines: string[]): PartitionTable {
  const partitions = lines.map((line): Partition => {
    const [name, kind, active] = line.split(" ");
    const device = deviceOf(name!);
    const isActive = active === "active";
    const place = { offset: 512, size: 512 };
    return { device, kind: kind as PartitionKind, isActive, type: "", label: "", ...place };
  });
  return { scheme, unit: 0, partitions };
}

const nameOf = (partition: Partition | undefined) =>
  partition === undefined ? undefined : formatDevice(partition.device);

describe("chooseBootPartition", () => {
  it.each([
    ["disk0p3:", ["disk0p1 freebsd-boot", "disk0p3 freebsd-ufs", "disk0p4 freebsd-ufs"]],
    ["disk0p2:", ["disk0p1 ms-basic", "disk0p2 freebsd-zfs", "disk0p3 freebsd-ufs"]],
    ["disk0p2:", ["disk0p1 efi", "disk0p2 ms-basic"]],
    [undefined, ["disk0p1 efi", "disk0p2 linux"]],
    [undefined, []],
  ])("takes %s from a GPT", (wanted, lines) => {
    expect(nameOf(chooseBootPartition(table("gpt", ...lines)))).toBe(wanted);
  });

  it.each([
    ["disk0s3:", ["disk0s1 dos active", "disk0s2 freebsd", "disk0s3 freebsd active"]],
    ["disk0s2:", ["disk0s1 dos active", "disk0s2 freebsd", "disk0s3 freebsd"]],
    ["disk0s2:", ["disk0s1 dos", "disk0s2 dos active", "disk0s3 linux active"]],
    ["disk0s2:", ["disk0s1 linux", "disk0s2 dos"]],
    [undefined, ["disk0s1 linux", "disk0s2 ms-basic", "disk0s3 extended"]],
  ])("takes %s from an MBR", (wanted, lines) => {
    expect(nameOf(chooseBootPartition(table("mbr", ...lines)))).toBe(wanted);
  });

  it("takes partition a of a slice with a label", () => {
    const lines = ["disk0s1 freebsd", "disk0s1b freebsd-swap", "disk0s1a freebsd-ufs"];
    expect(nameOf(chooseBootPartition(table("mbr", ...lines)))).toBe("disk0s1a:");
  });

  it("takes the disk where the label has no partition a", () => {
    const lines = ["disk0s1 freebsd", "disk0s1d freebsd-ufs"];
    expect(chooseBootPartition(table("mbr", ...lines))).toBeUndefined();
    expect(chooseBootPartition(table("bsd", "disk0d freebsd-ufs"))).toBeUndefined();
  });

  it("takes partition a of a bare label", () => {
    const bare = table("bsd", "disk0b freebsd-swap", "disk0a freebsd-ufs");
    expect(nameOf(chooseBootPartition(bare))).toBe("disk0a:");
  });
});

describe("a device name in a path", () => {
  const disk = table("mbr", "disk0s1 dos", "disk0s2 freebsd", "disk0s2a freebsd-ufs");

  it("without a slice means the boot partition", () => {
    expect(nameOf(resolvePartition(disk, deviceOf("disk0")))).toBe("disk0s2a:");
  });

  it("of a slice with a label means its partition a", () => {
    expect(nameOf(resolvePartition(disk, deviceOf("disk0s2")))).toBe("disk0s2a:");
    expect(nameOf(resolvePartition(disk, deviceOf("disk0s1")))).toBe("disk0s1:");
  });

  it("means itself where it says all", () => {
    expect(nameOf(findPartition(disk, deviceOf("disk0s2")))).toBe("disk0s2:");
    expect(nameOf(resolvePartition(disk, deviceOf("disk0s2a")))).toBe("disk0s2a:");
    expect(resolvePartition(disk, deviceOf("disk0p1"))).toBeUndefined();
    expect(resolvePartition(disk, deviceOf("disk1s2a"))).toBeUndefined();
  });
});
