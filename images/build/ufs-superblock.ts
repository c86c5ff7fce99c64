// SPDX-License-Identifier: BSD-2-Clause
// The superblock: struct fs of sys/ufs/ffs/fs.h, with the values that newfs gives (sbin/newfs/mkfs.c).
// No check-hashes: they are optional, and kernels before FreeBSD 12 do not know them.
import { alignUp } from "../../src/base/bits.ts";
import {
  CSUM_BYTES,
  DEV_BSIZE,
  FS,
  FS_BYTES,
  SBLOCKSIZE,
  UFS_NDADDR,
  UFS_NIADDR,
  UFS1,
  UFS2,
} from "../../src/loader/fs/ufs/format.ts";
import { LeWriter } from "./le-writer.ts";
import { type Geometry, groupHeadBytes, maxContigOf } from "./ufs-geometry.ts";
import { type Summary, writeSummary } from "./ufs-groups.ts";

const MINFREE_PERCENT = 8;
const AVFILESIZ = 16384;
const AFPDIR = 64;
/** fs_old_flags: the flags are where they are today. */
const FS_FLAGS_UPDATED = 0x80;
const FS_44INODEFMT = 2;

export interface SuperblockContent {
  readonly total: Summary;
  readonly timeSeconds: number;
  readonly volumeName: string;
}

/** The bytes of a superblock for its standard place; copies in groups differ in {@link FS.sblockactualloc}. */
export function makeSuperblock(plan: Geometry, content: SuperblockContent): LeWriter {
  const bytes = Math.min(alignUp(FS_BYTES, plan.fragBytes), SBLOCKSIZE);
  const fs = new LeWriter(new Uint8Array(bytes));
  writeLayout(fs, plan);
  writeShifts(fs, plan);
  writeSizes(fs, plan);
  writePolicy(fs, plan, content);
  if (plan.format === UFS1) writeUfs1(fs, plan, content);
  return fs;
}

/** Frags that can hold data, used or not. */
function dataFrags(plan: Geometry): number {
  const { sizeFrags, superblockAt, dataAt, groups, summaryFrags } = plan;
  return sizeFrags - superblockAt - groups * (dataAt - superblockAt) - summaryFrags;
}

function writeLayout(fs: LeWriter, plan: Geometry): void {
  fs.u32(FS.sblkno, plan.superblockAt);
  fs.u32(FS.cblkno, plan.groupHeadAt);
  fs.u32(FS.iblkno, plan.inodesAt);
  fs.u32(FS.dblkno, plan.dataAt);
  fs.u32(FS.ncg, plan.groups);
  fs.u32(FS.ipg, plan.inodesPerGroup);
  fs.u32(FS.fpg, plan.fragsPerGroup);
  fs.u32(FS.cssize, plan.summaryFrags * plan.fragBytes);
  const headBytes = groupHeadBytes(plan, plan.inodesPerGroup, plan.fragsPerGroup);
  fs.u32(FS.cgsize, alignUp(headBytes, plan.fragBytes));
  fs.u64(FS.csaddr, plan.dataAt);
  fs.u64(FS.sblockloc, plan.superblockBytesAt);
  fs.u64(FS.sblockactualloc, plan.superblockBytesAt);
  fs.u32(FS.magic, plan.format.magic);
}

function writeShifts(fs: LeWriter, plan: Geometry): void {
  const { blockBytes, fragBytes, fragsPerBlock } = plan;
  fs.u32(FS.bsize, blockBytes);
  fs.u32(FS.fsize, fragBytes);
  fs.u32(FS.frag, fragsPerBlock);
  fs.u32(FS.bmask, ~(blockBytes - 1));
  fs.u32(FS.fmask, ~(fragBytes - 1));
  fs.u32(FS.bshift, Math.log2(blockBytes));
  fs.u32(FS.fshift, Math.log2(fragBytes));
  fs.u32(FS.fragshift, Math.log2(fragsPerBlock));
  fs.u32(FS.fsbtodb, Math.log2(fragBytes / DEV_BSIZE));
  fs.u64(FS.qbmask, blockBytes - 1);
  fs.u64(FS.qfmask, fragBytes - 1);
  fs.u32(FS.nindir, plan.addressesPerBlock);
  fs.u32(FS.inopb, plan.inodesPerBlock);
  fs.u32(FS.maxsymlinklen, (UFS_NDADDR + UFS_NIADDR) * plan.format.addressBytes);
}

