// SPDX-License-Identifier: BSD-2-Clause
import type { FileKind } from "./file-system.ts";

/** POSIX file modes, as UFS inodes and Rock Ridge keep them: the bits that tell the kind, and its values. */
export const IFMT = 0o170000;
export const IFDIR = 0o040000;
export const IFREG = 0o100000;
export const IFLNK = 0o120000;

export function kindOfMode(mode: number): FileKind {
  switch (mode & IFMT) {
    case IFREG:
      return "file";
    case IFDIR:
      return "directory";
    case IFLNK:
      return "symlink";
    default:
      return "other";
  }
}
