// SPDX-License-Identifier: BSD-2-Clause
// ELF64 object files for x86-64: header, program headers, section headers. System V ABI, "Object Files", and
// the AMD64 supplement for the machine number and relocation types.
//
// The parser is total: whatever the bytes are, the answer is an ElfFile whose tables lie inside the file, or a
// VmmError. It reads no contents but the section names; {@link sectionContents} does when asked, with the same
// care. Left out: ELF32 (recognised and refused), big-endian files, extended section numbering (more than
// 65,279 sections), which no kernel uses.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { viewOf } from "./bytes.ts";

export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const EM_X86_64 = 62;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PF_W = 2;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_INIT_ARRAY = 14;
export const SHT_FINI_ARRAY = 15;
export const SHT_X86_64_UNWIND = 0x7000_0001;
export const SHF_ALLOC = 2;
export const SHN_UNDEF = 0;

export const R_X86_64_64 = 1;

export const ELF_HEADER_BYTES = 64;
export const PROGRAM_HEADER_BYTES = 56;
export const SECTION_HEADER_BYTES = 64;
export const SYMBOL_BYTES = 24;
export const RELA_BYTES = 24;
export const REL_BYTES = 16;

/** A damaged table may claim a name of megabytes, and thousands of them. */
const LONGEST_NAME = 1024;

const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EV_CURRENT = 1;

/** A program header. The file range is inside the file; nothing is promised about the addresses. */
export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly fileSize: number;
  readonly memSize: number;
}

/** A section header. The file range is checked when the contents are asked for. */
export interface ElfSection {
  readonly index: number;
  /** Empty if the file has no section names, or the name lies outside them. */
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
}

export interface ElfFile {
  /** What it is called in messages: its path. */
  readonly name: string;
  readonly source: ByteSource;
  readonly type: number;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
  /** e_shstrndx. */
  readonly sectionNamesIndex: number;
  /** e_phoff plus the table's length: where the program headers end in the file. */
  readonly segmentTableEnd: number;
  /** The 64 bytes of the header, and the section header table, as they stand in the file. */
  readonly headerBytes: Uint8Array;
  readonly sectionTableBytes: Uint8Array;
}

/** True if the file begins with the ELF magic number. */
export function isElf(source: ByteSource): boolean {
  if (source.size < 4) return false;
  const [a, b, c, d] = source.read(0, 4);
  return a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46;
}

/** Throws ERR_BAD_IMAGE unless it is a well-formed ELF64 file for x86-64, ERR_UNSUPPORTED for an ELF32 one. */
export function parseElf(source: ByteSource, name: string): ElfFile {
  if (!isElf(source)) throw bad(name, "is not an ELF file");
  if (source.size < ELF_HEADER_BYTES) throw bad(name, "is too short for an ELF header");
  const headerBytes = source.read(0, ELF_HEADER_BYTES);
  const header = viewOf(headerBytes);
  checkIdentity(header, name);
  const phoff = fileNumber(header, 32, name, "program header offset");
  const shoff = fileNumber(header, 40, name, "section header offset");
  const phnum = header.getUint16(56, true);
  const shnum = shoff === 0 ? 0 : header.getUint16(60, true);
  checkEntrySize(header.getUint16(54, true), PROGRAM_HEADER_BYTES, phnum, name);
  checkEntrySize(header.getUint16(58, true), SECTION_HEADER_BYTES, shnum, name);
  const segmentTable = readTable(source, phoff, phnum * PROGRAM_HEADER_BYTES, name);
  const sectionTableBytes = readTable(source, shoff, shnum * SECTION_HEADER_BYTES, name);
  const sectionNamesIndex = header.getUint16(62, true);
  const file = {
    name,
    source,
    type: header.getUint16(16, true),
    entry: header.getBigUint64(24, true),
    segments: parseSegments(segmentTable, source, name),
    sectionNamesIndex,
    segmentTableEnd: phoff + segmentTable.length,
    headerBytes,
    sectionTableBytes,
  };
  return { ...file, sections: parseSections(sectionTableBytes, sectionNamesIndex, file) };
}

/** The bytes of a section. Throws ERR_BAD_IMAGE if they are not all in the file; none for SHT_NOBITS. */
export function sectionContents(elf: Pick<ElfFile, "source" | "name">, section: ElfSection) {
  if (section.type === SHT_NOBITS) return new Uint8Array(0);
  checkSectionRange(elf, section);
  return elf.source.read(section.offset, section.size);
}

