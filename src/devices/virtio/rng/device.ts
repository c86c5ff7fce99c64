// SPDX-License-Identifier: BSD-2-Clause
// virtio-rnd, a source of entropy. VirtIO 1.2 §5.4; bhyve: usr.sbin/bhyve/pci_virtio_rnd.c.
// The smallest device there is: start here to learn how one is written. bhyve fills the first buffer of a
// chain alone.
import type { DescriptorChain } from "../descriptor-chain.ts";
import { VIRTIO_ID_ENTROPY, type VirtioDevice } from "../device.ts";
import type { Virtqueue } from "../virtqueue.ts";

const VTRND_RINGSZ = 64;

/** A driver may ask for gigabytes at once; §5.4.6.2 lets the device give fewer. Also what browsers give. */
const MAX_ENTROPY_BYTES = 65536;

/** Fills `target`, a window on guest memory, with random bytes. At most {@link MAX_ENTROPY_BYTES}. */
export type EntropySource = (target: Uint8Array) => void;

export class VirtioRnd implements VirtioDevice {
  readonly name = "vtrnd";
  readonly deviceId = VIRTIO_ID_ENTROPY;
  readonly queueSizes = [VTRND_RINGSZ];
  readonly features = [];
  readonly config = new Uint8Array(0);
  readonly #entropy: EntropySource;

  constructor(entropy: EntropySource) {
    this.#entropy = entropy;
  }

  queueNotified(queue: Virtqueue): void {
    queue.drain((chain) => queue.push(chain, this.#fill(chain)));
    queue.notifyDriver();
  }

  queueReset(): void {}

  reset(): void {}

  #fill(chain: DescriptorChain): number {
    const length = Math.min(chain.writableBytes, MAX_ENTROPY_BYTES);
    for (const view of chain.writableViews(0, length)) this.#entropy(view);
    return length;
  }
}
