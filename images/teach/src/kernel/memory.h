/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_MEMORY_H
#define TEACH_MEMORY_H

#include "cpu.h"

/* The kernel is linked at KERNBASE + its physical address. */
#define KERNBASE 0xffffffff80000000ul
/* All physical memory is visible from here on: the direct map. The hand-off tables show the first GiB there, too. */
#define DIRECT_MAP 0xfffff80000000000ul

/* BIOS memory map entry, as the loader hands it over: INT 15h E820h. */
struct smap_entry {
    uint64_t base;
    uint64_t length;
    uint32_t type; /* 1: RAM */
} __attribute__((packed));

#define SMAP_TYPE_MEMORY 1

static inline void *physical(paddr_t address) {
    return (void *)(DIRECT_MAP + address);
}

/* Of something in the kernel's image, a module, or the direct map. */
static inline paddr_t physical_of(const void *pointer) {
    vaddr_t address = (vaddr_t)pointer;
    return address >= KERNBASE ? address - KERNBASE : address - DIRECT_MAP;
}

/* Takes the memory map from the loader; free memory begins at this physical address. */
void memory_init(paddr_t first_free);

void memory_print_map(void);

/* Prints bytes in hexadecimal; a fault on the way is told. */
void memory_dump(const void *at, unsigned length);

/* The map, and how many entries it has. */
const struct smap_entry *memory_map(unsigned *count);

/* First byte behind the last RAM. */
paddr_t memory_end(void);

/* A page of zeros, by its physical address; there must be one. */
paddr_t page_allocate(void);

/* Several pages in a row, zeroed. */
paddr_t pages_allocate(unsigned count);

#endif
