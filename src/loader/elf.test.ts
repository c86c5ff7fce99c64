// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { kernelImage, moduleImage, TEST_KERNEL_ENTRY } from "../../test/support/elf-image.ts";
import { BytesSource } from "../../test/support/memory-file-system.ts";
import { mutated } from "../../test/support/mutation.ts";
import { SeededRandom } from "../../test/support/random.ts";
import { VmmError } from "../base/errors.ts";
import {
  ET_EXEC,
  findSection,
  PT_LOAD,
  parseElf,
  SHT_NOBITS,
  sectionContents,
  stringAt,
} from "./elf.ts";

const parse = (bytes: Uint8Array) => parseElf(new BytesSource(bytes), "/boot/kernel/kernel");

describe("an ELF64 file", () => {
  it("shows its type, entry, segments and named sections", () => {
    const elf = parse(kernelImage());
    expect(elf.type).toBe(ET_EXEC);
    expect(elf.entry).toBe(TEST_KERNEL_ENTRY);
    expect(elf.segments.filter((s) => s.type === PT_LOAD)).toHaveLength(2);
    expect(elf.segmentTableEnd).toBe(64 + 3 * 56);
    expect(elf.sections.map((s) => s.name)).toEqual([
      "",
      ".text",
      "set_modmetadata_set",
      ".symtab",
      ".strtab",
      ".shstrtab",
    ]);
    expect(elf.headerBytes).toHaveLength(64);
    expect(elf.sectionTableBytes).toHaveLength(6 * 64);
  });

  it("gives the contents of a section, and none for one without file bytes", () => {
    const elf = parse(moduleImage({ versions: [{ name: "virtio", version: 1 }] }));
    const text = findSection(elf, ".text")!;
    expect([...sectionContents(elf, text)]).toEqual([0xfa, 0xf4, 0xeb, 0xfd]);
    const bss = findSection(elf, ".bss")!;
    expect(bss.type).toBe(SHT_NOBITS);
    expect(sectionContents(elf, bss)).toHaveLength(0);
  });
});

describe("a file that is none of ours", () => {
  const patched = (at: number, ...bytes: number[]) => {
    const image = kernelImage();
    image.set(bytes, at);
    return image;
  };
  it.each([
    ["no magic number", patched(0, 0), "is not an ELF file"],
    ["32-bit", patched(4, 1), "is a 32-bit ELF file"],
    ["an unknown class", patched(4, 7), "is neither ELF32 nor ELF64"],
    ["big-endian", patched(5, 2), "is not a little-endian ELF file"],
    ["an unknown version", patched(6, 9), "has an unknown ELF version"],
    ["for aarch64", patched(18, 183, 0), "is for ELF machine 183"],
    ["with entries of another size", patched(54, 32), "ELF header entries of 32 bytes"],
    ["with section headers past its end", patched(42, 0xff), "reaches past the end"],
    ["cut off in its header", kernelImage().slice(0, 40), "too short for an ELF header"],
    ["a size of 2^60", patched(64 + 40 + 7, 0x10), "has an absurd segment memory size"],
    ["empty", new Uint8Array(0), "is not an ELF file"],
  ])("is refused in one sentence: %s", (_, bytes, sentence) => {
    expect(() => parse(bytes)).toThrow(VmmError);
    expect(() => parse(bytes)).toThrow(sentence);
  });

  it("says that ELF32 is understood and not supported", () => {
    expect(() => parse(patched(4, 1))).toThrow(
      expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
    );
  });
});

describe("a string table", () => {
  it("ends strings at the NUL, at its own end, and after a kilobyte", () => {
    const table = new TextEncoder().encode("\0ab\0cd");
    expect(stringAt(table, 1)).toBe("ab");
    expect(stringAt(table, 4)).toBe("cd");
    expect(stringAt(table, 99)).toBe("");
    expect(stringAt(new Uint8Array(5000).fill(0x61), 0)).toHaveLength(1024);
  });
});

it("a damaged ELF file parses or is refused, and never anything else", () => {
  const random = new SeededRandom(0xe1f);
  const images = [kernelImage(), moduleImage({ versions: [{ name: "virtio", version: 1 }] })];
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    try {
      const elf = parse(mutated(images[i % 2]!, random));
      for (const section of elf.sections) sectionContents(elf, section);
    } catch (error) {
      expect(error).toBeInstanceOf(VmmError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(300);
  expect(refused).toBeLessThan(3000);
});
