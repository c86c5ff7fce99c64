// SPDX-License-Identifier: BSD-2-Clause
// A boot sector for machines that are started from a disk: reads the bzImage behind it, setup to 0x90000 and
// payload to 1 MiB, through INT 13h (LBA) and INT 15h AH=87h, and jumps into the setup. build.mjs and the
// harness lay it in front of the image.

    .set SETUP_SECTORS, 5
    .set BUFFER, 0x1000         // segment of the buffer: 32 KiB a turn
    .set CHUNK, 64

    .code16
    .text
    .globl _start
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov %dl, drive
    movw $SETUP_SECTORS, packet_count
    movw $0x9000, packet_segment
    call read
    movw $CHUNK, packet_count
    movw $BUFFER, packet_segment
1:  call read
    mov $0x87, %ah
    mov $CHUNK * 256, %cx       // words
    mov $moves, %si
    int $0x15
    jc fail
    addl $CHUNK * 512, target + 2   // the base's low 24 bits; an image never reaches 16 MiB
    decw chunks
    jnz 1b
    cli
    mov $0x9000, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    ljmp $0x9020, $0

read:
    mov $0x42, %ah
    mov drive, %dl
    mov $packet, %si
    int $0x13
    jc fail
    movzwl packet_count, %eax
    add %eax, packet_lba
    ret

fail:
    mov $0x0e45, %ax
    int $0x10
    cli
    hlt

drive:
    .byte 0
    .p2align 2
packet:
    .word 16
packet_count:
    .word 0
    .word 0
packet_segment:
    .word 0
packet_lba:
    .quad 1

    .p2align 3
moves:                          // a GDT: two empty, source, target, two for the BIOS
    .quad 0, 0
    .word 0xffff
    .byte BUFFER * 16 & 0xff, BUFFER * 16 >> 8 & 0xff, BUFFER * 16 >> 16
    .byte 0x93
    .word 0
target:
    .word 0xffff
    .byte 0, 0, 0x10
    .byte 0x93
    .word 0
    .quad 0, 0

    .org 506
    .globl chunks
chunks:
    .word 0                     // of the payload: build.mjs
    .word 0
    .word 0xaa55
