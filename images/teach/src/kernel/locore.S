/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions. bhyveload ran the boot loader on the host; nothing in this machine has executed
 * an instruction before btext. The state it left (FreeBSD: lib/libvmmapi/vmmapi_freebsd.c):
 *
 *   RIP   btext, the ELF header's entry        CR0  PG, NE, PE: paging is on, write protection is not
 *   RSP   0x1000                               CR3  0x2000: every GiB shows the first GiB, 2 MiB pages
 *   CS    64-bit code                          CR4  PAE    EFER  LME, LMA: we are in long mode
 *   IDTR  empty: any exception now means shutdown, a triple fault
 *
 * and on the stack, as 32-bit words like an i386 boot loader would: a return address of 0, modulep (the
 * physical address of the loader's list of what it loaded), kernend (the first free physical byte).
 */
    .text
    .globl btext
    .type btext, @function
btext:
    movl    4(%rsp), %edi           /* modulep */
    movl    8(%rsp), %esi           /* kernend */
    movq    $boot_stack_end, %rsp
    xorl    %ebp, %ebp              /* where backtraces end */
    call    kernel_main
1:  cli
    hlt
    jmp     1b
    .size btext, . - btext

/*
 * bool call_guarded(void (*function)(void *), void *argument)
 *
 * Calls a function that may fault. True if it did: faults.c then leaves its handler by IRET, not to where
 * the fault happened but to recovery_point, on the stack as it was here.
 */
    .globl call_guarded
    .type call_guarded, @function
call_guarded:
    pushq   %rbp
    movq    %rsp, %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   recovery_stack(%rip)    /* guards nest */
    movq    %rsp, recovery_stack(%rip)
    movq    %rdi, %rax
    movq    %rsi, %rdi
    call    *%rax
    xorl    %eax, %eax
    jmp     1f
    .globl recovery_point
recovery_point:
    movl    $1, %eax
1:  popq    recovery_stack(%rip)
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size call_guarded, . - call_guarded

/*
 * Stacks grow down. The page below each is left out of the page tables, so that a stack that grows too
 * far faults instead of eating what lies there.
 */
    .bss
    .balign 4096
    .globl boot_stack_guard, boot_stack_end
boot_stack_guard:
    .skip   4096
    .skip   16384
boot_stack_end:
    .globl fault_stack_guard, fault_stack_end
fault_stack_guard:
    .skip   4096
    .skip   8192
fault_stack_end:

    .balign 8
    .globl recovery_stack
recovery_stack:
    .skip   8

    .section .note.GNU-stack, "", @progbits
