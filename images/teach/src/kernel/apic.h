/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_APIC_H
#define TEACH_APIC_H

#include "cpu.h"
#include "interrupts.h"

/* Silences the 8259s, turns the local APIC on. */
void apic_init(void);

void lapic_end_of_interrupt(void);

/* The APIC id of this processor: where messages go. */
uint32_t lapic_id(void);

/* Lets the timer count down from a number to zero at its own frequency, once or over and over. */
void lapic_timer_start(uint32_t count, uint8_t vector, bool periodic);

/* What is left of the count. */
uint32_t lapic_timer_left(void);

/* Gives an ISA interrupt a handler, edge-triggered, and lets it through. */
uint8_t isa_interrupt_establish(unsigned irq, interrupt_handler *handler, void *argument);

void isa_interrupt_mask(unsigned irq);

#endif
