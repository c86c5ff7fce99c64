// SPDX-License-Identifier: BSD-2-Clause
// What another emulator runs in place of a BIOS to be asked about system programs: a ROM whose only software lives in
// system management mode (SDM 3C chapter 31, APM 2 chapter 10). The save area that RSM loads holds all of a
// processor's state that a program starts from, and the one that an SMI fills holds all that it leaves behind; so no
// program has to be changed to be run or looked at, whatever mode it is in.
//
// A program halts where it ends and where it was interrupted (its stubs halt instead of writing to a port). Timer 0,
// through pin 2 of the I/O APIC, then raises an SMI. The handler sends the save area, the registers that are not in
// it and every 32-bit word of memory that has changed out of port 0xE9, and goes back or on to the next program. A
// program that shuts the processor down resets it, and the ROM goes on from there, since RAM survives.
import { assemble } from "../../support/assembly/assemble.ts";
import { LARGE, STUBS, USED } from "../../support/system/layout.ts";

/** Where the monitor lives: far above what programs touch, but in RAM. */
const SMBASE = 0x600_0000;
const VARIABLES = 0x601_0000;
const MONITOR_STACK = 0x601_8000;
const CODE = 0x602_0000;
/** Memory as a program found it. */
const PRISTINE = 0x610_0000;
export const RAM_MIB = 128;

export const SAVE_BYTES = 512;
const SAVE_AREA = SMBASE + 0xfe00;
const LARGE_BYTES = 0x1000;

/** Model-specific registers that a program starts with and is asked for, in the order of the answers. */
export const MSRS = [
  0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0x174, 0x175, 0x176,
] as const;

/** Kinds of answers. */
export const BEGIN = 0x42;
export const HALTED = 0x48;
export const RESET = 0x52;
export const END = 0x45;
/** Ends the changed words of an answer. */
export const NO_MORE = 0xffffffff;
/** The first answer: what comes before it is not ours. */
export const SIGNATURE = "tshyve opinions\n";

/** Ticks of the timer, 838 ns each, that a program has before it counts as endless. */
const TICKS = 120;

/** A program that is interrupted more often is so for ever. */
const MOST_HALTS = 64;

/** In ROM, as the monitor reads it. */
export const CASE_WORDS = {
  base: 0,
  pieces: 1,
  save: 2,
  cr2: 3,
  dr: 5,
  fcw: 13,
  msrs: 14,
} as const;
export const CASE_BYTES = 4 * (14 + 2 * MSRS.length);

const symbols = {
  SMBASE,
  CODE,
  PRISTINE,
  PRISTINE_LARGE: PRISTINE + USED,
  SAVE_AREA,
  SAVE_BYTES,
  USED,
  USED_WORDS: USED / 4,
  LARGE,
  LARGE_WORDS: LARGE_BYTES / 4,
  STUBS,
  STUBS_END: STUBS + 0x1000,
  MONITOR_STACK,
  STARTED: VARIABLES,
  INDEX: VARIABLES + 4,
  IS_RUNNING: VARIABLES + 8,
  CURRENT: VARIABLES + 12,
  HALTS: VARIABLES + 16,
  GDT: VARIABLES + 0x100,
  WIDE: VARIABLES + 0x200,
  PML4: VARIABLES + 0x1000,
  PDPT: VARIABLES + 0x2000,
  NO_MORE,
  CASE_BYTES,
};

/** Real mode, at the bottom of the ROM's last 64 KiB: into 32-bit mode, and the monitor into RAM. */
const START = `
  bits 16
  start: cli; mov al, 2; out 0x92, al
  db 0x2e, 0x66, 0x0f, 0x01, 0x16; dw pointer       // lgdt [cs:pointer]
  mov eax, cr0; or al, 1; mov cr0, eax
  db 0x66, 0xea; dd flat+0xffff0000; dw 8
  bits 32
  flat: mov eax, 16; mov ds, ax; mov es, ax; mov ss, ax
  mov dword [IS_RUNNING], 2
  cld; mov esi, 0xffff1000; mov edi, CODE; mov ecx, 0x400; rep movsd
  mov esi, table+0xffff0000; mov edi, GDT; mov ecx, 12; rep movsd
  mov eax, CODE; jmp eax
  align 8
  table: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff, 0x0000890000000067
  pointer: dw 39; dd table+0xffff0000
  at 0xfff0; bits 16; jmp start
`;

