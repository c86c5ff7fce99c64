// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's model-specific registers: IA32_APIC_BASE, IA32_TSC_DEADLINE and, in x2APIC mode, 0x800 and
// up. Intel SDM 3A 11.4.4, 11.5.4.1, 11.12.1.2 with table 11-6 for what exists and what may be written.
import { type U64, u64 } from "../../../base/u64.ts";
import type { LocalApic } from "../local-apic.ts";
import { APIC_BASE_MSR, APIC_X2APIC, apicBaseValue, apicModeAfterWrite } from "./apic-base.ts";
import { ICR_DELIVERY_STATUS, ICR_WRITABLE } from "./interrupt-command.ts";
import { lvtEntryOf } from "./local-vector-table.ts";
import * as reg from "./registers.ts";

const TSC_DEADLINE_MSR = 0x6e0;

/** The registers that x2APIC mode has, apart from ISR, TMR and IRR. */
const READABLE: ReadonlySet<number> = new Set([
  reg.APIC_ID,
  reg.APIC_VERSION,
  reg.APIC_TPR,
  reg.APIC_PPR,
  reg.APIC_LDR,
  reg.APIC_SVR,
  reg.APIC_ESR,
  reg.APIC_ICR_LOW,
  reg.APIC_TIMER_INITIAL_COUNT,
  reg.APIC_TIMER_CURRENT_COUNT,
  reg.APIC_TIMER_DIVIDE,
]);

/** Writable registers and the bits that may be set in them. */
const WRITABLE: ReadonlyMap<number, number> = new Map([
  [reg.APIC_TPR, 0xff],
  [reg.APIC_EOI, 0],
  [reg.APIC_SVR, reg.SVR_WRITABLE],
  [reg.APIC_ESR, 0],
  [reg.APIC_TIMER_INITIAL_COUNT, 0xffffffff],
  [reg.APIC_TIMER_DIVIDE, reg.TIMER_DIVIDE_WRITABLE],
  [reg.APIC_SELF_IPI, 0xff],
]);

export class ApicMsrs {
  private readonly apic: LocalApic;

  constructor(apic: LocalApic) {
    this.apic = apic;
  }

  /** Whether {@link read} and {@link write} are the ones to ask about this MSR. */
  owns(msr: number): boolean {
    return (
      msr === APIC_BASE_MSR ||
      msr === TSC_DEADLINE_MSR ||
      (msr >= reg.X2APIC_MSR_BASE && msr <= reg.X2APIC_MSR_LAST)
    );
  }

  /** The MSR's value; `undefined` where RDMSR raises #GP(0). */
  read(msr: number): U64 | undefined {
    const { apic } = this;
    if (msr === APIC_BASE_MSR) return u64(apicBaseValue(apic.mode, apic.isBsp));
    if (msr === TSC_DEADLINE_MSR) {
      if (!apic.hasTscDeadline) return undefined;
      return u64(apic.timer.deadlineLo, apic.timer.deadlineHi);
    }
    const register = msr - reg.X2APIC_MSR_BASE;
    if (apic.mode !== APIC_X2APIC || !isReadable(register)) return undefined;
    const high = register === reg.APIC_ICR_LOW ? apic.icrHigh : 0;
    return u64(apic.readRegister(register), high);
  }

  /** Writes the halves, int32 or unsigned; false, and no change, where WRMSR raises #GP(0). */
  write(msr: number, lo: number, hi: number): boolean {
    const { apic } = this;
    if (msr === APIC_BASE_MSR) {
      const mode = apicModeAfterWrite(apic.mode, lo, hi, apic.hasX2apic);
      if (mode === undefined) return false;
      apic.setMode(mode);
      return true;
    }
    if (msr === TSC_DEADLINE_MSR) {
      if (apic.hasTscDeadline) apic.timer.writeDeadline(lo, hi);
      return apic.hasTscDeadline;
    }
    if (apic.mode !== APIC_X2APIC) return false;
    return this.writeX2apic(msr - reg.X2APIC_MSR_BASE, lo, hi);
  }

  private writeX2apic(register: number, lo: number, hi: number): boolean {
    const { apic } = this;
    if (register === reg.APIC_ICR_LOW) {
      if ((lo & ~(ICR_WRITABLE | ICR_DELIVERY_STATUS)) !== 0) return false;
      apic.writeRegister(reg.APIC_ICR_HIGH, hi >>> 0);
    } else {
      const entry = lvtEntryOf(register);
      const allowed = entry >= 0 ? ~apic.lvt.reserved(entry) : WRITABLE.get(register);
      if (allowed === undefined || hi !== 0 || (lo & ~allowed) !== 0) return false;
    }
    apic.writeRegister(register, lo >>> 0);
    return true;
  }
}

function isReadable(register: number): boolean {
  return (
    READABLE.has(register) ||
    lvtEntryOf(register) >= 0 ||
    (register >= reg.APIC_ISR && register < reg.APIC_ESR)
  );
}
