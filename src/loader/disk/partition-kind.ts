// SPDX-License-Identifier: BSD-2-Clause
// What the type of a partition says of its content, in the three schemes (sys/disk/{gpt,mbr,bsd}.h).
import { isExtendedType } from "./mbr.ts";

export type PartitionKind =
  | "freebsd" // a slice for a BSD label
  | "freebsd-boot"
  | "freebsd-ufs"
  | "freebsd-zfs"
  | "freebsd-swap"
  | "freebsd-vinum"
  | "efi"
  | "ms-basic"
  | "dos"
  | "linux"
  | "linux-swap"
  | "extended"
  | "unknown";

const GPT_TYPES: ReadonlyMap<string, PartitionKind> = new Map([
  ["516e7cb4-6ecf-11d6-8ff8-00022d09712b", "freebsd"],
  ["83bd6b9d-7f41-11dc-be0b-001560b84f0f", "freebsd-boot"],
  ["516e7cb6-6ecf-11d6-8ff8-00022d09712b", "freebsd-ufs"],
  ["516e7cba-6ecf-11d6-8ff8-00022d09712b", "freebsd-zfs"],
  ["516e7cb5-6ecf-11d6-8ff8-00022d09712b", "freebsd-swap"],
  ["516e7cb8-6ecf-11d6-8ff8-00022d09712b", "freebsd-vinum"],
  ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "efi"],
  ["ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "ms-basic"],
  ["0fc63daf-8483-4772-8e79-3d69d8477de4", "linux"],
  ["0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "linux-swap"],
]);

const MBR_TYPES: ReadonlyMap<number, PartitionKind> = new Map([
  [0x01, "dos"],
  [0x04, "dos"],
  [0x06, "dos"],
  [0x07, "ms-basic"],
  [0x0b, "dos"],
  [0x0c, "dos"],
  [0x0e, "dos"],
  [0x82, "linux-swap"],
  [0x83, "linux"],
  [0xa5, "freebsd"],
  [0xef, "efi"],
]);

const BSD_TYPES: ReadonlyMap<number, PartitionKind> = new Map([
  [1, "freebsd-swap"],
  [7, "freebsd-ufs"],
  [14, "freebsd-vinum"],
  [27, "freebsd-zfs"],
]);

/** What the loader's `lsdev` calls it (stand/common/part.c). */
const DESCRIPTIONS: Record<PartitionKind, string> = {
  freebsd: "FreeBSD",
  "freebsd-boot": "FreeBSD boot",
  "freebsd-ufs": "FreeBSD UFS",
  "freebsd-zfs": "FreeBSD ZFS",
  "freebsd-swap": "FreeBSD swap",
  "freebsd-vinum": "FreeBSD vinum",
  efi: "EFI",
  "ms-basic": "DOS/Windows",
  dos: "DOS/Windows",
  linux: "Linux",
  "linux-swap": "Linux swap",
  extended: "Unknown",
  unknown: "Unknown",
};

export function kindOfGptType(typeGuid: string): PartitionKind {
  return GPT_TYPES.get(typeGuid) ?? "unknown";
}

/** The GUID for a kind; undefined for one that GPT has no type for. */
export function gptTypeOf(kind: PartitionKind): string | undefined {
  for (const [typeGuid, itsKind] of GPT_TYPES) if (itsKind === kind) return typeGuid;
  return undefined;
}

export function kindOfMbrType(type: number): PartitionKind {
  return isExtendedType(type) ? "extended" : (MBR_TYPES.get(type) ?? "unknown");
}

export function kindOfBsdType(fsType: number): PartitionKind {
  return BSD_TYPES.get(fsType) ?? "unknown";
}

/** What the loader's `lsdev` prints for it. */
export function describeKind(kind: PartitionKind): string {
  return DESCRIPTIONS[kind];
}
