// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { Bar, type BarKind } from "./bar.ts";
import { ConfigSpace } from "./config-space.ts";

const handler = { read: () => 0, write: () => {} };

function makeBar(kind: BarKind, sizeBytes: number) {
  const config = new ConfigSpace();
  return { config, bar: new Bar({ index: 0, kind, sizeBytes, handler }, config, "test") };
}

// PCI 3.0 §6.2.5.1: all ones written, the size's two's complement and the type bits read back.
describe("BAR sizing", () => {
  it.each<[BarKind, number, number]>([
    ["io", 1, 0x0000_fffd],
    ["io", 8, 0x0000_fff9],
    ["io", 84, 0x0000_ff81],
    ["mem32", 1, 0xffff_fff0],
    ["mem32", 4104, 0xffff_e000],
    ["mem32", 2 ** 24, 0xff00_0000],
    ["mem64", 2 ** 14, 0xffff_c004],
    ["mem64", 2 ** 28, 0xf000_000c],
    ["mem64", 2 ** 33, 0x0000_000c],
  ])("of %s and %d bytes reads %#", (kind, sizeBytes, expected) => {
    const { config } = makeBar(kind, sizeBytes);
    config.write(0x10, 4, 0xffff_ffff);
    expect(config.read(0x10, 4)).toBe(expected);
  });

  it("of a 64-bit window shows the rest of the mask in the next register", () => {
    const small = makeBar("mem64", 2 ** 14);
    small.config.write(0x14, 4, 0xffff_ffff);
    expect(small.config.read(0x14, 4)).toBe(0xffff_ffff);
    const large = makeBar("mem64", 2 ** 33);
    large.config.write(0x14, 4, 0xffff_ffff);
    expect(large.config.read(0x14, 4)).toBe(0xffff_fffe);
  });
});

describe("a BAR's address", () => {
  it("follows what the driver writes, without the type bits", () => {
    const { config, bar } = makeBar("mem32", 0x2000);
    config.write(0x10, 4, 0xc123_ffff);
    expect(bar.address).toBe(0xc123_e000);
  });

  it("is that of the preset again after a reset", () => {
    const { config, bar } = makeBar("mem64", 2 ** 30);
    bar.preset(0x8_4000_0000);
    config.write(0x10, 4, 0);
    config.write(0x14, 4, 1);
    expect(bar.address).toBe(0x1_0000_0000);
    config.reset();
    expect(bar.address).toBe(0x8_4000_0000);
    expect(config.read(0x10, 4)).toBe(0x4000_000c);
  });

  it("is none at all where no CPU reaches", () => {
    const { config, bar } = makeBar("mem64", 0x1000);
    config.write(0x14, 4, 0x0010_0000);
    expect(bar.address).toBe(-1);
    config.write(0x14, 4, 0x000f_ffff);
    expect(bar.address).toBe(0xf_ffff_0000_0000);
  });
});
