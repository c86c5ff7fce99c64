// SPDX-License-Identifier: BSD-2-Clause
// The 32 bits that describe an interrupt on its way to a local APIC. The low half of the interrupt
// command register, of an I/O APIC redirection entry and the data of an MSI agree in these fields,
// so one layout serves all three. Intel SDM 3A 11.6.1, 11.11.2; 82093AA 3.2.4.
//
//    19 18   15   14    11   10  8 7     0
//   | shrt | TM | lvl | log | mode | vector |

export const VECTOR_MASK = 0xff;
export const DELIVERY_MODE_MASK = 0x700;
export const DELIVERY_FIXED = 0x000;
export const DELIVERY_LOWEST_PRIORITY = 0x100;
export const DELIVERY_SMI = 0x200;
export const DELIVERY_NMI = 0x400;
export const DELIVERY_INIT = 0x500;
export const DELIVERY_STARTUP = 0x600;
export const DELIVERY_EXTINT = 0x700;
export const DESTINATION_LOGICAL = 0x800;
export const LEVEL_ASSERT = 0x4000;
export const TRIGGER_LEVEL = 0x8000;
export const SHORTHAND_MASK = 0xc0000;
export const SHORTHAND_NONE = 0;
export const SHORTHAND_SELF = 0x40000;
export const SHORTHAND_ALL = 0x80000;
export const SHORTHAND_OTHERS = 0xc0000;

/** What software may set in the interrupt command register. Delivery status (bit 12) is read-only. */
export const ICR_WRITABLE = 0x000ccfff;
export const ICR_DELIVERY_STATUS = 0x1000;

/** Every local APIC, in either destination mode. */
export const DESTINATION_BROADCAST = 0xffffffff;

/** A destination of eight bits (xAPIC, I/O APIC, MSI) in the form the bus uses, where all ones is everybody. */
export function wideDestination(destination8: number): number {
  return destination8 === 0xff ? DESTINATION_BROADCAST : destination8;
}

/**
 * Whether an interrupt command is one of SDM 3A table 11-3; the others are not sent. That drops the
 * level de-assert INIT of the MP specification, which later processors do not have, as they do.
 */
export function isValidIpi(command: number): boolean {
  if ((command & TRIGGER_LEVEL) !== 0 && (command & LEVEL_ASSERT) === 0) return false;
  const shorthand = command & SHORTHAND_MASK;
  switch (command & DELIVERY_MODE_MASK) {
    case DELIVERY_FIXED:
      return true;
    case DELIVERY_LOWEST_PRIORITY:
    case DELIVERY_NMI:
    case DELIVERY_INIT:
    case DELIVERY_STARTUP:
      return shorthand === SHORTHAND_NONE || shorthand === SHORTHAND_OTHERS;
    default:
      return false;
  }
}
