// SPDX-License-Identifier: BSD-2-Clause
// A device's state as its driver sees it, whichever registers show it: status handshake, features, queues,
// configuration generation. VirtIO 1.2 §2.1–2.4, §3.1, and §4.1.5 for what PCI adds.
//
// A driver that does not accept VIRTIO_F_VERSION_1 is a legacy one: it may use queues before DRIVER_OK, and
// a chain it breaks is dropped with a warning, as in bhyve. With a modern driver the device then asks for
// a reset.
import type { Clock, Timer } from "../../base/clock.ts";
import { type Warn, warnOnce } from "../../base/warn.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import type { VirtioDevice, VirtioHost } from "./device.ts";
import {
  FeatureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_RESET,
  VIRTIO_F_VERSION_1,
} from "./features.ts";
import { type QueueAddresses, Virtqueue, type VirtqueueOwner } from "./virtqueue.ts";

export const STATUS_ACKNOWLEDGE = 0x01;
export const STATUS_DRIVER = 0x02;
export const STATUS_DRIVER_OK = 0x04;
export const STATUS_FEATURES_OK = 0x08;
export const STATUS_DEVICE_NEEDS_RESET = 0x40;
export const STATUS_FAILED = 0x80;

const STATUS_DRIVER_BITS =
  STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED;

/** What a modern driver is offered besides the device's own features. */
const TRANSPORT_FEATURES = [
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_F_RING_RESET,
];

/** How long a driver that keeps a queue full lets others go first. */
const RESUME_NS = 1000;

export interface VirtioTransportOptions {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly warn: Warn;
  /** Tells the driver that a queue has used buffers, or that the configuration changed. */
  readonly interrupt: (cause: { readonly queue: number } | "config") => void;
  /** The device was reset: whatever interrupt waits is withdrawn. */
  readonly interruptsReset: () => void;
}

export class VirtioTransport implements VirtqueueOwner, VirtioHost {
  readonly device: VirtioDevice;
  readonly queues: readonly Virtqueue[];
  /** What legacy and modern drivers are offered, and what this driver accepted. */
  readonly legacyOffer: FeatureSet;
  readonly modernOffer: FeatureSet;
  readonly accepted = new FeatureSet();
  status = 0;
  configGeneration = 0;
  readonly #options: VirtioTransportOptions;
  readonly #warn: Warn;
  readonly #resumeTimer: Timer;
  readonly #toResume = new Set<Virtqueue>();

  constructor(options: VirtioTransportOptions) {
    const { device, memory, clock, warn } = options;
    this.#options = options;
    this.device = device;
    this.#warn = warnOnce((message) => warn(`${device.name}: ${message}`));
    this.legacyOffer = new FeatureSet(device.features);
    this.modernOffer = new FeatureSet([
      ...device.features,
      ...(device.modernFeatures ?? []),
      ...TRANSPORT_FEATURES,
    ]);
    this.queues = device.queueSizes.map((maxSize, index) => {
      return new Virtqueue({ index, maxSize, memory, features: this.accepted, owner: this });
    });
    this.#resumeTimer = clock.timer(() => this.#resumeQueues());
    device.connect?.(this);
  }

  /** One line about the driver, with the device's name before it; each distinct one once. */
  warn(message: string): void {
    this.#warn(message);
  }

  get isModern(): boolean {
    return this.accepted.has(VIRTIO_F_VERSION_1);
  }

  hasFeature(bit: number): boolean {
    return this.accepted.has(bit);
  }

  /** The driver writes the status; zero resets. FEATURES_OK stays clear if the features are not. */
  setStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    const hadFeatures = (this.status & STATUS_FEATURES_OK) !== 0;
    let bits = value & STATUS_DRIVER_BITS;
    if (!hadFeatures && !this.#canAgree) bits &= ~STATUS_FEATURES_OK;
    this.status = bits | (this.status & STATUS_DEVICE_NEEDS_RESET);
  }

  /** A modern driver accepts features, until it has set FEATURES_OK. */
  acceptFeatures(word: number, value: number): void {
    if ((this.status & STATUS_FEATURES_OK) === 0) this.accepted.setWord(word, value);
  }

  /** A legacy driver accepts features: what was not offered is left out. */
  acceptLegacyFeatures(value: number): void {
    this.accepted.setWord(0, value & this.legacyOffer.word(0));
  }

  /** Starts a queue. A modern driver whose ring cannot be used has to reset the device. */
  enableQueue(queue: Virtqueue, size: number, addresses: QueueAddresses): void {
    const refusal = queue.enable(size, addresses);
    if (refusal !== undefined) this.broken(queue, refusal);
  }

  /** Takes one queue away from the device. */
  resetQueue(queue: Virtqueue): void {
    queue.reset();
    this.#toResume.delete(queue);
    this.device.queueReset(queue);
  }

  /** The driver made buffers available in queue `index`. */
  notify(index: number): void {
    const queue = this.queues[index];
    if (queue === undefined) this.warn(`queue ${index} notify out of range`);
    else if (this.#isRunning && queue.isReady) this.device.queueNotified(queue);
  }

  reset(): void {
    this.status = 0;
    this.accepted.clear();
    this.#toResume.clear();
    this.#resumeTimer.disarm();
    for (const queue of this.queues) queue.reset();
    this.device.reset();
    this.#options.interruptsReset();
  }

  configChanged(): void {
    this.configGeneration = (this.configGeneration + 1) & 0xff;
    if ((this.status & STATUS_DRIVER_OK) !== 0) this.#options.interrupt("config");
  }

  interrupt(queue: Virtqueue): void {
    this.#options.interrupt({ queue: queue.index });
  }

  broken(queue: Virtqueue, reason: string): boolean {
    this.warn(`queue ${queue.index}: the driver gave ${reason}`);
    if (!this.isModern) return false;
    // §2.1.2: a device that needs a reset says so, once the driver listens.
    this.status |= STATUS_DEVICE_NEEDS_RESET;
    if ((this.status & STATUS_DRIVER_OK) !== 0) this.#options.interrupt("config");
    return true;
  }

  resume(queue: Virtqueue): void {
    this.#toResume.add(queue);
    this.#resumeTimer.arm(this.#options.clock.now() + RESUME_NS);
  }

  /** §3.1.1 step 6: a subset of what is offered, and version 1 of the specification. */
  get #canAgree(): boolean {
    return this.isModern && this.accepted.isSubsetOf(this.modernOffer);
  }

  /** §3.1.1: before DRIVER_OK a device takes nothing from a modern driver. */
  get #isRunning(): boolean {
    if (!this.isModern) return true;
    const bits = this.status & (STATUS_DRIVER_OK | STATUS_DEVICE_NEEDS_RESET);
    return bits === STATUS_DRIVER_OK;
  }

  #resumeQueues(): void {
    const queues = [...this.#toResume];
    this.#toResume.clear();
    for (const queue of queues) this.notify(queue.index);
  }
}
