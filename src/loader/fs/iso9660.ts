// SPDX-License-Identifier: BSD-2-Clause
// ISO 9660 (ECMA-119) with Rock Ridge, as FreeBSD's loader reads CDs (stand/libsa/cd9660.c). Left out:
// Joliet and El Torito, logical blocks other than 2048 bytes, interleaved files.
import { VmmError } from "../../base/errors.ts";
import { LeView } from "../../base/le-view.ts";
import { type ByteSource, checkRead } from "../byte-source.ts";
import { cachedSource } from "../disk/block-cache.ts";
import { sliceSource } from "../disk/slice-source.ts";
import type { FileSystem } from "./file-system.ts";
import {
  type Extent,
  ISO_BLOCK_BYTES,
  type IsoNode,
  type IsoVolume,
  parseIsoDirectory,
  parseRecord,
} from "./iso9660/directory.ts";
import { detectRockRidge } from "./iso9660/susp.ts";
import { type Tree, treeFileSystem } from "./tree.ts";

const FIRST_DESCRIPTOR = 16;
const MAX_DESCRIPTORS = 32;
const VD_PRIMARY = 1;
const VD_SET_TERMINATOR = 255;
/** Offsets in the primary volume descriptor, ECMA-119 8.4. */
const LOGICAL_BLOCK_SIZE = 128;
const ROOT_DIRECTORY_RECORD = 156;
const ROOT_DIRECTORY_RECORD_BYTES = 34;

const METADATA_CACHE = { blockBytes: 16 * ISO_BLOCK_BYTES, blocks: 64 };
/** Directories kept in parsed form. */
const CACHED_DIRECTORIES = 32;
/** A directory is read whole, so a damaged one must not be believed. */
const MAX_DIRECTORY_BYTES = 8 << 20;

/**
 * The filesystem on a CD image; undefined if it is none. Throws ERR_BAD_IMAGE for one without a primary
 * volume descriptor or a root directory, ERR_UNSUPPORTED for blocks that are not of 2048 bytes.
 */
export function mountIso9660(image: ByteSource): FileSystem | undefined {
  const descriptor = findPrimaryDescriptor(image);
  if (descriptor === undefined) return undefined;
  const blockBytes = descriptor.u16(LOGICAL_BLOCK_SIZE);
  if (blockBytes !== ISO_BLOCK_BYTES) {
    const sentence = `the CD image has logical blocks of ${blockBytes} bytes: only ${ISO_BLOCK_BYTES} are supported`;
    throw new VmmError("ERR_UNSUPPORTED", sentence);
  }
  const rootRecord = descriptor.slice(ROOT_DIRECTORY_RECORD, ROOT_DIRECTORY_RECORD_BYTES);
  const root = parseRecord(new LeView(rootRecord), 0).extent;
  const source = cachedSource(image, METADATA_CACHE);
  const self = new LeView(source.read(root.block * ISO_BLOCK_BYTES, ISO_BLOCK_BYTES));
  const rockRidgeSkip = detectRockRidge(source, parseRecord(self, 0).systemUse);
  return treeFileSystem("cd9660", new IsoTree(image, { source, rockRidgeSkip }, root));
}

function findPrimaryDescriptor(image: ByteSource): LeView | undefined {
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const at = (FIRST_DESCRIPTOR + i) * ISO_BLOCK_BYTES;
    if (at + ISO_BLOCK_BYTES > image.size) break;
    const descriptor = new LeView(image.read(at, ISO_BLOCK_BYTES));
    if (descriptor.latin1(1, 5) !== "CD001") {
      if (i === 0) return undefined;
      break;
    }
    if (descriptor.u8(0) === VD_PRIMARY) return descriptor;
    if (descriptor.u8(0) === VD_SET_TERMINATOR) break;
  }
  if (image.size < (FIRST_DESCRIPTOR + 1) * ISO_BLOCK_BYTES) return undefined;
  throw new VmmError("ERR_BAD_IMAGE", "the CD image has no primary volume descriptor");
}

class IsoTree implements Tree<IsoNode> {
  readonly root: IsoNode;
  readonly #image: ByteSource;
  readonly #volume: IsoVolume;
  /** By the block that the directory starts at. */
  readonly #directories = new Map<number, Map<string, IsoNode>>();

  constructor(image: ByteSource, volume: IsoVolume, root: Extent) {
    this.#image = image;
    this.#volume = volume;
    this.root = {
      name: "",
      isFolded: true,
      kind: "directory",
      extents: [root],
      linkTarget: undefined,
      isInterleaved: false,
    };
  }

  kind(node: IsoNode) {
    return node.kind;
  }

  size(node: IsoNode) {
    return node.extents.reduce((sum, extent) => sum + extent.bytes, 0);
  }

  lookup(directory: IsoNode, name: string) {
    const nodes = this.#read(directory);
    const exact = nodes.get(name);
    if (exact !== undefined) return exact;
    const folded = nodes.get(name.toLowerCase());
    return folded?.isFolded ? folded : undefined;
  }

  entries(directory: IsoNode) {
    return [...this.#read(directory).values()].map(({ name, kind }) => ({ name, kind }));
  }

  readLink(link: IsoNode) {
    return link.linkTarget ?? "";
  }

  content(node: IsoNode) {
    if (node.isInterleaved) {
      const sentence = `${node.name} is interleaved with another file: that is not supported`;
      throw new VmmError("ERR_UNSUPPORTED", sentence);
    }
    const what = node.name === "" ? "the root directory" : node.name;
    if (this.size(node) > this.#image.size) {
      const sentence = `${what} claims ${this.size(node)} bytes, more than the whole CD image`;
      throw new VmmError("ERR_BAD_IMAGE", sentence);
    }
    // An empty file may start anywhere, also outside.
    const extents = node.extents.filter(({ bytes }) => bytes > 0);
    return joinedSource(
      extents.map(({ block, bytes }) =>
        sliceSource(this.#image, block * ISO_BLOCK_BYTES, bytes, what),
      ),
      what,
    );
  }

  #read(directory: IsoNode): Map<string, IsoNode> {
    const key = directory.extents[0]!.block;
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    const bytes = this.size(directory);
    if (bytes > MAX_DIRECTORY_BYTES) {
      const sentence = `the directory ${directory.name} of the CD image claims ${bytes} bytes`;
      throw new VmmError("ERR_BAD_IMAGE", sentence);
    }
    const byName = new Map<string, IsoNode>();
    for (const node of parseIsoDirectory(this.#volume, this.content(directory).read(0, bytes))) {
      if (!byName.has(node.name)) byName.set(node.name, node);
    }
    if (this.#directories.size === CACHED_DIRECTORIES) this.#directories.clear();
    this.#directories.set(key, byName);
    return byName;
  }
}

/** Sources one after the other. */
function joinedSource(parts: readonly ByteSource[], what: string): ByteSource {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return {
    size,
    read(offset, length) {
      checkRead(size, offset, length, what);
      const result = new Uint8Array(length);
      let start = 0;
      for (const part of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + part.size);
        if (from < to) result.set(part.read(from - start, to - from), from - offset);
        start += part.size;
      }
      return result;
    },
  };
}
