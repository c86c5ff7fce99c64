/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt controllers. Each processor has a local APIC (SDM volume 3A chapter 11), which takes messages and
 * has a timer; the I/O APIC (82093AA data sheet) turns the wires of old devices into messages. The two 8259s
 * of the first PCs are still there, and are told to keep quiet.
 */
#include "apic.h"

#include "acpi.h"
#include "memory.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC 0x400ul
#define APIC_BASE_ENABLE 0x800ul
#define MSR_X2APIC 0x800

/* Registers of the local APIC, by offset; in x2APIC mode MSR_X2APIC + offset / 16. */
enum { ID = 0x20, TPR = 0x80, EOI = 0xb0, SVR = 0xf0, LVT_TIMER = 0x320, TIMER_COUNT = 0x380, TIMER_LEFT = 0x390, TIMER_DIVIDE = 0x3e0 };

#define SVR_ENABLE 0x100
#define SPURIOUS_VECTOR 0xff
#define LVT_PERIODIC 0x20000
#define DIVIDE_BY_1 0xb

#define IOAPIC_REDIRECTION 0x10
#define REDIRECTION_MASKED 0x10000

static bool is_x2apic;
static volatile uint32_t *lapic;
static volatile uint32_t *ioapic;

static uint32_t lapic_read(unsigned offset) {
    if (is_x2apic) return (uint32_t)rdmsr(MSR_X2APIC + offset / 16);
    return lapic[offset / 4];
}

static void lapic_write(unsigned offset, uint32_t value) {
    if (is_x2apic) wrmsr(MSR_X2APIC + offset / 16, value);
    else lapic[offset / 4] = value;
}

/* Two registers: the first chooses, the second holds. */
static void ioapic_write(unsigned index, uint32_t value) {
    ioapic[0] = index;
    ioapic[4] = value;
}

static void pic_disable(void) {
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void apic_init(void) {
    pic_disable();
    uint64_t base = rdmsr(MSR_APIC_BASE);
    is_x2apic = (base & APIC_BASE_X2APIC) != 0;
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    lapic = physical(base & 0xffffff000);
    ioapic = physical(acpi.ioapic);
    lapic_write(SVR, SVR_ENABLE | SPURIOUS_VECTOR);
    lapic_write(TPR, 0);
}

void lapic_end_of_interrupt(void) {
    lapic_write(EOI, 0);
}

uint32_t lapic_id(void) {
    return is_x2apic ? lapic_read(ID) : lapic_read(ID) >> 24;
}

void lapic_timer_start(uint32_t count, uint8_t vector, bool periodic) {
    lapic_write(TIMER_DIVIDE, DIVIDE_BY_1);
    lapic_write(LVT_TIMER, vector | (periodic ? LVT_PERIODIC : 0));
    lapic_write(TIMER_COUNT, count);
}

uint32_t lapic_timer_left(void) {
    return lapic_read(TIMER_LEFT);
}

uint8_t isa_interrupt_establish(unsigned irq, interrupt_handler *handler, void *argument) {
    uint8_t vector = interrupt_establish(handler, argument);
    unsigned entry = IOAPIC_REDIRECTION + 2 * acpi.isa_pin[irq & 15];
    ioapic_write(entry + 1, lapic_id() << 24);
    ioapic_write(entry, vector);
    return vector;
}

void isa_interrupt_mask(unsigned irq) {
    ioapic_write(IOAPIC_REDIRECTION + 2 * acpi.isa_pin[irq & 15], REDIRECTION_MASKED);
}
