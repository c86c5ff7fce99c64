// SPDX-License-Identifier: BSD-2-Clause
// Puts an amd64 FreeBSD kernel (ELF64, linked at KERNBASE) where it runs. FreeBSD: stand/common/load_elf.c.
//
//   p_vaddr − KERNBASE     every PT_LOAD: file bytes, then zeroes up to p_memsz
//   after the last, on 8   u64 size, symbol table, pad to 8, u64 size, string table, pad to 8
//
// Deviation: the stock loader masks the entry to 16 MiB to find the load bias and misplaces kernels linked higher;
// here the bias is always KERNBASE. The modules built into the kernel are found by section name, where the stock
// loader walks DT_HASH: the answer is the same for every kernel that has section headers.
import { alignUp, hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { GIB, type GuestMemory } from "../../mmu/guest-memory.ts";
import {
  checkSectionRange,
  type ElfFile,
  type ElfSection,
  type ElfSegment,
  ET_DYN,
  ET_EXEC,
  findSection,
  PT_DYNAMIC,
  PT_LOAD,
  SHT_SYMTAB,
} from "../elf.ts";
import { copyFileToGuest, writeToGuest, zeroGuest } from "../guest-copy.ts";
import { HAND_OFF_END } from "./hand-off-layout.ts";
import { readModuleMetadata } from "./module-dependencies.ts";
import {
  checkRoom,
  KERNBASE,
  KERNEL_TYPE,
  type Metadata,
  MODINFOMD_CTORS_ADDR,
  MODINFOMD_CTORS_SIZE,
  MODINFOMD_DYNAMIC,
  MODINFOMD_ELFHDR,
  MODINFOMD_ESYM,
  MODINFOMD_SHDR,
  MODINFOMD_SSYM,
  type ModuleVersion,
  type PreloadedFile,
  u64Bytes,
} from "./preloaded-file.ts";

const PAGE = 4096;

/** What the loader's line about a kernel is printed from. */
export interface KernelReport {
  readonly segments: readonly ElfSegment[];
  /** Bytes of the symbol and the string table, if the kernel has them. */
  readonly symbols: { readonly table: number; readonly strings: number } | undefined;
}

export interface LoadedKernel {
  readonly file: PreloadedFile;
  readonly report: KernelReport;
}

/** Loads it. Throws ERR_BAD_IMAGE for what is no FreeBSD kernel, ERR_NO_SPACE where it does not fit. */
export function loadKernel(memory: GuestMemory, elf: ElfFile): LoadedKernel {
  const segments = kernelSegments(elf);
  const span = placeSegments(memory, elf, segments);
  const metadata: Metadata[] = [];
  const add = (type: number, data: Uint8Array) => void metadata.unshift({ type, data });
  addSectionMetadata(elf, add);
  const symbols = placeSymbols(memory, elf, span.end);
  if (symbols !== undefined) {
    add(MODINFOMD_SSYM, u64Bytes(symbols.start));
    add(MODINFOMD_ESYM, u64Bytes(symbols.end));
  }
  const dynamic = elf.segments.find((segment) => segment.type === PT_DYNAMIC);
  if (dynamic !== undefined) add(MODINFOMD_DYNAMIC, u64Bytes(dynamic.vaddr));
  add(MODINFOMD_ELFHDR, elf.headerBytes);
  const file: PreloadedFile = {
    name: elf.name,
    type: KERNEL_TYPE,
    address: span.start,
    sizeBytes: (symbols?.end ?? span.end) - span.start,
    metadata,
    modules: builtInModules(memory, elf, span),
    dependencies: [],
  };
  return { file, report: { segments, symbols: symbols?.sizes } };
}

/** Where a kernel's virtual address lies in guest-physical memory; a large number if nowhere. */
function physicalOf(vaddr: bigint): number {
  return Number(BigInt.asUintN(64, vaddr - KERNBASE));
}

function kernelSegments(elf: ElfFile): ElfSegment[] {
  if (elf.type !== ET_EXEC && elf.type !== ET_DYN) {
    throw bad(elf, "is an object file, not a kernel");
  }
  if (elf.segmentTableEnd > PAGE)
    throw bad(elf, "has its program header not within the first page");
  if (elf.entry < 4096n) throw bad(elf, "is not a kernel (maybe a static binary?)");
  const segments = elf.segments.filter((segment) => segment.type === PT_LOAD);
  if (segments.length === 0) throw bad(elf, "has nothing to load");
  let total = 0;
  for (const segment of segments) {
    if (segment.memSize < segment.fileSize)
      throw bad(elf, "has a segment smaller than its contents");
    total += segment.memSize;
  }
  if (total > GIB) throw new VmmError("ERR_NO_SPACE", `${elf.name} is larger than 1 GiB`);
  return segments;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Copies the segments; the span of physical memory they take, its end on a multiple of 8. */
function placeSegments(memory: GuestMemory, elf: ElfFile, segments: ElfSegment[]): Span {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const segment of segments) {
    const gpa = physicalOf(segment.vaddr);
    if (gpa < HAND_OFF_END || gpa >= 2 * GIB) {
      throw bad(elf, `is linked at ${hex(segment.vaddr)}, where no FreeBSD/amd64 kernel can lie`);
    }
    checkRoom(memory, gpa, segment.memSize, elf.name);
    start = Math.min(start, gpa);
    end = Math.max(end, gpa + segment.memSize);
  }
  const entry = physicalOf(elf.entry);
  if (entry < start || entry >= end) {
    throw bad(elf, `has its entry ${hex(elf.entry)} outside of what it loads`);
  }
  for (const { vaddr, offset, fileSize, memSize } of segments) {
    const gpa = physicalOf(vaddr);
    copyFileToGuest(memory, gpa, { source: elf.source, offset, length: fileSize }, elf.name);
    zeroGuest(memory, gpa + fileSize, memSize - fileSize, elf.name);
  }
  return { start, end: alignUp(end, 8) };
}

function addSectionMetadata(elf: ElfFile, add: (type: number, data: Uint8Array) => void): void {
  if (elf.sections.length === 0) return;
  add(MODINFOMD_SHDR, elf.sectionTableBytes);
  const ctors = findSection(elf, ".ctors");
  if (ctors === undefined) return;
  add(MODINFOMD_CTORS_ADDR, u64Bytes(ctors.address));
  add(MODINFOMD_CTORS_SIZE, u64Bytes(ctors.size));
}

interface PlacedSymbols extends Span {
  readonly sizes: { readonly table: number; readonly strings: number };
}

function placeSymbols(memory: GuestMemory, elf: ElfFile, at: number): PlacedSymbols | undefined {
  const table = elf.sections.findLast(
    (section) => section.type === SHT_SYMTAB && section.size > 0 && !isLoaded(elf, section),
  );
  const strings = table === undefined ? undefined : elf.sections[table.link];
  if (table === undefined || strings === undefined) return undefined;
  let end = at;
  for (const section of [table, strings]) {
    checkSectionRange(elf, section);
    checkRoom(memory, end, section.size + 16, `the symbol table of ${elf.name}`);
    writeToGuest(memory, end, u64Bytes(section.size), elf.name);
    const range = { source: elf.source, offset: section.offset, length: section.size };
    copyFileToGuest(memory, end + 8, range, elf.name);
    const used = end + 8 + section.size;
    end = alignUp(used, 8);
    zeroGuest(memory, used, end - used, elf.name);
  }
  return { start: at, end, sizes: { table: table.size, strings: strings.size } };
}

/** True if a PT_LOAD brings the section's bytes into memory anyway. */
function isLoaded(elf: ElfFile, section: ElfSection): boolean {
  return elf.segments.some(
    (segment) =>
      segment.type === PT_LOAD &&
      section.offset >= segment.offset &&
      section.offset + section.size <= segment.offset + segment.fileSize,
  );
}

/** The modules linked into the kernel; a module named like the file, version 1, if it declares none. */
function builtInModules(memory: GuestMemory, elf: ElfFile, span: Span): ModuleVersion[] {
  const set = findSection(elf, "set_modmetadata_set");
  if (set !== undefined) {
    const found = readModuleMetadata(
      memory,
      { name: elf.name, start: span.start, end: span.end },
      { start: physicalOf(set.address), sizeBytes: set.size },
      (gpa) => physicalOf(readU64(memory, gpa)),
    );
    if (found.versions.length > 0) return found.versions;
  }
  const base = elf.name.slice(elf.name.lastIndexOf("/") + 1);
  const dot = base.lastIndexOf(".");
  const name = dot < 0 ? base : base.slice(0, dot);
  return [{ name: name === "" ? "bad" : name, version: 1 }];
}

function readU64(memory: GuestMemory, gpa: number): bigint {
  const bytes = memory.readable(gpa, 8);
  if (bytes === undefined) return 0n;
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

function bad(elf: ElfFile, what: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${elf.name} ${what}`);
}
