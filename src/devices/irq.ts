// SPDX-License-Identifier: BSD-2-Clause
// How a device asks for attention, without knowing which controller it is wired to.

/** A line into an interrupt controller. Several devices may share one: the controller counts asserts. */
export interface IrqPin {
  assert(): void;
  deassert(): void;
  /** An edge: assert, then deassert. */
  pulse(): void;
}

/** Where message-signalled interrupts go: a 32-bit write to the local APICs' address range. */
export interface MsiSink {
  /** `address` is 0xFEExxxxx (below 2^53), `data` the 32-bit message. PCI 3.0 §6.8, SDM 3A 11.11. */
  send(address: number, data: number): void;
}
