// SPDX-License-Identifier: BSD-2-Clause
// The master boot record and its chain of extended boot records, as FreeBSD's loader takes them
// (stand/common/part.c, sys/disk/mbr.h). Cylinder/head/sector fields are not looked at.
import type { LeView } from "../../base/le-view.ts";
import type { ByteSource } from "../byte-source.ts";
import { readSector } from "./sectors.ts";

const DOSPARTOFF = 446;
const DOSPARTSIZE = 16;
const NDOSPART = 4;
const DOSMAGICOFFSET = 510;
const DOSMAGIC = 0xaa55;
const DOSPTYP_EXT = 0x05;
const DOSPTYP_EXTLBA = 0x0f;
const DOSPTYP_PMBR = 0xee;
const FLAG_ACTIVE = 0x80;
/** Logical slices that are looked for: more than any system makes, few enough for a chain that is a circle. */
const MAX_LOGICAL_SLICES = 64;

/** One slice. `index` is the number in its name: 1 to 4, from 5 on for those in an extended slice. */
export interface MbrSlice {
  readonly index: number;
  readonly type: number;
  readonly isActive: boolean;
  readonly firstLba: number;
  readonly sectors: number;
}

export interface Mbr {
  /** It only guards a GPT: what it says of slices is for systems that know no better. */
  readonly isProtective: boolean;
  readonly slices: readonly MbrSlice[];
}

/** Undefined if sector 0 is no boot record, or one without a table, as filesystems have it. */
export function readMbr(source: ByteSource): Mbr | undefined {
  const sector = readSector(source, 0);
  if (sector === undefined || !hasMagic(sector)) return undefined;
  const entries = readEntries(sector);
  if (entries.some(({ flag }) => flag !== 0 && flag !== FLAG_ACTIVE)) return undefined;
  const isProtective = entries.some((e) => e.type === DOSPTYP_PMBR && e.start === 1);
  const slices = entries.flatMap((entry, i) => (isUsed(entry) ? [slice(entry, i + 1, 0)] : []));
  const extended = slices.find(({ type }) => isExtendedType(type));
  if (extended !== undefined) slices.push(...readLogicalSlices(source, extended.firstLba));
  return { isProtective, slices };
}

/** A slice that only holds further slices. */
export function isExtendedType(type: number): boolean {
  return type === DOSPTYP_EXT || type === DOSPTYP_EXTLBA;
}

/** Follows the chain; where it is damaged, what came before still counts. */
function readLogicalSlices(source: ByteSource, extendedLba: number): MbrSlice[] {
  const slices: MbrSlice[] = [];
  let lba = extendedLba;
  while (slices.length < MAX_LOGICAL_SLICES) {
    const sector = readSector(source, lba);
    if (sector === undefined || !hasMagic(sector)) break;
    const [logical, next] = readEntries(sector);
    if (logical === undefined || next === undefined || !isUsed(logical)) break;
    slices.push(slice(logical, 5 + slices.length, lba));
    if (!isUsed(next)) break;
    lba = extendedLba + next.start;
  }
  return slices;
}

interface DosPartition {
  readonly flag: number;
  readonly type: number;
  readonly start: number;
  readonly size: number;
}

function readEntries(sector: LeView): DosPartition[] {
  return Array.from({ length: NDOSPART }, (_, i) => {
    const at = DOSPARTOFF + i * DOSPARTSIZE;
    return {
      flag: sector.u8(at),
      type: sector.u8(at + 4),
      start: sector.u32(at + 8),
      size: sector.u32(at + 12),
    };
  });
}

function isUsed(entry: DosPartition): boolean {
  return entry.type !== 0 && entry.start !== 0 && entry.size !== 0;
}

function slice(entry: DosPartition, index: number, baseLba: number): MbrSlice {
  const { type, flag, start, size } = entry;
  const isActive = flag === FLAG_ACTIVE;
  return { index, type, isActive, firstLba: baseLba + start, sectors: size };
}

function hasMagic(sector: LeView): boolean {
  return sector.u16(DOSMAGICOFFSET) === DOSMAGIC;
}
