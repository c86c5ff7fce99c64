/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that C has no words for. Under a hypervisor they fall into two kinds: those that run as
 * they are, and those that leave the guest ("VM exit") so that somebody else can do what they ask. IN and
 * OUT always leave; CPUID does on Intel's hardware; HLT leaves, and the host may then sleep; moves to CR3 or
 * RDTSC need not. SDM volume 3C chapter 26 has the list.
 */
#ifndef TEACH_CPU_H
#define TEACH_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guest-physical and virtual addresses are kept apart by name only. */
typedef uint64_t paddr_t;
typedef uint64_t vaddr_t;

#define PAGE_SIZE 4096ul

static inline uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t inw(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t inl(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdtsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf) {
    struct cpuid_result r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

static inline uint64_t read_cr0(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr0, %0" : "=r"(value));
    return value;
}

static inline void write_cr0(uint64_t value) {
    __asm__ volatile("movq %0, %%cr0" : : "r"(value) : "memory");
}

/* The address of the last page fault. */
static inline uint64_t read_cr2(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

static inline void write_cr3(uint64_t value) {
    __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

static inline void cpu_pause(void) {
    __asm__ volatile("pause");
}

static inline void interrupts_disable(void) {
    __asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_enable(void) {
    __asm__ volatile("sti" : : : "memory");
}

/*
 * Sleeps until an interrupt was taken; to be called with interrupts off, returns with them off. STI takes
 * effect after the instruction behind it, so no interrupt can slip in between the caller's last look and HLT.
 */
static inline void cpu_sleep(void) {
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

#endif
