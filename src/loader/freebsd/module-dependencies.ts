// SPDX-License-Identifier: BSD-2-Clause
// What a loaded kernel or module says about itself in its set of module metadata: the modules it provides
// (MODULE_VERSION) and those it needs (MODULE_DEPEND). FreeBSD: sys/sys/module.h struct mod_metadata;
// stand/common/load_elf_obj.c parse_modmetadata.
//
//   set: pointers to   { i32 version; i32 type; pointer data; pointer name }     24 bytes
//        data is       DEPEND  { i32 minimum, preferred, maximum }
//                      VERSION { i32 version }
//
// The pointers of a module are not relocated yet; how to follow one is the caller's to say. Everything must lie
// inside the file's image in guest memory.
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import type { ModuleDependency, ModuleVersion } from "./preloaded-file.ts";

const MDT_DEPEND = 1;
const MDT_VERSION = 3;
const LONGEST_MODULE_NAME = 255;
/** A GENERIC kernel has some 2,500. */
const MOST_RECORDS = 0x1_0000;

/** A file's place in guest memory. */
export interface ImageSpan {
  /** Its path, for messages. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface ModuleMetadata {
  /** Newest first: the last of the set stands first, as in the loader's lists. */
  readonly versions: ModuleVersion[];
  readonly dependencies: ModuleDependency[];
}

/** The guest-physical address that the pointer at `gpa` means; throws ERR_BAD_IMAGE if it means none. */
export type FollowPointer = (gpa: number) => number;

/** Reads a whole set. Throws ERR_BAD_IMAGE if any of it lies outside the image. */
export function readModuleMetadata(
  memory: GuestMemory,
  image: ImageSpan,
  set: { readonly start: number; readonly sizeBytes: number },
  follow: FollowPointer,
): ModuleMetadata {
  const read = (gpa: number, length: number) => readInside(memory, image, gpa, length);
  const versions = new Map<string, ModuleVersion>();
  const dependencies: ModuleDependency[] = [];
  read(set.start, set.sizeBytes);
  if (set.sizeBytes > MOST_RECORDS * 8) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      `${image.name} has more than ${MOST_RECORDS} metadata records`,
    );
  }
  for (let at = 0; at + 8 <= set.sizeBytes; at += 8) {
    const record = follow(set.start + at);
    const type = read(record, 24).getInt32(4, true);
    if (type !== MDT_DEPEND && type !== MDT_VERSION) continue;
    const data = follow(record + 8);
    const name = readName(memory, image, follow(record + 16));
    if (type === MDT_VERSION) {
      const version = read(data, 4).getInt32(0, true);
      const key = `${name}.${version}`;
      if (!versions.has(key)) versions.set(key, { name, version });
    } else {
      const range = read(data, 12);
      dependencies.push({
        name,
        minimum: range.getInt32(0, true),
        preferred: range.getInt32(4, true),
        maximum: range.getInt32(8, true),
      });
    }
  }
  return { versions: [...versions.values()].reverse(), dependencies: dependencies.reverse() };
}

function readInside(memory: GuestMemory, image: ImageSpan, gpa: number, length: number): DataView {
  const isInside = gpa >= image.start && gpa + length <= image.end;
  const bytes = isInside ? memory.readable(gpa, length) : undefined;
  if (bytes === undefined) {
    throw new VmmError("ERR_BAD_IMAGE", `${image.name} has module metadata outside of itself`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

function readName(memory: GuestMemory, image: ImageSpan, gpa: number): string {
  const length = Math.min(LONGEST_MODULE_NAME, image.end - gpa);
  const view = readInside(memory, image, gpa, Math.max(length, 1));
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  const nul = bytes.indexOf(0);
  if (nul < 0) throw new VmmError("ERR_BAD_IMAGE", `${image.name} has an endless module name`);
  return new TextDecoder().decode(bytes.subarray(0, nul));
}
