// SPDX-License-Identifier: BSD-2-Clause
// Which parts of a machine's memory are worth keeping: the vCPU's state, and the pages that were written and
// are not all zero.
import { type GuestMemory, PAGE_SIZE } from "../mmu/guest-memory.ts";
import {
  PAGE_TOUCHED,
  RAM_OFFSET,
  VCPU_STATE_BYTES,
  VCPU_STATE_OFFSET,
} from "../mmu/machine-layout.ts";

/** A run of bytes in {@link GuestMemory.bytes}. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** The vCPU's state block first, then pages in order. */
export function extentsOf(memory: GuestMemory): Extent[] {
  return [{ offset: VCPU_STATE_OFFSET, length: VCPU_STATE_BYTES }, ...ramExtents(memory)];
}

/** Runs of pages, in order. */
export function ramExtents(memory: GuestMemory): Extent[] {
  const extents: Extent[] = [];
  const words = new Int32Array(memory.memory.buffer);
  let start = -1;
  for (let page = 0; page <= memory.pageFlags.length; page++) {
    const isKept = page < memory.pageFlags.length && hasContent(memory, words, page);
    if (isKept && start < 0) start = page;
    if (!isKept && start >= 0) {
      extents.push({ offset: RAM_OFFSET + start * PAGE_SIZE, length: (page - start) * PAGE_SIZE });
      start = -1;
    }
  }
  return extents;
}

function hasContent(memory: GuestMemory, words: Int32Array, page: number): boolean {
  if ((memory.pageFlags[page]! & PAGE_TOUCHED) === 0) return false;
  const first = (RAM_OFFSET + page * PAGE_SIZE) / 4;
  for (let word = first; word < first + PAGE_SIZE / 4; word++) if (words[word] !== 0) return true;
  return false;
}

/** True if an extent from a file lies where {@link extentsOf} could have taken it from. */
export function isValidExtent(memory: GuestMemory, { offset, length }: Extent): boolean {
  if (offset === VCPU_STATE_OFFSET) return length === VCPU_STATE_BYTES;
  return (
    offset >= RAM_OFFSET &&
    length >= 0 &&
    offset % PAGE_SIZE === 0 &&
    length % PAGE_SIZE === 0 &&
    offset + length <= RAM_OFFSET + memory.ramBytes
  );
}

/** After an extent was read back: its pages count as written. */
export function markExtent(memory: GuestMemory, { offset, length }: Extent): void {
  if (offset < RAM_OFFSET) return;
  const first = (offset - RAM_OFFSET) / PAGE_SIZE;
  memory.pageFlags.fill(PAGE_TOUCHED, first, first + length / PAGE_SIZE);
}
