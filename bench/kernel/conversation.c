// SPDX-License-Identifier: BSD-2-Clause
// The conversation with whoever measures, over a line of characters: COM1 of a guest, the standard streams of a
// process of the host.
//
//   hears                says
//                        bench 1 x86-64 ready
//   list                 program NAME (a line each), end
//   run NAME COUNT       ready NAME, when the input is made
//   go                   answer NAME COUNT ANSWER TICKS, when it is done
//
// An answer is eight hexadecimal digits. If a run's answer differs from the first's: differs NAME.
#include "conversation.h"

void put(const char *text) {
    while (*text != 0) put_char(*text++);
}

void put_hex(uintptr_t value, int digits) {
    char text[17] = {0};
    for (int i = digits - 1; i >= 0; i--, value >>= 4) text[i] = "0123456789abcdef"[value & 15];
    put(text);
}

void put_decimal(uint32_t value) {
    char text[11];
    int at = 10;
    text[at] = 0;
    do text[--at] = '0' + value % 10;
    while ((value /= 10) != 0);
    put(text + at);
}

static void read_line(char *line, unsigned size) {
    unsigned length = 0;
    for (char c; (c = get_char()) != '\n';)
        if (length < size - 1 && c != '\r') line[length++] = c;
    line[length] = 0;
}

static void run(const struct program *program, uint32_t count) {
    char line[64];
    prepare(program);
    put("ready ");
    put(program->name);
    put("\n");
    read_line(line, sizeof line);
    uint32_t before = ticks;
    uint32_t answer = run_once(program);
    for (uint32_t i = 1; i < count; i++) {
        if (run_once(program) == answer) continue;
        put("differs ");
        put(program->name);
        put("\n");
        return;
    }
    uint32_t passed = ticks - before;
    put("answer ");
    put(program->name);
    put(" ");
    put_decimal(count);
    put(" ");
    put_hex(answer, 8);
    put(" ");
    put_decimal(passed);
    put("\n");
}

static int equals(const char *a, const char *b) {
    while (*a != 0 && *a == *b) a++, b++;
    return *a == *b;
}

static void run_named(char *text) {
    char *space = text;
    uint32_t count = 0;
    while (*space != 0 && *space != ' ') space++;
    if (*space == ' ') *space++ = 0;
    while (*space >= '0' && *space <= '9') count = count * 10 + (*space++ - '0');
    for (unsigned i = 0; i < program_count; i++) {
        if (equals(programs[i].name, text)) {
            run(&programs[i], count);
            return;
        }
    }
    put("unknown\n");
}

static void obey(char *line) {
    if (line[0] == 'r') {
        run_named(line + 4);
        return;
    }
    for (unsigned i = 0; i < program_count; i++) {
        put("program ");
        put(programs[i].name);
        put("\n");
    }
    put("end\n");
}

void converse(void) {
    put(sizeof(void *) == 8 ? "bench 1 x86-64 ready\n" : "bench 1 i686 ready\n");
    for (;;) {
        char line[64];
        read_line(line, sizeof line);
        obey(line);
    }
}
