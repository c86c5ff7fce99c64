// SPDX-License-Identifier: BSD-2-Clause
// The test device that kvm-unit-tests drives a machine with. bhyve: usr.sbin/bhyve/pctestdev.c.
//
//   0xE0/4      ports   a register to be written and read at any width
//   0xF4/4      ports   writing ends the machine, with exit status value × 2 + 1
//   0x2000/32   ports   a byte each: sets an interrupt line, ISA below 16, I/O APIC from there on
//   0xFF000000  64 KiB of memory-mapped storage
import { type Bus, type BusHandler, loadBytes, storeBytes } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import type { LpcDevice } from "../pci/lpc-bridge.ts";

const IOPORT_BASE = 0xe0;
const DEBUGEXIT_BASE = 0xf4;
const IRQ_BASE = 0x2000;
const IOMEM_BASE = 0xff00_0000;
const IOMEM_BYTES = 0x1_0000;
const ISA_IRQS = 16;
const IOAPIC_PINS = 32;

export interface PcTestdevOptions {
  readonly ports: Bus;
  readonly memory: Bus;
  readonly isaPin: (irq: number) => IrqPin;
  readonly ioapicPin: (pin: number) => IrqPin;
  /** Ends the machine with that exit status, 0–255. */
  readonly exit: (status: number) => void;
}

export class PcTestdev implements LpcDevice {
  readonly #register = new Uint8Array(4);
  readonly #storage = new Uint8Array(IOMEM_BYTES);
  readonly #pins: readonly IrqPin[];
  readonly #isAsserted = new Array<boolean>(IOAPIC_PINS).fill(false);

  /** Throws ERR_BUS_OVERLAP if any of the addresses is taken. */
  constructor({ ports, memory, isaPin, ioapicPin, exit }: PcTestdevOptions) {
    this.#pins = Array.from({ length: IOAPIC_PINS }, (_, pin) =>
      pin < ISA_IRQS ? isaPin(pin) : ioapicPin(pin),
    );
    ports.attach(IOPORT_BASE, 4, "pc-testdev-ioport", storageHandler(this.#register));
    memory.attach(IOMEM_BASE, IOMEM_BYTES, "pc-testdev-iomem", storageHandler(this.#storage));
    ports.attach(DEBUGEXIT_BASE, 4, "isa-debug-exit", {
      read: () => 0,
      write: (_offset, _size, value) => exit(((value << 1) | 1) & 0xff),
    });
    ports.attach(IRQ_BASE, IOAPIC_PINS, "pc-testdev-irq-line", {
      read: () => 0,
      write: (offset, size, value) => {
        if (size === 1) this.#setLine(offset, value !== 0);
      },
    });
  }

  reset(): void {
    this.#register.fill(0);
    this.#storage.fill(0);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.#setLine(pin, false);
  }

  #setLine(pin: number, isAsserted: boolean): void {
    if (this.#isAsserted[pin] === isAsserted) return;
    this.#isAsserted[pin] = isAsserted;
    if (isAsserted) this.#pins[pin]!.assert();
    else this.#pins[pin]!.deassert();
  }
}

/** Plain bytes, at any width. */
function storageHandler(bytes: Uint8Array): BusHandler {
  return {
    read: (offset, size) => loadBytes(bytes, offset, size),
    write: (offset, size, value) => storeBytes(bytes, offset, size, value),
  };
}
