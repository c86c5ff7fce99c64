// SPDX-License-Identifier: BSD-2-Clause
// Dispersed code: thousands of small blocks, one to 64 bytes, walked at random. Each has a load and a store, and
// goes on to one of two blocks, as a bit of the running value says: one on the same page, or one anywhere. Both
// successors are random permutations, so that the walk comes by every block equally often. It is what large
// programs and kernels ask of an engine: its code caches, its chaining, its branches.
//
// A block, in both modes the same bytes (eax the value, ecx what is left to do, edi the data):
//   imul eax, eax, odd     add eax, imm     mov edx, [edi + d1]    xor eax, edx     mov [edi + d2], eax
//   rol eax, n             dec ecx          jz out                 test eax, bit    jz left       jmp right
#include "programs.h"

#define BLOCK_BYTES 64
#define MOST_BLOCKS 20000
#define STEPS 200000
#define PAGE_BLOCKS 64
#define TABLE_BYTES 16384

static uint32_t left[MOST_BLOCKS], right[MOST_BLOCKS];

/** Fills `to` with `count` numbers from `first` on, in random order. */
static void permute(uint32_t *to, unsigned first, unsigned count, uint32_t *random) {
    for (unsigned i = 0; i < count; i++) to[i] = first + i;
    for (unsigned i = count - 1; i > 0; i--) {
        unsigned j = next_random(random) % (i + 1);
        uint32_t t = to[i];
        to[i] = to[j];
        to[j] = t;
    }
}

static uint8_t *put32(uint8_t *p, uint32_t value) {
    memcpy(p, &value, 4);
    return p + 4;
}

static uint8_t *put_jump(uint8_t *p, const uint8_t *target) {
    return put32(p, target - (p + 4));
}

static const uint8_t *address(unsigned block) {
    return code_arena + block * BLOCK_BYTES;
}

static void put_block(unsigned block, const uint8_t *out, uint32_t *random) {
    uint8_t *p = (uint8_t *)address(block);
    uint32_t r = next_random(random);
    *p++ = 0x69, *p++ = 0xc0, p = put32(p, r | 1);
    *p++ = 0x05, p = put32(p, next_random(random));
    *p++ = 0x8b, *p++ = 0x97, p = put32(p, (r >> 4) % TABLE_BYTES & ~3u);
    *p++ = 0x31, *p++ = 0xd0;
    *p++ = 0x89, *p++ = 0x87, p = put32(p, (r >> 14) % TABLE_BYTES & ~3u);
    *p++ = 0xc1, *p++ = 0xc0, *p++ = 1 + r % 31;
    // DEC with a ModRM byte: the short form is a prefix in 64-bit mode.
    *p++ = 0xff, *p++ = 0xc9;
    *p++ = 0x0f, *p++ = 0x84, p = put_jump(p, out);
    *p++ = 0xa9, p = put32(p, 1u << (8 + r % 16));
    *p++ = 0x0f, *p++ = 0x84, p = put_jump(p, address(left[block]));
    *p++ = 0xe9, put_jump(p, address(right[block]));
}

/** Writes the code, unless it is there: an engine may keep what it knows of it from run to run. */
static void prepare(unsigned count) {
    static unsigned present;
    uint32_t random = count;
    if (present == count) return;
    present = count;
    uint8_t *out = (uint8_t *)address(count);
    for (unsigned i = 0; i < count; i += PAGE_BLOCKS) {
        unsigned left_over = count - i;
        permute(left + i, i, left_over < PAGE_BLOCKS ? left_over : PAGE_BLOCKS, &random);
    }
    permute(right, 0, count, &random);
    for (unsigned i = 0; i < count; i++) put_block(i, out, &random);
    *out = 0xc3;
}

static uint32_t walk(void) {
    uint32_t value = 1, steps = STEPS;
    memset(data_arena, 0x55, TABLE_BYTES);
    __asm__ volatile("call *%[entry]"
                     : "+a"(value), "+c"(steps)
                     : [entry] "S"(code_arena), "D"(data_arena)
                     : "edx", "memory", "cc");
    return value;
}

void blocks2k_prepare(void) {
    prepare(2000);
}

void blocks20k_prepare(void) {
    prepare(20000);
}

uint32_t blocks2k_run(void) {
    return walk();
}

uint32_t blocks20k_run(void) {
    return walk();
}
