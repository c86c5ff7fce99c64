// SPDX-License-Identifier: BSD-2-Clause
// Follows pointers inside a module that nobody has relocated yet: what is stored in an ET_REL object is zero, the
// meaning is in its RELA (or REL) sections. System V ABI, AMD64 supplement, "Relocation"; FreeBSD:
// stand/common/reloc_elf.c. Only R_X86_64_64, the one kind a data pointer has.
import { hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { RangeMap } from "../../base/range-map.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import {
  type ElfFile,
  type ElfSection,
  R_X86_64_64,
  REL_BYTES,
  RELA_BYTES,
  SHN_UNDEF,
  SHT_REL,
  SHT_RELA,
  SYMBOL_BYTES,
} from "../elf.ts";
import type { FollowPointer } from "./module-dependencies.ts";
import type { ModuleLayout } from "./module-layout.ts";

/** No more are looked at for one section: the largest stock modules have some 60,000. */
const MOST_RELOCATIONS = 0x10_0000;

/** A relocation that applies to some pointer: symbol number, type, addend. */
interface Relocation {
  readonly symbol: number;
  readonly type: number;
  readonly addend: bigint;
}

/** A loaded section: its place in guest memory. */
interface Placed {
  readonly section: ElfSection;
  readonly start: number;
  relocations?: Map<number, Relocation>;
}

/** The way from a pointer's place in a laid-out module to what it means. */
export function pointersOf(memory: GuestMemory, elf: ElfFile, layout: ModuleLayout): FollowPointer {
  const placed = elf.sections
    .map((section): Placed => ({ section, start: layout.addresses[section.index]! }))
    .filter(({ section, start }) => start !== 0 && section.size > 0)
    .sort((a, b) => a.start - b.start);
  const byAddress = new RangeMap<Placed>();
  const tablesOf = new Map<number, Placed[]>();
  for (const value of placed) {
    const { name, size, type, info } = value.section;
    byAddress.add({ start: value.start, length: size, name, value });
    if (type !== SHT_RELA && type !== SHT_REL) continue;
    const tables = tablesOf.get(info);
    if (tables === undefined) tablesOf.set(info, [value]);
    else tables.push(value);
  }
  return (gpa) => {
    const target = byAddress.find(gpa)?.value;
    if (target === undefined) throw unrelocated(elf, gpa);
    const tables = tablesOf.get(target.section.index) ?? [];
    target.relocations ??= readRelocations(memory, tables, target);
    const relocation = target.relocations.get(gpa - target.start);
    if (relocation === undefined) throw unrelocated(elf, gpa);
    if (relocation.type !== R_X86_64_64) {
      throw new VmmError(
        "ERR_BAD_IMAGE",
        `${elf.name} has relocation type ${relocation.type} on a metadata pointer`,
      );
    }
    return symbolAddress(memory, elf, layout, relocation.symbol) + Number(relocation.addend);
  };
}

/** Every relocation of one section, by offset in it. */
function readRelocations(
  memory: GuestMemory,
  tables: readonly Placed[],
  target: Placed,
): Map<number, Relocation> {
  const found = new Map<number, Relocation>();
  for (const { section, start } of tables) {
    const isRela = section.type === SHT_RELA;
    const view = viewAt(memory, start, section.size);
    const step = isRela ? RELA_BYTES : REL_BYTES;
    if (view === undefined) continue;
    for (let at = 0; at + step <= section.size && found.size < MOST_RELOCATIONS; at += step) {
      const offset = Number(view.getBigUint64(at, true));
      found.set(offset, {
        type: view.getUint32(at + 8, true),
        symbol: view.getUint32(at + 12, true),
        addend: isRela ? view.getBigInt64(at + 16, true) : storedAddend(memory, target, offset),
      });
    }
  }
  return found;
}

/** REL keeps the addend where the pointer will be. */
function storedAddend(memory: GuestMemory, target: Placed, offset: number): bigint {
  if (offset + 8 > target.section.size) return 0n;
  return viewAt(memory, target.start + offset, 8)?.getBigInt64(0, true) ?? 0n;
}

function symbolAddress(
  memory: GuestMemory,
  elf: ElfFile,
  layout: ModuleLayout,
  index: number,
): number {
  const at = index * SYMBOL_BYTES;
  const isThere = at + SYMBOL_BYTES <= layout.symbols.size;
  const table = layout.addresses[layout.symbols.index]!;
  const symbol = isThere ? viewAt(memory, table + at, SYMBOL_BYTES) : undefined;
  const section = symbol?.getUint16(6, true) ?? SHN_UNDEF;
  const base = layout.addresses[section] ?? 0;
  if (symbol === undefined || section === SHN_UNDEF || base === 0) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      `${elf.name} has a metadata pointer to no place of its own`,
    );
  }
  return base + Number(symbol.getBigUint64(8, true));
}

function viewAt(memory: GuestMemory, gpa: number, length: number): DataView | undefined {
  const bytes = memory.readable(gpa, length);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, length);
}

function unrelocated(elf: ElfFile, gpa: number): VmmError {
  return new VmmError(
    "ERR_BAD_IMAGE",
    `${elf.name} has module metadata at ${hex(gpa)} that no relocation leads to`,
  );
}
