/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_PCI_H
#define TEACH_PCI_H

#include "interrupts.h"

/* Registers of the configuration space's header: PCI Local Bus Specification 3.0, 6.1. */
enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR = 0x10,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};

#define PCI_COMMAND_IO 0x1
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4
#define PCI_CAPABILITY_MSIX 0x11

struct pci_function {
    uint8_t slot, number;
    uint16_t vendor, device;
    uint32_t class; /* class, subclass, interface */
};

struct pci_bar {
    bool is_io;
    uint64_t address; /* 0: not there */
};

/* Looks what is on bus 0. */
void pci_init(void);
void pci_print(void);

/* The first function from `after` on (exclusive; NULL: from the beginning) with these ids; NULL if none. */
const struct pci_function *pci_find(const struct pci_function *after, uint16_t vendor, uint16_t device);

uint32_t pci_read(const struct pci_function *function, unsigned offset, unsigned size);
void pci_write(const struct pci_function *function, unsigned offset, unsigned size, uint32_t value);
struct pci_bar pci_bar(const struct pci_function *function, unsigned index);

/*
 * Makes a function raise its interrupts as messages, and entry 0 of its table (MSI-X) call this handler.
 * False if it cannot.
 */
bool pci_establish_msix(const struct pci_function *function, interrupt_handler *handler, void *argument);

#endif
