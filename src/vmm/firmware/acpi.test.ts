// SPDX-License-Identifier: BSD-2-Clause
// Offsets and meanings are those of ACPI 6.5 chapter 5 unless a test names another specification.
import { describe, expect, it } from "vitest";
import { ascii, type FoundTable, findAcpi } from "../../../test/support/acpi-table-reader.ts";
import {
  fullMachine,
  legacyUartMachine,
  standardMachine,
} from "../../../test/support/firmware-descriptions.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { acpiTables } from "./acpi.ts";
import type { FirmwareDescription } from "./description.ts";

const BASE = 0xf2400;

function tablesOf(description: FirmwareDescription): ReadonlyMap<string, FoundTable> {
  const memory = new GuestMemory(32 * MIB);
  for (const table of acpiTables(description, BASE)) memory.write(table.gpa, table.bytes);
  return findAcpi(memory)!.tables;
}

function u64(table: FoundTable, offset: number): number {
  return Number(table.view.getBigUint64(offset, true));
}

/** Space, bits, bit offset, access size, address. */
function genericAddress(table: FoundTable, offset: number): number[] {
  return [...table.bytes.subarray(offset, offset + 4), u64(table, offset + 4)];
}

describe("the tables together", () => {
  it.each([
    ["standard", standardMachine()],
    ["legacy UART", legacyUartMachine()],
    ["full", fullMachine()],
  ])("lie one after the other, aligned, from the RSDP at the base (%s machine)", (_, machine) => {
    const tables = acpiTables(machine, BASE);
    expect(tables.map((table) => table.signature)).toEqual([
      ..."RSD PTR ,RSDT,XSDT,FACP,APIC,HPET,MCFG,FACS,SPCR,DSDT".split(","),
    ]);
    expect(tables[0]!.gpa).toBe(BASE);
    let free = BASE;
    for (const { signature, gpa, bytes } of tables) {
      expect(gpa).toBeGreaterThanOrEqual(free);
      expect(gpa % (signature === "FACS" ? 64 : 16)).toBe(0);
      free = gpa + bytes.length;
    }
  });

  it("are all found by a guest that follows the pointers, FADT first", () => {
    const tables = tablesOf(standardMachine());
    expect([...tables.keys()]).toEqual("RSDT,XSDT,FACP,APIC,HPET,MCFG,SPCR,FACS,DSDT".split(","));
  });

  it.each([
    ["RSDT", 1, "BVRSDT  ", "BASL"],
    ["XSDT", 1, "BVXSDT  ", "BASL"],
    ["FACP", 5, "BVFACP  ", "BASL"],
    ["APIC", 1, "BVMADT  ", "BASL"],
    ["HPET", 1, "BVHPET  ", "BASL"],
    ["MCFG", 1, "BVMCFG  ", "BASL"],
    ["SPCR", 1, "BVSPCR  ", "BASL"],
    ["DSDT", 2, "BVDSDT  ", "INTL"],
  ])("%s says who made it (§5.2.6)", (signature, revision, oemTableId, creator) => {
    const { bytes, view } = tablesOf(standardMachine()).get(signature)!;
    expect(view.getUint8(8)).toBe(revision);
    expect(ascii(bytes, 10, 6)).toBe("BHYVE ");
    expect(ascii(bytes, 16, 8)).toBe(oemTableId);
    expect(view.getUint32(24, true)).toBe(1);
    expect(ascii(bytes, 28, 4)).toBe(creator);
  });

  it("the RSDP is of revision 2", () => {
    const [rsdp] = acpiTables(standardMachine(), BASE);
    expect(ascii(rsdp!.bytes, 9, 6)).toBe("BHYVE ");
    expect(rsdp!.bytes[15]).toBe(2);
    expect(rsdp!.bytes[20]).toBe(36);
  });
});

describe("FADT (§5.2.9)", () => {
  const tables = tablesOf(standardMachine());
  const fadt = tables.get("FACP")!;

  it("is of revision 5.1 and as long as that", () => {
    expect([fadt.bytes.length, fadt.bytes[8], fadt.bytes[131]]).toEqual([268, 5, 1]);
  });

  it("points at FACS and DSDT in 32 and in 64 bits", () => {
    for (const [offset, signature] of [
      [36, "FACS"],
      [40, "DSDT"],
    ] as const) {
      const gpa = tables.get(signature)!.gpa;
      expect(fadt.view.getUint32(offset, true)).toBe(gpa);
      expect(u64(fadt, 132 + 2 * (offset - 36))).toBe(gpa);
    }
    expect(ascii(tables.get("FACS")!.bytes, 0, 4)).toBe("FACS");
    expect(ascii(tables.get("DSDT")!.bytes, 0, 4)).toBe("DSDT");
  });

  it("has bhyve's fixed registers in the fields of ACPI 1.0", () => {
    expect(fadt.view.getUint16(46, true)).toBe(9);
    expect(fadt.view.getUint32(48, true)).toBe(0xb2);
    expect([fadt.bytes[52], fadt.bytes[53]]).toEqual([0xa0, 0xa1]);
    const ports = [56, 60, 64, 68, 72, 76, 80, 84].map((at) => fadt.view.getUint32(at, true));
    expect(ports).toEqual([0x400, 0, 0x404, 0, 0, 0x408, 0x40c, 0]);
    expect([...fadt.bytes.subarray(88, 96)]).toEqual([4, 2, 0, 4, 2, 0, 0, 0]);
    expect(fadt.bytes[108]).toBe(0x32);
  });

  it("says what the platform lacks and has", () => {
    expect(fadt.view.getUint16(109, true)).toBe(0x14);
    expect(fadt.view.getUint32(112, true)).toBe(0x81525);
  });

  it("resets through port 0xCF9", () => {
    expect(genericAddress(fadt, 116)).toEqual([1, 8, 0, 1, 0xcf9]);
    expect(fadt.bytes[128]).toBe(6);
  });

  it("repeats the registers as generic addresses, and zero for those that are absent", () => {
    const blocks = Array.from({ length: 10 }, (_, i) => genericAddress(fadt, 148 + 12 * i));
    const absent = [0, 0, 0, 0, 0];
    expect(blocks).toEqual([
      [1, 32, 0, 2, 0x400],
      absent,
      [1, 16, 0, 2, 0x404],
      absent,
      absent,
      [1, 32, 0, 3, 0x408],
      [1, 16, 0, 1, 0x40c],
      absent,
      absent,
      absent,
    ]);
  });
});

