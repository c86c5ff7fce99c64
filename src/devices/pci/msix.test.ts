// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { InterruptRecorder } from "../../../test/support/interrupt-recorder.ts";
import { installCapabilities } from "./capability.ts";
import { ConfigSpace } from "./config-space.ts";
import { MsixCapability } from "./msix.ts";

const CONTROL = 0x42;
const ENABLE = 0x8000;
const FUNCTION_MASK = 0x4000;
const PBA = 0x1000;

describe("MSI-X", () => {
  let interrupts: InterruptRecorder;
  let config: ConfigSpace;
  let msix: MsixCapability;

  beforeEach(() => {
    interrupts = new InterruptRecorder();
    config = new ConfigSpace();
    msix = new MsixCapability({ vectors: 34, barIndex: 1, sink: interrupts });
    installCapabilities(config, [msix]);
  });

  function program(vector: number, address: number, data: number): void {
    msix.write(16 * vector, 4, address);
    msix.write(16 * vector + 8, 4, data);
    msix.write(16 * vector + 12, 4, 0);
  }

  it("declares table and pending bits of one BAR, a page apart (PCI 3.0 §6.8.2.4, §6.8.2.5)", () => {
    expect(config.read(CONTROL, 2)).toBe(33);
    expect(config.read(0x44, 4)).toBe(1);
    expect(config.read(0x48, 4)).toBe(0x1001);
    expect(msix.bar).toMatchObject({ index: 1, kind: "mem32", sizeBytes: 0x1008 });
  });

  it("starts with every vector masked (§6.8.2.9)", () => {
    for (let vector = 0; vector < 34; vector++) expect(msix.read(16 * vector + 12, 4)).toBe(1);
  });

  it("sends a vector's own message", () => {
    config.write(CONTROL, 2, ENABLE);
    program(0, 0xfee0_0000, 0x41);
    program(33, 0xfee0_1000, 0x42);
    msix.send(33);
    expect(interrupts.messages).toEqual([{ address: 0xfee0_1000, data: 0x42 }]);
  });

  it("keeps an event on a masked vector pending and sends it once, when unmasked (§6.8.3.4)", () => {
    config.write(CONTROL, 2, ENABLE);
    program(33, 0xfee0_0000, 0x55);
    msix.write(16 * 33 + 12, 4, 1);
    msix.send(33);
    msix.send(33);
    expect(interrupts.messages).toEqual([]);
    expect(msix.read(PBA + 4, 4)).toBe(2);
    msix.write(16 * 33 + 12, 4, 0);
    expect(interrupts.takeMessages()).toEqual([0x55]);
    expect(msix.read(PBA + 4, 4)).toBe(0);
  });

  it("holds all vectors back while the function is masked", () => {
    config.write(CONTROL, 2, ENABLE | FUNCTION_MASK);
    program(0, 0xfee0_0000, 0x40);
    program(1, 0xfee0_0000, 0x41);
    msix.send(1);
    msix.send(0);
    expect(msix.read(PBA, 4)).toBe(3);
    config.write(CONTROL, 2, ENABLE);
    expect(interrupts.takeMessages()).toEqual([0x40, 0x41]);
  });

  it("is silent while disabled, and forgets what was pending when it becomes so", () => {
    program(0, 0xfee0_0000, 0x40);
    msix.send(0);
    config.write(CONTROL, 2, ENABLE | FUNCTION_MASK);
    msix.send(0);
    config.write(CONTROL, 2, FUNCTION_MASK);
    config.write(CONTROL, 2, ENABLE);
    expect(interrupts.messages).toEqual([]);
  });

  it("ignores vectors it does not have, writes to pending bits, and writes narrower than 4", () => {
    config.write(CONTROL, 2, ENABLE);
    msix.send(34);
    msix.write(PBA, 4, 0xffff_ffff);
    msix.write(0, 1, 0xff);
    msix.write(2, 4, 0xff);
    expect(msix.read(PBA, 4)).toBe(0);
    expect(msix.read(0, 4)).toBe(0);
    expect(interrupts.messages).toEqual([]);
    expect(msix.read(0x1ffc, 4)).toBe(0);
  });

  it("lets a debugger read single bytes of the table", () => {
    msix.write(8, 4, 0x1234_5678);
    expect(msix.read(9, 1)).toBe(0x56);
    expect(msix.read(10, 2)).toBe(0x1234);
  });
});
