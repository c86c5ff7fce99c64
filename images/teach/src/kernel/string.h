/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_STRING_H
#define TEACH_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);

/* A number, decimal or with 0x; false for anything else. */
bool parse_number(const char *text, uint64_t *value);

#endif
