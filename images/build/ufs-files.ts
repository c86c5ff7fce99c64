// SPDX-License-Identifier: BSD-2-Clause
// Contents and inodes. A file's last block is cut to fragments if no indirect block is needed to find it;
// what no chunk covers is a hole, but for the last block, where fsck_ffs wants one.
import { VmmError } from "../../src/base/errors.ts";
import { LeView } from "../../src/base/le-view.ts";
import { IFDIR, IFLNK, IFREG } from "../../src/loader/fs/file-mode.ts";
import {
  DEV_BSIZE,
  DIRBLKSIZ,
  DIRECT,
  DT_DIR,
  DT_LNK,
  DT_REG,
  directoryRecordBytes,
  UFS_MAXNAMLEN,
  UFS_NDADDR,
  UFS_NIADDR,
} from "../../src/loader/fs/ufs/format.ts";
import type { DirectoryNode, SparseContent, TreeNode } from "./file-tree.ts";
import { LeWriter } from "./le-writer.ts";
import type { Geometry } from "./ufs-geometry.ts";
import type { UfsSpace } from "./ufs-space.ts";

/** An inode before it is written. */
export interface PlannedInode {
  readonly number: number;
  readonly node: TreeNode;
  readonly parent: number;
  /** Of a directory: the numbers of what it holds, by name. */
  readonly children: ReadonlyMap<string, number>;
}

const UTF8 = new TextEncoder();
const MODES = { file: IFREG, directory: IFDIR, symlink: IFLNK } as const;
const DIRECTORY_TYPES = { file: DT_REG, directory: DT_DIR, symlink: DT_LNK } as const;

/** Writes inodes and what belongs to them into an image, taking the blocks from a space. */
export class UfsFileWriter {
  readonly #plan: Geometry;
  readonly #space: UfsSpace;
  readonly #image: LeWriter;
  readonly #timeSeconds: number;

  constructor(plan: Geometry, space: UfsSpace, image: Uint8Array, timeSeconds: number) {
    this.#plan = plan;
    this.#space = space;
    this.#image = new LeWriter(image);
    this.#timeSeconds = timeSeconds;
  }

  /** Throws ERR_NO_SPACE. */
  write(inode: PlannedInode): void {
    const { node } = inode;
    const { format } = this.#plan;
    const at = this.#inodeAt(inode.number);
    const content = contentOf(inode);
    const isShortLink =
      node.kind === "symlink" && content.size < (UFS_NDADDR + UFS_NIADDR) * format.addressBytes;
    let frags = 0;
    if (isShortLink) this.#image.put(at + format.inode.db, content.chunks[0]!.bytes);
    else frags = this.#writeContent(content, at + format.inode.db);

    const permissions = node.kind === "symlink" ? 0o755 : node.mode;
    this.#image.u16(at + format.inode.mode, MODES[node.kind] | permissions);
    this.#image.u16(at + format.inode.nlink, linksTo(node));
    this.#image.u64(at + format.inode.size, content.size);
    const sectors = (frags * this.#plan.fragBytes) / DEV_BSIZE;
    this.#image.word(at + format.inode.blocks, sectors, format.addressBytes);
    for (const time of format.inode.times) {
      this.#image.word(at + time, this.#timeSeconds, format.addressBytes);
    }
    this.#image.u32(at + format.inode.gen, inode.number);
  }

  #inodeAt(number: number): number {
    const { inodesPerGroup, fragsPerGroup, inodesAt, fragBytes, format } = this.#plan;
    const group = Math.floor(number / inodesPerGroup);
    const frag = group * fragsPerGroup + inodesAt;
    return frag * fragBytes + (number % inodesPerGroup) * format.inodeBytes;
  }

