// SPDX-License-Identifier: BSD-2-Clause
// UFS1 and UFS2, FreeBSD's own filesystem, read as its loader does (stand/libsa/ufs.c). Left out: files of
// 4.2BSD's old inode format, which today's kernels refuse too; extended attributes; snapshots' block maps.
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { cachedSource } from "../disk/block-cache.ts";
import type { FileSystem } from "./file-system.ts";
import { type Tree, treeFileSystem } from "./tree.ts";
import { inodeSource } from "./ufs/block-map.ts";
import { parseDirectory, type UfsDirectoryEntry } from "./ufs/directory.ts";
import { UFS_ROOTINO } from "./ufs/format.ts";
import { type Inode, readInode } from "./ufs/inode.ts";
import { readSuperblock, type Superblock, shortLinkBytes } from "./ufs/superblock.ts";

/** Blocks of inodes, directories and addresses that are kept: up to 4 MiB with the largest blocks. */
const CACHED_BLOCKS = 64;
/** Directories kept in parsed form. */
const CACHED_DIRECTORIES = 32;
/** Some 200,000 files. A directory is read whole, so a damaged one must not be believed. */
const MAX_DIRECTORY_BYTES = 8 << 20;
const MAX_LINK_BYTES = 1024;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The filesystem in a partition; undefined if it is not UFS. Throws as {@link readSuperblock} does, and
 * ERR_BAD_IMAGE if there is no root directory.
 */
export function mountUfs(source: ByteSource): FileSystem | undefined {
  const sb = readSuperblock(source);
  return sb === undefined ? undefined : treeFileSystem("ufs", new UfsTree(source, sb));
}

class UfsTree implements Tree<Inode> {
  readonly root: Inode;
  readonly #source: ByteSource;
  readonly #metadata: ByteSource;
  readonly #sb: Superblock;
  /** By inode number. */
  readonly #directories = new Map<number, Map<string, UfsDirectoryEntry>>();

  constructor(source: ByteSource, sb: Superblock) {
    this.#source = source;
    this.#sb = sb;
    this.#metadata = cachedSource(source, { blockBytes: sb.blockBytes, blocks: CACHED_BLOCKS });
    this.root = this.#inode(UFS_ROOTINO);
    if (this.root.kind !== "directory") {
      throw new VmmError("ERR_BAD_IMAGE", "the root of the UFS filesystem is not a directory");
    }
  }

  kind(inode: Inode) {
    return inode.kind;
  }

  size(inode: Inode) {
    return inode.size;
  }

  lookup(directory: Inode, name: string) {
    const entry = this.#read(directory).get(name);
    return entry === undefined ? undefined : this.#inode(entry.inode);
  }

  entries(directory: Inode) {
    return [...this.#read(directory).values()]
      .filter(({ name }) => name !== "." && name !== "..")
      .map(({ name, kind, inode }) => ({ name, kind: kind ?? this.#inode(inode).kind }));
  }

  readLink(link: Inode) {
    if (link.size > MAX_LINK_BYTES) {
      const sentence = `the symbolic link in inode ${link.number} is ${link.size} bytes long`;
      throw new VmmError("ERR_BAD_IMAGE", sentence);
    }
    const isShort = link.size < shortLinkBytes(this.#sb.format);
    return UTF8.decode(
      isShort ? link.inline.subarray(0, link.size) : this.content(link).read(0, link.size),
    );
  }

  content(inode: Inode) {
    return inodeSource(this.#sb, inode, this.#source, this.#metadata);
  }

  #inode(number: number): Inode {
    return readInode(this.#metadata, this.#sb, number);
  }

  #read(directory: Inode): Map<string, UfsDirectoryEntry> {
    const known = this.#directories.get(directory.number);
    if (known !== undefined) return known;
    const what = `the directory in inode ${directory.number}`;
    if (directory.size > MAX_DIRECTORY_BYTES) {
      throw new VmmError("ERR_BAD_IMAGE", `${what} claims ${directory.size} bytes`);
    }
    const entries = parseDirectory(this.content(directory).read(0, directory.size), what);
    const byName = new Map<string, UfsDirectoryEntry>();
    for (const entry of entries) if (!byName.has(entry.name)) byName.set(entry.name, entry);
    if (this.#directories.size === CACHED_DIRECTORIES) this.#directories.clear();
    this.#directories.set(directory.number, byName);
    return byName;
  }
}
