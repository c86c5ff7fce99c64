/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: a 16550 UART behind eight I/O ports (National Semiconductor PC16550D data sheet). Where it is,
 * the loader's environment says, from /boot/device.hints: a serial port cannot be discovered.
 *
 * Output waits for the transmitter, input comes by interrupt into a ring that the prompt reads from.
 */
#include "console.h"

#include "apic.h"
#include "cpu.h"
#include "interrupts.h"
#include "preload.h"
#include "string.h"

enum { RBR = 0, THR = 0, DLL = 0, DLM = 1, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };

#define IER_RECEIVED 0x01
#define FCR_ENABLE 0x01
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the chip's interrupt through on a PC */
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY 0x20

#define INPUT_SIZE 256u /* a power of two: the indexes may wrap */

static uint16_t port = 0x3f8;
static unsigned irq = 4;
static volatile char input[INPUT_SIZE];
static volatile unsigned input_head, input_tail;

void console_init(void) {
    uint64_t value;
    if (parse_number(environment_get("hint.uart.0.port", ""), &value)) port = (uint16_t)value;
    if (parse_number(environment_get("hint.uart.0.irq", ""), &value)) irq = (unsigned)value;
    outb(port + IER, 0);
    outb(port + LCR, LCR_DLAB);
    outb(port + DLL, 1); /* 115200 baud */
    outb(port + DLM, 0);
    outb(port + LCR, LCR_8N1);
    outb(port + FCR, FCR_ENABLE);
    outb(port + MCR, MCR_DTR_RTS_OUT2);
}

static void put_byte(uint8_t byte) {
    while ((inb(port + LSR) & LSR_THR_EMPTY) == 0) cpu_pause();
    outb(port + THR, byte);
}

void console_put(char c) {
    if (c == '\n') put_byte('\r');
    put_byte((uint8_t)c);
}

/* Empties the receiver: it raises its line again only for what comes after that. */
static void receive(void *unused) {
    (void)unused;
    while ((inb(port + LSR) & LSR_DATA_READY) != 0) {
        char c = (char)inb(port + RBR);
        if (input_head - input_tail < INPUT_SIZE) input[input_head++ % INPUT_SIZE] = c;
    }
}

void console_listen(void) {
    isa_interrupt_establish(irq, receive, NULL);
    outb(port + IER, IER_RECEIVED);
}

char console_get(void) {
    interrupts_disable();
    while (input_head == input_tail) cpu_sleep();
    char c = input[input_tail++ % INPUT_SIZE];
    interrupts_enable();
    return c;
}
