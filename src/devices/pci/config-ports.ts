// SPDX-License-Identifier: BSD-2-Clause
// Configuration mechanism 1: CONFIG_ADDRESS at port 0xCF8, CONFIG_DATA at 0xCFC. PCI 3.0 §3.2.2.3.2.
//
//   31      30..24  23..16  15..11  10..8     7..2      1..0
//   enable  0       bus     slot    function  register  0
//
// CONFIG_ADDRESS takes accesses of 4 bytes at 0xCF8 alone. The ports it covers are otherwise the
// chipset's: 0xCF9 is the reset control register, whose handler is let in here. CONFIG_DATA takes
// every width; which bytes of the register are meant follows from the port.
import { allOnes } from "../../base/bits.ts";
import type { AccessSize, Bus, BusHandler } from "../bus.ts";
import type { Bdf } from "./address.ts";

const CONF1_ADDR_PORT = 0xcf8;
const CONF1_DATA_PORT = 0xcfc;
const CONF1_ENABLE = 0x8000_0000;
const CONF1_DEFINED_BITS = 0x80ff_fffc;
const RESET_CONTROL_OFFSET = 1;

/** Configuration space of all functions. Addresses of absent ones read all ones and drop writes. */
export interface ConfigAccess {
  /** `offset` and `size` stay inside one aligned group of 4. */
  readConfig(bdf: Bdf, offset: number, size: AccessSize): number;
  writeConfig(bdf: Bdf, offset: number, size: AccessSize, value: number): void;
}

export class ConfigPorts {
  readonly #space: ConfigAccess;
  readonly #resetControl: BusHandler | undefined;
  #address = 0;

  /** `resetControl` answers 1-byte accesses to port 0xCF9, at its offset 0. */
  constructor(space: ConfigAccess, resetControl?: BusHandler) {
    this.#space = space;
    this.#resetControl = resetControl;
  }

  attach(ports: Bus): void {
    ports.attach(CONF1_ADDR_PORT, 4, "PCI CONFIG_ADDRESS", {
      read: (offset, size) => this.#readAddress(offset, size),
      write: (offset, size, value) => this.#writeAddress(offset, size, value),
    });
    ports.attach(CONF1_DATA_PORT, 4, "PCI CONFIG_DATA", {
      read: (offset, size) => this.#readData(offset, size),
      write: (offset, size, value) => this.#writeData(offset, size, value),
    });
  }

  reset(): void {
    this.#address = 0;
  }

  #readAddress(offset: number, size: AccessSize): number {
    if (size === 4) return this.#address;
    const reset = size === 1 && offset === RESET_CONTROL_OFFSET ? this.#resetControl : undefined;
    return reset?.read(0, 1) ?? allOnes(size);
  }

  #writeAddress(offset: number, size: AccessSize, value: number): void {
    if (size === 4) this.#address = (value & CONF1_DEFINED_BITS) >>> 0;
    else if (size === 1 && offset === RESET_CONTROL_OFFSET) this.#resetControl?.write(0, 1, value);
  }

  #readData(offset: number, size: AccessSize): number {
    if (!this.#isEnabled) return allOnes(size);
    return this.#space.readConfig(this.#bdf, this.#register + offset, size);
  }

  #writeData(offset: number, size: AccessSize, value: number): void {
    if (!this.#isEnabled) return;
    this.#space.writeConfig(this.#bdf, this.#register + offset, size, value);
  }

  get #isEnabled(): boolean {
    return (this.#address & CONF1_ENABLE) !== 0;
  }

  get #bdf(): Bdf {
    const address = this.#address;
    return { bus: (address >> 16) & 0xff, slot: (address >> 11) & 0x1f, func: (address >> 8) & 7 };
  }

  get #register(): number {
    return this.#address & 0xfc;
  }
}
