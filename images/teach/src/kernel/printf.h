/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_PRINTF_H
#define TEACH_PRINTF_H

#include <stdarg.h>

/*
 * Prints on the console. Knows %s %c %d %u %x %%, l for 64 bits, a width, `0` to fill with zeros and `-` to
 * align left; %.Ns cuts a string.
 */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

void vprintf(const char *format, va_list arguments);

#endif
