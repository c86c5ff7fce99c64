// SPDX-License-Identifier: BSD-2-Clause
// Micro loops, each on one mechanism of an engine. One source for 64 and 32 bits: AX is rax or eax, and so on.
// Each returns a 32-bit answer in eax.

#ifdef __x86_64__
# define WORD 8
# define AX rax
# define BX rbx
# define CX rcx
# define DX rdx
# define SI rsi
# define DI rdi
# define BP rbp
# define SP rsp
#else
# define WORD 4
# define AX eax
# define BX ebx
# define CX ecx
# define DX edx
# define SI esi
# define DI edi
# define BP ebp
# define SP esp
#endif

.macro begin name
    .text
    .globl \name
    .p2align 4
\name:
    push %BX
    push %BP
    push %SI
    push %DI
.endm

.macro end
    pop %DI
    pop %SI
    pop %BP
    pop %BX
    ret
.endm

// The address of a symbol: position-independent where the host's linker wants it so.
.macro address symbol, register
#ifdef __x86_64__
    lea \symbol(%rip), \register
#else
    mov $\symbol, \register
#endif
.endm

// Zeroes from a symbol on. What is stored to has to be the same at the start of every run.
.macro clear symbol, bytes
    cld
    address \symbol, %DI
    mov $(\bytes / 4), %ecx
    xor %eax, %eax
    rep stosl
.endm

// xorshift in eax; edx is lost.
.macro random
    mov %eax, %edx
    shl $13, %edx
    xor %edx, %eax
    mov %eax, %edx
    shr $17, %edx
    xor %edx, %eax
    mov %eax, %edx
    shl $5, %edx
    xor %edx, %eax
.endm

// Arithmetic between registers, with flags read by ADC, SETcc and CMOVcc. 60,000 × 40 instructions.
begin micro_alu
    mov $60000, %ecx
    mov $1, %eax
    mov $0x12345, %ebx
    xor %edx, %edx
    mov $7, %esi
1:
    .rept 4
    add %BX, %AX
    xor %AX, %DX
    rol $7, %eax
    lea 3(%AX, %DX), %BX
    sub %SI, %AX
    adc $5, %BX
    and $0x7ffffff, %ebx
    or $1, %edx
    cmp %edx, %ebx
    cmova %DX, %SI
    .endr
    dec %ecx
    jnz 1b
    xor %edx, %eax
    xor %esi, %eax
end

// One block, branching to itself: 800,000 times.
begin micro_block
    mov $800000, %ecx
    xor %eax, %eax
1:  lea 1(%AX, %AX, 4), %AX
    xor %ecx, %eax
    dec %ecx
    jnz 1b
end

// Forty small blocks with conditional branches that no predictor knows: 20,000 rounds.
begin micro_blocks
    mov $20000, %ecx
    mov $1, %eax
    xor %ebx, %ebx
1:
    random
    .irp bit, 1, 2, 3, 4, 5, 6, 7, 8
    test $(1 << (\bit + 8)), %eax
    jz 2f
    add $\bit, %ebx
    test $(1 << (\bit + 16)), %eax
    jnz 3f
    xor %eax, %ebx
    jmp 4f
2:  rol $3, %ebx
    jmp 4f
3:  sub %eax, %ebx
4:
    .endr
    dec %ecx
    jnz 1b
    mov %ebx, %eax
end

// Calls and returns: Fibonacci of 24, twice recursive.
begin micro_call
    mov $24, %ebx
    call fibonacci
end
fibonacci:
    cmp $2, %ebx
    jae 1f
    mov %ebx, %eax
    ret
1:  push %BX
    dec %ebx
    call fibonacci
    pop %BX
    push %AX
    sub $2, %ebx
    call fibonacci
    pop %DX
    add %edx, %eax
    ret

// Indirect jumps and calls through a table of sixteen, by a random index: 100,000 of each.
begin micro_indirect
    mov $100000, %ecx
    mov $1, %eax
    xor %ebx, %ebx
    address jump_table, %SI
    address call_table, %DI
