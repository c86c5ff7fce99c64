// SPDX-License-Identifier: BSD-2-Clause
// The devices by the names that a user types after `-s` and `-l`. A factory parses the rest of the option
// and makes the device from what the machine gives it; it knows neither the command line nor the host.
import type { Clock } from "../base/clock.ts";
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import type { BlockBackend } from "./backend/block-backend.ts";
import type { CharBackend } from "./backend/char-backend.ts";
import type { Bus } from "./bus.ts";
import type { MsiSink } from "./irq.ts";
import { PcTestdev } from "./lpc/pc-testdev.ts";
import { parseOptionList, requireNoMore, takeFlag, takeValue } from "./option-list.ts";
import { formatBdf, type SlotOption } from "./pci/address.ts";
import type { PciDevice } from "./pci/function.ts";
import { AMD_HOSTBRIDGE, HOSTBRIDGE, HostBridge } from "./pci/host-bridge.ts";
import type { PciInterruptWiring } from "./pci/intx-router.ts";
import { LpcBridge, type LpcDevice } from "./pci/lpc-bridge.ts";
import type { PirqRouter } from "./pci/pirq.ts";
import { LPC_UARTS, LpcUart, type LpcUartAddress, type LpcUartName } from "./uart/lpc-uart.ts";
import { PciUart } from "./uart/pci-uart.ts";
import { VirtioBlk } from "./virtio/block/device.ts";
import { type BlockFileOptions, parseBlockOptions } from "./virtio/block/options.ts";
import type { VirtioDevice } from "./virtio/device.ts";
import { type VirtioInterface, VirtioPci } from "./virtio/pci-transport.ts";
import { type EntropySource, VirtioRnd } from "./virtio/rng/device.ts";

/** What stands behind `-l`: `com1,stdio`. */
export interface LpcOption {
  readonly device: LpcDeviceName;
  readonly options: string | undefined;
}

/** Everything that devices are made from. */
export interface DeviceEnvironment {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly ports: Bus;
  readonly memoryBus: Bus;
  readonly interrupts: PciInterruptWiring;
  readonly msi: MsiSink;
  /** The PCI root's: LPC devices keep its links off their interrupts. */
  readonly pirq: PirqRouter;
  /** False is bhyve's `-W`: virtio devices offer MSI instead of MSI-X. */
  readonly hasMsix: boolean;
  /** Opens a disk's image. Throws a VmmError. */
  readonly openBlock: (options: BlockFileOptions) => BlockBackend;
  /** Opens the far end of a serial line: `stdio`, or a path. Throws a VmmError. */
  readonly openChar: (path: string) => CharBackend;
  readonly entropy: EntropySource;
  /** Guest time that a disk's requests take; 0 by default. */
  readonly diskLatencyNs?: number;
  /** What the user put behind the LPC bridge; the last one of a name counts. */
  readonly lpc: readonly LpcOption[];
  /** For a slot given with `-S` as in 2012: the ISA place of its UART. */
  readonly legacyUart?: LpcUartAddress;
  /** Ends the machine, for pc-testdev. */
  readonly exit: (status: number) => void;
  readonly warn: Warn;
}

export interface CatalogEntry<T> {
  /** One line for `help`. */
  readonly description: string;
  /** Makes the device. Throws a VmmError for options that it does not have. */
  readonly create: (options: string | undefined, environment: DeviceEnvironment) => T;
}

export type DeviceName =
  | "hostbridge"
  | "amd_hostbridge"
  | "lpc"
  | "uart"
  | "virtio-blk"
  | "virtio-rnd";

/** QEMU's names: `disable-modern` leaves what bhyve has, `disable-legacy` what VirtIO 1 has. */
const INTERFACE_USAGE = "[,disable-modern|disable-legacy]";

export const DEVICE_CATALOG: Readonly<Record<DeviceName, CatalogEntry<PciDevice>>> = {
  hostbridge: {
    description: "PCI host bridge, normally in slot 0",
    create: (options) => createHostBridge(options),
  },
  amd_hostbridge: {
    description: "PCI host bridge with AMD's identity, for guests that ask for it",
    create: (options) => {
      requireNoMore(parseOptionList(options), "amd_hostbridge");
      return new HostBridge(AMD_HOSTBRIDGE);
    },
  },
  lpc: {
    description: "PCI-to-ISA bridge that carries the devices of -l, normally in slot 31",
    create: createLpc,
  },
  uart: {
    description: "PCI serial port: uart[,stdio|path]",
    create: createUart,
  },
  "virtio-blk": {
    description: `disk: virtio-blk,path[,nocache][,direct|sync][,ro][,sectorsize=logical[/physical]][,nodelete][,ser=serial][,format=raw|qcow2][,backing=path][,overlay=path|memory]${INTERFACE_USAGE}`,
    create: createVirtioBlk,
  },
  "virtio-rnd": {
    description: `source of entropy: virtio-rnd${INTERFACE_USAGE}`,
    create: (options, environment) => {
      const device = new VirtioRnd(environment.entropy);
      return createVirtio("virtio-rnd", device, parseOptionList(options), environment);
    },
  },
};

export type LpcDeviceName = LpcUartName | "pc-testdev";

const comEntry = (name: LpcUartName): CatalogEntry<LpcDevice> => ({
  description: `serial port at 0x${LPC_UARTS[name].port.toString(16)}: ${name},stdio|path`,
  create: (options, environment) => createCom(name, options, environment),
});

