// SPDX-License-Identifier: BSD-2-Clause
// What a virtio device is, apart from how a driver reaches it. VirtIO 1.2 chapters 2 and 5.
import type { AccessSize } from "../bus.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** Device identifiers, §5. */
export const VIRTIO_ID_BLOCK = 2;
export const VIRTIO_ID_ENTROPY = 4;

/** What a transport does for its device. */
export interface VirtioHost {
  /** The driver accepted the feature. */
  hasFeature(bit: number): boolean;
  /** The contents of the configuration changed: the driver is told. */
  configChanged(): void;
}

export interface VirtioDevice {
  /** What messages call it; bhyve's name, such as `vtblk`. */
  readonly name: string;
  readonly deviceId: number;
  /** Most entries of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Feature bits that legacy and modern drivers are offered: bhyve's, so that its guests see what they know. */
  readonly features: readonly number[];
  /** Feature bits that modern drivers are offered besides, without those of the ring and the transport. */
  readonly modernFeatures?: readonly number[];
  /** The device configuration as the driver reads it now. */
  readonly config: Uint8Array;

  /** Hands over the transport, once, before anything else. */
  connect?(host: VirtioHost): void;
  /** The driver wrote inside {@link config}; without this, such writes are ignored. */
  writeConfig?(offset: number, size: AccessSize, value: number): void;
  /**
   * The driver made buffers available. Take them with `queue.drain`, give them back at once or later with
   * `queue.push`, and then let the driver know with `queue.notifyDriver`.
   */
  queueNotified(queue: Virtqueue): void;
  /** The queue was taken away: what was taken from it is not touched again. */
  queueReset(queue: Virtqueue): void;
  /** All queues were taken away, and the device is as at power-on. */
  reset(): void;
  /** Lets go of its backend. */
  close?(): void;
}
