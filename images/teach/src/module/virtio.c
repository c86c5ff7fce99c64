/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio.ko: devices that were made for virtual machines. Driver and device share a queue in memory: a table of
 * buffers, a ring in which the driver offers them, a ring in which the device gives them back. VirtIO 1.2, 2.7;
 * the registers are the older ones in I/O space that bhyve has (4.1.4.10, "legacy interface").
 */
#include "virtio.h"

#include "../kernel/memory.h"
#include "../kernel/module.h"
#include "../kernel/printf.h"

enum { DEVICE_FEATURES = 0, DRIVER_FEATURES = 4, QUEUE_ADDRESS = 8, QUEUE_SIZE = 12, QUEUE_SELECT = 14, QUEUE_NOTIFY = 16, STATUS = 18, INTERRUPT_STATUS = 19 };
/* With MSI-X two registers more stand before the device's own. */
enum { CONFIG_VECTOR = 20, QUEUE_VECTOR = 22, CONFIG_WITHOUT_MSIX = 20, CONFIG_WITH_MSIX = 24 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FAILED = 0x80 };

#define NO_VECTOR 0xffff
#define RING_ALIGN 4096u

static void interrupted(void *unused) {
    (void)unused; /* to wake up is all it is for */
}

/* One stretch of memory: descriptors and available ring, then on the next page the used ring. */
static bool make_queue(struct virtio_device *d) {
    outw(d->port + QUEUE_SELECT, 0);
    unsigned size = d->queue_size = inw(d->port + QUEUE_SIZE);
    if (size == 0) return false;
    unsigned first = (16 * size + 6 + 2 * size + RING_ALIGN - 1) & -RING_ALIGN;
    unsigned second = (6 + 8 * size + RING_ALIGN - 1) & -RING_ALIGN;
    paddr_t at = pages_allocate((first + second) / PAGE_SIZE);
    d->descriptors = physical(at);
    d->available = physical(at + 16 * size);
    d->used = physical(at + first);
    outl(d->port + QUEUE_ADDRESS, (uint32_t)(at / PAGE_SIZE));
    if (!d->has_interrupts) return true;
    outw(d->port + CONFIG_VECTOR, NO_VECTOR);
    outw(d->port + QUEUE_VECTOR, 0);
    return inw(d->port + QUEUE_VECTOR) == 0;
}

bool virtio_attach(struct virtio_device *d, const struct pci_function *f, uint32_t wanted) {
    struct pci_bar bar = pci_bar(f, 0);
    if (!bar.is_io || bar.address == 0) {
        printf("virtio: 0:%u:%u has no legacy interface\n", f->slot, f->number);
        return false;
    }
    *d = (struct virtio_device){.port = (uint16_t)bar.address};
    pci_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    outb(d->port + STATUS, 0);
    outb(d->port + STATUS, ACKNOWLEDGE);
    outb(d->port + STATUS, ACKNOWLEDGE | DRIVER);
    d->features = inl(d->port + DEVICE_FEATURES) & wanted;
    outl(d->port + DRIVER_FEATURES, d->features);
    d->has_interrupts = pci_establish_msix(f, interrupted, NULL);
    if (!make_queue(d)) {
        outb(d->port + STATUS, FAILED);
        return false;
    }
    outb(d->port + STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
    return true;
}

uint32_t virtio_read_config(const struct virtio_device *d, unsigned offset) {
    return inl((uint16_t)(d->port + (d->has_interrupts ? CONFIG_WITH_MSIX : CONFIG_WITHOUT_MSIX) + offset));
}

/* Without messages the driver has to look. */
static void wait(struct virtio_device *d) {
    interrupts_disable();
    while (d->used[1] == d->used_index) {
        if (d->has_interrupts) {
            cpu_sleep();
        } else {
            cpu_pause();
        }
    }
    interrupts_enable();
    d->used_index++;
    if (!d->has_interrupts) inb(d->port + INTERRUPT_STATUS);
}

void virtio_request(struct virtio_device *d, const struct virtio_buffer *buffers, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        d->descriptors[i] = (struct vring_descriptor){
            .address = physical_of(buffers[i].data),
            .length = buffers[i].length,
            .flags = (buffers[i].is_for_device_to_write ? VRING_WRITE : 0) | (i + 1 < count ? VRING_NEXT : 0),
            .next = (uint16_t)(i + 1),
        };
    }
    d->available[2 + d->available_index % d->queue_size] = 0; /* the chain begins at descriptor 0 */
    /* x86 lets other processors see writes in order; the compiler must keep it, too. */
    __asm__ volatile("" : : : "memory");
    d->available[1] = ++d->available_index;
    outw(d->port + QUEUE_NOTIFY, 0);
    wait(d);
}

static int event(void *module, int what, void *argument) {
    (void)module, (void)what, (void)argument;
    return 0;
}
DECLARE_MODULE(virtio, event);
MODULE_VERSION(virtio, 1);
