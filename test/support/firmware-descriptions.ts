// SPDX-License-Identifier: BSD-2-Clause
// Machines for tests of the firmware tables, as the builder would describe them.
import type { FirmwareDescription } from "../../src/vmm/firmware/description.ts";

/** The bytes 0x00 to 0x0f. */
export const TEST_UUID = new Uint8Array(16).map((_, i) => i);

/** `bhyve -c 2 -A -s 0,hostbridge -s 2,virtio-blk -s 3,virtio-net -s 31,lpc -l com1 -l com2`. */
export function standardMachine(): FirmwareDescription {
  return {
    topology: { sockets: 1, cores: 2, threads: 1 },
    ioApicId: 0,
    hpetCapabilities: 0x80860701,
    uarts: [
      { unit: 1, port: 0x3f8, irq: 4 },
      { unit: 2, port: 0x2f8, irq: 3 },
    ],
    hasKeyboardController: true,
    pci: {
      ecamBase: 0xe0000000,
      lpc: { slot: 31, function: 0, linkIrqs: [5, 6, 7, 9, 10, 11, 14, 15] },
      buses: [
        {
          number: 0,
          io: { base: 0x2000, length: 0x80 },
          mem32: { base: 0xc0000000, length: 0x200000 },
          mem64: { base: 0x8_0000_0000, length: 0x2000_0000 },
          interrupts: [
            { slot: 2, pin: 1, ioApicPin: 16, link: 0 },
            { slot: 3, pin: 1, ioApicPin: 17, link: 1 },
          ],
        },
      ],
    },
    smbios: { uuid: TEST_UUID },
  };
}

/** `bhyve -A -I -s 0:0,virtio-blk -S 31,uart` of 2012: a UART at ISA addresses, and no LPC bridge. */
export function legacyUartMachine(): FirmwareDescription {
  const { lpc: _, ...pci } = standardMachine().pci;
  return {
    ...standardMachine(),
    topology: { sockets: 1, cores: 1, threads: 1 },
    uarts: [{ unit: 1, port: 0x3f8, irq: 4 }],
    hasKeyboardController: false,
    pci: {
      ...pci,
      buses: [
        {
          number: 0,
          io: { base: 0x2000, length: 0x60 },
          interrupts: [{ slot: 0, pin: 1, ioApicPin: 16, link: 0 }],
        },
      ],
    },
  };
}

/** Everything a description can say: four UARTs, a second root bus, a VM generation identifier. */
export function fullMachine(): FirmwareDescription {
  const standard = standardMachine();
  return {
    ...standard,
    topology: { sockets: 2, cores: 4, threads: 2 },
    uarts: [...standard.uarts, { unit: 3, port: 0x3e8, irq: 4 }, { unit: 4, port: 0x2e8, irq: 3 }],
    vmGenerationIdGpa: 0x1_fefff000,
    pci: {
      ...standard.pci,
      buses: [
        ...standard.pci.buses,
        {
          number: 0x1a,
          io: { base: 0x2080, length: 0x20 },
          mem32: { base: 0xc0200000, length: 0x100000 },
          interrupts: [{ slot: 31, pin: 4, ioApicPin: 18, link: 7 }],
        },
      ],
    },
  };
}
