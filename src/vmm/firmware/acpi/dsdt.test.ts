// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { listAml } from "../../../../test/support/aml-listing.ts";
import {
  fullMachine,
  legacyUartMachine,
  standardMachine,
} from "../../../../test/support/firmware-descriptions.ts";
import type { FirmwareDescription } from "../description.ts";
import { dsdt } from "./dsdt.ts";
import { HEADER_BYTES } from "./header.ts";

function listing(machine: FirmwareDescription): string {
  return listAml(dsdt(machine).subarray(HEADER_BYTES));
}

/** The lines of the one block that `head` opens, without it, indented as if they stood alone. */
function block(text: string, head: string): string[] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.trimStart() === head);
  const indent = lines[start]!.search(/\S/);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.search(/\S/) <= indent);
  return rest.slice(0, end).map((line) => line.slice(indent + 2));
}

describe("the DSDT", () => {
  it("of a standard machine reads as it always did", async () => {
    await expect(listing(standardMachine())).toMatchFileSnapshot("dsdt.standard.txt");
  });

  it("of the 2012 machine without an LPC bridge reads as it always did", async () => {
    await expect(listing(legacyUartMachine())).toMatchFileSnapshot("dsdt.legacy-uart.txt");
  });

  it("turns the machine off with sleep type 5, and knows no other sleep", () => {
    expect(listing(standardMachine()).match(/^Name _S.*/gm)).toEqual(["Name _S5 {0x5, 0}"]);
  });

  it("names a keyboard and a mouse only where there are some", () => {
    const machine = { ...standardMachine(), hasKeyboardController: true };
    expect(listing(machine).match(/Device (KBD|MOU)/g)).toEqual(["Device KBD", "Device MOU"]);
    const without = listing({ ...machine, hasKeyboardController: false });
    expect(without).not.toMatch(/KBD|MOU/);
  });

  it("names each configured UART", () => {
    const text = listing(fullMachine());
    expect(text.match(/Device COM\d/g)).toEqual(
      ["COM1", "COM2", "COM3", "COM4"].map((n) => `Device ${n}`),
    );
    expect(block(text, "Device COM3")).toEqual([
      "Name _HID 0x105d041",
      "Name _UID 0x3",
      "Name _CRS",
      "  IO decode16 0x3e8..0x3e8 align 1 count 8",
      "  IRQNoFlags {4}",
    ]);
  });

  it("without an LPC bridge has the ISA devices on the root bus, no links, and routes to pins only", () => {
    const bus = block(listing(legacyUartMachine()), "Device PC00");
    const devices = bus.filter((line) => line.startsWith("Device"));
    expect(devices).toEqual(
      ["SIO", "COM1", "RTC", "PIC", "TIMR", "HPET"].map((n) => `Device ${n}`),
    );
    expect(bus).toContain("Name PPRT {}");
    expect(bus).toContain("Name APRT {{0xffff, 0, 0, 0x10}}");
    expect(bus.join("\n")).not.toMatch(/LNK|PIR|OperationRegion/);
  });

  it("has bus 0 even when no device is on it", () => {
    const machine = standardMachine();
    const text = listing({ ...machine, pci: { ...machine.pci, buses: [] } });
    expect(block(text, "Device PC00").slice(0, 7)).toEqual([
      "Name _HID 0x30ad041",
      "Name _BBN 0",
      "Name _CRS",
      "  WordBusNumber producer pos minmax type-flags 0x0 0x0..0x0",
      "  IO decode16 0xcf8..0xcf8 align 1 count 8",
      "  WordIO producer pos minmax type-flags 0x3 0x0..0xcf7",
      "  WordIO producer pos minmax type-flags 0x3 0xd00..0x1fff",
    ]);
    expect(text).not.toContain("_PRT");
  });

  it("gives another root bus its own number, windows and routing", () => {
    expect(block(listing(fullMachine()), "Device PC1A")).toEqual([
      "Name _HID 0x30ad041",
      "Name _BBN 0x1a",
      "Name _CRS",
      "  WordBusNumber producer pos minmax type-flags 0x0 0x1a..0x1a",
      "  WordIO producer pos minmax type-flags 0x3 0x2080..0x209f",
      "  DWordMemory producer pos minmax type-flags 0x1 0xc0200000..0xc02fffff",
      "Name PPRT {{0x1fffff, 0x3, \\_SB.PC00.ISA.LNKH, 0}}",
      "Name APRT {{0x1fffff, 0x3, 0, 0x12}}",
      "Method _PRT 0 arguments",
      "  If PICM",
      "    Return(APRT)",
      "  Else",
      "    Return(PPRT)",
    ]);
  });

  it("announces a VM generation identifier, and the event that it changed", () => {
    const text = listing(fullMachine());
    expect(block(text, "Device GENC")).toContain("Name ADDR {0xfefff000, 1}");
    expect(block(text, "Scope _GPE")).toEqual([
      "Method _E00 0 arguments",
      "  Notify(\\_SB.GENC, 0x80)",
    ]);
    expect(listing(standardMachine())).not.toMatch(/GENC|_GPE/);
  });
});
