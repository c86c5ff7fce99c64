// SPDX-License-Identifier: BSD-2-Clause
// One timer of the HPET: its registers, and the count of the main counter at which it matches next. IA-PC HPET 1.0a,
// 2.3.8 to 2.3.9.2. Counts are those of a main counter that never wraps; the guest sees their low 32 bits.
//
// A periodic comparator that is behind when the timer starts is moved ahead by whole periods, as in bhyve, where
// the real chip would wait for the counter to come round.

const TWO_32 = 0x1_0000_0000;

const CONFIG_LEVEL = 0x0002;
const CONFIG_INTERRUPT_ENABLE = 0x0004;
const CONFIG_PERIODIC = 0x0008;
const CONFIG_VALUE_SET = 0x0040;
const CONFIG_ROUTE = 0x3e00;
const CONFIG_FSB_ENABLE = 0x4000;
const CONFIG_WRITABLE =
  CONFIG_LEVEL |
  CONFIG_INTERRUPT_ENABLE |
  CONFIG_PERIODIC |
  CONFIG_VALUE_SET |
  CONFIG_ROUTE |
  CONFIG_FSB_ENABLE;
/** Capable of periodic interrupts and of FSB (MSI) delivery; 32 bits. */
const CONFIG_CAPABILITIES = 0x8010;

export class HpetTimer {
  config = 0;
  /** The comparator and the period, unsigned 32 bits. */
  comparator = 0xffffffff;
  period = 0;
  fsbValue = 0;
  fsbAddress = 0;
  /** The bit in the interrupt status register. */
  isActive = false;
  /** The I/O APIC pin it holds up, -1 for none. */
  heldPin = -1;
  /** The count of the next match, `Infinity` while the main counter stands. */
  nextMatch = Number.POSITIVE_INFINITY;
  private readonly routes: number;

  /** `routes` has a bit for each I/O APIC pin the timer can reach. */
  constructor(routes: number) {
    this.routes = routes;
  }

  reset(): void {
    this.config = 0;
    this.comparator = 0xffffffff;
    this.period = 0;
    this.fsbValue = 0;
    this.fsbAddress = 0;
    this.isActive = false;
    this.nextMatch = Number.POSITIVE_INFINITY;
  }

  /** What reads of the configuration register give; VAL_SET is write-only. */
  get visibleConfig(): number {
    return (this.config & ~CONFIG_VALUE_SET) | CONFIG_CAPABILITIES;
  }

  get isInterruptEnabled(): boolean {
    return (this.config & CONFIG_INTERRUPT_ENABLE) !== 0;
  }

  get isFsb(): boolean {
    return (this.config & CONFIG_FSB_ENABLE) !== 0;
  }

  get isLevel(): boolean {
    return (this.config & CONFIG_LEVEL) !== 0 && !this.isFsb;
  }

  /** The I/O APIC pin it is routed to; 0 is none. */
  get route(): number {
    return (this.config & CONFIG_ROUTE) >>> 9;
  }

  /** A route the timer does not have becomes 0. */
  writeConfig(value: number): void {
    this.config = value & CONFIG_WRITABLE;
    const { route } = this;
    if (route !== 0 && (this.routes & (1 << route)) === 0) this.config &= ~CONFIG_ROUTE;
    if ((this.config & CONFIG_PERIODIC) === 0) this.period = 0;
    if (!this.isLevel) this.isActive = false;
  }

  /** In periodic mode this is the period, and the comparator only after VAL_SET. True when the timer must start anew. */
  writeComparator(value: number): boolean {
    const isPeriodic = (this.config & CONFIG_PERIODIC) !== 0;
    const setsComparator = !isPeriodic || (this.config & CONFIG_VALUE_SET) !== 0;
    this.config &= ~CONFIG_VALUE_SET;
    if (isPeriodic) this.period = value;
    if (setsComparator) this.comparator = value;
    return setsComparator;
  }

  /** The main counter runs, and stands at `count` now. */
  start(count: number): void {
    const ahead = (this.comparator - (count % TWO_32) + TWO_32) % TWO_32;
    if (this.period === 0 || ahead < TWO_32 / 2) {
      this.nextMatch = count + ahead;
      return;
    }
    const behind = TWO_32 - ahead;
    this.nextMatch = count - behind + Math.ceil(behind / this.period) * this.period;
    this.comparator = this.nextMatch % TWO_32;
  }

  stop(): void {
    this.nextMatch = Number.POSITIVE_INFINITY;
  }

  /** Whether it has matched by `count`; then it moves on to its next match: a period later, or when the counter comes round. */
  takeMatch(count: number): boolean {
    if (count < this.nextMatch) return false;
    const step = this.period === 0 ? TWO_32 : this.period;
    this.nextMatch += (Math.floor((count - this.nextMatch) / step) + 1) * step;
    if (this.period !== 0) this.comparator = this.nextMatch % TWO_32;
    return true;
  }
}
