// SPDX-License-Identifier: BSD-2-Clause
// Where the sections of an amd64 kernel module (ET_REL) go. FreeBSD: stand/common/load_elf_obj.c:
//
//   1. SHF_ALLOC sections of type PROGBITS, NOBITS, X86_64_UNWIND, INIT_ARRAY, FINI_ARRAY, in header order
//   2. the symbol table   3. its strings   4. the section names   5. REL/RELA of SHF_ALLOC sections
//
// Each on its own sh_addralign.
import { alignUp, isPowerOfTwo } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import {
  type ElfFile,
  type ElfSection,
  SHF_ALLOC,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_X86_64_UNWIND,
} from "../elf.ts";
import { checkRoom } from "./preloaded-file.ts";

const LOADED_TYPES: readonly number[] = [
  SHT_PROGBITS,
  SHT_NOBITS,
  SHT_X86_64_UNWIND,
  SHT_INIT_ARRAY,
  SHT_FINI_ARRAY,
];

export interface ModuleLayout {
  readonly start: number;
  readonly end: number;
  /** Guest-physical address of each section, by section index; 0 for one that is not loaded. */
  readonly addresses: readonly number[];
  readonly symbols: ElfSection;
}

/** Decides it, from `start` on, without touching memory. ERR_BAD_IMAGE, or ERR_NO_SPACE where it does not fit. */
export function layOutModule(memory: GuestMemory, elf: ElfFile, start: number): ModuleLayout {
  const addresses = new Array<number>(elf.sections.length).fill(0);
  let end = start;
  const place = (section: ElfSection) => {
    const alignment = section.alignment === 0 ? 1 : section.alignment;
    if (!isPowerOfTwo(alignment)) {
      throw bad(elf, `has section ${section.index} aligned on ${alignment}, no power of two`);
    }
    const at = alignUp(end, alignment);
    checkRoom(memory, at, section.size, elf.name);
    addresses[section.index] = at;
    end = at + section.size;
  };
  for (const section of elf.sections) {
    if (section.size > 0 && LOADED_TYPES.includes(section.type) && isAllocated(section)) {
      place(section);
    }
  }
  const { symbols, strings, names } = tablesOf(elf);
  place(symbols);
  place(strings);
  place(names);
  for (const section of elf.sections) {
    if (section.type !== SHT_REL && section.type !== SHT_RELA) continue;
    const target = elf.sections[section.info];
    if (target !== undefined && isAllocated(target)) place(section);
  }
  return { start, end, addresses, symbols };
}

function isAllocated(section: ElfSection): boolean {
  return (section.flags & BigInt(SHF_ALLOC)) !== 0n;
}

function tablesOf(elf: ElfFile) {
  const tables = elf.sections.filter((section) => section.type === SHT_SYMTAB);
  const symbols = tables[0];
  if (symbols === undefined || tables.length !== 1) throw bad(elf, "has no valid symbol table");
  const strings = elf.sections[symbols.link];
  if (strings?.type !== SHT_STRTAB) throw bad(elf, "has invalid symbol strings");
  const names = elf.sections[elf.sectionNamesIndex];
  if (elf.sectionNamesIndex === 0 || names?.type !== SHT_STRTAB) {
    throw bad(elf, "has no section names");
  }
  return { symbols, strings, names };
}

function bad(elf: ElfFile, what: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${elf.name} ${what}`);
}
