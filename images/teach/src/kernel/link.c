/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules. A module is an object file: its code is full of holes where addresses belong that nobody could know
 * before. The loader has put its sections into memory, and left a note where each lies; the kernel fills the
 * holes in. ELF-64 object file format; System V ABI, AMD64 supplement 4.4; FreeBSD: sys/kern/link_elf_obj.c.
 */
#include "link.h"

#include "command.h"
#include "memory.h"
#include "module.h"
#include "preload.h"
#include "printf.h"
#include "string.h"

struct elf_header {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t size, program_header_size, program_header_count;
    uint16_t section_header_size, section_count, section_names;
};

struct elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size; /* address: physical, written by the loader; 0: not loaded */
    uint32_t link, info;
    uint64_t alignment, entry_size;
};

struct elf_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

struct elf_rela {
    uint64_t offset;
    uint32_t type, symbol;
    int64_t addend;
};

enum { SHT_SYMTAB = 2, SHT_RELA = 4 };
enum { SHN_UNDEFINED = 0, SHN_ABSOLUTE = 0xfff1 };
enum { R_X86_64_64 = 1, R_X86_64_PC32 = 2, R_X86_64_PLT32 = 4, R_X86_64_32S = 11 };
#define SYMBOL_BINDING(info) ((info) >> 4)
#define SYMBOL_LOCAL 0
#define SYMBOL_TYPE(info) ((info) & 15)
#define SYMBOL_FUNCTION 2

/* The kernel, and each module. */
struct image {
    const struct preloaded_file *file;
    const struct elf_section *sections; /* NULL for the kernel: its symbols are final */
    unsigned section_count;
    const char *section_names;
    const struct elf_symbol *symbols;
    unsigned symbol_count;
    const char *strings;
    bool is_broken, is_started;
};

static struct image images[PRELOAD_FILES];
static unsigned image_count;

/* Sections and tables lie in the window that code runs in, so that 32 bits reach from each to each. */
static void *at_kernbase(paddr_t address) {
    return (void *)(KERNBASE + address);
}

static void find_kernel_symbols(struct image *kernel) {
    paddr_t start = preload_number(kernel->file, MODINFOMD_SSYM, 0);
    if (start == 0) return;
    const uint64_t *size = at_kernbase(start);
    kernel->symbols = (const void *)(size + 1);
    kernel->symbol_count = (unsigned)(*size / sizeof(struct elf_symbol));
    kernel->strings = (const char *)(size + 2) + (*size + 7) / 8 * 8;
}

static bool find_module_sections(struct image *module) {
    const struct elf_header *header = preload_find(module->file, MODINFOMD_ELFHDR, NULL);
    module->sections = preload_find(module->file, MODINFOMD_SHDR, NULL);
    if (header == NULL || module->sections == NULL) return false;
    module->section_count = header->section_count;
    module->section_names = at_kernbase(module->sections[header->section_names].address);
    for (unsigned i = 0; i < module->section_count; i++) {
        const struct elf_section *s = &module->sections[i];
        if (s->type != SHT_SYMTAB || s->address == 0) continue;
        module->symbols = at_kernbase(s->address);
        module->symbol_count = (unsigned)(s->size / sizeof(struct elf_symbol));
        module->strings = at_kernbase(module->sections[s->link].address);
        return true;
    }
    return false;
}

/* False if the section it is in was not loaded. */
static bool value_of(const struct image *image, const struct elf_symbol *symbol, vaddr_t *value) {
    *value = symbol->value;
    if (image->sections == NULL || symbol->section == SHN_ABSOLUTE) return true;
    if (symbol->section >= image->section_count) return false;
    paddr_t section = image->sections[symbol->section].address;
    *value += (vaddr_t)at_kernbase(section);
    return section != 0;
}

static bool find_global(const char *name, vaddr_t *value) {
    for (unsigned i = 0; i < image_count; i++) {
        const struct image *image = &images[i];
        for (unsigned j = 0; j < image->symbol_count; j++) {
            const struct elf_symbol *symbol = &image->symbols[j];
            if (SYMBOL_BINDING(symbol->info) == SYMBOL_LOCAL || symbol->section == SHN_UNDEFINED) continue;
            if (strcmp(image->strings + symbol->name, name) == 0) return value_of(image, symbol, value);
        }
    }
    return false;
}

/* Fills in one hole: S the symbol's value, A the addend, P the place. */
static bool relocate(const struct image *module, vaddr_t section, const struct elf_rela *rela) {
    const struct elf_symbol *symbol = &module->symbols[rela->symbol];
    const char *name = module->strings + symbol->name;
    vaddr_t value, place = section + rela->offset;
    bool is_known = symbol->section == SHN_UNDEFINED ? find_global(name, &value) : value_of(module, symbol, &value);
    if (!is_known) {
        printf("%s: symbol %s is undefined\n", module->file->name, name);
        return false;
    }
    int64_t result = (int64_t)(value + (uint64_t)rela->addend);
    switch (rela->type) {
    case R_X86_64_64: memcpy((void *)place, &result, 8); return true;
    case R_X86_64_PC32:
    case R_X86_64_PLT32: result -= (int64_t)place; break;
    case R_X86_64_32S: break;
    default: printf("%s: relocation of type %u\n", module->file->name, rela->type); return false;
    }
    memcpy((void *)place, &result, 4);
    if (result == (int32_t)result) return true;
    printf("%s: %s is out of reach\n", module->file->name, name);
    return false;
}

