// SPDX-License-Identifier: BSD-2-Clause
// The loader's names of disks and their parts (stand/common/disk.c disk_fmtdev).

/**
 * A disk or a part of one: at most `gpt` alone, or `slice`, `letter` or both. With none of them it is
 * the whole disk.
 */
export interface DiskDevice {
  readonly unit: number;
  /** Number of a GPT partition, as in `disk0p2`. */
  readonly gpt?: number;
  /** Number of an MBR slice, as in `disk0s1`. */
  readonly slice?: number;
  /** Letter of a partition in a BSD label, as in `disk0s1a` or `disk0a`. */
  readonly letter?: string;
}

/** As the loader shows it and keeps it in `currdev`, with the colon. */
export function formatDevice({ unit, gpt, slice, letter }: DiskDevice): string {
  const part = gpt === undefined ? "" : `p${gpt}`;
  return `disk${unit}${part}${slice === undefined ? "" : `s${slice}`}${letter ?? ""}:`;
}
