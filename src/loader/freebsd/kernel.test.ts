// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { buildElf, symbolTable } from "../../../test/support/elf-builder.ts";
import {
  kernelImage,
  TEST_KERNEL_ENTRY,
  TEST_KERNEL_TEXT,
} from "../../../test/support/elf-image.ts";
import { BytesSource } from "../../../test/support/memory-file-system.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { VmmError } from "../../base/errors.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { viewOf } from "../bytes.ts";
import { ET_EXEC, parseElf } from "../elf.ts";
import { SymbolTable } from "../symbols.ts";
import { loadKernel } from "./kernel.ts";
import {
  MODINFOMD_CTORS_ADDR,
  MODINFOMD_CTORS_SIZE,
  MODINFOMD_DYNAMIC,
  MODINFOMD_ELFHDR,
  MODINFOMD_ESYM,
  MODINFOMD_SHDR,
  MODINFOMD_SSYM,
} from "./preloaded-file.ts";

const PATH = "/boot/kernel/kernel";
const load = (image: Uint8Array, memory = new GuestMemory(64 * MIB)) => ({
  memory,
  ...loadKernel(memory, parseElf(new BytesSource(image), PATH)),
});

describe("a kernel in guest memory (FreeBSD: stand/common/load_elf.c)", () => {
  const dirty = new GuestMemory(64 * MIB);
  dirty.writable(0x20_0000, 0x1_0000)!.fill(0xaa);
  const { memory, file, report } = load(kernelImage({ withCtors: true }), dirty);
  const metadata = new Map(file.metadata.map((m) => [m.type, m.data]));
  const quad = (type: number) => viewOf(metadata.get(type)!).getBigUint64(0, true);

  it("has its segments at their virtual address less KERNBASE", () => {
    expect(file.address).toBe(0x20_0000);
    expect(memory.load(0x20_0010, 4)).toBe(0xfdebf4fa);
    expect(memory.load(0x20_0000, 1)).toBe(0x90);
  });

  it("has zeroes for bss, and nothing behind the end is touched", () => {
    const data = report.segments[1]!;
    const bss = 0x20_2000 + data.fileSize;
    expect(memory.readable(bss, 0x400)!.every((byte) => byte === 0)).toBe(true);
    expect(memory.load(file.address + file.sizeBytes, 1)).toBe(0xaa);
    expect(memory.load(0x20_0100, 1)).toBe(0xaa);
  });

  it("has its symbols behind bss, each table under its length, on 8 bytes", () => {
    const start = Number(quad(MODINFOMD_SSYM));
    const end = Number(quad(MODINFOMD_ESYM));
    expect(start % 8).toBe(0);
    expect(end).toBe(file.address + file.sizeBytes);
    expect(memory.load(start, 4)).toBe(report.symbols!.table);
    const table = SymbolTable.fromSymbolBlock(memory.readable(start, end - start)!);
    expect(table.lookup(TEST_KERNEL_ENTRY + 1n)).toEqual({ name: "btext", offset: 1n });
  });

  it("lists its metadata newest first (common/module.c file_addmetadata)", () => {
    expect(file.metadata.map((m) => m.type)).toEqual([
      MODINFOMD_ELFHDR,
      MODINFOMD_DYNAMIC,
      MODINFOMD_ESYM,
      MODINFOMD_SSYM,
      MODINFOMD_CTORS_SIZE,
      MODINFOMD_CTORS_ADDR,
      MODINFOMD_SHDR,
    ]);
    expect(quad(MODINFOMD_CTORS_SIZE)).toBe(16n);
    expect(quad(MODINFOMD_DYNAMIC)).toBe(0xffff_ffff_8020_2000n);
    expect(viewOf(metadata.get(MODINFOMD_ELFHDR)!).getBigUint64(24, true)).toBe(TEST_KERNEL_ENTRY);
  });

  it("provides the modules that are linked into it", () => {
    const versions = [
      { name: "kernel", version: 1302001 },
      { name: "pci", version: 1 },
      { name: "pci", version: 1 },
    ];
    expect(load(kernelImage({ versions })).file.modules).toEqual([
      { name: "pci", version: 1 },
      { name: "kernel", version: 1302001 },
    ]);
  });

  it("that declares none provides one named like its file", () => {
    expect(load(kernelImage({ versions: [] })).file.modules).toEqual([
      { name: "kernel", version: 1 },
    ]);
  });
});

describe("a kernel that cannot be loaded says why", () => {
  const segment = (vaddr: bigint, memSize = 16) =>
    buildElf({
      type: ET_EXEC,
      entry: vaddr,
      segments: [{ vaddr, data: Uint8Array.of(0), memSize }],
    });

  it.each([
    ["a static binary", segment(0x40_0000n), "is linked at 0x400000, where no FreeBSD/amd64"],
    ["an entry of 0", buildElf({ type: ET_EXEC }), "maybe a static binary?"],
    ["an object file", buildElf({ type: 1 }), "is an object file, not a kernel"],
    [
      "over the hand-off structures",
      segment(0xffff_ffff_8000_1000n),
      "is linked at 0xffffffff80001000",
    ],
    ["above RAM", segment(0xffff_ffff_8400_0000n), "does not fit into the first 64 MiB"],
    ["too large", segment(TEST_KERNEL_TEXT, 2 ** 31), "is larger than 1 GiB"],
    [
      "nothing to load",
      buildElf({ type: ET_EXEC, entry: TEST_KERNEL_TEXT }),
      "has nothing to load",
    ],
    [
      "an entry elsewhere",
      buildElf({
        type: ET_EXEC,
        entry: TEST_KERNEL_TEXT + 0x1000n,
        segments: [{ vaddr: TEST_KERNEL_TEXT, data: new Uint8Array(16) }],
      }),
      "has its entry 0xffffffff80201000 outside",
    ],
  ])("%s", (_, image, sentence) => {
    expect(() => load(image)).toThrow(sentence);
    expect(() => load(image)).toThrow(VmmError);
  });
});

it("symbols that a segment loads anyway are not copied again", () => {
  const { bytes, strings } = symbolTable([{ name: "btext", value: TEST_KERNEL_TEXT }]);
  const { file, report } = load(
    buildElf({
      type: ET_EXEC,
      entry: TEST_KERNEL_TEXT,
      segments: [{ vaddr: TEST_KERNEL_TEXT, data: bytes }],
      sections: [
        {
          name: ".symtab",
          type: 2,
          inSegment: { index: 0, offset: 0 },
          size: bytes.length,
          link: ".strtab",
        },
        { name: ".strtab", type: 3, data: strings },
      ],
    }),
  );
  expect(report.symbols).toBeUndefined();
  expect(file.sizeBytes).toBe(bytes.length);
});

it("a damaged kernel loads or is refused, inside its own memory", () => {
  const random = new SeededRandom(0x4e7);
  const image = kernelImage({ withCtors: true });
  const memory = new GuestMemory(32 * MIB);
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    try {
      load(mutated(image, random), memory);
    } catch (error) {
      expect(error).toBeInstanceOf(VmmError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(300);
  expect(refused).toBeLessThan(1500);
  expect(memory.readable(0, 0x6000)!.every((byte) => byte === 0)).toBe(true);
});
