// SPDX-License-Identifier: BSD-2-Clause
// The I/O APIC: 82093AA with bhyve's 32 pins and version 0x001F0011 (vmm/io/vioapic.c).
//
// A pin counts its asserts, so that devices can share it. An edge on a masked pin is lost; a level is tried again at
// every write to its entry and at its EOI. Leaving an entry edge-triggered clears its remote IRR, which
// FreeBSD uses as an EOI. As 82093AA 3.2.4 has it, remote IRR is set when a local APIC accepts the message:
// bhyve sets it also when nobody did, and then the pin is dead until the guest plays that trick.
// Left out: polarity (pins are asserted or not, whatever the voltage) and the EOI register of version 0x20.
import type { AccessSize, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import {
  DELIVERY_LOWEST_PRIORITY,
  DELIVERY_MODE_MASK,
  DESTINATION_LOGICAL,
  LEVEL_ASSERT,
  TRIGGER_LEVEL,
  VECTOR_MASK,
} from "./apic/interrupt-command.ts";
import type { ApicBus } from "./apic-bus.ts";

export const IOAPIC_PINS = 32;
export const IOAPIC_WINDOW_BYTES = 0x1000;

const IOREGSEL = 0x00;
const IOWIN = 0x10;
const REGISTER_ID = 0x00;
const REGISTER_VERSION = 0x01;
const REGISTER_ARBITRATION = 0x02;
const REGISTER_REDIRECTION = 0x10;
const VERSION = 0x001f0011;
const ID_MASK = 0x0f000000;

const ENTRY_DELIVERY_STATUS = 0x1000;
const ENTRY_REMOTE_IRR = 0x4000;
const ENTRY_MASKED = 0x10000;
const ENTRY_READ_ONLY = ENTRY_DELIVERY_STATUS | ENTRY_REMOTE_IRR;
const ENTRY_COMMAND = VECTOR_MASK | DELIVERY_MODE_MASK | DESTINATION_LOGICAL | TRIGGER_LEVEL;

export class IoApic implements BusHandler {
  /** IOREGSEL; its low eight bits select. */
  select = 0;
  id = 0;
  /** The redirection table's halves, int32. */
  readonly entryLow = new Int32Array(IOAPIC_PINS);
  readonly entryHigh = new Int32Array(IOAPIC_PINS);
  /** Asserts not taken back, by pin. */
  readonly asserts = new Int32Array(IOAPIC_PINS);
  private readonly pins: readonly IrqPin[];
  private readonly bus: ApicBus;

  constructor(options: { readonly bus: ApicBus }) {
    this.bus = options.bus;
    this.bus.onEoi((vector) => this.endOfInterrupt(vector));
    this.pins = Array.from({ length: IOAPIC_PINS }, (_, index) => this.makePin(index));
    this.reset();
  }

  /** All entries masked. What the devices assert stays asserted. */
  reset(): void {
    this.select = 0;
    this.id = 0;
    this.entryLow.fill(ENTRY_MASKED);
    this.entryHigh.fill(0);
  }

  /** Input `index`, 0 … 31. */
  pin(index: number): IrqPin {
    return this.pins[index]!;
  }

  /** Only whole 32-bit accesses of IOREGSEL and IOWIN mean anything; other reads give 0. */
  read(offset: number, size: AccessSize): number {
    if (size !== 4) return 0;
    if (offset === IOREGSEL) return this.select;
    return offset === IOWIN ? this.readRegister(this.select & 0xff) : 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4) return;
    if (offset === IOREGSEL) this.select = value;
    else if (offset === IOWIN) this.writeRegister(this.select & 0xff, value);
  }

  private readRegister(register: number): number {
    if (register === REGISTER_ID || register === REGISTER_ARBITRATION) return this.id;
    if (register === REGISTER_VERSION) return VERSION;
    const pin = pinOf(register);
    if (pin < 0) return 0;
    return ((register & 1) === 0 ? this.entryLow[pin] : this.entryHigh[pin]) >>> 0;
  }

  private writeRegister(register: number, value: number): void {
    if (register === REGISTER_ID) {
      this.id = value & ID_MASK;
      return;
    }
    const pin = pinOf(register);
    if (pin < 0) return;
    if ((register & 1) === 0) {
      const kept = this.entryLow[pin] & ENTRY_READ_ONLY;
      this.entryLow[pin] = (value & ~ENTRY_READ_ONLY) | kept;
    } else {
      this.entryHigh[pin] = value;
    }
    if ((this.entryLow[pin] & TRIGGER_LEVEL) === 0) this.entryLow[pin] &= ~ENTRY_REMOTE_IRR;
    else if (this.asserts[pin] > 0) this.sendFrom(pin);
  }

  private makePin(index: number): IrqPin {
    const pin: IrqPin = {
      assert: () => {
        if (this.asserts[index]++ === 0) this.sendFrom(index);
      },
      deassert: () => {
        if (this.asserts[index] > 0) this.asserts[index]--;
      },
      pulse: () => {
        pin.assert();
        pin.deassert();
      },
    };
    return pin;
  }

  private sendFrom(pin: number): void {
    const low = this.entryLow[pin];
    if ((low & ENTRY_MASKED) !== 0) return;
    // The other modes are edges whatever the entry says (82093AA 3.2.4), and no EOI would follow.
    const isLevel =
      (low & TRIGGER_LEVEL) !== 0 && (low & DELIVERY_MODE_MASK) <= DELIVERY_LOWEST_PRIORITY;
    if (isLevel && (low & ENTRY_REMOTE_IRR) !== 0) return;
    const command = (low & ENTRY_COMMAND) | LEVEL_ASSERT;
    // Set first: the EOI may come before deliver() returns.
    if (isLevel) this.entryLow[pin] |= ENTRY_REMOTE_IRR;
    const isAccepted = this.bus.deliver(command, this.entryHigh[pin] >>> 24);
    if (isLevel && !isAccepted) this.entryLow[pin] &= ~ENTRY_REMOTE_IRR;
  }

  private endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.entryLow[pin];
      if ((low & ENTRY_REMOTE_IRR) === 0 || (low & VECTOR_MASK) !== vector) continue;
      this.entryLow[pin] = low & ~ENTRY_REMOTE_IRR;
      if (this.asserts[pin] > 0) this.sendFrom(pin);
    }
  }
}

/** The pin behind a redirection register, -1 for any other. */
function pinOf(register: number): number {
  const pin = (register - REGISTER_REDIRECTION) >> 1;
  return pin >= 0 && pin < IOAPIC_PINS ? pin : -1;
}
