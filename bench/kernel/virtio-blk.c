// SPDX-License-Identifier: BSD-2-Clause
// Programs that read and write a disk: a driver of a virtio block device through its legacy interface.
// Virtio 1.1, 4.1.4.8 (legacy PCI registers), 2.6 (split queues), 5.2 (block device). It waits with HLT for the
// device's interrupt, as an operating system does.
//
// The disk has each sector's number in the sector's first word: that is what the answers add up.
#include "kernel.h"

#define REGISTER_GUEST_FEATURES 4
#define REGISTER_QUEUE_ADDRESS 8
#define REGISTER_QUEUE_SIZE 12
#define REGISTER_QUEUE_SELECT 14
#define REGISTER_NOTIFY 16
#define REGISTER_STATUS 18
#define REGISTER_ISR 19
#define STATUS_READY 7          /* ACKNOWLEDGE, DRIVER, DRIVER_OK */

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2      /* the device writes */
#define LARGEST_QUEUE 1024

#define SECTOR_BYTES 512
#define DISK_SECTORS 65536u
#define SLOTS 4
#define LARGE 128               /* sectors */
#define SMALL 8
#define LARGE_REQUESTS 128
#define SMALL_REQUESTS 256

enum { READ, WRITE };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct request {
    uint32_t type, reserved;
    uint64_t sector;
    volatile uint8_t status;
};

static __attribute__((aligned(4096))) uint8_t queue[LARGEST_QUEUE * 32];
static struct request requests[SLOTS];
static uint16_t base, size;
static volatile uint16_t *available;
static int irq = -1;

static void out16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static uint16_t in16(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static uint32_t read_config(unsigned device, unsigned offset) {
    out32(0xcf8, 0x80000000 | device << 11 | offset);
    return in32(0xcfc);
}

static void write_config(unsigned device, unsigned offset, uint32_t value) {
    out32(0xcf8, 0x80000000 | device << 11 | offset);
    out32(0xcfc, value);
}

int disk_interrupt(word vector) {
    if (irq < 0 || vector != (word)(TIMER_VECTOR + irq)) return 0;
    in8(base + REGISTER_ISR);
    if (irq >= 8) out8(0xa0, 0x20);
    out8(0x20, 0x20);
    return 1;
}

static void unmask(unsigned line) {
    uint16_t port = line < 8 ? 0x21 : 0xa1;
    out8(port, in8(port) & ~(1 << (line & 7)));
    if (line >= 8) out8(0x21, in8(0x21) & ~4);
}

static void start_device(unsigned device) {
    write_config(device, 4, read_config(device, 4) | 5);
    base = read_config(device, 0x10) & ~3u;
    out8(base + REGISTER_STATUS, 0);
    out8(base + REGISTER_STATUS, 3);
    out32(base + REGISTER_GUEST_FEATURES, 0);
    out16(base + REGISTER_QUEUE_SELECT, 0);
    size = in16(base + REGISTER_QUEUE_SIZE);
    available = (uint16_t *)(queue + 16 * size);
    out32(base + REGISTER_QUEUE_ADDRESS, (word)queue / 4096);
    out8(base + REGISTER_STATUS, STATUS_READY);
    irq = read_config(device, 0x3c) & 0xff;
    unmask(irq);
}

/** Looks for a disk on the first bus, once. */
void disk_prepare(void) {
    if (base != 0) return;
    for (unsigned device = 0; device < 32; device++) {
        if (read_config(device, 0) == 0x10011af4) {
            start_device(device);
            return;
        }
    }
}

static uint32_t *buffer(unsigned slot) {
    return (uint32_t *)(data_arena + slot * LARGE * SECTOR_BYTES);
}

static void submit(unsigned slot, uint32_t type, uint32_t sector, uint32_t count) {
    struct descriptor *d = (struct descriptor *)queue + 3 * slot;
    struct request *request = &requests[slot];
    request->type = type;
    request->sector = sector;
    request->status = 0xff;
    d[0] = (struct descriptor){(word)request, 16, DESCRIPTOR_NEXT, 3 * slot + 1};
    d[1] = (struct descriptor){(word)buffer(slot), count * SECTOR_BYTES,
                               DESCRIPTOR_NEXT | (type == READ ? DESCRIPTOR_WRITE : 0), 3 * slot + 2};
    d[2] = (struct descriptor){(word)&request->status, 1, DESCRIPTOR_WRITE, 0};
    available[2 + available[1] % size] = 3 * slot;
    __asm__ volatile("" : : : "memory");
    available[1]++;
    __asm__ volatile("" : : : "memory");
    out16(base + REGISTER_NOTIFY, 0);
}

/** Until the device is done with a slot's request. */
static void wait(unsigned slot) {
    __asm__ volatile("cli");
    while (requests[slot].status == 0xff) __asm__ volatile("sti; hlt; cli" : : : "memory");
    __asm__ volatile("sti");
}

static uint32_t sum(unsigned slot, uint32_t count) {
    uint32_t total = requests[slot].status;
    for (uint32_t i = 0; i < count; i++) total += buffer(slot)[i * SECTOR_BYTES / 4];
    return total;
}

static void number(unsigned slot, uint32_t sector, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) buffer(slot)[i * SECTOR_BYTES / 4] = sector + i;
}

/** 8 MiB in order, 64 KiB a request, four requests at a time. */
static uint32_t sequential(uint32_t type) {
    uint32_t total = 0;
    if (base == 0) return 0;
    for (unsigned i = 0; i < LARGE_REQUESTS + SLOTS; i++) {
        unsigned slot = i % SLOTS;
        if (i >= SLOTS) {
            wait(slot);
            total += sum(slot, LARGE);
        }
        if (i >= LARGE_REQUESTS) continue;
        if (type == WRITE) number(slot, i * LARGE, LARGE);
        submit(slot, type, i * LARGE, LARGE);
    }
    return total;
}

/** 256 requests of 4 KiB anywhere, one at a time. */
static uint32_t scattered(uint32_t type) {
    uint32_t total = 0, random = 321;
    if (base == 0) return 0;
    for (unsigned i = 0; i < SMALL_REQUESTS; i++) {
        uint32_t sector = next_random(&random) % (DISK_SECTORS / SMALL) * SMALL;
        if (type == WRITE) number(0, sector, SMALL);
        submit(0, type, sector, SMALL);
        wait(0);
        total += sum(0, SMALL);
    }
    return total;
}

uint32_t disk_read_run(void) {
    return sequential(READ);
}

uint32_t disk_write_run(void) {
    return sequential(WRITE);
}

uint32_t disk_random_read_run(void) {
    return scattered(READ);
}

uint32_t disk_random_write_run(void) {
    return scattered(WRITE);
}
