// SPDX-License-Identifier: BSD-2-Clause
// The list of capabilities in configuration space. PCI 3.0 §6.7; identifiers from its appendix H.
// Holds the ones that need no code of their own: PCI Express (PCIe 3.0 §7.8) and vendor-specific ones.
import { alignUp } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { CONFIG_BYTES, type ConfigSpace, PCIR_CAP_PTR } from "./config-space.ts";

export const PCIY_MSI = 0x05;
export const PCIY_VENDOR = 0x09;
export const PCIY_EXPRESS = 0x10;
export const PCIY_MSIX = 0x11;

/** Device/port types of the PCI Express capability, PCIe 3.0 table 7-12. */
export const PCIEM_TYPE_ROOT_PORT = 0x4;
export const PCIEM_TYPE_ROOT_INT_EP = 0x9;

const CAP_START_OFFSET = 0x40;

export interface PciCapability {
  readonly id: number;
  /** Whole length, identifier and next pointer included. */
  readonly lengthBytes: number;
  /** Declares everything after the next pointer in `config`, at `offset` and up. */
  install(config: ConfigSpace, offset: number): void;
}

/** Lays capabilities out from 0x40 on, each on a multiple of 4, and links them in this order. */
export function installCapabilities(
  config: ConfigSpace,
  capabilities: readonly PciCapability[],
): void {
  let pointer = PCIR_CAP_PTR;
  let offset = CAP_START_OFFSET;
  for (const capability of capabilities) {
    if (offset + capability.lengthBytes > CONFIG_BYTES) {
      throw new VmmError("ERR_INTERNAL", "capabilities do not fit into 256 bytes");
    }
    config.define(pointer, 1, offset);
    config.define(offset, 1, capability.id);
    config.define(offset + 1, 1, 0);
    capability.install(config, offset);
    pointer = offset + 1;
    offset = alignUp(offset + capability.lengthBytes, 4);
  }
}

const PCIECAP_VERSION = 2;
const PCIECAP_BYTES = 60;
const LINK_GEN1_X1 = 0x11;
/** Gen 1, x1, active-state power management of L0s. */
const LINK_CAPABILITIES = 0x411;

/** PCI Express, as bhyve's host bridge shows it: every register but the identity is zero and fixed. */
export class PcieCapability implements PciCapability {
  readonly id = PCIY_EXPRESS;
  readonly lengthBytes = PCIECAP_BYTES;
  readonly #type: number;

  constructor(type: number) {
    this.#type = type;
  }

  install(config: ConfigSpace, offset: number): void {
    config.define(offset + 2, 2, PCIECAP_VERSION | (this.#type << 4));
    if (this.#type === PCIEM_TYPE_ROOT_INT_EP) return;
    config.define(offset + 12, 4, LINK_CAPABILITIES);
    config.define(offset + 18, 2, LINK_GEN1_X1);
  }
}

/** A vendor-specific capability: a length, then bytes that are the vendor's business. */
export class VendorCapability implements PciCapability {
  readonly id = PCIY_VENDOR;
  readonly lengthBytes: number;
  readonly #body: Uint8Array;

  /** `body` is what follows the length byte. */
  constructor(body: Uint8Array) {
    this.#body = body;
    this.lengthBytes = 3 + body.length;
  }

  install(config: ConfigSpace, offset: number): void {
    config.define(offset + 2, 1, this.lengthBytes);
    for (const [i, byte] of this.#body.entries()) config.define(offset + 3 + i, 1, byte);
  }
}