  /** Writes blocks, and their addresses from `addressesAt` on. Returns how many frags that took. */
  #writeContent(content: SparseContent, addressesAt: number): number {
    const { blockBytes, fragBytes, fragsPerBlock } = this.#plan;
    const lastBlock = Math.ceil(content.size / blockBytes) - 1;
    let frags = 0;
    for (const block of blocksOf(content, blockBytes)) {
      const bytes = Math.min(blockBytes, content.size - block * blockBytes);
      const isCut = block === lastBlock && block < UFS_NDADDR;
      const count = isCut ? Math.ceil(bytes / fragBytes) : fragsPerBlock;
      const address = this.#space.takeFrags(count);
      frags += count + this.#setAddress(addressesAt, block, address);
      copyRange(
        content,
        block * blockBytes,
        this.#image.bytes.subarray(address * fragBytes, address * fragBytes + bytes),
      );
    }
    return frags;
  }

  /** Enters the address of a file's block, through indirect blocks as needed. Returns the frags of new ones. */
  #setAddress(addressesAt: number, block: number, address: number): number {
    const { format, addressesPerBlock, fragBytes, fragsPerBlock } = this.#plan;
    if (block < UFS_NDADDR) {
      this.#image.word(addressesAt + block * format.addressBytes, address, format.addressBytes);
      return 0;
    }
    let index = block - UFS_NDADDR;
    let level = 0;
    while (index >= addressesPerBlock ** (level + 1)) {
      index -= addressesPerBlock ** ++level;
    }
    let at = addressesAt + (UFS_NDADDR + level) * format.addressBytes;
    let frags = 0;
    for (; level >= 0; level--) {
      let indirect = this.#addressAt(at);
      if (indirect === 0) {
        indirect = this.#space.takeBlock();
        frags += fragsPerBlock;
        this.#image.word(at, indirect, format.addressBytes);
      }
      const entry = Math.floor(index / addressesPerBlock ** level);
      index %= addressesPerBlock ** level;
      at = indirect * fragBytes + entry * format.addressBytes;
    }
    this.#image.word(at, address, format.addressBytes);
    return frags;
  }

  #addressAt(at: number): number {
    const { addressBytes } = this.#plan.format;
    const field = new LeView(this.#image.bytes.subarray(at, at + addressBytes));
    return addressBytes === 4 ? field.u32(0) : field.u64(0);
  }
}

function linksTo(node: TreeNode): number {
  if (node.kind !== "directory") return 1;
  return 2 + [...node.entries.values()].filter(({ kind }) => kind === "directory").length;
}

function contentOf(inode: PlannedInode): SparseContent {
  const { node } = inode;
  if (node.kind === "file") return node.content;
  const bytes = node.kind === "symlink" ? UTF8.encode(node.target) : directoryBytes(node, inode);
  return { size: bytes.length, chunks: [{ offset: 0, bytes }] };
}

/** Numbers of the blocks that are not holes, in order. */
function blocksOf(content: SparseContent, blockBytes: number): number[] {
  const blocks = new Set<number>();
  for (const { offset, bytes } of content.chunks) {
    for (let at = offset; at < offset + bytes.length; at += blockBytes) {
      blocks.add(Math.floor(at / blockBytes));
    }
    if (bytes.length > 0) blocks.add(Math.floor((offset + bytes.length - 1) / blockBytes));
  }
  if (content.size > 0) blocks.add(Math.ceil(content.size / blockBytes) - 1);
  return [...blocks].sort((a, b) => a - b);
}

/** Copies what the content has from `start` on. */
function copyRange(content: SparseContent, start: number, target: Uint8Array): void {
  for (const { offset, bytes } of content.chunks) {
    const from = Math.max(start, offset);
    const to = Math.min(start + target.length, offset + bytes.length);
    if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - start);
  }
}

function directoryBytes(
  node: DirectoryNode,
  { number, parent, children }: PlannedInode,
): Uint8Array {
  const records = [
    directoryRecord(".", number, DT_DIR),
    directoryRecord("..", parent, DT_DIR),
    ...[...node.entries].map(([name, child]) =>
      directoryRecord(name, children.get(name)!, DIRECTORY_TYPES[child.kind]),
    ),
  ];
  return packRecords(records);
}

/** Throws ERR_BAD_OPTION for a name that a UFS cannot hold. */
function directoryRecord(name: string, inode: number, type: number): LeWriter {
  const nameBytes = UTF8.encode(name);
  if (nameBytes.length > UFS_MAXNAMLEN || /^$|[/\0]/.test(name)) {
    throw new VmmError("ERR_BAD_OPTION", `a UFS cannot hold a file named ${JSON.stringify(name)}`);
  }
  const record = new LeWriter(new Uint8Array(directoryRecordBytes(nameBytes.length)));
  record.u32(DIRECT.ino, inode);
  record.u16(DIRECT.reclen, record.bytes.length);
  record.u8(DIRECT.type, type);
  record.u8(DIRECT.namlen, nameBytes.length);
  record.put(DIRECT.name, nameBytes);
  return record;
}

/** In directory blocks of 512 bytes: the last record of each is stretched to its end, none crosses it. */
function packRecords(records: readonly LeWriter[]): Uint8Array {
  const blocks: { records: LeWriter[]; used: number }[] = [];
  for (const record of records) {
    const last = blocks.at(-1);
    if (last === undefined || last.used + record.bytes.length > DIRBLKSIZ) {
      blocks.push({ records: [record], used: record.bytes.length });
    } else {
      last.records.push(record);
      last.used += record.bytes.length;
    }
  }
  const bytes = new Uint8Array(blocks.length * DIRBLKSIZ);
  blocks.forEach(({ records, used }, i) => {
    const last = records.at(-1)!;
    last.u16(DIRECT.reclen, last.bytes.length + DIRBLKSIZ - used);
    let at = i * DIRBLKSIZ;
    for (const record of records) {
      bytes.set(record.bytes, at);
      at += record.bytes.length;
    }
  });
  return bytes;
}
