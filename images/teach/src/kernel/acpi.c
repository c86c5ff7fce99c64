/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's description of the machine: ACPI specification 6.3 chapter 5. A signature in low memory leads
 * to a list of tables; two of them matter here. MADT tells where the interrupt controllers are, FADT how to
 * switch the machine off. The rest would take an interpreter for the language that DSDT is written in.
 */
#include "acpi.h"

#include "memory.h"
#include "printf.h"
#include "string.h"

struct acpi acpi = {
    .ioapic = 0xfec00000,
    /* The timer was on pin 0 of the 8259, and is on pin 2 of every I/O APIC. */
    .isa_pin = {2, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
};

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum { FADT_PM1A_CONTROL = 64, FADT_RESET_REGISTER = 116, FADT_RESET_VALUE = 128 };
enum { MADT_ENTRIES = 44, MADT_IOAPIC = 1, MADT_OVERRIDE = 2 };

#define ADDRESS_SPACE_IO 1

static uint32_t u32_at(const void *base, unsigned offset) {
    uint32_t value;
    memcpy(&value, (const char *)base + offset, sizeof(value));
    return value;
}

static uint64_t u64_at(const void *base, unsigned offset) {
    return u32_at(base, offset) | (uint64_t)u32_at(base, offset + 4) << 32;
}

static bool sums_to_zero(const void *base, size_t length) {
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++) sum += ((const uint8_t *)base)[i];
    return sum == 0;
}

static const char *find_rsdp(void) {
    for (paddr_t at = 0xe0000; at < 0x100000; at += 16) {
        const char *rsdp = physical(at);
        if (memcmp(rsdp, "RSD PTR ", 8) == 0 && sums_to_zero(rsdp, 20)) return rsdp;
    }
    return NULL;
}

static void read_fadt(const struct table *fadt) {
    acpi.power_port = (uint16_t)u32_at(fadt, FADT_PM1A_CONTROL);
    if (fadt->length > FADT_RESET_VALUE && ((const uint8_t *)fadt)[FADT_RESET_REGISTER] == ADDRESS_SPACE_IO) {
        acpi.reset_port = (uint16_t)u64_at(fadt, FADT_RESET_REGISTER + 4);
        acpi.reset_value = ((const uint8_t *)fadt)[FADT_RESET_VALUE];
    }
}

static void read_madt(const struct table *madt) {
    const uint8_t *bytes = (const uint8_t *)madt;
    for (unsigned at = MADT_ENTRIES; at + 2 <= madt->length && bytes[at + 1] >= 2; at += bytes[at + 1]) {
        const uint8_t *entry = bytes + at;
        if (entry[0] == MADT_IOAPIC) acpi.ioapic = u32_at(entry, 4);
        if (entry[0] == MADT_OVERRIDE && entry[3] < 16) acpi.isa_pin[entry[3]] = (uint8_t)u32_at(entry, 4);
    }
}

static void visit(paddr_t address) {
    const struct table *table = physical(address);
    printf(" %.4s", table->signature);
    if (!sums_to_zero(table, table->length)) {
        printf("(damaged)");
        return;
    }
    if (memcmp(table->signature, "FACP", 4) == 0) read_fadt(table);
    if (memcmp(table->signature, "APIC", 4) == 0) read_madt(table);
}

void acpi_init(void) {
    const char *rsdp = find_rsdp();
    if (rsdp == NULL) {
        printf("ACPI: no tables\n");
        return;
    }
    acpi.is_present = true;
    bool is_wide = rsdp[RSDP_REVISION] >= 2;
    paddr_t root = is_wide ? u64_at(rsdp, RSDP_XSDT) : u32_at(rsdp, RSDP_RSDT);
    const struct table *list = physical(root);
    unsigned width = is_wide ? 8 : 4;
    printf("ACPI:");
    for (unsigned at = sizeof(*list); at + width <= list->length; at += width)
        visit(is_wide ? u64_at(list, at) : u32_at(list, at));
    printf("\n");
}
