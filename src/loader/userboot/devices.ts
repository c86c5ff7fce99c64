// SPDX-License-Identifier: BSD-2-Clause
// The places that files come from, under the loader's names: `disk0:` (a whole disk), `disk0p2:`, `disk0s1a:`, `host0:`.
// FreeBSD: stand/userboot/userboot/devicename.c, stand/common/disk.c. Who finds partitions and filesystems is not known
// here: disks arrive as a list. No ZFS pools.
import { VmmError } from "../../base/errors.ts";
import type { FileSystem } from "../fs/file-system.ts";

/** A disk, a slice or partition of one, or the host's directory. */
export interface LoaderDevice {
  /** Without the colon: `disk0`, `disk0p2`, `disk0s1a`, `host0`. */
  readonly name: string;
  readonly kind: "disk" | "host";
  /** 0 for a disk or the host, 1 for a slice or partition, 2 for a partition of a slice. A parent stands before its parts. */
  readonly depth: 0 | 1 | 2;
  /** For `lsdev`: what it is, such as `FreeBSD UFS` or `Guest drive image`. */
  readonly description: string;
  readonly sizeBytes: number;
  /**
   * How much the partition scheme wants to be booted from this one; 0 is not at all. Of a disk's parts the first with
   * the highest number becomes the current device (stand/common/part.c: FreeBSD before DOS, active before not).
   */
  readonly bootPreference: number;
  /** The filesystem on it, undefined if none is recognised. Asked once. Throws ERR_BAD_IMAGE for a damaged one. */
  mount(): FileSystem | undefined;
}

/** The device that a loader starts from: a part of the first disk, else that disk as a whole, else the host. */
export function initialDevice(devices: readonly LoaderDevice[]): string {
  const disk = devices.find((device) => device.kind === "disk" && device.depth === 0);
  if (disk === undefined) return "host0";
  return bestPart(devices, disk)?.name ?? disk.name;
}

/** What a disk without slice and partition means when a file is asked of it. */
function bestPart(devices: readonly LoaderDevice[], disk: LoaderDevice): LoaderDevice | undefined {
  let best: LoaderDevice | undefined;
  for (const part of partsOf(devices, disk)) {
    if (part.bootPreference > (best?.bootPreference ?? 0)) best = part;
  }
  return best;
}

/** The slices and partitions of a disk, in the order of its tables. */
function partsOf(devices: readonly LoaderDevice[], disk: LoaderDevice): LoaderDevice[] {
  const first = devices.indexOf(disk) + 1;
  const after = devices.slice(first);
  const count = after.findIndex((device) => device.depth === 0);
  return count < 0 ? after : after.slice(0, count);
}

/** A path taken apart: its device, and the absolute path there. */
export interface DevicePath {
  readonly device: LoaderDevice;
  readonly path: string;
}

export class DeviceTable {
  readonly list: readonly LoaderDevice[];
  readonly #mounted = new Map<LoaderDevice, FileSystem | undefined>();

  constructor(list: readonly LoaderDevice[]) {
    this.list = list;
  }

  find(name: string): LoaderDevice | undefined {
    return this.list.find((device) => device.name === name);
  }

  /** True if a path names its device itself. */
  static hasDevice(path: string): boolean {
    return !path.startsWith("/") && path.includes(":");
  }

  /**
   * `disk0p2:/boot/kernel`, or a path on `current` (`disk0p2:`). Undefined if there is no such device. A path that
   * does not start at the root is taken from there all the same.
   */
  resolve(path: string, current: string): DevicePath | undefined {
    const full = DeviceTable.hasDevice(path) ? path : `${current}${path}`;
    const colon = full.indexOf(":");
    const named = this.find(full.slice(0, colon));
    if (named === undefined) return undefined;
    const rest = full.slice(colon + 1);
    const isWholeDisk = named.kind === "disk" && named.depth === 0;
    const device = (isWholeDisk && rest !== "" && bestPart(this.list, named)) || named;
    return { device, path: `/${rest.split("/").filter(Boolean).join("/")}` };
  }

  /** The device's filesystem. Throws ERR_BAD_IMAGE if there is none we know. */
  fileSystemOf(device: LoaderDevice): FileSystem {
    if (!this.#mounted.has(device)) this.#mounted.set(device, device.mount());
    const fileSystem = this.#mounted.get(device);
    if (fileSystem === undefined) {
      throw new VmmError("ERR_BAD_IMAGE", `${device.name}: holds no filesystem that can be read`);
    }
    return fileSystem;
  }
}
