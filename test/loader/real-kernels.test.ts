// SPDX-License-Identifier: BSD-2-Clause
// Kernels as they are shipped: those of the Linux guests, and `freebsd-kernel`, a FreeBSD/amd64 GENERIC with symbols.
import { describe, expect, it } from "vitest";
import { parseElf } from "../../src/loader/elf.ts";
import { loadKernel } from "../../src/loader/freebsd/kernel.ts";
import { parseBzImage } from "../../src/loader/linux/bzimage.ts";
import { loadLinux } from "../../src/loader/linux/load-linux.ts";
import { SymbolTable } from "../../src/loader/symbols.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { GUESTS_REASON, guestFile, hasGuestFile, linuxGuests } from "../support/guest-files.ts";
import { BytesSource } from "../support/memory-file-system.ts";

describe(`a distribution's Linux kernel (${GUESTS_REASON} vmlinuz)`, () => {
  it.skipIf(linuxGuests().length === 0)("is placed by its own header", () => {
    expect.hasAssertions();
    for (const guest of linuxGuests()) checkPlace(guestFile(`${guest}/vmlinuz`));
  });

  function checkPlace(bytes: Uint8Array): void {
    const kernel = new BytesSource(bytes);
    const image = parseBzImage(kernel, "vmlinuz");
    expect(image.hasEntry64).toBe(true);
    const memory = new GuestMemory(512 * MIB);
    const request = { kernel, kernelName: "vmlinuz", commandLine: "console=ttyS0" };
    const { entry, start, end } = loadLinux(memory, request);
    expect(start % image.alignment).toBe(0);
    expect(end - start).toBe(image.initBytes);
    expect(entry.rip).toBe(BigInt(start + 0x200));
    // startup_64 begins with cld; cli (arch/x86/boot/compressed/head_64.S).
    expect(memory.load(start + 0x200, 2)).toBe(0xfafc);
  }
});

describe(`a FreeBSD kernel (${GUESTS_REASON} freebsd-kernel)`, () => {
  it.skipIf(!hasGuestFile("freebsd-kernel"))("lies at 2 MiB, with its modules and symbols", () => {
    const elf = parseElf(new BytesSource(guestFile("freebsd-kernel")), "/boot/kernel/kernel");
    const memory = new GuestMemory(512 * MIB);
    const { file } = loadKernel(memory, elf);
    expect(file.address).toBe(0x20_0000);
    expect(file.modules.some((module) => module.name === "kernel")).toBe(true);
    const symbols = SymbolTable.fromElf(elf);
    expect(symbols.lookup(elf.entry)).toEqual({ name: "btext", offset: 0n });
  });
});
