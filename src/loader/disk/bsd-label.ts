// SPDX-License-Identifier: BSD-2-Clause
// The BSD disklabel in the second sector of a slice or of a whole disk (sys/disk/bsd.h). Its checksum is
// not looked at: the loader does not, and a label that it takes must not be refused here.
import type { ByteSource } from "../byte-source.ts";
import { readSector, SECTOR_BYTES } from "./sectors.ts";

const DISKMAGIC = 0x82564557;
const LABEL_SECTOR = 1;
const D_SECSIZE = 40;
const D_MAGIC2 = 132;
const D_NPARTITIONS = 138;
const D_PARTITIONS = 148;
const PARTITION_BYTES = 16;
const P_SIZE = 0;
const P_OFFSET = 4;
const P_FSTYPE = 12;
const BSD_NPARTS_MIN = 8;
const BSD_NPARTS_MAX = 20;
/** `c` stands for the whole of what is labelled. */
const RAW_PART = 2;

/** One partition of a label; its place is relative to the slice or disk that carries the label. */
export interface BsdPartition {
  readonly letter: string;
  readonly fsType: number;
  readonly firstSector: number;
  readonly sectors: number;
}

/** The partitions in use, without `c`. Undefined if there is no label that a loader would take. */
export function readBsdLabel(source: ByteSource): BsdPartition[] | undefined {
  const label = readSector(source, LABEL_SECTOR);
  if (label === undefined) return undefined;
  if (label.u32(0) !== DISKMAGIC || label.u32(D_MAGIC2) !== DISKMAGIC) return undefined;
  if (label.u32(D_SECSIZE) !== SECTOR_BYTES) return undefined;
  const count = label.u16(D_NPARTITIONS);
  if (count < BSD_NPARTS_MIN || count > BSD_NPARTS_MAX) return undefined;

  const field = (index: number, offset: number) =>
    label.u32(D_PARTITIONS + index * PARTITION_BYTES + offset);
  // Old tools counted offsets from the start of the disk, new ones from the start of the slice; `c`
  // begins where the slice does, so the difference to it is right for both.
  const base = field(RAW_PART, P_OFFSET);
  const partitions: BsdPartition[] = [];
  for (let index = 0; index < count; index++) {
    const sectors = field(index, P_SIZE);
    if (index === RAW_PART || sectors === 0) continue;
    partitions.push({
      letter: String.fromCharCode("a".charCodeAt(0) + index),
      fsType: label.u8(D_PARTITIONS + index * PARTITION_BYTES + P_FSTYPE),
      firstSector: field(index, P_OFFSET) - base,
      sectors,
    });
  }
  return partitions;
}
