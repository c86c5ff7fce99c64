/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output: the smallest printf that is still worth having. */
#include "printf.h"

#include <stdarg.h>

#include "console.h"
#include "string.h"

struct format {
    bool is_left;
    bool is_long;
    char fill;
    int width;
    size_t most; /* characters of a string */
};

static void put_padded(const char *text, size_t length, const struct format *f) {
    int padding = f->width > (int)length ? f->width - (int)length : 0;
    for (int i = 0; !f->is_left && i < padding; i++) console_put(f->fill);
    for (size_t i = 0; i < length; i++) console_put(text[i]);
    for (int i = 0; f->is_left && i < padding; i++) console_put(' ');
}

static void put_number(uint64_t value, unsigned base, bool is_negative, const struct format *f) {
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (is_negative) digits[--at] = '-';
    put_padded(digits + at, sizeof(digits) - at, f);
}

static const char *parse_format(const char *at, struct format *f) {
    *f = (struct format){.fill = ' ', .most = SIZE_MAX};
    for (; *at == '-' || *at == '0'; at++) {
        if (*at == '-') f->is_left = true;
        else f->fill = '0';
    }
    for (; *at >= '0' && *at <= '9'; at++) f->width = f->width * 10 + (*at - '0');
    if (*at == '.') {
        at++;
        for (f->most = 0; *at >= '0' && *at <= '9'; at++) f->most = f->most * 10 + (*at - '0');
    }
    for (; *at == 'l'; at++) f->is_long = true;
    return at;
}

static void put_string(const char *text, const struct format *f) {
    size_t length = 0;
    if (text == NULL) text = "(null)";
    while (length < f->most && text[length] != '\0') length++;
    put_padded(text, length, f);
}

void vprintf(const char *format, va_list arguments) {
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            console_put(*at);
            continue;
        }
        struct format f;
        at = parse_format(at + 1, &f);
        if (*at == '\0') break;
        if (*at == 's') {
            put_string(va_arg(arguments, const char *), &f);
        } else if (*at == 'c') {
            console_put((char)va_arg(arguments, int));
        } else if (*at == 'd') {
            int64_t value = f.is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0, &f);
        } else if (*at == 'u' || *at == 'x') {
            uint64_t value = f.is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
            put_number(value, *at == 'x' ? 16 : 10, false, &f);
        } else {
            console_put(*at);
        }
    }
}

void printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}
