// SPDX-License-Identifier: BSD-2-Clause
// The bench kernel: the least that makes programs run as they do under an operating system: 4 KiB pages, user
// mode, a timer that interrupts 100 times a second, system calls, demand-zero pages. It protects nothing.
#ifndef KERNEL_H
#define KERNEL_H

// A macro, so that start.S can read this file too.
#define DEMAND_BASE 0x4000000   /* behind the 64 MiB that are mapped one to one */
#define DEMAND_BYTES 0x400000
#define APIC_BASE 0xfee00000

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA 0x1b
#define USER_CODE 0x23
#define TASK_STATE 0x28

#define VECTORS 48
#define TIMER_VECTOR 32
#define SYSTEM_CALL_VECTOR 0x80
#define LEAVE_VECTOR 0x81

#ifndef __ASSEMBLER__
#include "../programs/programs.h"

typedef unsigned long word;

struct frame {
#ifdef __x86_64__
    word r15, r14, r13, r12, r11, r10, r9, r8;
#endif
    word di, si, bp, unused, bx, dx, cx, ax;
    word vector, error, ip, cs, flags, sp, ss;
};

/** Runs a function in user mode, with interrupts on. */
uint32_t enter_user(uint32_t (*function)(void));
/** From user mode: runs one of {@link system_calls}. */
uint32_t system_call(word number, word argument);
/** Saves the stack pointer at `*save`, takes another stack and another address space. */
void switch_to(word **save, word *stack, word root);

extern uint32_t (*const system_calls[])(word argument);
extern uint32_t faults;

/** Page table entries of the demand-zero area. */
extern word demand_entries[DEMAND_BYTES / 4096];
/** The top-level table: its address is CR3. */
extern word root_table[4096 / sizeof(word)];

uint32_t release_demand_pages(word unused);

/** True if the interrupt was the disk's. */
int disk_interrupt(word vector);
void disk_prepare(void);
uint32_t disk_read_run(void);
uint32_t disk_write_run(void);
uint32_t disk_random_read_run(void);
uint32_t disk_random_write_run(void);

uint32_t syscall_run(void);
uint32_t page_fault_run(void);
uint32_t context_switch_run(void);
uint32_t port_io_run(void);
uint32_t mmio_run(void);

static inline void out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline word read_cr2(void) {
    word value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline void write_cr3(word value) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
#endif
#endif
