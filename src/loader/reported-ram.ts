// SPDX-License-Identifier: BSD-2-Clause
// The memory that a loaded kernel is told of, as a PC's firmware would report it: 640 KiB, then 1 MiB up to the end of
// low memory, then what lies from 4 GiB on. Between 640 KiB and 1 MiB there is RAM, too; tables lie in it, and it is not
// reported. FreeBSD: stand/userboot/userboot/biossmap.c.
import { type GuestMemory, HIGHMEM_BASE } from "../mmu/guest-memory.ts";
import { viewOf } from "./bytes.ts";

const BASE_MEMORY = 0xa_0000;
const EXTENDED_MEMORY = 0x10_0000;
const ENTRY_BYTES = 20;
const TYPE_RAM = 1;

/** BIOS E820 entries, packed: u64 base, u64 length, u32 type. Both FreeBSD's SMAP and Linux' e820 table. */
export function reportedRam(memory: GuestMemory): Uint8Array {
  const ranges: (readonly [base: number, length: number])[] = [
    [0, BASE_MEMORY],
    [EXTENDED_MEMORY, memory.lowmem - EXTENDED_MEMORY],
  ];
  if (memory.highmem > 0) ranges.push([HIGHMEM_BASE, memory.highmem]);
  const table = new Uint8Array(ranges.length * ENTRY_BYTES);
  const view = viewOf(table);
  for (const [i, [base, length]] of ranges.entries()) {
    view.setBigUint64(i * ENTRY_BYTES, BigInt(base), true);
    view.setBigUint64(i * ENTRY_BYTES + 8, BigInt(length), true);
    view.setUint32(i * ENTRY_BYTES + 16, TYPE_RAM, true);
  }
  return table;
}

/** How many entries a table of {@link reportedRam} has. */
export function entryCount(table: Uint8Array): number {
  return table.length / ENTRY_BYTES;
}
