/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_FAULTS_H
#define TEACH_FAULTS_H

#include "cpu.h"
#include "interrupts.h"

/* Calls a function that may fault; true if it did. In locore.S. */
bool call_guarded(void (*function)(void *), void *argument);

/* Tells what the last guarded fault was. */
void print_last_fault(void);

/* An exception was raised. Returns to where call_guarded was called, or does not return. */
void fault_handle(struct trap_frame *frame);

/* Prints why, and stops the machine. */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
