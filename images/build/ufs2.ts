// SPDX-License-Identifier: BSD-2-Clause
// Makes UFS images as FreeBSD's newfs and a copy of the files would leave them: what comes out passes
// fsck_ffs and can be mounted and written to. A pure function of its arguments, so that builds repeat.
import { VmmError } from "../../src/base/errors.ts";
import {
  FS,
  FS_UFS2_MAGIC,
  SBLOCK_UFS2,
  UFS_ROOTINO,
  UFS1,
  UFS2,
  type UfsFormat,
} from "../../src/loader/fs/ufs/format.ts";
import type { DirectoryNode, TreeNode } from "./file-tree.ts";
import { LeWriter } from "./le-writer.ts";
import { type PlannedInode, UfsFileWriter } from "./ufs-files.ts";
import { type Geometry, planUfs, type UfsOptions } from "./ufs-geometry.ts";
import { type Summary, writeGroupHead } from "./ufs-groups.ts";
import { UfsSpace } from "./ufs-space.ts";
import { makeSummaryArea, makeSuperblock } from "./ufs-superblock.ts";

/** An image of `options.sizeBytes`. Throws ERR_NO_SPACE if the files do not fit, ERR_BAD_OPTION. */
export function buildUfs2(root: DirectoryNode, options: UfsOptions): Uint8Array {
  return buildUfs(UFS2, root, options);
}

/** The older format; the same contract. */
export function buildUfs1(root: DirectoryNode, options: UfsOptions): Uint8Array {
  return buildUfs(UFS1, root, options);
}

function buildUfs(format: UfsFormat, root: DirectoryNode, options: UfsOptions): Uint8Array {
  const { timeSeconds = 0, volumeName = "" } = options;
  const plan = planUfs(format, options);
  const image = new Uint8Array(options.sizeBytes);
  const space = new UfsSpace(plan);
  const inodes = planInodes(root);
  if (inodes.length + UFS_ROOTINO > plan.inodesPerGroup * plan.groups) {
    const sentence = `${inodes.length} files are more than the UFS image has inodes for`;
    throw new VmmError("ERR_NO_SPACE", sentence);
  }
  const files = new UfsFileWriter(plan, space, image, timeSeconds);
  for (const inode of inodes) files.write(inode);
  const summaries = writeGroups(image, plan, { inodes, space, timeSeconds });
  image.set(makeSummaryArea(plan, summaries), plan.dataAt * plan.fragBytes);
  const superblock = makeSuperblock(plan, { total: totalOf(summaries), timeSeconds, volumeName });
  writeSuperblocks(image, plan, superblock);
  return image;
}

/** Numbers from the root's on, each directory's files before those of its directories. */
function planInodes(root: DirectoryNode): PlannedInode[] {
  const inodes: PlannedInode[] = [];
  let next = UFS_ROOTINO + 1;
  const queue: { node: TreeNode; number: number; parent: number }[] = [
    { node: root, number: UFS_ROOTINO, parent: UFS_ROOTINO },
  ];
  for (const { node, number, parent } of queue) {
    const children = new Map<string, number>();
    if (node.kind === "directory") {
      for (const [name, child] of node.entries) {
        children.set(name, next);
        queue.push({ node: child, number: next++, parent: number });
      }
    }
    inodes.push({ node, number, parent, children });
  }
  return inodes;
}

function writeGroups(
  image: Uint8Array,
  plan: Geometry,
  content: { inodes: readonly PlannedInode[]; space: UfsSpace; timeSeconds: number },
): Summary[] {
  const used = Array.from({ length: plan.groups }, (): number[] => []);
  const directories = new Array<number>(plan.groups).fill(0);
  // The numbers below the root's belong to nobody and are never free.
  for (let number = 0; number < UFS_ROOTINO; number++) used[0]!.push(number);
  for (const { number, node } of content.inodes) {
    const group = Math.floor(number / plan.inodesPerGroup);
    used[group]!.push(number % plan.inodesPerGroup);
    if (node.kind === "directory") directories[group]!++;
  }
  return used.map((numbers, group) => {
    const at = (group * plan.fragsPerGroup + plan.groupHeadAt) * plan.fragBytes;
    const head = new LeWriter(image.subarray(at, at + plan.blockBytes));
    return writeGroupHead(head, plan, group, {
      inodes: { used: numbers, directories: directories[group]! },
      freeFrags: content.space.freeInGroup(group),
      timeSeconds: content.timeSeconds,
    });
  });
}

function totalOf(summaries: readonly Summary[]): Summary {
  const sum = (field: keyof Summary) => summaries.reduce((total, each) => total + each[field], 0);
  return {
    directories: sum("directories"),
    freeBlocks: sum("freeBlocks"),
    freeInodes: sum("freeInodes"),
    freeFrags: sum("freeFrags"),
  };
}

/** The one at its standard place and a copy in each group; of UFS2 also where to look for the copies. */
function writeSuperblocks(image: Uint8Array, plan: Geometry, superblock: LeWriter): void {
  const standard = superblock.bytes.slice();
  for (let group = 0; group < plan.groups; group++) {
    const at = (group * plan.fragsPerGroup + plan.superblockAt) * plan.fragBytes;
    superblock.u64(FS.sblockactualloc, at);
    image.set(superblock.bytes, at);
  }
  image.set(standard, plan.superblockBytesAt);
  if (plan.format === UFS2) writeRecovery(image, plan);
}

/** struct fsrecovery, at the end of the last sector before the superblock. */
function writeRecovery(image: Uint8Array, plan: Geometry): void {
  const recovery = new LeWriter(image.subarray(SBLOCK_UFS2 - 20, SBLOCK_UFS2));
  recovery.u32(0, FS_UFS2_MAGIC);
  recovery.u32(4, Math.log2(plan.fragBytes / 512));
  recovery.u32(8, plan.superblockAt);
  recovery.u32(12, plan.fragsPerGroup);
  recovery.u32(16, plan.groups);
}
