// SPDX-License-Identifier: BSD-2-Clause
// A guest of a few hundred bytes with a prompt, as a vmlinux: it prints, reads its serial console sleeping, and
// ends in every way that a machine can end.
import { ET_EXEC, SHT_PROGBITS, SHT_STRTAB, SHT_SYMTAB } from "../../src/loader/elf.ts";
import { Assembler, RAX, RDI, RSI } from "./assembler.ts";
import { buildElf, PF_R, PF_X, SHF_EXEC, symbolTable } from "./elf-builder.ts";

export const GUEST_BASE = 0x20_0000;
const IDT = 0x30_0000;
const STACK = 0x40_0000;
const COM1 = 0x3f8;
const COM1_VECTOR = 0x24;

/** PM1A_CNT: SLP_TYP 5, SLP_EN. */
const PM1A_CNT = 0x404;
const SLEEP_S5 = (5 << 10) | (1 << 13);
const TESTDEV_EXIT = 0xf4;

/** A guest's code as an ELF kernel with symbols. */
export function kernelOf(code: Assembler): Uint8Array {
  const text = code.assemble();
  const symbols = symbolTable(
    code.names.map((name) => ({ name, value: BigInt(code.addressOf(name)), section: 1 })),
  );
  return buildElf({
    type: ET_EXEC,
    entry: BigInt(code.base),
    segments: [{ vaddr: BigInt(code.base), data: text, flags: PF_R | PF_X }],
    sections: [
      {
        name: ".text",
        type: SHT_PROGBITS,
        flags: SHF_EXEC,
        address: BigInt(code.base),
        inSegment: { index: 0, offset: 0 },
        size: text.length,
      },
      { name: ".symtab", type: SHT_SYMTAB, data: symbols.bytes, link: ".strtab", alignment: 8 },
      { name: ".strtab", type: SHT_STRTAB, data: symbols.strings },
    ],
  });
}

/** `puts`: prints the text at RSI. `putc`: prints AL. */
function printing(code: Assembler): void {
  code.label("puts").bytes(0xac, 0x84, 0xc0).jump(4, ".printed"); // lodsb; test al, al
  code.call("putc").jmp("puts");
  code.label(".printed").ret();
  code
    .label("putc")
    .bytes(0x66, 0xba, COM1 & 0xff, COM1 >> 8, 0xee)
    .ret();
}

function print(code: Assembler, text: string): Assembler {
  const here = code.fresh();
  const behind = code.fresh();
  code.jmp(behind).label(here).text(text).label(behind);
  return code.lea(RSI, here).call("puts");
}

/** Prints a text and powers off: nothing else. */
export function helloGuest(text = "hello, world\r\n"): Uint8Array {
  const code = new Assembler(GUEST_BASE).label("start").mov(4, STACK);
  print(code, text).out16(PM1A_CNT, SLEEP_S5).label("forever").jmp("forever");
  printing(code);
  return kernelOf(code);
}

/** The 8259 pair at 0x20 and 0x28 with IRQ 4 open, through LINT0; the IDT's one entry; COM1's receive interrupt. */
function setUpInterrupts(code: Assembler): void {
  for (const [port, value] of [
    [0x20, 0x11], // ICW1: edge, cascade, ICW4
    [0x21, 0x20], // ICW2: vector base
    [0x21, 0x04], // ICW3
    [0x21, 0x01], // ICW4: 8086
    [0x21, 0xef], // OCW1: all masked but IRQ 4
    [COM1 + 2, 0x01], // FIFO
  ] as const) {
    code.out8(port, value);
  }
  // Local APIC: software enable, LINT0 is ExtINT.
  code.bytes(0xbf, 0x00, 0x00, 0xe0, 0xfe); // mov edi, 0xfee00000
  code.bytes(0xc7, 0x87, 0xf0, 0, 0, 0, 0xff, 0x01, 0, 0); // mov dword [rdi + 0xf0], 0x1ff
  code.bytes(0xc7, 0x87, 0x50, 0x03, 0, 0, 0x00, 0x07, 0, 0); // mov dword [rdi + 0x350], 0x700
  // Interrupt gate: offset 15:0, selector, IST 0, type 0x8e, offset 31:16.
  code.mov(RDI, IDT + 16 * COM1_VECTOR).lea(RAX, "com1_interrupt");
  code.bytes(0x66, 0x89, 0x07); // mov [rdi], ax
  code.bytes(0xc7, 0x47, 0x02, 0x10, 0x00, 0x00, 0x8e); // mov dword [rdi + 2], 0x8e000010
  code.bytes(0xc1, 0xe8, 0x10, 0x66, 0x89, 0x47, 0x06); // shr eax, 16; mov [rdi + 6], ax
  code.lea(RAX, ".idtr").bytes(0x0f, 0x01, 0x18); // lidt [rax]
}

