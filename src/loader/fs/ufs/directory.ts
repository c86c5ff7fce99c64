// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import type { FileKind } from "../file-system.ts";
import {
  DIRBLKSIZ,
  DIRECT,
  DT_DIR,
  DT_LNK,
  DT_REG,
  DT_UNKNOWN,
  directoryRecordBytes,
} from "./format.ts";

export interface UfsDirectoryEntry {
  readonly inode: number;
  readonly name: string;
  /** Undefined where only the inode knows. */
  readonly kind: FileKind | undefined;
}

const KINDS: ReadonlyMap<number, FileKind | undefined> = new Map([
  [DT_UNKNOWN, undefined],
  [DT_REG, "file"],
  [DT_DIR, "directory"],
  [DT_LNK, "symlink"],
]);
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The entries of a directory, `.` and `..` included. Throws ERR_BAD_IMAGE where an entry fails the
 * checks of the kernel's ufs_dirbadentry; `what` names the directory.
 */
export function parseDirectory(content: Uint8Array, what: string): UfsDirectoryEntry[] {
  const view = new LeView(content);
  const entries: UfsDirectoryEntry[] = [];
  for (let at = 0; at < content.length; ) {
    // No entry crosses from one directory block into the next.
    const room = Math.min(DIRBLKSIZ - (at % DIRBLKSIZ), content.length - at);
    const length = room < DIRECT.name ? 0 : view.u16(at + DIRECT.reclen);
    const nameBytes = length === 0 ? 0 : view.u8(at + DIRECT.namlen);
    if (length % 4 !== 0 || length > room || length < directoryRecordBytes(nameBytes)) {
      throw new VmmError("ERR_BAD_IMAGE", `${what} is damaged at byte ${at}`);
    }
    const inode = view.u32(at + DIRECT.ino);
    if (inode !== 0) {
      const name = UTF8.decode(view.slice(at + DIRECT.name, nameBytes));
      if (name === "" || /[/\0]/.test(name)) {
        throw new VmmError("ERR_BAD_IMAGE", `${what} holds an impossible name at byte ${at}`);
      }
      const type = view.u8(at + DIRECT.type);
      entries.push({ inode, name, kind: KINDS.has(type) ? KINDS.get(type) : "other" });
    }
    at += length;
  }
  return entries;
}
