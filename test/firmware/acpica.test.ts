// SPDX-License-Identifier: BSD-2-Clause
// The ACPI tables before Intel's own tools: see ../support/acpica.ts.
import { describe, expect, it, vi } from "vitest";
import { dsdt } from "../../src/vmm/firmware/acpi/dsdt.ts";
import { acpiTables } from "../../src/vmm/firmware/acpi.ts";
import type { FirmwareDescription } from "../../src/vmm/firmware/description.ts";
import { evaluate, isOnPath, recompile } from "../support/acpica.ts";
import {
  fullMachine,
  legacyUartMachine,
  standardMachine,
} from "../support/firmware-descriptions.ts";

// A tool takes a second, on a busy machine several.
vi.setConfig({ testTimeout: 60_000 });

const hasIasl = isOnPath("iasl");
const hasAcpiexec = isOnPath("acpiexec");

function skipped(has: boolean, command: string): string {
  return has ? "" : ` (skipped: ${command} is not on PATH, install acpica-tools)`;
}

/** A table without what iasl puts its own name into: checksum, creator and its revision. */
function withoutCreator(table: Uint8Array): Uint8Array {
  const copy = table.slice();
  copy[9] = 0;
  copy.fill(0, 28, 36);
  return copy;
}

describe.skipIf(!hasIasl)(`iasl${skipped(hasIasl, "iasl")}`, () => {
  const machines: readonly [string, FirmwareDescription][] = [
    ["standard", standardMachine()],
    ["legacy UART", legacyUartMachine()],
    ["full", fullMachine()],
  ];
  const cases = machines.flatMap(([machine, description]) =>
    acpiTables(description, 0xf2400)
      .filter(({ signature }) => signature !== "RSD PTR ")
      .map(({ signature, bytes }): [string, string, Uint8Array] => [machine, signature, bytes]),
  );

  it.each(cases)("takes the %s machine's %s apart and compiles it to the same bytes", (...row) => {
    const [, signature, bytes] = row;
    const { messages, bytes: again } = recompile(bytes);
    expect(messages).toMatch(/Compilation successful. 0 Errors, 0 Warnings/);
    if (signature === "FACS") expect(again).toEqual(bytes);
    else expect(withoutCreator(again)).toEqual(withoutCreator(bytes));
  });
});

describe.skipIf(!hasAcpiexec)(`acpiexec${skipped(hasAcpiexec, "acpiexec")}`, () => {
  /** The integers that a package holds, and the names it refers to, in order. */
  function values(output: string): (number | string)[] {
    return [...output.matchAll(/\[Integer\] = ([0-9A-F]+)|<Node> +Name (\w+)/g)].map(
      ([, integer, name]) => name ?? Number.parseInt(integer!, 16),
    );
  }

  it("_PRT gives link devices until _PIC says that the guest uses the I/O APIC", () => {
    const [before, , after] = evaluate(dsdt(standardMachine()), [
      "evaluate \\_SB.PC00._PRT",
      "evaluate \\_PIC 1",
      "evaluate \\_SB.PC00._PRT",
    ]);
    expect(values(before!)).toEqual([0x2ffff, 0, "LNKA", 0, 0x3ffff, 0, "LNKB", 0]);
    expect(values(after!)).toEqual([0x2ffff, 0, 0, 16, 0x3ffff, 0, 0, 17]);
  });

  it("a link is off until _SRS routes it, takes the lowest interrupt offered, and _DIS ends it", () => {
    const link = "\\_SB.PC00.ISA.LNKE";
    const answers = evaluate(dsdt(standardMachine()), [
      `evaluate ${link}._STA`,
      `evaluate ${link}._SRS (23 40 0C 18 79 00)`,
      `evaluate ${link}._STA`,
      `evaluate ${link}._CRS`,
      "evaluate \\_SB.PC00.ISA.LNKF._STA",
      `evaluate ${link}._DIS`,
      `evaluate ${link}._STA`,
      `evaluate ${link}._CRS`,
    ]);
    expect(values(answers[0]!)).toEqual([0x09]);
    expect(values(answers[2]!)).toEqual([0x0b]);
    expect(answers[3]).toContain("23 40 00 18 79 00");
    expect(values(answers[4]!)).toEqual([0x09]);
    expect(values(answers[6]!)).toEqual([0x09]);
    expect(answers[7]).toContain("23 00 00 18 79 00");
  });

  it("_SRS with no interrupt at all leaves the link off", () => {
    const [, state, current] = evaluate(dsdt(standardMachine()), [
      "evaluate \\_SB.PC00.ISA.LNKA._SRS (23 00 00 18 79 00)",
      "evaluate \\_SB.PC00.ISA.LNKA._STA",
      "evaluate \\_SB.PC00.ISA.LNKA._CRS",
    ]);
    expect(values(state!)).toEqual([0x09]);
    expect(current).toContain("23 00 00 18 79 00");
  });

  it("a PIRQ register routes to no interrupt 0, 1, 2, 8 or 13, nor to any with its top bit set", () => {
    const registers = [...Array(16).keys(), 0x85];
    const answers = evaluate(
      dsdt(standardMachine()),
      registers.map((register) => `evaluate \\_SB.PC00.ISA.PIRV ${register}`),
    );
    const isValid = answers.map((answer) => values(answer)[0]);
    expect(isValid).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0]);
  });

  it("the root bus's windows and the devices' resources decode as ACPICA reads them", () => {
    const [bus, com1] = evaluate(dsdt(legacyUartMachine()), [
      "resources \\_SB.PC00",
      "resources \\_SB.PC00.COM1",
    ]);
    const bounds = [...bus!.matchAll(/Address M(?:in|ax)imum : ([0-9A-F]+)/g)].map(([, n]) => n);
    // The debugger prints what it read, and once more what it wrote back: the first five are enough.
    expect(bounds.slice(0, 10)).toEqual(
      "0000,0000,0CF8,0CF8,0000,0CF7,0D00,1FFF,2000,205F".split(","),
    );
    expect(com1).toMatch(/Address Minimum : 03F8[\s\S]*Interrupt List : 4 /);
  });

  it("_HID of the generation counter is bhyve's", () => {
    const [hid] = evaluate(dsdt(fullMachine()), ["evaluate \\_SB.GENC._HID"]);
    expect(hid).toMatch(/"Bhyve_V_Gen_Counter_V1"/i);
  });
});
