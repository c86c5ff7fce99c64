// SPDX-License-Identifier: BSD-2-Clause
// What hand-offs to a kernel are made of: page tables of 2 MiB pages (SDM 3A 4.5), and segment registers that
// all show the same data segment. Where the tables lie and what the descriptors say is the kernel's boot protocol.
import { quadBytes } from "./bytes.ts";
import {
  ACCESS_TSS_BUSY,
  ACCESS_UNUSABLE,
  type EntryState,
  type SegmentState,
} from "./entry-state.ts";

const PG_V = 0x1;
const PG_RW = 0x2;
const PG_PS = 0x80;
const TABLE_ENTRIES = 512;
const LARGE_PAGE = 0x20_0000;

/** An entry that names the next table, at this guest-physical address. */
export function tableEntry(gpa: number): number {
  return gpa + PG_V + PG_RW;
}

/** A page directory's entry: the 2 MiB page of this number. */
export function largePageEntry(page: number): number {
  return page * LARGE_PAGE + PG_V + PG_RW + PG_PS;
}

/** Page tables of 512 entries, one behind the other: `count` entries in use, and zeros to the last table's end. */
export function pageTables(count: number, entryOf: (index: number) => number): Uint8Array {
  const room = Math.ceil(count / TABLE_ENTRIES) * TABLE_ENTRIES;
  return quadBytes(Array.from({ length: room }, (_, i) => (i < count ? BigInt(entryOf(i)) : 0n)));
}

/** CS as given, the rest the data segment; no LDT, and the busy TSS that a VM entry asks for (SDM 3C 26.3.1.2). */
export function flatSegments(
  code: SegmentState,
  data: SegmentState,
  tssLimit: number,
): EntryState["segments"] {
  return {
    cs: code,
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    tr: { selector: 0, base: 0n, limit: tssLimit, access: ACCESS_TSS_BUSY },
    ldtr: { selector: 0, base: 0n, limit: 0, access: ACCESS_UNUSABLE },
  };
}
