// SPDX-License-Identifier: BSD-2-Clause
// The local vector table: what the local APIC does with its own sources. Intel SDM 3A 11.5.1.
//
//    18 17   16    15   14    13   12   10  8 7     0
//   | mode | mask | TM | rIRR | pol | DS | DM | vector |
//
// Delivery status (DS) always reads idle: nothing is ever on its way.
import { APIC_LVT_CMCI, APIC_LVT_TIMER } from "./registers.ts";

export const LVT_TIMER = 0;
export const LVT_THERMAL = 1;
export const LVT_PERFORMANCE = 2;
export const LVT_LINT0 = 3;
export const LVT_LINT1 = 4;
export const LVT_ERROR = 5;
export const LVT_CMCI = 6;
export const LVT_ENTRIES = 7;

export const LVT_MASKED = 0x10000;
export const LVT_REMOTE_IRR = 0x4000;
const LVT_DELIVERY_STATUS = 0x1000;
const TIMER_MODES = 0x60000;
const TIMER_PERIODIC_ONLY = 0x20000;

const WRITABLE_SOURCE = 0x107ff;
const WRITABLE_PIN = 0x1a7ff;
const WRITABLE_PLAIN = 0x100ff;

export class LocalVectorTable {
  readonly entries = new Int32Array(LVT_ENTRIES);
  private readonly writable: readonly number[];

  constructor(hasTscDeadline: boolean) {
    this.writable = [
      WRITABLE_PLAIN | (hasTscDeadline ? TIMER_MODES : TIMER_PERIODIC_ONLY),
      WRITABLE_SOURCE,
      WRITABLE_SOURCE,
      WRITABLE_PIN,
      WRITABLE_PIN,
      WRITABLE_PLAIN,
      WRITABLE_SOURCE,
    ];
    this.clear();
  }

  /** Every entry masked, all else zero. */
  clear(): void {
    this.entries.fill(LVT_MASKED);
  }

  /** Masks every entry: what software-disabling the APIC does. */
  maskAll(): void {
    for (let i = 0; i < LVT_ENTRIES; i++) this.entries[i] |= LVT_MASKED;
  }

  isMasked(entry: number): boolean {
    return (this.entries[entry] & LVT_MASKED) !== 0;
  }

  /** Stores what is writable of `value`; a software-disabled APIC keeps the mask set. */
  write(entry: number, value: number, isApicEnabled: boolean): void {
    let next = value & this.writable[entry]!;
    if (!isApicEnabled) next |= LVT_MASKED;
    // Remote IRR is the hardware's; it means nothing once the pin is edge-triggered.
    if ((next & 0x8000) !== 0) next |= this.entries[entry] & LVT_REMOTE_IRR;
    this.entries[entry] = next;
  }

  /** Bits whose being set makes an x2APIC write fault. */
  reserved(entry: number): number {
    const readOnly = this.writable[entry] === WRITABLE_PIN ? LVT_REMOTE_IRR : 0;
    return ~(this.writable[entry]! | readOnly | LVT_DELIVERY_STATUS);
  }
}

/** The table's entry behind a register number, -1 if it is none. */
export function lvtEntryOf(register: number): number {
  if (register === APIC_LVT_CMCI) return LVT_CMCI;
  const entry = register - APIC_LVT_TIMER;
  return entry >= LVT_TIMER && entry <= LVT_ERROR ? entry : -1;
}
