// SPDX-License-Identifier: BSD-2-Clause
// The head of a cylinder group: what is free in it, as bitmaps and as counts (sys/ufs/ffs/fs.h struct cg,
// filled in as sbin/newfs/mkfs.c initcg does). Counts are taken from the bitmaps, so they cannot disagree.
import { alignUp } from "../../src/base/bits.ts";
import { CG, CG_MAGIC, CG_SPACE, UFS1 } from "../../src/loader/fs/ufs/format.ts";
import type { LeWriter } from "./le-writer.ts";
import type { Geometry } from "./ufs-geometry.ts";

/** struct csum: of one group or of all. */
export interface Summary {
  readonly directories: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly freeFrags: number;
}

/** The inodes of one group: numbers in it, from 0. */
export interface GroupInodes {
  readonly used: readonly number[];
  readonly directories: number;
}

/** Fills in the block at the group's head and returns its summary. `freeFrags` has a byte for each frag. */
export function writeGroupHead(
  head: LeWriter,
  plan: Geometry,
  group: number,
  { inodes, freeFrags, timeSeconds }: GroupContent,
): Summary {
  const places = placeBitmaps(plan);
  for (const number of inodes.used) setBit(head, places.inodes, number);
  const free = countFree(freeFrags, plan.fragsPerBlock);
  const summary = {
    directories: inodes.directories,
    freeBlocks: free.blockMap.filter(Boolean).length,
    freeInodes: plan.inodesPerGroup - inodes.used.length,
    freeFrags: free.fragRuns.reduce((sum, run) => sum + run, 0),
  };
  writeFragMap(head, places, freeFrags, free);
  if (plan.contigSumSize > 0) writeClusterMap(head, places, free.blockMap, plan.contigSumSize);
  head.u32(CG.magic, CG_MAGIC);
  head.u32(CG.cgx, group);
  head.u32(CG.ndblk, freeFrags.length);
  writeSummary(head, CG.cs, summary, 4);
  head.u32(CG.iusedoff, places.inodes);
  head.u32(CG.nextfreeoff, places.end);
  writeVersioned(head, plan, timeSeconds);
  return summary;
}

export interface GroupContent {
  readonly inodes: GroupInodes;
  readonly freeFrags: Uint8Array;
  readonly timeSeconds: number;
}

/** What UFS1 and UFS2 keep in different fields. */
function writeVersioned(head: LeWriter, plan: Geometry, timeSeconds: number): void {
  if (plan.format === UFS1) {
    head.u32(CG.old_time, timeSeconds);
    head.u16(CG.old_ncyl, 1);
    head.u16(CG.old_niblk, plan.inodesPerGroup);
    head.u32(CG.old_btotoff, CG_SPACE);
    head.u32(CG.old_boff, CG_SPACE + 4);
  } else {
    head.u64(CG.time, timeSeconds);
    head.u32(CG.niblk, plan.inodesPerGroup);
    head.u32(CG.initediblk, plan.inodesPerGroup);
  }
}

/** Writes the four counts, as struct csum (4 bytes each) or the start of struct csum_total (8 bytes). */
export function writeSummary(
  writer: LeWriter,
  at: number,
  summary: Summary,
  fieldBytes: 4 | 8,
): void {
  const { directories, freeBlocks, freeInodes, freeFrags } = summary;
  [directories, freeBlocks, freeInodes, freeFrags].forEach((count, i) => {
    writer.word(at + i * fieldBytes, count, fieldBytes);
  });
}

/** Byte offsets in a group's head, the same in all of them. */
interface Bitmaps {
  readonly inodes: number;
  readonly frags: number;
  readonly clusterSums: number;
  readonly clusters: number;
  readonly end: number;
}

function placeBitmaps(plan: Geometry): Bitmaps {
  const inodes = CG_SPACE + (plan.format === UFS1 ? 4 + 2 : 0);
  const frags = inodes + Math.ceil(plan.inodesPerGroup / 8);
  const fragsEnd = frags + Math.ceil(plan.fragsPerGroup / 8);
  // Sums are counted from 1, so the first lies where a sum number 0 would begin before the end of the bitmap.
  const clusterSums = alignUp(fragsEnd, 4) - 4;
  const clusters = clusterSums + (plan.contigSumSize + 1) * 4;
  const clustersEnd = clusters + Math.ceil(plan.fragsPerGroup / plan.fragsPerBlock / 8);
  const end = plan.contigSumSize > 0 ? clustersEnd : fragsEnd;
  return { inodes, frags, clusterSums, clusters, end };
}

interface FreeSpace {
  /** One byte a block, 1 where all of it is free. */
  readonly blockMap: Uint8Array;
  /** Lengths of the runs of free frags in blocks that are partly used. */
  readonly fragRuns: readonly number[];
}

function countFree(freeFrags: Uint8Array, fragsPerBlock: number): FreeSpace {
  const blockMap = new Uint8Array(freeFrags.length / fragsPerBlock);
  const fragRuns: number[] = [];
  blockMap.forEach((_, block) => {
    const frags = freeFrags.subarray(block * fragsPerBlock, (block + 1) * fragsPerBlock);
    if (frags.every(Boolean)) blockMap[block] = 1;
    else fragRuns.push(...runsOf(frags));
  });
  return { blockMap, fragRuns };
}

function writeFragMap(
  head: LeWriter,
  places: Bitmaps,
  freeFrags: Uint8Array,
  { fragRuns }: FreeSpace,
): void {
  head.u32(CG.freeoff, places.frags);
  setBits(head, places.frags, freeFrags);
  for (const run of new Set(fragRuns)) {
    head.u32(CG.frsum + 4 * run, fragRuns.filter((each) => each === run).length);
  }
}

/** Runs of free blocks, those of `longest` and more in one count. */
function writeClusterMap(
  head: LeWriter,
  places: Bitmaps,
  blockMap: Uint8Array,
  longest: number,
): void {
  head.u32(CG.clustersumoff, places.clusterSums);
  head.u32(CG.clusteroff, places.clusters);
  head.u32(CG.nclusterblks, blockMap.length);
  setBits(head, places.clusters, blockMap);
  const counts = new Uint32Array(longest + 1);
  for (const run of runsOf(blockMap)) counts[Math.min(run, longest)]!++;
  counts.forEach((count, run) => {
    if (run > 0) head.u32(places.clusterSums + 4 * run, count);
  });
}

/** Lengths of the runs of ones. */
function runsOf(map: Uint8Array): number[] {
  const runs: number[] = [];
  let run = 0;
  for (const bit of map) {
    if (bit === 0 && run > 0) runs.push(run);
    run = bit === 0 ? 0 : run + 1;
  }
  if (run > 0) runs.push(run);
  return runs;
}

function setBits(head: LeWriter, bitmapAt: number, map: Uint8Array): void {
  map.forEach((isSet, index) => {
    if (isSet) setBit(head, bitmapAt, index);
  });
}

function setBit(head: LeWriter, bitmapAt: number, index: number): void {
  head.bytes[bitmapAt + (index >> 3)]! |= 1 << (index & 7);
}
