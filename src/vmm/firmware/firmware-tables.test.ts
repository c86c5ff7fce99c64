// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { ascii, findAcpi } from "../../../test/support/acpi-table-reader.ts";
import {
  fullMachine,
  standardMachine,
  TEST_UUID,
} from "../../../test/support/firmware-descriptions.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import type { FirmwareDescription } from "./description.ts";
import { writeFirmwareTables } from "./firmware-tables.ts";

const ALL = { acpi: true, mptable: true };

function memoryOf(size = 64 * MIB): GuestMemory {
  return new GuestMemory(size);
}

function text(memory: GuestMemory, gpa: number, length: number): string {
  return ascii(memory.readable(gpa, length)!, 0, length);
}

describe("writing the firmware tables", () => {
  it("puts them at bhyve's addresses and says so", () => {
    const memory = memoryOf();
    expect(writeFirmwareTables(memory, standardMachine(), ALL)).toEqual({
      mpFloatingPointerGpa: 0xf0000,
      smbiosEntryPointGpa: 0xf1000,
      rsdpGpa: 0xf2400,
    });
    expect(text(memory, 0xf0000, 4)).toBe("_MP_");
    expect(text(memory, 0xf1000, 4)).toBe("_SM_");
    expect(findAcpi(memory)!.rsdpGpa).toBe(0xf2400);
  });

  it("describes the memory that it writes to", () => {
    const memory = memoryOf(96 * MIB);
    writeFirmwareTables(memory, standardMachine(), ALL);
    const bytes = memory.readable(0xf1000, 0x1400)!.slice();
    // Of the memory array, type 16, length 23: the extended capacity at its offset 0x0f (DSP0134 §7.17).
    const at = bytes.findIndex((byte, i) => byte === 16 && bytes[i + 1] === 23);
    expect(new DataView(bytes.buffer).getBigUint64(at + 0x0f, true)).toBe(BigInt(96 * MIB));
  });

  it("leaves out what is switched off, also where an earlier run had it", () => {
    const memory = memoryOf();
    writeFirmwareTables(memory, standardMachine(), ALL);
    const tables = writeFirmwareTables(memory, standardMachine(), { acpi: false, mptable: false });
    expect(tables).toEqual({ smbiosEntryPointGpa: 0xf1000 });
    expect(findAcpi(memory)).toBeUndefined();
    expect(memory.readable(0xf0000, 0x1000)!.every((byte) => byte === 0)).toBe(true);
    expect(text(memory, 0xf1000, 4)).toBe("_SM_");
  });

  it("touches nothing below 0xF0000 and from 1 MiB up: there is no BIOS data area", () => {
    const memory = memoryOf();
    memory.writable(0xeff00, 0x100)!.fill(0xa5);
    memory.writable(0x100000, 0x100)!.fill(0xa5);
    writeFirmwareTables(memory, standardMachine(), ALL);
    expect(memory.readable(0, 0xeff00)!.every((byte) => byte === 0)).toBe(true);
    expect(memory.readable(0xeff00, 0x100)!.every((byte) => byte === 0xa5)).toBe(true);
    expect(memory.readable(0x100000, 0x100)!.every((byte) => byte === 0xa5)).toBe(true);
  });

  it("takes several root buses when there is no MP table", () => {
    const memory = memoryOf();
    expect(() => writeFirmwareTables(memory, fullMachine(), ALL)).toThrow(/-Y/);
    const { rsdpGpa } = writeFirmwareTables(memory, fullMachine(), { acpi: true, mptable: false });
    expect(rsdpGpa).toBe(0xf2400);
  });
});

it("refuses more vCPUs than there are APIC IDs", () => {
  const description = {
    ...standardMachine(),
    topology: { sockets: 16, cores: 4, threads: 4 },
  };
  expect(() => writeFirmwareTables(memoryOf(), description, ALL)).toThrow(
    expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
  );
});

describe("tables that do not fit", () => {
  const standard = standardMachine();
  const [bus] = standard.pci.buses;
  const longStrings = Object.fromEntries(
    ["manufacturer", "product_name", "version", "serial_number", "sku", "family_name"].flatMap(
      (key) => ["system", "board", "chassis"].map((kind) => [`${kind}.${key}`, "x".repeat(255)]),
    ),
  );
  const manyBuses = Array.from({ length: 200 }, (_, number) => ({
    ...bus!,
    number,
    interrupts: Array.from({ length: 32 }, (_, slot) => ({ slot, pin: 1, ioApicPin: 16, link: 0 })),
  }));

  it.each<[string, FirmwareDescription, { acpi: boolean; mptable: boolean }]>([
    ["MP", { ...standard, topology: { sockets: 200, cores: 1, threads: 1 } }, ALL],
    [
      "SMBIOS",
      {
        ...standard,
        topology: { sockets: 40, cores: 1, threads: 1 },
        smbios: { uuid: TEST_UUID, strings: longStrings },
      },
      ALL,
    ],
    [
      "ACPI",
      { ...standard, pci: { ...standard.pci, buses: manyBuses } },
      { acpi: true, mptable: false },
    ],
  ])("%s: are refused with their size, and nothing is written", (what, description, options) => {
    const memory = memoryOf();
    expect(() => writeFirmwareTables(memory, description, options)).toThrow(
      expect.objectContaining({
        code: "ERR_NO_SPACE",
        message: expect.stringMatching(new RegExp(`the ${what} tables need \\d+ bytes`)),
      }),
    );
    expect(memory.readable(0xf0000, 0x10000)!.every((byte) => byte === 0)).toBe(true);
  });
});
