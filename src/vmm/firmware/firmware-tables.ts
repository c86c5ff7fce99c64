// SPDX-License-Identifier: BSD-2-Clause
// Where the firmware tables go: bhyve's places in the last 64 KiB of the first MiB, RAM that no memory
// map reports to the guest.
//
//   0xF0000   MP floating pointer and table
//   0xF1000   SMBIOS entry point and structures
//   0xF2400   ACPI: RSDP first
//
// Nothing else of a PC's firmware is there, as on bhyve: no interrupt vectors, no BIOS data area (the EBDA
// segment at 0x40E and the base memory size at 0x413 read 0), no video BIOS.
import { hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { acpiTables, type PlacedTable } from "./acpi.ts";
import { cpuCount, type FirmwareDescription } from "./description.ts";
import { mpTable } from "./mp-table.ts";
import { smbiosTable } from "./smbios.ts";

/** An APIC ID of 255 means all of them. */
const MAX_CPUS = 255;

/** A stretch of guest memory for one kind of table. */
interface Place {
  readonly what: string;
  readonly base: number;
  readonly limit: number;
  /** What to do when the tables do not fit. */
  readonly remedy: string;
}

const MP_PLACE: Place = {
  what: "MP tables",
  base: 0xf0000,
  limit: 0xf1000,
  remedy: "configure fewer vCPUs, or no MP table (-Y)",
};
const SMBIOS_PLACE: Place = {
  what: "SMBIOS tables",
  base: 0xf1000,
  limit: 0xf2400,
  remedy: "configure fewer sockets or shorter strings",
};
const ACPI_PLACE: Place = {
  what: "ACPI tables",
  base: 0xf2400,
  limit: 0x100000,
  remedy: "configure fewer vCPUs or PCI devices",
};

export interface FirmwareTableOptions {
  /** bhyve's `-A`, `acpi_tables`. */
  readonly acpi: boolean;
  /** Off by bhyve's `-Y`, `x86.mptable`. */
  readonly mptable: boolean;
}

/** Guest-physical addresses of what a guest would otherwise scan for. */
export interface FirmwareTables {
  readonly mpFloatingPointerGpa?: number;
  readonly smbiosEntryPointGpa: number;
  /** Also for the `acpi_rsdp_addr` of a Linux boot_params. */
  readonly rsdpGpa?: number;
}

/**
 * Writes the tables into RAM, over whatever was in their places: what a previous run left is gone even
 * where this one has no table. Throws, before anything is written, ERR_NO_SPACE when tables do not fit
 * their place, ERR_UNSUPPORTED for more vCPUs than there are 8-bit APIC IDs or a machine that the MP
 * table cannot describe.
 */
export function writeFirmwareTables(
  memory: GuestMemory,
  description: FirmwareDescription,
  options: FirmwareTableOptions,
): FirmwareTables {
  checkApicIds(cpuCount(description.topology));
  const mp = options.mptable ? mpTable(description, MP_PLACE.base) : undefined;
  const { topology, smbios } = description;
  const { lowmem, highmem } = memory;
  const structures = smbiosTable({ topology, lowmem, highmem, smbios }, SMBIOS_PLACE.base);
  const acpi = options.acpi ? acpiTables(description, ACPI_PLACE.base) : [];

  const contents: [Place, Uint8Array][] = [
    [MP_PLACE, mp ?? new Uint8Array()],
    [SMBIOS_PLACE, structures],
    [ACPI_PLACE, assemble(acpi, ACPI_PLACE.base)],
  ];
  for (const [place, bytes] of contents) checkFits(place, bytes.length);
  for (const [place, bytes] of contents) fill(memory, place, bytes);

  return {
    smbiosEntryPointGpa: SMBIOS_PLACE.base,
    ...(mp === undefined ? {} : { mpFloatingPointerGpa: MP_PLACE.base }),
    ...(acpi.length === 0 ? {} : { rsdpGpa: ACPI_PLACE.base }),
  };
}

/** Tables in ascending order as one run of bytes from `baseGpa`. */
function assemble(tables: readonly PlacedTable[], baseGpa: number): Uint8Array {
  const last = tables.at(-1);
  const bytes = new Uint8Array(last === undefined ? 0 : last.gpa + last.bytes.length - baseGpa);
  for (const table of tables) bytes.set(table.bytes, table.gpa - baseGpa);
  return bytes;
}

function checkApicIds(cpus: number): void {
  if (cpus <= MAX_CPUS) return;
  throw new VmmError(
    "ERR_UNSUPPORTED",
    `${cpus} vCPUs are more than the ${MAX_CPUS} that the firmware tables can name`,
  );
}

function checkFits(place: Place, bytes: number): void {
  const room = place.limit - place.base;
  if (bytes <= room) return;
  throw new VmmError(
    "ERR_NO_SPACE",
    `the ${place.what} need ${bytes} bytes and there are ${room} at ${hex(place.base)}: ${place.remedy}`,
  );
}

function fill(memory: GuestMemory, place: Place, bytes: Uint8Array): void {
  memory.zero(place.base, place.limit - place.base);
  memory.write(place.base, bytes);
}
