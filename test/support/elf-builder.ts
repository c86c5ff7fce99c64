// SPDX-License-Identifier: BSD-2-Clause
// Lays out ELF64 files byte by byte. System V ABI.
import { alignUp } from "../../src/base/bits.ts";
import {
  EM_X86_64,
  PROGRAM_HEADER_BYTES,
  PT_LOAD,
  SECTION_HEADER_BYTES,
  SHT_STRTAB,
  SYMBOL_BYTES,
} from "../../src/loader/elf.ts";

export const SHF_WRITE = 1;
export const SHF_EXEC = 4;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const PF_X = 1;
export const PF_R = 4;

export interface SegmentSpec {
  readonly type?: number;
  readonly flags?: number;
  readonly vaddr: bigint;
  readonly data: Uint8Array;
  readonly memSize?: number;
}

export interface SectionSpec {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly address?: bigint;
  /** Contents of its own, appended to the file, or a piece of a segment. */
  readonly data?: Uint8Array;
  readonly inSegment?: { readonly index: number; readonly offset: number };
  readonly size?: number;
  /** Names of sections. */
  readonly link?: string;
  readonly info?: string;
  readonly alignment?: number;
}

export interface ElfSpec {
  readonly type: number;
  readonly entry?: bigint;
  readonly segments?: readonly SegmentSpec[];
  /** `.shstrtab` and the null section are added. */
  readonly sections?: readonly SectionSpec[];
}

export interface SymbolSpec {
  readonly name: string;
  readonly value: bigint;
  readonly size?: bigint;
  readonly type?: number;
  /** Section number, as in the finished file. */
  readonly section?: number;
}

/** Lays the file out: header, program headers, segments, section contents, section headers. */
export function buildElf(spec: ElfSpec): Uint8Array {
  const segments = spec.segments ?? [];
  const names = stringTable(["", ...(spec.sections ?? []).map((s) => s.name), ".shstrtab"]);
  const sections: SectionSpec[] =
    spec.sections === undefined
      ? []
      : [
          { name: "", type: 0 },
          ...spec.sections,
          { name: ".shstrtab", type: SHT_STRTAB, data: names.bytes },
        ];
  let end = 64 + segments.length * PROGRAM_HEADER_BYTES;
  const segmentOffsets = segments.map((segment) => {
    const offset = alignUp(end, 16);
    end = offset + segment.data.length;
    return offset;
  });
  const sectionOffsets = sections.map((section) => {
    if (section.inSegment !== undefined) {
      return segmentOffsets[section.inSegment.index]! + section.inSegment.offset;
    }
    const offset = alignUp(end, Math.min(section.alignment ?? 1, 64));
    end = offset + (section.data?.length ?? 0);
    return offset;
  });
  const tableOffset = alignUp(end, 8);
  const file = new Uint8Array(tableOffset + sections.length * SECTION_HEADER_BYTES);
  for (const [i, segment] of segments.entries()) file.set(segment.data, segmentOffsets[i]!);
  for (const [i, s] of sections.entries()) if (s.data) file.set(s.data, sectionOffsets[i]!);
  const view = new DataView(file.buffer);
  writeHeader(view, spec, tableOffset, sections.length);
  for (const [i, s] of segments.entries()) writeSegment(view, i, s, segmentOffsets[i]!);
  const indexOf = (name: string | undefined) =>
    name === undefined ? 0 : sections.findIndex((section) => section.name === name);
  for (const [i, section] of sections.entries()) {
    const at = tableOffset + i * SECTION_HEADER_BYTES;
    view.setUint32(at, names.offsets.get(section.name) ?? 0, true);
    view.setUint32(at + 4, section.type, true);
    view.setBigUint64(at + 8, BigInt(section.flags ?? 0), true);
    view.setBigUint64(at + 16, section.address ?? 0n, true);
    view.setBigUint64(at + 24, BigInt(section.type === 0 ? 0 : sectionOffsets[i]!), true);
    view.setBigUint64(at + 32, BigInt(section.size ?? section.data?.length ?? 0), true);
    view.setUint32(at + 40, indexOf(section.link), true);
    view.setUint32(at + 44, indexOf(section.info), true);
    view.setBigUint64(at + 48, BigInt(section.alignment ?? 1), true);
  }
  return file;
}

function writeHeader(view: DataView, spec: ElfSpec, tableOffset: number, sections: number): void {
  view.setUint32(0, 0x464c457f, true);
  view.setUint8(4, 2);
  view.setUint8(5, 1);
  view.setUint8(6, 1);
  view.setUint8(7, 9); // FreeBSD
  view.setUint16(16, spec.type, true);
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, spec.entry ?? 0n, true);
  view.setBigUint64(32, spec.segments?.length ? 64n : 0n, true);
  view.setBigUint64(40, sections > 0 ? BigInt(tableOffset) : 0n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, spec.segments?.length ?? 0, true);
  view.setUint16(58, SECTION_HEADER_BYTES, true);
  view.setUint16(60, sections, true);
  view.setUint16(62, sections > 0 ? sections - 1 : 0, true);
}

function writeSegment(view: DataView, index: number, segment: SegmentSpec, offset: number): void {
  const at = 64 + index * PROGRAM_HEADER_BYTES;
  view.setUint32(at, segment.type ?? PT_LOAD, true);
  view.setUint32(at + 4, segment.flags ?? PF_R, true);
  view.setBigUint64(at + 8, BigInt(offset), true);
  view.setBigUint64(at + 16, segment.vaddr, true);
  view.setBigUint64(at + 24, segment.vaddr, true);
  view.setBigUint64(at + 32, BigInt(segment.data.length), true);
  view.setBigUint64(at + 40, BigInt(segment.memSize ?? segment.data.length), true);
  view.setBigUint64(at + 48, 0x1000n, true);
}

/** A string table that starts with the empty string, and where each string stands in it. */
function stringTable(strings: readonly string[]) {
  const offsets = new Map<string, number>([["", 0]]);
  let text = "\0";
  for (const string of strings) {
    if (offsets.has(string)) continue;
    offsets.set(string, text.length);
    text += `${string}\0`;
  }
  return { bytes: ascii(text), offsets };
}

/** A symbol table (with its null entry) and the strings it points into. */
export function symbolTable(symbols: readonly SymbolSpec[]) {
  const strings = stringTable(symbols.map((symbol) => symbol.name));
  const bytes = new Uint8Array((symbols.length + 1) * SYMBOL_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, symbol] of symbols.entries()) {
    const at = (i + 1) * SYMBOL_BYTES;
    view.setUint32(at, strings.offsets.get(symbol.name)!, true);
    view.setUint8(at + 4, 0x10 | (symbol.type ?? STT_FUNC));
    view.setUint16(at + 6, symbol.section ?? 1, true);
    view.setBigUint64(at + 8, symbol.value, true);
    view.setBigUint64(at + 16, symbol.size ?? 0n, true);
  }
  return { bytes, strings: strings.bytes };
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
