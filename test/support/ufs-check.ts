// SPDX-License-Identifier: BSD-2-Clause
// The invariants that fsck_ffs checks (sbin/fsck_ffs, phases 1, 2, 4 and 5), as far as an image that was
// just made can break them: every frag is used once or free, and all bitmaps, counts and links agree.
import { LeView } from "../../src/base/le-view.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { inodeSource } from "../../src/loader/fs/ufs/block-map.ts";
import { parseDirectory } from "../../src/loader/fs/ufs/directory.ts";
import {
  CG,
  CG_MAGIC,
  CSUM_BYTES,
  FS,
  FS_BYTES,
  UFS_NDADDR,
  UFS_ROOTINO,
  UFS1,
} from "../../src/loader/fs/ufs/format.ts";
import { type Inode, inodeOffset, readInode } from "../../src/loader/fs/ufs/inode.ts";
import {
  readSuperblock,
  type Superblock,
  shortLinkBytes,
} from "../../src/loader/fs/ufs/superblock.ts";

/** What is wrong with the image, a line for each finding. */
export function checkUfs(image: Uint8Array): string[] {
  return new UfsChecker(image).check();
}

class UfsChecker {
  readonly #findings: string[] = [];
  readonly #image: Uint8Array;
  readonly #view: LeView;
  readonly #sb: Superblock;
  readonly #fs: LeView;
  /** How often each frag is in use. */
  readonly #uses: Uint8Array;

  constructor(image: Uint8Array) {
    this.#image = image;
    this.#view = new LeView(image);
    const sb = readSuperblock(memorySource(image));
    if (sb === undefined) throw new Error("there is no superblock");
    this.#sb = sb;
    this.#fs = new LeView(image.subarray(sb.format === UFS1 ? 8192 : 65536));
    this.#uses = new Uint8Array(sb.sizeFrags);
  }

