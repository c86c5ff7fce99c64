// SPDX-License-Identifier: BSD-2-Clause
// Which partition the loader means when a name leaves it open (stand/common/disk.c disk_open, part.c
// ptable_getbestpart).
import type { DiskDevice } from "./device-name.ts";
import type { Partition, PartitionTable } from "./partition-table.ts";

/**
 * What becomes `currdev`. GPT: the first FreeBSD UFS or ZFS partition, else the first for MS-DOS. MBR: the
 * active FreeBSD slice, any FreeBSD slice, the active DOS slice, any DOS slice, and of a FreeBSD slice with a
 * label partition `a`. A bare label: partition `a`. Undefined where the disk itself is to be taken.
 */
export function chooseBootPartition(table: PartitionTable): Partition | undefined {
  if (table.scheme === "bsd") return findPartition(table, { ...diskOf(table), letter: "a" });
  const best = pickBest(table);
  if (best?.device.slice === undefined) return best;
  return resolvePartition(table, best.device);
}

/** The partition of exactly that name. */
export function findPartition(table: PartitionTable, device: DiskDevice): Partition | undefined {
  return table.partitions.find(
    (partition) =>
      partition.device.unit === device.unit &&
      partition.device.gpt === device.gpt &&
      partition.device.slice === device.slice &&
      partition.device.letter === device.letter,
  );
}

/**
 * The partition that holds the files of `device` when a path follows its name: `disk0:/boot` looks on the
 * boot partition, `disk0s1:/boot` on partition `a` if the slice has a label. Undefined if there is none; for a
 * whole disk without a table that is the disk.
 */
export function resolvePartition(table: PartitionTable, device: DiskDevice): Partition | undefined {
  const { gpt, slice, letter } = device;
  if (gpt !== undefined || letter !== undefined) return findPartition(table, device);
  if (slice === undefined) return chooseBootPartition(table);
  const hasLabel = table.partitions.some(
    (partition) => partition.device.slice === slice && partition.device.letter !== undefined,
  );
  return findPartition(table, hasLabel ? { ...device, letter: "a" } : device);
}

/** Smaller is better; undefined is never chosen. */
function rank({ kind, isActive }: Partition, scheme: PartitionTable["scheme"]): number | undefined {
  if (scheme === "gpt") {
    if (kind === "freebsd-ufs" || kind === "freebsd-zfs") return 0;
    return kind === "ms-basic" ? 1 : undefined;
  }
  if (kind === "freebsd") return isActive ? 0 : 1;
  if (kind === "dos") return isActive ? 2 : 3;
  return undefined;
}

/** The first of the best rank, in table order. */
function pickBest(table: PartitionTable): Partition | undefined {
  let best: Partition | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const partition of table.partitions) {
    const its = rank(partition, table.scheme);
    if (its === undefined || its >= bestRank) continue;
    best = partition;
    bestRank = its;
  }
  return best;
}

function diskOf(table: PartitionTable): DiskDevice {
  return { unit: table.unit };
}
