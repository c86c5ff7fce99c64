// SPDX-License-Identifier: BSD-2-Clause
// Programs that are about the kernel's own work: system calls, page faults, context switches, devices.
#include "kernel.h"

#define CALLS 10000
#define SWITCHES 4000
#define TOUCHED_PAGES 8
#define ACCESSES 10000

static uint32_t increment(word argument) {
    return argument + 1;
}

uint32_t release_demand_pages(word unused) {
    (void)unused;
    memset(demand_entries, 0, sizeof demand_entries);
    write_cr3((word)root_table);
    return faults;
}

uint32_t (*const system_calls[])(word) = {increment, release_demand_pages};

/** System calls that do next to nothing. */
uint32_t syscall_run(void) {
    uint32_t value = 0;
    for (int i = 0; i < CALLS; i++) value = system_call(0, value);
    return value;
}

/** First touches of 1,024 pages, each answered with a zeroed one; then all are given back. */
uint32_t page_fault_run(void) {
    uint32_t hash = 0, before = faults;
    for (word at = DEMAND_BASE; at < DEMAND_BASE + DEMAND_BYTES; at += 4096) {
        volatile uint32_t *page = (uint32_t *)at;
        hash = fold(hash, page[5]);
        page[5] = hash;
    }
    return fold(hash, system_call(1, 0) - before);
}

static word *stacks[2];
static word roots[2];
static word second_stack[1024];
__attribute__((aligned(4096))) static word second_root[4096 / sizeof(word)];
static volatile uint32_t turns;

static void touch(void) {
    for (int i = 0; i < TOUCHED_PAGES; i++) (*(volatile uint32_t *)(data_arena + 4096 * i))++;
}

static void second_thread(void) {
    for (;;) {
        touch();
        turns++;
        switch_to(&stacks[1], stacks[0], roots[0]);
    }
}

/** Two threads in address spaces of their own take turns, each touching eight pages. */
uint32_t context_switch_run(void) {
    memcpy(second_root, root_table, sizeof second_root);
    roots[0] = (word)root_table;
    roots[1] = (word)second_root;
    // What switch_to pops: callee-saved registers, four or six, then where to go on.
    stacks[1] = second_stack + 1024 - 16;
    stacks[1][sizeof(word) == 8 ? 6 : 4] = (word)second_thread;
    turns = 0;
    memset(data_arena, 0, TOUCHED_PAGES * 4096);
    for (int i = 0; i < SWITCHES / 2; i++) {
        touch();
        switch_to(&stacks[0], stacks[1], roots[1]);
    }
    return fold(turns, *(uint32_t *)data_arena);
}

/** Port accesses that a device answers: the UART's line status, and POST codes. */
uint32_t port_io_run(void) {
    uint32_t value = 0;
    for (int i = 0; i < ACCESSES / 2; i++) {
        value += in8(0x3fd) >> 5 & 1;
        out8(0x80, i);
    }
    return value;
}

/** Memory-mapped accesses that a device answers: the local APIC's version, and its divide configuration. */
uint32_t mmio_run(void) {
    volatile uint32_t *apic = (uint32_t *)APIC_BASE;
    uint32_t value = 0;
    for (int i = 0; i < ACCESSES / 2; i++) {
        apic[0x3e0 / 4] = i & 0xb;
        value += apic[0x3e0 / 4];
    }
    return value;
}
