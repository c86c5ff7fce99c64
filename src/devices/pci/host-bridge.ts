// SPDX-License-Identifier: BSD-2-Clause
// The host bridge: an identity at 0:0:0 that guests look for, and nothing behind it.
// bhyve: usr.sbin/bhyve/pci_hostbridge.c. Its PCI Express root-port capability makes guests believe that
// the machine is a PCI Express one, and so that MSI works; AMD's identity does the same for the guests
// that ask for a vendor.
import { PCIEM_TYPE_ROOT_PORT, PcieCapability } from "./capability.ts";
import { type PciDevice, PciFunction } from "./function.ts";

const CLASS_BRIDGE_HOST = 0x060000;

export interface HostBridgeOptions {
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
}

/** bhyve's own identity: that of NetApp. */
export const HOSTBRIDGE: HostBridgeOptions = {
  name: "hostbridge",
  vendorId: 0x1275,
  deviceId: 0x1275,
};

/** AMD's vendor identifier, with a device identifier that AMD never used. */
export const AMD_HOSTBRIDGE: HostBridgeOptions = {
  name: "amd_hostbridge",
  vendorId: 0x1022,
  deviceId: 0x7432,
};

export class HostBridge implements PciDevice {
  readonly function: PciFunction;

  constructor(options: HostBridgeOptions) {
    this.function = new PciFunction({
      ...options,
      classCode: CLASS_BRIDGE_HOST,
      capabilities: [new PcieCapability(PCIEM_TYPE_ROOT_PORT)],
    });
  }

  reset(): void {
    this.function.reset();
  }
}