function writeSizes(fs: LeWriter, plan: Geometry): void {
  fs.u64(FS.size, plan.sizeFrags);
  fs.u64(FS.dsize, dataFrags(plan));
  fs.u64(FS.providersize, plan.sizeFrags);
  fs.u32(FS.sbsize, fs.bytes.length);
  const block = BigInt(plan.blockBytes);
  let maxFileBytes = block * BigInt(UFS_NDADDR) - 1n;
  for (let level = 1; level <= UFS_NIADDR; level++) {
    maxFileBytes += block * BigInt(plan.addressesPerBlock) ** BigInt(level);
  }
  fs.u64(FS.maxfilesize, maxFileBytes);
}

function writePolicy(fs: LeWriter, plan: Geometry, content: SuperblockContent): void {
  const { total, timeSeconds, volumeName } = content;
  const { blockBytes, fragsPerBlock, fragsPerGroup } = plan;
  fs.u32(FS.minfree, MINFREE_PERCENT);
  fs.u32(FS.maxcontig, maxContigOf(blockBytes));
  fs.u32(FS.contigsumsize, plan.contigSumSize);
  fs.u32(FS.maxbpg, blockBytes / UFS2.addressBytes);
  fs.u32(FS.maxbsize, blockBytes);
  // Half of what is kept free is meant for directories and indirect blocks.
  const metaFrags = Math.floor((fragsPerGroup * MINFREE_PERCENT) / 200);
  fs.u64(FS.metaspace, metaFrags - (metaFrags % fragsPerBlock));
  fs.u32(FS.avgfilesize, AVFILESIZ);
  fs.u32(FS.avgfpdir, AFPDIR);
  fs.u32(FS.id, timeSeconds);
  fs.u32(FS.id + 4, plan.sizeFrags);
  fs.u8(FS.clean, 1);
  fs.u8(FS.old_flags, FS_FLAGS_UPDATED);
  fs.ascii(FS.volname, volumeName.slice(0, 31));
  fs.u64(FS.time, timeSeconds);
  fs.u64(FS.mtime, timeSeconds);
  writeSummary(fs, FS.cstotal, total, 8);
}

/** What UFS1 keeps in places of its own, most of it for disks with platters and heads. */
function writeUfs1(fs: LeWriter, plan: Geometry, { total, timeSeconds }: SuperblockContent): void {
  const sectorsPerFrag = plan.fragBytes / DEV_BSIZE;
  const sectorsPerGroup = plan.fragsPerGroup * sectorsPerFrag;
  fs.u32(FS.old_cgmask, 0xffffffff);
  fs.u32(FS.old_time, timeSeconds);
  fs.u32(FS.old_size, plan.sizeFrags);
  fs.u32(FS.old_dsize, dataFrags(plan));
  fs.u32(FS.old_csaddr, plan.dataAt);
  fs.u32(FS.old_rps, 60);
  fs.u32(FS.old_nspf, sectorsPerFrag);
  fs.u32(FS.old_interleave, 1);
  fs.u32(FS.old_npsect, sectorsPerGroup);
  fs.u32(FS.old_nsect, sectorsPerGroup);
  fs.u32(FS.old_spc, sectorsPerGroup);
  fs.u32(FS.old_ncyl, plan.groups);
  fs.u32(FS.old_cpg, 1);
  fs.u32(FS.old_inodefmt, FS_44INODEFMT);
  fs.u32(FS.old_postblformat, 1);
  fs.u32(FS.old_nrpos, 1);
  writeSummary(fs, FS.old_cstotal, total, 4);
}

/** The summaries of all groups in the form in which they follow the first group's tables. */
export function makeSummaryArea(plan: Geometry, summaries: readonly Summary[]): Uint8Array {
  const area = new LeWriter(new Uint8Array(plan.summaryFrags * plan.fragBytes));
  summaries.forEach((summary, group) => {
    writeSummary(area, group * CSUM_BYTES, summary, 4);
  });
  return area.bytes;
}
