// SPDX-License-Identifier: BSD-2-Clause
// COM1 to COM4: a 16550 at fixed ports behind the LPC bridge. bhyve: usr.sbin/bhyve/pci_lpc.c.
// The interrupt is an ISA one, edge-triggered: a pulse after every access and event that leaves one
// pending. An edge that is lost while the controller masks it thus comes again with the next access.
import type { CharBackend } from "../backend/char-backend.ts";
import type { Bus } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import type { LpcDevice } from "../pci/lpc-bridge.ts";
import { UART_REGISTERS, Uart16550, uartRegisters } from "./uart16550.ts";

export type LpcUartName = "com1" | "com2" | "com3" | "com4";

export interface LpcUartAddress {
  readonly port: number;
  readonly irq: number;
}

/** Where PCs have them. */
export const LPC_UARTS: Readonly<Record<LpcUartName, LpcUartAddress>> = {
  com1: { port: 0x3f8, irq: 4 },
  com2: { port: 0x2f8, irq: 3 },
  com3: { port: 0x3e8, irq: 4 },
  com4: { port: 0x2e8, irq: 3 },
};

export interface LpcUartOptions {
  readonly name: LpcUartName;
  readonly ports: Bus;
  /** The ISA interrupt of that number: 8259 and I/O APIC inputs both. */
  readonly irq: IrqPin;
  readonly host?: CharBackend | undefined;
}

export class LpcUart implements LpcDevice {
  readonly uart: Uart16550;

  /** Throws ERR_BUS_OVERLAP if the ports are taken. */
  constructor({ name, ports, irq, host }: LpcUartOptions) {
    const interrupt = (isPending: boolean) => {
      if (isPending) irq.pulse();
    };
    this.uart = new Uart16550({ host, interrupt });
    ports.attach(LPC_UARTS[name].port, UART_REGISTERS, name, uartRegisters(this.uart));
  }

  reset(): void {
    this.uart.reset();
  }
}
