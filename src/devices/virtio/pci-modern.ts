// SPDX-License-Identifier: BSD-2-Clause
// The registers of a modern driver, in a memory BAR: common configuration, ISR, device configuration and
// notifications, a page each. VirtIO 1.2 §4.1.4.3 to §4.1.4.6.
// Every field answers to its own width alone, 64-bit ones to their two halves (§4.1.3.1).
import { allOnes, isPowerOfTwo } from "../../base/bits.ts";
import { pairToNumber } from "../../base/u64.ts";
import type { AccessSize, BusHandler } from "../bus.ts";
import { VIRTIO_F_RING_RESET } from "./features.ts";
import type { VirtioPciRegisters } from "./pci-registers.ts";
import { STATUS_FEATURES_OK } from "./transport.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** Where the four structures lie in the BAR. */
export const COMMON_OFFSET = 0x0000;
export const ISR_OFFSET = 0x1000;
export const DEVICE_OFFSET = 0x2000;
export const NOTIFY_OFFSET = 0x3000;
export const MODERN_BAR_BYTES = 0x4000;
export const COMMON_BYTES = 60;
/** Bytes between two queues' notification registers: each has its own. */
export const NOTIFY_OFF_MULTIPLIER = 4;

const DEVICE_FEATURE_SELECT = 0;
const DEVICE_FEATURE = 4;
const DRIVER_FEATURE_SELECT = 8;
const DRIVER_FEATURE = 12;
const CONFIG_MSIX_VECTOR = 16;
const NUM_QUEUES = 18;
const DEVICE_STATUS = 20;
const CONFIG_GENERATION = 21;
const QUEUE_SELECT = 22;
const QUEUE_SIZE = 24;
const QUEUE_MSIX_VECTOR = 26;
const QUEUE_ENABLE = 28;
const QUEUE_NOTIFY_OFF = 30;
const QUEUE_DESC = 32;
const QUEUE_DEVICE_END = 56;
const QUEUE_NOTIFY_DATA = 56;
const QUEUE_RESET = 58;

const WIDTHS: ReadonlyMap<number, AccessSize> = new Map<number, AccessSize>([
  [DEVICE_FEATURE_SELECT, 4],
  [DEVICE_FEATURE, 4],
  [DRIVER_FEATURE_SELECT, 4],
  [DRIVER_FEATURE, 4],
  [CONFIG_MSIX_VECTOR, 2],
  [NUM_QUEUES, 2],
  [DEVICE_STATUS, 1],
  [CONFIG_GENERATION, 1],
  [QUEUE_SELECT, 2],
  [QUEUE_SIZE, 2],
  [QUEUE_MSIX_VECTOR, 2],
  [QUEUE_ENABLE, 2],
  [QUEUE_NOTIFY_OFF, 2],
  ...[0, 4, 8, 12, 16, 20].map((half): [number, AccessSize] => [QUEUE_DESC + half, 4]),
  [QUEUE_NOTIFY_DATA, 2],
  [QUEUE_RESET, 2],
]);

/** What the driver has written about a queue that is not enabled yet. */
interface QueueSetup {
  size: number;
  /** Low and high halves of the descriptor, driver and device areas' addresses. */
  readonly halves: Uint32Array;
}

export class ModernRegisters implements BusHandler {
  readonly #registers: VirtioPciRegisters;
  readonly #setups: QueueSetup[];
  #deviceFeatureSelect = 0;
  #driverFeatureSelect = 0;

