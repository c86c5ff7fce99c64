// SPDX-License-Identifier: BSD-2-Clause
// What the local APIC's registers read as. Intel SDM 3A table 11-1 (xAPIC) and table 11-6 (x2APIC). Reading one changes
// nothing but the error status, which is its owner's; registers go by number, the offset in memory divided by 16.
import type { LocalApic } from "../local-apic.ts";
import { APIC_X2APIC } from "./apic-base.ts";
import { x2apicLogicalId } from "./destination.ts";
import { lvtEntryOf } from "./local-vector-table.ts";
import * as reg from "./registers.ts";

/** A register's value, unsigned; undefined if there is none to read. */
export function registerValue(apic: LocalApic, register: number): number | undefined {
  if (register >= reg.APIC_ISR && register < reg.APIC_ESR) {
    const { isr, tmr, irr } = apic.priority;
    const set = register < reg.APIC_TMR ? isr : register < reg.APIC_IRR ? tmr : irr;
    return set.words[register & 7] >>> 0;
  }
  const entry = lvtEntryOf(register);
  return entry >= 0 ? apic.lvt.entries[entry] >>> 0 : plainValue(apic, register);
}

function plainValue(apic: LocalApic, register: number): number | undefined {
  switch (register) {
    case reg.APIC_ID:
      return apic.mode === APIC_X2APIC ? apic.apicId : (apic.apicId << 24) >>> 0;
    case reg.APIC_VERSION:
      return reg.APIC_VERSION_VALUE;
    case reg.APIC_TPR:
      return apic.priority.taskPriority;
    case reg.APIC_PPR:
      return apic.priority.processorPriority;
    case reg.APIC_EOI:
      return 0;
    case reg.APIC_LDR:
      return apic.mode === APIC_X2APIC ? x2apicLogicalId(apic.apicId) : apic.logicalDestination;
    case reg.APIC_DFR:
      return apic.destinationFormat;
    case reg.APIC_SVR:
      return apic.spuriousVector;
    case reg.APIC_ESR:
      return apic.errors.visible;
    case reg.APIC_ICR_LOW:
      return apic.icrLow;
    case reg.APIC_ICR_HIGH:
      return apic.icrHigh;
    case reg.APIC_TIMER_INITIAL_COUNT:
      return apic.timer.initialCount;
    case reg.APIC_TIMER_CURRENT_COUNT:
      return apic.timer.currentCount();
    case reg.APIC_TIMER_DIVIDE:
      return apic.timer.divideConfiguration;
    default:
      return undefined;
  }
}

/** Registers that ignore what is written to them, without an error. */
export function isReadOnly(register: number): boolean {
  return (
    register === reg.APIC_ID ||
    register === reg.APIC_VERSION ||
    register === reg.APIC_PPR ||
    register === reg.APIC_TIMER_CURRENT_COUNT ||
    (register >= reg.APIC_ISR && register < reg.APIC_ESR)
  );
}
