// SPDX-License-Identifier: BSD-2-Clause
// What a bench program is: one unit of work that always gives the same 32-bit answer, and, where it needs
// input, a function that makes it beforehand and is not timed. The same sources are built for the guest (64
// and 32 bits) and for the host, whose real CPU says what the answers are.
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define DATA_ARENA_BYTES (4 << 20)
#define CODE_ARENA_BYTES (2 << 20)

/** Scratch memory, shared by all programs: whatever is there may be overwritten by the next. */
extern uint8_t data_arena[DATA_ARENA_BYTES];
/** As above, and executable. */
extern uint8_t code_arena[CODE_ARENA_BYTES];

enum mode { IN_USER_MODE, IN_KERNEL };

struct program {
    const char *name;
    enum mode mode;
    void (*prepare)(void);
    uint32_t (*run)(void);
};

extern const struct program programs[];
extern const unsigned program_count;

/** Marsaglia's xorshift with 32 bits of state; never 0 unless the state was. */
static inline uint32_t next_random(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/** One step of FNV-1a over a word. */
static inline uint32_t fold(uint32_t hash, uint32_t word) {
    return (hash ^ word) * 16777619u;
}

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
