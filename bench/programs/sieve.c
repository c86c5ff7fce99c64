// SPDX-License-Identifier: BSD-2-Clause
// Eratosthenes' sieve: the primes below a million, a byte for each odd number. The answer is how many, folded
// with the largest.
#include "programs.h"

#define LIMIT 1000000u

uint32_t sieve_run(void) {
    uint8_t *composite = data_arena;
    uint32_t count = 1, largest = 2;
    memset(composite, 0, LIMIT / 2);
    for (uint32_t n = 3; n < LIMIT; n += 2) {
        if (composite[n / 2]) continue;
        count++;
        largest = n;
        if (n > 1000) continue;
        for (uint32_t multiple = n * n; multiple < LIMIT; multiple += 2 * n) composite[multiple / 2] = 1;
    }
    return fold(count, largest);
}
