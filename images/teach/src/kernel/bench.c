/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast is this machine? Loops of different kinds, with the time each takes by the TSC, and an answer that
 * must be right. On bhyve's host clock the numbers are real; on a virtual clock an instruction takes a
 * nanosecond, and they only say how many instructions there were.
 */
#include "apic.h"
#include "clock.h"
#include "command.h"
#include "memory.h"
#include "printf.h"
#include "string.h"

#define COPY_PAGES 16u

static uint64_t integer(unsigned rounds) {
    uint64_t x = 1;
    for (unsigned i = 0; i < rounds; i++) x = x * 6364136223846793005ul + 1442695040888963407ul;
    return x;
}

static uint64_t divide(unsigned rounds) {
    uint64_t sum = 0;
    for (unsigned i = 1; i <= rounds; i++) sum += 1000000007ul / i;
    return sum;
}

__attribute__((noinline)) static uint64_t fibonacci(unsigned n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t call(unsigned n) {
    return fibonacci(n);
}

/* Sieve of Eratosthenes: loads, stores and branches. */
static uint64_t sieve(unsigned limit) {
    uint8_t *composite = physical(pages_allocate(limit / PAGE_SIZE + 1));
    uint64_t primes = 0;
    for (unsigned i = 2; i < limit; i++) {
        if (composite[i] != 0) continue;
        primes++;
        for (unsigned j = 2 * i; j < limit; j += i) composite[j] = 1;
    }
    return primes;
}

static uint64_t copy(unsigned rounds) {
    static uint8_t *from, *to;
    if (from == NULL) {
        from = physical(pages_allocate(COPY_PAGES));
        to = physical(pages_allocate(COPY_PAGES));
    }
    for (unsigned i = 0; i < rounds; i++) {
        from[i % PAGE_SIZE] = (uint8_t)(i + 1);
        memcpy(to, from, COPY_PAGES * PAGE_SIZE);
    }
    return to[rounds - 1];
}

/* Each asks somebody outside of the guest. */
static uint64_t exit_io(unsigned rounds) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < rounds; i++) sum += inb(0x84);
    return sum;
}

static uint64_t exit_mmio(unsigned rounds) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < rounds; i++) sum += lapic_id();
    return sum;
}

static const struct {
    const char *name;
    uint64_t (*run)(unsigned);
    unsigned rounds;
    uint64_t answer;
} loops[] = {
    {"integer", integer, 1000000, 0xce8eefe99cd3cc41ul},
    {"divide", divide, 200000, 12783191256},
    {"call", call, 22, 17711},
    {"sieve", sieve, 200000, 17984},
    {"copy", copy, 64, 64},
    {"in", exit_io, 20000, 20000 * 0xfful},
    {"mmio", exit_mmio, 20000, 0},
};

static void bench(int argc, char **argv) {
    for (unsigned i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        if (argc > 1 && strcmp(argv[1], loops[i].name) != 0) continue;
        uint64_t begin = clock_microseconds();
        uint64_t answer = loops[i].run(loops[i].rounds);
        uint64_t elapsed = clock_microseconds() - begin;
        printf("  %-8s %8lu.%03lu ms  %s\n", loops[i].name, elapsed / 1000, elapsed % 1000,
               answer == loops[i].answer ? "right" : "WRONG");
        if (answer != loops[i].answer) printf("           0x%lx instead of 0x%lx\n", answer, loops[i].answer);
    }
}
COMMAND(bench, "[name]", "times a few loops");
