// SPDX-License-Identifier: BSD-2-Clause
// MSI-X: a table of messages in a memory BAR, each with a mask, and an array of pending bits.
// PCI 3.0 §6.8.2. Table and pending bits share one BAR, the latter on the next multiple of 4 KiB.
//
// An event on a masked vector sets its pending bit, and the message goes out when the mask is lifted
// (§6.8.3.4). bhyve has no pending bits: there the event is lost. Accesses to the table other than
// aligned ones of 4 bytes are undefined by §6.8.2; here narrow reads work and narrow writes are dropped.
import { alignDown, alignUp, allOnes } from "../../base/bits.ts";
import { pairToNumber } from "../../base/u64.ts";
import type { AccessSize, BusHandler } from "../bus.ts";
import type { MsiSink } from "../irq.ts";
import type { BarSpec } from "./bar.ts";
import { PCIY_MSIX, type PciCapability } from "./capability.ts";
import type { ConfigSpace, ConfigWatcher } from "./config-space.ts";

const PCIM_MSIXCTRL_FUNCTION_MASK = 0x4000;
const PCIM_MSIXCTRL_MSIX_ENABLE = 0x8000;
const PCIM_MSIX_VCTRL_MASK = 0x1;
const MSIX_TABLE_ENTRY_SIZE = 16;

const CONTROL = 2;
const TABLE = 4;
const PBA = 8;

export interface MsixOptions {
  /** Table entries, 1–2048. */
  readonly vectors: number;
  /** Which BAR register holds table and pending bits. */
  readonly barIndex: number;
  readonly sink: MsiSink;
}

export class MsixCapability implements PciCapability, BusHandler {
  readonly id = PCIY_MSIX;
  readonly lengthBytes = 12;
  readonly vectors: number;
  readonly #barIndex: number;
  readonly #sink: MsiSink;
  /** Four words an entry: address low, address high, data, vector control. */
  readonly #table: Uint32Array;
  readonly #pending: Uint32Array;
  readonly #pbaOffset: number;
  #config: ConfigSpace | undefined;
  #offset = 0;

  constructor({ vectors, barIndex, sink }: MsixOptions) {
    this.vectors = vectors;
    this.#barIndex = barIndex;
    this.#sink = sink;
    this.#table = new Uint32Array(4 * vectors);
    this.#pending = new Uint32Array(2 * Math.ceil(vectors / 64));
    this.#pbaOffset = alignUp(vectors * MSIX_TABLE_ENTRY_SIZE, 4096);
    this.reset();
  }

  /** The BAR to declare beside the capability. */
  get bar(): BarSpec {
    const sizeBytes = this.#pbaOffset + this.#pending.byteLength;
    return { index: this.#barIndex, kind: "mem32", sizeBytes, handler: this };
  }

  install(config: ConfigSpace, offset: number): void {
    this.#config = config;
    this.#offset = offset;
    const driverBits = PCIM_MSIXCTRL_MSIX_ENABLE | PCIM_MSIXCTRL_FUNCTION_MASK;
    config.define(offset + CONTROL, 2, this.vectors - 1, driverBits);
    config.define(offset + TABLE, 4, this.#barIndex);
    config.define(offset + PBA, 4, this.#pbaOffset | this.#barIndex);
    config.watch(offset + CONTROL, 2, { written: () => this.#controlChanged() });
  }

  /** Tells of changes to the control word. */
  watchControl(watcher: ConfigWatcher): void {
    this.#config?.watch(this.#offset + CONTROL, 2, watcher);
  }

  get isEnabled(): boolean {
    return (this.#control() & PCIM_MSIXCTRL_MSIX_ENABLE) !== 0;
  }

  /** Sends a vector's message, or keeps it pending while masked. Nothing while MSI-X is disabled. */
  send(vector: number): void {
    if (!this.isEnabled || vector >= this.vectors) return;
    if (this.#isMasked(vector)) this.#pending[vector >> 5]! |= 1 << (vector & 31);
    else this.#deliver(vector);
  }

  read(offset: number, size: AccessSize): number {
    const word = this.#word(alignDown(offset, 4)) >>> (8 * (offset & 3));
    return (word & allOnes(size)) >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || (offset & 3) !== 0 || offset >= this.#table.byteLength) return;
    const isControl = (offset & 0xc) === 0xc;
    this.#table[offset >> 2] = isControl ? value & PCIM_MSIX_VCTRL_MASK : value;
    if (isControl) this.#deliverPending(Math.floor(offset / MSIX_TABLE_ENTRY_SIZE));
  }

  /** Every vector masked, nothing pending. The control word is reset with the configuration space. */
  reset(): void {
    this.#table.fill(0);
    for (let i = 3; i < this.#table.length; i += 4) this.#table[i] = PCIM_MSIX_VCTRL_MASK;
    this.#pending.fill(0);
  }

  #word(offset: number): number {
    if (offset < this.#table.byteLength) return this.#table[offset >> 2]!;
    return this.#pending[(offset - this.#pbaOffset) >> 2] ?? 0;
  }

  #control(): number {
    return this.#config?.get(this.#offset + CONTROL, 2) ?? 0;
  }

  #isMasked(vector: number): boolean {
    return (
      (this.#control() & PCIM_MSIXCTRL_FUNCTION_MASK) !== 0 || this.#table[4 * vector + 3] !== 0
    );
  }

  #controlChanged(): void {
    if (!this.isEnabled) this.#pending.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) this.#deliverPending(vector);
  }

  #deliverPending(vector: number): void {
    const bit = 1 << (vector & 31);
    if ((this.#pending[vector >> 5]! & bit) === 0 || this.#isMasked(vector)) return;
    this.#pending[vector >> 5]! &= ~bit;
    this.#deliver(vector);
  }

  #deliver(vector: number): void {
    const address = pairToNumber(this.#table[4 * vector]!, this.#table[4 * vector + 1]!);
    this.#sink.send(address, this.#table[4 * vector + 2]!);
  }
}
