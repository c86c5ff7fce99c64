/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_PAGING_H
#define TEACH_PAGING_H

#include "cpu.h"

/* Replaces the loader's page tables with our own; loaded files end at this physical address. */
void paging_init(paddr_t loaded_end);

/* Prints the entries on the way from a virtual address to a physical one. */
void print_translation(vaddr_t address);

#endif
