// SPDX-License-Identifier: BSD-2-Clause
// Quicksort of 32,768 records through a comparison function, with insertion sort for short runs, and a binary
// search for each key.
#include "programs.h"

#define RECORDS 32768
#define SHORT_RUN 8

struct record {
    uint32_t key, value;
};

typedef int comparison(const struct record *, const struct record *);

static struct record *const unsorted = (struct record *)data_arena;
static struct record *const sorted = (struct record *)data_arena + RECORDS;

static int by_key(const struct record *a, const struct record *b) {
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static void swap(struct record *a, struct record *b) {
    struct record t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(struct record *r, int n, comparison *compare) {
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && compare(&r[j], &r[j - 1]) < 0; j--) swap(&r[j], &r[j - 1]);
}

__attribute__((noinline)) static void quicksort(struct record *r, int n, comparison *compare) {
    while (n > SHORT_RUN) {
        struct record pivot = r[n / 2];
        int i = 0, j = n - 1;
        while (i <= j) {
            while (compare(&r[i], &pivot) < 0) i++;
            while (compare(&r[j], &pivot) > 0) j--;
            if (i <= j) swap(&r[i++], &r[j--]);
        }
        quicksort(r, j + 1, compare);
        r += i;
        n -= i;
    }
    insertion_sort(r, n, compare);
}

static int position_of(uint32_t key) {
    int low = 0, high = RECORDS;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sorted[middle].key < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

void sort_prepare(void) {
    uint32_t random = 99;
    for (int i = 0; i < RECORDS; i++) {
        unsorted[i].key = next_random(&random) >> 8;
        unsorted[i].value = i;
    }
}

uint32_t sort_run(void) {
    uint32_t hash = RECORDS;
    memcpy(sorted, unsorted, RECORDS * sizeof *sorted);
    comparison *volatile compare = by_key;
    quicksort(sorted, RECORDS, compare);
    for (int i = 0; i < RECORDS; i++) {
        if (i > 0 && by_key(&sorted[i - 1], &sorted[i]) > 0) return 0;
        hash = fold(hash, position_of(unsorted[i].key));
    }
    return hash;
}
