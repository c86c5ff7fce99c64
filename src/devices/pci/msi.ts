// SPDX-License-Identifier: BSD-2-Clause
// Message signalled interrupts: one message, 64-bit address, no masking. PCI 3.0 §6.8.1; bhyve offers
// the same. A message is a memory write that the local APICs' address range receives.
import { pairToNumber } from "../../base/u64.ts";
import type { MsiSink } from "../irq.ts";
import { PCIY_MSI, type PciCapability } from "./capability.ts";
import type { ConfigSpace, ConfigWatcher } from "./config-space.ts";

const PCIM_MSICTRL_MSI_ENABLE = 0x0001;
const PCIM_MSICTRL_MME_MASK = 0x0070;
const PCIM_MSICTRL_64BIT = 0x0080;

const CONTROL = 2;
const ADDRESS_LOW = 4;
const ADDRESS_HIGH = 8;
const DATA = 12;

export class MsiCapability implements PciCapability {
  readonly id = PCIY_MSI;
  readonly lengthBytes = 14;
  readonly #sink: MsiSink;
  #config: ConfigSpace | undefined;
  #offset = 0;

  constructor(sink: MsiSink) {
    this.#sink = sink;
  }

  install(config: ConfigSpace, offset: number): void {
    this.#config = config;
    this.#offset = offset;
    const driverBits = PCIM_MSICTRL_MSI_ENABLE | PCIM_MSICTRL_MME_MASK;
    config.define(offset + CONTROL, 2, PCIM_MSICTRL_64BIT, driverBits);
    config.define(offset + ADDRESS_LOW, 4, 0, 0xffff_fffc);
    config.define(offset + ADDRESS_HIGH, 4, 0, 0xffff_ffff);
    config.define(offset + DATA, 2, 0, 0xffff);
  }

  /** Tells of changes to the control word. */
  watchControl(watcher: ConfigWatcher): void {
    this.#config?.watch(this.#offset + CONTROL, 2, watcher);
  }

  get isEnabled(): boolean {
    return ((this.#config?.get(this.#offset + CONTROL, 2) ?? 0) & PCIM_MSICTRL_MSI_ENABLE) !== 0;
  }

  /** Sends the message; nothing happens while MSI is disabled. */
  send(): void {
    const config = this.#config;
    if (config === undefined || !this.isEnabled) return;
    const low = config.get(this.#offset + ADDRESS_LOW, 4);
    const high = config.get(this.#offset + ADDRESS_HIGH, 4);
    this.#sink.send(pairToNumber(low, high), config.get(this.#offset + DATA, 2));
  }
}
