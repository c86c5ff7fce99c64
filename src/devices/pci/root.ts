// SPDX-License-Identifier: BSD-2-Clause
// The root of PCI: holds the functions, gives them addresses and interrupts, and answers configuration
// accesses. bhyve: usr.sbin/bhyve/pci_emul.c; all buses are roots, there are no PCI-to-PCI bridges.
import { allOnes } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { Warn } from "../../base/warn.ts";
import type { AccessSize, Bus, BusHandler } from "../bus.ts";
import { type Bdf, compareBdf, formatBdf } from "./address.ts";
import { BarAllocator, type BusWindows } from "./bar-allocator.ts";
import { BarDecoder } from "./bar-decoder.ts";
import { type ConfigAccess, ConfigPorts } from "./config-ports.ts";
import { PCIM_MFDEV, PCIR_HDRTYPE } from "./config-space.ts";
import { attachEcam } from "./ecam.ts";
import type { PciDevice, PciFunction } from "./function.ts";
import { type InterruptRoute, IntxRouter, type PciInterruptWiring } from "./intx-router.ts";
import type { PirqRouter } from "./pirq.ts";

/** The ACPI system control interrupt: level-triggered, and on the 8259 it may be shared with a link. */
const SCI_INT = 9;

export interface PciRootOptions {
  readonly ports: Bus;
  readonly memory: Bus;
  /** RAM above 4 GiB: large 64-bit BARs start beyond it. */
  readonly highmemBytes: number;
  readonly interrupts: PciInterruptWiring;
  /** The guest starts from a boot ROM, which expects INTx# at fixed places. */
  readonly hasBootRom?: boolean;
  /** The chipset's reset control register: port 0xCF9 lies inside CONFIG_ADDRESS. */
  readonly resetControl?: BusHandler;
  readonly warn: Warn;
}

export class PciRoot implements ConfigAccess {
  readonly #options: PciRootOptions;
  readonly #devices = new Map<number, { readonly bdf: Bdf; readonly device: PciDevice }>();
  readonly #router: IntxRouter;
  readonly #ports: ConfigPorts;
  readonly #windows: BusWindows[] = [];

  constructor(options: PciRootOptions) {
    this.#options = options;
    this.#router = new IntxRouter(options.interrupts, options.hasBootRom ?? false);
    this.#router.pirq.useIrq(SCI_INT);
    this.#ports = new ConfigPorts(this, options.resetControl);
  }

  /** The LPC bridge shows its registers; LPC devices reserve their interrupts in it. */
  get pirq(): PirqRouter {
    return this.#router.pirq;
  }

  /** Puts a device there. Throws ERR_BAD_OPTION if the place is taken. Before {@link start} alone. */
  add(bdf: Bdf, device: PciDevice): void {
    const key = keyOf(bdf);
    if (this.#devices.has(key)) {
      throw new VmmError("ERR_BAD_OPTION", `pci slot ${formatBdf(bdf)} already occupied!`);
    }
    this.#devices.set(key, { bdf, device });
  }

  /**
   * Gives every BAR an address and every interrupt pin a route, and opens configuration space, on buses
   * that hold all other fixed windows already. Throws ERR_NO_SPACE, ERR_BUS_OVERLAP.
   */
  start(): void {
    const { ports, memory, highmemBytes, warn } = this.#options;
    this.#ports.attach(ports);
    attachEcam(memory, this);
    const functions = this.#functions();
    this.#markMultiFunction(functions);
    this.#assignBars(functions, new BarAllocator({ ports, memory }, highmemBytes));
    const decoder = new BarDecoder({ ports, memory, warn });
    for (const [bdf, fn] of functions) {
      fn.connect(decoder);
      requirePlaced(bdf, fn, decoder);
    }
    this.#router.route(functions);
  }

  /** The interrupt pins in use and where they lead: `_PRT` and the MP table's interrupt entries. */
  get interruptRoutes(): readonly InterruptRoute[] {
    return this.#router.routes;
  }

  /** The windows of each bus that has devices: `_CRS`. */
  get busWindows(): readonly BusWindows[] {
    return this.#windows;
  }

  functionAt(bdf: Bdf): PciFunction | undefined {
    return this.#devices.get(keyOf(bdf))?.device.function;
  }

  readConfig(bdf: Bdf, offset: number, size: AccessSize): number {
    return this.functionAt(bdf)?.readConfig(offset, size) ?? allOnes(size);
  }

  writeConfig(bdf: Bdf, offset: number, size: AccessSize, value: number): void {
    this.functionAt(bdf)?.writeConfig(offset, size, value);
  }

  /** Every device, and the routing, as at power-on. After the interrupt controllers' own reset. */
  reset(): void {
    this.#ports.reset();
    for (const { device } of this.#devices.values()) device.reset();
    this.#router.pirq.reset();
  }

  /** Lets every device go of what it holds of the host. */
  close(): void {
    for (const { device } of this.#devices.values()) device.close?.();
  }

  #functions(): (readonly [Bdf, PciFunction])[] {
    return [...this.#devices.values()]
      .sort((a, b) => compareBdf(a.bdf, b.bdf))
      .map(({ bdf, device }) => [bdf, device.function] as const);
  }

  /** §6.2.1: a slot's functions say that they are several. */
  #markMultiFunction(functions: readonly (readonly [Bdf, PciFunction])[]): void {
    const slotOf = ({ bus, slot }: Bdf) => bus * 32 + slot;
    for (const [bdf, fn] of functions) {
      const count = functions.filter(([other]) => slotOf(other) === slotOf(bdf)).length;
      if (count > 1) fn.config.preset(PCIR_HDRTYPE, 1, PCIM_MFDEV);
    }
  }

  #assignBars(functions: readonly (readonly [Bdf, PciFunction])[], allocator: BarAllocator): void {
    const buses = new Set(functions.map(([{ bus }]) => bus));
    for (const bus of buses) {
      const bars = functions.filter(([bdf]) => bdf.bus === bus).flatMap(([, fn]) => fn.bars);
      this.#windows.push(allocator.assignBus(bus, bars));
    }
  }
}

function keyOf({ bus, slot, func }: Bdf): number {
  return (bus << 8) | (slot << 3) | func;
}

/** At the start a hidden window is the user's mistake, not the guest's. */
function requirePlaced(bdf: Bdf, fn: PciFunction, decoder: BarDecoder): void {
  for (const bar of fn.bars) {
    const blocker = decoder.blocker(bar);
    if (blocker === undefined) continue;
    throw new VmmError(
      "ERR_BUS_OVERLAP",
      `the ports of ${fn.name} at ${formatBdf(bdf)} are taken by ${blocker}`,
    );
  }
}
