// SPDX-License-Identifier: BSD-2-Clause
// Overlays: what a guest writes to a disk, in a file beside it. An overlay is a qcow2 image that names its base as
// QEMU's do, for QEMU, and has a record of its own of what the base was, for us: its size and a hash of samples, so
// that an overlay is never put over another disk; its time of change, so that a base which was written since is
// noticed. The record is big-endian: u32 1, u32 0, u64 size, u64 milliseconds, 32 bytes of SHA-256.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import type { DiskFormat } from "../devices/virtio/block/options.ts";
import { DiskFile, openDiskFile } from "./disk-file.ts";
import { hostError } from "./host-error.ts";
import { createQcow2 } from "./qcow2/create.ts";
import { MAX_BACKING_NAME_BYTES } from "./qcow2/format.ts";
import { isQcow2, parseQcow2Header, type Qcow2Header } from "./qcow2/header.ts";
import { Qcow2Image } from "./qcow2/image.ts";
import type { DiskReader } from "./qcow2/image-file.ts";

const RECORD_VERSION = 1;
const RECORD_BYTES = 56;
const HASH_OFFSET = 24;
const SAMPLES = 64;
const SAMPLE_BYTES = 16 * 1024;

export interface Over {
  /** The overlay's. */
  readonly path: string;
  readonly base: DiskReader;
  readonly basePath: string;
}

/**
 * Makes an overlay without changes. It appears under its name when it is whole; one that somebody else has made
 * meanwhile is left alone. Throws ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND for its directory.
 */
export function makeOverlay(over: Over & { readonly baseFormat: DiskFormat }): void {
  const { path: name, base, basePath, baseFormat: format } = over;
  const draft = `${name}.new-${process.pid}`;
  const baseName = path.resolve(basePath);
  const isNameable = Buffer.byteLength(baseName) <= MAX_BACKING_NAME_BYTES;
  try {
    const fd = fs.openSync(draft, "wx+", 0o666);
    const file = new DiskFile(name, { fd, sizeBytes: 0, isReadOnly: false });
    try {
      createQcow2(file, {
        sizeBytes: base.sizeBytes,
        ...(isNameable ? { base: { name: baseName, format } } : {}),
        overlayRecord: recordOf(base, basePath),
      });
    } finally {
      file.close();
    }
    publish(draft, name);
  } catch (cause) {
    fs.rmSync(draft, { force: true });
    throw cause instanceof VmmError ? cause : hostError(`make the overlay ${name}`, cause);
  }
}

/** Opens an overlay over the base it was made for, and owns that. Throws ERR_BAD_OPTION for any other. */
export function openOverlay(over: Over & { readonly isReadOnly: boolean }, warn: Warn): Qcow2Image {
  const { path: name, base } = over;
  const opened = openDiskFile({ path: name, isReadOnly: over.isReadOnly }, warn);
  const file = new DiskFile(name, opened);
  try {
    const head = new Uint8Array(4);
    file.read(0, head);
    if (!isQcow2(head)) {
      const sentence = `${name} cannot be an overlay: it is there already, and is something else`;
      throw new VmmError("ERR_BAD_OPTION", sentence);
    }
    const header = parseQcow2Header(file);
    if (header.overlayRecord === undefined) {
      const sentence = `overlay ${name} was not made by tshyve: attach it as the disk, with backing=${over.basePath}`;
      throw new VmmError("ERR_BAD_OPTION", sentence);
    }
    checkOverlay(header, over, warn);
    return new Qcow2Image({ file, header, base, isReadOnly: opened.isReadOnly });
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Holds an image's record of its base, if it has one, against the base. Throws ERR_BAD_OPTION. */
export function checkOverlay({ overlayRecord, sizeBytes }: Qcow2Header, over: Over, warn: Warn) {
  if (overlayRecord === undefined) return;
  const { path: name, base, basePath } = over;
  const now = viewOf(recordOf(base, basePath));
  const then = viewOf(overlayRecord);
  if (then.byteLength !== RECORD_BYTES || then.getUint32(0) !== RECORD_VERSION) {
    const sentence = `overlay ${name} was made by another version of tshyve`;
    throw new VmmError("ERR_UNSUPPORTED", sentence);
  }
  const size = then.getBigUint64(8);
  if (size !== now.getBigUint64(8) || sizeBytes !== base.sizeBytes) {
    const sentence = `overlay ${name} was made over a disk of ${size} bytes, and ${basePath} has ${base.sizeBytes}`;
    throw new VmmError("ERR_BAD_OPTION", sentence);
  }
  if (!isSameHash(then, now)) {
    const sentence = `overlay ${name} was made over another disk than ${basePath}, or that was written to since`;
    throw new VmmError("ERR_BAD_OPTION", sentence);
  }
  if (then.getBigUint64(16) !== now.getBigUint64(16)) {
    const why = "if it was not only copied, the overlay no longer fits it";
    warn(`${basePath} was changed after the overlay ${name} was made: ${why}`);
  }
}

function recordOf(base: DiskReader, basePath: string): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const view = viewOf(record);
  view.setUint32(0, RECORD_VERSION);
  view.setBigUint64(8, BigInt(base.sizeBytes));
  view.setBigUint64(16, BigInt(changeTime(basePath)));
  record.set(hashOf(base), HASH_OFFSET);
  return record;
}

function changeTime(basePath: string): number {
  try {
    return Math.floor(fs.statSync(basePath).mtimeMs);
  } catch (cause) {
    throw hostError(`look at ${basePath}`, cause);
  }
}

/** Samples that lie evenly over the disk: all of a disk would take minutes. */
function hashOf(base: DiskReader): Uint8Array {
  const hash = createHash("sha256");
  const last = Math.max(0, base.sizeBytes - SAMPLE_BYTES);
  const sample = new Uint8Array(Math.min(SAMPLE_BYTES, base.sizeBytes));
  for (let index = 0; index < SAMPLES; index++) {
    base.read(Math.floor((last * index) / (SAMPLES - 1) / 512) * 512, sample);
    hash.update(sample);
  }
  return hash.digest();
}

function isSameHash(a: DataView, b: DataView): boolean {
  for (let at = HASH_OFFSET; at < RECORD_BYTES; at++) {
    if (a.getUint8(at) !== b.getUint8(at)) return false;
  }
  return true;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Gives the draft its name, unless that is taken, and sees to it that a crash does not take it away. */
function publish(draft: string, name: string): void {
  try {
    fs.linkSync(draft, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Where a filesystem has no links, the last one wins.
    if (code !== "EEXIST") fs.renameSync(draft, name);
  }
  fs.rmSync(draft, { force: true });
  const directory = fs.openSync(path.dirname(name), "r");
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}
