/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_CLOCK_H
#define TEACH_CLOCK_H

#include "cpu.h"

#define TICKS_PER_SECOND 100

/* Measures the local APIC's timer and the TSC, and lets the timer tick from then on. */
void clock_init(void);

/* Microseconds since clock_init, by the TSC. */
uint64_t clock_microseconds(void);

#endif
