// SPDX-License-Identifier: BSD-2-Clause
// Offsets and meanings are those of DSP0134, §5.2.1 for the entry point and §7 for the structures.
import { describe, expect, it } from "vitest";
import { ascii } from "../../../test/support/acpi-table-reader.ts";
import { TEST_UUID } from "../../../test/support/firmware-descriptions.ts";
import { GIB, MIB } from "../../mmu/guest-memory.ts";
import { type SmbiosMachine, smbiosTable } from "./smbios.ts";

const GPA = 0xf1000;

function machine(changes: Partial<SmbiosMachine> = {}): SmbiosMachine {
  return {
    topology: { sockets: 1, cores: 2, threads: 1 },
    lowmem: 512 * MIB,
    highmem: 0,
    smbios: { uuid: TEST_UUID },
    ...changes,
  };
}

interface Structure {
  readonly type: number;
  readonly handle: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The string that the number at this offset of the formatted area refers to. */
  stringAt(offset: number): string | undefined;
}

/** Walks the structure table as §6.1 says to: by lengths, and over strings to their double zero. */
function structures(table: Uint8Array): Structure[] {
  const found: Structure[] = [];
  let at = 0x1f;
  while (at < table.length) {
    const bytes = table.slice(at, at + table[at + 1]!);
    const view = new DataView(bytes.buffer);
    let end = at + bytes.length;
    while (table[end] !== 0 || table[end + 1] !== 0) end++;
    const strings = ascii(table, at + bytes.length, end - at - bytes.length).split("\0");
    const stringAt = (offset: number) => strings[bytes[offset]! - 1];
    found.push({ type: bytes[0]!, handle: view.getUint16(2, true), bytes, view, stringAt });
    at = end + 2;
  }
  expect(at).toBe(table.length);
  return found;
}

function find(table: Uint8Array, type: number): Structure {
  return structures(table).find((structure) => structure.type === type)!;
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => total + byte, 0) & 0xff;
}

describe("the entry point (§5.2.1)", () => {
  const table = smbiosTable(machine(), GPA);
  const view = new DataView(table.buffer);

  it("has both anchors and both checksums", () => {
    expect(ascii(table, 0, 4)).toBe("_SM_");
    expect(ascii(table, 0x10, 5)).toBe("_DMI_");
    expect(table[5]).toBe(0x1f);
    expect(sum(table.subarray(0, 0x1f))).toBe(0);
    expect(sum(table.subarray(0x10, 0x1f))).toBe(0);
  });

  it("says version 2.6, and how many structures of which size lie where", () => {
    expect([table[6], table[7], table[0x1e]]).toEqual([2, 6, 0x26]);
    expect(view.getUint16(0x16, true)).toBe(table.length - 0x1f);
    expect(view.getUint32(0x18, true)).toBe(GPA + 0x1f);
    expect(view.getUint16(0x1c, true)).toBe(structures(table).length);
  });

  it("says how large the largest structure is, with its strings", () => {
    const serial = "s".repeat(255);
    const large = smbiosTable(
      machine({ smbios: { uuid: TEST_UUID, strings: { "system.serial_number": serial } } }),
      GPA,
    );
    const strings = ["FreeBSD", "BHYVE", "1.0", serial, "None", "Virtual Machine"];
    const bytes = 27 + strings.reduce((total, text) => total + text.length + 1, 0) + 1;
    expect(new DataView(large.buffer).getUint16(8, true)).toBe(bytes);
  });
});

