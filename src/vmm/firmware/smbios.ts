// SPDX-License-Identifier: BSD-2-Clause
// System Management BIOS, DSP0134: entry point (§5.2.1) and structure table (§6.1, §7). Announced as 2.6,
// with the fields of 2.7 and 2.8 that bhyve fills in (smbiostbl.c): readers go by a structure's length.
// Not taken over from bhyve: handles that miss their structure by one, address ranges that end a byte
// late, a count of two memory devices where one is described.
import { ByteWriter, concatBytes, zeroSumByte } from "../../base/byte-writer.ts";
import { VmmError } from "../../base/errors.ts";
import type { CpuTopology, SmbiosDescription, SmbiosStringName } from "./description.ts";
import { addMemory } from "./smbios-memory.ts";
import { NO_HANDLE, StructureTable } from "./smbios-structure.ts";
import { UUID_BYTES } from "./smbios-uuid.ts";

const SMBIOS_ENTRY_POINT_BYTES = 0x1f;

const MAJOR = 2;
const MINOR = 6;
const CHECKSUM_OFFSET = 4;
const INTERMEDIATE_OFFSET = 0x10;
const INTERMEDIATE_CHECKSUM_OFFSET = 0x15;

const MAX_STRING = 255;

/** What the strings say unless the configuration says otherwise. */
const DEFAULT_STRINGS: Readonly<Record<SmbiosStringName, string>> = {
  "bios.vendor": "BHYVE",
  "bios.version": "13.0",
  "bios.release_date": "11/10/2020",
  "system.manufacturer": "FreeBSD",
  "system.product_name": "BHYVE",
  "system.version": "1.0",
  "system.serial_number": "None",
  "system.sku": "None",
  "system.family_name": "Virtual Machine",
  "board.manufacturer": "FreeBSD",
  "board.product_name": "BHYVE",
  "board.version": "1.0",
  "board.serial_number": "None",
  "board.asset_tag": "None",
  "board.location": "None",
  "chassis.manufacturer": "FreeBSD",
  "chassis.version": "1.0",
  "chassis.serial_number": "None",
  "chassis.asset_tag": "None",
  "chassis.sku": "None",
};

export interface SmbiosMachine {
  readonly topology: CpuTopology;
  /** Bytes of RAM below 4 GiB and from there up; 32 GiB at most in all. */
  readonly lowmem: number;
  readonly highmem: number;
  readonly smbios: SmbiosDescription;
}

/**
 * Entry point and structures, for `gpa`, a multiple of 16. Throws ERR_BAD_OPTION for a string that is not
 * printable ASCII of at most 255 characters, and for a UUID that has not 16 bytes.
 */
export function smbiosTable(machine: SmbiosMachine, gpa: number): Uint8Array {
  const table = new StructureTable();
  const text = strings(machine.smbios);
  addBios(table, text);
  addSystem(table, text, machine.smbios.uuid);
  addBoardAndChassis(table, text);
  for (let socket = 0; socket < machine.topology.sockets; socket++) {
    addProcessor(table, socket, machine.topology);
  }
  addMemory(table, machine.lowmem, machine.highmem);
  addBootStatus(table);
  addEndOfTable(table);
  return concatBytes([entryPoint(table, gpa + SMBIOS_ENTRY_POINT_BYTES), table.toBytes()]);
}

type StringSource = (name: SmbiosStringName) => string;

function strings({ strings: overrides }: SmbiosDescription): StringSource {
  return (name) => {
    const value = overrides?.[name] ?? DEFAULT_STRINGS[name];
    if (!/^[\x20-\x7e]*$/.test(value) || value.length > MAX_STRING) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `${name} must be at most ${MAX_STRING} characters of printable ASCII: ${JSON.stringify(value)}`,
      );
    }
    return value;
  };
}

/** §5.2.1: the structure's own checksum, and one over the part that older readers look for by "_DMI_". */
function entryPoint(table: StructureTable, tableGpa: number): Uint8Array {
  const formattedArea = 5;
  const bytes = new ByteWriter()
    .text("_SM_")
    .u8(0)
    .u8(SMBIOS_ENTRY_POINT_BYTES)
    .u8(MAJOR)
    .u8(MINOR)
    .u16(table.largestBytes)
    .u8(0)
    .zeros(formattedArea)
    .text("_DMI_")
    .u8(0)
    .u16(table.toBytes().length)
    .u32(tableGpa)
    .u16(table.count)
    .u8((MAJOR << 4) | MINOR)
    .toBytes();
  bytes[INTERMEDIATE_CHECKSUM_OFFSET] = zeroSumByte(bytes.subarray(INTERMEDIATE_OFFSET));
  bytes[CHECKSUM_OFFSET] = zeroSumByte(bytes);
  return bytes;
}

