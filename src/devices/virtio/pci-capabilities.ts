// SPDX-License-Identifier: BSD-2-Clause
// The vendor-specific capabilities that tell a modern driver where its registers are, and the one that
// reaches them without a BAR. VirtIO 1.2 §4.1.4, §4.1.4.9.
//
//   0 id  1 next  2 length  3 type  4 BAR  5 id  8 offset  12 length  [16 multiplier or data]
import type { AccessSize } from "../bus.ts";
import type { Bar } from "../pci/bar.ts";
import { PCIY_VENDOR, type PciCapability, VendorCapability } from "../pci/capability.ts";
import type { ConfigSpace } from "../pci/config-space.ts";

export const VIRTIO_PCI_CAP_COMMON_CFG = 1;
export const VIRTIO_PCI_CAP_NOTIFY_CFG = 2;
export const VIRTIO_PCI_CAP_ISR_CFG = 3;
export const VIRTIO_PCI_CAP_DEVICE_CFG = 4;
export const VIRTIO_PCI_CAP_PCI_CFG = 5;

/** A structure of registers inside a BAR. */
export interface VirtioRegion {
  readonly type: number;
  readonly barIndex: number;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Of the notification structure alone. */
  readonly notifyOffMultiplier?: number;
}

/** The capability that says where a structure is. */
export function regionCapability(region: VirtioRegion): PciCapability {
  const { notifyOffMultiplier } = region;
  const body = new DataView(new ArrayBuffer(notifyOffMultiplier === undefined ? 13 : 17));
  body.setUint8(0, region.type);
  body.setUint8(1, region.barIndex);
  body.setUint32(5, region.offset, true);
  body.setUint32(9, region.lengthBytes, true);
  if (notifyOffMultiplier !== undefined) body.setUint32(13, notifyOffMultiplier, true);
  return new VendorCapability(new Uint8Array(body.buffer));
}

/** §4.1.4.9: BAR, offset and length are the driver's; touching the data accesses that place. */
export class PciCfgCapability implements PciCapability {
  readonly id = PCIY_VENDOR;
  readonly lengthBytes = 20;
  readonly #barAt: (index: number) => Bar | undefined;

  constructor(barAt: (index: number) => Bar | undefined) {
    this.#barAt = barAt;
  }

  install(config: ConfigSpace, offset: number): void {
    config.define(offset + 2, 1, this.lengthBytes);
    config.define(offset + 3, 1, VIRTIO_PCI_CAP_PCI_CFG);
    config.define(offset + 4, 1, 0, 0xff);
    config.define(offset + 8, 4, 0, 0xffff_ffff);
    config.define(offset + 12, 4, 0, 0xffff_ffff);
    config.define(offset + 16, 4, 0, 0xffff_ffff);
    config.watch(offset + 16, 4, {
      read: () => this.#access(config, offset, "read"),
      written: () => this.#access(config, offset, "write"),
    });
  }

  /** Nothing happens if the driver's choice is not an aligned place of 1, 2 or 4 bytes in a BAR. */
  #access(config: ConfigSpace, base: number, direction: "read" | "write"): void {
    const bar = this.#barAt(config.get(base + 4, 1));
    const offset = config.get(base + 8, 4);
    const size = config.get(base + 12, 4);
    if (bar === undefined || !isAccessSize(size)) return;
    if (offset % size !== 0 || offset + size > bar.sizeBytes) return;
    if (direction === "write") bar.handler.write(offset, size, config.get(base + 16, size));
    else config.set(base + 16, size, bar.handler.read(offset, size));
  }
}

function isAccessSize(size: number): size is AccessSize {
  return size === 1 || size === 2 || size === 4;
}
