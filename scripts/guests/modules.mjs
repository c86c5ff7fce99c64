// SPDX-License-Identifier: BSD-2-Clause
// Kernel modules in the order they have to be inserted: each states in its .modinfo section what it needs.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** What a root filesystem on a virtio disk takes, where it is not built into the kernel. */
const DISK_MODULES = ["virtio_pci", "virtio_blk", "ext4"];

/** `{ name, content }` of the modules for a disk, dependencies first. `root` is an unpacked package's. */
export function diskModules(root) {
  const files = modulesBelow(path.join(root, "lib/modules"), path.join(root, "usr/lib/modules"));
  const ordered = new Map();
  const insert = (name) => {
    if (ordered.has(name) || !files.has(name)) return;
    const content = readModule(files.get(name));
    for (const needed of dependencies(content)) insert(needed);
    ordered.set(name, content);
  };
  for (const name of DISK_MODULES) insert(name);
  return [...ordered].map(([name, content]) => ({ name, content }));
}

/** Module name → path. Modules that are not there are taken to be built in; mounting the disk tells. */
function modulesBelow(...directories) {
  const files = new Map();
  for (const directory of directories.filter((each) => fs.existsSync(each))) {
    for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const match = /^(.*)\.ko(\.xz|\.zst)?$/.exec(entry.name);
      if (match === null) continue;
      files.set(
        match[1].replaceAll("-", "_"),
        path.join(entry.parentPath ?? entry.path, entry.name),
      );
    }
  }
  return files;
}

function readModule(file) {
  if (file.endsWith(".ko")) return fs.readFileSync(file);
  const program = file.endsWith(".xz") ? "xz" : "zstd";
  return execFileSync(program, ["--decompress", "--stdout", file], { maxBuffer: 64 << 20 });
}

/** The list behind `depends=` in a module's .modinfo. */
function dependencies(content) {
  const key = Buffer.from("\0depends=");
  const at = content.indexOf(key);
  if (at < 0) return [];
  const text = content.toString("latin1", at + key.length, content.indexOf(0, at + key.length));
  return text
    .split(",")
    .filter((name) => name !== "")
    .map((name) => name.replaceAll("-", "_"));
}
