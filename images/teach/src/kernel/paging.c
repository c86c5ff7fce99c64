/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables, four levels: SDM volume 3A chapter 4. The loader's show the first GiB everywhere and forbid
 * nothing. Ours have two windows, and as few rights as will do:
 *
 *     KERNBASE    kernel text: execute, read     read-only data: read     data: read, write
 *                 modules: everything, as their sections share pages      below the kernel, guard pages: nothing
 *     DIRECT_MAP  all physical memory and the devices' registers: read, write
 */
#include "paging.h"

#include "memory.h"
#include "preload.h"
#include "printf.h"
#include "string.h"

#define PTE_PRESENT 0x001ul
#define PTE_WRITE 0x002ul
#define PTE_UNCACHED 0x018ul /* PCD, PWT */
#define PTE_LARGE 0x080ul
#define PTE_NO_EXECUTE (1ul << 63)
#define PTE_ADDRESS 0x000ffffffffff000ul

#define LARGE_PAGE (2ul << 20)
#define FOUR_GIB (4ul << 30)
/* bhyve's devices begin at 3 GiB, whatever the size of memory. */
#define DEVICES_BEGIN (3ul << 30)

#define MSR_EFER 0xc0000080
#define EFER_NXE 0x800ul
#define CR0_WP 0x10000ul

extern char kernel_start[], text_end[], rodata_end[], kernel_end[];
extern char boot_stack_guard[], fault_stack_guard[];

static uint64_t *root;

static unsigned index_at(vaddr_t address, int level) {
    return address >> (12 + 9 * level) & 511;
}

/* The entry for an address in the table of that level: 0 for 4 KiB pages, 1 for 2 MiB. Makes what is missing. */
static uint64_t *entry_for(vaddr_t address, int level) {
    uint64_t *table = root;
    for (int at = 3; at > level; at--) {
        uint64_t *entry = &table[index_at(address, at)];
        if (*entry == 0) *entry = page_allocate() | PTE_PRESENT | PTE_WRITE;
        table = physical(*entry & PTE_ADDRESS);
    }
    return &table[index_at(address, level)];
}

static void map(const char *begin, const char *end, uint64_t rights) {
    for (vaddr_t at = (vaddr_t)begin & -PAGE_SIZE; at < (vaddr_t)end; at += PAGE_SIZE)
        *entry_for(at, 0) = (at - KERNBASE) | rights | PTE_PRESENT;
}

static void map_modules(void) {
    for (unsigned i = 1; i < preloaded_count; i++) {
        char *begin = (char *)KERNBASE + preloaded_files[i].address;
        map(begin, begin + preloaded_files[i].size, PTE_WRITE);
    }
}

static void map_directly(void) {
    paddr_t end = memory_end() < FOUR_GIB ? FOUR_GIB : memory_end();
    for (paddr_t at = 0; at < end; at += LARGE_PAGE) {
        uint64_t rights = PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_NO_EXECUTE;
        if (at >= DEVICES_BEGIN && at < FOUR_GIB) rights |= PTE_UNCACHED;
        *entry_for(DIRECT_MAP + at, 1) = at | rights;
    }
}

void paging_init(paddr_t loaded_end) {
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    paddr_t table = page_allocate();
    root = physical(table);
    map_directly();
    map(kernel_start, text_end, 0);
    map(text_end, rodata_end, PTE_NO_EXECUTE);
    map(rodata_end, kernel_end, PTE_WRITE | PTE_NO_EXECUTE);
    map(kernel_end, (char *)KERNBASE + loaded_end, PTE_WRITE | PTE_NO_EXECUTE);
    map_modules();
    *entry_for((vaddr_t)boot_stack_guard, 0) = 0;
    *entry_for((vaddr_t)fault_stack_guard, 0) = 0;
    write_cr3(table);
    write_cr0(read_cr0() | CR0_WP);
}

void print_translation(vaddr_t address) {
    static const char *const names[] = {"PT", "PD", "PDPT", "PML4"};
    uint64_t *table = root;
    for (int level = 3; level >= 0; level--) {
        unsigned index = index_at(address, level);
        uint64_t entry = table[index];
        printf("  %-4s [%3u] %016lx", names[level], index, entry);
        if ((entry & PTE_PRESENT) == 0) {
            printf(" nothing here\n");
            return;
        }
        if (level == 0 || (entry & PTE_LARGE) != 0) {
            vaddr_t inside = (1ul << (12 + 9 * level)) - 1;
            printf(" -> 0x%lx, read%s%s\n", ((entry & PTE_ADDRESS) & ~inside) | (address & inside),
                   (entry & PTE_WRITE) != 0 ? ", write" : "", (entry & PTE_NO_EXECUTE) == 0 ? ", execute" : "");
            return;
        }
        printf("\n");
        table = physical(entry & PTE_ADDRESS);
    }
}
