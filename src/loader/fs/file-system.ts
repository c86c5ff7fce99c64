// SPDX-License-Identifier: BSD-2-Clause
import type { ByteSource } from "../byte-source.ts";

export type FileKind = "file" | "directory" | "symlink" | "other";

export interface FileStat {
  readonly kind: FileKind;
  readonly size: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/** A filesystem, read only. Paths are absolute, `/`-separated; symbolic links are followed, up to a limit. */
export interface FileSystem {
  /** The loader's name for it: `ufs`, `cd9660`, `host`. */
  readonly type: string;
  /** Undefined if there is no such file, or a part of the path is not a directory. */
  stat(path: string): FileStat | undefined;
  /** The content of a file, to be read as needed. Throws ERR_NOT_FOUND, or ERR_BAD_IMAGE for a damaged one. */
  open(path: string): ByteSource;
  /** Names without `.` and `..`, in the order the directory holds them. Throws as {@link open} does. */
  list(path: string): DirectoryEntry[];
}
