// SPDX-License-Identifier: BSD-2-Clause
// The driver's side of a split virtqueue, in real guest memory. VirtIO 1.2 §2.7. Well-behaved by default;
// the raw accessors let a test write what no driver should.
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";

export const DESC_F_NEXT = 1;
export const DESC_F_WRITE = 2;
export const DESC_F_INDIRECT = 4;

/** Hands out pieces of guest memory, from an address upwards, zeroed. */
export class GuestHeap {
  readonly memory: GuestMemory;
  #next: number;

  constructor(memory: GuestMemory, start: number) {
    this.memory = memory;
    this.#next = start;
  }

  allocate(bytes: number, alignment = 16): number {
    const gpa = Math.ceil(this.#next / alignment) * alignment;
    this.#next = gpa + bytes;
    this.memory.zero(gpa, bytes);
    return gpa;
  }

  /** A copy of `bytes` in guest memory. */
  place(bytes: Uint8Array): number {
    const gpa = this.allocate(bytes.length);
    this.memory.write(gpa, bytes);
    return gpa;
  }
}

/** One buffer of a chain. */
export interface DriverBuffer {
  readonly gpa: number;
  readonly length: number;
  readonly isWritable: boolean;
}

export interface UsedElement {
  readonly head: number;
  readonly writtenBytes: number;
}

export interface QueuePlace {
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}

export interface VirtqueueDriverOptions extends QueuePlace {
  readonly heap: GuestHeap;
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly hasEventIndex: boolean;
  /** Tells the device. */
  readonly notify: () => void;
  /** Where both sides' indices stand, as after that many chains. */
  readonly firstIdx?: number;
}

export class VirtqueueDriver {
  readonly place: QueuePlace;
  readonly heap: GuestHeap;
  readonly #options: VirtqueueDriverOptions;
  readonly #memory: GuestMemory;
  #freeDescriptors: number[];
  /** Descriptors of each chain that the device has, by head. */
  readonly #chains = new Map<number, number[]>();
  #availIdx: number;
  /** {@link #availIdx} at the last kick. */
  #kickedIdx: number;
  #usedIdx: number;

  constructor(options: VirtqueueDriverOptions) {
    this.#options = options;
    this.place = options;
    this.heap = options.heap;
    this.#memory = options.heap.memory;
    this.#availIdx = this.#kickedIdx = this.#usedIdx = options.firstIdx ?? 0;
    this.#freeDescriptors = Array.from({ length: options.size }, (_, i) => options.size - 1 - i);
  }

  /** Makes a chain available, in the ring's descriptors or in an indirect table; its head. */
  addChain(buffers: readonly DriverBuffer[], isIndirect = false): number {
    const count = isIndirect ? 1 : buffers.length;
    const taken = this.#freeDescriptors.splice(-count).reverse();
    if (taken.length < count) throw new Error(`no ${count} free descriptors`);
    if (isIndirect) {
      const table = this.heap.allocate(16 * buffers.length);
      this.#linkChain(buffers, table, Array.from(buffers.keys()));
      const length = 16 * buffers.length;
      this.writeDescriptor(taken[0]!, { gpa: table, length, flags: DESC_F_INDIRECT, next: 0 });
    } else this.#linkChain(buffers, this.place.descriptorArea, taken);
    this.#chains.set(taken[0]!, taken);
    this.offerHead(taken[0]!);
    return taken[0]!;
  }

  /** Puts a head on the available ring, whatever its descriptors say. */
  offerHead(head: number): void {
    const { driverArea, size } = this.place;
    this.#memory.store(driverArea + 4 + 2 * (this.#availIdx % size), 2, head);
    this.setAvailIdx(this.#availIdx + 1);
  }

  setAvailIdx(idx: number): void {
    this.#availIdx = idx & 0xffff;
    this.#memory.store(this.place.driverArea + 2, 2, this.#availIdx);
  }

  /** Tells the device of what was added since the last kick, if it wants to know; whether it was told. */
  kick(): boolean {
    const old = this.#kickedIdx;
    this.#kickedIdx = this.#availIdx;
    if (!this.#wantsKick(old)) return false;
    this.#options.notify();
    return true;
  }

  /** Chains that came back since the last call; their descriptors are free again. */
  readUsed(): UsedElement[] {
    const used: UsedElement[] = [];
    const { deviceArea, size } = this.place;
    for (; this.#usedIdx !== this.usedIdx; this.#usedIdx = (this.#usedIdx + 1) & 0xffff) {
      const element = deviceArea + 4 + 8 * (this.#usedIdx % size);
      const head = this.#memory.load(element, 4);
      used.push({ head, writtenBytes: this.#memory.load(element + 4, 4) });
      this.#freeDescriptors.push(...(this.#chains.get(head) ?? []));
      this.#chains.delete(head);
    }
    if (this.#options.hasEventIndex) this.setUsedEvent(this.#usedIdx);
    return used;
  }

  /** The device's index in the used ring. */
  get usedIdx(): number {
    return this.#memory.load(this.place.deviceArea + 2, 2);
  }

  /** Where the device asks to be notified next, with VIRTIO_F_EVENT_IDX. */
  get availEvent(): number {
    return this.#memory.load(this.place.deviceArea + 4 + 8 * this.place.size, 2);
  }

  /** Asks for an interrupt when the device's index passes this one, with VIRTIO_F_EVENT_IDX. */
  setUsedEvent(idx: number): void {
    this.#memory.store(this.place.driverArea + 4 + 2 * this.place.size, 2, idx & 0xffff);
  }

  /** Asks for no interrupts, without VIRTIO_F_EVENT_IDX. */
  suppressInterrupts(isSuppressed: boolean): void {
    this.#memory.store(this.place.driverArea, 2, isSuppressed ? 1 : 0);
  }

  /** Writes descriptor `index` of a table, the ring's by default. */
  writeDescriptor(
    index: number,
    { gpa, length, flags, next }: { gpa: number; length: number; flags: number; next: number },
    table = this.place.descriptorArea,
  ): void {
    const at = table + 16 * index;
    this.#memory.store(at, 4, gpa % 2 ** 32);
    this.#memory.store(at + 4, 4, Math.floor(gpa / 2 ** 32));
    this.#memory.store(at + 8, 4, length);
    this.#memory.store(at + 12, 2, flags);
    this.#memory.store(at + 14, 2, next);
  }

  #linkChain(buffers: readonly DriverBuffer[], table: number, indices: readonly number[]): void {
    for (const [i, { gpa, length, isWritable }] of buffers.entries()) {
      const hasNext = i + 1 < buffers.length;
      const flags = (isWritable ? DESC_F_WRITE : 0) | (hasNext ? DESC_F_NEXT : 0);
      const next = hasNext ? indices[i + 1]! : 0;
      this.writeDescriptor(indices[i]!, { gpa, length, flags, next }, table);
    }
  }

  #wantsKick(old: number): boolean {
    if (!this.#options.hasEventIndex) {
      return (this.#memory.load(this.place.deviceArea, 2) & 1) === 0;
    }
    const passed = (this.#availIdx - this.availEvent - 1) & 0xffff;
    return passed < ((this.#availIdx - old) & 0xffff);
  }
}
