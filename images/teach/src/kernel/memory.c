/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which physical memory there is, and who has it. The loader's memory map says what is RAM; everything above
 * what the loader has filled is free. Pages are handed out upwards and never come back: nothing in this
 * kernel ends.
 */
#include "memory.h"

#include "command.h"
#include "faults.h"
#include "paging.h"
#include "preload.h"
#include "printf.h"
#include "string.h"

static const struct smap_entry *map;
static unsigned map_count;
static paddr_t free_begin, free_end;

extern char kernel_start[], text_end[], rodata_end[], kernel_end[];

void memory_init(paddr_t first_free) {
    uint32_t bytes = 0;
    map = preload_find(&preloaded_files[0], MODINFOMD_SMAP, &bytes);
    map_count = bytes / sizeof(*map);
    free_begin = (first_free + PAGE_SIZE - 1) & -PAGE_SIZE;
    for (unsigned i = 0; i < map_count; i++) {
        paddr_t end = map[i].base + map[i].length;
        if (map[i].type == SMAP_TYPE_MEMORY && map[i].base <= free_begin && free_begin < end) free_end = end;
    }
    if (free_end == 0) panic("the memory map has no RAM at 0x%lx, where the loader says it is free", free_begin);
}

const struct smap_entry *memory_map(unsigned *count) {
    *count = map_count;
    return map;
}

paddr_t memory_end(void) {
    paddr_t end = 0;
    for (unsigned i = 0; i < map_count; i++)
        if (map[i].type == SMAP_TYPE_MEMORY && map[i].base + map[i].length > end) end = map[i].base + map[i].length;
    return end;
}

paddr_t pages_allocate(unsigned count) {
    paddr_t page = free_begin;
    if ((free_end - page) / PAGE_SIZE < count) panic("out of memory");
    free_begin += count * PAGE_SIZE;
    memset(physical(page), 0, count * PAGE_SIZE);
    return page;
}

paddr_t page_allocate(void) {
    return pages_allocate(1);
}

void memory_print_map(void) {
    for (unsigned i = 0; i < map_count; i++)
        printf("  0x%09lx - 0x%09lx  %6lu KiB  %s\n", map[i].base, map[i].base + map[i].length,
               map[i].length >> 10, map[i].type == SMAP_TYPE_MEMORY ? "RAM" : "reserved");
}

static void print_range(const char *what, const char *begin, const char *end) {
    printf("  %-16s 0x%lx - 0x%lx\n", what, (vaddr_t)begin, (vaddr_t)end);
}

struct dump {
    const uint8_t *at;
    unsigned length;
};

/* May fault: called guarded. */
static void print_dump(void *argument) {
    const struct dump *dump = argument;
    for (unsigned line = 0; line < dump->length; line += 16) {
        uint8_t bytes[16];
        memcpy(bytes, dump->at + line, 16);
        printf("%016lx ", (vaddr_t)(dump->at + line));
        for (unsigned i = 0; i < 16; i++) printf(" %02x", bytes[i]);
        printf("  ");
        for (unsigned i = 0; i < 16; i++) printf("%c", bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
        printf("\n");
    }
}

void memory_dump(const void *at, unsigned length) {
    struct dump dump = {at, length};
    if (call_guarded(print_dump, &dump)) print_last_fault();
}

static void mem(int argc, char **argv) {
    uint64_t address;
    if (argc == 2 && parse_number(argv[1], &address)) {
        print_translation(address);
        memory_dump((const void *)address, 64);
        return;
    }
    printf("Memory map:\n");
    memory_print_map();
    printf("Kernel:\n");
    print_range("text", kernel_start, text_end);
    print_range("read-only data", text_end, rodata_end);
    print_range("data", rodata_end, kernel_end);
    printf("  %-16s 0x%lx\n", "direct map", DIRECT_MAP);
    printf("Free: %lu KiB from 0x%lx on\n", (free_end - free_begin) >> 10, free_begin);
}
COMMAND(mem, "[address]", "memory map; the way to an address, and what is there");
