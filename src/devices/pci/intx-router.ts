// SPDX-License-Identifier: BSD-2-Clause
// From interrupt pins to interrupt controllers: which of INTA#–INTD# a function gets, and which pin of
// the I/O APIC and which PIRQ link that pin of its slot is wired to. bhyve: usr.sbin/bhyve/pci_emul.c
// (pci_lintr_request, pci_lintr_route), ioapic.c.
import type { IrqPin } from "../irq.ts";
import type { Bdf } from "./address.ts";
import type { PciFunction } from "./function.ts";
import { PirqRouter } from "./pirq.ts";

const PINS_A_SLOT = 4;
const FIRST_IOAPIC_PIN = 16;
const IOAPIC_PINS = 16;

/** Where the interrupt controllers' inputs are. Each call may give a fresh object for the same input. */
export interface PciInterruptWiring {
  /** An input of the I/O APIC. */
  readonly ioapicPin: (pin: number) => IrqPin;
  /** An input of the 8259 pair alone. */
  readonly picPin: (irq: number) => IrqPin;
  /** An ISA interrupt: the inputs of that number of both controllers. */
  readonly isaPin: (irq: number) => IrqPin;
  /** Sets the bit of an 8259 input in the ELCR. */
  readonly setLevelTriggered: (irq: number) => void;
}

/** One row of `_PRT`, one interrupt entry of the MP table. */
export interface InterruptRoute {
  readonly bus: number;
  readonly slot: number;
  /** 0–3 for INTA#–INTD#. */
  readonly pin: number;
  readonly ioapicPin: number;
  /** 0–7 for LNKA–LNKH. */
  readonly pirqLink: number;
}

export class IntxRouter {
  readonly pirq: PirqRouter;
  readonly #wiring: PciInterruptWiring;
  readonly #hasBootRom: boolean;
  readonly #routes: InterruptRoute[] = [];
  /** Functions on each pin, by bus, slot and pin. */
  readonly #users = new Map<string, number>();

  constructor(wiring: PciInterruptWiring, hasBootRom: boolean) {
    this.#wiring = wiring;
    this.#hasBootRom = hasBootRom;
    this.pirq = new PirqRouter({ ...wiring, hasBootRom });
  }

  /** All pins in use, by bus, slot and pin. */
  get routes(): readonly InterruptRoute[] {
    return [...this.#routes].sort((a, b) => a.bus - b.bus || a.slot - b.slot || a.pin - b.pin);
  }

  /** Wires every function that has a pin. The order decides who gets which: by address, as bhyve. */
  route(functions: readonly (readonly [Bdf, PciFunction])[]): void {
    // Every function has its pin before the first pin is routed: a slot's pins are shared evenly.
    const pins = functions.map(([bdf, { intx, isaIrq }]) =>
      intx === undefined || isaIrq !== undefined ? -1 : this.#choosePin(bdf),
    );
    for (const [i, [bdf, fn]] of functions.entries()) {
      if (fn.isaIrq !== undefined) fn.intx?.connect(this.#wiring.isaPin(fn.isaIrq));
      if (pins[i]! >= 0) this.#wire(fn, this.#routeOf(bdf, pins[i]!));
    }
  }

  /** The slot's pin with the fewest functions, A first. */
  #choosePin({ bus, slot }: Bdf): number {
    const keys = Array.from({ length: PINS_A_SLOT }, (_, pin) => `${bus}:${slot}:${pin}`);
    const users = keys.map((key) => this.#users.get(key) ?? 0);
    const pin = users.indexOf(Math.min(...users));
    this.#users.set(keys[pin]!, users[pin]! + 1);
    return pin;
  }

  #routeOf({ bus, slot }: Bdf, pin: number): InterruptRoute {
    const known = this.#routes.find((r) => r.bus === bus && r.slot === slot && r.pin === pin);
    if (known !== undefined) return known;
    const order = this.#hasBootRom ? (4 + slot + pin + 1) % 8 : this.#routes.length % IOAPIC_PINS;
    const ioapicPin = FIRST_IOAPIC_PIN + order;
    const route = { bus, slot, pin, ioapicPin, pirqLink: this.pirq.allocate(slot, pin + 1) };
    this.#routes.push(route);
    return route;
  }

  #wire(fn: PciFunction, { pin, ioapicPin, pirqLink }: InterruptRoute): void {
    fn.setInterrupt(pin + 1, this.pirq.read(pirqLink));
    const ioapic = this.#wiring.ioapicPin(ioapicPin);
    const { pirq } = this;
    fn.intx?.connect({
      assert() {
        ioapic.assert();
        pirq.assert(pirqLink);
      },
      deassert() {
        ioapic.deassert();
        pirq.deassert(pirqLink);
      },
      pulse() {
        this.assert();
        this.deassert();
      },
    });
  }
}
