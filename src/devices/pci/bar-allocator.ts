// SPDX-License-Identifier: BSD-2-Clause
// Gives BARs their addresses before the guest starts, from the windows that bhyve uses: ports from
// 0x2000, memory from 3 GiB, and large 64-bit BARs above the RAM. bhyve: usr.sbin/bhyve/pci_emul.c
// (init_pci, pci_emul_assign_bar). A bus's BARs are handed out by size, largest first.
import { alignUp, hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { GIB, HIGHMEM_BASE, KIB, LOWMEM_LIMIT, MIB } from "../../mmu/guest-memory.ts";
import type { Bus } from "../bus.ts";
import { type Bar, SMALL_MEM64 } from "./bar.ts";

/** Half-open. */
export interface Window {
  readonly base: number;
  readonly limit: number;
}

/** What a bus's devices occupy, rounded up: what its host bridge's `_CRS` has to say. */
export interface BusWindows {
  readonly bus: number;
  readonly io: Window;
  readonly mem32: Window;
  readonly mem64: Window;
}

const PCI_EMUL_IOBASE = 0x2000;
const PCI_EMUL_IOLIMIT = 64 * KIB;
const PCI_EMUL_MEMBASE32 = LOWMEM_LIMIT;
const PCI_EMUL_MEMLIMIT32 = 3.5 * GIB;
const PCI_EMUL_MEMSIZE64 = 32 * GIB;

const BUSIO_ROUNDUP = 32;
const BUSMEM32_ROUNDUP = MIB;
const BUSMEM64_ROUNDUP = 512 * MIB;

type WindowKind = "io" | "mem32" | "mem64";

export class BarAllocator {
  readonly #ports: Bus;
  readonly #memory: Bus;
  readonly #next: Record<WindowKind, number>;
  readonly #limit: Record<WindowKind, number>;

  /** `highmemBytes` is the RAM above 4 GiB. The buses tell which addresses are taken already. */
  constructor(buses: { ports: Bus; memory: Bus }, highmemBytes: number) {
    this.#ports = buses.ports;
    this.#memory = buses.memory;
    const mem64 = alignUp(HIGHMEM_BASE + highmemBytes, PCI_EMUL_MEMSIZE64);
    this.#next = { io: PCI_EMUL_IOBASE, mem32: PCI_EMUL_MEMBASE32, mem64 };
    this.#limit = {
      io: PCI_EMUL_IOLIMIT,
      mem32: PCI_EMUL_MEMLIMIT32,
      mem64: mem64 + PCI_EMUL_MEMSIZE64,
    };
  }

  /** Places one bus's BARs, given in the order of their functions. Throws ERR_NO_SPACE. */
  assignBus(bus: number, bars: readonly Bar[]): BusWindows {
    const base = { ...this.#next };
    const free = bars.filter((bar) => bar.fixedAddress === undefined);
    for (const bar of free.sort((a, b) => b.sizeBytes - a.sizeBytes)) bar.preset(this.#take(bar));
    // Some slack, so that a guest can move a BAR inside its bus's windows.
    this.#next.io = alignUp(this.#next.io + BUSIO_ROUNDUP, BUSIO_ROUNDUP);
    this.#next.mem32 = alignUp(this.#next.mem32 + BUSMEM32_ROUNDUP, BUSMEM32_ROUNDUP);
    this.#next.mem64 = alignUp(this.#next.mem64 + BUSMEM64_ROUNDUP, BUSMEM64_ROUNDUP);
    const window = (kind: WindowKind) => ({ base: base[kind], limit: this.#next[kind] });
    return { bus, io: window("io"), mem32: window("mem32"), mem64: window("mem64") };
  }

  #take(bar: Bar): number {
    const kind = windowKind(bar);
    const space = kind === "io" ? this.#ports : this.#memory;
    let address = alignUp(this.#next[kind], bar.sizeBytes);
    while (space.occupant(address, bar.sizeBytes) !== undefined) address += bar.sizeBytes;
    if (address + bar.sizeBytes > this.#limit[kind]) {
      throw new VmmError(
        "ERR_NO_SPACE",
        `no room for the ${hex(bar.sizeBytes)} bytes of ${bar.name} below ${hex(this.#limit[kind])}`,
      );
    }
    this.#next[kind] = address + bar.sizeBytes;
    return address;
  }
}

function windowKind(bar: Bar): WindowKind {
  return bar.kind === "mem64" && bar.sizeBytes <= SMALL_MEM64 ? "mem32" : bar.kind;
}
