// SPDX-License-Identifier: BSD-2-Clause
// A PCI root on empty buses, and the accesses that a guest would make to it: ports, memory, and
// configuration space through mechanism 1 or ECAM.

import type { AccessSize } from "../../src/devices/bus.ts";
import { Bus } from "../../src/devices/bus.ts";
import { parseBdf } from "../../src/devices/pci/address.ts";
import { PciRoot, type PciRootOptions } from "../../src/devices/pci/root.ts";
import { InterruptRecorder } from "./interrupt-recorder.ts";

const ECAM = 0xe000_0000;

export class PciHost {
  readonly ports = new Bus();
  readonly memory = new Bus();
  readonly interrupts = new InterruptRecorder();
  readonly warnings: string[] = [];
  readonly warn = (message: string): void => void this.warnings.push(message);
  readonly root: PciRoot;

  constructor(options: Partial<PciRootOptions> = {}) {
    this.root = new PciRoot({
      ports: this.ports,
      memory: this.memory,
      highmemBytes: 0,
      interrupts: this.interrupts,
      warn: this.warn,
      ...options,
    });
  }

  /** Mechanism 1, as a driver does it: the aligned register to 0xCF8, the rest in the data port. */
  readConfig(slot: string, offset: number, size: AccessSize): number {
    return this.ports.read(this.#select(slot, offset), size);
  }

  writeConfig(slot: string, offset: number, size: AccessSize, value: number): void {
    this.ports.write(this.#select(slot, offset), size, value);
  }

  /** The function's register 0 in ECAM. */
  ecamBase(slot: string): number {
    const { bus, slot: device, func } = parseBdf(slot);
    return ECAM + bus * 2 ** 20 + device * 2 ** 15 + func * 2 ** 12;
  }

  /** The address that a BAR register holds, without its type bits. */
  barAddress(slot: string, index: number): number {
    const low = this.readConfig(slot, 0x10 + 4 * index, 4);
    if ((low & 1) === 1) return low & ~3;
    const high = (low & 4) === 4 ? this.readConfig(slot, 0x14 + 4 * index, 4) : 0;
    return high * 2 ** 32 + ((low & ~0xf) >>> 0);
  }

  /** Every capability in the order of the list: identifier and offset. */
  capabilities(slot: string): { id: number; offset: number }[] {
    const found: { id: number; offset: number }[] = [];
    if ((this.readConfig(slot, 0x06, 2) & 0x10) === 0) return found;
    let offset = this.readConfig(slot, 0x34, 1);
    while (offset !== 0 && found.length < 48) {
      found.push({ id: this.readConfig(slot, offset, 1), offset });
      offset = this.readConfig(slot, offset + 1, 1);
    }
    return found;
  }

  #select(slot: string, offset: number): number {
    const { bus, slot: device, func } = parseBdf(slot);
    const address = (bus << 16) | (device << 11) | (func << 8) | (offset & 0xfc);
    this.ports.write(0xcf8, 4, (0x8000_0000 | address) >>> 0);
    return 0xcfc + (offset & 3);
  }
}
