/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first instruction to the prompt. Order matters: until paging_init memory is the loader's, until
 * interrupts_init any fault ends the machine.
 */
#include "acpi.h"
#include "apic.h"
#include "clock.h"
#include "command.h"
#include "console.h"
#include "disk.h"
#include "faults.h"
#include "interrupts.h"
#include "link.h"
#include "memory.h"
#include "module.h"
#include "paging.h"
#include "pci.h"
#include "preload.h"
#include "printf.h"

/* What modules are written for: MODULE_DEPEND in module.h. */
MODULE_VERSION(kernel, KERNEL_VERSION);

static void print_processor(void) {
    struct cpuid_result vendor = cpuid(0);
    uint32_t name[3] = {vendor.ebx, vendor.edx, vendor.ecx};
    char brand[49] = {0};
    for (uint32_t i = 0; i < 3; i++) *(struct cpuid_result *)(brand + 16 * i) = cpuid(0x80000002 + i);
    struct cpuid_result hypervisor = cpuid(0x40000000);
    uint32_t host[3] = {hypervisor.ebx, hypervisor.ecx, hypervisor.edx};
    printf("CPU: %.12s, %s\n", (const char *)name, brand);
    if ((cpuid(1).ecx >> 31) != 0) printf("Hypervisor: %.12s\n", (const char *)host);
}

static void print_hand_over(paddr_t modulep, paddr_t kernend) {
    printf("Metadata at 0x%lx, first free byte 0x%lx, boothowto 0x%lx\n", modulep, kernend,
           preload_number(&preloaded_files[0], MODINFOMD_HOWTO, 0));
    for (unsigned i = 0; i < preloaded_count; i++) {
        const struct preloaded_file *file = &preloaded_files[i];
        printf("  %-28s %-14s 0x%lx, 0x%lx bytes", file->name, file->type, file->address, file->size);
        if (file->arguments != NULL) printf(", arguments %s", file->arguments);
        printf("\n");
    }
    printf("Environment: root is %s on %s\n", environment_get("vfs.root.mountfrom", "nowhere"),
           environment_get("currdev", "no device"));
}

void kernel_main(paddr_t modulep, paddr_t kernend) __attribute__((noreturn));
void kernel_main(paddr_t modulep, paddr_t kernend) {
    bool is_preloaded = preload_init(modulep);
    console_init();
    if (!is_preloaded) panic("the loader has left no metadata");
    printf("\ntshyve teaching kernel, on what bhyve calls a computer\n");
    print_processor();
    print_hand_over(modulep, kernend);
    memory_init(kernend);
    printf("Memory map:\n");
    memory_print_map();
    paging_init(kernend);
    interrupts_init();
    acpi_init();
    apic_init();
    interrupts_enable();
    clock_init();
    printf("PCI:\n");
    pci_init();
    pci_print();
    link_modules();
    disk_count_boot();
    console_listen();
    prompt();
}
