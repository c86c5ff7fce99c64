// SPDX-License-Identifier: BSD-2-Clause
// From 32-bit protected mode without paging to C with 4 KiB pages, in long mode or not; the ways between user
// mode and the kernel.
#include "kernel.h"

#ifdef __x86_64__
# define WORD 8
# define SP rsp
# define IRET iretq
# define CODE_DESCRIPTOR 0x00af9b000000ffff
# define USER_DESCRIPTOR 0x00affb000000ffff
# define TABLES 32
# define ENTRY_BYTES 8
#else
# define WORD 4
# define SP esp
# define IRET iret
# define CODE_DESCRIPTOR 0x00cf9b000000ffff
# define USER_DESCRIPTOR 0x00cffb000000ffff
# define TABLES 16
# define ENTRY_BYTES 4
#endif
#define PRESENT_WRITABLE_USER 7

    .section .start, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    mov $kernel_stack_top, %esp
    lgdt gdt_pointer
    mov $bss_start, %edi
    mov $bss_end, %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl

    // 64 MiB one to one, and what the demand-zero area's tables hang on.
    mov $identity_entries, %edi
    mov $PRESENT_WRITABLE_USER, %eax
1:  mov %eax, (%edi)
    add $ENTRY_BYTES, %edi
    add $4096, %eax
    cmp $0x4000000, %eax
    jb 1b
    mov $directory, %edi
    mov $identity_entries + PRESENT_WRITABLE_USER, %eax
1:  mov %eax, (%edi)
    add $ENTRY_BYTES, %edi
    add $4096, %eax
    cmp $identity_entries + TABLES * 4096, %eax
    jb 1b
    mov $demand_entries + PRESENT_WRITABLE_USER, %eax
    mov %eax, (%edi)
#ifdef __x86_64__
    add $4096, %eax
    mov %eax, 8(%edi)
    movl $pointers + PRESENT_WRITABLE_USER, root_table
    movl $directory + PRESENT_WRITABLE_USER, pointers
    movl $apic_directory + PRESENT_WRITABLE_USER, pointers + 3 * 8
    movl $apic_entries + PRESENT_WRITABLE_USER, apic_directory + (APIC_BASE >> 21 & 511) * 8
    movl $APIC_BASE + 0x1b, apic_entries
    mov %cr4, %eax
    or $0x620, %eax             // PAE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    mov $0xc0000080, %ecx       // EFER: LME, SCE
    rdmsr
    or $0x101, %eax
    wrmsr
#else
    mov %cr4, %eax
    or $0x600, %eax
    mov %eax, %cr4
#endif
    mov $root_table, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    and $~0xc, %eax             // no EM, no TS
    or $0x80010023, %eax        // PG, WP, NE, MP, PE
    mov %eax, %cr0
    ljmp $KERNEL_CODE, $1f

#ifdef __x86_64__
    .code64
#endif
1:  mov $KERNEL_DATA, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
#ifdef __x86_64__
    mov $0xc0000081, %ecx       // STAR: user data and code behind 0x13
    xor %eax, %eax
    mov $(USER_DATA - 8) << 16 | KERNEL_CODE, %edx
    wrmsr
    mov $0xc0000082, %ecx       // LSTAR
    mov $system_call_entry, %eax
    xor %edx, %edx
    wrmsr
    mov $0xc0000084, %ecx       // SFMASK: IF, DF
    mov $0x600, %eax
    wrmsr
    mov $0xc0000102, %ecx       // KERNEL_GS_BASE
    mov $processor, %eax
    wrmsr
#endif
    call kernel_main
1:  hlt
    jmp 1b

    .text
// Every vector's stub: 16 bytes apart. Vectors 8, 10 to 14 and 17 come with an error code.
    .globl stubs
    .p2align 4
stubs:
    .set vector, 0
    .rept VECTORS
    .p2align 4
    .if (vector != 8) && ((vector < 10) || (vector > 14)) && (vector != 17)
    push $0
    .endif
    push $vector
    jmp common
    .set vector, vector + 1
    .endr

common:
#ifdef __x86_64__
    .irp r, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    push %\r
    .endr
    mov %rsp, %rdi
    cld
    call trap
    .irp r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rbx, rdx, rcx, rax
    pop %\r
    .endr
    add $16, %rsp
    iretq