describe("the structures (§7)", () => {
  const table = smbiosTable(machine(), GPA);

  it("are those bhyve has, with handles of their own and the lengths of their versions", () => {
    const all = structures(table);
    expect(all.map(({ type, bytes }) => [type, bytes.length])).toEqual([
      [0, 24],
      [1, 27],
      [2, 15],
      [3, 22],
      [4, 42],
      [16, 23],
      [17, 40],
      [19, 31],
      [32, 11],
      [127, 4],
    ]);
    expect(all.map(({ handle }) => handle)).toEqual(all.map((_, i) => i + 1));
  });

  it("BIOS: who, which, when, and that this is a virtual machine", () => {
    const bios = find(table, 0);
    expect([4, 5, 8].map(bios.stringAt)).toEqual(["BHYVE", "13.0", "11/10/2020"]);
    expect(bios.view.getUint16(6, true)).toBe(0xf000);
    expect(bios.view.getBigUint64(0x0a, true)).toBe(0x89090n);
    expect([...bios.bytes.subarray(0x12)]).toEqual([0x01, 0x11, 0, 0, 0xff, 0xff]);
  });

  it("system: names, the UUID, woken by the power switch", () => {
    const system = find(table, 1);
    expect([4, 5, 6, 7, 0x19, 0x1a].map(system.stringAt)).toEqual([
      ..."FreeBSD,BHYVE,1.0,None,None,Virtual Machine".split(","),
    ]);
    expect(system.bytes.subarray(8, 24)).toEqual(TEST_UUID);
    expect(system.bytes[0x18]).toBe(6);
  });

  it("board: a hosting motherboard, in the chassis", () => {
    const board = find(table, 2);
    expect([4, 5, 6, 7, 8, 0x0a].map(board.stringAt)).toEqual([
      ..."FreeBSD,BHYVE,1.0,None,None,None".split(","),
    ]);
    expect(board.view.getUint16(0x0b, true)).toBe(find(table, 3).handle);
    expect([board.bytes[9], board.bytes[0x0d], board.bytes[0x0e]]).toEqual([1, 0x0a, 0]);
  });

  it("chassis: of an unknown type, safe", () => {
    const chassis = find(table, 3);
    expect([4, 6, 7, 8, 0x15].map(chassis.stringAt)).toEqual(
      "FreeBSD,1.0,None,None,None".split(","),
    );
    expect([...chassis.bytes.subarray(9, 0x15)]).toEqual([3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(chassis.bytes[5]).toBe(2);
  });

  it("processors: one a socket, with its cores and threads", () => {
    const topology = { sockets: 2, cores: 3, threads: 2 };
    const processors = structures(smbiosTable(machine({ topology }), GPA)).filter(
      ({ type }) => type === 4,
    );
    expect(processors.map(({ stringAt }) => stringAt(4))).toEqual(["CPU #0", "CPU #1"]);
    for (const { bytes, view } of processors) {
      expect([bytes[5], bytes[6], bytes[0x18], bytes[0x19]]).toEqual([3, 1, 0x41, 6]);
      expect([0x1a, 0x1c, 0x1e].map((at) => view.getUint16(at, true))).toEqual(
        Array(3).fill(0xffff),
      );
      expect([...bytes.subarray(0x23, 0x26)]).toEqual([3, 0, 6]);
      expect(view.getUint16(0x26, true)).toBe(4);
    }
  });

  it("boot: no errors", () => {
    expect([...find(table, 32).bytes.subarray(4)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("memory", () => {
  const table = smbiosTable(machine({ lowmem: 3 * GIB, highmem: 256 * MIB }), GPA);

  it("array: all of the RAM, in one device on the system board", () => {
    const array = find(table, 16);
    expect([...array.bytes.subarray(4, 7)]).toEqual([3, 3, 3]);
    expect(array.view.getUint32(7, true)).toBe(0x80000000);
    expect(array.view.getUint16(0x0b, true)).toBe(0xffff);
    expect(array.view.getUint16(0x0d, true)).toBe(1);
    expect(array.view.getBigUint64(0x0f, true)).toBe(BigInt(3328 * MIB));
  });

  it("device: in the array, 64 bits wide, its size in MiB", () => {
    const device = find(table, 17);
    expect(device.view.getUint16(4, true)).toBe(find(table, 16).handle);
    expect([6, 8, 0x0a, 0x0c].map((at) => device.view.getUint16(at, true))).toEqual([
      0xffff, 64, 64, 3328,
    ]);
  });

  it("mapped ranges: below and above 4 GiB, ends included", () => {
    const ranges = structures(table).filter(({ type }) => type === 19);
    const bounds = ranges.map(({ view }) => [0x0f, 0x17].map((at) => view.getBigUint64(at, true)));
    expect(bounds).toEqual([
      [0n, BigInt(3 * GIB - 1)],
      [BigInt(4 * GIB), BigInt(4 * GIB + 256 * MIB - 1)],
    ]);
    for (const { view } of ranges) {
      expect(view.getUint32(4, true)).toBe(0xffffffff);
      expect(view.getUint32(8, true)).toBe(0xffffffff);
      expect(view.getUint16(0x0c, true)).toBe(find(table, 16).handle);
    }
  });
});

describe("strings of the configuration", () => {
  it("replace the defaults; an empty one is no string", () => {
    const strings = { "bios.vendor": "ACME", "system.sku": "", "chassis.sku": "C1" } as const;
    const table = smbiosTable(machine({ smbios: { uuid: TEST_UUID, strings } }), GPA);
    expect(find(table, 0).stringAt(4)).toBe("ACME");
    expect(find(table, 1).bytes[0x19]).toBe(0);
    expect(find(table, 1).stringAt(0x1a)).toBe("Virtual Machine");
    expect(find(table, 3).stringAt(0x15)).toBe("C1");
  });

  it.each(["x".repeat(256), "tab\t", "nul\0", "ünicode"])("%j is refused", (value) => {
    const smbios = { uuid: TEST_UUID, strings: { "board.location": value } };
    expect(() => smbiosTable(machine({ smbios }), GPA)).toThrow(
      expect.objectContaining({
        code: "ERR_BAD_OPTION",
        message: expect.stringContaining("board.location"),
      }),
    );
  });

  it("a UUID of another length is refused", () => {
    const smbios = { uuid: new Uint8Array(15) };
    expect(() => smbiosTable(machine({ smbios }), GPA)).toThrow(/16 bytes, not 15/);
  });
});
