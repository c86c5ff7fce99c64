// SPDX-License-Identifier: BSD-2-Clause
// Finding and checking a superblock, as the kernel does (sys/ufs/ffs/ffs_subr.c ffs_sbget and
// validate_sblock). Checked is what reading needs; a wrong check-hash is passed over, as the loader does.
import { hex, isPowerOfTwo } from "../../../base/bits.ts";
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import type { ByteSource } from "../../byte-source.ts";
import {
  FS,
  FS_BAD_MAGIC,
  FS_BYTES,
  MAXBSIZE,
  MAXFRAG,
  MINBSIZE,
  SBLOCK_UFS2,
  SBLOCKSEARCH,
  UFS_NDADDR,
  UFS_NIADDR,
  UFS1,
  UFS2,
  type UfsFormat,
} from "./format.ts";

/** What is needed to find inodes and blocks. All checked against each other. */
export interface Superblock {
  readonly format: UfsFormat;
  readonly blockBytes: number;
  readonly fragBytes: number;
  readonly fragsPerBlock: number;
  /** Of the whole filesystem. */
  readonly sizeFrags: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly fragsPerGroup: number;
  /** Frags from the start of a group to its inodes. */
  readonly inodesAtFrag: number;
  /** UFS1 once put the control structures of successive groups on different platters. */
  readonly groupOffset: number;
  readonly groupMask: number;
}

/**
 * The superblock of a UFS1 or UFS2 filesystem; undefined if there is none. Throws ERR_BAD_IMAGE if there
 * is one and it makes no sense, ERR_UNSUPPORTED if it was written by a big-endian machine.
 */
export function readSuperblock(source: ByteSource): Superblock | undefined {
  let complaint: string | undefined;
  for (const offset of SBLOCKSEARCH) {
    if (offset + FS_BYTES > source.size) continue;
    const fs = new LeView(source.read(offset, FS_BYTES));
    const format = formatOf(fs);
    if (format === undefined || !isPrimary(fs, format, offset)) continue;
    const superblock = decode(fs, format);
    const problem = problemOf(fs, superblock);
    if (problem === undefined) return superblock;
    complaint ??= `the UFS${format.version} superblock at ${offset} is damaged: ${problem}`;
  }
  if (complaint !== undefined) throw new VmmError("ERR_BAD_IMAGE", complaint);
  return undefined;
}

function formatOf(fs: LeView): UfsFormat | undefined {
  const magic = fs.u32(FS.magic);
  if (magic === FS_BAD_MAGIC) {
    const sentence = "the UFS filesystem was never finished: newfs was interrupted on it";
    throw new VmmError("ERR_BAD_IMAGE", sentence);
  }
  for (const format of [UFS2, UFS1]) {
    if (magic === format.magic) return format;
    if (magic === swapBytes(format.magic)) {
      const sentence = `the UFS${format.version} filesystem is big-endian, written for another kind of machine: only little-endian ones can be read`;
      throw new VmmError("ERR_UNSUPPORTED", sentence);
    }
  }
  return undefined;
}

function swapBytes(value: number): number {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value);
  return bytes.getUint32(0, true);
}

/** False for the copy in the first group of a UFS1 with blocks of 64 KiB, which lies where UFS2's primary does. */
function isPrimary(fs: LeView, format: UfsFormat, offset: number): boolean {
  if (format === UFS2) return fs.i64(FS.sblockloc) === offset;
  return !(offset === SBLOCK_UFS2 && fs.i32(FS.bsize) === SBLOCK_UFS2);
}

function decode(fs: LeView, format: UfsFormat): Superblock {
  return {
    format,
    blockBytes: fs.i32(FS.bsize),
    fragBytes: fs.i32(FS.fsize),
    fragsPerBlock: fs.i32(FS.frag),
    sizeFrags: format === UFS2 ? fs.i64(FS.size) : fs.i32(FS.old_size),
    groups: fs.u32(FS.ncg),
    inodesPerGroup: fs.u32(FS.ipg),
    fragsPerGroup: fs.i32(FS.fpg),
    inodesAtFrag: fs.i32(FS.iblkno),
    groupOffset: format === UFS2 ? 0 : fs.i32(FS.old_cgoffset),
    groupMask: format === UFS2 ? -1 : fs.i32(FS.old_cgmask),
  };
}

