// SPDX-License-Identifier: BSD-2-Clause
// The PIRQ router: eight links A–H, each a register that says which input of the 8259 pair it drives.
// Intel ICH10 data sheet §13.1.9 (PIRQx_ROUT); bhyve: usr.sbin/bhyve/pci_irq.c for who gets which IRQ.
// A guest on the I/O APIC never notices it.
import type { IrqPin } from "../irq.ts";

export const PIRQ_DIS = 0x80;
export const PIRQ_IRQ = 0x0f;
export const PIRQ_LINKS = 8;

/** The interrupts that a link may be routed to, as a mask: 3–7, 9–12, 14 and 15. */
export const PIRQ_PERMITTED_IRQS = 0xdef8;

const ISA_IRQS = 16;

export interface PirqOptions {
  /** An input of the 8259 pair, and of it alone: the I/O APIC hears of INTx# on pins of its own. */
  readonly picPin: (irq: number) => IrqPin;
  /** Sets an input's bit in the ELCR. */
  readonly setLevelTriggered: (irq: number) => void;
  /** The links' fixed place that boot ROMs expect, instead of the least-used one. */
  readonly hasBootRom: boolean;
}

interface Link {
  register: number;
  /** What the register holds at reset. */
  initial: number;
  /** Interrupt pins that share it. */
  users: number;
  /** How many of them are asserted now. */
  asserted: number;
}

export class PirqRouter {
  readonly #options: PirqOptions;
  readonly #links: Link[] = Array.from({ length: PIRQ_LINKS }, () => ({
    register: PIRQ_DIS,
    initial: PIRQ_DIS,
    users: 0,
    asserted: 0,
  }));
  /** How many links use each ISA interrupt; Infinity for one that none may use. */
  readonly #irqUsers = Array.from({ length: ISA_IRQS }, (_, irq) =>
    isPermitted(irq) ? 0 : Number.POSITIVE_INFINITY,
  );

  constructor(options: PirqOptions) {
    this.#options = options;
  }

  /** Keeps links off an ISA interrupt: an edge-triggered device has it. */
  reserveIrq(irq: number): void {
    this.#irqUsers[irq] = Number.POSITIVE_INFINITY;
  }

  /** Counts a level-triggered user of an ISA interrupt, such as the SCI: links prefer others. */
  useIrq(irq: number): void {
    this.#irqUsers[irq]!++;
  }

  /** The link, 0–7, for one more interrupt pin: `pin` is 1–4. Routes the link if it is not yet. */
  allocate(slot: number, pin: number): number {
    const users = this.#links.map((link) => link.users);
    const index = this.#options.hasBootRom ? (4 + slot + pin) % PIRQ_LINKS : indexOfLeast(users);
    const link = this.#links[index]!;
    link.users++;
    if (link.register === PIRQ_DIS) {
      const irq = indexOfLeast(this.#irqUsers);
      this.#irqUsers[irq]!++;
      link.initial = link.register = irq;
      this.#options.setLevelTriggered(irq);
    }
    return index;
  }

  /** The link's register. */
  read(index: number): number {
    return this.#links[index]!.register;
  }

  /** Routes a link anew; what it asserts moves along. Reserved bits are dropped. */
  write(index: number, value: number): void {
    const link = this.#links[index]!;
    const register = value & (PIRQ_DIS | PIRQ_IRQ);
    if (register === link.register) return;
    if (link.asserted > 0) this.#picPin(link)?.deassert();
    link.register = register;
    if (link.asserted > 0) this.#picPin(link)?.assert();
  }

  /** One more, or one fewer, of the link's users asserts it: the 8259 sees their disjunction. */
  assert(index: number): void {
    const link = this.#links[index]!;
    if (link.asserted++ === 0) this.#picPin(link)?.assert();
  }

  deassert(index: number): void {
    const link = this.#links[index]!;
    if (--link.asserted === 0) this.#picPin(link)?.deassert();
  }

  /** Back to the routing that was made for the guest before it started; call it after the 8259 pair's reset. */
  reset(): void {
    for (const [index, { initial }] of this.#links.entries()) {
      this.write(index, initial);
      if (initial !== PIRQ_DIS) this.#options.setLevelTriggered(initial);
    }
  }

  #picPin(link: Link): IrqPin | undefined {
    const isRouted = (link.register & PIRQ_DIS) === 0 && isPermitted(link.register & PIRQ_IRQ);
    return isRouted ? this.#options.picPin(link.register & PIRQ_IRQ) : undefined;
  }
}

function isPermitted(irq: number): boolean {
  return ((PIRQ_PERMITTED_IRQS >> irq) & 1) !== 0;
}

/** The first of the smallest. */
function indexOfLeast(counts: readonly number[]): number {
  return counts.indexOf(Math.min(...counts));
}
