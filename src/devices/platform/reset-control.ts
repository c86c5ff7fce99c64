// SPDX-License-Identifier: BSD-2-Clause
// The reset control register, port 0xCF9 (Intel PIIX and ICH data sheets, RST_CNT); the FADT names it. bhyve: bhyve/pm.c.
// Soft and hard reset are the same reset. It reads back what was written. The port lies within PCI's configuration
// address register, whose handler passes single-byte accesses on to this one.
//
// The other ways to reset: the keyboard controller (keyboard-controller.ts) and a triple fault. Port 0x92 does not exist.
import type { BusHandler } from "../bus.ts";

const RESET_CPU = 0x04;

export interface ResetControlOptions {
  /** The guest asked for a reset of the machine. */
  readonly onReset: () => void;
}

export class ResetControl implements BusHandler {
  control = 0;
  private readonly onReset: () => void;

  constructor(options: ResetControlOptions) {
    this.onReset = options.onReset;
  }

  reset(): void {
    this.control = 0;
  }

  read(): number {
    return this.control;
  }

  write(_offset: number, _size: number, value: number): void {
    this.control = value;
    if ((value & RESET_CPU) !== 0) this.onReset();
  }
}
