// SPDX-License-Identifier: BSD-2-Clause
// The registers of a legacy driver, in I/O BAR 0. VirtIO 1.2 §4.1.4.10, §2.7.2 (legacy queue layout).
// bhyve: usr.sbin/bhyve/virtio.c.
//
//   0 device features  4 driver features  8 queue address  12 queue size  14 queue select
//   16 queue notify  18 status  19 ISR  [20 config vector  22 queue vector]  20 or 24 device configuration
//
// The two vectors, and with them the place of the device configuration, come and go with MSI-X. Every
// register answers to its own width alone.
import { alignUp, allOnes } from "../../base/bits.ts";
import type { AccessSize, BusHandler } from "../bus.ts";
import type { VirtioPciRegisters } from "./pci-registers.ts";
import type { QueueAddresses, Virtqueue } from "./virtqueue.ts";

const HOST_FEATURES = 0;
const GUEST_FEATURES = 4;
const QUEUE_PFN = 8;
const QUEUE_NUM = 12;
const QUEUE_SEL = 14;
const QUEUE_NOTIFY = 16;
const STATUS = 18;
const ISR = 19;
const MSI_CONFIG_VECTOR = 20;
const MSI_QUEUE_VECTOR = 22;

const CONFIG_OFFSET = 20;
const CONFIG_OFFSET_MSIX = 24;

const WIDTHS: ReadonlyMap<number, AccessSize> = new Map([
  [HOST_FEATURES, 4],
  [GUEST_FEATURES, 4],
  [QUEUE_PFN, 4],
  [QUEUE_NUM, 2],
  [QUEUE_SEL, 2],
  [QUEUE_NOTIFY, 2],
  [STATUS, 1],
  [ISR, 1],
  [MSI_CONFIG_VECTOR, 2],
  [MSI_QUEUE_VECTOR, 2],
]);

const PFN_SHIFT = 12;
const VRING_ALIGN = 4096;

/** How large BAR 0 has to be for `configBytes` of device configuration. */
export function legacyBarBytes(configBytes: number): number {
  return CONFIG_OFFSET_MSIX + configBytes;
}

export class LegacyRegisters implements BusHandler {
  readonly #registers: VirtioPciRegisters;

  constructor(registers: VirtioPciRegisters) {
    this.#registers = registers;
  }

  read(offset: number, size: AccessSize): number {
    const configOffset = offset - this.#configOffset;
    if (configOffset >= 0 && this.#registers.hasConfig(configOffset, size)) {
      return this.#registers.readConfig(configOffset, size);
    }
    if (configOffset >= 0 || WIDTHS.get(offset) !== size) {
      this.#registers.transport.warn(`read from bad offset/size ${offset}/${size}`);
      return allOnes(size);
    }
    return this.#read(offset);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const configOffset = offset - this.#configOffset;
    if (configOffset >= 0 && this.#registers.hasConfig(configOffset, size)) {
      this.#registers.writeConfig(configOffset, size, value);
    } else if (configOffset >= 0 || WIDTHS.get(offset) !== size) {
      this.#registers.transport.warn(`write to bad offset/size ${offset}/${size}`);
    } else this.#write(offset, value);
  }

  get #configOffset(): number {
    return this.#registers.hasVectors ? CONFIG_OFFSET_MSIX : CONFIG_OFFSET;
  }

  #read(offset: number): number {
    const { transport, selectedQueue } = this.#registers;
    switch (offset) {
      case HOST_FEATURES:
        return transport.legacyOffer.word(0);
      case GUEST_FEATURES:
        return transport.accepted.word(0);
      case QUEUE_PFN:
        return this.#registers.queuePfn(selectedQueue);
      case QUEUE_NUM:
        return selectedQueue?.maxSize ?? 0;
      case QUEUE_SEL:
        return this.#registers.queueSelect;
      case STATUS:
        return transport.status;
      case ISR:
        return this.#registers.readIsr();
      case MSI_CONFIG_VECTOR:
        return this.#registers.configVector;
      case MSI_QUEUE_VECTOR:
        return this.#registers.queueVector;
      default:
        return 0;
    }
  }

  #write(offset: number, value: number): void {
    const registers = this.#registers;
    if (offset === GUEST_FEATURES) registers.transport.acceptLegacyFeatures(value);
    else if (offset === QUEUE_PFN) this.#writePfn(value);
    else if (offset === QUEUE_SEL) registers.queueSelect = value;
    else if (offset === QUEUE_NOTIFY) registers.transport.notify(value);
    else if (offset === STATUS) registers.transport.setStatus(value);
    else if (offset === MSI_CONFIG_VECTOR) registers.configVector = value;
    else if (offset === MSI_QUEUE_VECTOR) registers.queueVector = value;
    else registers.transport.warn(`write to read-only register ${offset}`);
  }

  /** The ring's page number: the queue starts there, empty. Zero takes it away. */
  #writePfn(pfn: number): void {
    const { transport, selectedQueue: queue } = this.#registers;
    if (queue === undefined) {
      transport.warn(`queue ${this.#registers.queueSelect} has no address`);
      return;
    }
    transport.resetQueue(queue);
    this.#registers.setQueuePfn(queue, pfn);
    if (pfn !== 0) transport.enableQueue(queue, queue.maxSize, legacyLayout(queue, pfn));
  }
}

/** §2.7.2: the three areas in one piece, the used ring on the next page. */
function legacyLayout({ maxSize }: Virtqueue, pfn: number): QueueAddresses {
  const descriptorArea = pfn * 2 ** PFN_SHIFT;
  const driverArea = descriptorArea + 16 * maxSize;
  const deviceArea = alignUp(driverArea + 2 * (3 + maxSize), VRING_ALIGN);
  return { descriptorArea, driverArea, deviceArea };
}
