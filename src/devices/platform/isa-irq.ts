// SPDX-License-Identifier: BSD-2-Clause
// The sixteen ISA interrupt lines, each wired to the 8259 pair and to the I/O APIC. IRQ 0 is I/O APIC pin 2, because
// pin 0 is the pair's output; the MADT says so. bhyve: vm_isa_assert_irq and its callers.
import type { IrqPin } from "../irq.ts";

/** Where one line ends: the 8259 pair or the I/O APIC. */
export interface PinProvider {
  pin(index: number): IrqPin;
}

const IOAPIC_PIN_OF_IRQ0 = 2;

/** Builds the line of one ISA IRQ, 0 … 15 without the cascade's 2. */
export function isaIrq(irq: number, pic: PinProvider, ioApic: PinProvider): IrqPin {
  const first = pic.pin(irq);
  const second = ioApic.pin(irq === 0 ? IOAPIC_PIN_OF_IRQ0 : irq);
  return {
    assert() {
      first.assert();
      second.assert();
    },
    deassert() {
      first.deassert();
      second.deassert();
    },
    pulse() {
      first.pulse();
      second.pulse();
    },
  };
}
