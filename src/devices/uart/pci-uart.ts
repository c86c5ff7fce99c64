// SPDX-License-Identifier: BSD-2-Clause
// A 16550 on PCI: eight ports in BAR0 and a level-triggered interrupt, under the identity of a Siig
// CyberSerial card. bhyve: usr.sbin/bhyve/pci_uart.c.
//
// bhyve of 2012 could mount it "legacy" (`-S`): BAR0 preset to an ISA port and the interrupt line to that
// port's ISA interrupt, still level-triggered, so that a guest finds its console before PCI.
import type { CharBackend } from "../backend/char-backend.ts";
import { type PciDevice, PciFunction } from "../pci/function.ts";
import { LPC_UARTS, type LpcUartAddress } from "./lpc-uart.ts";
import { UART_REGISTERS, Uart16550, uartRegisters } from "./uart16550.ts";

const COM_VENDOR = 0x131f;
const COM_DEV = 0x2000;
const CLASS_SIMPLE_COMM = 0x070000;

/** Where the first and the second legacy UART go; there is no third. */
export const LEGACY_UARTS: readonly LpcUartAddress[] = [LPC_UARTS.com1, LPC_UARTS.com2];

export interface PciUartOptions {
  readonly host?: CharBackend | undefined;
  /** The ISA place of a legacy mounting. */
  readonly legacy?: LpcUartAddress | undefined;
}

export class PciUart implements PciDevice {
  readonly function: PciFunction;
  readonly uart: Uart16550;

  constructor({ host, legacy }: PciUartOptions) {
    this.uart = new Uart16550({ host, interrupt: (isPending) => this.#interrupt(isPending) });
    const bar = {
      index: 0,
      kind: "io",
      sizeBytes: UART_REGISTERS,
      handler: uartRegisters(this.uart),
    } as const;
    this.function = new PciFunction({
      name: "uart",
      vendorId: COM_VENDOR,
      deviceId: COM_DEV,
      classCode: CLASS_SIMPLE_COMM,
      bars: [legacy === undefined ? bar : { ...bar, fixedAddress: legacy.port }],
      intx: legacy === undefined ? true : { isaIrq: legacy.irq },
    });
  }

  reset(): void {
    this.function.reset();
    this.uart.reset();
  }

  #interrupt(isPending: boolean): void {
    if (isPending) this.function.intx?.assert();
    else this.function.intx?.deassert();
  }
}
