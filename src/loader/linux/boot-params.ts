// SPDX-License-Identifier: BSD-2-Clause
// struct boot_params, the "zero page" that a Linux/x86 kernel is started with. Linux: Documentation/arch/x86/zero-page.rst
// and boot.rst; arch/x86/include/uapi/asm/bootparam.h for the offsets.
//
//   0x070  acpi_rsdp_addr   0x1E8  e820_entries   0x1F1  setup_header   0x2D0  e820_table, 20 bytes each
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { viewOf } from "../bytes.ts";
import { entryCount, reportedRam } from "../reported-ram.ts";
import { HEADER_MAGIC, SETUP_HEADER_START } from "./bzimage.ts";

const BOOT_PARAMS_BYTES = 4096;

/** A loader without a number of its own. */
const LOADER_UNDEFINED = 0xff;
const CAN_USE_HEAP = 0x80;

export interface BootParams {
  /** The kernel's setup header; undefined for a vmlinux, which has none. */
  readonly header: Uint8Array | undefined;
  readonly loadAddress: number;
  readonly commandLineAddress: number;
  readonly initrd: { readonly address: number; readonly sizeBytes: number } | undefined;
  /** Where the ACPI tables begin, if they are not found by the search below 1 MiB. */
  readonly acpiRsdp: number | undefined;
}

/** The page, to be placed anywhere in memory that the hand-off page tables map. */
export function buildBootParams(memory: GuestMemory, params: BootParams): Uint8Array {
  const page = new Uint8Array(BOOT_PARAMS_BYTES);
  const view = viewOf(page);
  if (params.header === undefined) writeOwnHeader(view);
  else page.set(params.header, SETUP_HEADER_START);
  view.setUint8(0x210, LOADER_UNDEFINED);
  // The heap is for real-mode code, which does not run.
  view.setUint8(0x211, view.getUint8(0x211) & ~CAN_USE_HEAP);
  view.setUint32(0x214, params.loadAddress, true);
  view.setUint32(0x218, params.initrd?.address ?? 0, true);
  view.setUint32(0x21c, params.initrd?.sizeBytes ?? 0, true);
  view.setUint32(0x228, params.commandLineAddress, true);
  view.setBigUint64(0x070, BigInt(params.acpiRsdp ?? 0), true);
  const memoryMap = reportedRam(memory);
  view.setUint8(0x1e8, entryCount(memoryMap));
  page.set(memoryMap, 0x2d0);
  return page;
}

/** What the kernel looks at in a header that never was: magic numbers, protocol 2.15, loaded high. */
function writeOwnHeader(view: DataView): void {
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, HEADER_MAGIC, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 0x1);
}
