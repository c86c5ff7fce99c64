// SPDX-License-Identifier: BSD-2-Clause
import type { IrqPin } from "../../../src/devices/irq.ts";

/** An interrupt line nobody is wired to: it remembers how high it is and how often it rose. */
export class RecordingPin implements IrqPin {
  /** Asserts not yet taken back. Never negative for a device that keeps its books. */
  level = 0;
  rises = 0;
  /** Set once the device took back more than it gave. */
  isUnbalanced = false;

  assert(): void {
    if (this.level++ === 0) this.rises++;
  }

  deassert(): void {
    if (--this.level < 0) this.isUnbalanced = true;
  }

  pulse(): void {
    this.assert();
    this.deassert();
  }

  /** How often it rose since the last call. */
  takeRises(): number {
    const rises = this.rises;
    this.rises = 0;
    return rises;
  }
}
