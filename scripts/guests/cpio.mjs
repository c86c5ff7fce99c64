// SPDX-License-Identifier: BSD-2-Clause
// An initial RAM disk as Linux unpacks it: a cpio archive of the "newc" kind. Written here, and not by
// cpio(1), so that it may hold device nodes without root and is the same bytes from the same files.
// Linux: Documentation/driver-api/early-userspace/buffer-format.rst.

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

export const directory = (name) => ({ name, mode: S_IFDIR | 0o755 });
export const file = (name, content, permissions = 0o644) => ({
  name,
  mode: S_IFREG | permissions,
  content: Buffer.from(content),
});
export const link = (name, target) => ({
  name,
  mode: S_IFLNK | 0o777,
  content: Buffer.from(target),
});
export const characterDevice = (name, major, minor) => ({
  name,
  mode: S_IFCHR | 0o600,
  device: [major, minor],
});

/** The archive's bytes; entries in the order given, directories before what is in them. */
export function cpio(entries) {
  const end = { name: "TRAILER!!!", mode: 0 };
  return Buffer.concat([...entries, end].flatMap((entry, index) => member(entry, index + 1)));
}

function member({ name, mode, content = Buffer.alloc(0), device = [0, 0] }, inode) {
  const links = 1;
  const fields = [
    ...[inode, mode, 0, 0, links, 0, content.length],
    ...[0, 0, ...device, name.length + 1, 0],
  ];
  const header = `070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`;
  return [padded(Buffer.from(`${header}${name}\0`)), padded(content)];
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
