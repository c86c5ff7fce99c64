// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { ascii, buildElf } from "../../../test/support/elf-builder.ts";
import { kernelImage, moduleImage } from "../../../test/support/elf-image.ts";
import { BytesSource } from "../../../test/support/memory-file-system.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { VmmError } from "../../base/errors.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { viewOf } from "../bytes.ts";
import { ET_REL, parseElf, SHF_ALLOC, SHT_PROGBITS, SHT_STRTAB, SHT_SYMTAB } from "../elf.ts";
import { loadModule } from "./module.ts";
import { MODINFOMD_DEPLIST, MODINFOMD_ELFHDR, MODINFOMD_SHDR } from "./preloaded-file.ts";

const SPEC = {
  depends: [
    { name: "kernel", minimum: 1302001, preferred: 1302001, maximum: 1399999 },
    { name: "virtio", minimum: 1, preferred: 1, maximum: 1 },
  ],
  versions: [{ name: "virtio_blk", version: 1 }],
};
const elfOf = (image: Uint8Array) => parseElf(new BytesSource(image), "/boot/kernel/virtio_blk.ko");
const load = (image: Uint8Array, address = 0x17f_5a21) => {
  const memory = new GuestMemory(64 * MIB);
  return { memory, file: loadModule(memory, elfOf(image), address) };
};

describe("a module in guest memory (FreeBSD: stand/common/load_elf_obj.c)", () => {
  const image = moduleImage(SPEC);
  const elf = elfOf(image);
  const { memory, file } = load(image);
  const headers = viewOf(file.metadata.find((m) => m.type === MODINFOMD_SHDR)!.data);
  const addressOf = (name: string) => {
    const { index } = elf.sections.find((s) => s.name === name)!;
    return Number(headers.getBigUint64(index * 64 + 16, true));
  };

  it("starts on the page behind what was loaded before", () => {
    expect(file.address).toBe(0x17f_6000);
    expect(addressOf(".text")).toBe(0x17f_6000);
  });

  it("has allocated sections in header order, then symbols, strings, names, relocations", () => {
    const order = [
      ".text",
      ".data",
      "set_modmetadata_set",
      ".bss",
      ".symtab",
      ".strtab",
      ".shstrtab",
      ".rela.data",
      ".relaset_modmetadata_set",
    ].map(addressOf);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    const last = elf.sections.find((s) => s.name === ".relaset_modmetadata_set")!;
    expect(file.sizeBytes).toBe(order.at(-1)! + last.size - file.address);
  });

  it("aligns each section on its own sh_addralign, without gaps of more", () => {
    for (const section of elf.sections.filter((s) => addressOf(s.name) !== 0)) {
      expect(addressOf(section.name) % section.alignment).toBe(0);
    }
    expect(addressOf(".data")).toBe(0x17f_6008);
    expect(addressOf(".bss") % 64).toBe(0);
  });

  it("leaves sh_addr 0 for what is not loaded", () => {
    expect(addressOf(".comment")).toBe(0);
    expect(addressOf("")).toBe(0);
  });

  it("holds the file's bytes unrelocated, and zeroes for bss", () => {
    expect(memory.load(addressOf(".text"), 4)).toBe(0xfdebf4fa);
    const set = elf.sections.find((s) => s.name === "set_modmetadata_set")!;
    expect(memory.readable(addressOf(set.name), set.size)!.every((b) => b === 0)).toBe(true);
    expect(memory.readable(addressOf(".bss"), 100)!.every((b) => b === 0)).toBe(true);
  });

  it("carries its section headers and ELF header; the dependencies stay with the loader", () => {
    expect(file.metadata.map((m) => m.type)).toEqual([
      MODINFOMD_ELFHDR,
      MODINFOMD_DEPLIST,
      MODINFOMD_DEPLIST,
      MODINFOMD_SHDR,
    ]);
    expect(headers.byteLength).toBe(elf.sections.length * 64);
  });

  it("says what it provides and needs, newest first, through its relocations", () => {
    expect(file.modules).toEqual(SPEC.versions);
    expect(file.dependencies).toEqual([...SPEC.depends].reverse());
  });
});

it("a module without metadata provides and needs nothing", () => {
  const { file } = load(
    buildElf({
      type: ET_REL,
      sections: [
        { name: ".text", type: SHT_PROGBITS, flags: SHF_ALLOC, data: ascii("code") },
        { name: ".symtab", type: SHT_SYMTAB, data: new Uint8Array(24), link: ".strtab" },
        { name: ".strtab", type: SHT_STRTAB, data: ascii("\0") },
      ],
    }),
  );
  expect(file.modules).toEqual([]);
  expect(file.dependencies).toEqual([]);
});

describe("a module that cannot be loaded says why", () => {
  const section = (change: object) =>
    buildElf({
      type: ET_REL,
      sections: [
        { name: ".text", type: SHT_PROGBITS, flags: SHF_ALLOC, data: ascii("code"), ...change },
        { name: ".symtab", type: SHT_SYMTAB, data: new Uint8Array(24), link: ".strtab" },
        { name: ".strtab", type: SHT_STRTAB, data: ascii("\0") },
      ],
    });
  const unrelocated = () => {
    const image = moduleImage(SPEC);
    const rela = elfOf(image).sections.find((s) => s.name === ".relaset_modmetadata_set")!;
    return { image, rela };
  };
  const withoutRelocations = () => {
    const { image, rela } = unrelocated();
    image.fill(0xff, rela.offset, rela.offset + 8);
    return image;
  };
  const withPcRelative = () => {
    const { image, rela } = unrelocated();
    image[rela.offset + 8] = 2;
    return image;
  };
  it.each([
    ["a kernel", kernelImage(), "is not a relocatable object"],
    ["an odd alignment", section({ alignment: 3 }), "aligned on 3, no power of two"],
    ["a vast alignment", section({ alignment: 2 ** 40 }), "does not fit into the first 64 MiB"],
    ["a vast bss", section({ type: 8, size: 2 ** 40 }), "does not fit into the first 64 MiB"],
    ["contents past the end", section({ size: 2 ** 20 }), "reaching past the end of the file"],
    ["no symbols", buildElf({ type: ET_REL, sections: [] }), "has no valid symbol table"],
    ["a pointer without relocation", withoutRelocations(), "that no relocation leads to"],
    ["a PC-relative pointer", withPcRelative(), "relocation type 2 on a metadata pointer"],
  ])("%s", (_, image, sentence) => {
    expect(() => load(image)).toThrow(sentence);
    expect(() => load(image)).toThrow(VmmError);
  });
});

it("a damaged module loads or is refused, inside its own memory", () => {
  const random = new SeededRandom(0x30d);
  const image = moduleImage(SPEC);
  const memory = new GuestMemory(32 * MIB);
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    try {
      loadModule(memory, elfOf(mutated(image, random)), 0x100_0000);
    } catch (error) {
      expect(error).toBeInstanceOf(VmmError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(300);
  expect(refused).toBeLessThan(1500);
  expect(memory.readable(0, 0x100_0000)!.every((byte) => byte === 0)).toBe(true);
});
