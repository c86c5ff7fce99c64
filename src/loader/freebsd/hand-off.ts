// SPDX-License-Identifier: BSD-2-Clause
// The last thing userboot does: stack, page tables and GDT in low memory, and the registers a FreeBSD/amd64 kernel
// finds at btext. FreeBSD: stand/userboot/userboot/elf64_freebsd.c, lib/libvmmapi
// vmmapi_freebsd.c.
//
// Every GiB of virtual memory shows the first GiB of physical memory, in 2 MiB pages. Kernels from 13 on find their
// own physical address by walking these tables, so neither 1 GiB nor 4 KiB pages will do.
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { quadBytes, viewOf } from "../bytes.ts";
import {
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  type EntryState,
  RFLAGS_RESERVED,
  type SegmentState,
} from "../entry-state.ts";
import { writeToGuest } from "../guest-copy.ts";
import { flatSegments, largePageEntry, pageTables, tableEntry } from "../hand-off.ts";
import {
  HAND_OFF_GDT,
  HAND_OFF_PD,
  HAND_OFF_PDPT,
  HAND_OFF_PML4,
  HAND_OFF_STACK,
} from "./hand-off-layout.ts";
import type { Preload } from "./preload.ts";

const TABLE_ENTRIES = 512;

/** Null, 64-bit code (P, S, L), data (P, S). Long mode asks for no more. */
const GDT = [0n, 0x0020_9800_0000_0000n, 0x0000_9000_0000_0000n];

const CODE: SegmentState = { selector: 0x8, base: 0n, limit: 0, access: 0x209b };
const DATA: SegmentState = { selector: 0x10, base: 0n, limit: 0, access: 0x93 };

/** Writes the scratch structures below 0x6000 and gives the state to enter the kernel with. */
export function enterKernel(memory: GuestMemory, entry: bigint, preload: Preload): EntryState {
  writeToGuest(memory, HAND_OFF_STACK, stackPage(preload), "the hand-off stack");
  const tables = [
    [HAND_OFF_PML4, () => tableEntry(HAND_OFF_PDPT)],
    [HAND_OFF_PDPT, () => tableEntry(HAND_OFF_PD)],
    [HAND_OFF_PD, largePageEntry],
  ] as const;
  for (const [gpa, entryOf] of tables) {
    const table = pageTables(TABLE_ENTRIES, entryOf);
    writeToGuest(memory, gpa, table, "the hand-off page tables");
  }
  writeToGuest(memory, HAND_OFF_GDT, quadBytes(GDT), "the hand-off GDT");
  return {
    rip: entry,
    rsp: BigInt(HAND_OFF_STACK),
    rflags: RFLAGS_RESERVED,
    general: {},
    cr0: CR0_PG | CR0_NE | CR0_PE,
    cr3: BigInt(HAND_OFF_PML4),
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
    segments: flatSegments(CODE, DATA, 0),
    gdtr: { base: BigInt(HAND_OFF_GDT), limit: GDT.length * 8 - 1 },
    idtr: { base: 0n, limit: 0 },
  };
}

/** u32 words: 0 as return address, modulep, kernend. */
function stackPage({ modulep, kernend }: Preload): Uint8Array {
  const page = new Uint8Array(4096);
  const view = viewOf(page);
  view.setUint32(4, modulep, true);
  view.setUint32(8, kernend, true);
  return page;
}
