/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_INTERRUPTS_H
#define TEACH_INTERRUPTS_H

#include "cpu.h"

/* What lies on the stack when C is entered: vectors.S. The processor pushed from `rip` on. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

typedef void interrupt_handler(void *argument);

/* Sets up the processor's tables: GDT, TSS, IDT. From then on faults are told instead of fatal. */
void interrupts_init(void);

/* A vector of its own for this handler, above the exceptions'. */
uint8_t interrupt_establish(interrupt_handler *handler, void *argument);

/* How many interrupts there were on a vector. */
uint64_t interrupt_count(uint8_t vector);

#endif
