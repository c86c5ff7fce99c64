// SPDX-License-Identifier: BSD-2-Clause
// Finds ACPI tables in guest memory the way a guest does, for tests: scan for the RSDP, follow the XSDT
// and the RSDT, believe nothing that does not add up. ACPI 6.5 §5.2.5 to §5.2.8.
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";

export interface FoundTable {
  readonly gpa: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface FoundAcpi {
  readonly rsdpGpa: number;
  /** By signature; also RSDT, XSDT, FACS and DSDT. */
  readonly tables: ReadonlyMap<string, FoundTable>;
}

/** Undefined if there is no RSDP. Throws an Error when what it finds is not what the specification says. */
export function findAcpi(memory: GuestMemory): FoundAcpi | undefined {
  const rsdpGpa = scanForRsdp(memory);
  if (rsdpGpa === undefined) return undefined;
  const rsdp = at(memory, rsdpGpa, 36);
  requireZeroSum(rsdp.bytes, "RSDP");
  const rsdt = headed(memory, rsdp.view.getUint32(16, true));
  const xsdt = headed(memory, Number(rsdp.view.getBigUint64(24, true)));
  const tables = new Map([
    ["RSDT", rsdt],
    ["XSDT", xsdt],
  ]);
  for (let offset = 36; offset < xsdt.bytes.length; offset += 8) {
    const gpa = Number(xsdt.view.getBigUint64(offset, true));
    const inRsdt = rsdt.view.getUint32(36 + (offset - 36) / 2, true);
    if (inRsdt !== gpa) throw new Error(`RSDT says ${inRsdt} where XSDT says ${gpa}`);
    const table = headed(memory, gpa);
    tables.set(ascii(table.bytes, 0, 4), table);
  }
  followFadt(memory, tables);
  return { rsdpGpa, tables };
}

function scanForRsdp(memory: GuestMemory): number | undefined {
  for (let gpa = 0xe0000; gpa < 0x100000; gpa += 16) {
    const { bytes } = at(memory, gpa, 20);
    if (ascii(bytes, 0, 8) !== "RSD PTR ") continue;
    requireZeroSum(bytes, "RSDP of ACPI 1.0");
    return gpa;
  }
  return undefined;
}

function followFadt(memory: GuestMemory, tables: Map<string, FoundTable>): void {
  const fadt = tables.get("FACP");
  if (fadt === undefined) throw new Error("no FADT");
  const facsGpa = fadt.view.getUint32(36, true);
  tables.set("FACS", at(memory, facsGpa, memory.load(facsGpa + 4, 4)));
  tables.set("DSDT", headed(memory, fadt.view.getUint32(40, true)));
}

/** A table with the common header, as long as it says, whose bytes add up to zero. */
function headed(memory: GuestMemory, gpa: number): FoundTable {
  const table = at(memory, gpa, memory.load(gpa + 4, 4));
  requireZeroSum(table.bytes, ascii(table.bytes, 0, 4));
  return table;
}

function at(memory: GuestMemory, gpa: number, length: number): FoundTable {
  const bytes = memory.readable(gpa, length)?.slice();
  if (bytes === undefined) throw new Error(`no RAM for ${length} bytes at ${gpa.toString(16)}`);
  return { gpa, bytes, view: new DataView(bytes.buffer) };
}

function requireZeroSum(bytes: Uint8Array, what: string): void {
  const sum = bytes.reduce((total, byte) => total + byte, 0) & 0xff;
  if (sum !== 0) throw new Error(`${what} adds up to ${sum}`);
}

/** `length` characters of a table. */
export function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}
