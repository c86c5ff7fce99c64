// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it, vi } from "vitest";
import { ConfigSpace } from "./config-space.ts";

describe("ConfigSpace", () => {
  it("keeps read-only bits whatever is written, at any width", () => {
    const config = new ConfigSpace();
    config.define(0x10, 4, 0x0000_0001, 0x0000_ffe0);
    config.write(0x10, 4, 0xffff_ffff);
    expect(config.read(0x10, 4)).toBe(0x0000_ffe1);
    config.write(0x11, 1, 0x12);
    expect(config.read(0x10, 4)).toBe(0x0000_12e1);
    config.write(0x10, 2, 0x3456);
    expect(config.read(0x10, 2)).toBe(0x3441);
  });

  it("reads bytes and words from inside a register", () => {
    const config = new ConfigSpace();
    config.define(0x00, 4, 0x8765_4321);
    expect(config.read(1, 1)).toBe(0x43);
    expect(config.read(1, 2)).toBe(0x6543);
    expect(config.read(2, 2)).toBe(0x8765);
    expect(config.read(0, 4)).toBe(0x8765_4321);
  });

  it("ignores writes to registers that nobody declared", () => {
    const config = new ConfigSpace();
    config.write(0x80, 4, 0xffff_ffff);
    expect(config.read(0x80, 4)).toBe(0);
  });

  it("tells watchers of the registers that an access touches, and no others", () => {
    const config = new ConfigSpace();
    const watcher = { read: vi.fn(), written: vi.fn() };
    config.watch(0x62, 2, watcher);
    config.write(0x60, 2, 0);
    config.read(0x64, 4);
    expect(watcher.written).not.toHaveBeenCalled();
    expect(watcher.read).not.toHaveBeenCalled();
    config.write(0x60, 4, 0);
    config.read(0x63, 1);
    expect(watcher.written).toHaveBeenCalledOnce();
    expect(watcher.read).toHaveBeenCalledOnce();
  });

  it("goes back to the presets at reset", () => {
    const config = new ConfigSpace();
    config.define(0x3c, 1, 0xff, 0xff);
    config.preset(0x3c, 1, 5);
    config.write(0x3c, 1, 9);
    config.reset();
    expect(config.read(0x3c, 1)).toBe(5);
    config.write(0x3c, 1, 7);
    expect(config.read(0x3c, 1)).toBe(7);
  });
});
