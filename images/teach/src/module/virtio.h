/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_VIRTIO_H
#define TEACH_VIRTIO_H

#include "../kernel/pci.h"

#define VIRTIO_VENDOR 0x1af4

/* Numbers of the specification, 4.1.4.8 and 2.7. */
enum { VRING_NEXT = 1, VRING_WRITE = 2 };

struct vring_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct vring_used_element {
    uint32_t id, length;
};

/* A piece of a request: memory that the device reads, or writes. */
struct virtio_buffer {
    const void *data;
    uint32_t length;
    bool is_for_device_to_write;
};

/* A device with one queue. */
struct virtio_device {
    uint16_t port;
    uint32_t features; /* what both sides know */
    bool has_interrupts;
    uint16_t queue_size;
    struct vring_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring[queue_size] */
    volatile uint16_t *used;      /* flags, index, then struct vring_used_element[queue_size] */
    uint16_t available_index, used_index;
};

/* Wakes a device up and agrees on features of which `wanted` are the driver's. False if it cannot be driven. */
bool virtio_attach(struct virtio_device *device, const struct pci_function *function, uint32_t wanted);

/* Reads from the device's own configuration. */
uint32_t virtio_read_config(const struct virtio_device *device, unsigned offset);

/* Gives the device a request, and sleeps until it is done. At most queue_size buffers. */
void virtio_request(struct virtio_device *device, const struct virtio_buffer *buffers, unsigned count);

#endif