it("FACS (§5.2.10) is 64 bytes of version 2", () => {
  const facs = tablesOf(standardMachine()).get("FACS")!;
  const expected = new Uint8Array(64);
  expected.set([0x46, 0x41, 0x43, 0x53, 64]);
  expected[32] = 2;
  expect(facs.bytes).toEqual(expected);
});

describe("MADT (§5.2.12)", () => {
  /** Type, then the bytes of each structure after type and length. */
  function structures({ bytes }: FoundTable): number[][] {
    const found: number[][] = [];
    let at = 44;
    while (at < bytes.length) {
      found.push([bytes[at]!, ...bytes.subarray(at + 2, at + bytes[at + 1]!)]);
      at += bytes[at + 1]!;
    }
    expect(at).toBe(bytes.length);
    return found;
  }

  it("lists the processors, the I/O APIC, and the interrupts that are wired otherwise than usual", () => {
    const madt = tablesOf({ ...standardMachine(), ioApicId: 5 }).get("APIC")!;
    expect(madt.view.getUint32(36, true)).toBe(0xfee00000);
    expect(madt.view.getUint32(40, true)).toBe(1);
    expect(structures(madt)).toEqual([
      [0, 0, 0, 1, 0, 0, 0],
      [0, 1, 1, 1, 0, 0, 0],
      [1, 5, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 0, 0, 2, 0, 0, 0, 0x05, 0],
      [2, 0, 9, 9, 0, 0, 0, 0x0f, 0],
      [4, 0xff, 0x05, 0, 1],
    ]);
  });

  it("has a local APIC for each thread of each core of each socket", () => {
    const processors = structures(tablesOf(fullMachine()).get("APIC")!).filter(
      ([type]) => type === 0,
    );
    expect(processors.map(([, , apicId]) => apicId)).toEqual([...Array(16).keys()]);
  });
});

it("HPET table (IA-PC HPET 1.0a §3.2.4)", () => {
  const hpet = tablesOf(standardMachine()).get("HPET")!;
  expect(hpet.bytes.length).toBe(56);
  expect(hpet.view.getUint32(36, true)).toBe(0x80860701);
  expect(genericAddress(hpet, 40)).toEqual([0, 0, 0, 0, 0xfed00000]);
  expect([...hpet.bytes.subarray(52)]).toEqual([0, 0, 0, 1]);
});

it("MCFG (PCI Firmware 3.3 §4.1.2) covers 256 buses of segment 0", () => {
  const mcfg = tablesOf(standardMachine()).get("MCFG")!;
  expect(mcfg.bytes.length).toBe(60);
  expect(u64(mcfg, 36)).toBe(0);
  expect(u64(mcfg, 44)).toBe(0xe0000000);
  expect([...mcfg.bytes.subarray(52)]).toEqual([0, 0, 0, 255, 0, 0, 0, 0]);
});

describe("SPCR (revision 1)", () => {
  it("puts the console on COM1, 115200 8N1", () => {
    const spcr = tablesOf(standardMachine()).get("SPCR")!;
    expect(spcr.bytes.length).toBe(80);
    expect(spcr.bytes[36]).toBe(0);
    expect(genericAddress(spcr, 40)).toEqual([1, 8, 0, 0, 0x3f8]);
    expect([spcr.bytes[52], spcr.bytes[53], spcr.view.getUint32(54, true)]).toEqual([3, 4, 4]);
    expect([...spcr.bytes.subarray(58, 64)]).toEqual([7, 0, 1, 3, 2, 0]);
    expect(spcr.view.getUint32(64, true)).toBe(0xffffffff);
    expect([...spcr.bytes.subarray(68)]).toEqual(Array(12).fill(0));
  });

  it("is absent without a COM1", () => {
    const [, com2] = standardMachine().uarts;
    const tables = tablesOf({ ...standardMachine(), uarts: [com2!] });
    expect(tables.has("SPCR")).toBe(false);
    expect(tables.get("XSDT")!.bytes.length).toBe(36 + 4 * 8);
  });
});