/** Why the fields cannot be true together, as `field is value`; undefined if they can. */
function problemOf(fs: LeView, sb: Superblock): string | undefined {
  const { format, blockBytes, fragBytes, fragsPerBlock, fragsPerGroup, groups } = sb;
  if (!isPowerOfTwo(blockBytes) || blockBytes < MINBSIZE || blockBytes > MAXBSIZE) {
    return `fs_bsize is ${blockBytes}`;
  }
  const isFragSize = isPowerOfTwo(fragBytes) && fragBytes >= 512 && fragBytes <= blockBytes;
  if (!isFragSize) return `fs_fsize is ${fragBytes}`;
  if (fragsPerBlock !== blockBytes / fragBytes || fragsPerBlock > MAXFRAG) {
    return `fs_frag is ${fragsPerBlock}`;
  }
  const inodesPerBlock = blockBytes / format.inodeBytes;
  if (fs.u32(FS.inopb) !== inodesPerBlock) return `fs_inopb is ${fs.u32(FS.inopb)}`;
  if (fs.i32(FS.nindir) !== blockBytes / format.addressBytes) {
    return `fs_nindir is ${fs.i32(FS.nindir)}`;
  }
  if (fs.i32(FS.maxsymlinklen) !== shortLinkBytes(format)) {
    return `fs_maxsymlinklen is ${fs.i32(FS.maxsymlinklen)}`;
  }
  if (fragsPerGroup < 3 * fragsPerBlock) return `fs_fpg is ${fragsPerGroup}`;
  if (groups < 1 || sb.sizeFrags <= (groups - 1) * fragsPerGroup) return `fs_ncg is ${groups}`;
  if (sb.sizeFrags > groups * fragsPerGroup || sb.sizeFrags < 8 * fragsPerBlock) {
    return `fs_size is ${sb.sizeFrags}`;
  }
  return inodeProblem(fs, sb, inodesPerBlock) ?? skewProblem(sb);
}

/** Targets shorter than this are kept in the inode, in place of its block numbers. */
export function shortLinkBytes(format: UfsFormat): number {
  return (UFS_NDADDR + UFS_NIADDR) * format.addressBytes;
}

function inodeProblem(fs: LeView, sb: Superblock, inodesPerBlock: number): string | undefined {
  const { inodesPerGroup, inodesAtFrag, fragsPerBlock, fragsPerGroup, groups } = sb;
  const isCount = inodesPerGroup >= inodesPerBlock && inodesPerGroup % inodesPerBlock === 0;
  if (!isCount || inodesPerGroup * groups > 2 ** 32 - inodesPerBlock) {
    return `fs_ipg is ${inodesPerGroup}`;
  }
  if (inodesAtFrag < 1) return `fs_iblkno is ${inodesAtFrag}`;
  const dataAtFrag = fs.i32(FS.dblkno);
  const isAfterInodes =
    dataAtFrag === inodesAtFrag + (inodesPerGroup / inodesPerBlock) * fragsPerBlock;
  if (!isAfterInodes || dataAtFrag > fragsPerGroup) return `fs_dblkno is ${dataAtFrag}`;
  return undefined;
}

function skewProblem({ groupOffset, groupMask, fragsPerGroup }: Superblock): string | undefined {
  const most = groupOffset * (~groupMask >>> 0);
  const isPlausible = groupOffset >= 0 && ~groupMask >= 0 && most <= fragsPerGroup;
  return isPlausible ? undefined : `fs_old_cgoffset is ${groupOffset}, its mask ${hex(groupMask)}`;
}
