// SPDX-License-Identifier: BSD-2-Clause
// How a Linux/x86 kernel is entered. Linux: Documentation/arch/x86/boot.rst, "64-bit Boot Protocol" and "32-bit Boot
// Protocol": __BOOT_CS 0x10, __BOOT_DS 0x18, RSI the boot_params, interrupts off; in long mode identity mapping of what
// is needed, here the first 4 GiB in 2 MiB pages.
//
//   0x10000  boot_params        0x12000  PML4, PDPT, four page directories
//   0x11000  GDT                0x20000  command line
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { quadBytes } from "../bytes.ts";
import {
  CR0_ET,
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

export const BOOT_PARAMS_ADDRESS = 0x1_0000;
const GDT_ADDRESS = 0x1_1000;
const PAGE_TABLES_ADDRESS = 0x1_2000;
const STACK_TOP = 0x2_0000;
export const COMMAND_LINE_ADDRESS = 0x2_0000;
/** Room for the command line with its NUL. */
export const COMMAND_LINE_ROOM = 0x1_0000;

const PAGE = 4096;
const ENTRIES = 512;
const MAPPED_GIB = 4;

const CODE_64 = 0x00af_9b00_0000_ffffn;
const CODE_32 = 0x00cf_9b00_0000_ffffn;
const DATA = 0x00cf_9300_0000_ffffn;

const FLAT_LIMIT = 0xffff_ffff;
const DATA_SEGMENT: SegmentState = { selector: 0x18, base: 0n, limit: FLAT_LIMIT, access: 0xc093 };

/** Writes GDT and, for long mode, page tables; gives the state to enter at `entry`. */
export function enterLinux(memory: GuestMemory, entry: number, isLongMode: boolean): EntryState {
  const gdt = [0n, 0n, isLongMode ? CODE_64 : CODE_32, DATA];
  writeToGuest(memory, GDT_ADDRESS, quadBytes(gdt), "the hand-off GDT");
  if (isLongMode) writePageTables(memory);
  const access = isLongMode ? 0xa09b : 0xc09b;
  const code: SegmentState = { selector: 0x10, base: 0n, limit: FLAT_LIMIT, access };
  const protectedMode = CR0_PE | CR0_ET | CR0_NE;
  return {
    rip: BigInt(entry),
    rsp: BigInt(STACK_TOP),
    rflags: RFLAGS_RESERVED,
    general: { rsi: BigInt(BOOT_PARAMS_ADDRESS) },
    cr0: isLongMode ? protectedMode | CR0_PG : protectedMode,
    cr3: isLongMode ? BigInt(PAGE_TABLES_ADDRESS) : 0n,
    cr4: isLongMode ? CR4_PAE : 0n,
    efer: isLongMode ? EFER_LME | EFER_LMA : 0n,
    segments: flatSegments(code, DATA_SEGMENT, 0xffff),
    gdtr: { base: BigInt(GDT_ADDRESS), limit: gdt.length * 8 - 1 },
    idtr: { base: 0n, limit: 0 },
  };
}

function writePageTables(memory: GuestMemory): void {
  const pdpt = PAGE_TABLES_ADDRESS + PAGE;
  const directories = pdpt + PAGE;
  const tables = [
    [PAGE_TABLES_ADDRESS, 1, () => tableEntry(pdpt)],
    [pdpt, MAPPED_GIB, (i: number) => tableEntry(directories + i * PAGE)],
    [directories, MAPPED_GIB * ENTRIES, largePageEntry],
  ] as const;
  for (const [gpa, count, entryOf] of tables) {
    writeToGuest(memory, gpa, pageTables(count, entryOf), "the hand-off page tables");
  }
}
