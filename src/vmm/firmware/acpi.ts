// SPDX-License-Identifier: BSD-2-Clause
// All ACPI tables of a machine, one after the other, in bhyve's order (acpi.c, basl.c): each starts on a
// multiple of 16 bytes, the FACS on one of 64. The RSDP comes first, so a guest that scans finds it at
// the base. Deviation: there is an SPCR only if there is a COM1 for it to point at; bhyve always has one.
import { alignUp } from "../../base/bits.ts";
import { hpet, mcfg, spcr } from "./acpi/device-tables.ts";
import { dsdt } from "./acpi/dsdt.ts";
import { FACS_ALIGNMENT, FACS_BYTES, FADT_BYTES, facs, fadt } from "./acpi/fadt.ts";
import { madt } from "./acpi/madt.ts";
import { RSDP_BYTES, rsdp, rsdt, rsdtBytes, xsdt, xsdtBytes } from "./acpi/root-tables.ts";
import type { FirmwareDescription } from "./description.ts";

const TABLE_ALIGNMENT = 16;

/** A table and where it goes. */
export interface PlacedTable {
  readonly signature: string;
  readonly gpa: number;
  readonly bytes: Uint8Array;
}

/**
 * The machine's tables from `baseGpa`, a multiple of 64, upward, in ascending order without overlap. The
 * first is the RSDP, at `baseGpa`.
 */
export function acpiTables(description: FirmwareDescription, baseGpa: number): PlacedTable[] {
  const madtTable = madt(description);
  const hpetTable = hpet(description.hpetCapabilities);
  const mcfgTable = mcfg(description.pci.ecamBase);
  const spcrTables = description.uarts.filter((uart) => uart.unit === 1).map((uart) => spcr(uart));
  const dsdtTable = dsdt(description);
  const entries = 4 + spcrTables.length;

  const place = placer(baseGpa);
  const rsdpGpa = place(RSDP_BYTES);
  const rsdtGpa = place(rsdtBytes(entries));
  const xsdtGpa = place(xsdtBytes(entries));
  const fadtGpa = place(FADT_BYTES);
  const madtGpa = place(madtTable.length);
  const hpetGpa = place(hpetTable.length);
  const mcfgGpa = place(mcfgTable.length);
  const facsGpa = place(FACS_BYTES, FACS_ALIGNMENT);
  const spcrGpas = spcrTables.map((bytes) => place(bytes.length));
  const dsdtGpa = place(dsdtTable.length);

  const listed = [fadtGpa, madtGpa, hpetGpa, mcfgGpa, ...spcrGpas];
  return [
    { signature: "RSD PTR ", gpa: rsdpGpa, bytes: rsdp(rsdtGpa, xsdtGpa) },
    { signature: "RSDT", gpa: rsdtGpa, bytes: rsdt(listed) },
    { signature: "XSDT", gpa: xsdtGpa, bytes: xsdt(listed) },
    { signature: "FACP", gpa: fadtGpa, bytes: fadt(facsGpa, dsdtGpa) },
    { signature: "APIC", gpa: madtGpa, bytes: madtTable },
    { signature: "HPET", gpa: hpetGpa, bytes: hpetTable },
    { signature: "MCFG", gpa: mcfgGpa, bytes: mcfgTable },
    { signature: "FACS", gpa: facsGpa, bytes: facs() },
    ...spcrTables.map((bytes, i) => ({ signature: "SPCR", gpa: spcrGpas[i]!, bytes })),
    { signature: "DSDT", gpa: dsdtGpa, bytes: dsdtTable },
  ];
}

/** Hands out addresses upward from `baseGpa`. */
function placer(baseGpa: number): (bytes: number, alignment?: number) => number {
  let next = baseGpa;
  return (bytes, alignment = TABLE_ALIGNMENT) => {
    const gpa = alignUp(next, alignment);
    next = gpa + bytes;
    return gpa;
  };
}
