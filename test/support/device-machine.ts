// SPDX-License-Identifier: BSD-2-Clause
// A machine without a CPU: every device comes from the catalogue, by the options a user would type, on real
// buses and memory. The test is the guest.
import type { BlockBackend } from "../../src/devices/backend/block-backend.ts";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";
import {
  createPciDevice,
  type DeviceEnvironment,
  type LpcOption,
  parseLpcOption,
} from "../../src/devices/catalog.ts";
import { parseSlotOption } from "../../src/devices/pci/address.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryCharBackend } from "./memory-char.ts";
import { PciHost } from "./pci-host.ts";
import { LegacyDriver, ModernDriver } from "./virtio-pci-driver.ts";

export interface DeviceMachineOptions {
  /** Arguments of `-s` and `-l`. */
  readonly slots: readonly string[];
  readonly lpc?: readonly string[];
  /** Images by path. */
  readonly disks?: Readonly<Record<string, Uint8Array>>;
  readonly environment?: Partial<DeviceEnvironment>;
}

export class DeviceMachine {
  readonly memory = new GuestMemory(32 * MIB);
  readonly clock = new ManualClock();
  readonly pci = new PciHost();
  /** Far ends of serial lines, by path. */
  readonly lines = new Map<string, MemoryCharBackend>();
  readonly exits: number[] = [];

  constructor({ slots, lpc = [], disks = {}, environment = {} }: DeviceMachineOptions) {
    const base = this.#environment(lpc.map(parseLpcOption), disks);
    for (const text of slots) {
      const slot = parseSlotOption(text);
      this.pci.root.add(slot.bdf, createPciDevice(slot, { ...base, ...environment }));
    }
    this.pci.root.start();
  }

  legacyDriver(slot: string): LegacyDriver {
    return new LegacyDriver(this.pci, this.memory, slot);
  }

  modernDriver(slot: string): ModernDriver {
    return new ModernDriver(this.pci, this.memory, slot);
  }

  #environment(
    lpc: readonly LpcOption[],
    disks: Readonly<Record<string, Uint8Array>>,
  ): DeviceEnvironment {
    let entropy = 0;
    return {
      memory: this.memory,
      clock: this.clock,
      ports: this.pci.ports,
      memoryBus: this.pci.memory,
      interrupts: this.pci.interrupts,
      msi: this.pci.interrupts,
      pirq: this.pci.root.pirq,
      hasMsix: true,
      openBlock: ({ path, isReadOnly }): BlockBackend =>
        new MemoryBlockBackend(disks[path]!, { identity: path, isReadOnly }),
      openChar: (path) => {
        const line = new MemoryCharBackend();
        this.lines.set(path, line);
        return line;
      },
      entropy: (target) => {
        for (let i = 0; i < target.length; i++) target[i] = ++entropy & 0xff;
      },
      lpc,
      exit: (status) => void this.exits.push(status),
      warn: this.pci.warn,
    };
  }
}
