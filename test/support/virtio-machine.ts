// SPDX-License-Identifier: BSD-2-Clause
// As much of a machine as a virtio device needs: memory, time, and PCI with the device in slot 3.

import { parseBdf } from "../../src/devices/pci/address.ts";
import type { VirtioDevice } from "../../src/devices/virtio/device.ts";
import { type VirtioInterface, VirtioPci } from "../../src/devices/virtio/pci-transport.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { ManualClock } from "./manual-clock.ts";
import { PciHost } from "./pci-host.ts";
import { LegacyDriver, ModernDriver, type VirtioPciDriver } from "./virtio-pci-driver.ts";

export const SLOT = "3";

export interface VirtioMachineOptions {
  readonly interface?: VirtioInterface;
  readonly hasMsix?: boolean;
}

export class VirtioMachine {
  readonly memory = new GuestMemory(32 * MIB);
  readonly clock = new ManualClock();
  readonly pci = new PciHost();
  readonly virtio: VirtioPci;

  /** `makeDevice` gets the clock that the machine runs on. */
  constructor(
    makeDevice: (clock: ManualClock) => VirtioDevice,
    { interface: kind = "transitional", hasMsix = true }: VirtioMachineOptions = {},
  ) {
    this.virtio = new VirtioPci({
      name: "virtio-test",
      device: makeDevice(this.clock),
      memory: this.memory,
      clock: this.clock,
      msi: this.pci.interrupts,
      hasMsix,
      interface: kind,
      warn: this.pci.warn,
    });
    this.pci.root.add(parseBdf(SLOT), this.virtio);
    this.pci.root.start();
  }

  legacyDriver(): LegacyDriver {
    return new LegacyDriver(this.pci, this.memory, SLOT);
  }

  modernDriver(): ModernDriver {
    return new ModernDriver(this.pci, this.memory, SLOT);
  }

  driver(kind: "legacy" | "modern"): VirtioPciDriver {
    return kind === "legacy" ? this.legacyDriver() : this.modernDriver();
  }

  get interrupts() {
    return this.pci.interrupts;
  }

  get warnings(): string[] {
    return this.pci.warnings;
  }
}