1:  random
    mov %eax, %edx
    and $15, %edx
    jmp *(%SI, %DX, WORD)
.Ljoin:
    mov %eax, %edx
    shr $20, %edx
    and $15, %edx
    call *(%DI, %DX, WORD)
    dec %ecx
    jnz 1b
    mov %ebx, %eax
end
.macro jump_target number
.Ljump\number:
    add $(\number * 77 + 1), %ebx
    rol $1, %ebx
    jmp .Ljoin
.endm
.macro call_target number
.Lcall\number:
    xor $(\number * 991 + 3), %ebx
    ret
.endm
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    jump_target \n
    call_target \n
    .endr
.macro table_entry name
#ifdef __x86_64__
    .quad \name
#else
    .long \name
#endif
.endm
    .section .data.rel.ro, "aw"
    .p2align 6
jump_table:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    table_entry .Ljump\n
    .endr
call_table:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    table_entry .Lcall\n
    .endr

// Loads, stores and read-modify-writes of 1, 2, 4 bytes and a word over 64 KiB: 16 rounds.
begin micro_memory
    clear data_arena, 65536
    mov $16, %ecx
    xor %eax, %eax
1:  address data_arena, %SI
    lea 65536(%SI), %DI
2:  mov (%SI), %BX
    add %ecx, %ebx
    mov %BX, (%SI)
    movzbl (%SI), %edx
    add %edx, %eax
    mov %ax, 10(%SI)
    movswl 10(%SI), %edx
    add %edx, %eax
    add %eax, 12(%SI)
    mov 12(%SI), %ebx
    add %ebx, %eax
    add $16, %SI
    cmp %DI, %SI
    jb 2b
    dec %ecx
    jnz 1b
end

// Loads and stores that lie across page boundaries: 256 of them in turn, 400 times.
begin micro_crossing
    address data_arena, %BX
    lea 4096(%BX), %SI
    mov $256, %ecx
1:  movl $0, (%SI)
    movl $0, -4(%SI)
    add $4096, %SI
    dec %ecx
    jnz 1b
    mov $400, %ecx
    xor %eax, %eax
1:  lea 4096(%BX), %SI
    mov $256, %edi
2:  movl %ecx, -2(%SI)
    add -1(%SI), %eax
    mov %ax, -1(%SI)
    add -3(%SI), %eax
    add $4096, %SI
    dec %edi
    jnz 2b
    dec %ecx
    jnz 1b
end

// REP MOVS and REP STOS of many lengths, and a SCAS.
begin micro_string
    clear data_arena+65536, 8192
    mov $300, %ebx
    xor %eax, %eax
1:  address data_arena, %DI
    mov %ebx, %eax
    mov $4096, %ecx
    rep stosb
    .irp length, 3, 15, 64, 200, 1024, 4000
    address data_arena, %SI
    address data_arena+65536+\length, %DI
    mov $\length, %ecx
    rep movsb
    address data_arena, %SI
    mov $(\length / 4), %ecx
    rep movsl
    .endr
    address data_arena+8192, %DI
    mov $1024, %ecx
    rep stosl
    dec %ebx
    jnz 1b
    address data_arena+65536, %SI
    mov $8192, %ecx
    xor %ebx, %ebx
    xor %eax, %eax
2:  lodsb
    rol $5, %ebx
    add %eax, %ebx
    dec %ecx
    jnz 2b
    mov %ebx, %eax
end

// SSE2: packed integers and doubles, shuffles, scalar conversions. 20,000 × 40 instructions.
begin micro_sse2
    address sse2_constants, %SI
    mov $20000, %ecx
    movdqa (%SI), %xmm0
    movdqa 16(%SI), %xmm1
    pxor %xmm6, %xmm6
    // From the same doubles each time: left to themselves they end as NaNs, with which nobody calculates.