/** 16-bit code that every SMI begins with. */
const ENTRY_BYTES = 32;

const LAPIC = 0xfee00000;
const IOAPIC = 0xfec00000;

const monitorText = ({ count, table, first }: Agenda) => `
  bits 32
  mov esp, MONITOR_STACK
  cmp dword [STARTED], 0x54534859; je again
  mov dword [STARTED], 0x54534859; mov dword [INDEX], ${first}
  mov esi, signature; mov ecx, ${SIGNATURE.length}; call send
  jmp chips
  again: mov al, ${RESET}; call head; call changes; inc dword [INDEX]
  chips: mov dword [IS_RUNNING], 0
  mov al, 0xff; out 0x21, al; out 0xa1, al
  mov eax, 0x1ff; mov [${LAPIC + 0xf0}], eax
  mov eax, 0x10000; mov [${LAPIC + 0x350}], eax; mov [${LAPIC + 0x360}], eax
  mov ebx, [${LAPIC + 0x20}]; and ebx, 0xff000000
  mov eax, 0x15; mov [${IOAPIC}], eax; mov [${IOAPIC + 0x10}], ebx
  mov eax, 0x14; mov [${IOAPIC}], eax; mov eax, 0x200; mov [${IOAPIC + 0x10}], eax
  mov eax, PDPT+3; mov [PML4], eax; mov eax, 0x83; mov [PDPT], eax
  // The handler goes where the save area is out of everybody's way: the first SMI does nothing else.
  mov esi, relocation; mov edi, 0x38000; mov ecx, ${ENTRY_BYTES / 4}; rep movsd
  mov esi, entry; mov edi, SMBASE+0x8000; mov ecx, ${ENTRY_BYTES / 4}; rep movsd
  mov [${LAPIC + 0x310}], ebx
  mov eax, 0x4200; mov [${LAPIC + 0x300}], eax; nop; nop
  mov eax, 0x4200; mov [${LAPIC + 0x300}], eax
  wait: hlt; jmp wait

  bits 16
  relocation: db 0x67, 0x66, 0xc7, 0x05; dd 0x3ff00, SMBASE; db 0x0f, 0xaa
  fill 32, 0x90
  entry: db 0x67, 0x66, 0x0f, 0x01, 0x15; dd pointer // lgdt [pointer]
  mov eax, cr0; or al, 1; mov cr0, eax
  db 0x66, 0xea; dd handler; dw 8
  fill 16, 0x90

  bits 32
  handler: mov eax, 16; mov ds, ax; mov es, ax; mov ss, ax; mov esp, MONITOR_STACK; cld
  // A tick that a reset came before is nobody's.
  cmp dword [IS_RUNNING], 0; je next; cmp dword [IS_RUNNING], 1; jne leave
  mov al, ${HALTED}; call head; call state; call changes
  inc dword [HALTS]; cmp dword [HALTS], ${MOST_HALTS}; ja done
  mov eax, [SAVE_AREA+0x178]
  cmp eax, STUBS; jb done; cmp eax, STUBS_END; jae done
  and eax, 15; cmp eax, 1; je resume
  done: inc dword [INDEX]

  next: mov eax, [INDEX]; cmp eax, ${count}; jae finished
  mov edx, CASE_BYTES; mul edx; add eax, ${table}; mov [CURRENT], eax; mov ebx, eax
  sub eax, eax; mov edi, eax; mov ecx, USED_WORDS; rep stosd
  mov edi, LARGE; mov ecx, LARGE_WORDS; rep stosd
  mov esi, [ebx+${4 * CASE_WORDS.base}]; call place
  mov esi, [ebx+${4 * CASE_WORDS.pieces}]; call place
  sub esi, esi; mov edi, PRISTINE; mov ecx, USED_WORDS; rep movsd
  mov esi, LARGE; mov ecx, LARGE_WORDS; rep movsd
  push dword [SAVE_AREA+0xfc]
  mov esi, [ebx+${4 * CASE_WORDS.save}]; mov edi, SAVE_AREA; mov ecx, ${SAVE_BYTES / 4}; rep movsd
  pop dword [SAVE_AREA+0xfc]
  mov eax, [ebx+${4 * CASE_WORDS.cr2}]; mov cr2, eax
  ${[0, 1, 2, 3].map((n) => `mov eax, [ebx+${4 * (CASE_WORDS.dr + 2 * n)}]; mov dr${n}, eax`).join("; ")}
  fninit; db 0xd9, 0x6b, ${4 * CASE_WORDS.fcw}         // fldcw [ebx+…]
  ${MSRS.map((msr, n) => `mov ecx, ${msr}; mov eax, [ebx+${4 * (CASE_WORDS.msrs + 2 * n)}]; mov edx, [ebx+${4 * (CASE_WORDS.msrs + 2 * n + 1)}]; wrmsr`).join("; ")}
  mov dword [HALTS], 0; mov dword [IS_RUNNING], 1; mov al, ${BEGIN}; call head

  // Neither a halt nor an I/O instruction is to be begun again.
  resume: mov byte [SAVE_AREA+0xc8], 0; mov byte [SAVE_AREA+0xc9], 0
  mov al, 0x30; out 0x43, al; mov al, ${TICKS}; out 0x40, al; mov al, 0; out 0x40, al
  leave: db 0x0f, 0xaa                               // rsm

  finished: mov al, ${END}; call head
  stay: hlt; jmp stay

  // Pieces at ESI: address, bytes (whole words), and so on to an address of -1.
  place: lodsd; cmp eax, NO_MORE; je placed; mov edi, eax; lodsd; mov ecx, eax; shr ecx, 2; rep movsd; jmp place
  placed: ret

  head: out 0xe9, al; mov eax, [INDEX]; call word; ret
  word: mov ecx, 4; each: out 0xe9, al; shr eax, 8; loop each; ret
  send: lodsb; out 0xe9, al; loop send; ret

  state: mov esi, SAVE_AREA; mov ecx, SAVE_BYTES; call send
  // CR2 and the breakpoints are as wide as addresses are: only 64-bit code sees all of them. It wants a TSS of 32 bits.
  mov byte [GDT+0x25], 0x89; mov eax, 32; ltr ax
  mov eax, 0x20; mov cr4, eax; mov eax, PML4; mov cr3, eax
  mov ecx, 0xc0000080; rdmsr; or eax, 0x100; wrmsr
  mov eax, cr0; or eax, 0x80000000; mov cr0, eax
  jmp 24:wide; bits 64
  wide: mov edi, WIDE; mov rax, cr2; mov [rdi], rax
  ${[0, 1, 2, 3].map((n) => `mov rax, dr${n}; mov [rdi+${8 * n + 8}], rax`).join("; ")}
  push 8; push narrow; retfq; bits 32
  narrow: mov eax, cr0; and eax, 0x7fffffff; mov cr0, eax
  mov ecx, 0xc0000080; rdmsr; and eax, -257; wrmsr; sub eax, eax; mov cr4, eax
  mov esi, WIDE; mov ecx, 40; call send
  ${MSRS.map((msr) => `mov ecx, ${msr}; rdmsr; call word; mov eax, edx; call word`).join("; ")}
  ret

  changes: sub esi, esi; mov edi, PRISTINE; mov ecx, USED_WORDS; call differing
  mov esi, LARGE; mov edi, PRISTINE_LARGE; mov ecx, LARGE_WORDS; call differing
  mov eax, NO_MORE; call word; ret
  differing: jrcxz same
  repe cmpsd; je same
  push ecx; lea eax, [esi-4]; call word; mov eax, [esi-4]; call word; pop ecx; jmp differing
  same: ret

  align 8
  pointer: dw 39; dd GDT
  signature: ${[...SIGNATURE].map((character) => `db ${character.charCodeAt(0)}`).join("; ")}
`;

export interface Agenda {
  /** How many cases there are, and which to begin with. */
  readonly count: number;
  readonly first: number;
  /** Where {@link CASE_BYTES} of each begin, a linear address. */
  readonly table: number;
}

/** The ROM's last 64 KiB. What is below is data. */
export function monitorCode(agenda: Agenda): Uint8Array {
  const top = new Uint8Array(0x10000).fill(0xff);
  for (const { at, bytes } of assemble(START, { origin: 0, bits: 16, symbols }).pieces) {
    top.set(bytes, at);
  }
  const text = monitorText(agenda);
  for (const { bytes } of assemble(text, { origin: CODE, bits: 32, symbols }).pieces) {
    if (bytes.length > 0x1000) throw new RangeError("the monitor is larger than its place");
    top.set(bytes, 0x1000);
  }
  return top;
}

/** What the save area names as its own place. */
export const MONITOR_SMBASE = SMBASE;
