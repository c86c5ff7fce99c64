/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions: what they mean, how to survive them, and a command that raises them on purpose. SDM volume 3A
 * chapter 6.
 *
 * A page fault's error code:  bit 0 the page is there, its rights were not   bit 1 a write
 *                             bit 2 from user mode                           bit 4 an instruction fetch
 */
#include "faults.h"

#include <stdarg.h>

#include "command.h"
#include "link.h"
#include "printf.h"
#include "string.h"

enum { DOUBLE_FAULT = 8, PAGE_FAULT = 14 };
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_FETCH = 16 };

#define RFLAGS_DF 0x400ul

static const char *const names[] = {
    [0] = "#DE divide error",    [1] = "#DB debug",           [2] = "NMI",
    [3] = "#BP breakpoint",      [4] = "#OF overflow",        [5] = "#BR bound range",
    [6] = "#UD invalid opcode",  [7] = "#NM no FPU",          [8] = "#DF double fault",
    [10] = "#TS invalid TSS",    [11] = "#NP not present",    [12] = "#SS stack fault",
    [13] = "#GP general protection", [14] = "#PF page fault", [16] = "#MF x87 error",
    [17] = "#AC alignment",      [18] = "#MC machine check",  [19] = "#XM SIMD error",
};

static struct {
    uint64_t vector, error, rip, address;
} last;

extern uint64_t recovery_stack;
extern char recovery_point[];

static const char *name_of(uint64_t vector) {
    const char *name = vector < sizeof(names) / sizeof(names[0]) ? names[vector] : NULL;
    return name != NULL ? name : "reserved exception";
}

void print_last_fault(void) {
    printf("%s at ", name_of(last.vector));
    print_symbol(last.rip);
    if (last.vector == PAGE_FAULT) {
        const char *access = (last.error & PF_FETCH) != 0 ? "fetch from" : (last.error & PF_WRITE) != 0 ? "write to" : "read of";
        printf(": %s 0x%lx, %s", access, last.address,
               (last.error & PF_PRESENT) != 0 ? "which is protected" : "where nothing is mapped");
    } else if (last.error != 0) {
        printf(", error code 0x%lx", last.error);
    }
    printf("\n");
}

static void print_registers(const struct trap_frame *f) {
    printf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    printf("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
    printf("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
    printf("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
    printf("rip %016lx cs %lx rflags %lx error %lx cr2 %lx\n", f->rip, f->cs, f->rflags, f->error, last.address);
}

static void print_backtrace(uint64_t frame) {
    for (unsigned depth = 0; frame != 0 && depth < 16; depth++) {
        const uint64_t *at = (const uint64_t *)frame; /* the caller's RBP, the return address */
        printf("  ");
        print_symbol(at[1]);
        printf("\n");
        frame = at[0];
    }
}

static void stop(void) __attribute__((noreturn));
static void stop(void) {
    printf("halted\n");
    for (;;) __asm__ volatile("cli; hlt");
}

void fault_handle(struct trap_frame *frame) {
    last.vector = frame->vector;
    last.error = frame->error;
    last.rip = frame->rip;
    last.address = read_cr2();
    if (recovery_stack == 0) {
        printf("\nfatal: ");
        print_last_fault();
        print_registers(frame);
        print_backtrace(frame->rbp);
        stop();
    }
    /* The rest of the registers is call_guarded's business. */
    frame->rip = (uint64_t)recovery_point;
    frame->rsp = recovery_stack;
    frame->rflags &= ~RFLAGS_DF;
}

void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("\npanic: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    print_backtrace((uint64_t)__builtin_frame_address(0));
    stop();
}

static void divide(void *zero) {
    uint64_t low = 1, high = 0;
    __asm__ volatile("divq %2" : "+a"(low), "+d"(high) : "r"((uint64_t)zero) : "cc");
}

static void undefined(void *unused) {
    (void)unused;
    __asm__ volatile("ud2");
}

static void noncanonical(void *unused) {
    (void)unused;
    *(volatile uint8_t *)0x8000000000000000;
}

static void null(void *pointer) {
    *(volatile uint8_t *)pointer;
}

static void text(void *unused) {
    (void)unused;
    *(volatile uint8_t *)(uint64_t)text = 0;
}

static void execute(void *unused) {
    (void)unused;
    static uint8_t code[] = {0xc3};
    ((void (*)(void))(uint64_t)code)();
}

static uint64_t recurse(volatile uint64_t *above) {
    volatile uint64_t here = *above + 1;
    return here == 0 ? 0 : recurse(&here) + here;
}

static void stack(void *unused) {
    (void)unused;
    volatile uint64_t start = 0;
    recurse(&start);
}

static const struct {
    const char *name, *what;
    void (*run)(void *);
} cases[] = {
    {"divide", "1 / 0", divide},
    {"undefined", "an instruction that never will be one", undefined},
    {"canonical", "an address with 48 bits that are not all alike", noncanonical},
    {"null", "*NULL", null},
    {"text", "writing to code", text},
    {"execute", "executing data", execute},
    {"stack", "a recursion without end, into the guard page", stack},
};

static void fault(int argc, char **argv) {
    bool found = false;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0) continue;
        found = true;
        printf("%-10s %s\n           ", cases[i].name, cases[i].what);
        if (call_guarded(cases[i].run, NULL)) print_last_fault();
        else printf("did not fault\n");
    }
    if (!found) printf("fault: there is no '%s'\n", argv[1]);
}
COMMAND(fault, "[name]", "raises exceptions, and survives them");
