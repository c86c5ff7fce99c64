// SPDX-License-Identifier: BSD-2-Clause
import { LeView } from "../../base/le-view.ts";
import type { ByteSource } from "../byte-source.ts";

/** A disk image in a file has sectors of 512 bytes: what bhyveload answers to DIOCGSECTORSIZE. */
export const SECTOR_BYTES = 512;

/** One sector; undefined where the image ends before it does. `lba` may be any number. */
export function readSector(source: ByteSource, lba: number): LeView | undefined {
  const offset = lba * SECTOR_BYTES;
  if (!(offset >= 0 && offset + SECTOR_BYTES <= source.size)) return undefined;
  return new LeView(source.read(offset, SECTOR_BYTES));
}
