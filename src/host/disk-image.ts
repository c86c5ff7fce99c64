// SPDX-License-Identifier: BSD-2-Clause
// From what a user says of a disk to the disk: raw or qcow2, over a base or not, with an overlay or not.
//
// The format is what the user says, or what the image's name says: `.qcow2`. It is never found out by looking, and a
// raw image that looks like qcow2 is refused: its guest can write there what it likes, also a header that names any
// file of the host as its base (CVE-2008-2004). For the same reason the base that an image names is not opened.
import fs from "node:fs";
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import { BLOCK_UNIT_BYTES, type BlockBackend } from "../devices/backend/block-backend.ts";
import { SnapshotBlockBackend } from "../devices/backend/snapshot-block.ts";
import {
  type BlockFileOptions,
  type DiskFormat,
  type ImageOptions,
  OVERLAY_IN_MEMORY,
} from "../devices/virtio/block/options.ts";
import { type ByteSource, checkRead } from "../loader/byte-source.ts";
import { DiskFile, openDiskFile } from "./disk-file.ts";
import { openBlockFile, requireWholeSectors } from "./file-block-backend.ts";
import { FileByteSource } from "./file-byte-source.ts";
import { ImageBlockBackend } from "./image-block-backend.ts";
import { checkOverlay, makeOverlay, openOverlay } from "./overlay.ts";
import { isQcow2, parseQcow2Header } from "./qcow2/header.ts";
import { Qcow2Image } from "./qcow2/image.ts";
import type { DiskReader } from "./qcow2/image-file.ts";

/**
 * Opens a disk. An overlay that is not there is made. Throws what {@link openBlockFile} throws, ERR_BAD_OPTION for what
 * does not go together, ERR_BAD_IMAGE and ERR_UNSUPPORTED for qcow2 images, ERR_NO_SPACE.
 */
export function openDisk(options: BlockFileOptions, warn: Warn): BlockBackend {
  const { path, isReadOnly, image } = options;
  const { overlay } = image;
  if (overlay === OVERLAY_IN_MEMORY) {
    const below = { ...options, isReadOnly: true, image: { ...image, overlay: undefined } };
    const base = openDisk(below, warn);
    return isReadOnly ? base : new SnapshotBlockBackend(base);
  }
  if (overlay !== undefined) {
    if (!isReadOnly && !fs.existsSync(overlay)) createOverlay(overlay, path, image);
    return attached(openOver(overlay, options, warn), options, warn);
  }
  if (formatOfFile(path, image) === "qcow2") {
    return attached(openQcow2(options, warn), options, warn);
  }
  refuseBacking(path, image);
  return openBlockFile(options, warn);
}

/**
 * A disk for a loader, through its overlay if that is there. A raw image has to be a regular file. Throws as
 * {@link openDisk} does.
 */
export function openDiskSource(path: string, image: ImageOptions): ByteSource {
  const { overlay } = image;
  const hasOverlay =
    overlay !== undefined && overlay !== OVERLAY_IN_MEMORY && fs.existsSync(overlay);
  if (hasOverlay) {
    return readerSource(
      openOver(overlay, { path, image, isReadOnly: true }, () => {}),
      path,
    );
  }
  const source = new FileByteSource(path);
  const head = source.read(0, Math.min(source.size, BLOCK_UNIT_BYTES));
  if (formatOf(path, image.format, head) === "raw") {
    refuseBacking(path, image);
    return source;
  }
  source.close();
  return readerSource(openReader(path, image), path);
}

function attached(image: Qcow2Image, options: BlockFileOptions, warn: Warn): BlockBackend {
  try {
    requireWholeSectors(image.sizeBytes, options);
  } catch (error) {
    image.close();
    throw error;
  }
  return new ImageBlockBackend(image, options, warn);
}

type Attached = Pick<BlockFileOptions, "path" | "image" | "isReadOnly">;

function openOver(overlay: string, { path, image, isReadOnly }: Attached, warn: Warn): Qcow2Image {
  const base = openReader(path, image);
  try {
    return openOverlay({ path: overlay, base, basePath: path, isReadOnly }, warn);
  } catch (error) {
    base.close();
    throw error;
  }
}

function createOverlay(overlay: string, path: string, image: ImageOptions): void {
  const base = openReader(path, image);
  try {
    makeOverlay({ path: overlay, base, basePath: path, baseFormat: formatOfFile(path, image) });
  } finally {
    base.close();
  }
}

/** The disk without its overlay, to be read. */
function openReader(path: string, image: ImageOptions): DiskReader {
  if (formatOfFile(path, image) === "qcow2") {
    return openQcow2({ path, image, isReadOnly: true }, () => {});
  }
  refuseBacking(path, image);
  const file = new DiskFile(
    path,
    openDiskFile({ path, isReadOnly: true }, () => {}),
  );
  if (file.sizeBytes > 0 && file.sizeBytes % BLOCK_UNIT_BYTES === 0) return file;
  file.close();
  const sentence = `disk image ${path} has ${file.sizeBytes} bytes, and a base has whole sectors of 512`;
  throw new VmmError("ERR_BAD_IMAGE", sentence);
}

function openQcow2({ path, image, isReadOnly }: Attached, warn: Warn): Qcow2Image {
  const opened = openDiskFile({ path, isReadOnly }, warn);
  const file = new DiskFile(path, opened);
  let base: DiskReader | undefined;
  try {
    const header = parseQcow2Header(file);
    const { backingName } = header;
    if (backingName !== undefined && image.backing === undefined) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `disk image ${path} holds the changes to a base that it calls "${backingName}": name the base you trust with backing=path`,
      );
    }
    if (backingName === undefined) refuseBacking(path, image);
    else
      base = openReader(image.backing!, {
        format: undefined,
        backing: undefined,
        overlay: undefined,
      });
    if (base !== undefined) checkOverlay(header, { path, base, basePath: image.backing! }, warn);
    return new Qcow2Image({ file, header, base, isReadOnly: opened.isReadOnly });
  } catch (error) {
    base?.close();
    file.close();
    throw error;
  }
}

function refuseBacking(path: string, { backing }: ImageOptions): void {
  if (backing === undefined) return;
  const sentence = `disk image ${path} has no base: leave backing= away, or did you mean overlay=?`;
  throw new VmmError("ERR_BAD_OPTION", sentence);
}

function formatOfFile(path: string, { format }: ImageOptions): DiskFormat {
  if (format !== undefined) return format;
  const file = new DiskFile(
    path,
    openDiskFile({ path, isReadOnly: true }, () => {}),
  );
  const head = new Uint8Array(BLOCK_UNIT_BYTES);
  try {
    file.read(0, head);
  } finally {
    file.close();
  }
  return formatOf(path, format, head);
}

function formatOf(path: string, format: DiskFormat | undefined, head: Uint8Array): DiskFormat {
  if (format !== undefined) return format;
  if (/\.qcow2$/i.test(path)) return "qcow2";
  if (!isQcow2(head)) return "raw";
  throw new VmmError(
    "ERR_BAD_OPTION",
    `disk image ${path} looks like qcow2 and is not named so: say format=qcow2 if you know that it is, or format=raw if its guest may have written that`,
  );
}

function readerSource(reader: DiskReader, name: string): ByteSource {
  return {
    size: reader.sizeBytes,
    read(offset, length) {
      checkRead(reader.sizeBytes, offset, length, name);
      const bytes = new Uint8Array(length);
      reader.read(offset, bytes);
      return bytes;
    },
  };
}
