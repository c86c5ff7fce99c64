// SPDX-License-Identifier: BSD-2-Clause
import type { IrqPin } from "../../irq.ts";

/** LINT0 or LINT1: counts asserts and tells of the first and of the last. */
export class LocalInterruptPin implements IrqPin {
  asserts = 0;
  private readonly onChange: (isHigh: boolean) => void;

  constructor(onChange: (isHigh: boolean) => void) {
    this.onChange = onChange;
  }

  get isHigh(): boolean {
    return this.asserts > 0;
  }

  assert(): void {
    if (this.asserts++ === 0) this.onChange(true);
  }

  /** One too many changes nothing. */
  deassert(): void {
    if (this.asserts > 0 && --this.asserts === 0) this.onChange(false);
  }

  pulse(): void {
    this.assert();
    this.deassert();
  }
}
