// SPDX-License-Identifier: BSD-2-Clause
// One PCI function, by declaration: identity, BARs, capabilities, interrupt pin. PCI 3.0 chapter 6.
//
// Decoding of ports and memory, and bus mastering, are on at reset, as bhyve has them: a guest without
// firmware finds its devices ready. The bus-master bit can be read and written, and stops nothing.
// Left out: expansion ROM, power management, parity and system errors.
import type { AccessSize } from "../bus.ts";
import { Bar, type BarSpec } from "./bar.ts";
import type { BarDecoder } from "./bar-decoder.ts";
import { installCapabilities, type PciCapability } from "./capability.ts";
import * as config from "./config-space.ts";
import { ConfigSpace } from "./config-space.ts";
import { IntxLine } from "./intx-line.ts";
import type { MsiCapability } from "./msi.ts";
import type { MsixCapability } from "./msix.ts";

/** §6.2.2: the bits of the command register that a driver may set. */
const COMMAND_DRIVER_BITS = 0x077f;

export interface PciFunctionSpec {
  /** What messages call it: the name a user types after `-s`. */
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId?: number;
  /** Base class, sub-class and programming interface: 0x010000 is a SCSI-class storage device. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  readonly bars?: readonly BarSpec[];
  readonly msix?: MsixCapability;
  readonly msi?: MsiCapability;
  /** Follow MSI-X and MSI in the list. */
  readonly capabilities?: readonly PciCapability[];
  /** Has an interrupt pin. A number wires it to that ISA interrupt, past PCI's routing. */
  readonly intx?: boolean | { readonly isaIrq: number };
}

/** What the root and the machine need of a device that sits on PCI. */
export interface PciDevice {
  readonly function: PciFunction;
  /** The state of power-on; backends keep what they have. */
  reset(): void;
  /** Lets go of files and terminals. */
  close?(): void;
}

export class PciFunction {
  readonly name: string;
  readonly config = new ConfigSpace();
  readonly bars: readonly Bar[];
  readonly msi: MsiCapability | undefined;
  readonly msix: MsixCapability | undefined;
  /** Undefined for a function without an interrupt pin. */
  readonly intx: IntxLine | undefined;
  /** The ISA interrupt that the pin is wired to; undefined if PCI's routing decides. */
  readonly isaIrq: number | undefined;
  #decoder: BarDecoder | undefined;

  constructor(spec: PciFunctionSpec) {
    this.name = spec.name;
    this.msi = spec.msi;
    this.msix = spec.msix;
    this.intx = spec.intx ? new IntxLine() : undefined;
    this.isaIrq = typeof spec.intx === "object" ? spec.intx.isaIrq : undefined;
    defineHeader(this.config, spec);
    const barSpecs = [...(spec.bars ?? []), ...(spec.msix ? [spec.msix.bar] : [])];
    this.bars = barSpecs.map((bar) => new Bar(bar, this.config, spec.name));
    this.#defineCommand();
    this.#installCapabilities(spec);
    if (this.isaIrq !== undefined) this.setInterrupt(1, this.isaIrq);
    this.#watch();
  }

  /** The window behind BAR register `index`, if there is one. */
  barAt(index: number): Bar | undefined {
    return this.bars.find((bar) => bar.index === index);
  }

  /** Puts the windows on the buses, from now on as the guest moves and switches them. */
  connect(decoder: BarDecoder): void {
    this.#decoder = decoder;
    this.#update();
  }

  /** What firmware would leave: pin 1–4 is INTA#–INTD#, line the 8259 input. */
  setInterrupt(pin: number, line: number): void {
    this.config.define(config.PCIR_INTPIN, 1, pin);
    this.config.define(config.PCIR_INTLINE, 1, line, 0xff);
  }

  /** `offset` and `size` stay inside one aligned group of 4. */
  readConfig(offset: number, size: AccessSize): number {
    return this.config.read(offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.config.write(offset, size, value);
  }

  /** Configuration space and MSI-X table of power-on, the line released. */
  reset(): void {
    this.config.reset();
    this.msix?.reset();
    this.intx?.deassert();
    this.#update();
  }

  #defineCommand(): void {
    const hasPorts = this.bars.some((bar) => bar.isIo);
    const hasMemory = this.bars.some((bar) => !bar.isIo);
    const command =
      config.PCIM_CMD_BUSMASTEREN |
      (hasPorts ? config.PCIM_CMD_PORTEN : 0) |
      (hasMemory ? config.PCIM_CMD_MEMEN : 0);
    this.config.define(config.PCIR_COMMAND, 2, command, COMMAND_DRIVER_BITS);
  }

  #installCapabilities({ msix, msi, capabilities = [] }: PciFunctionSpec): void {
    const all = [msix, msi, ...capabilities].filter((capability) => capability !== undefined);
    if (all.length > 0) {
      this.config.define(config.PCIR_STATUS, 2, config.PCIM_STATUS_CAPPRESENT);
    }
    installCapabilities(this.config, all);
  }

  #watch(): void {
    const changed = { written: () => this.#update() };
    this.config.watch(config.PCIR_COMMAND, 2, changed);
    this.config.watch(config.PCIR_BARS, 24, changed);
    this.msi?.watchControl(changed);
    this.msix?.watchControl(changed);
    this.config.watch(config.PCIR_STATUS, 1, { read: () => this.#showInterruptStatus() });
  }

  /** Whatever follows from the registers: window positions, permission to drive INTx#. */
  #update(): void {
    const command = this.config.get(config.PCIR_COMMAND, 2);
    for (const bar of this.bars) {
      const enable = bar.isIo ? config.PCIM_CMD_PORTEN : config.PCIM_CMD_MEMEN;
      this.#decoder?.update(bar, (command & enable) !== 0);
    }
    const hasMessages = this.msi?.isEnabled === true || this.msix?.isEnabled === true;
    this.intx?.permit(!hasMessages && (command & config.PCIM_CMD_INTXDIS) === 0);
  }

  #showInterruptStatus(): void {
    const status = this.config.get(config.PCIR_STATUS, 2) & ~config.PCIM_STATUS_INTXSTATE;
    const bit = this.intx?.isAsserted === true ? config.PCIM_STATUS_INTXSTATE : 0;
    this.config.set(config.PCIR_STATUS, 2, status | bit);
  }
}

function defineHeader(space: ConfigSpace, spec: PciFunctionSpec): void {
  space.define(config.PCIR_VENDOR, 2, spec.vendorId);
  space.define(config.PCIR_DEVICE, 2, spec.deviceId);
  space.define(config.PCIR_REVID, 1, spec.revisionId ?? 0);
  space.define(config.PCIR_PROGIF, 1, spec.classCode & 0xff);
  space.define(config.PCIR_SUBCLASS, 1, (spec.classCode >> 8) & 0xff);
  space.define(config.PCIR_CLASS, 1, spec.classCode >> 16);
  space.define(config.PCIR_CACHELNSZ, 1, 0, 0xff);
  space.define(config.PCIR_LATTIMER, 1, 0, 0xff);
  space.define(config.PCIR_SUBVEND_0, 2, spec.subsystemVendorId ?? 0);
  space.define(config.PCIR_SUBDEV_0, 2, spec.subsystemId ?? 0);
  space.define(config.PCIR_INTLINE, 1, 0xff, 0xff);
}
