/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's tables. In 64-bit mode segments are all but gone; what is left is the GDT to hold a code
 * segment and the TSS, the TSS to hold stacks, and the IDT to say where each vector goes. SDM volume 3A
 * chapters 3, 6 and 8.
 */
#include "interrupts.h"

#include "apic.h"
#include "faults.h"
#include "printf.h"
#include "string.h"

#define EXCEPTIONS 32
#define VECTOR_DOUBLE_FAULT 8
#define SPURIOUS_VECTOR 255

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define TASK 0x18

/* Gate and descriptor types: SDM volume 3A, tables 3-2 and 6-2. */
#define INTERRUPT_GATE 0x8e /* present, clears IF on the way in */
#define TSS_AVAILABLE 0x89

struct gate {
    uint16_t offset_0, selector;
    uint8_t stack, type; /* stack: 0 stays on the current one, n takes the TSS's IST n */
    uint16_t offset_16;
    uint32_t offset_32, reserved;
};

struct tss {
    uint32_t reserved_0;
    uint64_t rsp[3];
    uint64_t reserved_1;
    uint64_t ist[7];
    uint64_t reserved_2;
    uint16_t reserved_3, io_map;
} __attribute__((packed));

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t gdt[5];
static struct tss tss;
static struct gate idt[256];
static struct {
    interrupt_handler *handler;
    void *argument;
    uint64_t count;
} vectors[256];
static uint8_t next_vector = EXCEPTIONS;

extern char vector_stubs[], fault_stack_end[];

static void gdt_init(void) {
    uint64_t base = (uint64_t)&tss;
    gdt[KERNEL_CODE / 8] = 0x00209b0000000000; /* present, ring 0, code, long */
    gdt[KERNEL_DATA / 8] = 0x0000930000000000; /* present, ring 0, data */
    gdt[TASK / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | (uint64_t)TSS_AVAILABLE << 40 |
                    (base >> 24 & 0xff) << 56;
    gdt[TASK / 8 + 1] = base >> 32;
    tss.ist[0] = (uint64_t)fault_stack_end;
    tss.io_map = sizeof(tss);
    struct table_register gdtr = {sizeof(gdt) - 1, (uint64_t)gdt};
    /* A far return is the way to load CS. */
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "pushq $1f\n\t"
                     "lretq\n"
                     "1: movl %2, %%ds; movl %2, %%es; movl %2, %%ss\n\t"
                     "movl %3, %%fs; movl %3, %%gs\n\t"
                     "ltr %w4"
                     : : "m"(gdtr), "i"(KERNEL_CODE), "r"(KERNEL_DATA), "r"(0), "r"(TASK) : "memory");
}

void interrupts_init(void) {
    gdt_init();
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t stub = (uint64_t)vector_stubs + 16 * vector;
        idt[vector] = (struct gate){
            .offset_0 = (uint16_t)stub,
            .offset_16 = (uint16_t)(stub >> 16),
            .offset_32 = (uint32_t)(stub >> 32),
            .selector = KERNEL_CODE,
            /* A double fault is often the stack's fault. */
            .stack = vector == VECTOR_DOUBLE_FAULT ? 1 : 0,
            .type = INTERRUPT_GATE,
        };
    }
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(idtr));
}

uint8_t interrupt_establish(interrupt_handler *handler, void *argument) {
    uint8_t vector = next_vector++;
    if (vector == SPURIOUS_VECTOR) panic("out of interrupt vectors");
    vectors[vector].handler = handler;
    vectors[vector].argument = argument;
    return vector;
}

uint64_t interrupt_count(uint8_t vector) {
    return vectors[vector].count;
}

/* Called from vectors.S, with interrupts off. */
void interrupt_dispatch(struct trap_frame *frame) {
    uint8_t vector = (uint8_t)frame->vector;
    vectors[vector].count++;
    if (vector < EXCEPTIONS) {
        fault_handle(frame);
    } else if (vectors[vector].handler != NULL) {
        vectors[vector].handler(vectors[vector].argument);
        lapic_end_of_interrupt();
    } else if (vector != SPURIOUS_VECTOR) {
        panic("interrupt on vector %u, which nobody has asked for", vector);
    }
}
