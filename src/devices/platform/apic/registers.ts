// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's registers by number: the MMIO offset divided by 16, and the x2APIC MSR minus 0x800.
// Intel SDM 3A tables 11-1 and 11-6. Version and reset values are bhyve's (vmm/io/vlapic.c).
// Left out on purpose: the arbitration and remote read registers of older processors, and the
// suppression of EOI broadcasts, which the version register denies.

export const APIC_ID = 0x02;
export const APIC_VERSION = 0x03;
export const APIC_TPR = 0x08;
export const APIC_PPR = 0x0a;
export const APIC_EOI = 0x0b;
export const APIC_LDR = 0x0d;
export const APIC_DFR = 0x0e;
export const APIC_SVR = 0x0f;
export const APIC_ISR = 0x10;
export const APIC_TMR = 0x18;
export const APIC_IRR = 0x20;
export const APIC_ESR = 0x28;
export const APIC_LVT_CMCI = 0x2f;
export const APIC_ICR_LOW = 0x30;
export const APIC_ICR_HIGH = 0x31;
export const APIC_LVT_TIMER = 0x32;
export const APIC_LVT_ERROR = 0x37;
export const APIC_TIMER_INITIAL_COUNT = 0x38;
export const APIC_TIMER_CURRENT_COUNT = 0x39;
export const APIC_TIMER_DIVIDE = 0x3e;
export const APIC_SELF_IPI = 0x3f;

/** Version 0x14, seven LVT entries, no EOI-broadcast suppression. */
export const APIC_VERSION_VALUE = 0x00060014;
export const SVR_RESET = 0xff;
export const SVR_ENABLE = 0x100;
export const SVR_WRITABLE = 0x3ff;
export const DFR_RESET = 0xffffffff;
export const TIMER_DIVIDE_WRITABLE = 0xb;

export const X2APIC_MSR_BASE = 0x800;
/** bhyve answers the whole of 0x800–0xBFF as the local APIC's. */
export const X2APIC_MSR_LAST = 0xbff;
