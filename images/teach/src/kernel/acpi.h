/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_ACPI_H
#define TEACH_ACPI_H

#include "cpu.h"

/* What the kernel wants of the firmware's tables. Without tables: what a PC has by default. */
struct acpi {
    bool is_present;
    paddr_t ioapic;
    uint8_t isa_pin[16];     /* the I/O APIC's pin of each ISA interrupt */
    uint16_t power_port;     /* PM1a control; 0: unknown */
    uint16_t reset_port;     /* 0: unknown */
    uint8_t reset_value;
};

extern struct acpi acpi;

/* Looks for the tables (bhyve -A), and prints their names. */
void acpi_init(void);

#endif