export const LPC_CATALOG: Readonly<Record<LpcDeviceName, CatalogEntry<LpcDevice>>> = {
  com1: comEntry("com1"),
  com2: comEntry("com2"),
  com3: comEntry("com3"),
  com4: comEntry("com4"),
  "pc-testdev": {
    description: "test device of kvm-unit-tests: exit port, interrupt lines, memory",
    create: (_options, { ports, memoryBus: memory, interrupts, exit }) =>
      new PcTestdev({ ports, memory, ...interrupts, exit }),
  },
};

/** Makes the device of a `-s` option. Throws ERR_BAD_OPTION for a name that is not in the catalogue. */
export function createPciDevice(slot: SlotOption, environment: DeviceEnvironment): PciDevice {
  const { bdf, device, options } = slot;
  if (!Object.hasOwn(DEVICE_CATALOG, device)) {
    const message = `pci slot ${formatBdf(bdf)}: unknown device "${device}" (-s help lists them)`;
    throw new VmmError("ERR_BAD_OPTION", message);
  }
  if (device === "lpc" && bdf.bus !== 0) {
    throw new VmmError("ERR_BAD_OPTION", "LPC bridge can be present only on bus 0.");
  }
  return DEVICE_CATALOG[device as DeviceName].create(options, environment);
}

/** The argument of `-l`, upper or lower case. Throws ERR_BAD_OPTION. */
export function parseLpcOption(text: string): LpcOption {
  const comma = text.indexOf(",");
  const device = (comma < 0 ? text : text.slice(0, comma)).toLowerCase();
  if (!Object.hasOwn(LPC_CATALOG, device)) {
    const message = `invalid lpc device configuration '${text}' (-l help lists them)`;
    throw new VmmError("ERR_BAD_OPTION", message);
  }
  const options = comma < 0 ? undefined : text.slice(comma + 1);
  return { device: device as LpcDeviceName, options };
}

function createHostBridge(text: string | undefined): PciDevice {
  const options = parseOptionList(text);
  const vendorId = parseId(options, "vendor") ?? HOSTBRIDGE.vendorId;
  const deviceId = parseId(options, "devid") ?? HOSTBRIDGE.deviceId;
  requireNoMore(options, "hostbridge");
  return new HostBridge({ name: "hostbridge", vendorId, deviceId });
}

function parseId(options: Map<string, string | true>, name: string): number | undefined {
  const text = takeValue(options, name);
  if (text === undefined) return undefined;
  const id = Number(text);
  if (text !== "" && Number.isInteger(id) && id >= 0 && id <= 0xffff) return id;
  throw new VmmError("ERR_BAD_OPTION", `hostbridge: ${name}=${text} is not a number up to 0xffff`);
}

/** All four UARTs are there, connected or not, as in bhyve; other devices if the user asked. */
function createLpc(text: string | undefined, environment: DeviceEnvironment): PciDevice {
  requireNoMore(parseOptionList(text), "lpc");
  const wanted = new Map<LpcDeviceName, string | undefined>();
  for (const name of Object.keys(LPC_UARTS)) wanted.set(name as LpcUartName, undefined);
  for (const { device, options } of environment.lpc) wanted.set(device, options);
  const devices = [...wanted].map(([name, options]) =>
    LPC_CATALOG[name].create(options, environment),
  );
  return new LpcBridge({ pirq: environment.pirq, devices });
}

function createCom(
  name: LpcUartName,
  path: string | undefined,
  { ports, interrupts, pirq, openChar }: DeviceEnvironment,
): LpcDevice {
  const { irq } = LPC_UARTS[name];
  pirq.reserveIrq(irq);
  const host = path ? openChar(path) : undefined;
  return new LpcUart({ name, ports, irq: interrupts.isaPin(irq), host });
}

function createUart(path: string | undefined, environment: DeviceEnvironment): PciDevice {
  const { legacyUart: legacy, openChar, pirq } = environment;
  if (legacy !== undefined) pirq.reserveIrq(legacy.irq);
  return new PciUart({ host: path ? openChar(path) : undefined, legacy });
}

function createVirtioBlk(text: string | undefined, environment: DeviceEnvironment): PciDevice {
  const { file, serial, rest } = parseBlockOptions(text);
  const kind = takeInterface(rest);
  requireNoMore(rest, "virtio-blk");
  const { clock, diskLatencyNs: latencyNs = 0 } = environment;
  const backend = environment.openBlock(file);
  const device = new VirtioBlk({ backend, serial, clock, latencyNs });
  return makeVirtioPci("virtio-blk", device, kind, environment);
}

function createVirtio(
  name: DeviceName,
  device: VirtioDevice,
  options: Map<string, string | true>,
  environment: DeviceEnvironment,
): PciDevice {
  const kind = takeInterface(options);
  requireNoMore(options, name);
  return makeVirtioPci(name, device, kind, environment);
}

/** Which drivers find a virtio device: both kinds, unless one is disabled. */
function takeInterface(options: Map<string, string | true>): VirtioInterface {
  const noModern = takeFlag(options, "disable-modern");
  const noLegacy = takeFlag(options, "disable-legacy");
  if (noModern && noLegacy) {
    const message = "disable-modern and disable-legacy together leave no driver a way in";
    throw new VmmError("ERR_BAD_OPTION", message);
  }
  if (noModern) return "legacy";
  return noLegacy ? "modern" : "transitional";
}

function makeVirtioPci(
  name: DeviceName,
  device: VirtioDevice,
  kind: VirtioInterface,
  { memory, clock, msi, hasMsix, warn }: DeviceEnvironment,
): PciDevice {
  return new VirtioPci({ name, device, memory, clock, msi, hasMsix, interface: kind, warn });
}
