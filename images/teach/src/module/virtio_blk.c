/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_blk.ko: disks. A request is three buffers: what to do, the data, and a byte in which the device says
 * how it went. VirtIO 1.2, 5.2.
 */
#include "virtio.h"

#include "../kernel/disk.h"
#include "../kernel/module.h"
#include "../kernel/printf.h"

#define VIRTIO_BLK_DEVICE 0x1001
#define VIRTIO_BLK_F_FLUSH (1u << 9)

enum { READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8 };
enum { STATUS_OK = 0 };

#define IDENT_LENGTH 20

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

static struct virtio_device device;
static char ident[IDENT_LENGTH + 1];

static bool request(uint32_t type, uint64_t sector, const void *data, uint32_t length) {
    /* Not on the stack: the device writes to them. */
    static struct blk_header header;
    static uint8_t status;
    header = (struct blk_header){.type = type, .sector = sector};
    status = 0xff;
    struct virtio_buffer buffers[3] = {{&header, sizeof(header), false}};
    unsigned count = 1;
    if (length > 0) buffers[count++] = (struct virtio_buffer){data, length, type != WRITE};
    buffers[count++] = (struct virtio_buffer){&status, 1, true};
    virtio_request(&device, buffers, count);
    return *(volatile uint8_t *)&status == STATUS_OK;
}

static bool read(struct disk *disk, uint64_t sector, void *buffer, unsigned count) {
    return sector + count <= disk->sectors && request(READ, sector, buffer, count * SECTOR_SIZE);
}

static bool write(struct disk *disk, uint64_t sector, const void *buffer, unsigned count) {
    return sector + count <= disk->sectors && request(WRITE, sector, buffer, count * SECTOR_SIZE);
}

/* A disk without the feature writes at once. */
static bool flush(struct disk *disk) {
    (void)disk;
    return (device.features & VIRTIO_BLK_F_FLUSH) == 0 || request(FLUSH, 0, NULL, 0);
}

static struct disk disk = {.name = "vtbd0", .ident = ident, .read = read, .write = write, .flush = flush};

static int event(void *module, int what, void *argument) {
    (void)module, (void)argument;
    if (what != MOD_LOAD) return 0;
    const struct pci_function *function = pci_find(NULL, VIRTIO_VENDOR, VIRTIO_BLK_DEVICE);
    if (function == NULL || !virtio_attach(&device, function, VIRTIO_BLK_F_FLUSH)) return 0;
    disk.sectors = virtio_read_config(&device, 0) | (uint64_t)virtio_read_config(&device, 4) << 32;
    if (!request(GET_ID, 0, ident, IDENT_LENGTH)) ident[0] = '\0';
    disk_attach(&disk);
    return 0;
}
DECLARE_MODULE(virtio_blk, event);
MODULE_VERSION(virtio_blk, 1);
MODULE_DEPEND(virtio_blk, virtio, 1, 1, 1);
