// SPDX-License-Identifier: BSD-2-Clause
// What SMBIOS says of the RAM, DSP0134: Physical Memory Array (§7.17, type 16), Memory Device (§7.18, type
// 17), Memory Array Mapped Address (§7.20, type 19). As on bhyve, one device holds all of it.
import { HIGHMEM_BASE, MIB } from "../../mmu/guest-memory.ts";
import { NO_HANDLE, type StructureTable } from "./smbios-structure.ts";

/** All three kinds, for this many bytes below 4 GiB and from there up, 32 GiB at most in all. */
export function addMemory(table: StructureTable, lowmem: number, highmem: number): void {
  const systemBoard = 3;
  const systemMemory = 3;
  const noCorrection = 3;
  const useExtendedSize = 0x80000000;
  const devices = 1;
  const array = table.add(16, (fields) =>
    fields
      .u8(systemBoard)
      .u8(systemMemory)
      .u8(noCorrection)
      .u32(useExtendedSize)
      .u16(NO_HANDLE)
      .u16(devices)
      .u64(lowmem + highmem),
  );
  addMemoryDevice(table, array, lowmem + highmem);
  addMappedAddress(table, array, 0, lowmem);
  if (highmem > 0) addMappedAddress(table, array, HIGHMEM_BASE, highmem);
}

function addMemoryDevice(table: StructureTable, array: number, bytes: number): void {
  const widthBits = 64;
  const unknownForm = 2;
  const unknownType = 2;
  const unknownDetail = 1 << 2;
  const rankSizeSpeedVoltage = 1 + 4 + 2 + 2 + 2 + 2;
  table.add(17, (fields) =>
    fields
      .u16(array)
      .u16(NO_HANDLE)
      .u16(widthBits)
      .u16(widthBits)
      .u16(Math.floor(bytes / MIB))
      .u8(unknownForm)
      .u8(0)
      .string(" ")
      .string(" ")
      .u8(unknownType)
      .u16(unknownDetail)
      .u16(0)
      .string(" ")
      .string("None")
      .string("None")
      .string("None")
      .zeros(rankSizeSpeedVoltage),
  );
}

/** `length` bytes from `start`; the 32-bit fields defer to the 64-bit ones, whose end is inclusive. */
function addMappedAddress(
  table: StructureTable,
  array: number,
  start: number,
  length: number,
): void {
  const useExtended = 0xffffffff;
  const partitionWidth = 1;
  table.add(19, (fields) =>
    fields
      .u32(useExtended)
      .u32(useExtended)
      .u16(array)
      .u8(partitionWidth)
      .u64(start)
      .u64(start + length - 1),
  );
}
