/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_DISK_H
#define TEACH_DISK_H

#include "cpu.h"

#define SECTOR_SIZE 512u

/* A disk, as its driver offers it. Buffers are in the kernel's data or the direct map; true: it went well. */
struct disk {
    const char *name;
    const char *ident;
    uint64_t sectors;
    bool (*read)(struct disk *disk, uint64_t sector, void *buffer, unsigned count);
    bool (*write)(struct disk *disk, uint64_t sector, const void *buffer, unsigned count);
    bool (*flush)(struct disk *disk);
    void *driver;
};

/* For drivers: this disk is ready. */
void disk_attach(struct disk *disk);

/* Counts this boot on the disk's notes partition, if there is one. */
void disk_count_boot(void);

#endif
