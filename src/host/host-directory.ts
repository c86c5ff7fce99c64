// SPDX-License-Identifier: BSD-2-Clause
// The directory of `bhyveload -h`, as the loader's `host0:`. It is confined as a chroot is: an absolute
// link starts at the directory, and `..` ends there. Nobody else should be rearranging it meanwhile: whoever
// can replace a directory inside by a link between two system calls can lead out of it.
import {
  type Dirent,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { VmmError } from "../base/errors.ts";
import type { ByteSource } from "../loader/byte-source.ts";
import type { FileKind, FileSystem } from "../loader/fs/file-system.ts";
import { type Tree, treeFileSystem } from "../loader/fs/tree.ts";
import { FileByteSource } from "./file-byte-source.ts";
import { hostError } from "./host-error.ts";

/** Throws ERR_NOT_FOUND or ERR_IO if `path` is not a directory that can be used. */
export function hostDirectory(path: string): FileSystem {
  try {
    // Nothing is no name, though the host takes it for where the command was started.
    if (path === "") throw Object.assign(new Error("no name"), { code: "ENOENT" });
    const root = realpathSync(path);
    if (statSync(root).isDirectory()) return treeFileSystem("host", new HostTree(root));
  } catch (cause) {
    throw hostError(`use the directory ${path}`, cause);
  }
  throw new VmmError("ERR_IO", `cannot use the directory ${path}: it is not a directory`);
}

interface HostNode {
  /** A real path below the root: no component of it is a link, but for the last of a link itself. */
  readonly path: string;
  readonly kind: FileKind;
  readonly size: number;
}

class HostTree implements Tree<HostNode> {
  readonly root: HostNode;

  constructor(root: string) {
    this.root = { path: root, kind: "directory", size: 0 };
  }

  kind(node: HostNode) {
    return node.kind;
  }

  size(node: HostNode) {
    return node.size;
  }

  lookup(directory: HostNode, name: string): HostNode | undefined {
    // A name that the host takes for a path is none of this directory's.
    if (name.includes("\0") || basename(name) !== name) return undefined;
    const path = join(directory.path, name);
    try {
      const stat = lstatSync(path);
      return { path, kind: kindOf(stat), size: stat.size };
    } catch (cause) {
      const error = hostError(`look at ${path}`, cause);
      if (error.code === "ERR_NOT_FOUND") return undefined;
      throw error;
    }
  }

  readLink(link: HostNode) {
    try {
      return readlinkSync(link.path);
    } catch (cause) {
      throw hostError(`read the link ${link.path}`, cause);
    }
  }

  entries(directory: HostNode) {
    try {
      return readdirSync(directory.path, { withFileTypes: true })
        .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (cause) {
      throw hostError(`list ${directory.path}`, cause);
    }
  }

  /** Opens the file for each read: nobody closes what a filesystem has opened. */
  content(file: HostNode): ByteSource {
    return {
      size: file.size,
      read(offset, length) {
        const source = new FileByteSource(file.path, { followLinks: false });
        try {
          return source.read(offset, length);
        } finally {
          source.close();
        }
      },
    };
  }
}

function kindOf(entry: Stats | Dirent): FileKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  return entry.isSymbolicLink() ? "symlink" : "other";
}
