// SPDX-License-Identifier: BSD-2-Clause
// From a disk image to the loader's devices: the disk, and every slice and partition on it.
import type { ByteSource } from "../byte-source.ts";
import { cachedSource } from "../disk/block-cache.ts";
import { chooseBootPartition, findPartition } from "../disk/boot-partition.ts";
import { formatDevice } from "../disk/device-name.ts";
import { describeKind } from "../disk/partition-kind.ts";
import { type Partition, partitionSource, readPartitions } from "../disk/partition-table.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { type Gunzip, GzipFileSystem } from "../fs/gzip-file-system.ts";
import { mountFileSystem } from "../fs/mount.ts";
import type { LoaderDevice } from "./devices.ts";

/** As FreeBSD's loader keeps: 32768 blocks of 512 bytes. */
const CACHE = { blockBytes: 4096, blocks: 4096 };

/**
 * Disk number `unit` and its parts, in the order of its tables. Throws ERR_BAD_IMAGE for a damaged partition
 * table; damaged or foreign filesystems are found when they are mounted.
 */
export function diskDevices(image: ByteSource, unit: number, gunzip: Gunzip): LoaderDevice[] {
  const source = cachedSource(image, CACHE);
  const table = readPartitions(source, unit);
  const boot = chooseBootPartition(table);
  const mount = (bytes: ByteSource): FileSystem | undefined => {
    const fileSystem = mountFileSystem(bytes);
    return fileSystem === undefined ? undefined : new GzipFileSystem(fileSystem, gunzip);
  };
  const disk: LoaderDevice = {
    name: `disk${unit}`,
    kind: "disk",
    depth: 0,
    description: "Guest drive image",
    sizeBytes: image.size,
    bootPreference: 0,
    mount: () => mount(source),
  };
  const parts = table.partitions.map(
    (partition): LoaderDevice => ({
      name: nameOf(partition),
      kind: "disk",
      depth: depthOf(partition),
      description: describeKind(partition.kind),
      sizeBytes: partition.size,
      bootPreference: boot !== undefined && findPartition(table, boot.device) === partition ? 1 : 0,
      mount: () => mount(partitionSource(source, partition)),
    }),
  );
  return [disk, ...parts];
}

function nameOf({ device }: Partition): string {
  return formatDevice(device).replace(/:$/, "");
}

function depthOf({ device }: Partition): 1 | 2 {
  return device.slice !== undefined && device.letter !== undefined ? 2 : 1;
}