/** Throws ERR_BAD_IMAGE unless the section's bytes are in the file. */
export function checkSectionRange(
  elf: Pick<ElfFile, "source" | "name">,
  section: ElfSection,
): void {
  if (section.offset + section.size > elf.source.size) {
    throw bad(elf.name, `has section ${section.index} reaching past the end of the file`);
  }
}

/** The first section of that name. */
export function findSection(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** A NUL-terminated string, cut after {@link LONGEST_NAME} bytes; empty outside the table. */
export function stringAt(table: Uint8Array, offset: number): string {
  const bytes = table.subarray(offset, offset + LONGEST_NAME);
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}

function checkIdentity(header: DataView, name: string): void {
  if (header.getUint8(4) === ELFCLASS32) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      `${name} is a 32-bit ELF file; only 64-bit (x86-64) kernels and modules are loaded this way`,
    );
  }
  if (header.getUint8(4) !== ELFCLASS64) throw bad(name, "is neither ELF32 nor ELF64");
  if (header.getUint8(5) !== ELFDATA2LSB) throw bad(name, "is not a little-endian ELF file");
  if (header.getUint8(6) !== EV_CURRENT || header.getUint32(20, true) !== EV_CURRENT) {
    throw bad(name, "has an unknown ELF version");
  }
  const machine = header.getUint16(18, true);
  if (machine !== EM_X86_64) {
    throw bad(name, `is for ELF machine ${machine}, not for x86-64 (${EM_X86_64})`);
  }
}

function checkEntrySize(found: number, expected: number, count: number, name: string): void {
  if (count > 0 && found !== expected) {
    throw bad(name, `has ELF header entries of ${found} bytes where ${expected} are expected`);
  }
}

function readTable(source: ByteSource, offset: number, length: number, name: string): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  if (offset + length > source.size) {
    throw bad(name, `has a header table at ${hex(offset)} that reaches past the end of the file`);
  }
  return source.read(offset, length);
}

function parseSegments(table: Uint8Array, source: ByteSource, name: string): ElfSegment[] {
  const view = viewOf(table);
  const segments: ElfSegment[] = [];
  for (let at = 0; at < table.length; at += PROGRAM_HEADER_BYTES) {
    const type = view.getUint32(at, true);
    const offset = fileNumber(view, at + 8, name, "segment offset");
    const fileSize = fileNumber(view, at + 32, name, "segment size");
    if (offset + fileSize > source.size && (type === PT_LOAD || type === PT_DYNAMIC)) {
      throw bad(name, `has a segment at ${hex(offset)} that reaches past the end of the file`);
    }
    segments.push({
      type,
      flags: view.getUint32(at + 4, true),
      offset,
      vaddr: view.getBigUint64(at + 16, true),
      paddr: view.getBigUint64(at + 24, true),
      fileSize,
      memSize: fileNumber(view, at + 40, name, "segment memory size"),
    });
  }
  return segments;
}

function parseSections(
  table: Uint8Array,
  namesIndex: number,
  elf: Pick<ElfFile, "source" | "name">,
): ElfSection[] {
  const view = viewOf(table);
  const nameOffsets: number[] = [];
  const sections: ElfSection[] = [];
  for (let at = 0; at < table.length; at += SECTION_HEADER_BYTES) {
    nameOffsets.push(view.getUint32(at, true));
    sections.push({
      index: sections.length,
      name: "",
      type: view.getUint32(at + 4, true),
      flags: view.getBigUint64(at + 8, true),
      address: view.getBigUint64(at + 16, true),
      offset: fileNumber(view, at + 24, elf.name, "section offset"),
      size: fileNumber(view, at + 32, elf.name, "section size"),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      alignment: fileNumber(view, at + 48, elf.name, "section alignment"),
    });
  }
  const namesSection = sections[namesIndex];
  if (namesIndex === 0 || namesSection?.type !== SHT_STRTAB) return sections;
  const names = sectionContents(elf, namesSection);
  return sections.map((section, i) => ({ ...section, name: stringAt(names, nameOffsets[i]!) }));
}

/** A 64-bit field that must be a sensible size or offset: anything above 2^48 is damage. */
function fileNumber(view: DataView, at: number, name: string, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > 0xffff_ffff_ffffn) throw bad(name, `has an absurd ${what} of ${hex(value)}`);
  return Number(value);
}

function bad(name: string, what: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${name} ${what}`);
}