/** §7.1 BIOS Information (type 0). */
function addBios(table: StructureTable, text: StringSource): void {
  const segment = 0xf000;
  const romSize64K = 0;
  // ISA, PCI, shadowing, boot from CD, Enhanced Disk Drive; then ACPI; boot specification, virtual machine.
  const characteristics = (1 << 4) | (1 << 7) | (1 << 12) | (1 << 15) | (1 << 19);
  const extension1 = 1 << 0;
  const extension2 = (1 << 0) | (1 << 4);
  const noController = 0xff;
  table.add(0, (fields) =>
    fields
      .string(text("bios.vendor"))
      .string(text("bios.version"))
      .u16(segment)
      .string(text("bios.release_date"))
      .u8(romSize64K)
      .u64(characteristics)
      .u8(extension1)
      .u8(extension2)
      .u8(0)
      .u8(0)
      .u8(noController)
      .u8(noController),
  );
}

/** §7.2 System Information (type 1). */
function addSystem(table: StructureTable, text: StringSource, uuid: Uint8Array): void {
  if (uuid.length !== UUID_BYTES) {
    throw new VmmError("ERR_BAD_OPTION", `a UUID has ${UUID_BYTES} bytes, not ${uuid.length}`);
  }
  const wakeUpPowerSwitch = 6;
  table.add(1, (fields) =>
    fields
      .string(text("system.manufacturer"))
      .string(text("system.product_name"))
      .string(text("system.version"))
      .string(text("system.serial_number"))
      .bytes(uuid)
      .u8(wakeUpPowerSwitch)
      .string(text("system.sku"))
      .string(text("system.family_name")),
  );
}

/** §7.3 Baseboard Information (type 2), §7.4 System Enclosure or Chassis (type 3). */
function addBoardAndChassis(table: StructureTable, text: StringSource): void {
  const hostingBoard = 1;
  const motherboard = 0x0a;
  const chassisHandle = table.nextHandle + 1;
  table.add(2, (fields) =>
    fields
      .string(text("board.manufacturer"))
      .string(text("board.product_name"))
      .string(text("board.version"))
      .string(text("board.serial_number"))
      .string(text("board.asset_tag"))
      .u8(hostingBoard)
      .string(text("board.location"))
      .u16(chassisHandle)
      .u8(motherboard)
      .u8(0),
  );
  const unknownType = 2;
  const safe = 3;
  const noSecurity = 3;
  const oemHeightCordsElements = 4 + 1 + 1 + 1 + 1;
  table.add(3, (fields) =>
    fields
      .string(text("chassis.manufacturer"))
      .u8(unknownType)
      .string(text("chassis.version"))
      .string(text("chassis.serial_number"))
      .string(text("chassis.asset_tag"))
      .u8(safe)
      .u8(safe)
      .u8(safe)
      .u8(noSecurity)
      .zeros(oemHeightCordsElements)
      .string(text("chassis.sku")),
  );
}

/** §7.5 Processor Information (type 4): one socket, all of it enabled. */
function addProcessor(table: StructureTable, socket: number, topology: CpuTopology): void {
  const centralProcessor = 3;
  const otherFamily = 1;
  const voltageAndClocks = 1 + 2 + 2 + 2;
  const populatedAndEnabled = 0x41;
  const noUpgrade = 6;
  const capable64Bit = 1 << 2;
  const enabledUnknown = 0;
  table.add(4, (fields) =>
    fields
      .string(`CPU #${socket}`)
      .u8(centralProcessor)
      .u8(otherFamily)
      .string(" ")
      .u64(0)
      .string(" ")
      .zeros(voltageAndClocks)
      .u8(populatedAndEnabled)
      .u8(noUpgrade)
      .u16(NO_HANDLE)
      .u16(NO_HANDLE)
      .u16(NO_HANDLE)
      .string("None")
      .string("None")
      .string("None")
      .u8(topology.cores)
      .u8(enabledUnknown)
      .u8(topology.cores * topology.threads)
      .u16(capable64Bit)
      .u16(otherFamily),
  );
}

/** §7.33 System Boot Information (type 32): no errors detected. */
function addBootStatus(table: StructureTable): void {
  const noErrors = 0;
  table.add(32, (fields) => fields.zeros(6).u8(noErrors));
}

/** End-of-Table (type 127), the last of §7. */
function addEndOfTable(table: StructureTable): void {
  table.add(127, () => {});
}
