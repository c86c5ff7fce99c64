// SPDX-License-Identifier: BSD-2-Clause
// The GUID partition table: UEFI specification 2.10 chapter 5. The header in sector 1 counts, or, where
// that one or its entries are damaged, the copy in the last sector.
import { crc32 } from "../../base/crc32.ts";
import { LeView } from "../../base/le-view.ts";
import type { ByteSource } from "../byte-source.ts";
import { readSector, SECTOR_BYTES } from "./sectors.ts";

/** Offsets in the header (table 5.5) and in an entry (table 5.6). */
export const GPT_SIGNATURE = "EFI PART";
export const GPT_REVISION_1_0 = 0x10000;
export const GPT_HEADER_BYTES = 92;
export const GPT_ENTRY_BYTES = 128;
export const GPT_HEADER = {
  signature: 0,
  revision: 8,
  headerSize: 12,
  headerCrc32: 16,
  myLba: 24,
  alternateLba: 32,
  firstUsableLba: 40,
  lastUsableLba: 48,
  diskGuid: 56,
  partitionEntryLba: 72,
  numberOfEntries: 80,
  sizeOfEntry: 84,
  entryArrayCrc32: 88,
} as const;
export const GPT_ENTRY = {
  typeGuid: 0,
  uniqueGuid: 16,
  startingLba: 32,
  endingLba: 40,
  attributes: 48,
  name: 56,
} as const;
export const GPT_NAME_CHARACTERS = 36;
const UNUSED_TYPE = "00000000-0000-0000-0000-000000000000";
/** UEFI asks for 16 KiB of entries; nobody writes more than a few times that. */
const MAX_ENTRY_ARRAY_BYTES = 1 << 20;

/** One used entry. `index` is the number in its name, from 1: its place in the array. */
export interface GptEntry {
  readonly index: number;
  /** In lower case, as `516e7cb6-6ecf-11d6-8ff8-00022d09712b`. */
  readonly typeGuid: string;
  readonly name: string;
  readonly firstLba: number;
  readonly lastLba: number;
}

/** The entries, or why there are none to trust. */
export type GptResult = { readonly entries: GptEntry[] } | { readonly problem: string };

/** Never throws because of what the disk says. The problem named is that of the primary header. */
export function readGpt(source: ByteSource): GptResult {
  const primary = readTable(source, 1);
  if ("entries" in primary) return primary;
  const secondary = readTable(source, Math.floor(source.size / SECTOR_BYTES) - 1);
  return "entries" in secondary ? secondary : primary;
}

/** Sixteen bytes as text: the first three fields are little-endian, the rest is in order. */
function formatGuid(bytes: Uint8Array): string {
  const digits = GUID_ORDER.map((i) => bytes[i]!.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The bytes of what {@link formatGuid} gives. */
export function parseGuid(guid: string): Uint8Array {
  const bytes = new Uint8Array(16);
  guid
    .replaceAll("-", "")
    .match(/../g)
    ?.forEach((digits, i) => {
      bytes[GUID_ORDER[i]!] = Number.parseInt(digits, 16);
    });
  return bytes;
}

/** Which byte each pair of digits stands for. */
const GUID_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

function readTable(source: ByteSource, lba: number): GptResult {
  const header = readSector(source, lba);
  if (header === undefined) return { problem: "the disk ends before its header" };
  const problem = headerProblem(header, lba);
  if (problem !== undefined) return { problem };
  const bytes = header.u32(GPT_HEADER.numberOfEntries) * header.u32(GPT_HEADER.sizeOfEntry);
  const offset = header.u64(GPT_HEADER.partitionEntryLba) * SECTOR_BYTES;
  if (bytes > MAX_ENTRY_ARRAY_BYTES) return { problem: `its entries take ${bytes} bytes` };
  if (offset + bytes > source.size) return { problem: "its entries lie past the end of the disk" };
  const array = source.read(offset, bytes);
  if (crc32(array) !== header.u32(GPT_HEADER.entryArrayCrc32)) {
    return { problem: "the checksum of its entries is wrong" };
  }
  return { entries: readEntries(new LeView(array), header) };
}

function headerProblem(header: LeView, lba: number): string | undefined {
  if (header.latin1(GPT_HEADER.signature, 8) !== GPT_SIGNATURE) return "it has no GPT signature";
  const size = header.u32(GPT_HEADER.headerSize);
  if (size < GPT_HEADER_BYTES || size > SECTOR_BYTES) return `its header claims ${size} bytes`;
  const checked = header.bytes.slice(0, size);
  checked.fill(0, GPT_HEADER.headerCrc32, GPT_HEADER.headerCrc32 + 4);
  if (crc32(checked) !== header.u32(GPT_HEADER.headerCrc32)) {
    return "the checksum of its header is wrong";
  }
  if (header.u32(GPT_HEADER.revision) < GPT_REVISION_1_0) return "its revision is unknown";
  if (header.u64(GPT_HEADER.myLba) !== lba) return "its header belongs into another sector";
  const entryBytes = header.u32(GPT_HEADER.sizeOfEntry);
  if (entryBytes < GPT_ENTRY_BYTES || SECTOR_BYTES % entryBytes !== 0) {
    return `its entries are of ${entryBytes} bytes each`;
  }
  return undefined;
}

/** Entries that leave the usable sectors are passed over, as the loader does. */
function readEntries(array: LeView, header: LeView): GptEntry[] {
  const entryBytes = header.u32(GPT_HEADER.sizeOfEntry);
  const firstUsable = header.u64(GPT_HEADER.firstUsableLba);
  const lastUsable = header.u64(GPT_HEADER.lastUsableLba);
  const entries: GptEntry[] = [];
  for (let at = 0; at < array.bytes.length; at += entryBytes) {
    const typeGuid = formatGuid(array.slice(at + GPT_ENTRY.typeGuid, 16));
    if (typeGuid === UNUSED_TYPE) continue;
    const firstLba = array.u64(at + GPT_ENTRY.startingLba);
    const lastLba = array.u64(at + GPT_ENTRY.endingLba);
    if (firstLba < firstUsable || lastLba > lastUsable || firstLba > lastLba) continue;
    const name = readName(array, at + GPT_ENTRY.name);
    entries.push({ index: at / entryBytes + 1, typeGuid, name, firstLba, lastLba });
  }
  return entries;
}

function readName(array: LeView, at: number): string {
  const units = Array.from({ length: GPT_NAME_CHARACTERS }, (_, i) => array.u16(at + 2 * i));
  const end = units.indexOf(0);
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end)));
}
