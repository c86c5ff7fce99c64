// SPDX-License-Identifier: BSD-2-Clause
// Where the parts of the platform that cannot be moved or left out lie. bhyve: acpi.h, amd64/vmm.

export const LAPIC_BASE = 0xfee00000;
export const IOAPIC_BASE = 0xfec00000;
export const HPET_BASE = 0xfed00000;
export const HPET_BYTES = 0x400;

/** The I/O APIC pin of the 8254's channel 0, and the interrupt of ACPI events. */
export const PIT_IOAPIC_PIN = 2;
export const SCI_IRQ = 9;

export const PM1A_EVENT_PORT = 0x400;
export const PM1A_EVENT_BYTES = 4;
export const PM1A_CONTROL_PORT = 0x404;
export const PM1A_CONTROL_BYTES = 2;
export const PM_TIMER_PORT = 0x408;
export const PM_TIMER_BYTES = 4;
export const GPE0_PORT = 0x40c;
export const GPE0_BYTES = 2;
/** The general-purpose event that a new VM generation identifier raises. */
export const GPE_VM_GENERATION = 0;

export const SMI_COMMAND_PORT = 0xb2;
export const SMI_ACPI_ENABLE = 0xa0;
export const SMI_ACPI_DISABLE = 0xa1;
export const RESET_PORT = 0xcf9;
export const RESET_VALUE = 6;

/** Index of the century in the RTC's memory. */
export const RTC_CENTURY = 0x32;

/** Configuration mechanism 1: address and data, 4 ports each. */
export const PCI_CONFIG_PORT = 0xcf8;
export const PCI_CONFIG_PORTS = 8;
/** BARs get ports from here up. */
export const PCI_IO_BASE = 0x2000;
/** Buses that the memory-mapped configuration space covers, 1 MiB each. */
export const PCI_BUSES = 256;
export const PCI_ECAM_BYTES = PCI_BUSES * 0x100000;
