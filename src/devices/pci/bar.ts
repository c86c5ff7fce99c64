// SPDX-License-Identifier: BSD-2-Clause
// Base address registers: the windows of a function on the port and memory buses. PCI 3.0 §6.2.5.1.
// A register holds only the address bits that the window's size leaves free; reading back after all
// ones were written therefore tells the size. No expansion ROM.
import { pairToNumber } from "../../base/u64.ts";
import type { BusHandler } from "../bus.ts";
import { type ConfigSpace, PCIR_BARS } from "./config-space.ts";

export type BarKind = "io" | "mem32" | "mem64";

/** 64-bit windows above this size are put above 4 GiB, and are prefetchable, as in bhyve. */
export const SMALL_MEM64 = 128 * 1024 * 1024;

const PCIM_BAR_IO_SPACE = 0x1;
const PCIM_BAR_MEM_64 = 0x4;
const PCIM_BAR_MEM_PREFETCH = 0x8;

/** No CPU puts out physical addresses above 2^52; a window there is never reached. */
const ADDRESS_LIMIT = 2 ** 52;

export interface BarSpec {
  /** Register number 0–5; a mem64 BAR takes the next one too. */
  readonly index: number;
  readonly kind: BarKind;
  /** Rounded up to a power of two, at least 4 (io) or 16 (memory). */
  readonly sizeBytes: number;
  readonly handler: BusHandler;
  /** Where the window is at reset; without it, the root's allocator decides. */
  readonly fixedAddress?: number;
}

export class Bar {
  readonly index: number;
  readonly kind: BarKind;
  readonly sizeBytes: number;
  readonly handler: BusHandler;
  readonly fixedAddress: number | undefined;
  /** Whose window: the words a clash is reported with. */
  readonly name: string;
  readonly #config: ConfigSpace;
  readonly #offset: number;

  constructor(spec: BarSpec, config: ConfigSpace, owner: string) {
    this.index = spec.index;
    this.kind = spec.kind;
    this.handler = spec.handler;
    this.fixedAddress = spec.fixedAddress;
    this.name = `${owner} BAR${spec.index}`;
    this.sizeBytes = 2 ** Math.ceil(Math.log2(Math.max(spec.sizeBytes, minimumBytes(spec.kind))));
    this.#config = config;
    this.#offset = PCIR_BARS + 4 * spec.index;
    this.#define();
    if (spec.fixedAddress !== undefined) this.preset(spec.fixedAddress);
  }

  get isIo(): boolean {
    return this.kind === "io";
  }

  /** Where the window is now, as the driver or the allocator wrote it; -1 beyond any CPU's reach. */
  get address(): number {
    const low = this.#config.get(this.#offset, 4);
    if (this.kind === "io") return low & ~0x3;
    const high = this.kind === "mem64" ? this.#config.get(this.#offset + 4, 4) : 0;
    const address = pairToNumber(low & ~0xf, high);
    return address < ADDRESS_LIMIT ? address : -1;
  }

  /** Puts the window there, now and at every reset. `address` is a multiple of the size. */
  preset(address: number): void {
    const low = this.#config.get(this.#offset, 4) & (this.isIo ? 0x3 : 0xf);
    this.#config.preset(this.#offset, 4, (address % 2 ** 32) + low);
    if (this.kind === "mem64") {
      this.#config.preset(this.#offset + 4, 4, Math.floor(address / 2 ** 32));
    }
  }

  #define(): void {
    const size = this.sizeBytes;
    if (this.kind === "io") {
      // PCs have 64 KiB of ports, so the upper half may be hardwired to zero.
      this.#config.define(this.#offset, 4, PCIM_BAR_IO_SPACE, 0xffff & ~(size - 1));
      return;
    }
    const lowMask = size >= 2 ** 32 ? 0 : ~(size - 1) >>> 0;
    if (this.kind === "mem32") {
      this.#config.define(this.#offset, 4, 0, lowMask);
      return;
    }
    const prefetch = size > SMALL_MEM64 ? PCIM_BAR_MEM_PREFETCH : 0;
    this.#config.define(this.#offset, 4, PCIM_BAR_MEM_64 | prefetch, lowMask);
    this.#config.define(this.#offset + 4, 4, 0, 2 ** 32 - Math.max(1, size / 2 ** 32));
  }
}

function minimumBytes(kind: BarKind): number {
  return kind === "io" ? 4 : 16;
}
