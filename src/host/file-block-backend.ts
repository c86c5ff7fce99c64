// SPDX-License-Identifier: BSD-2-Clause
// A disk in a file or in the host's block device. bhyve: usr.sbin/bhyve/block_if.c.
//
// Synchronous: the machine runs on a thread of its own, and data goes straight between the file and the
// guest's memory. As bhyve, it does not lock the image: two machines that write one image destroy it.
//
// What Node cannot do, and bhyve can: O_DIRECT needs aligned buffers, which a guest's are not, so `nocache`
// opens with O_DSYNC instead; and there is no call to free a file's space, so no disk offers discards.
// Zeroes are written. To the guest the disk's blocks are of 4 KiB, whatever the host's filesystem has:
// a recorded run must not depend on that. `sectorsize=` says otherwise.
import fs from "node:fs";
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import {
  BLOCK_UNIT_BYTES,
  type BlockBackend,
  type BlockRequest,
  type BlockStatus,
} from "../devices/backend/block-backend.ts";
import type { BlockFileOptions } from "../devices/virtio/block/options.ts";

const DEFAULT_PHYSICAL_BYTES = 4096;
const ZEROES = new Uint8Array(1024 * 1024);
/** Why a file cannot be opened for writing though it can be read. */
const READ_ONLY_ERRORS = new Set(["EACCES", "EPERM", "EROFS", "ETXTBSY"]);

interface OpenFile {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
}

/**
 * Opens a disk's image. A file that can only be read is attached read-only, and `warn` hears of it.
 * Throws ERR_NOT_FOUND, ERR_BAD_OPTION for what is no file, ERR_BAD_IMAGE for a size that is not whole
 * sectors, ERR_IO.
 */
export function openBlockFile(options: BlockFileOptions, warn: Warn): BlockBackend {
  const { path } = options;
  requireDisk(path);
  const file = openFile(options, warn);
  const sectorBytes = options.sectorSize?.logicalBytes ?? BLOCK_UNIT_BYTES;
  const { sizeBytes } = file;
  if (sizeBytes === 0 || sizeBytes % sectorBytes !== 0) {
    fs.closeSync(file.fd);
    const what =
      sizeBytes === 0
        ? "is empty"
        : `has ${sizeBytes} bytes, which is not a multiple of its ${sectorBytes}-byte sectors`;
    throw new VmmError("ERR_BAD_IMAGE", `disk image ${path} ${what}`);
  }
  return new FileBlockBackend(file, options);
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

class FileBlockBackend implements BlockBackend {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly isReadOnly: boolean;
  readonly canDiscard = false;
  readonly identity: string;
  #fd: number;

  constructor({ fd, sizeBytes, isReadOnly }: OpenFile, { path, sectorSize }: BlockFileOptions) {
    this.#fd = fd;
    this.sizeBytes = sizeBytes;
    this.isReadOnly = isReadOnly;
    this.sectorBytes = sectorSize?.logicalBytes ?? BLOCK_UNIT_BYTES;
    this.physicalSectorBytes = sectorSize?.physicalBytes ?? DEFAULT_PHYSICAL_BYTES;
    this.identity = path;
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    done(this.#carryOut(request));
  }

  close(): void {
    if (this.#fd < 0) return;
    fs.closeSync(this.#fd);
    this.#fd = -1;
  }

  #carryOut(request: BlockRequest): BlockStatus {
    const { kind } = request;
    if (this.isReadOnly && kind !== "read" && kind !== "flush") return "read-only";
    try {
      if (kind === "discard") return "unsupported";
      if (kind === "flush") fs.fdatasyncSync(this.#fd);
      else if (kind === "write-zeroes") this.#writeZeroes(request.offset, request.length);
      else this.#transfer(request);
      return "ok";
    } catch {
      // EIO, ENOSPC, a file that was cut short: to the guest all are an error of the medium.
      return "error";
    }
  }

  /** The host may move fewer bytes than asked; what was not moved is asked for again. */
  #transfer({ kind, offset, buffers }: Extract<BlockRequest, { buffers: unknown }>): void {
    let position = offset;
    let rest = [...buffers];
    while (rest.length > 0) {
      const moved =
        kind === "read"
          ? fs.readvSync(this.#fd, rest, position)
          : fs.writevSync(this.#fd, rest, position);
      if (moved === 0) throw new VmmError("ERR_IO", `disk image ${this.identity} ends early`);
      position += moved;
      rest = withoutFirst(rest, moved);
    }
  }

  #writeZeroes(offset: number, length: number): void {
    for (let done = 0; done < length; done += ZEROES.length) {
      const buffers = [ZEROES.subarray(0, Math.min(ZEROES.length, length - done))];
      this.#transfer({ kind: "write", offset: offset + done, buffers });
    }
  }
}

/** What is left of `buffers` behind their first `bytes`. */
function withoutFirst(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
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

function openFile(options: BlockFileOptions, warn: Warn): OpenFile {
  const { path, isReadOnly } = options;
  const { O_RDWR, O_SYNC, O_DSYNC } = fs.constants;
  const extra = options.isSync ? O_SYNC : options.isUncached ? (O_DSYNC ?? O_SYNC) : 0;
  if (!isReadOnly) {
    try {
      return describe(fs.openSync(path, O_RDWR | extra), false);
    } catch (error) {
      if (!READ_ONLY_ERRORS.has(codeOf(error))) throw openError(path, error);
      const file = openToRead(path);
      warn(`disk image ${path} cannot be written (${codeOf(error)}): it is attached read-only`);
      return file;
    }
  }
  return openToRead(path);
}

function openToRead(path: string): OpenFile {
  try {
    return describe(fs.openSync(path, fs.constants.O_RDONLY), true);
  } catch (error) {
    throw openError(path, error);
  }
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
