// SPDX-License-Identifier: BSD-2-Clause
// Small FreeBSD kernels (ET_EXEC) and kernel modules (ET_REL) with the parts a loader looks at. FreeBSD:
// sys/sys/module.h for the module metadata.
import { alignUp } from "../../src/base/bits.ts";
import {
  ET_EXEC,
  ET_REL,
  PF_W,
  PT_DYNAMIC,
  R_X86_64_64,
  RELA_BYTES,
  SHF_ALLOC,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
} from "../../src/loader/elf.ts";
import {
  ascii,
  buildElf,
  PF_R,
  PF_X,
  SHF_EXEC,
  SHF_WRITE,
  STT_SECTION,
  type SymbolSpec,
  symbolTable,
} from "./elf-builder.ts";

export interface ModuleSpec {
  readonly versions?: readonly { readonly name: string; readonly version: number }[];
  readonly depends?: readonly {
    readonly name: string;
    readonly minimum: number;
    readonly preferred: number;
    readonly maximum: number;
  }[];
}

interface MetadataImage {
  /** struct mod_metadata and what they point to; pointers are given as offsets in `data`. */
  readonly data: Uint8Array;
  readonly pointers: readonly { readonly at: number; readonly target: number }[];
  /** Offsets in `data` of the records: what the set points to. */
  readonly records: readonly number[];
}

/** MODULE_DEPEND and MODULE_VERSION as the compiler lays them out, one record after the other. */
function moduleMetadata(spec: ModuleSpec): MetadataImage {
  const MDT_DEPEND = 1;
  const MDT_VERSION = 3;
  const entries = [
    ...(spec.depends ?? []).map((d) => ({
      type: MDT_DEPEND,
      name: d.name,
      values: [d.minimum, d.preferred, d.maximum],
    })),
    ...(spec.versions ?? []).map((v) => ({
      type: MDT_VERSION,
      name: v.name,
      values: [v.version],
    })),
  ];
  const data = new Uint8Array(entries.reduce((sum, e) => sum + 40 + e.name.length + 9, 8));
  const view = new DataView(data.buffer);
  const pointers: { at: number; target: number }[] = [];
  const records: number[] = [];
  let at = 8;
  for (const entry of entries) {
    const name = at + 24 + 12;
    view.setInt32(at, 1, true);
    view.setInt32(at + 4, entry.type, true);
    pointers.push({ at: at + 8, target: at + 24 }, { at: at + 16, target: name });
    for (const [i, value] of entry.values.entries()) view.setInt32(at + 24 + 4 * i, value, true);
    data.set(ascii(entry.name), name);
    records.push(at);
    at = alignUp(name + entry.name.length + 1, 8);
  }
  return { data: data.slice(0, at), pointers, records };
}

/** A module: .text, .data with the metadata, their set, .bss, symbols, relocations; .comment stays behind. */
export function moduleImage(spec: ModuleSpec): Uint8Array {
  const metadata = moduleMetadata(spec);
  const TEXT = 1;
  const DATA = 2;
  const symbols = symbolTable([
    { name: "", value: 0n, type: STT_SECTION, section: DATA },
    { name: "module_start", value: 0n, size: 4n, section: TEXT },
  ]);
  const set = new Uint8Array(metadata.records.length * 8);
  const alloc = SHF_ALLOC;
  return buildElf({
    type: ET_REL,
    sections: [
      { name: ".text", type: SHT_PROGBITS, flags: alloc | SHF_EXEC, data: CODE, alignment: 16 },
      {
        name: ".data",
        type: SHT_PROGBITS,
        flags: alloc | SHF_WRITE,
        data: metadata.data,
        alignment: 8,
      },
      { name: "set_modmetadata_set", type: SHT_PROGBITS, flags: alloc, data: set, alignment: 8 },
      { name: ".bss", type: SHT_NOBITS, flags: alloc | SHF_WRITE, size: 100, alignment: 64 },
      { name: ".comment", type: SHT_PROGBITS, data: ascii("built by hand\0") },
      {
        name: ".rela.data",
        type: SHT_RELA,
        data: relocations(metadata.pointers),
        link: ".symtab",
        info: ".data",
        alignment: 8,
      },
      {
        name: ".relaset_modmetadata_set",
        type: SHT_RELA,
        data: relocations(metadata.records.map((target, i) => ({ at: i * 8, target }))),
        link: ".symtab",
        info: "set_modmetadata_set",
        alignment: 8,
      },
      { name: ".symtab", type: SHT_SYMTAB, data: symbols.bytes, link: ".strtab", alignment: 8 },
      { name: ".strtab", type: SHT_STRTAB, data: symbols.strings },
    ],
  });
}

