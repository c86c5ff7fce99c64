// SPDX-License-Identifier: BSD-2-Clause
// Puts an amd64 kernel module (ET_REL) into guest memory. The loader relocates nothing: the kernel does
// (sys/kern/link_elf_obj.c). FreeBSD: stand/common/load_elf_obj.c. In the section headers that go to the kernel,
// sh_addr is where the section lies in guest-physical memory, 0 for those that were left out.
import { alignUp } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { viewOf } from "../bytes.ts";
import {
  checkSectionRange,
  type ElfFile,
  ET_REL,
  SECTION_HEADER_BYTES,
  SHT_NOBITS,
  SHT_PROGBITS,
} from "../elf.ts";
import { copyFileToGuest, zeroGuest } from "../guest-copy.ts";
import { readModuleMetadata } from "./module-dependencies.ts";
import { layOutModule, type ModuleLayout } from "./module-layout.ts";
import { pointersOf } from "./module-relocations.ts";
import {
  type Metadata,
  MODINFOMD_DEPLIST,
  MODINFOMD_ELFHDR,
  MODINFOMD_SHDR,
  MODULE_TYPE,
  type ModuleDependency,
  type PreloadedFile,
} from "./preloaded-file.ts";

const PAGE = 4096;

/**
 * Loads a module at the first page boundary at or above `address`. Throws ERR_BAD_IMAGE for what is no module,
 * ERR_NO_SPACE where it does not fit.
 */
export function loadModule(memory: GuestMemory, elf: ElfFile, address: number): PreloadedFile {
  if (elf.type !== ET_REL) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      `${elf.name} is not a relocatable object, which amd64 kernel modules are`,
    );
  }
  const layout = layOutModule(memory, elf, alignUp(address, PAGE));
  zeroGuest(memory, layout.start, layout.end - layout.start, elf.name);
  for (const section of elf.sections) {
    const gpa = layout.addresses[section.index]!;
    if (gpa === 0 || section.type === SHT_NOBITS) continue;
    checkSectionRange(elf, section);
    const range = { source: elf.source, offset: section.offset, length: section.size };
    copyFileToGuest(memory, gpa, range, elf.name);
  }
  const declared = readDeclarations(memory, elf, layout);
  const metadata: Metadata[] = [
    { type: MODINFOMD_ELFHDR, data: elf.headerBytes },
    ...declared.dependencies.map((d) => ({ type: MODINFOMD_DEPLIST, data: depListData(d) })),
    { type: MODINFOMD_SHDR, data: headersWithAddresses(elf, layout) },
  ];
  return {
    name: elf.name,
    type: MODULE_TYPE,
    address: layout.start,
    sizeBytes: layout.end - layout.start,
    metadata,
    modules: declared.versions,
    dependencies: declared.dependencies,
  };
}

function readDeclarations(memory: GuestMemory, elf: ElfFile, layout: ModuleLayout) {
  const set = elf.sections.find(
    (section) => section.type === SHT_PROGBITS && section.name === "set_modmetadata_set",
  );
  const gpa = set === undefined ? 0 : layout.addresses[set.index]!;
  if (set === undefined || gpa === 0) return { versions: [], dependencies: [] };
  const image = { name: elf.name, start: layout.start, end: layout.end };
  const pointers = pointersOf(memory, elf, layout);
  return readModuleMetadata(memory, image, { start: gpa, sizeBytes: set.size }, pointers);
}

function headersWithAddresses(elf: ElfFile, layout: ModuleLayout): Uint8Array {
  const headers = elf.sectionTableBytes.slice();
  const view = viewOf(headers);
  for (const [index, gpa] of layout.addresses.entries()) {
    view.setBigUint64(index * SECTION_HEADER_BYTES + 16, BigInt(gpa), true);
  }
  return headers;
}

/** struct mod_depend, then the name: what the loader itself keeps as metadata, and `lsmod -v` shows. */
function depListData(dependency: ModuleDependency): Uint8Array {
  const name = new TextEncoder().encode(dependency.name);
  const data = new Uint8Array(12 + name.length + 1);
  const view = viewOf(data);
  view.setInt32(0, dependency.minimum, true);
  view.setInt32(4, dependency.preferred, true);
  view.setInt32(8, dependency.maximum, true);
  data.set(name, 12);
  return data;
}
