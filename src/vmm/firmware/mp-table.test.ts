// SPDX-License-Identifier: BSD-2-Clause
// Offsets and meanings are those of Intel's MultiProcessor Specification 1.4, chapter 4.
import { describe, expect, it } from "vitest";
import { ascii } from "../../../test/support/acpi-table-reader.ts";
import {
  fullMachine,
  legacyUartMachine,
  standardMachine,
} from "../../../test/support/firmware-descriptions.ts";
import { mpTable } from "./mp-table.ts";

const GPA = 0xf0000;
const HEADER = 16;
const FIRST_ENTRY = HEADER + 44;
/** Table 4-3: bytes of an entry, by its type. */
const ENTRY_BYTES = [20, 8, 8, 8, 8];

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => total + byte, 0) & 0xff;
}

/** Each entry's bytes, the type first. */
function entries(table: Uint8Array): number[][] {
  const found: number[][] = [];
  let at = FIRST_ENTRY;
  while (at < table.length) {
    const bytes = ENTRY_BYTES[table[at]!]!;
    found.push([...table.subarray(at, at + bytes)]);
    at += bytes;
  }
  expect(at).toBe(table.length);
  return found;
}

describe("the floating pointer (§4.1)", () => {
  const pointer = mpTable(standardMachine(), GPA).subarray(0, HEADER);

  it("is one paragraph that adds up to zero and points behind itself", () => {
    expect(ascii(pointer, 0, 4)).toBe("_MP_");
    expect(new DataView(pointer.buffer).getUint32(4, true)).toBe(0xf0010);
    expect([...pointer.subarray(8, 10)]).toEqual([1, 4]);
    expect([...pointer.subarray(11)]).toEqual([0, 0, 0, 0, 0]);
    expect(sum(pointer)).toBe(0);
  });
});

describe("the configuration table (§4.2)", () => {
  const bytes = mpTable(standardMachine(), GPA);
  const table = bytes.subarray(HEADER);
  const view = new DataView(bytes.buffer, HEADER);

  it("has a header that counts bytes and entries and adds up to zero", () => {
    expect(ascii(table, 0, 4)).toBe("PCMP");
    expect(view.getUint16(4, true)).toBe(table.length);
    expect(table[6]).toBe(4);
    expect(ascii(table, 8, 20)).toBe("BHyVe   Hypervisor  ");
    expect(view.getUint16(34, true)).toBe(entries(bytes).length);
    expect(view.getUint32(36, true)).toBe(0xfee00000);
    expect(sum(table)).toBe(0);
  });

  it("lists the processors, the first of them the bootstrap one", () => {
    const rest = [0xa5, 0x07, 0, 0, 0xff, 0xfb, 0xeb, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(entries(bytes).filter(([type]) => type === 0)).toEqual([
      [0, 0, 0x10, 3, ...rest],
      [0, 1, 0x10, 1, ...rest],
    ]);
  });

  it("lists a PCI bus 0, an ISA bus 1 and the I/O APIC", () => {
    const other = entries(mpTable({ ...standardMachine(), ioApicId: 9 }, GPA));
    expect(other.filter(([type]) => type === 1 || type === 2)).toEqual([
      [1, 0, ...new TextEncoder().encode("PCI   ")],
      [1, 1, ...new TextEncoder().encode("ISA   ")],
      [2, 9, 0x11, 1, 0x00, 0x00, 0xc0, 0xfe],
    ]);
  });

  it("wires 16 pins to ISA: the 8259s to 0, the timer to 2, the SCI level and low to 9", () => {
    const isa = entries(bytes).filter(([type, , , , bus]) => type === 3 && bus === 1);
    expect(isa.map(([, , , , , , , pin]) => pin)).toEqual([...Array(16).keys()]);
    expect(isa[0]).toEqual([3, 3, 0, 0, 1, 0, 0, 0]);
    expect(isa[1]).toEqual([3, 0, 0, 0, 1, 1, 0, 1]);
    expect(isa[2]).toEqual([3, 0, 0, 0, 1, 0, 0, 2]);
    expect(isa[9]).toEqual([3, 0, 0x0f, 0, 1, 9, 0, 9]);
    expect(isa[15]).toEqual([3, 0, 0, 0, 1, 15, 0, 15]);
  });

  it("wires PCI pins by slot and pin, as the bus has it (appendix D.3)", () => {
    const pci = entries(bytes).filter(([type, , , , bus]) => type === 3 && bus === 0);
    expect(pci).toEqual([
      [3, 0, 0, 0, 0, 2 << 2, 0, 16],
      [3, 0, 0, 0, 0, 3 << 2, 0, 17],
    ]);
  });

  it("wires ExtINT to LINT0 and NMI to LINT1 of every local APIC", () => {
    expect(entries(bytes).filter(([type]) => type === 4)).toEqual([
      [4, 3, 0, 0, 0, 0, 0xff, 0],
      [4, 1, 0, 0, 0, 0, 0xff, 1],
    ]);
  });

  it("does not need an LPC bridge", () => {
    const types = entries(mpTable(legacyUartMachine(), GPA)).map(([type]) => type);
    expect(types).toEqual([0, 1, 1, 2, ...Array(17).fill(3), 4, 4]);
  });
});

it("a machine with devices on another PCI bus has no MP table", () => {
  expect(() => mpTable(fullMachine(), GPA)).toThrow(
    expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
  );
});
