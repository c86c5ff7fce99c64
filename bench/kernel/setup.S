// SPDX-License-Identifier: BSD-2-Clause
// The front of a bzImage: the setup header of the Linux boot protocol 2.12 and the real-mode code that goes to
// protected mode. A loader of the 32-bit protocol skips the code and jumps to the payload at 1 MiB at once, in
// the same state. There is no command line, no initial RAM disk and nothing in boot_params that is needed.
// Linux: Documentation/arch/x86/boot.rst.

    .set SECTORS, 4
    .set PAYLOAD, 0x100000

    .code16
    .text
    .org 0x1f1
    .byte SECTORS
    .word 0                     // root_flags
    .long 0                     // syssize, in paragraphs: build.mjs
    .word 0, 0xffff, 0          // ram_size, vid_mode, root_dev
    .word 0xaa55
    .byte 0xeb, start - 1f      // a short jump
1:  .ascii "HdrS"
    .word 0x020c
    .long 0                     // realmode_swtch
    .word 0, 0                  // start_sys_seg, kernel_version
    .byte 0, 1                  // type_of_loader, loadflags: LOADED_HIGH
    .word 0
    .long PAYLOAD               // code32_start
    .long 0, 0, 0               // ramdisk_image, ramdisk_size, bootsect_kludge
    .word 0
    .byte 0, 0
    .long 0                     // cmd_line_ptr
    .long 0x7fffffff            // initrd_addr_max
    .long 0x1000                // kernel_alignment
    .byte 0, 0                  // relocatable_kernel, min_alignment
    .word 0                     // xloadflags: no entry in long mode
    .long 255                   // cmdline_size
    .long 0, 0, 0, 0, 0         // hardware_subarch, its data, payload_offset, payload_length
    .quad 0                     // setup_data
    .quad PAYLOAD               // pref_address
    .long 0                     // init_size: build.mjs
    .long 0, 0                  // handover_offset, kernel_info_offset

start:
    cli
    mov %cs, %ax
    mov %ax, %ds
    movzwl %ax, %eax
    shl $4, %eax
    sub $0x200, %eax            // CS is 0x20 paragraphs behind the setup's start
    add %eax, gdt_pointer - 0x200 + 2
    in $0x92, %al               // A20
    or $2, %al
    and $0xfe, %al
    out %al, $0x92
    lgdtl gdt_pointer - 0x200
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    jmp 1f
1:  mov $0x18, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %ax, %fs
    mov %ax, %gs
    ljmpl $0x10, $PAYLOAD

    .p2align 3
gdt:
    .quad 0, 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt
    .org (SECTORS + 1) * 512
