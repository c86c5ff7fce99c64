// SPDX-License-Identifier: BSD-2-Clause
// Plays a guest's virtio-pci driver, legacy or modern, through configuration space and BARs alone.
// VirtIO 1.2 §3.1.1, §4.1. A driver per kind, with one vocabulary.
import type { AccessSize } from "../../src/devices/bus.ts";
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";
import type { PciHost } from "./pci-host.ts";
import { GuestHeap, type QueuePlace, VirtqueueDriver } from "./virtqueue-driver.ts";

export const F_EVENT_IDX = 29;
export const F_VERSION_1 = 32;

const HEAP_START = 0x10_0000;
const MSIX_TABLE_BAR = 1;

/** What the two kinds of driver have in common: everything but the registers. */
export abstract class VirtioPciDriver {
  readonly pci: PciHost;
  readonly slot: string;
  readonly heap: GuestHeap;
  /** Bits that were offered and asked for. */
  readonly features = new Set<number>();

  constructor(pci: PciHost, memory: GuestMemory, slot: string) {
    this.pci = pci;
    this.slot = slot;
    this.heap = new GuestHeap(memory, HEAP_START);
  }

  abstract get status(): number;
  abstract set status(value: number);
  abstract readIsr(): number;
  abstract readConfig(offset: number, size: AccessSize): number;
  abstract writeConfig(offset: number, size: AccessSize, value: number): void;
  abstract hasOffer(bit: number): boolean;
  /** The most entries that queue `index` can have; 0 if there is none. */
  abstract queueSize(index: number): number;
  abstract notify(index: number): void;
  /** Assigns MSI-X vectors; what the device says it took. */
  abstract setConfigVector(vector: number): number;
  abstract setQueueVector(index: number, vector: number): number;
  protected abstract acceptFeatures(): void;
  protected abstract placeQueue(index: number, size: number): QueuePlace;

  /** Reset, ACKNOWLEDGE, DRIVER, and as many of the wanted features as are offered. */
  begin(wanted: readonly number[] = []): void {
    this.status = 0;
    this.status = 1;
    this.status = 3;
    this.features.clear();
    for (const bit of wanted) if (this.hasOffer(bit)) this.features.add(bit);
    this.acceptFeatures();
  }

  /** Sets queue `index` up, empty; `size` entries, or all it can have. */
  openQueue(index: number, size = this.queueSize(index)): VirtqueueDriver {
    return new VirtqueueDriver({
      ...this.placeQueue(index, size),
      heap: this.heap,
      hasEventIndex: this.features.has(F_EVENT_IDX),
      notify: () => this.notify(index),
    });
  }

  /** DRIVER_OK. */
  finish(): void {
    this.status = this.status | 4;
  }

  /** Programs and unmasks a vector of the MSI-X table, and enables MSI-X. */
  enableMsix(messages: readonly number[]): void {
    const table = this.pci.barAddress(this.slot, MSIX_TABLE_BAR);
    for (const [vector, data] of messages.entries()) {
      this.pci.memory.write(table + 16 * vector, 4, 0xfee0_0000);
      this.pci.memory.write(table + 16 * vector + 8, 4, data);
      this.pci.memory.write(table + 16 * vector + 12, 4, 0);
    }
    this.pci.writeConfig(this.slot, this.capability(0x11) + 2, 2, 0x8000);
  }

  enableMsi(data: number): void {
    const offset = this.capability(0x05);
    this.pci.writeConfig(this.slot, offset + 4, 4, 0xfee0_0000);
    this.pci.writeConfig(this.slot, offset + 12, 2, data);
    this.pci.writeConfig(this.slot, offset + 2, 2, 0x0001);
  }

  /** Offset of the first capability of that kind. */
  capability(id: number): number {
    const found = this.pci.capabilities(this.slot).find((capability) => capability.id === id);
    if (found === undefined) throw new Error(`no capability ${id}`);
    return found.offset;
  }
}

/** §4.1.4.10: registers in I/O BAR 0. */
export class LegacyDriver extends VirtioPciDriver {
  get status(): number {
    return this.read(18, 1);
  }

  set status(value: number) {
    this.write(18, 1, value);
  }

