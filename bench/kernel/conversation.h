// SPDX-License-Identifier: BSD-2-Clause
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "../programs/program.h"

// What the place gives that the programs run in.
void put_char(char c);
char get_char(void);
void prepare(const struct program *program);
uint32_t run_once(const struct program *program);
/** Interrupts of the timer so far. */
extern volatile uint32_t ticks;

void put(const char *text);
void put_hex(uintptr_t value, int digits);
void put_decimal(uint32_t value);
/** Obeys for ever. */
__attribute__((noreturn)) void converse(void);

#endif
