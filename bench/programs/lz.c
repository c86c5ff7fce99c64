// SPDX-License-Identifier: BSD-2-Clause
// A compressor of the Lempel-Ziv kind: matches of four bytes and more are found through a hash table with
// chains, the output is runs of literals and (distance, length) pairs, and it is expanded again and compared.
#include "programs.h"
#include "text.h"

#define TEXT_BYTES (128 << 10)
#define HASH_BITS 13
#define WINDOW (1 << 15)
#define MIN_MATCH 4
#define MAX_MATCH 130
#define MAX_CHAIN 8
#define NONE UINT32_MAX

static uint8_t *const text = data_arena;
static uint8_t *const packed = data_arena + TEXT_BYTES;
static uint8_t *const unpacked = data_arena + 3 * TEXT_BYTES;
static uint32_t head[1 << HASH_BITS];
static uint32_t chain[WINDOW];

static uint32_t word_at(const uint8_t *p) {
    uint32_t word;
    __builtin_memcpy(&word, p, sizeof word);
    return word;
}

static unsigned match_length(const uint8_t *a, const uint8_t *b, unsigned limit) {
    unsigned n = 0;
    while (n < limit && a[n] == b[n]) n++;
    return n;
}

static unsigned find_match(uint32_t at, unsigned limit, uint32_t *distance) {
    unsigned best = MIN_MATCH - 1;
    uint32_t candidate = head[word_at(text + at) * 2654435761u >> (32 - HASH_BITS)];
    for (int i = 0; i < MAX_CHAIN && candidate != NONE && at - candidate < WINDOW; i++) {
        if (text[candidate + best] == text[at + best]) {
            unsigned length = match_length(text + candidate, text + at, limit);
            if (length > best) {
                best = length;
                *distance = at - candidate;
                if (length == limit) break;
            }
        }
        candidate = chain[candidate % WINDOW];
    }
    return best;
}

static void remember(uint32_t at) {
    uint32_t *slot = &head[word_at(text + at) * 2654435761u >> (32 - HASH_BITS)];
    chain[at % WINDOW] = *slot;
    *slot = at;
}

/** A control byte: below 128, one less than the literals that follow; else a match, with two bytes of distance. */
static uint8_t *put_literals(uint8_t *out, const uint8_t *from, uint32_t count) {
    while (count > 0) {
        uint32_t run = count < 128 ? count : 128;
        *out++ = run - 1;
        for (uint32_t i = 0; i < run; i++) *out++ = *from++;
        count -= run;
    }
    return out;
}

static uint32_t compress(void) {
    uint8_t *out = packed;
    uint32_t literals = 0, at = 0;
    memset(head, 0xff, sizeof head);
    while (at + MIN_MATCH < TEXT_BYTES) {
        uint32_t left = TEXT_BYTES - MIN_MATCH - at;
        uint32_t distance = 0;
        unsigned length = find_match(at, left < MAX_MATCH ? left : MAX_MATCH, &distance);
        if (length < MIN_MATCH) {
            remember(at++);
            continue;
        }
        out = put_literals(out, text + literals, at - literals);
        *out++ = 128 + (length - MIN_MATCH);
        *out++ = distance & 0xff;
        *out++ = distance >> 8;
        for (unsigned i = 0; i < length; i++) remember(at++);
        literals = at;
    }
    return put_literals(out, text + literals, TEXT_BYTES - literals) - packed;
}

static uint32_t expand(uint32_t packed_bytes) {
    const uint8_t *in = packed, *end = packed + packed_bytes;
    uint8_t *out = unpacked;
    while (in < end) {
        unsigned control = *in++;
        if (control < 128) {
            for (unsigned i = 0; i <= control; i++) *out++ = *in++;
        } else {
            const uint8_t *from = out - (in[0] | in[1] << 8);
            in += 2;
            for (unsigned i = 0; i < control - 128 + MIN_MATCH; i++) *out++ = *from++;
        }
    }
    return out - unpacked;
}

void lz_prepare(void) {
    make_text(text, TEXT_BYTES);
}

uint32_t lz_run(void) {
    uint32_t size = compress();
    if (expand(size) != TEXT_BYTES || memcmp(text, unpacked, TEXT_BYTES) != 0) return 0;
    uint32_t hash = size;
    for (uint32_t i = 0; i < size; i++) hash = fold(hash, packed[i]);
    return hash;
}
