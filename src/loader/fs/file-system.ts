// SPDX-License-Identifier: BSD-2-Clause
import type { ByteSource } from "../byte-source.ts";

export type FileKind = "file" | "directory" | "symlink" | "other";

export interface FileStat {
  readonly kind: FileKind;
  readonly size: number;
}

/** A filesystem, read only. Paths are absolute, `/`-separated; symbolic links are followed, up to a limit. */
export interface FileSystem {
  /** The loader's name for it: `ufs`, `cd9660`, `host`. */
  readonly type: string;
  /** Undefined if there is no such file, or a part of the path is not a directory. */
  stat(path: string): FileStat | undefined;
  /** The content, to be read as needed. Throws ERR_NOT_FOUND, or ERR_BAD_IMAGE for a damaged one. */
  open(path: string): ByteSource;
  /** Names without `.` and `..`, in the order the directory holds them. Throws ERR_NOT_FOUND. */
  list(path: string): { readonly name: string; readonly kind: FileKind }[];
}