#else
    pusha
    mov %esp, %eax
    sub $12, %esp
    and $-16, %esp
    push %eax
    cld
    call trap
    pop %esp
    popa
    add $8, %esp
    iret
#endif

// The stack of the kernel is kept as it was at the call of enter_user, and is the one that interrupts take.
    .globl enter_user
enter_user:
#ifdef __x86_64__
    .irp r, rbx, rbp, r12, r13, r14, r15
    push %\r
    .endr
    mov %rsp, processor_stack
    mov %rsp, task_state + 4
    mov $user_stack_top - 8, %rax
    movq $user_exit, (%rax)
    push $USER_DATA
    push %rax
    push $0x202
    push $USER_CODE
    push %rdi
    iretq
#else
    mov 4(%esp), %ecx
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov %esp, processor_stack
    mov %esp, task_state + 4
    mov $user_stack_top - 4, %eax
    movl $user_exit, (%eax)
    mov $USER_DATA, %edx
    mov %edx, %ds
    mov %edx, %es
    push %edx
    push %eax
    push $0x202
    push $USER_CODE
    push %ecx
    iret
#endif
user_exit:
    int $LEAVE_VECTOR

    .globl leave_user
leave_user:
    mov processor_stack, %SP
#ifdef __x86_64__
    .irp r, r15, r14, r13, r12, rbp, rbx
    pop %\r
    .endr
#else
    mov $KERNEL_DATA, %edx
    mov %edx, %ds
    mov %edx, %es
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
#endif
    sti
    ret

    .globl system_call, system_call_entry
#ifdef __x86_64__
system_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    syscall
    ret

system_call_entry:
    swapgs
    mov %rsp, %gs:8
    mov %gs:0, %rsp
    push %rcx
    push %r11
    sub $8, %rsp
    call *system_calls(, %rax, 8)
    add $8, %rsp
    pop %r11
    pop %rcx
    mov %gs:8, %rsp
    swapgs
    sysretq
#else
system_call:
    mov 4(%esp), %eax
    mov 8(%esp), %ecx
    int $SYSTEM_CALL_VECTOR
    ret

system_call_entry:
    push %ecx
    call *system_calls(, %eax, 4)
    add $4, %esp
    iret
#endif

    .globl switch_to
switch_to:
#ifdef __x86_64__
    .irp r, rbx, rbp, r12, r13, r14, r15
    push %\r
    .endr
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    mov %rdx, %cr3
    .irp r, r15, r14, r13, r12, rbp, rbx
    pop %\r
    .endr
#else
    mov 4(%esp), %eax
    mov 8(%esp), %ecx
    mov 12(%esp), %edx
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov %esp, (%eax)
    mov %ecx, %esp
    mov %edx, %cr3
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
#endif
    ret

    .data
    .globl gdt, task_state
    .p2align 3
gdt:
    .quad 0
    .quad CODE_DESCRIPTOR
    .quad 0x00cf93000000ffff
    .quad 0x00cff3000000ffff
    .quad USER_DESCRIPTOR
    .quad 0, 0                  // the TSS: kernel.c
gdt_pointer:
    .word . - gdt - 1
    .long gdt
    .long 0

    .p2align 4
task_state:
    .fill 104, 1, 0

    .p2align 4
processor:                      // GS in the kernel
processor_stack:
    .fill 2, WORD, 0

    .section .noinit, "aw", @nobits
    .globl data_arena, code_arena
    .p2align 12
data_arena:
    .skip 4 << 20
code_arena:
    .skip 2 << 20

    .bss
    .globl root_table, demand_entries
    .p2align 12
identity_entries:
    .skip TABLES * 4096
demand_entries:
    .skip DEMAND_BYTES / 4096 * ENTRY_BYTES
#ifdef __x86_64__
root_table:
    .skip 4096
pointers:
    .skip 4096
directory:
    .skip 4096
apic_directory:
    .skip 4096
apic_entries:
    .skip 4096
#else
root_table:
directory:
    .skip 4096
#endif
    .skip 64 << 10
kernel_stack_top:
    .skip 64 << 10
user_stack_top:
    .section .note.GNU-stack, "", @progbits
