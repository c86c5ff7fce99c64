// SPDX-License-Identifier: BSD-2-Clause
// Descriptor chains: the scattered buffer of one request. VirtIO 1.2 §2.7.5.
//
//   0      8      12     14     16
//   | addr | len  | flags| next |      flags: NEXT 1, WRITE 2, INDIRECT 4
//
// The tables are the guest's memory and say what the guest likes, also while they are read: every field
// is read once, and whatever breaks a rule of the specification is refused with the reason. bhyve
// forgives chains that go on after an indirect descriptor, and readable buffers after writable ones.
import { pairToNumber } from "../../base/u64.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";

export const DESCRIPTOR_BYTES = 16;

/** Buffers in a chain, those of an indirect table included; bhyve's limit. */
const VQ_MAX_DESCRIPTORS = 512;

const VIRTQ_DESC_F_NEXT = 1;
const VIRTQ_DESC_F_WRITE = 2;
const VIRTQ_DESC_F_INDIRECT = 4;

/** §2.7.5.2: a chain's buffers add up to no more than this. */
const MAX_CHAIN_BYTES = 2 ** 32;

interface Segment {
  readonly gpa: number;
  readonly length: number;
}

/** A table of descriptors: the ring's, or an indirect one. */
export interface DescriptorTable {
  readonly gpa: number;
  readonly count: number;
}

/**
 * A request's buffers: first what the device reads, then what it writes; all of it is RAM. Views are made
 * when they are asked for, since asking for a writable one counts as writing.
 */
export class DescriptorChain {
  /** Index of the first descriptor: what the used ring names the chain by. */
  readonly head: number;
  /** Which life of the queue it belongs to. */
  readonly generation: number;
  readableBytes = 0;
  writableBytes = 0;
  readonly #memory: GuestMemory;
  readonly #readable: Segment[] = [];
  readonly #writable: Segment[] = [];

  constructor(memory: GuestMemory, head: number, generation: number) {
    this.#memory = memory;
    this.head = head;
    this.generation = generation;
  }

  /** A copy of part of what the driver wrote; undefined if there is not that much of it. */
  copyReadable(offset: number, length: number): Uint8Array | undefined {
    if (offset + length > this.readableBytes) return undefined;
    const copy = new Uint8Array(length);
    let filled = 0;
    for (const view of this.readableViews(offset, length)) {
      copy.set(view, filled);
      filled += view.length;
    }
    return copy;
  }

  /** Windows on part of what the driver wrote, borrowed. */
  readableViews(offset: number, length: number): Uint8Array[] {
    return slices(this.#readable, offset, length).map(
      ({ gpa, length }) => this.#memory.readable(gpa, length)!,
    );
  }

  /** Windows on part of what the device may write, borrowed, to be filled now. */
  writableViews(offset: number, length: number): Uint8Array[] {
    return slices(this.#writable, offset, length).map(
      ({ gpa, length }) => this.#memory.writable(gpa, length)!,
    );
  }

  /** Appends a buffer; the reason if that may not be. */
  append(segment: Segment, isWritable: boolean): string | undefined {
    const { gpa, length } = segment;
    if (this.#memory.offsetOf(gpa, length) < 0) return "a buffer outside the guest's memory";
    if (!isWritable && this.#writable.length > 0) return "a readable buffer after a writable one";
    if (this.readableBytes + this.writableBytes + length > MAX_CHAIN_BYTES) {
      return "buffers of more than 4 GiB in all";
    }
    if (this.#readable.length + this.#writable.length >= VQ_MAX_DESCRIPTORS) {
      return `more than ${VQ_MAX_DESCRIPTORS} buffers`;
    }
    if (isWritable) {
      this.#writable.push(segment);
      this.writableBytes += length;
    } else {
      this.#readable.push(segment);
      this.readableBytes += length;
    }
    return undefined;
  }
}

export interface ChainSource {
  readonly memory: GuestMemory;
  /** The ring's own table. */
  readonly table: DescriptorTable;
  readonly hasIndirect: boolean;
  readonly generation: number;
}

/** Follows a chain from descriptor `head`: the chain, or why it is refused. */
export function collectChain(source: ChainSource, head: number): DescriptorChain | string {
  const chain = new DescriptorChain(source.memory, head, source.generation);
  let { table } = source;
  let index = head;
  // A chain that is longer than its table comes by some descriptor twice.
  let steps = table.count;
  for (;;) {
    if (index >= table.count) return `descriptor ${index} of a table of ${table.count}`;
    if (steps-- === 0) return "a chain that loops";
    const descriptor = readDescriptor(source.memory, table, index);
    const { flags } = descriptor;
    if ((flags & VIRTQ_DESC_F_INDIRECT) !== 0) {
      const indirect = indirectTable(source, table, descriptor);
      if (typeof indirect === "string") return indirect;
      table = indirect;
      index = 0;
      steps = table.count;
      continue;
    }
    const refusal = chain.append(descriptor, (flags & VIRTQ_DESC_F_WRITE) !== 0);
    if (refusal !== undefined) return refusal;
    if ((flags & VIRTQ_DESC_F_NEXT) === 0) return chain;
    index = descriptor.next;
  }
}

interface Descriptor extends Segment {
  readonly flags: number;
  readonly next: number;
}

/** `table` lies in RAM and `index` in `table`. */
function readDescriptor(memory: GuestMemory, table: DescriptorTable, index: number): Descriptor {
  const gpa = table.gpa + DESCRIPTOR_BYTES * index;
  return {
    gpa: pairToNumber(memory.load(gpa, 4), memory.load(gpa + 4, 4)),
    length: memory.load(gpa + 8, 4),
    flags: memory.load(gpa + 12, 2),
    next: memory.load(gpa + 14, 2),
  };
}

/** §2.7.5.3: the table that an indirect descriptor refers to, or why not. */
function indirectTable(
  { memory, table: ring, hasIndirect }: ChainSource,
  table: DescriptorTable,
  { gpa, length, flags }: Descriptor,
): DescriptorTable | string {
  if (!hasIndirect) return "an indirect descriptor, which was not negotiated";
  if (table !== ring) return "an indirect descriptor in an indirect table";
  if ((flags & VIRTQ_DESC_F_NEXT) !== 0) return "a chain that goes on after an indirect descriptor";
  if (length === 0 || length % DESCRIPTOR_BYTES !== 0)
    return `an indirect table of ${length} bytes`;
  if (memory.offsetOf(gpa, length) < 0) return "an indirect table outside the guest's memory";
  return { gpa, count: length / DESCRIPTOR_BYTES };
}

/** The part of `segments` that bytes `offset` … `offset + length - 1` lie in; empty pieces are left out. */
function slices(segments: readonly Segment[], offset: number, length: number): Segment[] {
  const found: Segment[] = [];
  let start = 0;
  for (const segment of segments) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + segment.length);
    if (from < to) found.push({ gpa: segment.gpa + from - start, length: to - from });
    start += segment.length;
  }
  return found;
}
