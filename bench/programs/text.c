// SPDX-License-Identifier: BSD-2-Clause
// Text that compresses as prose does: words of a made-up vocabulary, the frequent ones short.
#include "text.h"

#define WORDS 1024
#define LONGEST_WORD 12

static char words[WORDS][LONGEST_WORD];
static uint8_t lengths[WORDS];

static void make_vocabulary(uint32_t *random) {
    static const char consonants[] = "tnshrdlcmwfgypbvk", vowels[] = "eaoiu";
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned syllables = 1 + (i > 32) + (i > 256) + next_random(random) % 2;
        unsigned length = 0;
        for (unsigned j = 0; j < syllables; j++) {
            words[i][length++] = consonants[next_random(random) % 17];
            words[i][length++] = vowels[next_random(random) % 5];
        }
        if (next_random(random) % 3 == 0) words[i][length++] = consonants[next_random(random) % 17];
        lengths[i] = length;
    }
}

void make_text(uint8_t *to, size_t size) {
    uint32_t random = 20121201;
    make_vocabulary(&random);
    size_t at = 0;
    while (at + LONGEST_WORD + 2 < size) {
        // The product of two uniform numbers favours the small ones.
        uint32_t r = next_random(&random);
        unsigned word = ((r & 0x3ff) * (r >> 22)) >> 10;
        memcpy(to + at, words[word], lengths[word]);
        at += lengths[word];
        if (next_random(&random) % 11 == 0) to[at++] = '.';
        to[at++] = ' ';
    }
    memset(to + at, '\n', size - at);
}
