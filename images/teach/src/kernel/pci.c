/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: every function has 256 bytes of configuration space that say what it is and where its registers are.
 * They are reached through two I/O ports (PCI Local Bus Specification 3.0, 3.2.2.3). bhyve's bus 0 has all
 * there is unless a user asks for more, and no bridges that would lead elsewhere.
 */
#include "pci.h"

#include "apic.h"
#include "command.h"
#include "memory.h"
#include "printf.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u

#define SLOTS 32
#define NUMBERS 8
#define MULTI_FUNCTION 0x80
#define STATUS_CAPABILITIES 0x10
#define BARS 6

/* Message Signalled Interrupts: 6.8.2; where messages go: SDM volume 3A, 11.11. */
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4 };
#define MSIX_ENABLE 0x8000
#define MSIX_FUNCTION_MASK 0x4000
#define MSI_ADDRESS 0xfee00000u

static struct pci_function functions[64];
static unsigned function_count;

static void choose(const struct pci_function *f, unsigned offset) {
    outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)f->slot << 11 | (uint32_t)f->number << 8 | (offset & 0xfc));
}

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned size) {
    choose(f, offset);
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));
    return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned size, uint32_t value) {
    choose(f, offset);
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));
    if (size == 1) outb(port, (uint8_t)value);
    else if (size == 2) outw(port, (uint16_t)value);
    else outl(port, value);
}

void pci_init(void) {
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        unsigned numbers = 1;
        for (unsigned number = 0; number < numbers; number++) {
            struct pci_function f = {.slot = (uint8_t)slot, .number = (uint8_t)number};
            f.vendor = (uint16_t)pci_read(&f, PCI_VENDOR, 2);
            if (f.vendor == 0xffff || function_count == sizeof(functions) / sizeof(functions[0])) continue;
            f.device = (uint16_t)pci_read(&f, PCI_DEVICE, 2);
            f.class = pci_read(&f, PCI_CLASS, 4) >> 8;
            if (number == 0 && (pci_read(&f, PCI_HEADER_TYPE, 1) & MULTI_FUNCTION) != 0) numbers = NUMBERS;
            functions[function_count++] = f;
        }
    }
}

const struct pci_function *pci_find(const struct pci_function *after, uint16_t vendor, uint16_t device) {
    const struct pci_function *f = after == NULL ? functions : after + 1;
    for (; f < functions + function_count; f++)
        if (f->vendor == vendor && f->device == device) return f;
    return NULL;
}

struct pci_bar pci_bar(const struct pci_function *f, unsigned index) {
    uint32_t low = pci_read(f, PCI_BAR + 4 * index, 4);
    if ((low & 1) != 0) return (struct pci_bar){true, low & ~3u};
    uint64_t high = (low & 6) == 4 ? pci_read(f, PCI_BAR + 4 * index + 4, 4) : 0;
    return (struct pci_bar){false, high << 32 | (low & ~15u)};
}

/* Capabilities are a list inside the configuration space; 0 if this one is not in it. */
static unsigned find_capability(const struct pci_function *f, uint8_t id) {
    if ((pci_read(f, PCI_STATUS, 2) & STATUS_CAPABILITIES) == 0) return 0;
    unsigned at = pci_read(f, PCI_CAPABILITIES, 1) & 0xfc;
    for (unsigned left = 48; at != 0 && left > 0; left--) {
        if (pci_read(f, at, 1) == id) return at;
        at = pci_read(f, at + 1, 1) & 0xfc;
    }
    return 0;
}

bool pci_establish_msix(const struct pci_function *f, interrupt_handler *handler, void *argument) {
    unsigned capability = find_capability(f, PCI_CAPABILITY_MSIX);
    if (capability == 0) return false;
    uint32_t where = pci_read(f, capability + MSIX_TABLE, 4);
    volatile uint32_t *entry = physical(pci_bar(f, where & 7).address + (where & ~7u));
    entry[0] = MSI_ADDRESS | lapic_id() << 12;
    entry[1] = 0;
    entry[2] = interrupt_establish(handler, argument);
    entry[3] = 0; /* not masked */
    uint32_t control = pci_read(f, capability + MSIX_CONTROL, 2);
    pci_write(f, capability + MSIX_CONTROL, 2, (control & ~(uint32_t)MSIX_FUNCTION_MASK) | MSIX_ENABLE);
    return true;
}

static const char *class_name(uint32_t class) {
    switch (class >> 8) {
    case 0x0100: return "mass storage";
    case 0x0200: return "network";
    case 0x0600: return "host bridge";
    case 0x0601: return "ISA bridge";
    case 0x0700: return "serial port";
    case 0x1000: return "entropy";
    default: return class >> 16 == 0xff ? "other" : "";
    }
}

static void print_function(const struct pci_function *f) {
    printf("  0:%u:%u %s %04x:%04x  %-12s", f->slot, f->number, f->slot < 10 ? " " : "", f->vendor, f->device, class_name(f->class));
    for (unsigned index = 0; index < BARS; index++) {
        struct pci_bar bar = pci_bar(f, index);
        if (bar.address == 0) continue;
        printf(" %s 0x%lx", bar.is_io ? "io" : "mem", bar.address);
        if (!bar.is_io && (pci_read(f, PCI_BAR + 4 * index, 4) & 6) == 4) index++;
    }
    unsigned pin = pci_read(f, PCI_INTERRUPT_PIN, 1);
    if (pin != 0) printf(" INT%c irq %u", 'A' + pin - 1, pci_read(f, PCI_INTERRUPT_LINE, 1));
    if (find_capability(f, PCI_CAPABILITY_MSIX) != 0) printf(" MSI-X");
    printf("\n");
}

void pci_print(void) {
    for (unsigned i = 0; i < function_count; i++) print_function(&functions[i]);
}

static void pci(int argc, char **argv) {
    (void)argc, (void)argv;
    pci_print();
}
COMMAND(pci, "", "PCI functions: ids, registers, interrupts");