/**
 * `getc`: sleeps until a byte has come; AL. The receive interrupt is enabled for the sleep alone, and disables itself:
 * the UART asks again behind every access while there is something to read.
 */
function reading(code: Assembler): void {
  code
    .label("getc")
    .bytes(0xfa)
    .in8(COM1 + 5)
    .bytes(0xa8, 0x01); // cli; test al, 1
  code
    .jump(5, ".arrived")
    .out8(COM1 + 1, 1)
    .bytes(0xfb, 0xf4)
    .jmp("getc"); // sti; hlt
  code.label(".arrived").bytes(0xfb).in8(COM1).ret();
  code.label("com1_interrupt").bytes(0x50, 0x52); // push rax, rdx
  code
    .out8(COM1 + 1, 0)
    .out8(0x20, 0x20)
    .bytes(0x5a, 0x58, 0x48, 0xcf); // EOI; pop; iretq
  code.label(".idtr").bytes(0xff, 0x0f, IDT & 0xff, (IDT >> 8) & 0xff, IDT >> 16, 0, 0, 0, 0, 0);
}

const COMMANDS: Readonly<Record<string, (code: Assembler) => void>> = {
  /** Powers off. */
  q: (code) => code.out16(PM1A_CNT, SLEEP_S5),
  /** Resets through the keyboard controller. */
  r: (code) => code.out8(0x64, 0xfe),
  /** Halts for good. */
  h: (code) => code.bytes(0xfa, 0xf4),
  /** Loads an empty IDT and faults. */
  t: (code) => code.lea(RAX, ".nothing").bytes(0x0f, 0x01, 0x18, 0x0f, 0x0b),
  /** Exits with code 7, which a host sees as 15. */
  e: (code) => code.out8(TESTDEV_EXIT, 7),
  /** Says that it panics, and resets a little later. */
  p: (code) =>
    print(code, "\r\npanic: out of tea\r\ncpuid = 0\r\n")
      .mov(1, 10_000)
      .bytes(0xe2, 0xfe)
      .out8(0x64, 0xfe),
  /** Computes for ever. */
  l: (code) => code.bytes(0xeb, 0xfe),
  /** Halts, with interrupts on and none to come. */
  i: (code) => code.bytes(0xfb, 0xf4),
};

/**
 * Prints `ready` and a prompt, then takes commands of one letter: q powers off, r resets, h halts, t triple-faults,
 * e exits by the test device, p panics, l loops, i sleeps for ever; any other is echoed in brackets.
 */
export function promptGuest(): Uint8Array {
  const code = new Assembler(GUEST_BASE).label("start").mov(4, STACK);
  setUpInterrupts(code);
  print(code, "small guest ready\r\n");
  code.label("prompt");
  print(code, "> ");
  code.call("getc").bytes(0x88, 0xc3); // mov bl, al
  for (const [letter, act] of Object.entries(COMMANDS)) {
    const next = code.fresh();
    code.bytes(0x80, 0xfb, letter.charCodeAt(0)).jump(5, next); // cmp bl, letter
    code.label(`command_${letter}`);
    act(code);
    code.jmp("prompt").label(next);
  }
  print(code, "[").bytes(0x88, 0xd8).call("putc"); // mov al, bl
  print(code, "]\r\n").jmp("prompt");
  printing(code);
  reading(code);
  code.label(".nothing").bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  return kernelOf(code);
}
