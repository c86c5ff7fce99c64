// SPDX-License-Identifier: BSD-2-Clause
// How a UFS is cut into cylinder groups: the computations of FreeBSD's newfs (sbin/newfs/mkfs.c) with its
// defaults. All "at" values are frags from the start of a group, which is how the superblock keeps them.
import { alignDown, alignUp, isPowerOfTwo } from "../../src/base/bits.ts";
import { VmmError } from "../../src/base/errors.ts";
import {
  CG_BYTES,
  CSUM_BYTES,
  DEV_BSIZE,
  MAXBSIZE,
  MAXFRAG,
  MINBSIZE,
  SBLOCK_UFS1,
  SBLOCK_UFS2,
  SBLOCKSIZE,
  UFS1,
  type UfsFormat,
} from "../../src/loader/fs/ufs/format.ts";

export interface UfsOptions {
  /** Size of the filesystem; what is not a whole block at its end stays unused. */
  readonly sizeBytes: number;
  /** A power of two from 4096 to 65536; newfs takes 32768. */
  readonly blockBytes?: number;
  /** A power of two, from an eighth of a block to a whole one; newfs takes 4096. */
  readonly fragBytes?: number;
  /** One inode for so many bytes; newfs takes two frags. */
  readonly bytesPerInode?: number;
  /** The time of everything, in seconds since 1970. */
  readonly timeSeconds?: number;
  /** Up to 31 characters. */
  readonly volumeName?: string;
}

export interface Geometry {
  readonly format: UfsFormat;
  readonly blockBytes: number;
  readonly fragBytes: number;
  readonly fragsPerBlock: number;
  readonly superblockBytesAt: number;
  readonly sizeFrags: number;
  readonly groups: number;
  readonly fragsPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodesPerBlock: number;
  readonly addressesPerBlock: number;
  readonly superblockAt: number;
  readonly groupHeadAt: number;
  readonly inodesAt: number;
  readonly dataAt: number;
  /** Longest run of free blocks that a group's head counts. */
  readonly contigSumSize: number;
  /** Frags of the summary of all groups, at the start of the first group's data. */
  readonly summaryFrags: number;
}

/** newfs aims at this many groups at least (MINCYLGRPS). */
const MIN_GROUPS = 4;
const FS_MAXCONTIG = 16;
/** The most that one transfer moved when the defaults were made. */
const MAXPHYS = 128 << 10;
const UFS1_MAX_INODES_PER_GROUP = 0x7fff;

/** Throws ERR_BAD_OPTION for impossible sizes, ERR_NO_SPACE if not even one group fits. */
export function planUfs(format: UfsFormat, options: UfsOptions): Geometry {
  const { blockBytes = 32768, fragBytes = 4096 } = options;
  checkSizes(blockBytes, fragBytes);
  const fragsPerBlock = blockBytes / fragBytes;
  const inodesPerBlock = blockBytes / format.inodeBytes;
  const superblockBytesAt = format === UFS1 ? SBLOCK_UFS1 : SBLOCK_UFS2;
  const frags = (bytes: number) => alignUp(Math.ceil(bytes / fragBytes), fragsPerBlock);
  const superblockAt = frags(superblockBytesAt + SBLOCKSIZE);
  const groupHeadAt = superblockAt + frags(SBLOCKSIZE);
  const base = {
    format,
    blockBytes,
    fragBytes,
    fragsPerBlock,
    superblockBytesAt,
    sizeFrags: Math.floor(options.sizeBytes / blockBytes) * fragsPerBlock,
    inodesPerBlock,
    addressesPerBlock: blockBytes / format.addressBytes,
    superblockAt,
    groupHeadAt,
    inodesAt: groupHeadAt + fragsPerBlock,
    contigSumSize: contigSumSizeOf(blockBytes),
  };
  return { ...base, ...planGroups(base, options.bytesPerInode ?? 2 * fragBytes) };
}

