// SPDX-License-Identifier: BSD-2-Clause
// The loader's names of devices (stand/common/disk.c disk_parsedev and disk_fmtdev, stand/userboot/host.c).

/**
 * A disk or a part of one: at most `gpt` alone, or `slice`, `letter` or both. With none of them it is
 * the whole disk.
 */
export interface DiskDevice {
  readonly type: "disk";
  readonly unit: number;
  /** Number of a GPT partition, as in `disk0p2`. */
  readonly gpt?: number;
  /** Number of an MBR slice, as in `disk0s1`. */
  readonly slice?: number;
  /** Letter of a partition in a BSD label, as in `disk0s1a` or `disk0a`. */
  readonly letter?: string;
}

/** The directory given with `bhyveload -h`. */
export interface HostDevice {
  readonly type: "host";
  readonly unit: number;
}

export type Device = DiskDevice | HostDevice;

const HOST = /^host(\d{1,3}):?$/;
// Without a slice, `p` and `s` announce a number: a bare label has no partitions of these letters.
const DISK = /^disk(\d{1,3})(?:p(\d{1,3})|s(\d{1,3})([a-t])?|([a-oqrt]))?:?$/;

/** `disk0p2:` with or without the colon. Undefined if it is no name of a disk or host device. */
export function parseDevice(name: string): Device | undefined {
  const host = HOST.exec(name);
  if (host !== null) return { type: "host", unit: Number(host[1]) };
  const disk = DISK.exec(name);
  if (disk === null) return undefined;
  const [, unit, gpt, slice, letterInSlice, bareLetter] = disk;
  const letter = letterInSlice ?? bareLetter;
  return {
    type: "disk",
    unit: Number(unit),
    ...(gpt === undefined ? {} : { gpt: Number(gpt) }),
    ...(slice === undefined ? {} : { slice: Number(slice) }),
    ...(letter === undefined ? {} : { letter }),
  };
}

/** As the loader shows it and keeps it in `currdev`, with the colon. */
export function formatDevice(device: Device): string {
  if (device.type === "host") return `host${device.unit}:`;
  const { unit, gpt, slice, letter } = device;
  const part = gpt === undefined ? "" : `p${gpt}`;
  return `disk${unit}${part}${slice === undefined ? "" : `s${slice}`}${letter ?? ""}:`;
}

/**
 * `disk0p2:/boot/kernel` as its device, `disk0p2:`, and its path. A path without a device, or one with a
 * colon only after a slash, belongs to `currdev`; its device is undefined.
 */
export function splitDevicePath(text: string): {
  readonly device: string | undefined;
  readonly path: string;
} {
  const [device] = /^[^/:]*:/.exec(text) ?? [];
  return { device, path: text.slice(device?.length ?? 0) };
}
