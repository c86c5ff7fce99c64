// SPDX-License-Identifier: BSD-2-Clause
// Directory records: ECMA-119 9.1. A file of 4 GiB and more has one record for each of its extents.
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import type { ByteSource } from "../../byte-source.ts";
import { IFREG, kindOfMode } from "../file-mode.ts";
import type { FileKind } from "../file-system.ts";
import { type RockRidge, readRockRidge } from "./susp.ts";

export const ISO_BLOCK_BYTES = 2048;
const RECORD_BYTES = 33;
const FLAG_DIRECTORY = 0x02;
const FLAG_ASSOCIATED = 0x04;
const FLAG_MULTI_EXTENT = 0x80;

/** Blocks that follow each other. */
export interface Extent {
  readonly block: number;
  readonly bytes: number;
}

/** One file, as far as its directory tells. */
export interface IsoNode {
  readonly name: string;
  /** The name comes from the record itself: in lower case here, and found in any. */
  readonly isFolded: boolean;
  readonly kind: FileKind;
  readonly extents: readonly Extent[];
  readonly linkTarget: string | undefined;
  /** Its blocks alternate with those of another file. */
  readonly isInterleaved: boolean;
}

/** How the volume's directories are to be read. */
export interface IsoVolume {
  readonly source: ByteSource;
  /** Bytes before the first Rock Ridge field of a record; undefined without Rock Ridge. */
  readonly rockRidgeSkip: number | undefined;
}

/** One record as it stands. */
export interface IsoRecord {
  readonly rawName: Uint8Array;
  readonly flags: number;
  readonly extent: Extent;
  readonly isInterleaved: boolean;
  readonly systemUse: Uint8Array;
}

/** Throws ERR_BAD_IMAGE if the record does not fit in what is left of its block. */
export function parseRecord(view: LeView, at: number): IsoRecord {
  const room = Math.min(ISO_BLOCK_BYTES - (at % ISO_BLOCK_BYTES), view.bytes.length - at);
  const length = view.u8(at);
  const nameBytes = length > RECORD_BYTES && length <= room ? view.u8(at + 32) : 0;
  if (nameBytes === 0 || RECORD_BYTES + nameBytes > length) {
    throw new VmmError("ERR_BAD_IMAGE", `a directory of the CD image is damaged at byte ${at}`);
  }
  // Names of even length are followed by a byte of padding.
  const systemUseAt = RECORD_BYTES + nameBytes + ((nameBytes + 1) % 2);
  return {
    rawName: view.slice(at + RECORD_BYTES, nameBytes),
    flags: view.u8(at + 25),
    extent: { block: view.u32(at + 2) + view.u8(at + 1), bytes: view.u32(at + 10) },
    isInterleaved: view.u8(at + 26) !== 0,
    systemUse: view.slice(at + systemUseAt, Math.max(0, length - systemUseAt)),
  };
}

/** The files of a directory, without the records for itself and its parent. */
export function parseIsoDirectory(volume: IsoVolume, content: Uint8Array): IsoNode[] {
  const view = new LeView(content);
  const nodes: IsoNode[] = [];
  const extents: Extent[] = [];
  for (let at = 0; at < content.length; ) {
    if (content[at] === 0) {
      at += ISO_BLOCK_BYTES - (at % ISO_BLOCK_BYTES);
      continue;
    }
    const record = parseRecord(view, at);
    at += content[at]!;
    const isDots = record.rawName.length === 1 && record.rawName[0]! <= 1;
    if (isDots || record.flags & FLAG_ASSOCIATED) continue;
    extents.push(record.extent);
    if (record.flags & FLAG_MULTI_EXTENT) continue;
    const node = makeNode(volume, record, extents.splice(0));
    if (node !== undefined) nodes.push(node);
  }
  return nodes;
}

/** Undefined for a directory that is only kept here for one that lies too deep, and for impossible names. */
function makeNode(
  volume: IsoVolume,
  record: IsoRecord,
  extents: readonly Extent[],
): IsoNode | undefined {
  const { source, rockRidgeSkip } = volume;
  const rockRidge =
    rockRidgeSkip === undefined
      ? undefined
      : readRockRidge(source, record.systemUse.subarray(rockRidgeSkip));
  const name = rockRidge?.name ?? foldName(record.rawName);
  const isPossible = name !== "" && !/[/\0]|^\.\.?$/.test(name);
  if (rockRidge?.isRelocated || !isPossible) return undefined;
  const childBlock = rockRidge?.childBlock;
  return {
    name,
    isFolded: rockRidge?.name === undefined,
    kind: kindOf(record, rockRidge),
    extents: childBlock === undefined ? extents : [directoryAt(source, childBlock)],
    linkTarget: rockRidge?.linkTarget,
    isInterleaved: record.isInterleaved,
  };
}

function kindOf(record: IsoRecord, rockRidge: RockRidge | undefined): FileKind {
  if (record.flags & FLAG_DIRECTORY || rockRidge?.childBlock !== undefined) return "directory";
  if (rockRidge?.linkTarget !== undefined) return "symlink";
  // A link without a target, or a directory that is none, is nothing that can be used.
  return kindOfMode(rockRidge?.mode ?? IFREG) === "file" ? "file" : "other";
}

/** A directory starts with a record for itself, which tells its size. */
function directoryAt(source: ByteSource, block: number): Extent {
  const bytes = source.read(block * ISO_BLOCK_BYTES, ISO_BLOCK_BYTES);
  return parseRecord(new LeView(bytes), 0).extent;
}

/** `KERNEL.;1` is `kernel`: lower case, no version, no dot without an extension. */
function foldName(rawName: Uint8Array): string {
  const name = new LeView(rawName).latin1(0, rawName.length).toLowerCase();
  return name.replace(/;\d*$/, "").replace(/\.$/, "");
}
