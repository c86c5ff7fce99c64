// SPDX-License-Identifier: BSD-2-Clause
// Makes disks with a GUID partition table: UEFI specification 2.10 chapter 5. A pure function of its
// arguments: GUIDs that should be random are derived from names, so that builds repeat.
import { alignUp } from "../../src/base/bits.ts";
import { crc32 } from "../../src/base/crc32.ts";
import { VmmError } from "../../src/base/errors.ts";
import {
  GPT_ENTRY,
  GPT_ENTRY_BYTES,
  GPT_HEADER,
  GPT_HEADER_BYTES,
  GPT_NAME_CHARACTERS,
  GPT_REVISION_1_0,
  GPT_SIGNATURE,
  parseGuid,
} from "../../src/loader/disk/gpt.ts";
import { gptTypeOf, type PartitionKind } from "../../src/loader/disk/partition-kind.ts";
import { SECTOR_BYTES } from "../../src/loader/disk/sectors.ts";
import { LeWriter } from "./le-writer.ts";

export interface GptPartition {
  readonly kind: PartitionKind;
  /** Up to 36 UTF-16 units; FreeBSD shows it as /dev/gpt/NAME. */
  readonly name: string;
  /** The whole partition; filled with zeros to a whole sector. */
  readonly content: Uint8Array;
}

export interface GptOptions {
  /** What is executed from sector 0 when a BIOS boots the disk; at most 440 bytes. */
  readonly bootCode?: Uint8Array;
  /** Where partitions may begin: a multiple of so many bytes, itself a multiple of 512. */
  readonly alignBytes?: number;
}

const ENTRIES = 128;
const ENTRY_SECTORS = (ENTRIES * GPT_ENTRY_BYTES) / SECTOR_BYTES;
const FIRST_USABLE_LBA = 2 + ENTRY_SECTORS;
const BOOT_CODE_BYTES = 440;

/** A disk just large enough. Throws ERR_BAD_OPTION for a kind that GPT has no type for, or too many. */
export function buildGpt(
  partitions: readonly GptPartition[],
  { bootCode = new Uint8Array(0), alignBytes = 4096 }: GptOptions = {},
): Uint8Array {
  if (partitions.length > ENTRIES || bootCode.length > BOOT_CODE_BYTES) {
    const sentence = `a GPT has ${ENTRIES} partitions and ${BOOT_CODE_BYTES} bytes of boot code at most`;
    throw new VmmError("ERR_BAD_OPTION", sentence);
  }
  const alignSectors = alignBytes / SECTOR_BYTES;
  let nextLba = FIRST_USABLE_LBA;
  const placed = partitions.map((partition) => {
    const firstLba = alignUp(nextLba, alignSectors);
    nextLba = firstLba + Math.max(1, Math.ceil(partition.content.length / SECTOR_BYTES));
    return { ...partition, firstLba, lastLba: nextLba - 1 };
  });
  const lastUsableLba = alignUp(nextLba, alignSectors) - 1;
  const lastLba = lastUsableLba + ENTRY_SECTORS + 1;

  const disk = new LeWriter(new Uint8Array((lastLba + 1) * SECTOR_BYTES));
  writeProtectiveMbr(disk, bootCode, lastLba);
  for (const { content, firstLba } of placed) disk.put(firstLba * SECTOR_BYTES, content);
  const entries = makeEntries(placed);
  const header = { entries, lastUsableLba };
  writeTable(disk, { ...header, myLba: 1, alternateLba: lastLba, entriesLba: 2 });
  const secondary = { myLba: lastLba, alternateLba: 1, entriesLba: lastUsableLba + 1 };
  writeTable(disk, { ...header, ...secondary });
  return disk.bytes;
}

interface PlacedPartition extends GptPartition {
  readonly firstLba: number;
  readonly lastLba: number;
}

function makeEntries(partitions: readonly PlacedPartition[]): Uint8Array {
  const entries = new LeWriter(new Uint8Array(ENTRIES * GPT_ENTRY_BYTES));
  partitions.forEach(({ kind, name, firstLba, lastLba }, i) => {
    const type = gptTypeOf(kind);
    if (type === undefined) {
      throw new VmmError("ERR_BAD_OPTION", `there is no GPT type for a partition of kind ${kind}`);
    }
    const at = i * GPT_ENTRY_BYTES;
    entries.put(at + GPT_ENTRY.typeGuid, parseGuid(type));
    entries.put(at + GPT_ENTRY.uniqueGuid, deriveGuid(`${i} ${name}`));
    entries.u64(at + GPT_ENTRY.startingLba, firstLba);
    entries.u64(at + GPT_ENTRY.endingLba, lastLba);
    for (let c = 0; c < Math.min(name.length, GPT_NAME_CHARACTERS); c++) {
      entries.u16(at + GPT_ENTRY.name + 2 * c, name.charCodeAt(c));
    }
  });
  return entries.bytes;
}

function writeTable(
  disk: LeWriter,
  table: {
    readonly entries: Uint8Array;
    readonly lastUsableLba: number;
    readonly myLba: number;
    readonly alternateLba: number;
    readonly entriesLba: number;
  },
): void {
  const header = new LeWriter(new Uint8Array(GPT_HEADER_BYTES));
  const entriesCrc = crc32(table.entries);
  header.ascii(GPT_HEADER.signature, GPT_SIGNATURE);
  header.u32(GPT_HEADER.revision, GPT_REVISION_1_0);
  header.u32(GPT_HEADER.headerSize, GPT_HEADER_BYTES);
  header.u64(GPT_HEADER.myLba, table.myLba);
  header.u64(GPT_HEADER.alternateLba, table.alternateLba);
  header.u64(GPT_HEADER.firstUsableLba, FIRST_USABLE_LBA);
  header.u64(GPT_HEADER.lastUsableLba, table.lastUsableLba);
  header.put(GPT_HEADER.diskGuid, deriveGuid(`disk ${entriesCrc}`));
  header.u64(GPT_HEADER.partitionEntryLba, table.entriesLba);
  header.u32(GPT_HEADER.numberOfEntries, ENTRIES);
  header.u32(GPT_HEADER.sizeOfEntry, GPT_ENTRY_BYTES);
  header.u32(GPT_HEADER.entryArrayCrc32, entriesCrc);
  header.u32(GPT_HEADER.headerCrc32, crc32(header.bytes));
  disk.put(table.entriesLba * SECTOR_BYTES, table.entries);
  disk.put(table.myLba * SECTOR_BYTES, header.bytes);
}

/** One slice of type 0xee over the whole disk: UEFI 5.2.3. */
function writeProtectiveMbr(disk: LeWriter, bootCode: Uint8Array, lastLba: number): void {
  disk.put(0, bootCode);
  disk.put(446, Uint8Array.of(0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff));
  disk.u32(454, 1);
  disk.u32(458, Math.min(lastLba, 0xffffffff));
  disk.u16(510, 0xaa55);
}

/** Sixteen bytes that depend on the text, marked as a UUID of version 8 (RFC 9562). */
function deriveGuid(text: string): Uint8Array {
  const guid = new LeWriter(new Uint8Array(16));
  const bytes = new TextEncoder().encode(text);
  for (let word = 0; word < 4; word++) guid.u32(4 * word, crc32(bytes, word + 1));
  guid.bytes[7] = 0x80 | (guid.bytes[7]! & 0x0f);
  guid.bytes[8] = 0x80 | (guid.bytes[8]! & 0x3f);
  return guid.bytes;
}
