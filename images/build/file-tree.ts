// SPDX-License-Identifier: BSD-2-Clause
// What goes into an image: files, directories and symbolic links, as plain data. Owner is root.

export type TreeNode = FileNode | DirectoryNode | SymlinkNode;

export interface FileNode {
  readonly kind: "file";
  readonly content: SparseContent;
  /** Permission bits. */
  readonly mode: number;
}

export interface DirectoryNode {
  readonly kind: "directory";
  /** In the order in which the image lists them. */
  readonly entries: ReadonlyMap<string, TreeNode>;
  readonly mode: number;
}

export interface SymlinkNode {
  readonly kind: "symlink";
  readonly target: string;
}

/** Bytes with holes: what no chunk covers reads as zeros and takes no blocks. Chunks do not overlap. */
export interface SparseContent {
  readonly size: number;
  readonly chunks: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

export function file(content: Uint8Array | string, mode = 0o644): FileNode {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return sparseFile({ size: bytes.length, chunks: [{ offset: 0, bytes }] }, mode);
}

export function sparseFile(content: SparseContent, mode = 0o644): FileNode {
  return { kind: "file", content, mode };
}

export function directory(entries: Record<string, TreeNode>, mode = 0o755): DirectoryNode {
  return { kind: "directory", entries: new Map(Object.entries(entries)), mode };
}

export function symlink(target: string): SymlinkNode {
  return { kind: "symlink", target };
}
