// SPDX-License-Identifier: BSD-2-Clause
// The loader's devices on this host: disk images, and a directory.
import { parseImagePath } from "../devices/virtio/block/options.ts";
import type { LoaderDevice } from "../loader/userboot/devices.ts";
import { diskDevices } from "../loader/userboot/disk-devices.ts";
import { openDiskSource } from "./disk-image.ts";
import { gunzip } from "./gunzip.ts";
import { hostDirectory } from "./host-directory.ts";

/**
 * The image at `path[,format=…][,backing=…][,overlay=…]` as disk number `unit`, with its partitions. Throws a VmmError
 * that names the file.
 */
export function openLoaderDisk(text: string, unit: number): LoaderDevice[] {
  const { path, image } = parseImagePath(text);
  return diskDevices(openDiskSource(path, image), unit, gunzip);
}

/** A directory of the host as `host0:`. Throws a VmmError that names it. */
export function openLoaderHost(path: string): LoaderDevice {
  const fileSystem = hostDirectory(path);
  return {
    name: "host0",
    kind: "host",
    depth: 0,
    description: "Host directory",
    sizeBytes: 0,
    bootPreference: 0,
    mount: () => fileSystem,
  };
}
