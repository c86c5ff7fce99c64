/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three ways to end. bhyve's exit status tells them apart: 0 a reset, 1 power-off, 3 a triple fault.
 */
#include "acpi.h"
#include "command.h"
#include "cpu.h"
#include "printf.h"

/* ACPI specification 4.8.3.2.1: PM1 control. The sleep type of S5 is DSDT's to say; bhyve's says 5. */
#define SLEEP_TYPE_S5 (5 << 10)
#define SLEEP_ENABLE 0x2000

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET 0xfe

static void wait_for_it(void) {
    for (unsigned i = 0; i < 1000; i++) cpu_pause();
}

static void poweroff(int argc, char **argv) {
    (void)argc, (void)argv;
    if (acpi.power_port == 0) {
        printf("poweroff: without ACPI tables (bhyve -A) nobody knows how\n");
        return;
    }
    outw(acpi.power_port, SLEEP_TYPE_S5 | SLEEP_ENABLE);
    wait_for_it();
    printf("poweroff: still here\n");
}
COMMAND(poweroff, "", "switches the machine off");

static void reboot(int argc, char **argv) {
    (void)argc, (void)argv;
    if (acpi.reset_port != 0) {
        outb(acpi.reset_port, acpi.reset_value);
        wait_for_it();
    }
    /* The way of the PC/AT: the keyboard controller has a wire to the processor's reset. */
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    wait_for_it();
    printf("reboot: still here\n");
}
COMMAND(reboot, "", "resets the machine");

/* An exception that cannot be delivered, nor the double fault for that, nor then anything. */
static void triple(int argc, char **argv) {
    (void)argc, (void)argv;
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) empty = {0, 0};
    __asm__ volatile("lidt %0; ud2" : : "m"(empty));
}
COMMAND(triple, "", "faults with no handlers left");
