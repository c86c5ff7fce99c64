// SPDX-License-Identifier: BSD-2-Clause
// The bench kernel's C half: descriptor tables, the timer, traps, COM1.
#include "kernel.h"
#include "conversation.h"

#define COM1 0x3f8
#define TIMER_DIVISOR (1193182 / 100)

const struct program programs[] = {
    USER_PROGRAMS,
    {"syscall", IN_USER_MODE, NULL, syscall_run},
    {"page-fault", IN_USER_MODE, NULL, page_fault_run},
    {"context-switch", IN_KERNEL, NULL, context_switch_run},
    {"port-io", IN_KERNEL, NULL, port_io_run},
#ifdef __x86_64__
    {"mmio", IN_KERNEL, NULL, mmio_run},
#endif
    {"disk-read", IN_KERNEL, disk_prepare, disk_read_run},
    {"disk-write", IN_KERNEL, disk_prepare, disk_write_run},
    {"disk-random-read", IN_KERNEL, disk_prepare, disk_random_read_run},
    {"disk-random-write", IN_KERNEL, disk_prepare, disk_random_write_run},
};
const unsigned program_count = sizeof programs / sizeof *programs;

volatile uint32_t ticks;
uint32_t faults;

extern uint64_t gdt[];
extern char task_state[], stubs[], system_call_entry[], leave_user[];
static uint32_t idt[256][sizeof(word) / 2];

static void set_gate(unsigned vector, const void *handler, unsigned privilege) {
    word address = (word)handler;
    uint32_t *gate = idt[vector];
    gate[0] = (address & 0xffff) | KERNEL_CODE << 16;
    gate[1] = (address & 0xffff0000) | 0x8e00 | privilege << 13;
#ifdef __x86_64__
    gate[2] = address >> 32;
#endif
}

static void load_tables(void) {
    for (unsigned i = 0; i < VECTORS; i++) set_gate(i, stubs + 16 * i, 0);
    set_gate(SYSTEM_CALL_VECTOR, system_call_entry, 3);
    set_gate(LEAVE_VECTOR, leave_user, 3);
    struct __attribute__((packed)) {
        uint16_t limit;
        word base;
    } pointer = {sizeof idt - 1, (word)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    uint64_t base = (word)task_state;
    gdt[TASK_STATE / 8] = 103 | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    *(uint32_t *)(task_state + 8) = sizeof(word) == 4 ? KERNEL_DATA : 0;
    *(uint16_t *)(task_state + 102) = 104;
    __asm__ volatile("ltr %w0" : : "r"(TASK_STATE));
}

/** The 8259 pair at 32 and 40 with IRQ 0 alone let through; the 8254's counter 0 as a rate generator. */
static void start_timer(void) {
    out8(0x20, 0x11), out8(0xa0, 0x11);
    out8(0x21, TIMER_VECTOR), out8(0xa1, TIMER_VECTOR + 8);
    out8(0x21, 4), out8(0xa1, 2);
    out8(0x21, 1), out8(0xa1, 1);
    out8(0x21, 0xfe), out8(0xa1, 0xff);
    out8(0x43, 0x34);
    out8(0x40, TIMER_DIVISOR & 0xff);
    out8(0x40, TIMER_DIVISOR >> 8);
}

static void start_serial(void) {
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 0x80);
    out8(COM1, 1), out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);
    out8(COM1 + 2, 1);
    out8(COM1 + 4, 3);
}

static void page_fault(word address) {
    uint32_t page = (address - DEMAND_BASE) / 4096;
    uint8_t *frame = data_arena + page * 4096;
    memset(frame, 0, 4096);
    demand_entries[page] = (word)frame | 7;
    faults++;
}

__attribute__((noreturn)) static void panic(const struct frame *frame) {
    put("trap ");
    put_decimal(frame->vector);
    put(" error ");
    put_hex(frame->error, 8);
    put(" at ");
    put_hex(frame->ip, 2 * sizeof(word));
    put(" address ");
    put_hex(read_cr2(), 2 * sizeof(word));
    put("\n");
    for (;;) __asm__ volatile("cli; hlt");
}

void trap(struct frame *frame);

void trap(struct frame *frame) {
    if (frame->vector == TIMER_VECTOR) {
        ticks++;
        out8(0x20, 0x20);
    } else if (frame->vector == 14 && read_cr2() - DEMAND_BASE < DEMAND_BYTES) {
        page_fault(read_cr2());
    } else if (!disk_interrupt(frame->vector) && frame->vector != TIMER_VECTOR + 7) {
        panic(frame);
    }
}

static const struct program *current;

static uint32_t prepare_current(void) {
    current->prepare();
    return 0;
}

void prepare(const struct program *program) {
    current = program;
    if (program->prepare == NULL) return;
    if (program->mode == IN_USER_MODE) enter_user(prepare_current);
    else program->prepare();
}

uint32_t run_once(const struct program *program) {
    return program->mode == IN_USER_MODE ? enter_user(program->run) : program->run();
}

void put_char(char c) {
    while ((in8(COM1 + 5) & 0x20) == 0) {}
    out8(COM1, c);
}

char get_char(void) {
    while ((in8(COM1 + 5) & 1) == 0) {}
    return in8(COM1);
}

void kernel_main(void);

void kernel_main(void) {
    load_tables();
    start_serial();
    start_timer();
    __asm__ volatile("sti");
    converse();
}
