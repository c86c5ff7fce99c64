// SPDX-License-Identifier: BSD-2-Clause
// The file or block device that a disk's image is in: what may be opened, how large it is, and bytes at offsets.
import fs from "node:fs";
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import { BLOCK_UNIT_BYTES } from "../devices/backend/block-backend.ts";
import { hostError } from "./host-error.ts";
import type { ImageFile } from "./qcow2/image-file.ts";

/** Why a file cannot be opened for writing though it can be read. */
const READ_ONLY_ERRORS = new Set(["EACCES", "EPERM", "EROFS", "ETXTBSY"]);

export interface OpenFile {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
}

export interface DiskFileOptions {
  readonly path: string;
  readonly isReadOnly: boolean;
  /** Flags of open(2) that go with writing. */
  readonly writeFlags?: number;
}

/**
 * Opens a disk's image. A file that can only be read is opened read-only, and `warn` hears of it. Throws
 * ERR_NOT_FOUND, ERR_BAD_OPTION for what is no file, ERR_IO.
 */
export function openDiskFile(options: DiskFileOptions, warn: Warn): OpenFile {
  const { path, isReadOnly, writeFlags = 0 } = options;
  requireDisk(path);
  if (isReadOnly) return openToRead(path);
  try {
    return describe(fs.openSync(path, fs.constants.O_RDWR | writeFlags), false);
  } catch (error) {
    if (!READ_ONLY_ERRORS.has(codeOf(error))) throw openError(path, error);
    const file = openToRead(path);
    warn(`disk image ${path} cannot be written (${codeOf(error)}): it is attached read-only`);
    return file;
  }
}

function openToRead(path: string): OpenFile {
  try {
    return describe(fs.openSync(path, fs.constants.O_RDONLY), true);
  } catch (error) {
    throw openError(path, error);
  }
}

/** Where a file or device ends, found by reading: what the host reports as a device's size is 0. */
export function sizeByReading(fd: number): number {
  const sector = new Uint8Array(BLOCK_UNIT_BYTES);
  const hasSector = (index: number) => {
    try {
      return fs.readSync(fd, sector, 0, sector.length, index * sector.length) === sector.length;
    } catch {
      return false;
    }
  };
  let inside = 0;
  let beyond = 1;
  for (; hasSector(beyond - 1); beyond *= 2) inside = beyond;
  while (beyond - inside > 1) {
    const middle = Math.floor((inside + beyond) / 2);
    if (hasSector(middle - 1)) inside = middle;
    else beyond = middle;
  }
  return inside * sector.length;
}

/** An open image as the formats see it. */
export class DiskFile implements ImageFile {
  readonly path: string;
  #fd: number;
  #sizeBytes: number;

  /** Owns the descriptor. */
  constructor(path: string, { fd, sizeBytes }: OpenFile) {
    this.path = path;
    this.#fd = fd;
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const count = this.#attempt("read", () =>
        fs.readSync(this.#fd, target, done, target.length - done, offset + done),
      );
      if (count === 0) break;
      done += count;
    }
    target.fill(0, done);
  }

  write(offset: number, source: Uint8Array): void {
    for (let done = 0; done < source.length; ) {
      done += this.#attempt("write", () =>
        fs.writeSync(this.#fd, source, done, source.length - done, offset + done),
      );
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + source.length);
  }

  sync(): void {
    this.#attempt("write", () => fs.fdatasyncSync(this.#fd));
  }

  close(): void {
    if (this.#fd < 0) return;
    fs.closeSync(this.#fd);
    this.#fd = -1;
  }

  #attempt<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw hostError(`${what} disk image ${this.path}`, cause);
    }
  }
}

/** Looked at before it is opened: opening a pipe would wait for its other end. */
function requireDisk(path: string): void {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(path);
  } catch (error) {
    throw openError(path, error);
  }
  if (stat.isFile() || stat.isBlockDevice()) return;
  // FreeBSD's disks are character devices; elsewhere those are terminals and the like.
  if (stat.isCharacterDevice() && process.platform === "freebsd") return;
  const what = stat.isDirectory() ? "a directory" : "neither a file nor a disk";
  throw new VmmError("ERR_BAD_OPTION", `disk image ${path} is ${what}`);
}

function describe(fd: number, isReadOnly: boolean): OpenFile {
  const stat = fs.fstatSync(fd);
  return { fd, sizeBytes: stat.isFile() ? stat.size : sizeByReading(fd), isReadOnly };
}

function openError(path: string, cause: unknown): VmmError {
  const code = codeOf(cause);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new VmmError("ERR_NOT_FOUND", `disk image ${path} does not exist`, { cause });
  }
  const why = code === "EACCES" || code === "EPERM" ? "permission denied" : code;
  return new VmmError("ERR_IO", `disk image ${path} cannot be opened: ${why}`, { cause });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
