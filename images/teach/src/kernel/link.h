/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_LINK_H
#define TEACH_LINK_H

#include "cpu.h"

/* Finds the symbols that the loader brought, relocates the modules, and tells them to begin. */
void link_modules(void);

/* Prints an address as symbol+offset. */
void print_symbol(vaddr_t address);

#endif
