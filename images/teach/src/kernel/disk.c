/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk, whoever drives it: partitions (GUID partition table, UEFI specification 2.10 chapter 5) and a place
 * to write to. The loader's files lie in a UFS partition, which this kernel leaves alone; a partition named
 * "notes" is its own. Sector 0 of that counts boots, each of the others holds a line of text.
 */
#include "disk.h"

#include "clock.h"
#include "command.h"
#include "memory.h"
#include "printf.h"
#include "string.h"

#define GPT_HEADER_SECTOR 1
#define GPT_NAME_LENGTH 36
#define NOTES_MAGIC 0x7365746f6e686374ul /* "tchnotes" */
#define TRANSFER_SECTORS 64u
#define MOST_NOTES 16u

struct gpt_header {
    char signature[8];
    uint32_t revision, size, crc, reserved;
    uint64_t self, alternate, first_usable, last_usable;
    uint8_t guid[16];
    uint64_t entries;
    uint32_t entry_count, entry_size, entries_crc;
};

struct gpt_entry {
    uint8_t type[16], guid[16];
    uint64_t first, last, attributes;
    uint16_t name[GPT_NAME_LENGTH];
};

struct notes_header {
    uint64_t magic;
    uint64_t boots;
    uint64_t count;
};

static struct disk *disk0;
static uint64_t notes_first, notes_sectors; /* of the partition; 0: there is none */
/* Where devices read and write: memory they can be told the physical address of. */
static uint8_t buffer[TRANSFER_SECTORS * SECTOR_SIZE] __attribute__((aligned(4096)));

void disk_attach(struct disk *disk) {
    if (disk0 != NULL) {
        printf("%s: one disk is enough for this kernel\n", disk->name);
        return;
    }
    disk0 = disk;
    printf("%s: %lu sectors of %u bytes, %s\n", disk->name, disk->sectors, SECTOR_SIZE, disk->ident);
}

static void entry_name(const struct gpt_entry *entry, char *name) {
    unsigned i = 0;
    for (; i < GPT_NAME_LENGTH && entry->name[i] != 0; i++) name[i] = entry->name[i] < 0x7f ? (char)entry->name[i] : '?';
    name[i] = '\0';
}

/* Calls `visit` for each partition in the first sectors of the table. False: there is no table. */
static bool for_each_partition(void (*visit)(unsigned number, const struct gpt_entry *entry, const char *name)) {
    if (!disk0->read(disk0, GPT_HEADER_SECTOR, buffer, 1)) return false;
    struct gpt_header header;
    memcpy(&header, buffer, sizeof(header));
    if (memcmp(header.signature, "EFI PART", 8) != 0 || header.entry_size != sizeof(struct gpt_entry)) return false;
    if (!disk0->read(disk0, header.entries, buffer, 2)) return false;
    struct gpt_entry entries[2 * SECTOR_SIZE / sizeof(struct gpt_entry)];
    memcpy(entries, buffer, sizeof(entries));
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]) && i < header.entry_count; i++) {
        char name[GPT_NAME_LENGTH + 1];
        if (entries[i].first == 0) continue;
        entry_name(&entries[i], name);
        visit(i + 1, &entries[i], name);
    }
    return true;
}

static void find_notes(unsigned number, const struct gpt_entry *entry, const char *name) {
    (void)number;
    if (strcmp(name, "notes") != 0 || entry->last < entry->first) return;
    notes_first = entry->first;
    notes_sectors = entry->last - entry->first + 1;
}

static bool read_notes_header(struct notes_header *header) {
    if (notes_sectors == 0 || !disk0->read(disk0, notes_first, buffer, 1)) return false;
    memcpy(header, buffer, sizeof(*header));
    if (header->magic != NOTES_MAGIC) *header = (struct notes_header){.magic = NOTES_MAGIC};
    return true;
}

/* Writes a sector of the notes; it is on the disk when this returns. */
static bool write_notes(uint64_t sector, const void *data, size_t length) {
    memset(buffer, 0, SECTOR_SIZE);
    memcpy(buffer, data, length);
    return disk0->write(disk0, notes_first + sector, buffer, 1) && disk0->flush(disk0);
}