/** Against symbol 1, the section symbol of .data. */
function relocations(pointers: readonly { at: number; target: number }[]): Uint8Array {
  const bytes = new Uint8Array(pointers.length * RELA_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, pointer] of pointers.entries()) {
    view.setBigUint64(i * RELA_BYTES, BigInt(pointer.at), true);
    view.setUint32(i * RELA_BYTES + 8, R_X86_64_64, true);
    view.setUint32(i * RELA_BYTES + 12, 1, true);
    view.setBigInt64(i * RELA_BYTES + 16, BigInt(pointer.target), true);
  }
  return bytes;
}

export interface KernelSpec extends ModuleSpec {
  readonly symbols?: readonly SymbolSpec[];
  readonly withCtors?: boolean;
}

export const TEST_KERNEL_TEXT = 0xffff_ffff_8020_0000n;
export const TEST_KERNEL_DATA = 0xffff_ffff_8020_2000n;
export const TEST_KERNEL_ENTRY = TEST_KERNEL_TEXT + 0x10n;

/**
 * A kernel: read-only data and text at 0x200000 physical, data with 0x400 bytes of bss at 0x202000, and, as in a
 * real one, metadata whose pointers are already virtual addresses.
 */
export function kernelImage(spec: KernelSpec = {}): Uint8Array {
  const metadata = moduleMetadata({
    versions: spec.versions ?? [{ name: "kernel", version: 1302001 }],
  });
  const set = metadata.records.length * 8;
  const data = new Uint8Array(alignUp(metadata.data.length, 8) + set);
  data.set(metadata.data);
  const view = new DataView(data.buffer);
  const setAt = data.length - set;
  const virtual = (offset: number) => TEST_KERNEL_DATA + BigInt(offset);
  for (const { at, target } of metadata.pointers) view.setBigUint64(at, virtual(target), true);
  for (const [i, at] of metadata.records.entries()) {
    view.setBigUint64(setAt + i * 8, virtual(at), true);
  }
  const text = new Uint8Array(0x100).fill(0x90);
  text.set(CODE, 0x10);
  const symbols = symbolTable(
    spec.symbols ?? [{ name: "btext", value: TEST_KERNEL_ENTRY, size: 0x20n }],
  );
  return buildElf({
    type: ET_EXEC,
    entry: TEST_KERNEL_ENTRY,
    segments: [
      { vaddr: TEST_KERNEL_TEXT, data: text, flags: PF_R | PF_X },
      { vaddr: TEST_KERNEL_DATA, data, memSize: data.length + 0x400, flags: PF_R | PF_W },
      { type: PT_DYNAMIC, vaddr: TEST_KERNEL_DATA, data: new Uint8Array(16), flags: PF_R },
    ],
    sections: [
      {
        name: ".text",
        type: SHT_PROGBITS,
        flags: SHF_ALLOC | SHF_EXEC,
        address: TEST_KERNEL_TEXT,
        inSegment: { index: 0, offset: 0 },
        size: text.length,
      },
      {
        name: "set_modmetadata_set",
        type: SHT_PROGBITS,
        flags: SHF_ALLOC,
        address: virtual(setAt),
        inSegment: { index: 1, offset: setAt },
        size: set,
      },
      ...(spec.withCtors
        ? [{ name: ".ctors", type: SHT_PROGBITS, address: virtual(8), size: 16 }]
        : []),
      { name: ".symtab", type: SHT_SYMTAB, data: symbols.bytes, link: ".strtab", alignment: 8 },
      { name: ".strtab", type: SHT_STRTAB, data: symbols.strings },
    ],
  });
}

/** `cli; hlt; jmp .-1`: something for the section to hold. */
const CODE = Uint8Array.of(0xfa, 0xf4, 0xeb, 0xfd);
