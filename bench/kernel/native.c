// SPDX-License-Identifier: BSD-2-Clause
// The programs as a Linux process on the host's real CPU, with neither a C library nor anything else that the
// guest has not: what they answer there is what every engine has to answer.
#include "../programs/programs.h"
#include "conversation.h"

#ifdef __x86_64__
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_MPROTECT = 10, SYS_EXIT = 60 };
#else
enum { SYS_EXIT = 1, SYS_READ = 3, SYS_WRITE = 4, SYS_MPROTECT = 125 };
#endif
#define READ_WRITE_EXECUTE 7

__attribute__((aligned(4096))) uint8_t data_arena[DATA_ARENA_BYTES];
__attribute__((aligned(4096))) uint8_t code_arena[CODE_ARENA_BYTES];

const struct program programs[] = {USER_PROGRAMS};
const unsigned program_count = sizeof programs / sizeof *programs;
volatile uint32_t ticks;

static long linux_call(long number, long a, long b, long c) {
#ifdef __x86_64__
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
#endif
    return number;
}

void put_char(char c) {
    static char line[128];
    static unsigned length;
    line[length++] = c;
    if (c != '\n' && length < sizeof line) return;
    linux_call(SYS_WRITE, 1, (long)line, length);
    length = 0;
}

char get_char(void) {
    char c;
    if (linux_call(SYS_READ, 0, (long)&c, 1) != 1) linux_call(SYS_EXIT, 0, 0, 0);
    return c;
}

void prepare(const struct program *program) {
    if (program->prepare != NULL) program->prepare();
}

uint32_t run_once(const struct program *program) {
    return program->run();
}

void _start(void);

__attribute__((force_align_arg_pointer)) void _start(void) {
    linux_call(SYS_MPROTECT, (long)code_arena, CODE_ARENA_BYTES, READ_WRITE_EXECUTE);
    converse();
}
