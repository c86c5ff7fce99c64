/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader tells: a list of records in memory, of two words and data, padded to 8 bytes:
 *
 *     type, length, data …      MODINFO_NAME begins a file, MODINFO_END ends the list
 *
 * Addresses in it are physical. FreeBSD: sys/kern/subr_module.c, stand/common/modinfo.c.
 */
#include "preload.h"

#include "memory.h"
#include "string.h"

struct preloaded_file preloaded_files[PRELOAD_FILES];
unsigned preloaded_count;

static const char *environment;

static const uint32_t *next_record(const uint32_t *record) {
    return record + 2 + (record[1] + 7) / 8 * 2;
}

/* Notes what every file has; the rest is looked up when somebody asks. */
static void note(struct preloaded_file *file, const uint32_t *record) {
    const void *data = record + 2;
    switch (record[0]) {
    case MODINFO_TYPE: file->type = data; break;
    case MODINFO_ARGS: file->arguments = data; break;
    case MODINFO_ADDR: file->address = *(const uint64_t *)data; break;
    case MODINFO_SIZE: file->size = *(const uint64_t *)data; break;
    }
}

bool preload_init(paddr_t modulep) {
    struct preloaded_file *file = NULL;
    for (const uint32_t *r = physical(modulep); r[0] != MODINFO_END || r[1] != 0; r = next_record(r)) {
        if (r[0] == MODINFO_NAME) {
            if (preloaded_count == PRELOAD_FILES) break;
            file = &preloaded_files[preloaded_count++];
            file->name = (const char *)(r + 2);
            file->type = "";
            file->records = r;
        } else if (file != NULL) {
            note(file, r);
        }
    }
    if (preloaded_count == 0 || strcmp(preloaded_files[0].type, "elf kernel") != 0) return false;
    paddr_t envp = preload_number(&preloaded_files[0], MODINFOMD_ENVP, 0);
    if (envp != 0) environment = physical(envp);
    return true;
}

const void *preload_find(const struct preloaded_file *file, uint32_t type, uint32_t *length) {
    const uint32_t *record = next_record(file->records);
    for (; record[0] != MODINFO_NAME && record[0] != MODINFO_END; record = next_record(record)) {
        if (record[0] != type) continue;
        if (length != NULL) *length = record[1];
        return record + 2;
    }
    return NULL;
}

uint64_t preload_number(const struct preloaded_file *file, uint32_t type, uint64_t otherwise) {
    uint32_t length;
    const void *data = preload_find(file, type, &length);
    if (data == NULL) return otherwise;
    return length == 4 ? *(const uint32_t *)data : *(const uint64_t *)data;
}

const char *environment_first(void) {
    return environment;
}

const char *environment_get(const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (const char *at = environment; at != NULL && *at != '\0'; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
    return otherwise;
}
