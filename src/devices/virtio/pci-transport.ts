// SPDX-License-Identifier: BSD-2-Clause
// A virtio device on PCI. VirtIO 1.2 §4.1; bhyve: usr.sbin/bhyve/virtio.c.
//
//   BAR 0  ports   registers of a legacy driver         (pci-legacy.ts)
//   BAR 1  memory  MSI-X table and pending bits
//   BAR 2  memory  registers of a modern driver         (pci-modern.ts)
//
// By default the function is transitional: to a legacy driver it is bhyve's, to the bit, and a modern one
// finds its capabilities. `legacy` leaves BAR 2 away, as bhyve does; `modern` leaves BAR 0 away and takes
// the identity of a non-transitional device (§4.1.2).
import type { Clock } from "../../base/clock.ts";
import { VmmError } from "../../base/errors.ts";
import type { Warn } from "../../base/warn.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import type { MsiSink } from "../irq.ts";
import type { BarSpec } from "../pci/bar.ts";
import type { PciCapability } from "../pci/capability.ts";
import { type PciDevice, PciFunction } from "../pci/function.ts";
import { MsiCapability } from "../pci/msi.ts";
import { MsixCapability } from "../pci/msix.ts";
import { VIRTIO_ID_BLOCK, VIRTIO_ID_ENTROPY, type VirtioDevice } from "./device.ts";
import {
  PciCfgCapability,
  regionCapability,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
} from "./pci-capabilities.ts";
import { LegacyRegisters, legacyBarBytes } from "./pci-legacy.ts";
import * as modern from "./pci-modern.ts";
import { VirtioPciRegisters } from "./pci-registers.ts";
import { VirtioTransport } from "./transport.ts";

/** Which drivers find their registers. */
export type VirtioInterface = "transitional" | "legacy" | "modern";

const VIRTIO_VENDOR = 0x1af4;
/** §4.1.2.1: device identifiers of version 1 start here. */
const MODERN_DEVICE_BASE = 0x1040;
const LEGACY_BAR = 0;
const MSIX_BAR = 1;
const MODERN_BAR = 2;

/** §4.1.2.1: transitional PCI device identifiers; class codes as bhyve has them. */
const PCI_IDENTITIES: ReadonlyMap<number, { deviceId: number; classCode: number }> = new Map([
  [VIRTIO_ID_BLOCK, { deviceId: 0x1001, classCode: 0x010000 }],
  [VIRTIO_ID_ENTROPY, { deviceId: 0x1005, classCode: 0x100000 }],
]);

export interface VirtioPciOptions {
  /** What a user types after `-s`: names the function in messages. */
  readonly name: string;
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly msi: MsiSink;
  /** False offers MSI alone, as bhyve's `-W`. */
  readonly hasMsix: boolean;
  readonly interface: VirtioInterface;
  readonly warn: Warn;
}

export class VirtioPci implements PciDevice {
  readonly function: PciFunction;
  readonly transport: VirtioTransport;
  readonly #registers: VirtioPciRegisters;
  readonly #modern: modern.ModernRegisters;

  constructor(options: VirtioPciOptions) {
    this.transport = new VirtioTransport({
      ...options,
      interrupt: (cause) => this.#registers.interrupt(cause),
      interruptsReset: () => this.#resetRegisters(),
    });
    this.#registers = new VirtioPciRegisters(this.transport, () => this.function);
    this.#modern = new modern.ModernRegisters(this.#registers);
    this.function = this.#makeFunction(options);
  }

  reset(): void {
    this.transport.reset();
    this.function.reset();
  }

  close(): void {
    this.transport.device.close?.();
  }

  #resetRegisters(): void {
    this.#registers.reset();
    this.#modern.reset();
  }

  #makeFunction(options: VirtioPciOptions): PciFunction {
    const { name, device, msi: sink } = options;
    const identity = PCI_IDENTITIES.get(device.deviceId);
    if (identity === undefined) {
      throw new VmmError("ERR_INTERNAL", `virtio device ${device.deviceId} has no PCI identity`);
    }
    const isModern = options.interface === "modern";
    const modernId = MODERN_DEVICE_BASE + device.deviceId;
    const vectors = device.queueSizes.length + 1;
    return new PciFunction({
      name,
      vendorId: VIRTIO_VENDOR,
      deviceId: isModern ? modernId : identity.deviceId,
      revisionId: isModern ? 1 : 0,
      classCode: identity.classCode,
      subsystemVendorId: VIRTIO_VENDOR,
      subsystemId: isModern ? modernId : device.deviceId,
      bars: this.#bars(options),
      ...(options.hasMsix && { msix: new MsixCapability({ vectors, barIndex: MSIX_BAR, sink }) }),
      msi: new MsiCapability(sink),
      capabilities: options.interface === "legacy" ? [] : this.#capabilities(device),
      intx: true,
    });
  }

  #bars({ device, interface: kind }: VirtioPciOptions): BarSpec[] {
    const legacyBar: BarSpec = {
      index: LEGACY_BAR,
      kind: "io",
      sizeBytes: legacyBarBytes(device.config.length),
      handler: new LegacyRegisters(this.#registers),
    };
    const modernBar: BarSpec = {
      index: MODERN_BAR,
      kind: "mem32",
      sizeBytes: modern.MODERN_BAR_BYTES,
      handler: this.#modern,
    };
    if (kind === "transitional") return [legacyBar, modernBar];
    return kind === "legacy" ? [legacyBar] : [modernBar];
  }

  #capabilities({ config }: VirtioDevice): PciCapability[] {
    const region = (type: number, offset: number, lengthBytes: number) => ({
      type,
      barIndex: MODERN_BAR,
      offset,
      lengthBytes,
    });
    const regions = [
      region(VIRTIO_PCI_CAP_COMMON_CFG, modern.COMMON_OFFSET, modern.COMMON_BYTES),
      region(VIRTIO_PCI_CAP_ISR_CFG, modern.ISR_OFFSET, 1),
      {
        ...region(VIRTIO_PCI_CAP_NOTIFY_CFG, modern.NOTIFY_OFFSET, this.#modern.notifyBytes),
        notifyOffMultiplier: modern.NOTIFY_OFF_MULTIPLIER,
      },
    ];
    if (config.length > 0) {
      regions.push(region(VIRTIO_PCI_CAP_DEVICE_CFG, modern.DEVICE_OFFSET, config.length));
    }
    const barAccess = new PciCfgCapability((index) => this.function.barAt(index));
    return [...regions.map(regionCapability), barAccess];
  }
}
