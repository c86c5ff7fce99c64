// SPDX-License-Identifier: BSD-2-Clause
// The teaching guest's disk: a GPT with a UFS2 partition that the loader reads, and one named "notes" that the
// kernel writes to. A pure function of the files in it.

import { type DirectoryNode, directory, file, type TreeNode } from "../build/file-tree.ts";
import { buildGpt } from "../build/gpt.ts";
import { buildUfs2 } from "../build/ufs2.ts";
import type { KernelFiles } from "./compile.ts";

const UFS_BYTES = 448 << 10;
const NOTES_BYTES = 16 << 10;
/** 2012-12-01 00:00:00 UTC, of every file. */
const TIME_SECONDS = 1_354_320_000;

/** `files` are text, by path from the root, beside what goes to /boot/kernel. */
export function teachDisk(
  kernelFiles: KernelFiles,
  files: Readonly<Record<string, string>>,
): Uint8Array {
  const root = new Map<string, TreeNode>();
  for (const [path, text] of Object.entries(files)) put(root, path.split("/"), file(text));
  for (const [name, bytes] of Object.entries(kernelFiles)) {
    put(root, ["boot", "kernel", name], file(bytes, 0o555));
  }
  const content = buildUfs2(directoryOf(root), {
    sizeBytes: UFS_BYTES,
    blockBytes: 4096,
    fragBytes: 512,
    timeSeconds: TIME_SECONDS,
    volumeName: "teach",
  });
  return buildGpt([
    { kind: "freebsd-ufs", name: "root", content },
    { kind: "freebsd-swap", name: "notes", content: new Uint8Array(NOTES_BYTES) },
  ]);
}

function directoryOf(entries: ReadonlyMap<string, TreeNode>): DirectoryNode {
  return directory(Object.fromEntries(entries));
}

/** Puts a file into a tree under construction, with the directories above it. */
function put(entries: Map<string, TreeNode>, path: readonly string[], node: TreeNode): void {
  const [name, ...rest] = path;
  if (rest.length === 0) {
    entries.set(name!, node);
    return;
  }
  const existing = entries.get(name!);
  const inner = new Map(existing?.kind === "directory" ? existing.entries : []);
  put(inner, rest, node);
  entries.set(name!, directoryOf(inner));
}
