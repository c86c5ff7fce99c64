// SPDX-License-Identifier: BSD-2-Clause
// The PCI-to-ISA bridge: carries the devices with fixed ports, and shows the PIRQ links in configuration
// space, where ICH10's LPC bridge has them: A–D at 0x60–0x63, E–H at 0x68–0x6B.
// bhyve: usr.sbin/bhyve/pci_lpc.c; the identity is that of the 82371SB (PIIX3).
import { type PciDevice, PciFunction } from "./function.ts";
import { PIRQ_DIS, PIRQ_IRQ, PIRQ_LINKS, type PirqRouter } from "./pirq.ts";

const LPC_VENDOR = 0x8086;
const LPC_DEV = 0x7000;
const CLASS_BRIDGE_ISA = 0x060100;
const PIRQA_ROUT = 0x60;
const PIRQE_ROUT = 0x68;

/** A device with fixed ports, behind the bridge. */
export interface LpcDevice {
  reset(): void;
  close?(): void;
}

export interface LpcBridgeOptions {
  readonly pirq: PirqRouter;
  /** Attached to their ports already; reset and closed with the bridge. */
  readonly devices: readonly LpcDevice[];
}

export class LpcBridge implements PciDevice {
  readonly function: PciFunction;
  readonly #devices: readonly LpcDevice[];

  constructor({ pirq, devices }: LpcBridgeOptions) {
    this.#devices = devices;
    this.function = new PciFunction({
      name: "lpc",
      vendorId: LPC_VENDOR,
      deviceId: LPC_DEV,
      classCode: CLASS_BRIDGE_ISA,
    });
    for (let link = 0; link < PIRQ_LINKS; link++) this.#showLink(pirq, link);
  }

  reset(): void {
    this.function.reset();
    for (const device of this.#devices) device.reset();
  }

  close(): void {
    for (const device of this.#devices) device.close?.();
  }

  #showLink(pirq: PirqRouter, link: number): void {
    const { config } = this.function;
    const offset = link < 4 ? PIRQA_ROUT + link : PIRQE_ROUT + link - 4;
    config.define(offset, 1, PIRQ_DIS, PIRQ_DIS | PIRQ_IRQ);
    config.watch(offset, 1, {
      read: () => config.set(offset, 1, pirq.read(link)),
      written: () => pirq.write(link, config.get(offset, 1)),
    });
  }
}