/** Bytes of a group's head with its bitmaps: CGSIZE of sys/ufs/ffs/fs.h. */
export function groupHeadBytes(
  plan: Pick<Geometry, "format" | "contigSumSize" | "fragsPerBlock">,
  inodesPerGroup: number,
  fragsPerGroup: number,
): number {
  const oldTables = plan.format === UFS1 ? 4 + 2 : 0;
  const clusters =
    plan.contigSumSize === 0
      ? 0
      : plan.contigSumSize * 4 + Math.ceil(fragsPerGroup / plan.fragsPerBlock / 8);
  const bitmaps = Math.ceil(inodesPerGroup / 8) + Math.ceil(fragsPerGroup / 8);
  return CG_BYTES + 4 + oldTables + bitmaps + clusters;
}

/** fs_maxcontig: blocks in one transfer. */
export function maxContigOf(blockBytes: number): number {
  return Math.max(1, MAXPHYS / blockBytes);
}

function contigSumSizeOf(blockBytes: number): number {
  const maxContig = maxContigOf(blockBytes);
  return maxContig > 1 ? Math.min(maxContig, FS_MAXCONTIG) : 0;
}

type GroupPlan = Pick<
  Geometry,
  "groups" | "fragsPerGroup" | "inodesPerGroup" | "dataAt" | "summaryFrags"
>;
type BasePlan = Omit<Geometry, keyof GroupPlan>;

/** Four groups if they are large enough to be of use, more if the head of a group cannot describe so much. */
function planGroups(plan: BasePlan, bytesPerInode: number): GroupPlan {
  const { fragsPerBlock, sizeFrags } = plan;
  const wanted = alignDown(Math.min(sizeFrags / MIN_GROUPS, 8 * plan.blockBytes), fragsPerBlock);
  for (let frags = wanted; frags > 0; frags -= fragsPerBlock) {
    const groups = tryGroups(plan, bytesPerInode, frags);
    if (groups !== undefined) return groups;
  }
  for (let frags = wanted; frags <= sizeFrags; frags += fragsPerBlock) {
    const groups = tryGroups(plan, bytesPerInode, frags);
    if (groups !== undefined) return groups;
  }
  const sentence = `a UFS of ${sizeFrags * plan.fragBytes} bytes is too small for its own tables`;
  throw new VmmError("ERR_NO_SPACE", sentence);
}

/** Undefined if groups of that size do not work. */
function tryGroups(plan: BasePlan, bytesPerInode: number, fragsPerGroup: number) {
  const { format, blockBytes, fragBytes, fragsPerBlock, inodesPerBlock, sizeFrags } = plan;
  const fragsPerInode = Math.max(1, Math.floor(bytesPerInode / fragBytes));
  const inodesPerGroup = alignUp(Math.ceil(fragsPerGroup / fragsPerInode), inodesPerBlock);
  if (format === UFS1 && inodesPerGroup > UFS1_MAX_INODES_PER_GROUP) return undefined;
  if (groupHeadBytes(plan, inodesPerGroup, fragsPerGroup) > blockBytes) return undefined;
  const dataAt = plan.inodesAt + (inodesPerGroup / inodesPerBlock) * fragsPerBlock;
  const groups = Math.ceil(sizeFrags / fragsPerGroup);
  const summaryFrags = Math.ceil((groups * CSUM_BYTES) / fragBytes);
  const lastGroupFrags = sizeFrags - (groups - 1) * fragsPerGroup;
  // The first group holds the summary and the root directory, any other nothing but its own tables.
  const isFirstRoomy = dataAt + summaryFrags + fragsPerBlock <= fragsPerGroup;
  if (!isFirstRoomy || lastGroupFrags < dataAt) return undefined;
  return { groups, fragsPerGroup, inodesPerGroup, dataAt, summaryFrags };
}

function checkSizes(blockBytes: number, fragBytes: number): void {
  const isBlock = isPowerOfTwo(blockBytes) && blockBytes >= MINBSIZE && blockBytes <= MAXBSIZE;
  const isFrag =
    isPowerOfTwo(fragBytes) &&
    fragBytes >= DEV_BSIZE &&
    fragBytes <= blockBytes &&
    fragBytes * MAXFRAG >= blockBytes;
  if (isBlock && isFrag) return;
  const sentence = `a UFS cannot have blocks of ${blockBytes} bytes with fragments of ${fragBytes}`;
  throw new VmmError("ERR_BAD_OPTION", sentence);
}