  read(offset: number, size: AccessSize): number {
    return this.pci.ports.read(this.pci.barAddress(this.slot, 0) + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.pci.ports.write(this.pci.barAddress(this.slot, 0) + offset, size, value);
  }

  readIsr(): number {
    return this.read(19, 1);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.read(this.#configOffset + offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.write(this.#configOffset + offset, size, value);
  }

  hasOffer(bit: number): boolean {
    return bit < 32 && ((this.read(0, 4) >>> bit) & 1) === 1;
  }

  queueSize(index: number): number {
    this.write(14, 2, index);
    return this.read(12, 2);
  }

  notify(index: number): void {
    this.write(16, 2, index);
  }

  setConfigVector(vector: number): number {
    this.write(20, 2, vector);
    return this.read(20, 2);
  }

  setQueueVector(index: number, vector: number): number {
    this.write(14, 2, index);
    this.write(22, 2, vector);
    return this.read(22, 2);
  }

  protected acceptFeatures(): void {
    let word = 0;
    for (const bit of this.features) word |= 1 << bit;
    this.write(4, 4, word >>> 0);
  }

  protected placeQueue(index: number, size: number): QueuePlace {
    const driverOffset = 16 * size;
    const deviceOffset = Math.ceil((driverOffset + 6 + 2 * size) / 4096) * 4096;
    const descriptorArea = this.heap.allocate(deviceOffset + 6 + 8 * size, 4096);
    this.write(14, 2, index);
    this.write(8, 4, descriptorArea / 4096);
    return {
      size,
      descriptorArea,
      driverArea: descriptorArea + driverOffset,
      deviceArea: descriptorArea + deviceOffset,
    };
  }

  get #configOffset(): number {
    const msix = this.pci.capabilities(this.slot).find(({ id }) => id === 0x11);
    const control = msix === undefined ? 0 : this.pci.readConfig(this.slot, msix.offset + 2, 2);
    return (control & 0x8000) !== 0 ? 24 : 20;
  }
}

/** Where a structure is, by its capability. */
interface Region {
  readonly base: number;
  readonly length: number;
}

/** §4.1.4.3: registers in a memory BAR that capabilities lead to. */
export class ModernDriver extends VirtioPciDriver {
  readonly #regions: Map<number, Region>;
  readonly #notifyMultiplier: number;

  constructor(pci: PciHost, memory: GuestMemory, slot: string) {
    super(pci, memory, slot);
    this.#regions = new Map();
    let multiplier = 0;
    for (const { id, offset } of pci.capabilities(slot)) {
      const type = pci.readConfig(slot, offset + 3, 1);
      if (id !== 0x09 || this.#regions.has(type)) continue;
      const bar = pci.barAddress(slot, pci.readConfig(slot, offset + 4, 1));
      const base = bar + pci.readConfig(slot, offset + 8, 4);
      this.#regions.set(type, { base, length: pci.readConfig(slot, offset + 12, 4) });
      if (type === 2) multiplier = pci.readConfig(slot, offset + 16, 4);
    }
    this.#notifyMultiplier = multiplier;
  }

  get status(): number {
    return this.read(20, 1);
  }

  set status(value: number) {
    this.write(20, 1, value);
  }

  /** The common configuration. */
  read(offset: number, size: AccessSize): number {
    return this.pci.memory.read(this.region(1).base + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.pci.memory.write(this.region(1).base + offset, size, value);
  }

  /** A structure by the type of its capability. */
  region(type: number): Region {
    const region = this.#regions.get(type);
    if (region === undefined) throw new Error(`no virtio structure ${type}`);
    return region;
  }

  readIsr(): number {
    return this.pci.memory.read(this.region(3).base, 1);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.pci.memory.read(this.region(4).base + offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.pci.memory.write(this.region(4).base + offset, size, value);
  }

  hasOffer(bit: number): boolean {
    this.write(0, 4, bit >> 5);
    return ((this.read(4, 4) >>> (bit & 31)) & 1) === 1;
  }

  queueSize(index: number): number {
    this.write(22, 2, index);
    return this.read(24, 2);
  }

  notify(index: number): void {
    this.write(22, 2, index);
    const address = this.region(2).base + this.read(30, 2) * this.#notifyMultiplier;
    this.pci.memory.write(address, 2, index);
  }

  setConfigVector(vector: number): number {
    this.write(16, 2, vector);
    return this.read(16, 2);
  }

  setQueueVector(index: number, vector: number): number {
    this.write(22, 2, index);
    this.write(26, 2, vector);
    return this.read(26, 2);
  }

  /** Writes the features, and FEATURES_OK; whether that stayed set is for the caller to see. */
  protected acceptFeatures(): void {
    const words = [0, 0];
    for (const bit of this.features) words[bit >> 5]! |= 1 << (bit & 31);
    for (const [index, word] of words.entries()) {
      this.write(8, 4, index);
      this.write(12, 4, word >>> 0);
    }
    this.status = this.status | 8;
  }

  protected placeQueue(index: number, size: number): QueuePlace {
    const place = {
      size,
      descriptorArea: this.heap.allocate(16 * size, 16),
      driverArea: this.heap.allocate(6 + 2 * size, 2),
      deviceArea: this.heap.allocate(6 + 8 * size, 4),
    };
    this.write(22, 2, index);
    this.write(24, 2, size);
    for (const [i, area] of [place.descriptorArea, place.driverArea, place.deviceArea].entries()) {
      this.write(32 + 8 * i, 4, area % 2 ** 32);
      this.write(36 + 8 * i, 4, Math.floor(area / 2 ** 32));
    }
    this.write(28, 2, 1);
    return place;
  }
}
