// SPDX-License-Identifier: BSD-2-Clause
// The options of a disk, as they stand after `-s slot,virtio-blk,`. bhyve(8); bhyve: block_if.c.
import { isPowerOfTwo } from "../../../base/bits.ts";
import { VmmError } from "../../../base/errors.ts";
import { BLOCK_UNIT_BYTES } from "../../backend/block-backend.ts";
import { parseOptionList, takeFlag, takeValue } from "../../option-list.ts";

export interface SectorSize {
  readonly logicalBytes: number;
  readonly physicalBytes: number;
}

/** How to open a disk's image. */
export interface BlockFileOptions {
  readonly path: string;
  /** `ro` */
  readonly isReadOnly: boolean;
  /** `nocache`: around the host's cache. */
  readonly isUncached: boolean;
  /** `sync` or `direct`: a write is done when the storage has it. */
  readonly isSync: boolean;
  /** Not `nodelete`: the guest's discards may free the image's space. */
  readonly canDiscard: boolean;
  /** `sectorsize=logical[/physical]`; undefined takes the image's own. */
  readonly sectorSize: SectorSize | undefined;
  readonly image: ImageOptions;
}

const DISK_FORMATS = ["raw", "qcow2"] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];

/** What kind of image it is, and what it lies on. */
export interface ImageOptions {
  /** `format=raw` or `format=qcow2`; undefined goes by the file's name. */
  readonly format: DiskFormat | undefined;
  /** `backing=path`: the base of a qcow2 image that has one. */
  readonly backing: string | undefined;
  /** `overlay=path`: what is written goes there, and the image is only read. `memory`: it is forgotten. */
  readonly overlay: string | undefined;
}

/** What `overlay=` says for changes that are forgotten. */
export const OVERLAY_IN_MEMORY = "memory";

export interface BlockOptions {
  readonly file: BlockFileOptions;
  /** `ser=` or `serial=`, at most 20 bytes of it are shown. */
  readonly serial: string | undefined;
  /** What a disk in general does not know: options of the device it is attached to. */
  readonly rest: Map<string, string | true>;
}

/** `path[,option…]`. Throws ERR_BAD_OPTION without a path and for values that make no sense. */
export function parseBlockOptions(text: string | undefined): BlockOptions {
  const [path = "", ...items] = (text ?? "").split(",");
  if (path === "") {
    throw new VmmError("ERR_BAD_OPTION", "a disk needs the path of its image: virtio-blk,path");
  }
  const rest = parseOptionList(items.join(","));
  const isDirect = takeFlag(rest, "direct");
  const file = {
    path,
    isReadOnly: takeFlag(rest, "ro"),
    isUncached: takeFlag(rest, "nocache"),
    isSync: takeFlag(rest, "sync") || isDirect,
    canDiscard: !takeFlag(rest, "nodelete"),
    sectorSize: parseSectorSize(takeValue(rest, "sectorsize")),
    image: takeImageOptions(rest),
  };
  const short = takeValue(rest, "ser");
  return { file, serial: takeValue(rest, "serial") ?? short, rest };
}

/**
 * A disk for a loader, which only reads: `path[,format=…][,backing=…][,overlay=…]`. Throws ERR_BAD_OPTION; commas
 * without such an option behind them are the path's.
 */
export function parseImagePath(text: string): { path: string; image: ImageOptions } {
  const [path = "", ...options] = text.split(/,(?=(?:format|backing|overlay)=)/);
  return { path, image: takeImageOptions(parseOptionList(options.join(","))) };
}

function takeImageOptions(options: Map<string, string | true>): ImageOptions {
  const name = takeValue(options, "format");
  const format = DISK_FORMATS.find((each) => each === name);
  if (name !== undefined && format === undefined) {
    const message = `a disk's format is ${DISK_FORMATS.join(" or ")}, and not "${name}"`;
    throw new VmmError("ERR_BAD_OPTION", message);
  }
  return { format, backing: takePath(options, "backing"), overlay: takePath(options, "overlay") };
}

function takePath(options: Map<string, string | true>, name: string): string | undefined {
  const path = takeValue(options, name);
  if (path === "") throw new VmmError("ERR_BAD_OPTION", `option ${name} needs a value: ${name}=…`);
  return path;
}

function parseSectorSize(text: string | undefined): SectorSize | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)(?:\/(\d+))?$/.exec(text);
  const logicalBytes = Number(match?.[1] ?? 0);
  const physicalBytes = Number(match?.[2] ?? logicalBytes);
  const isValid =
    isPowerOfTwo(logicalBytes) &&
    isPowerOfTwo(physicalBytes) &&
    logicalBytes >= BLOCK_UNIT_BYTES &&
    logicalBytes <= physicalBytes;
  if (!isValid) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `Invalid sector size "${text}": expected logical[/physical], powers of two from 512, logical first`,
    );
  }
  return { logicalBytes, physicalBytes };
}
