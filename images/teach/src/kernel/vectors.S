/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 256 entry points, one for each vector: SDM volume 3A chapter 6. The processor pushes SS, RSP, RFLAGS, CS,
 * RIP, and for eight of the exceptions an error code. These stubs push a zero where it does not, then the
 * vector's number, so that C finds one layout (struct trap_frame) for all.
 *
 * Each stub is 16 bytes long: the handler of vector n is at vector_stubs + 16 n.
 */
    .text
    .globl vector_stubs
    .type vector_stubs, @function
    .balign 16
vector_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    /* #DF 8, #TS 10, #NP 11, #SS 12, #GP 13, #PF 14, #AC 17, #CP 21 bring an error code. */
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && (vector != 17) && (vector != 21)
    pushq   $0
    .endif
    pushq   $vector
    jmp     save_and_dispatch
    .set    vector, vector + 1
    .endr
    .size vector_stubs, . - vector_stubs

    .type save_and_dispatch, @function
save_and_dispatch:
    pushq   %rax
    pushq   %rbx
    pushq   %rcx
    pushq   %rdx
    pushq   %rsi
    pushq   %rdi
    pushq   %rbp
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rdi
    cld
    call    interrupt_dispatch
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rbp
    popq    %rdi
    popq    %rsi
    popq    %rdx
    popq    %rcx
    popq    %rbx
    popq    %rax
    addq    $16, %rsp               /* vector and error code */
    iretq
    .size save_and_dispatch, . - save_and_dispatch

    .section .note.GNU-stack, "", @progbits
