// SPDX-License-Identifier: BSD-2-Clause
// A split virtqueue, from the device's side. VirtIO 1.2 §2.7.
//
//   descriptor area   size × 16 bytes
//   driver area       flags, idx, ring[size], used_event           (the available ring)
//   device area       flags, idx, {id, len}[size], avail_event     (the used ring)
//
// Indices are read and written atomically: the driver may run on another thread meanwhile. What the
// driver can break is told to the owner, and bounded: a chain that is in flight is not taken again, so no
// more than `size` ever are. Left out: packed rings, VIRTIO_F_IN_ORDER, VIRTIO_F_NOTIFICATION_DATA.
import { isPowerOfTwo } from "../../base/bits.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { collectChain, DESCRIPTOR_BYTES, type DescriptorChain } from "./descriptor-chain.ts";
import { type FeatureSet, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from "./features.ts";

const VIRTQ_AVAIL_F_NO_INTERRUPT = 1;
const IDX = 2;
const RING = 4;
const USED_ELEM_BYTES = 8;

/** Guest-physical addresses of a queue's three areas. */
export interface QueueAddresses {
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}

/** Whoever set the queue up for the device: its transport. */
export interface VirtqueueOwner {
  /** The driver wants to know that buffers came back. */
  interrupt(queue: Virtqueue): void;
  /**
   * The driver broke the ring. True stops the queue until it is reset; false drops the chain alone, if it
   * was one: an index out of range stops the queue in any case.
   */
  broken(queue: Virtqueue, reason: string): boolean;
  /** The device has left buffers waiting: let it be notified again, soon. */
  resume(queue: Virtqueue): void;
}

export interface VirtqueueOptions {
  readonly index: number;
  /** Most entries that it can have, a power of two. */
  readonly maxSize: number;
  readonly memory: GuestMemory;
  /** What the driver accepted, kept up to date. */
  readonly features: FeatureSet;
  readonly owner: VirtqueueOwner;
}

export class Virtqueue {
  readonly index: number;
  readonly maxSize: number;
  size: number;
  isEnabled = false;
  isBroken = false;
  /** Counts resets: what was taken before the last one does not come back. */
  generation = 0;
  nextAvail = 0;
  nextUsed = 0;
  /** {@link nextUsed} when the driver was last told. */
  #toldUsed = 0;
  #addresses: QueueAddresses = { descriptorArea: 0, driverArea: 0, deviceArea: 0 };
  readonly #inFlight: Uint8Array;
  readonly #memory: GuestMemory;
  readonly #features: FeatureSet;
  readonly #owner: VirtqueueOwner;

  constructor({ index, maxSize, memory, features, owner }: VirtqueueOptions) {
    this.index = index;
    this.maxSize = this.size = maxSize;
    this.#inFlight = new Uint8Array(maxSize);
    this.#memory = memory;
    this.#features = features;
    this.#owner = owner;
  }

  /** Chains can be taken and given back. */
  get isReady(): boolean {
    return this.isEnabled && !this.isBroken;
  }

  /** Starts with an empty ring of `size` entries there; the reason if that cannot be. */
  enable(size: number, addresses: QueueAddresses): string | undefined {
    this.reset();
    const { descriptorArea, driverArea, deviceArea } = addresses;
    if (!isPowerOfTwo(size) || size > this.maxSize) return `a ring of ${size} entries`;
    if (descriptorArea % 16 !== 0 || driverArea % 2 !== 0 || deviceArea % 4 !== 0) {
      return "a ring that is not aligned";
    }
    const isRam =
      this.#memory.offsetOf(descriptorArea, DESCRIPTOR_BYTES * size) >= 0 &&
      this.#memory.offsetOf(driverArea, RING + 2 * size + 2) >= 0 &&
      this.#memory.offsetOf(deviceArea, RING + USED_ELEM_BYTES * size + 2) >= 0;
    if (!isRam) return "a ring outside the guest's memory";
    this.size = size;
    this.#addresses = addresses;
    this.isEnabled = true;
    return undefined;
  }

  /** Forgets the ring and everything taken from it. */
  reset(): void {
    this.generation++;
    this.size = this.maxSize;
    this.isEnabled = this.isBroken = false;
    this.nextAvail = this.nextUsed = this.#toldUsed = 0;
    this.#inFlight.fill(0);
  }

  /** Takes the next chain; undefined if there is none. Refused chains are told to the owner and skipped. */
  pop(): DescriptorChain | undefined {
    for (let attempts = this.size; attempts > 0 && this.isReady; attempts--) {
      const waiting = this.#waiting();
      if (waiting === 0) return undefined;
      if (waiting > this.size) {
        this.#refuse(`${waiting} available chains in a ring of ${this.size}`);
        this.isBroken = true;
        return undefined;
      }
      const chain = this.#take();
      if (typeof chain !== "string") return chain;
      this.#refuse(chain);
    }
    return undefined;
  }

  /**
   * Hands every available chain to `handle`, at most one ring's worth of them, and arms the driver's next
   * notification. If more wait, or come meanwhile (a device may be made to write its own ring), the owner
   * is asked to go on later, so that no notification takes for ever.
   */
  drain(handle: (chain: DescriptorChain) => void): void {
    for (let budget = this.size; budget > 0; budget--) {
      const chain = this.pop();
      if (chain !== undefined) handle(chain);
      else if (!this.#armNotification()) return;
    }
    if (this.isReady && (this.#waiting() !== 0 || this.#armNotification())) {
      this.#owner.resume(this);
    }
  }

  /** False for a chain whose queue was reset since: the driver has its memory back. */
  isCurrent(chain: DescriptorChain): boolean {
    return this.isReady && chain.generation === this.generation;
  }

  /**
   * Gives a chain back: the first `writtenBytes` of its writable part were written, at least. Nothing
   * happens for a chain that is not current. The driver is told by {@link notifyDriver}.
   */
  push(chain: DescriptorChain, writtenBytes: number): void {
    if (!this.isCurrent(chain)) return;
    const { deviceArea } = this.#addresses;
    const element = deviceArea + RING + USED_ELEM_BYTES * (this.nextUsed & (this.size - 1));
    this.#memory.store(element, 4, chain.head);
    this.#memory.store(element + 4, 4, writtenBytes);
    this.#inFlight[chain.head] = 0;
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.#memory.storeAtomic16(deviceArea + IDX, this.nextUsed);
  }

  /** Interrupts the driver for what was given back since the last call, if it wants that. */
  notifyDriver(): void {
    const told = this.#toldUsed;
    if (!this.isReady || told === this.nextUsed) return;
    this.#toldUsed = this.nextUsed;
    const { driverArea } = this.#addresses;
    let isWanted: boolean;
    if (this.#features.has(VIRTIO_F_EVENT_IDX)) {
      // §2.7.10: wanted if used_event is among the indices that were just passed.
      const event = this.#memory.loadAtomic16(driverArea + RING + 2 * this.size);
      isWanted = ((this.nextUsed - event - 1) & 0xffff) < ((this.nextUsed - told) & 0xffff);
    } else {
      isWanted = (this.#memory.loadAtomic16(driverArea) & VIRTQ_AVAIL_F_NO_INTERRUPT) === 0;
    }
    if (isWanted) this.#owner.interrupt(this);
  }

  /** How many chains the driver claims to have made available. */
  #waiting(): number {
    const idx = this.#memory.loadAtomic16(this.#addresses.driverArea + IDX);
    return (idx - this.nextAvail) & 0xffff;
  }

  #take(): DescriptorChain | string {
    const { descriptorArea, driverArea } = this.#addresses;
    const slot = this.nextAvail & (this.size - 1);
    const head = this.#memory.load(driverArea + RING + 2 * slot, 2);
    this.nextAvail = (this.nextAvail + 1) & 0xffff;
    if (this.#inFlight[head] === 1) return `descriptor ${head}, which is in use`;
    const source = {
      memory: this.#memory,
      table: { gpa: descriptorArea, count: this.size },
      hasIndirect: this.#features.has(VIRTIO_F_INDIRECT_DESC),
      generation: this.generation,
    };
    const chain = collectChain(source, head);
    if (typeof chain !== "string") this.#inFlight[head] = 1;
    return chain;
  }

  /** Asks for a notification of the next chain; true if one has come before that was said. */
  #armNotification(): boolean {
    if (!this.isReady || !this.#features.has(VIRTIO_F_EVENT_IDX)) return false;
    const { deviceArea } = this.#addresses;
    this.#memory.storeAtomic16(deviceArea + RING + USED_ELEM_BYTES * this.size, this.nextAvail);
    return this.#waiting() !== 0;
  }

  #refuse(reason: string): void {
    this.isBroken = this.#owner.broken(this, reason);
  }
}
