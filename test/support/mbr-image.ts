// SPDX-License-Identifier: BSD-2-Clause
// Writes master boot records, extended boot records and BSD labels into an image.
import { LeWriter } from "../../images/build/le-writer.ts";
import { SECTOR_BYTES } from "../../src/loader/disk/sectors.ts";

export interface MbrEntry {
  readonly type: number;
  readonly firstLba: number;
  readonly sectors: number;
  readonly isActive?: boolean;
}

/** A boot record at `lba`; the entries' places are written as given. */
export function writeMbr(image: Uint8Array, entries: readonly MbrEntry[], lba = 0): void {
  const sector = new LeWriter(image.subarray(lba * SECTOR_BYTES, (lba + 1) * SECTOR_BYTES));
  entries.forEach(({ type, firstLba, sectors, isActive = false }, i) => {
    const at = 446 + 16 * i;
    sector.u8(at, isActive ? 0x80 : 0);
    sector.u8(at + 4, type);
    sector.u32(at + 8, firstLba);
    sector.u32(at + 12, sectors);
  });
  sector.u16(510, 0xaa55);
}

export interface LabelEntry {
  readonly letter: string;
  readonly fsType: number;
  /** As written: relative to the slice, or to the disk where `c` says so. */
  readonly offset: number;
  readonly sectors: number;
}

/** A BSD label for what starts at `lba`. */
export function writeBsdLabel(image: Uint8Array, entries: readonly LabelEntry[], lba = 0): void {
  const at = (lba + 1) * SECTOR_BYTES;
  const label = new LeWriter(image.subarray(at, at + SECTOR_BYTES));
  label.u32(0, 0x82564557);
  label.u32(40, SECTOR_BYTES);
  label.u32(132, 0x82564557);
  label.u16(138, 8);
  for (const { letter, fsType, offset, sectors } of entries) {
    const entryAt = 148 + 16 * (letter.charCodeAt(0) - "a".charCodeAt(0));
    label.u32(entryAt, sectors);
    label.u32(entryAt + 4, offset);
    label.u8(entryAt + 12, fsType);
  }
}