1:  movapd 32(%SI), %xmm2
    movapd 48(%SI), %xmm3
    .rept 2
    paddd %xmm1, %xmm0
    pshufd $0x39, %xmm0, %xmm4
    pxor %xmm4, %xmm1
    pmullw %xmm0, %xmm4
    paddq %xmm4, %xmm6
    movdqa %xmm1, %xmm5
    psrld $3, %xmm5
    punpckldq %xmm0, %xmm5
    psubb %xmm5, %xmm1
    pcmpgtd %xmm0, %xmm5
    pand %xmm1, %xmm5
    por %xmm5, %xmm6
    movapd %xmm2, %xmm7
    mulpd %xmm3, %xmm7
    addpd %xmm2, %xmm7
    movapd %xmm3, %xmm2
    divpd %xmm7, %xmm2
    sqrtpd %xmm7, %xmm3
    cvttsd2si %xmm3, %eax
    unpcklpd %xmm2, %xmm3
    .endr
    dec %ecx
    jnz 1b
    pshufd $0xee, %xmm6, %xmm0
    paddd %xmm0, %xmm6
    pxor %xmm2, %xmm6
    movd %xmm6, %edx
    xor %edx, %eax
end
    .section .rodata
    .p2align 4
sse2_constants:
    .long 1, 2, 3, 4, 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321
    .double 1.5, 2.25, 3.125, 0.75

// The x87: a polynomial, a quotient and a root on its stack, stored as a double each time; 40,000 rounds.
begin micro_x87
    address x87_constants, %SI
    mov $40000, %ecx
    xor %eax, %eax
    fninit
    fldl (%SI)
    sub $16, %SP
1:  fld %st(0)
    fmull 8(%SI)
    faddl 16(%SI)
    fmul %st(1), %st
    fsubl 24(%SI)
    fabs
    fsqrt
    fxch %st(1)
    fadd %st(1), %st
    fdivl 16(%SI)
    fstpl (%SP)
    xor (%SP), %eax
    rol $1, %eax
    dec %ecx
    jnz 1b
    fistpl (%SP)
    add (%SP), %eax
    add $16, %SP
end
    .section .rodata
    .p2align 3
x87_constants:
    .double 1.25, 0.5, 3.0, 0.125

// Multiplication in all its forms: 60,000 × 8.
begin micro_multiply
    mov $60000, %ecx
    mov $0x01234567, %eax
    mov $0x89abcdef, %ebx
    mov $3, %esi
1:  mul %BX
    xor %DX, %AX
    imul %BX, %AX
    add %SI, %AX
    imul $0x5851f42d, %BX, %BX
    add $11, %BX
    imul %SI
    add %AX, %DX
    imul %edx, %esi
    mul %ebx
    add %edx, %esi
    or $1, %esi
    imul $-7, %eax, %edi
    mul %SI
    xor %edi, %edx
    add %DX, %BX
    dec %ecx
    jnz 1b
    xor %ebx, %eax
    xor %esi, %eax
end

// Division, unsigned and signed, of 32 bits and of a word: 40,000 × 4.
begin micro_divide
    mov $40000, %ecx
    mov $0x12345679, %ebx
    mov $1, %eax
    xor %esi, %esi
1:  imul $0x19660d, %eax, %eax
    add $0x3c6ef35f, %eax
    mov %eax, %edi
    xor %edx, %edx
    div %ebx
    add %eax, %esi
    add %edx, %esi
    mov %edi, %eax
    xor %edx, %edx
    div %BX
    add %edx, %esi
    mov %edi, %eax
    cltd
    mov $-1789, %ebp
    idiv %ebp
    xor %eax, %esi
    mov %edi, %eax
    shl $7, %AX
    xor %edx, %edx
    mov $10, %ebp
    div %BP
    add %eax, %esi
    mov %edi, %eax
    dec %ecx
    jnz 1b
    mov %esi, %eax
end
    .section .note.GNU-stack, "", @progbits
