// SPDX-License-Identifier: BSD-2-Clause
// What the legacy and the modern registers of a virtio PCI function share: queue selection, interrupt
// vectors, ISR, access to the device configuration. VirtIO 1.2 §4.1.4.3, §4.1.4.5, §4.1.5.
import { allOnes } from "../../base/bits.ts";
import { type AccessSize, loadBytes } from "../bus.ts";
import type { PciFunction } from "../pci/function.ts";
import type { VirtioTransport } from "./transport.ts";
import type { Virtqueue } from "./virtqueue.ts";

const VIRTIO_MSI_NO_VECTOR = 0xffff;
const ISR_QUEUE = 0x1;
const ISR_CONFIG = 0x2;

export class VirtioPciRegisters {
  readonly transport: VirtioTransport;
  readonly #function: () => PciFunction;
  queueSelect = 0;
  isr = 0;
  readonly #vectors: Uint16Array;
  #configVector = VIRTIO_MSI_NO_VECTOR;
  /** A legacy driver's page numbers, to be read back. */
  readonly #pfns: Uint32Array;

  /** The function is asked for when it is needed: its BARs lead back here. */
  constructor(transport: VirtioTransport, fn: () => PciFunction) {
    this.transport = transport;
    this.#function = fn;
    this.#vectors = new Uint16Array(transport.queues.length).fill(VIRTIO_MSI_NO_VECTOR);
    this.#pfns = new Uint32Array(transport.queues.length);
  }

  /** Messages go out by vector: MSI-X is enabled, and MSI is not. */
  get hasVectors(): boolean {
    const { msix, msi } = this.#function();
    return msix?.isEnabled === true && msi?.isEnabled !== true;
  }

  get selectedQueue(): Virtqueue | undefined {
    return this.transport.queues[this.queueSelect];
  }

  get configVector(): number {
    return this.#configVector;
  }

  /** §4.1.5.1.2.1: a vector that the function does not have reads back as none. */
  set configVector(vector: number) {
    this.#configVector = this.#existing(vector);
  }

  /** The selected queue's. */
  get queueVector(): number {
    return this.#vectors[this.queueSelect] ?? VIRTIO_MSI_NO_VECTOR;
  }

  set queueVector(vector: number) {
    if (this.queueSelect < this.#vectors.length) {
      this.#vectors[this.queueSelect] = this.#existing(vector);
    }
  }

  queuePfn(queue: Virtqueue | undefined): number {
    return queue === undefined ? allOnes(4) : this.#pfns[queue.index]!;
  }

  setQueuePfn(queue: Virtqueue, pfn: number): void {
    this.#pfns[queue.index] = pfn;
  }

  /** Reading acknowledges: the bits and the interrupt line go down. */
  readIsr(): number {
    const { isr } = this;
    this.isr = 0;
    this.#function().intx?.deassert();
    return isr;
  }

  /** §4.1.5.3, §4.1.5.4: by vector, or through ISR and MSI or INTx#. */
  interrupt(cause: { readonly queue: number } | "config"): void {
    const fn = this.#function();
    if (this.hasVectors) {
      const vector = cause === "config" ? this.#configVector : this.#vectors[cause.queue]!;
      if (vector !== VIRTIO_MSI_NO_VECTOR) fn.msix?.send(vector);
      return;
    }
    this.isr |= cause === "config" ? ISR_CONFIG : ISR_QUEUE;
    fn.msi?.send();
    fn.intx?.assert();
  }

  /** Whether an access lies inside the device configuration. */
  hasConfig(offset: number, size: AccessSize): boolean {
    return offset + size <= this.transport.device.config.length;
  }

  readConfig(offset: number, size: AccessSize): number {
    return loadBytes(this.transport.device.config, offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.transport.device.writeConfig?.(offset, size, value);
  }

  /** The state of a device reset. */
  reset(): void {
    this.queueSelect = 0;
    this.isr = 0;
    this.#vectors.fill(VIRTIO_MSI_NO_VECTOR);
    this.#configVector = VIRTIO_MSI_NO_VECTOR;
    this.#pfns.fill(0);
    this.#function().intx?.deassert();
  }

  #existing(vector: number): number {
    const vectors = this.#function().msix?.vectors ?? 0;
    return vector < vectors ? vector : VIRTIO_MSI_NO_VECTOR;
  }
}
