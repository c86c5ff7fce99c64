// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { compareBdf, formatBdf, parseBdf, parseSlotOption } from "./address.ts";

describe("a PCI address", () => {
  it.each([
    ["3", "0:3:0"],
    ["31:7", "0:31:7"],
    ["0:3:1", "0:3:1"],
    ["255/31/7", "255:31:7"],
    ["1/2", "0:1:2"],
  ])("%s means %s", (text, meaning) => {
    expect(formatBdf(parseBdf(text))).toBe(meaning);
  });

  it.each(["", "32", "3:8", "256:0:0", "-1", "3:", ":3", "1:2:3:4", "0x3", "3 ", "99999999999999"])(
    "%j is refused",
    (text) => {
      expect(() => parseBdf(text)).toThrow(`Invalid PCI slot info field "${text}"`);
    },
  );

  it("sorts by bus, then slot, then function", () => {
    const sorted = ["10", "1:0:0", "0:2", "2:1", "2:0"].map(parseBdf).sort(compareBdf);
    expect(sorted.map(formatBdf)).toEqual(["0:0:2", "0:2:0", "0:2:1", "0:10:0", "1:0:0"]);
  });
});

describe("the argument of -s", () => {
  it("has an address, a device and its options", () => {
    expect(parseSlotOption("3:0,virtio-blk,/disk.img,ro")).toEqual({
      bdf: { bus: 0, slot: 3, func: 0 },
      device: "virtio-blk",
      options: "/disk.img,ro",
    });
    expect(parseSlotOption("0,hostbridge").options).toBeUndefined();
    expect(parseSlotOption("1,uart,").options).toBe("");
  });

  it("is refused without a device", () => {
    expect(() => parseSlotOption("3")).toThrow('Invalid PCI slot info field "3"');
  });
});
