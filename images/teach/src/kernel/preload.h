/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_PRELOAD_H
#define TEACH_PRELOAD_H

#include "cpu.h"

/* Numbers of metadata records: FreeBSD sys/linker.h, x86/include/metadata.h. */
enum {
    MODINFO_END = 0,
    MODINFO_NAME = 1,
    MODINFO_TYPE = 2,
    MODINFO_ADDR = 3,
    MODINFO_SIZE = 4,
    MODINFO_ARGS = 6,
    MODINFO_METADATA = 0x8000,
    MODINFOMD_ELFHDR = MODINFO_METADATA | 2,
    MODINFOMD_SSYM = MODINFO_METADATA | 3,
    MODINFOMD_ESYM = MODINFO_METADATA | 4,
    MODINFOMD_ENVP = MODINFO_METADATA | 6,
    MODINFOMD_HOWTO = MODINFO_METADATA | 7,
    MODINFOMD_KERNEND = MODINFO_METADATA | 8,
    MODINFOMD_SHDR = MODINFO_METADATA | 9,
    MODINFOMD_SMAP = MODINFO_METADATA | 0x1001,
};

#define PRELOAD_FILES 16

/* A file that the loader has put into memory, as its records tell. Strings and data stay where they lie. */
struct preloaded_file {
    const char *name;
    const char *type;
    const char *arguments; /* NULL without any */
    paddr_t address;
    uint64_t size;
    const uint32_t *records; /* the first of this file's */
};

extern struct preloaded_file preloaded_files[PRELOAD_FILES];
extern unsigned preloaded_count;

/* Reads the list that begins at this physical address. False if it does not begin with a kernel. */
bool preload_init(paddr_t modulep);

/* The data of a file's record of this type, and its length; NULL if there is none. */
const void *preload_find(const struct preloaded_file *file, uint32_t type, uint32_t *length);

/* A record that holds a number, or `otherwise`. */
uint64_t preload_number(const struct preloaded_file *file, uint32_t type, uint64_t otherwise);

/* A variable of the loader's, or `otherwise`. */
const char *environment_get(const char *name, const char *otherwise);

/* The first variable, as name=value; the next follows its NUL, an empty one ends them. NULL without any. */
const char *environment_first(void);

#endif
