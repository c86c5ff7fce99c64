// SPDX-License-Identifier: BSD-2-Clause
import type { AccessSize } from "../../src/devices/bus.ts";
import {
  VIRTIO_ID_BLOCK,
  type VirtioDevice,
  type VirtioHost,
} from "../../src/devices/virtio/device.ts";
import type { Virtqueue } from "../../src/devices/virtio/virtqueue.ts";

/** A virtio device with two queues that copies what it reads to what it writes, and records its calls. */
export class EchoDevice implements VirtioDevice {
  readonly name = "echo";
  readonly deviceId = VIRTIO_ID_BLOCK;
  readonly queueSizes = [16, 4];
  readonly features = [1, 28];
  readonly modernFeatures = [5];
  readonly config = Uint8Array.of(1, 2, 3, 4, 5, 6);
  readonly calls: string[] = [];
  host: VirtioHost | undefined;

  connect(host: VirtioHost): void {
    this.host = host;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.calls.push(`config ${offset}/${size}=${value}`);
  }

  queueNotified(queue: Virtqueue): void {
    this.calls.push(`notify ${queue.index}`);
    queue.drain((chain) => {
      const length = Math.min(chain.readableBytes, chain.writableBytes);
      const source = chain.copyReadable(0, length)!;
      let offset = 0;
      for (const view of chain.writableViews(0, length)) {
        view.set(source.subarray(offset, offset + view.length));
        offset += view.length;
      }
      queue.push(chain, length);
    });
    queue.notifyDriver();
  }

  queueReset(queue: Virtqueue): void {
    this.calls.push(`reset ${queue.index}`);
  }

  reset(): void {
    this.calls.push("reset");
  }
}