  check(): string[] {
    this.#markTables();
    const inodes = this.#usedInodes();
    for (const inode of inodes.values()) this.#markBlocks(inode);
    this.#checkLinks(inodes);
    const totals = [0, 0, 0, 0];
    for (let group = 0; group < this.#sb.groups; group++) {
      this.#checkGroup(group, inodes).forEach((count, i) => {
        totals[i]! += count;
      });
      this.#checkCopy(group);
    }
    this.#expect(
      "fs_cstotal",
      [0, 8, 16, 24].map((at) => this.#fs.u64(FS.cstotal + at)),
      totals,
    );
    const twice = this.#uses.findIndex((uses) => uses > 1);
    if (twice >= 0) this.#findings.push(`frag ${twice} is used twice`);
    return this.#findings;
  }

  #expect(what: string, found: unknown, wanted: unknown): void {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a !== b) this.#findings.push(`${what} is ${a}, not ${b}`);
  }

  #mark(frag: number, count: number): void {
    for (let i = frag; i < frag + count; i++) this.#uses[i]!++;
  }

  #markTables(): void {
    const { groups, fragsPerGroup, fragBytes } = this.#sb;
    const dataAt = this.#fs.u32(FS.dblkno);
    for (let group = 0; group < groups; group++) {
      const from = group === 0 ? 0 : this.#fs.u32(FS.sblkno);
      this.#mark(group * fragsPerGroup + from, dataAt - from);
    }
    this.#expect("fs_csaddr", this.#fs.u64(FS.csaddr), dataAt);
    this.#mark(dataAt, Math.ceil(this.#fs.u32(FS.cssize) / fragBytes));
  }

  #usedInodes(): Map<number, Inode> {
    const inodes = new Map<number, Inode>();
    const source = memorySource(this.#image);
    for (let number = UFS_ROOTINO; number < this.#sb.groups * this.#sb.inodesPerGroup; number++) {
      if (this.#view.u16(inodeOffset(this.#sb, number)) !== 0) {
        inodes.set(number, readInode(source, this.#sb, number));
      }
    }
    return inodes;
  }

  #markBlocks(inode: Inode): void {
    const { format, blockBytes, fragBytes, fragsPerBlock } = this.#sb;
    const isShortLink = inode.kind === "symlink" && inode.size < shortLinkBytes(format);
    let frags = 0;
    inode.addresses.forEach((address, i) => {
      if (address === 0 || isShortLink) return;
      const isLast = (i + 1) * blockBytes >= inode.size;
      const bytes = i < UFS_NDADDR && isLast ? inode.size - i * blockBytes : blockBytes;
      const count = i < UFS_NDADDR ? Math.ceil(bytes / fragBytes) : fragsPerBlock;
      this.#mark(address, count);
      frags += count;
      if (i >= UFS_NDADDR) frags += this.#markIndirect(address, i - UFS_NDADDR);
    });
    const at = inodeOffset(this.#sb, inode.number) + format.inode.blocks;
    const sectors = format === UFS1 ? this.#view.u32(at) : this.#view.u64(at);
    this.#expect(`di_blocks of inode ${inode.number}`, sectors, (frags * fragBytes) / 512);
  }

  #markIndirect(block: number, level: number): number {
    const { format, blockBytes, fragBytes, fragsPerBlock } = this.#sb;
    let frags = 0;
    for (let at = 0; at < blockBytes; at += format.addressBytes) {
      const address = this.#view.u32(block * fragBytes + at);
      if (address === 0) continue;
      this.#mark(address, fragsPerBlock);
      frags += fragsPerBlock + (level > 0 ? this.#markIndirect(address, level - 1) : 0);
    }
    return frags;
  }

  #checkLinks(inodes: Map<number, Inode>): void {
    const links = new Map<number, number>();
    const source = memorySource(this.#image);
    for (const inode of inodes.values()) {
      if (inode.kind !== "directory") continue;
      const content = inodeSource(this.#sb, inode, source, source).read(0, inode.size);
      const entries = parseDirectory(content, `inode ${inode.number}`);
      this.#expect(
        "the first names",
        entries.slice(0, 2).map(({ name }) => name),
        [".", ".."],
      );
      this.#expect("the inode of .", entries[0]?.inode, inode.number);
      for (const { inode: child } of entries) links.set(child, (links.get(child) ?? 0) + 1);
    }
    for (const { number } of inodes.values()) {
      const at = inodeOffset(this.#sb, number) + this.#sb.format.inode.nlink;
      this.#expect(`links to inode ${number}`, this.#view.u16(at), links.get(number) ?? 0);
    }
  }

  /** Returns the group's counts, in the order of struct csum. */
  #checkGroup(group: number, inodes: Map<number, Inode>): number[] {
    const { fragsPerGroup, fragBytes, sizeFrags, inodesPerGroup, format } = this.#sb;
    const start = group * fragsPerGroup;
    const head = new LeView(this.#image.subarray((start + this.#fs.u32(FS.cblkno)) * fragBytes));
    const frags = Math.min(fragsPerGroup, sizeFrags - start);
    const what = `group ${group}`;
    const niblk = format === UFS1 ? head.u16(CG.old_niblk) : head.u32(CG.niblk);
    this.#expect(
      `${what}: its head`,
      [head.u32(CG.magic), head.u32(CG.cgx), head.u32(CG.ndblk), niblk],
      [CG_MAGIC, group, frags, inodesPerGroup],
    );

    let directories = 0;
    let freeInodes = 0;
    for (let i = 0; i < inodesPerGroup; i++) {
      const number = group * inodesPerGroup + i;
      const isUsed = inodes.has(number) || number < UFS_ROOTINO;
      if (inodes.get(number)?.kind === "directory") directories++;
      if (!isUsed) freeInodes++;
      this.#expect(`${what}: inode ${number} in use`, bit(head, CG.iusedoff, i), isUsed);
    }
    const [freeBlocks, freeFrags] = this.#checkFragMap(head, start, frags, what);
    const counts = [directories, freeBlocks, freeInodes, freeFrags] as number[];
    this.#expect(
      `${what}: cg_cs`,
      [0, 4, 8, 12].map((at) => head.u32(CG.cs + at)),
      counts,
    );
    const summaryAt = this.#fs.u64(FS.csaddr) * fragBytes + group * CSUM_BYTES;
    const summary = [0, 4, 8, 12].map((at) => this.#view.u32(summaryAt + at));
    this.#expect(`${what}: its summary`, summary, counts);
    return counts;
  }

  #checkFragMap(head: LeView, start: number, frags: number, what: string): [number, number] {
    const { fragsPerBlock } = this.#sb;
    const fragRuns = new Array<number>(fragsPerBlock).fill(0);
    let [freeBlocks, freeFrags] = [0, 0];
    const blockMap: boolean[] = [];
    for (let block = 0; block < frags; block += fragsPerBlock) {
      const free: boolean[] = [];
      for (let i = 0; i < fragsPerBlock; i++) {
        free.push(this.#uses[start + block + i] === 0);
        this.#expect(`${what}: frag ${block + i}`, bit(head, CG.freeoff, block + i), free[i]);
      }
      blockMap.push(free.every(Boolean));
      if (blockMap.at(-1)) freeBlocks++;
      else {
        freeFrags += free.filter(Boolean).length;
        for (const run of runs(free)) fragRuns[run]!++;
      }
    }
    const frsum = fragRuns.map((_, run) => (run === 0 ? 0 : head.u32(CG.frsum + 4 * run)));
    this.#expect(`${what}: cg_frsum`, frsum, fragRuns);
    this.#checkClusters(head, blockMap, what);
    return [freeBlocks, freeFrags];
  }

  #checkClusters(head: LeView, blockMap: boolean[], what: string): void {
    const longest = this.#fs.u32(FS.contigsumsize);
    if (longest === 0) return;
    const wanted = new Array<number>(longest).fill(0);
    for (const run of runs(blockMap)) wanted[Math.min(run, longest) - 1]!++;
    const sumsAt = head.u32(CG.clustersumoff);
    const found = wanted.map((_, i) => head.u32(sumsAt + 4 * (i + 1)));
    this.#expect(`${what}: its cluster sums`, found, wanted);
    const map = blockMap.map((_, i) => bit(head, CG.clusteroff, i));
    this.#expect(`${what}: its cluster map`, map, blockMap);
  }

  /** The copy of the superblock in a group is the superblock, but for where it says that it is. */
  #checkCopy(group: number): void {
    const { fragsPerGroup, fragBytes } = this.#sb;
    const at = (group * fragsPerGroup + this.#fs.u32(FS.sblkno)) * fragBytes;
    const [copy, standard] = [at, this.#fs.bytes.byteOffset].map((from) => {
      const bytes = this.#image.slice(from, from + FS_BYTES);
      bytes.fill(0, FS.sblockactualloc, FS.sblockactualloc + 8);
      return bytes.join();
    });
    if (copy !== standard) this.#findings.push(`group ${group} has another superblock`);
  }
}

function bit(head: LeView, offsetField: number, index: number): boolean {
  return ((head.u8(head.u32(offsetField) + (index >> 3)) >> (index & 7)) & 1) === 1;
}

function runs(map: readonly boolean[]): number[] {
  const text = map.map((isFree) => (isFree ? "1" : "0")).join("");
  return [...text.matchAll(/1+/g)].map(([run]) => run.length);
}
