// SPDX-License-Identifier: BSD-2-Clause
// A function's INTx# line: level, wired to an input of the interrupt controllers by the root.
// PCI 3.0 §2.2.6, §6.2.2 (Interrupt Disable), §6.2.3 (Interrupt Status), §6.8.1.3 (off while MSI is on).
import type { IrqPin } from "../irq.ts";

export class IntxLine {
  /** The device wants service, whether or not it may say so. */
  isAsserted = false;
  #isPermitted = true;
  #pin: IrqPin | undefined;
  #isDriven = false;

  /** Wires the line. Only once, before the guest runs. */
  connect(pin: IrqPin): void {
    this.#pin = pin;
    this.#update();
  }

  assert(): void {
    this.isAsserted = true;
    this.#update();
  }

  deassert(): void {
    this.isAsserted = false;
    this.#update();
  }

  /** Whether the function may drive the line now: an assertion waits while it may not. */
  permit(isPermitted: boolean): void {
    this.#isPermitted = isPermitted;
    this.#update();
  }

  #update(): void {
    const isDriven = this.isAsserted && this.#isPermitted && this.#pin !== undefined;
    if (isDriven === this.#isDriven) return;
    this.#isDriven = isDriven;
    if (isDriven) this.#pin?.assert();
    else this.#pin?.deassert();
  }
}
