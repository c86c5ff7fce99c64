// SPDX-License-Identifier: BSD-2-Clause
// One 8259A interrupt controller (Intel 8259A data sheet, 231468). Every command works: bhyve fails the VM for
// single mode and for a missing ICW4, here they mean what the data sheet says, except that an
// acknowledge always gives an 8086 vector, as no x86 understands the MCS-80 one.
//
// The trigger mode comes from the ELCR bits of the chipset instead of LTIM. An edge stays latched when its input falls
// again before the acknowledge, as in bhyve: sources here pulse their lines. ICW3 has no effect,
// because the cascade is wired.

const ICW1 = 0x10;
const ICW1_NEEDS_ICW4 = 0x01;
const ICW1_SINGLE = 0x02;
const ICW4_AUTO_EOI = 0x02;
const ICW4_SPECIAL_FULLY_NESTED = 0x10;
const OCW2_ROTATE = 0x80;
const OCW2_SPECIFIC = 0x40;
const OCW2_EOI = 0x20;
const OCW3 = 0x08;
const OCW3_ENABLE_SPECIAL_MASK = 0x40;
const OCW3_SPECIAL_MASK = 0x20;
const OCW3_POLL = 0x04;
const OCW3_READ_REGISTER = 0x02;
const OCW3_READ_ISR = 0x01;

/** Where the initialisation sequence stands; the steps are the numbers of the words. */
const NEVER_INITIALISED = 0;
const READY = 5;

/** Input of the master that the slave's output drives. */
export const CASCADE_INPUT = 2;

export class Pic8259Chip {
  /** Inputs that are high now, edges that were latched, inputs that are level-triggered. */
  lines = 0;
  edges = 0;
  levelTriggered = 0;
  isr = 0;
  imr = 0;
  vectorBase = 0;
  isSingle = false;
  private step = NEVER_INITIALISED;
  private needsIcw4 = false;
  private isAutoEoi = false;
  private rotatesOnAutoEoi = false;
  private isSpecialFullyNested = false;
  private isSpecialMask = false;
  private isPolled = false;
  private readsIsr = false;
  /** The input with the lowest priority; the next one up has the highest. */
  private lowest = 7;

  /** Power-on state. The inputs are their drivers'. */
  reset(): void {
    this.initialise(0);
    this.levelTriggered = 0;
    this.vectorBase = 0;
    this.step = NEVER_INITIALISED;
  }

  /** The interrupt request register. */
  get irr(): number {
    return (this.edges & ~this.levelTriggered) | (this.lines & this.levelTriggered);
  }

  /** Input 0 … 7 rose or fell. */
  setLine(input: number, isHigh: boolean): void {
    const bit = 1 << input;
    if (isHigh && (this.lines & bit) === 0) this.edges |= bit;
    this.lines = isHigh ? this.lines | bit : this.lines & ~bit;
  }

  /** The cascade follows the slave's output without a latch. */
  setCascade(isHigh: boolean): void {
    const bit = 1 << CASCADE_INPUT;
    this.lines = isHigh ? this.lines | bit : this.lines & ~bit;
    this.edges = isHigh ? this.edges | bit : this.edges & ~bit;
  }

  /** The INT output. */
  get output(): boolean {
    return this.step === READY && this.pending() >= 0;
  }

  /** The input that an acknowledge would take, -1 if there is none. */
  pending(): number {
    const requests = this.irr & ~this.imr;
    if (requests === 0) return -1;
    let blocking = this.unmaskedInService();
    if (this.isSpecialFullyNested) blocking &= ~(1 << CASCADE_INPUT);
    for (let i = 1; i <= 8; i++) {
      const input = (this.lowest + i) & 7;
      const bit = 1 << input;
      if ((blocking & bit) !== 0) return -1;
      if ((requests & bit) !== 0) return input;
    }
    return -1;
  }

  /** The interrupt acknowledge cycle: takes the pending input into service; -1, a spurious IRQ 7, if there is none. */
  acknowledge(): number {
    const input = this.pending();
    if (input < 0) return -1;
    this.edges &= ~(1 << input);
    if (!this.isAutoEoi) this.isr |= 1 << input;
    else if (this.rotatesOnAutoEoi) this.lowest = input;
    return input;
  }

  /** Offset 0 is the command port, 1 the data port. A poll command makes the next read of either an acknowledge. */
  readByte(offset: number): number {
    if (this.isPolled) {
      this.isPolled = false;
      const input = this.acknowledge();
      return input < 0 ? 0 : 0x80 | input;
    }
    if (offset === 1) return this.imr;
    return this.readsIsr ? this.isr : this.irr;
  }

  writeByte(offset: number, value: number): void {
    if (offset === 1) this.writeData(value);
    else if ((value & ICW1) !== 0) this.initialise(value);
    else if ((value & OCW3) !== 0) this.writeOcw3(value);
    else this.writeOcw2(value);
  }

  /** ICW1: besides starting the sequence it forgets latched edges, masks and modes. */
  private initialise(icw1: number): void {
    this.edges = 0;
    this.isr = 0;
    this.imr = 0;
    this.lowest = 7;
    this.isSpecialMask = false;
    this.readsIsr = false;
    this.isPolled = false;
    this.isAutoEoi = false;
    this.rotatesOnAutoEoi = false;
    this.isSpecialFullyNested = false;
    this.isSingle = (icw1 & ICW1_SINGLE) !== 0;
    this.needsIcw4 = (icw1 & ICW1_NEEDS_ICW4) !== 0;
    this.step = 2;
  }

  private writeData(value: number): void {
    switch (this.step) {
      case 2:
        this.vectorBase = value & 0xf8;
        if (!this.isSingle) this.step = 3;
        else this.step = this.needsIcw4 ? 4 : READY;
        break;
      case 3:
        this.step = this.needsIcw4 ? 4 : READY;
        break;
      case 4:
        this.isAutoEoi = (value & ICW4_AUTO_EOI) !== 0;
        this.isSpecialFullyNested = (value & ICW4_SPECIAL_FULLY_NESTED) !== 0;
        this.step = READY;
        break;
      default:
        this.imr = value;
    }
  }

  private writeOcw2(value: number): void {
    const rotates = (value & OCW2_ROTATE) !== 0;
    const isSpecific = (value & OCW2_SPECIFIC) !== 0;
    if ((value & OCW2_EOI) !== 0) {
      const input = isSpecific ? value & 7 : this.highestInService();
      if (input < 0) return;
      this.isr &= ~(1 << input);
      if (rotates) this.lowest = input;
    } else if (!isSpecific) {
      this.rotatesOnAutoEoi = rotates;
    } else if (rotates) {
      this.lowest = value & 7;
    }
  }

  private writeOcw3(value: number): void {
    if ((value & OCW3_ENABLE_SPECIAL_MASK) !== 0) {
      this.isSpecialMask = (value & OCW3_SPECIAL_MASK) !== 0;
    }
    if ((value & OCW3_READ_REGISTER) !== 0) this.readsIsr = (value & OCW3_READ_ISR) !== 0;
    this.isPolled = (value & OCW3_POLL) !== 0;
  }

  /** The inputs whose service holds others back: in special mask mode, masked ones do not. */
  private unmaskedInService(): number {
    return this.isSpecialMask ? this.isr & ~this.imr : this.isr;
  }

  /** What a non-specific EOI ends. */
  private highestInService(): number {
    const candidates = this.unmaskedInService();
    for (let i = 1; i <= 8; i++) {
      const input = (this.lowest + i) & 7;
      if ((candidates & (1 << input)) !== 0) return input;
    }
    return -1;
  }
}
