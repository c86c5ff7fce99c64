// SPDX-License-Identifier: BSD-2-Clause
// The partitions of a disk under the loader's names, looked for in the loader's order (stand/common/part.c
// ptable_open): a CD first, then a bare BSD label, then MBR and GPT. VTOC8 is left out: it is SPARC's.
import { hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { readBsdLabel } from "./bsd-label.ts";
import { type DiskDevice, formatDevice } from "./device-name.ts";
import { readGpt } from "./gpt.ts";
import { type MbrSlice, readMbr } from "./mbr.ts";
import {
  kindOfBsdType,
  kindOfGptType,
  kindOfMbrType,
  type PartitionKind,
} from "./partition-kind.ts";
import { readSector, SECTOR_BYTES } from "./sectors.ts";
import { sliceSource } from "./slice-source.ts";

export type PartitionScheme = "gpt" | "mbr" | "bsd" | "iso9660" | "none";

export interface Partition {
  /** The name, without which it cannot be asked for: `disk0p2`, `disk0s1`, `disk0s1a`, `disk0a`. */
  readonly device: DiskDevice;
  readonly kind: PartitionKind;
  /** The type as the scheme has it: a GUID, or a number in hexadecimal. */
  readonly type: string;
  /** The name in a GPT entry; empty elsewhere. */
  readonly label: string;
  /** The slice that an MBR says to boot from. */
  readonly isActive: boolean;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes, without what lies past the end of a disk that was cut short. */
  readonly size: number;
}

export interface PartitionTable {
  readonly scheme: PartitionScheme;
  readonly unit: number;
  /** In table order, the partitions of a label right after their slice. */
  readonly partitions: readonly Partition[];
}

/**
 * The table of disk number `unit`; with scheme `none` and no partitions if there is none. Throws
 * ERR_BAD_IMAGE if a protective MBR promises a GPT of which no intact copy is left.
 */
export function readPartitions(source: ByteSource, unit = 0): PartitionTable {
  if (readSector(source, ISO9660_DESCRIPTOR_LBA)?.latin1(1, 5) === "CD001") {
    return { scheme: "iso9660", unit, partitions: [] };
  }
  const label = labelPartitions(source, { unit });
  if (label !== undefined) return { scheme: "bsd", unit, partitions: label };

  const mbr = readMbr(source);
  if (mbr !== undefined && !mbr.isProtective) {
    const partitions = mbr.slices.flatMap((slice) => slicePartitions(source, slice, unit));
    return { scheme: "mbr", unit, partitions };
  }
  const gpt = readGpt(source);
  if ("entries" in gpt) {
    const partitions = gpt.entries.flatMap(({ index, typeGuid, name, firstLba, lastLba }) => {
      const place = sectorRange(source, firstLba, lastLba - firstLba + 1);
      const kind = kindOfGptType(typeGuid);
      const device: DiskDevice = { unit, gpt: index };
      return place === undefined
        ? []
        : [{ device, kind, type: typeGuid, label: name, isActive: false, ...place }];
    });
    return { scheme: "gpt", unit, partitions };
  }
  if (mbr !== undefined) {
    const sentence = `the GPT of disk${unit} is damaged, and so is its copy: ${gpt.problem}`;
    throw new VmmError("ERR_BAD_IMAGE", sentence);
  }
  return { scheme: "none", unit, partitions: [] };
}

/** The content of a partition. */
export function partitionSource(source: ByteSource, partition: Partition): ByteSource {
  const { device, offset, size } = partition;
  return sliceSource(source, offset, size, formatDevice(device).replace(":", ""));
}

/** The first sector of volume descriptors: 16 logical sectors of 2048 bytes from the start. */
const ISO9660_DESCRIPTOR_LBA = (16 * 2048) / SECTOR_BYTES;

function slicePartitions(source: ByteSource, slice: MbrSlice, unit: number): Partition[] {
  const place = sectorRange(source, slice.firstLba, slice.sectors);
  if (place === undefined) return [];
  const device: DiskDevice = { unit, slice: slice.index };
  const kind = kindOfMbrType(slice.type);
  const whole: Partition = {
    device,
    kind,
    type: hex(slice.type, 2),
    label: "",
    isActive: slice.isActive,
    ...place,
  };
  if (kind !== "freebsd") return [whole];
  const inside = labelPartitions(partitionSource(source, whole), device) ?? [];
  return [whole, ...inside.map((part) => ({ ...part, offset: place.offset + part.offset }))];
}

/** The partitions of the label that `source` carries, placed relative to it. */
function labelPartitions(source: ByteSource, device: DiskDevice): Partition[] | undefined {
  return readBsdLabel(source)?.flatMap(({ letter, fsType, firstSector, sectors }) => {
    const place = sectorRange(source, firstSector, sectors);
    const kind = kindOfBsdType(fsType);
    return place === undefined
      ? []
      : [
          {
            device: { ...device, letter },
            kind,
            type: hex(fsType, 2),
            label: "",
            isActive: false,
            ...place,
          },
        ];
  });
}

/** In bytes and cut at the end of the disk; undefined if nothing of it is on the disk. */
function sectorRange(source: ByteSource, first: number, count: number) {
  const offset = first * SECTOR_BYTES;
  if (!(offset >= 0 && offset < source.size)) return undefined;
  return { offset, size: Math.min(count * SECTOR_BYTES, source.size - offset) };
}
