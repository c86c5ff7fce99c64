// SPDX-License-Identifier: BSD-2-Clause
// From a place in a file to a place in the filesystem: direct blocks, three levels of indirect blocks,
// holes, and the fragments that a small file ends in.
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import { type ByteSource, checkRead } from "../../byte-source.ts";
import { UFS_NDADDR, UFS_NIADDR, UFS1 } from "./format.ts";
import type { Inode } from "./inode.ts";
import type { Superblock } from "./superblock.ts";

/**
 * The content of an inode. `blocks` is where data is read, `metadata` where indirect blocks are: the same
 * source, cached. No read may be larger than that source, so that a size in a damaged inode allocates
 * nothing that the image could not hold; a larger file, full of holes, is read in parts.
 */
export function inodeSource(
  sb: Superblock,
  inode: Inode,
  blocks: ByteSource,
  metadata: ByteSource,
): ByteSource {
  const what = `inode ${inode.number}`;
  const { blockBytes } = sb;
  return {
    size: inode.size,
    read(offset, length) {
      checkRead(inode.size, offset, length, what);
      if (length > blocks.size) {
        const sentence = `${what} is larger than its disk: ${length} bytes cannot be read at once`;
        throw new VmmError("ERR_BAD_IMAGE", sentence);
      }
      const result = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const start = offset + done;
        const run = findRun(sb, inode, metadata, start, offset + length);
        if (run.address !== 0) {
          const at = run.address * sb.fragBytes + (start % blockBytes);
          result.set(blocks.read(at, run.bytes), done);
        }
        done += run.bytes;
      }
      return result;
    },
  };
}

/** Blocks that follow each other in the file and on disk; `address` 0 is a hole of one block. */
interface Run {
  readonly address: number;
  readonly bytes: number;
}

/** The longest run from `start`, not beyond `end`. Throws ERR_BAD_IMAGE for an address outside the filesystem. */
function findRun(
  sb: Superblock,
  inode: Inode,
  metadata: ByteSource,
  start: number,
  end: number,
): Run {
  const { blockBytes, fragBytes, fragsPerBlock } = sb;
  const firstBlock = Math.floor(start / blockBytes);
  const address = mapBlock(sb, inode, metadata, firstBlock);
  let nextBlock = firstBlock + 1;
  while (address !== 0 && nextBlock * blockBytes < end) {
    const expected = address + (nextBlock - firstBlock) * fragsPerBlock;
    if (mapBlock(sb, inode, metadata, nextBlock) !== expected) break;
    nextBlock++;
  }
  const bytes = Math.min(nextBlock * blockBytes, end) - start;
  const usedFrags = Math.ceil(((start % blockBytes) + bytes) / fragBytes);
  if (address < 0 || address + usedFrags > sb.sizeFrags) {
    throw outside(inode, address);
  }
  return { address, bytes };
}

/** The frag number of a block of the file; 0 for a hole. */
function mapBlock(sb: Superblock, inode: Inode, metadata: ByteSource, fileBlock: number): number {
  if (fileBlock < UFS_NDADDR) return inode.addresses[fileBlock]!;
  const { format, blockBytes } = sb;
  const perBlock = blockBytes / format.addressBytes;
  let index = fileBlock - UFS_NDADDR;
  let level = 0;
  while (index >= perBlock ** (level + 1)) {
    index -= perBlock ** (level + 1);
    if (++level === UFS_NIADDR) {
      throw new VmmError("ERR_BAD_IMAGE", `inode ${inode.number} claims ${inode.size} bytes`);
    }
  }
  let address = inode.addresses[UFS_NDADDR + level]!;
  for (; level >= 0 && address !== 0; level--) {
    if (address < 0 || address + sb.fragsPerBlock > sb.sizeFrags) throw outside(inode, address);
    const entry = Math.floor(index / perBlock ** level);
    index %= perBlock ** level;
    const at = address * sb.fragBytes + entry * format.addressBytes;
    const view = new LeView(metadata.read(at, format.addressBytes));
    address = format === UFS1 ? view.i32(0) : view.i64(0);
  }
  return address;
}

function outside(inode: Inode, address: number): VmmError {
  const sentence = `inode ${inode.number} points at block ${address}, outside its filesystem`;
  return new VmmError("ERR_BAD_IMAGE", sentence);
}
