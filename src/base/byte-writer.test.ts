// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { ByteWriter, concatBytes, zeroSumByte } from "./byte-writer.ts";

describe("ByteWriter", () => {
  it("appends little-endian fields of every width", () => {
    const writer = new ByteWriter().u8(0x12).u16(0x3456).u32(0x89abcdef).u64(0x1f_8000_0001);
    expect([...writer.toBytes()]).toEqual([
      0x12, 0x56, 0x34, 0xef, 0xcd, 0xab, 0x89, 0x01, 0x00, 0x00, 0x80, 0x1f, 0x00, 0x00, 0x00,
    ]);
  });

  it("keeps what it holds while it grows", () => {
    const writer = new ByteWriter();
    for (let i = 0; i < 1000; i++) writer.u8(i & 0xff);
    writer.zeros(3).text("AZ").bytes([1, 2]);
    const bytes = writer.toBytes();
    expect(writer.length).toBe(1007);
    expect([...bytes.subarray(998)]).toEqual([998 & 0xff, 999 & 0xff, 0, 0, 0, 0x41, 0x5a, 1, 2]);
  });

  it.each([
    ["u8", 0x100],
    ["u16", 0x10000],
    ["u32", 2 ** 32],
    ["u64", 2 ** 53],
    ["u8", -1],
    ["u8", 1.5],
    ["u32", Number.NaN],
  ] as const)("refuses a %s of %d", (width, value) => {
    expect(() => new ByteWriter()[width](value)).toThrow(/does not fit a field of \d bytes/);
  });
});

it("joins parts in order", () => {
  expect([...concatBytes([[1], new Uint8Array([2, 3]), []])]).toEqual([1, 2, 3]);
});

it.each([[[0, 0]], [[1, 2, 3]], [[0xff, 0xff, 0x80]]])(
  "a checksum byte brings %j to zero",
  (data) => {
    const check = zeroSumByte(new Uint8Array(data));
    expect((data.reduce((sum, byte) => sum + byte, 0) + check) % 256).toBe(0);
  },
);
