// SPDX-License-Identifier: BSD-2-Clause
// A file that the loader has put into guest memory for a FreeBSD kernel, with what is told to the kernel about it.
// FreeBSD: stand/common/bootstrap.h (struct preloaded_file), sys/sys/linker.h (MODINFOMD_*).
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { GIB } from "../../mmu/guest-memory.ts";

export const KERNEL_TYPE = "elf kernel";
export const MODULE_TYPE = "elf obj module";

/** Where amd64 kernels see physical memory from 0: sys/amd64/include/vmparam.h. */
export const KERNBASE = 0xffff_ffff_8000_0000n;

export const MODINFOMD_ELFHDR = 0x2;
export const MODINFOMD_SSYM = 0x3;
export const MODINFOMD_ESYM = 0x4;
export const MODINFOMD_DYNAMIC = 0x5;
export const MODINFOMD_ENVP = 0x6;
export const MODINFOMD_HOWTO = 0x7;
export const MODINFOMD_KERNEND = 0x8;
export const MODINFOMD_SHDR = 0x9;
export const MODINFOMD_CTORS_ADDR = 0xa;
export const MODINFOMD_CTORS_SIZE = 0xb;
export const MODINFOMD_SMAP = 0x1001;
/** Flag: for the loader's own use, not copied for the kernel. */
export const MODINFOMD_NOCOPY = 0x8000;
export const MODINFOMD_DEPLIST = 0x4001 | MODINFOMD_NOCOPY;

export interface Metadata {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A module that a file provides: MODULE_VERSION(name, version). */
export interface ModuleVersion {
  readonly name: string;
  readonly version: number;
}

/** The versions a dependent takes: struct mod_depend. */
export interface VersionRange {
  readonly minimum: number;
  readonly preferred: number;
  readonly maximum: number;
}

/** MODULE_DEPEND(self, name, minimum, preferred, maximum). */
export interface ModuleDependency extends VersionRange {
  readonly name: string;
}

export interface PreloadedFile {
  /** The path it was loaded from: also what the kernel calls it. */
  readonly name: string;
  readonly type: string;
  /** Guest-physical. */
  readonly address: number;
  readonly sizeBytes: number;
  /** In the order of the image, which is newest first (stand/common/module.c pushes at the front). */
  readonly metadata: readonly Metadata[];
  /** Newest first, too. */
  readonly modules: readonly ModuleVersion[];
  readonly dependencies: readonly ModuleDependency[];
  args?: string;
}

/** First byte behind what the loader may fill: the hand-off page tables map the first GiB of RAM and no more. */
function loadLimit(memory: GuestMemory): number {
  return Math.min(memory.lowmem, GIB);
}

/** Throws ERR_NO_SPACE unless `gpa` … `gpa + length` is RAM that the kernel can reach at its entry. */
export function checkRoom(memory: GuestMemory, gpa: number, length: number, what: string): void {
  const limit = loadLimit(memory);
  if (gpa + length <= limit) return;
  const mib = Math.floor(limit / 0x10_0000);
  throw new VmmError(
    "ERR_NO_SPACE",
    `${what} does not fit into the first ${mib} MiB of guest memory, where a FreeBSD kernel and its modules must lie`,
  );
}

export function u64Bytes(value: bigint | number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