void disk_count_boot(void) {
    struct notes_header header;
    if (disk0 == NULL || !for_each_partition(find_notes) || !read_notes_header(&header)) return;
    header.boots++;
    if (!write_notes(0, &header, sizeof(header))) printf("%s: could not be written to\n", disk0->name);
    else printf("%s: boot number %lu from this disk\n", disk0->name, header.boots);
}

static void print_partition(unsigned number, const struct gpt_entry *entry, const char *name) {
    printf("  %sp%u  %6lu - %6lu  %s\n", disk0->name, number, entry->first, entry->last, name);
}

static void show(void) {
    struct notes_header header;
    printf("%s: %lu KiB, %s\n", disk0->name, disk0->sectors / 2, disk0->ident);
    if (!for_each_partition(print_partition)) printf("  no partition table\n");
    if (!read_notes_header(&header)) return;
    printf("  boots: %lu, notes: %lu\n", header.boots, header.count);
    for (uint64_t i = 0; i < header.count; i++)
        if (disk0->read(disk0, notes_first + 1 + i, buffer, 1)) printf("  %2lu  %.128s\n", i + 1, (char *)buffer);
}

/* Puts the words together again as a line, and the line behind the others. */
static void write_line(int argc, char **argv) {
    struct notes_header header;
    char line[SECTOR_SIZE];
    size_t length = 0;
    for (int i = 0; i < argc; i++) {
        if (i > 0) line[length++] = ' ';
        memcpy(line + length, argv[i], strlen(argv[i]));
        length += strlen(argv[i]);
    }
    if (!read_notes_header(&header)) {
        printf("disk: there is no partition for notes\n");
        return;
    }
    if (header.count >= MOST_NOTES || header.count + 1 >= notes_sectors) {
        printf("disk: the notes are full\n");
        return;
    }
    header.count++;
    if (write_notes(header.count, line, length) && write_notes(0, &header, sizeof(header)))
        printf("note %lu is on the disk\n", header.count);
    else printf("disk: could not be written to\n");
}

static void read_sector(const char *text) {
    uint64_t sector;
    if (!parse_number(text, &sector)) printf("disk: '%s' is not a sector\n", text);
    else if (!disk0->read(disk0, sector, buffer, 1)) printf("disk: sector %lu could not be read\n", sector);
    else {
        /* Twelve lines are enough to recognise it. */
        for (unsigned at = 0; at < 12 * 16; at += 16) {
            printf("%04x ", at);
            for (unsigned i = 0; i < 16; i++) printf(" %02x", buffer[at + i]);
            printf("\n");
        }
    }
}

/* Reads the whole disk. The sum is Fletcher's, over 32-bit words. */
static void read_all(void) {
    uint64_t begin = clock_microseconds(), low = 0, high = 0;
    for (uint64_t at = 0; at < disk0->sectors; at += TRANSFER_SECTORS) {
        uint64_t left = disk0->sectors - at;
        unsigned count = left < TRANSFER_SECTORS ? (unsigned)left : TRANSFER_SECTORS;
        if (!disk0->read(disk0, at, buffer, count)) {
            printf("disk: sector %lu could not be read\n", at);
            return;
        }
        for (unsigned i = 0; i < count * SECTOR_SIZE; i += 4) {
            low = (low + *(const uint32_t *)(buffer + i)) % 0xffffffff;
            high = (high + low) % 0xffffffff;
        }
    }
    uint64_t elapsed = clock_microseconds() - begin;
    printf("%lu KiB, sum %08lx%08lx, %lu.%03lu ms\n", disk0->sectors / 2, high, low, elapsed / 1000, elapsed % 1000);
}

static void disk(int argc, char **argv) {
    if (disk0 == NULL) printf("disk: there is none, or no driver for it\n");
    else if (argc == 1) show();
    else if (argc == 2 && strcmp(argv[1], "sum") == 0) read_all();
    else if (argc == 3 && strcmp(argv[1], "read") == 0) read_sector(argv[2]);
    else if (argc > 2 && strcmp(argv[1], "write") == 0) write_line(argc - 2, argv + 2);
    else printf("disk: disk, disk read sector, disk write text, disk sum\n");
}
COMMAND(disk, "[read n | write text | sum]", "partitions and notes; a sector; a note more; read it all");
