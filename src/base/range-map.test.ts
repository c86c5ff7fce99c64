// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { RangeMap } from "./range-map.ts";

function mapOf(...ranges: [number, number, string][]): RangeMap<string> {
  const map = new RangeMap<string>();
  for (const [start, length, name] of ranges) map.add({ start, length, name, value: name });
  return map;
}

describe("RangeMap", () => {
  it("finds the range that holds an address, first and last byte included", () => {
    const map = mapOf([0x3f8, 8, "com1"], [0x2f8, 8, "com2"]);
    expect(map.find(0x3f8)?.value).toBe("com1");
    expect(map.find(0x3ff)?.value).toBe("com1");
    expect(map.find(0x400)).toBeUndefined();
    expect(map.find(0x2f7)).toBeUndefined();
  });

  it("names the range that any of the asked addresses falls into", () => {
    const map = mapOf([0x20, 2, "pic"], [0x40, 4, "pit"]);
    expect(map.overlapping(0x00, 0x20)).toBeUndefined();
    expect(map.overlapping(0x00, 0x21)?.name).toBe("pic");
    expect(map.overlapping(0x21, 1)?.name).toBe("pic");
    expect(map.overlapping(0x22, 0x1e)).toBeUndefined();
    expect(map.overlapping(0x22, 0x1f)?.name).toBe("pit");
    expect(map.overlapping(0x41, 1)?.name).toBe("pit");
    expect(map.overlapping(0x44, 0x1000)).toBeUndefined();
  });

  it("refuses a range that overlaps another, and says which", () => {
    const map = mapOf([0x3f8, 8, "com1"]);
    expect(() => map.add({ start: 0x3f0, length: 9, name: "fdc", value: "" })).toThrow(
      "fdc at 0x3f0-0x3f8 overlaps com1 at 0x3f8-0x3ff",
    );
  });

  it("forgets a range by its start alone", () => {
    const map = mapOf([0x3f8, 8, "com1"]);
    expect(map.remove(0x3f9)).toBe(false);
    expect(map.remove(0x3f8)).toBe(true);
    expect(map.find(0x3f8)).toBeUndefined();
  });
});
