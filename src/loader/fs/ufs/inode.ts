// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import type { ByteSource } from "../../byte-source.ts";
import { kindOfMode } from "../file-mode.ts";
import type { FileKind } from "../file-system.ts";
import { UFS_NDADDR, UFS_NIADDR, UFS1 } from "./format.ts";
import { type Superblock, shortLinkBytes } from "./superblock.ts";

export interface Inode {
  readonly number: number;
  readonly kind: FileKind;
  /** Bytes, at most 2^53; nothing yet says that blocks stand behind them. */
  readonly size: number;
  /** Frag numbers of the first twelve blocks, then of the single, double and triple indirect block. */
  readonly addresses: readonly number[];
  /** The same bytes as they stand: the target of a short symbolic link. */
  readonly inline: Uint8Array;
}

/** Throws ERR_BAD_IMAGE if there is no such inode, if it is free, or claims an impossible size. */
export function readInode(source: ByteSource, sb: Superblock, number: number): Inode {
  const { format } = sb;
  if (number < 1 || number >= sb.inodesPerGroup * sb.groups) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      `a directory names inode ${number}, which its filesystem does not have`,
    );
  }
  const view = new LeView(source.read(inodeOffset(sb, number), format.inodeBytes));
  const mode = view.u16(format.inode.mode);
  if (mode === 0) {
    throw new VmmError("ERR_BAD_IMAGE", `a directory names inode ${number}, which is free`);
  }
  const size = view.u64(format.inode.size);
  if (size > Number.MAX_SAFE_INTEGER) {
    throw new VmmError("ERR_BAD_IMAGE", `inode ${number} claims ${size} bytes`);
  }
  const addresses = Array.from({ length: UFS_NDADDR + UFS_NIADDR }, (_, i) => {
    const at = format.inode.db + i * format.addressBytes;
    return format === UFS1 ? view.i32(at) : view.i64(at);
  });
  const inline = view.slice(format.inode.db, shortLinkBytes(format));
  return { number, kind: kindOfMode(mode), size, addresses, inline };
}

/** Byte offset of an inode that the filesystem has: cgstart, ino_to_fsba and ino_to_fsbo of sys/ufs/ffs/fs.h. */
export function inodeOffset(sb: Superblock, number: number): number {
  const group = Math.floor(number / sb.inodesPerGroup);
  const skewFrags = sb.groupOffset * ((group & ~sb.groupMask) >>> 0);
  const groupFrag = sb.fragsPerGroup * group + skewFrags;
  const inGroup = number % sb.inodesPerGroup;
  return (groupFrag + sb.inodesAtFrag) * sb.fragBytes + inGroup * sb.format.inodeBytes;
}
