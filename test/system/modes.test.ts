// SPDX-License-Identifier: BSD-2-Clause
// From real mode up to 64-bit mode and down again: SDM 3A 9.8.5, 9.9; what MOV to CR0, CR4 and EFER refuse.
import { expect } from "vitest";
import { CR0, EFER } from "../../src/cpu/state-layout.ts";
import { PD, PDPT, PML4 } from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

/** Page tables for the way up; FREE is 64-bit code. */
const tables = (machine: SystemMachine): void => {
  machine.memory.store(PML4, 4, PDPT | 3);
  machine.memory.store(PDPT, 4, PD | 3);
  machine.memory.store(PD, 4, 0x83);
  machine.descriptor(0x68, 0, 0xfffff, 0x9b, 0xa);
};

const UP = `mov eax, cr0; or al, 1; mov cr0, eax; jmp KCODE:protected
  bits 32; protected: mov eax, KDATA; mov ds, ax; mov es, ax; mov ss, ax; mov esp, STACK; mov edi, cs
  mov eax, 0x620; mov cr4, eax; mov eax, PML4; mov cr3, eax; mov ecx, EFER; rdmsr; or eax, 0x100; wrmsr
  mov eax, cr0; or eax, 0x80000000; mov cr0, eax; rdmsr; mov esi, eax; jmp FREE:long
  bits 64; long: mov rbx, 0x123456789a; mov r8, cs`;
const DOWN = `mov dword [DATA], compatible; mov word [DATA+4], KCODE; jmp far dword [DATA]
  bits 32; compatible: mov eax, cr0; and eax, 0x7fffffff; mov cr0, eax; mov ecx, EFER; rdmsr; mov ebp, eax; and eax, 0xfffffeff; wrmsr
  jmp CODE16:half; bits 16; half: mov ax, DATA16; mov ds, ax; mov es, ax; mov ss, ax; mov eax, cr0; and al, 0xfe; mov cr0, eax; jmp 0:real
  real: xor ax, ax; mov ds, ax; mov ss, ax; mov sp, 0x7000; mov dx, cs; mov word [0x6000], 0x77; hlt`;

systemSuite("operating modes", [
  {
    title: "lead from real mode through protected mode to 64-bit mode",
    manual: "SDM 3A 9.8.5",
    mode: "real",
    prepare: tables,
    code: `${UP}; hlt`,
    registers: { rbx: 0x123456789a, rdi: 8, rsi: 0x500, r8: 0x68 },
  },
  {
    title: "and back to real mode",
    manual: "SDM 3A 9.8.5.4, 9.9.2",
    mode: "real",
    prepare: tables,
    code: `${UP}; ${DOWN}`,
    registers: { rbp: 0x100 },
    check: (machine) => {
      expect(machine.state[CR0]! & 1).toBe(0);
      expect(machine.state[EFER]! & 0x500).toBe(0);
      expect(machine.memory.load(0x6000, 2)).toBe(0x77);
    },
  },
  {
    title: "have 32-bit code in long mode, with 64-bit handlers",
    manual: "SDM 3A 6.14, 9.8.5.3",
    code: `mov dword [DATA], there; mov word [DATA+4], KCODE32; jmp far dword [DATA]; bits 32; there: mov eax, cs; bad: ud2`,
    events: ["#UD at bad"],
    registers: { rax: 0x18 },
  },
  ...(
    [
      ["PG without PE", `mov rax, cr0; and eax, 0xfffffffe; bad: mov cr0, rax`],
      ["NW without CD", `mov rax, cr0; or eax, 0x20000000; bad: mov cr0, rax`],
      ["an upper half of CR0", `mov rax, 0x180050033; bad: mov cr0, rax`],
      ["PG off in 64-bit code", `mov rax, cr0; and eax, 0x7fffffff; bad: mov cr0, rax`],
      ["PAE off in long mode", `mov rax, cr4; and eax, 0xffffffdf; bad: mov cr4, rax`],
      ["reserved bits of CR4", `mov rax, cr4; bad: mov cr4, rcx; nop`],
      ["LME changed while PG is set", `mov ecx, EFER; rdmsr; and eax, 0xfffffeff; bad: wrmsr`],
      ["reserved bits of EFER", `mov ecx, EFER; rdmsr; or eax, 2; bad: wrmsr`],
      ["reserved bits of CR3", `mov rax, 0x10000000000; bad: mov cr3, rax`],
      ["reserved bits of CR8", `mov eax, 16; bad: mov cr8, rax`],
    ] as const
  ).map(([what, code]) => ({
    title: `are not left or entered by ${what}: #GP`,
    manual: "SDM 2 MOV (control registers), WRMSR",
    code: what === "reserved bits of CR4" ? `mov rcx, 0x80000620; ${code}` : code,
    events: ["#GP(0) at bad"],
  })),
  {
    title: "have no CR1",
    manual: "SDM 2 MOV (control registers)",
    code: `bad: mov rax, cr1`,
    events: ["#UD at bad"],
  },
]);