  constructor(registers: VirtioPciRegisters) {
    this.#registers = registers;
    this.#setups = registers.transport.queues.map(({ maxSize }) => ({
      size: maxSize,
      halves: new Uint32Array(6),
    }));
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#tryRead(offset, size);
    if (value !== undefined) return value;
    this.#registers.transport.warn(`read from bad offset/size ${offset}/${size} of BAR 2`);
    return allOnes(size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (this.#tryWrite(offset, size, value)) return;
    this.#registers.transport.warn(`write to bad offset/size ${offset}/${size} of BAR 2`);
  }

  /** Bytes of the notification structure: one register a queue. */
  get notifyBytes(): number {
    return NOTIFY_OFF_MULTIPLIER * this.#setups.length;
  }

  /** The state of a device reset. */
  reset(): void {
    this.#deviceFeatureSelect = this.#driverFeatureSelect = 0;
    for (const [index, { maxSize }] of this.#registers.transport.queues.entries()) {
      this.#setups[index]!.size = maxSize;
      this.#setups[index]!.halves.fill(0);
    }
  }

  /** Undefined where there is no field of that width. */
  #tryRead(offset: number, size: AccessSize): number | undefined {
    const registers = this.#registers;
    if (offset < ISR_OFFSET) {
      return WIDTHS.get(offset) === size ? this.#readCommon(offset) : undefined;
    }
    if (offset < DEVICE_OFFSET) return offset === ISR_OFFSET ? registers.readIsr() : undefined;
    if (offset >= NOTIFY_OFFSET) return offset < NOTIFY_OFFSET + this.notifyBytes ? 0 : undefined;
    const configOffset = offset - DEVICE_OFFSET;
    if (!registers.hasConfig(configOffset, size)) return undefined;
    return registers.readConfig(configOffset, size);
  }

  /** False where there is no field of that width. */
  #tryWrite(offset: number, size: AccessSize, value: number): boolean {
    const registers = this.#registers;
    if (offset < ISR_OFFSET) {
      if (WIDTHS.get(offset) !== size) return false;
      this.#writeCommon(offset, value);
    } else if (offset >= NOTIFY_OFFSET) {
      const index = (offset - NOTIFY_OFFSET) / NOTIFY_OFF_MULTIPLIER;
      if (!Number.isInteger(index) || size < 2) return false;
      registers.transport.notify(index);
    } else {
      const configOffset = offset - DEVICE_OFFSET;
      if (configOffset < 0 || !registers.hasConfig(configOffset, size)) return false;
      registers.writeConfig(configOffset, size, value);
    }
    return true;
  }

  #readCommon(offset: number): number {
    const { transport, configVector, queueSelect } = this.#registers;
    switch (offset) {
      case DEVICE_FEATURE_SELECT:
        return this.#deviceFeatureSelect;
      case DEVICE_FEATURE:
        return transport.modernOffer.word(this.#deviceFeatureSelect);
      case DRIVER_FEATURE_SELECT:
        return this.#driverFeatureSelect;
      case DRIVER_FEATURE:
        return transport.accepted.word(this.#driverFeatureSelect);
      case CONFIG_MSIX_VECTOR:
        return configVector;
      case NUM_QUEUES:
        return transport.queues.length;
      case DEVICE_STATUS:
        return transport.status;
      case CONFIG_GENERATION:
        return transport.configGeneration;
      case QUEUE_SELECT:
        return queueSelect;
      default:
        return this.#readQueue(offset);
    }
  }

  /** About the selected queue; one that does not exist has size 0. */
  #readQueue(offset: number): number {
    const { selectedQueue: queue, queueVector, queueSelect } = this.#registers;
    const setup = this.#setups[queueSelect];
    if (queue === undefined || setup === undefined) {
      return offset === QUEUE_MSIX_VECTOR ? queueVector : 0;
    }
    if (offset >= QUEUE_DESC && offset < QUEUE_DEVICE_END) {
      return setup.halves[(offset - QUEUE_DESC) / 4]!;
    }
    switch (offset) {
      case QUEUE_SIZE:
        return setup.size;
      case QUEUE_MSIX_VECTOR:
        return queueVector;
      case QUEUE_ENABLE:
        return queue.isEnabled ? 1 : 0;
      case QUEUE_NOTIFY_OFF:
      case QUEUE_NOTIFY_DATA:
        return queue.index;
      default:
        // QUEUE_RESET: a reset is over before it could be read.
        return 0;
    }
  }

  #writeCommon(offset: number, value: number): void {
    const registers = this.#registers;
    const { transport } = registers;
    if (offset === DEVICE_FEATURE_SELECT) this.#deviceFeatureSelect = value;
    else if (offset === DRIVER_FEATURE_SELECT) this.#driverFeatureSelect = value;
    else if (offset === DRIVER_FEATURE) transport.acceptFeatures(this.#driverFeatureSelect, value);
    else if (offset === CONFIG_MSIX_VECTOR) registers.configVector = value;
    else if (offset === DEVICE_STATUS) transport.setStatus(value);
    else if (offset === QUEUE_SELECT) registers.queueSelect = value;
    else if (offset === QUEUE_MSIX_VECTOR) registers.queueVector = value;
    else this.#writeQueue(offset, value);
  }

  #writeQueue(offset: number, value: number): void {
    const { transport, selectedQueue: queue, queueSelect } = this.#registers;
    const setup = this.#setups[queueSelect];
    if (queue === undefined || setup === undefined) return;
    if (offset === QUEUE_RESET) {
      if (value === 1 && transport.hasFeature(VIRTIO_F_RING_RESET)) this.#resetQueue(queue, setup);
    } else if (queue.isEnabled) {
      transport.warn(`queue ${queue.index} is enabled and cannot be changed`);
    } else if (offset === QUEUE_SIZE) {
      if (isPowerOfTwo(value) && value <= queue.maxSize) setup.size = value;
      else transport.warn(`queue ${queue.index} cannot have ${value} entries`);
    } else if (offset === QUEUE_ENABLE) {
      if (value === 1) this.#enableQueue(queue, setup);
    } else if (offset >= QUEUE_DESC && offset < QUEUE_DEVICE_END) {
      setup.halves[(offset - QUEUE_DESC) / 4] = value;
    }
  }

  #enableQueue(queue: Virtqueue, { size, halves }: QueueSetup): void {
    const { transport } = this.#registers;
    if ((transport.status & STATUS_FEATURES_OK) === 0) {
      transport.warn(`queue ${queue.index} was enabled before FEATURES_OK`);
      return;
    }
    const address = (area: number) => pairToNumber(halves[2 * area]!, halves[2 * area + 1]!);
    const addresses = {
      descriptorArea: address(0),
      driverArea: address(1),
      deviceArea: address(2),
    };
    transport.enableQueue(queue, size, addresses);
  }

  /** §2.6.1: afterwards the queue is as before it was first enabled. */
  #resetQueue(queue: Virtqueue, setup: QueueSetup): void {
    this.#registers.transport.resetQueue(queue);
    setup.size = queue.maxSize;
    setup.halves.fill(0);
  }
}
