// SPDX-License-Identifier: BSD-2-Clause
// What every filesystem does alike: finding a path node by node, and saying what is wrong with it.
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import type { DirectoryEntry, FileKind, FileSystem } from "./file-system.ts";

/** Symbolic links followed on the way to one file: the kernel's MAXSYMLINKS. */
const MAX_SYMLINKS = 32;
/** The kernel's MAXPATHLEN, for a path and for the target of a link. */
const MAX_PATH_CHARACTERS = 1024;
/** Names looked up for one path, those of links included: links can point at each other in long rounds. */
const MAX_LOOKUPS = 256;

/**
 * A filesystem's own part. Methods throw for the image's sake alone: ERR_BAD_IMAGE where it is damaged,
 * ERR_UNSUPPORTED where it uses what is not there, ERR_IO where it cannot be read.
 */
export interface Tree<Node> {
  readonly root: Node;
  kind(node: Node): FileKind;
  size(node: Node): number;
  /** `name` is never empty, `.` or `..`. */
  lookup(directory: Node, name: string): Node | undefined;
  readLink(symlink: Node): string;
  entries(directory: Node): DirectoryEntry[];
  content(file: Node): ByteSource;
}

/** The filesystem that a tree makes. `..` goes back the way it came and ends at the root. */
export function treeFileSystem<Node>(type: string, tree: Tree<Node>): FileSystem {
  const find = (path: string, wanted: FileKind): Node => {
    const node = walkPath(tree, path);
    if (node === undefined) throw new VmmError("ERR_NOT_FOUND", `there is no ${wanted} ${path}`);
    const kind = tree.kind(node);
    if (kind !== wanted)
      throw new VmmError("ERR_NOT_FOUND", `${path} is ${A[kind]}, not ${A[wanted]}`);
    return node;
  };
  return {
    type,
    stat(path) {
      const node = walkPath(tree, path);
      return node === undefined ? undefined : { kind: tree.kind(node), size: tree.size(node) };
    },
    open: (path) => tree.content(find(path, "file")),
    list: (path) => tree.entries(find(path, "directory")),
  };
}

const A: Record<FileKind, string> = {
  file: "a file",
  directory: "a directory",
  symlink: "a symbolic link",
  other: "neither file nor directory",
};

/** The node at a path; undefined if there is none, or if links lead on for too long. */
function walkPath<Node>(tree: Tree<Node>, path: string): Node | undefined {
  if (path.length > MAX_PATH_CHARACTERS) return undefined;
  const way = [tree.root];
  const names = namesOf(path);
  let links = 0;
  let lookups = 0;
  while (names.length > 0) {
    const name = names.pop()!;
    const directory = way.at(-1)!;
    if (tree.kind(directory) !== "directory" || ++lookups > MAX_LOOKUPS) return undefined;
    if (name === "..") {
      if (way.length > 1) way.pop();
      continue;
    }
    const node = tree.lookup(directory, name);
    if (node === undefined) return undefined;
    if (tree.kind(node) !== "symlink") {
      way.push(node);
      continue;
    }
    const target = ++links > MAX_SYMLINKS ? "" : tree.readLink(node);
    if (target === "" || target.length > MAX_PATH_CHARACTERS) return undefined;
    if (target.startsWith("/")) way.length = 1;
    names.push(...namesOf(target));
  }
  return way.at(-1);
}

/** The names of a path, the last first, so that the next one to look up is at the end. */
function namesOf(path: string): string[] {
  return path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .reverse();
}