static bool relocate_module(const struct image *module) {
    for (unsigned i = 0; i < module->section_count; i++) {
        const struct elf_section *s = &module->sections[i];
        if (s->type != SHT_RELA || s->address == 0) continue;
        const struct elf_rela *rela = at_kernbase(s->address);
        vaddr_t section = (vaddr_t)at_kernbase(module->sections[s->info].address);
        for (uint64_t j = 0; j < s->size / sizeof(*rela); j++)
            if (!relocate(module, section, &rela[j])) return false;
    }
    return true;
}

/* A linker set of the module's: an array of pointers, and how many. */
static void *const *find_set(const struct image *module, const char *name, unsigned *count) {
    *count = 0;
    for (unsigned i = 0; i < module->section_count; i++) {
        const struct elf_section *s = &module->sections[i];
        if (s->address == 0 || strcmp(module->section_names + s->name, name) != 0) continue;
        *count = (unsigned)(s->size / sizeof(void *));
        return at_kernbase(s->address);
    }
    return NULL;
}

static bool provides(const struct image *module, const char *name) {
    unsigned count;
    void *const *set = find_set(module, "set_modmetadata_set", &count);
    for (unsigned i = 0; i < count; i++) {
        const struct mod_metadata *record = set[i];
        if (record->type == MDT_VERSION && strcmp(record->name, name) == 0) return true;
    }
    return false;
}

/* True if everything that it depends on has begun. Versions were the loader's to compare. */
static bool can_start(const struct image *module) {
    unsigned count;
    void *const *set = find_set(module, "set_modmetadata_set", &count);
    for (unsigned i = 0; i < count; i++) {
        const struct mod_metadata *record = set[i];
        if (record->type != MDT_DEPEND || strcmp(record->name, "kernel") == 0) continue;
        bool is_met = false;
        for (unsigned j = 1; j < image_count; j++) is_met |= images[j].is_started && provides(&images[j], record->name);
        if (!is_met) return false;
    }
    return true;
}

static void start(struct image *module) {
    unsigned count;
    module->is_started = true;
    void *const *commands = find_set(module, "set_commands", &count);
    commands_add((const struct command *const *)commands, (const struct command *const *)commands + count);
    void *const *set = find_set(module, "set_modmetadata_set", &count);
    for (unsigned i = 0; i < count; i++) {
        const struct mod_metadata *record = set[i];
        if (record->type != MDT_MODULE) continue;
        const struct moduledata *data = record->data;
        int error = data->event((void *)module, MOD_LOAD, data->argument);
        if (error != 0) printf("%s: error %d\n", data->name, error);
    }
}

void link_modules(void) {
    for (unsigned i = 0; i < preloaded_count; i++) {
        struct image *image = &images[image_count];
        *image = (struct image){.file = &preloaded_files[i]};
        if (i == 0) find_kernel_symbols(image);
        else if (strcmp(image->file->type, "elf obj module") != 0 || !find_module_sections(image)) continue;
        image_count++;
    }
    /* All first: a module may name another's symbols, whichever of them was loaded first. */
    for (unsigned i = 1; i < image_count; i++) images[i].is_broken = !relocate_module(&images[i]);
    for (bool has_progress = true; has_progress;) {
        has_progress = false;
        for (unsigned i = 1; i < image_count; i++) {
            if (images[i].is_started || images[i].is_broken || !can_start(&images[i])) continue;
            start(&images[i]);
            has_progress = true;
        }
    }
    for (unsigned i = 1; i < image_count; i++)
        if (!images[i].is_started) printf("%s was not started\n", images[i].file->name);
}

void print_symbol(vaddr_t address) {
    const char *name = NULL;
    vaddr_t nearest = 0;
    for (unsigned i = 0; i < image_count; i++) {
        for (unsigned j = 0; j < images[i].symbol_count; j++) {
            const struct elf_symbol *symbol = &images[i].symbols[j];
            vaddr_t value;
            if (SYMBOL_TYPE(symbol->info) != SYMBOL_FUNCTION || !value_of(&images[i], symbol, &value)) continue;
            if (value > address || address >= value + symbol->size || value < nearest) continue;
            nearest = value;
            name = images[i].strings + symbol->name;
        }
    }
    if (name == NULL) printf("0x%lx", address);
    else printf("%s+0x%lx", name, address - nearest);
}
