// SPDX-License-Identifier: BSD-2-Clause
// The 256 bytes of configuration registers of one function. PCI Local Bus 3.0 §6.1, §6.2.
//
// Every bit is either the device's or the driver's: a register states which bits may be written, and
// any width at any offset then does the right thing, BAR sizing included. bhyve lets a guest overwrite
// most of the header; here what the specification calls read-only is.
import { alignDown, allOnes } from "../../base/bits.ts";
import type { AccessSize } from "../bus.ts";

export const CONFIG_BYTES = 256;

export const PCIR_VENDOR = 0x00;
export const PCIR_DEVICE = 0x02;
export const PCIR_COMMAND = 0x04;
export const PCIR_STATUS = 0x06;
export const PCIR_REVID = 0x08;
export const PCIR_PROGIF = 0x09;
export const PCIR_SUBCLASS = 0x0a;
export const PCIR_CLASS = 0x0b;
export const PCIR_CACHELNSZ = 0x0c;
export const PCIR_LATTIMER = 0x0d;
export const PCIR_HDRTYPE = 0x0e;
export const PCIR_BARS = 0x10;
export const PCIR_SUBVEND_0 = 0x2c;
export const PCIR_SUBDEV_0 = 0x2e;
export const PCIR_CAP_PTR = 0x34;
export const PCIR_INTLINE = 0x3c;
export const PCIR_INTPIN = 0x3d;

export const PCIM_CMD_PORTEN = 0x0001;
export const PCIM_CMD_MEMEN = 0x0002;
export const PCIM_CMD_BUSMASTEREN = 0x0004;
export const PCIM_CMD_INTXDIS = 0x0400;
export const PCIM_STATUS_INTXSTATE = 0x0008;
export const PCIM_STATUS_CAPPRESENT = 0x0010;
export const PCIM_MFDEV = 0x80;

/** Who wants to know about accesses to some registers. */
export interface ConfigWatcher {
  /** Called before the registers are read: time to bring their contents up to date. */
  read?(): void;
  /** Called after the registers were written by the driver, with the new contents in place. */
  written?(): void;
}

interface Watch {
  readonly start: number;
  readonly end: number;
  readonly watcher: ConfigWatcher;
}

export class ConfigSpace {
  readonly #registers = new DataView(new ArrayBuffer(CONFIG_BYTES));
  readonly #initial = new DataView(new ArrayBuffer(CONFIG_BYTES));
  readonly #writable = new Uint8Array(CONFIG_BYTES);
  readonly #watches: Watch[] = [];

  /** Declares a register: its value at reset, and the bits that the driver may write. */
  define(offset: number, size: AccessSize, value: number, writableBits = 0): void {
    for (let i = 0; i < size; i++) this.#writable[offset + i] = writableBits >>> (8 * i);
    this.preset(offset, size, value);
  }

  /** Gives a register a value, now and at every reset. Who may write which bits stays as it was. */
  preset(offset: number, size: AccessSize, value: number): void {
    store(this.#initial, offset, size, value);
    this.set(offset, size, value);
  }

  /** Gives a register a value, as the device does: read-only bits included, nobody is told. */
  set(offset: number, size: AccessSize, value: number): void {
    store(this.#registers, offset, size, value);
  }

  /** The value of a register, unsigned, without telling anybody. `offset` is a multiple of `size`. */
  get(offset: number, size: AccessSize): number {
    if (size === 4) return this.#registers.getUint32(offset, true);
    return size === 2 ? this.#registers.getUint16(offset, true) : this.#registers.getUint8(offset);
  }

  /** Tells `watcher` of the driver's accesses to any of `length` bytes from `start` on. */
  watch(start: number, length: number, watcher: ConfigWatcher): void {
    this.#watches.push({ start, end: start + length, watcher });
  }

  /** The driver reads. All bytes must lie in one aligned group of 4, as on the bus. */
  read(offset: number, size: AccessSize): number {
    for (const { watcher } of this.#watching(offset, size)) watcher.read?.();
    const word = this.#registers.getUint32(alignDown(offset, 4), true) >>> (8 * (offset & 3));
    return (word & allOnes(size)) >>> 0;
  }

  /** The driver writes: bits that are not its own keep their value. */
  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const mask = this.#writable[offset + i]!;
      const old = this.#registers.getUint8(offset + i);
      this.#registers.setUint8(offset + i, (old & ~mask) | ((value >>> (8 * i)) & mask));
    }
    for (const { watcher } of this.#watching(offset, size)) watcher.written?.();
  }

  /** Back to the values of reset. Nobody is told: the owner looks at the registers again. */
  reset(): void {
    new Uint8Array(this.#registers.buffer).set(new Uint8Array(this.#initial.buffer));
  }

  #watching(offset: number, size: number): Watch[] {
    return this.#watches.filter(({ start, end }) => offset < end && offset + size > start);
  }
}

function store(view: DataView, offset: number, size: AccessSize, value: number): void {
  if (size === 4) view.setUint32(offset, value, true);
  else if (size === 2) view.setUint16(offset, value, true);
  else view.setUint8(offset, value);
}
