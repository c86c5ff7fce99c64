// SPDX-License-Identifier: BSD-2-Clause
// Filesystems that are recognised in order to say that they are not read.
import { LeView } from "../../base/le-view.ts";
import type { ByteSource } from "../byte-source.ts";

/** Text at a fixed place that gives a filesystem away. */
const SIGNATURES: readonly { readonly name: string; readonly at: number; readonly text: string }[] =
  [
    { name: "NTFS", at: 3, text: "NTFS    " },
    { name: "exFAT", at: 3, text: "EXFAT   " },
    { name: "FAT12", at: 54, text: "FAT12   " },
    { name: "FAT16", at: 54, text: "FAT16   " },
    { name: "FAT32", at: 82, text: "FAT32   " },
    { name: "XFS", at: 0, text: "XFSB" },
    { name: "Btrfs", at: 0x10040, text: "_BHRfS_M" },
  ];

/** What the partition holds, as a name to show; undefined if it is nothing known. */
export function identifyForeign(source: ByteSource): string | undefined {
  if (isZfs(source)) return "ZFS";
  const signature = SIGNATURES.find(({ at, text }) => fieldAt(source, at, text.length) === text);
  return signature?.name ?? identifyExt(source);
}

function fieldAt(source: ByteSource, at: number, length: number): string | undefined {
  if (at + length > source.size) return undefined;
  return String.fromCharCode(...source.read(at, length));
}

/** A vdev label of 256 KiB ends in a ring of uberblocks, of either byte order (ZFS On-Disk Specification 1.2). */
function isZfs(source: ByteSource): boolean {
  const ringAt = 128 << 10;
  const ringBytes = 128 << 10;
  if (ringAt + ringBytes > source.size) return false;
  const ring = new LeView(source.read(ringAt, ringBytes));
  for (let at = 0; at < ringBytes; at += 1024) {
    const [low, high] = [ring.u32(at), ring.u32(at + 4)];
    if (low === 0x00bab10c && high === 0) return true;
    if (low === 0 && high === 0x0cb1ba00) return true;
  }
  return false;
}

/** ext2 to ext4 share a superblock and differ in features (Linux, Documentation/filesystems/ext4/super.rst). */
function identifyExt(source: ByteSource): string | undefined {
  if (2048 > source.size) return undefined;
  const superblock = new LeView(source.read(1024, 1024));
  if (superblock.u16(0x38) !== 0xef53) return undefined;
  const hasJournal = (superblock.u32(0x5c) & 0x4) !== 0;
  // Extents, 64-bit block numbers, flexible block groups.
  const hasExt4Features = (superblock.u32(0x60) & (0x40 | 0x80 | 0x200)) !== 0;
  if (hasExt4Features) return "ext4";
  return hasJournal ? "ext3" : "ext2";
}
