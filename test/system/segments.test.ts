// SPDX-License-Identifier: BSD-2-Clause
// Segment registers and the descriptors they are loaded from: SDM 3A 3.4, 5.3-5.7, SDM 2 MOV, POP, LDS, LLDT, LTR.
import { expect } from "vitest";
import { CR0, DS, GDTR_LIMIT, LDTR, SS, TR } from "../../src/cpu/state-layout.ts";
import { FREE, GDT, LDT, PT, TSS, toUser, toUser32 } from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

/** The first free descriptor: access and flags, base 0 and no limit. */
const descriptor =
  (access: number, flags = 0xc, limit = 0xfffff, base = 0) =>
  (machine: SystemMachine): void =>
    machine.descriptor(FREE, base, limit, access, flags);

const load = (segment: string, selector: string | number) =>
  `mov eax, ${selector}; bad: mov ${segment}, ax; hlt`;

const EXECUTE_ONLY = 0x98;
const READABLE_CODE = 0x9a;
const CONFORMING = 0x9e;
const READ_ONLY = 0x90;

/** [what, access byte, selector, fault] for DS */
const DATA_FAULTS: readonly (readonly [string, number, string, string])[] = [
  ["a selector outside the GDT", READ_ONLY, "0x100", "#GP(100)"],
  ["a selector of an LDT that is not there", READ_ONLY, "FREE+4", "#GP(6c)"],
  ["code that cannot be read", EXECUTE_ONLY, "FREE", "#GP(68)"],
  ["a system segment", 0x82, "FREE", "#GP(68)"],
  ["a gate", 0x8c, "FREE", "#GP(68)"],
  ["data whose DPL is below the RPL", 0x92, "FREE+1", "#GP(68)"],
  ["code whose DPL is below the RPL", READABLE_CODE, "FREE+3", "#GP(68)"],
  ["data that is not present", 0x12, "FREE", "#NP(68)"],
  ["code that is not present", 0x1a, "FREE", "#NP(68)"],
];

/** The same for SS at CPL 0. */
const STACK_FAULTS: readonly (readonly [string, number, string, string])[] = [
  ["a selector outside the GDT", 0x92, "0x100", "#GP(100)"],
  ["data that cannot be written", READ_ONLY, "FREE", "#GP(68)"],
  ["code", READABLE_CODE, "FREE", "#GP(68)"],
  ["an RPL that is not CPL", 0x92, "FREE+3", "#GP(68)"],
  ["a DPL that is not CPL", 0xf2, "FREE", "#GP(68)"],
  ["data that is not present", 0x12, "FREE", "#SS(68)"],
];

function faults(
  segment: string,
  mode: "long" | "protected",
  table: readonly (readonly [string, number, string, string])[],
): SystemCase[] {
  return table.map(([what, access, selector, fault]) => ({
    title: `refuses ${what}`,
    manual: "SDM 2 MOV",
    mode,
    prepare: descriptor(access),
    code: load(segment, selector),
    events: [`${fault} at bad`],
  }));
}

systemSuite("DS in 64-bit mode", faults("ds", "long", DATA_FAULTS));
systemSuite("FS in protected mode", faults("fs", "protected", DATA_FAULTS));
systemSuite("SS in 64-bit mode", faults("ss", "long", STACK_FAULTS));
systemSuite("SS in protected mode", faults("ss", "protected", STACK_FAULTS));

systemSuite("segment registers", [
  {
    title: "take readable code, and conforming code whatever the RPL",
    manual: "SDM 3A 5.6.1",
    mode: "protected",
    prepare: (machine) => {
      descriptor(CONFORMING)(machine);
      machine.descriptor(FREE + 8, 0, 0xfffff, READABLE_CODE, 0xc);
    },
    code: `mov eax, FREE+3; mov ds, ax; mov eax, FREE+8; mov es, ax; mov ecx, [ds:DATA]; mov ebx, [es:DATA]
      bad: mov [es:DATA], ebx`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "get the accessed bit set in memory",
    manual: "SDM 3A 3.4.5.1",
    prepare: descriptor(0x92),
    code: load("ds", "FREE"),
    memory: { [GDT + FREE + 4]: 0xcf9300 },
  },
  {
    title:
      "do not write a descriptor that is accessed already, even to a page that cannot be written",
    manual: "SDM 3A 3.4.5.1",
    prepare: (machine) => {
      descriptor(0x93)(machine);
      machine.memory.store(PT + 8, 4, GDT | 1);
    },
    code: load("ds", "FREE"),
  },
  {
    title: "raise a page fault where the accessed bit cannot be set, and stay as they were",
    manual: "SDM 3A 4.6.1, 3.4.5.1",
    prepare: (machine) => {
      descriptor(0x92)(machine);
      machine.memory.store(PT + 8, 4, GDT | 1);
    },
    code: `mov eax, FREE; bad: mov ds, ax`,
    events: ["#PF(3) at bad, 0x106c"],
    check: (machine) => expect(machine.segment(DS).selector).toBe(0x10),
  },
  {
    title: "take a null selector with any RPL, and fault when they are used outside 64-bit mode",
    manual: "SDM 3A 3.4.2, 5.4.1",
    mode: "protected",
    code: `mov eax, 3; mov ds, ax; mov ebx, ds; bad: mov eax, [DATA]`,
    events: ["#GP(0) at bad"],
    registers: { rbx: 3 },
  },
  {
    title: "work with a null selector in 64-bit mode",
    manual: "SDM 3A 5.4.1.1",
    code: `xor eax, eax; mov ds, ax; mov es, ax; mov dword [DATA], 7; mov ecx, [DATA]; hlt`,
    registers: { rcx: 7 },
  },
  {
    title: "refuse a null SS outside 64-bit mode",
    manual: "SDM 2 MOV",
    mode: "protected",
    code: load("ss", 0),
    events: ["#GP(0) at bad"],
  },
  {
    title: "take a null SS at CPL 0 in 64-bit mode",
    manual: "SDM 2 MOV, SDM 3A 5.4.1.1",
    code: `xor eax, eax; mov ss, ax; push rax; mov ecx, ss; hlt`,
    registers: { rcx: 0, rsp: 0x1fff8 },
  },
  {
    title: "refuse a null SS whose RPL is not CPL",
    manual: "SDM 2 MOV",
    code: load("ss", 1),
    events: ["#GP(0) at bad"],
  },
  {
    title: "refuse a null SS at CPL 3",
    manual: "SDM 2 MOV",
    code: `${toUser("user")}; at USER; user: mov eax, 3; bad: mov ss, ax`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "judge data at CPL 3 by the weaker of CPL and RPL",
    manual: "SDM 3A 5.6",
    code: `${toUser("user")}; at USER; user: xor eax, eax; mov al, KDATA; bad: mov ds, ax`,
    events: ["#GP(10) at bad"],
  },
  {
    title: "have a limit outside 64-bit mode",
    manual: "SDM 3A 5.3",
    mode: "protected",
    prepare: descriptor(0x92, 0x4, 0x10fff),
    code: `mov eax, FREE; mov ds, ax; mov eax, [DATA+0xffc]; bad: mov eax, [DATA+0xffd]`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "have a lower limit where they expand down",
    manual: "SDM 3A 5.3",
    mode: "protected",
    prepare: descriptor(0x96, 0x4, 0xffff),
    code: `mov eax, FREE; mov ds, ax; mov eax, [DATA]; bad: mov eax, [DATA-1]`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "raise #SS for a limit that SS has",
    manual: "SDM 3A 5.3, 6.15 interrupt 12",
    mode: "protected",
    prepare: descriptor(0x92, 0x4, 0x1ffff),
    code: `mov eax, FREE; mov ss, ax; bad: mov eax, [ss:STACK]`,
    events: ["#SS(0) at bad"],
  },
  {
    title: "have no limit in 64-bit mode",
    manual: "SDM 3A 5.3.1",
    prepare: descriptor(0x92, 0x4, 0xf),
    code: `mov eax, FREE; mov ds, ax; mov es, ax; mov ss, ax; mov [DATA], eax; push rax; hlt`,
  },
  {
    title: "have a base in 64-bit mode if they are FS or GS, of which the descriptor gives 32 bits",
    manual: "SDM 3A 3.4.4",
    prepare: (machine) => {
      machine.descriptor(FREE, DATAS, 0xfffff, 0x92, 0xc);
      machine.memory.store(DATAS + 8, 4, 0x1234);
    },
    code: `mov ecx, FS_BASE; mov edx, 0x1; wrmsr; mov eax, FREE; mov fs, ax; mov ds, ax; mov ebx, [fs:8]; rdmsr; hlt`,
    registers: { rbx: 0x1234, rax: 0x10000, rdx: 0 },
  },
  {
    title: "come from the LDT where the selector says so",
    manual: "SDM 3A 3.5.1",
    prepare: (machine) => {
      machine.memory.store(LDT + 8, 4, 0xffff);
      machine.memory.store(LDT + 12, 4, 0xcf9200);
    },
    code: `mov eax, LDT_SELECTOR; lldt ax; mov eax, 0xc; mov ds, ax; mov ecx, ds; mov eax, 0x104; bad: mov es, ax`,
    events: ["#GP(104) at bad"],
    registers: { rcx: 0xc },
  },
  {
    title: "are checked against the table's limit to the descriptor's last byte",
    manual: "SDM 3A 3.5.1",
    prepare: (machine) => {
      descriptor(0x92)(machine);
      machine.state[GDTR_LIMIT] = FREE + 6;
    },
    code: load("ds", "FREE"),
    events: ["#GP(68) at bad"],
  },
  {
    title: "raise #UD where MOV names CS",
    manual: "SDM 2 MOV",
    code: `bad: db 0x8e, 0xc8`,
    events: ["#UD at bad"],
  },
  {
    title: "raise #UD where MOV names none",
    manual: "SDM 2 MOV",
    code: `bad: db 0x8e, 0xf0`,
    events: ["#UD at bad"],
  },
  {
    title: "are left alone with the pointer's register where LFS faults",
    manual: "SDM 2 LDS/LES/LFS/LGS/LSS",
    code: `mov dword [DATA], 5; mov word [DATA+4], 0x100; mov ecx, 9; bad: lfs ecx, [DATA]`,
    events: ["#GP(100) at bad"],
    registers: { rcx: 9 },
  },
  {
    title: "are loaded with a 64-bit offset by LGS",
    manual: "SDM 2 LDS/LES/LFS/LGS/LSS",
    code: `mov rax, 0x1122334455667788; mov [DATA], rax; mov word [DATA+8], KDATA; lgs rcx, [DATA]; mov edx, gs; hlt`,
    registers: { rcx: 0x1122334455667788n, rdx: 0x10 },
  },
]);

const DATAS = 0x10000;
const system = (access: number, base: number, limit: number) => (machine: SystemMachine) => {
  machine.descriptor(FREE, base, limit, access, 0);
};

systemSuite("LLDT and LTR", [
  {
    title: "make a null LDTR, which nothing can be loaded from",
    manual: "SDM 2 LLDT",
    code: `xor eax, eax; lldt ax; sldt ecx; mov eax, 0xc; bad: mov ds, ax`,
    events: ["#GP(c) at bad"],
    registers: { rcx: 0 },
  },
  {
    title: "refuse a selector of the LDT",
    manual: "SDM 2 LLDT",
    code: `mov eax, 0xc; bad: lldt ax`,
    events: ["#GP(c) at bad"],
  },
  {
    title: "refuse a descriptor of another type for LDTR",
    manual: "SDM 2 LLDT",
    code: `mov eax, KDATA; bad: lldt ax`,
    events: ["#GP(10) at bad"],
  },
  {
    title: "raise #NP for an LDT that is not present",
    manual: "SDM 2 LLDT",
    prepare: system(0x02, LDT, 0xff),
    code: `mov eax, FREE; bad: lldt ax`,
    events: ["#NP(68) at bad"],
  },
  {
    title: "read a base of 64 bits, which must be canonical",
    manual: "SDM 3A 3.5.2, SDM 2 LLDT",
    prepare: (machine) => {
      system(0x82, LDT, 0xff)(machine);
      machine.memory.store(GDT + FREE + 8, 4, 0x8000);
    },
    code: `mov eax, FREE; bad: lldt ax`,
    events: ["#GP(68) at bad"],
    check: (machine) => expect(machine.segment(LDTR).selector).toBe(0),
  },
  {
    title: "refuse a null TR",
    manual: "SDM 2 LTR",
    code: `xor eax, eax; bad: ltr ax`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "refuse a TSS that is busy",
    manual: "SDM 2 LTR",
    code: `mov eax, TSS_SELECTOR; bad: ltr ax`,
    events: ["#GP(38) at bad"],
  },
  {
    title: "refuse a 16-bit TSS in 64-bit mode",
    manual: "SDM 3A 7.2.3",
    prepare: system(0x81, TSS, 0x67),
    code: `mov eax, FREE; bad: ltr ax`,
    events: ["#GP(68) at bad"],
  },
  {
    title: "raise #NP for a TSS that is not present",
    manual: "SDM 2 LTR",
    prepare: system(0x09, TSS, 0x67),
    code: `mov eax, FREE; bad: ltr ax`,
    events: ["#NP(68) at bad"],
  },
  {
    title: "make the TSS busy",
    manual: "SDM 2 LTR",
    prepare: system(0x89, TSS, 0x67),
    code: `mov eax, FREE; ltr ax; str ecx; hlt`,
    registers: { rcx: FREE },
    memory: { [GDT + FREE + 4]: 0x8b00 },
    check: (machine) => expect(machine.segment(TR).access & 0xf).toBe(11),
  },
  ...["lldt ax", "ltr ax", "lgdt [DATA]", "lidt [DATA]", "lmsw ax", "clts", "invlpg [DATA]"].map(
    (code) => ({
      title: `raise #GP at CPL 3: ${code}`,
      manual: "SDM 3A 5.9",
      code: `${toUser("user")}; at USER; user: ${code}`,
      events: ["#GP(0) at user"],
    }),
  ),
  ...["lldt ax", "ltr ax", "sldt ax", "str ax", "lar eax, eax", "verr ax"].map((code) => ({
    title: `raise #UD in real mode: ${code}`,
    manual: "SDM 2",
    mode: "real" as const,
    on: { 6: "done" },
    code: `bad: ${code}; done: hlt`,
    events: ["#UD at bad"],
  })),
]);

systemSuite("LAR, LSL, VERR and VERW", [
  {
    title: "say what a descriptor is, and how long",
    manual: "SDM 2 LAR, LSL",
    prepare: descriptor(0xf2, 0xc, 0x12345),
    code: `mov ecx, FREE; lar eax, ecx; lsl ebx, ecx; setz dl; hlt`,
    registers: { rax: 0xc1f200, rbx: 0x12345fff, rdx: 1 },
  },
  {
    title: "say nothing of a type that 64-bit mode does not have",
    manual: "SDM 2 LAR table 3-53",
    prepare: descriptor(0x84),
    code: `mov ecx, FREE; mov eax, 7; lar eax, ecx; setz dl; hlt`,
    registers: { rax: 7, rdx: 0 },
  },
  {
    title: "say nothing that CPL may not know",
    manual: "SDM 2 LAR, VERR",
    code: `${toUser("user")}; at USER; user: mov ecx, KDATA; mov eax, 7; lar eax, ecx; setz dl; verr cx; setz bl
      mov ecx, UDATA; verr cx; setz dh; verw cx; setz bh; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 7, rdx: 0x100, rbx: 0x100 },
  },
  {
    title: "let nobody write code, nor read execute-only code",
    manual: "SDM 2 VERR, VERW",
    prepare: descriptor(EXECUTE_ONLY),
    code: `mov ecx, FREE; verr cx; setz dl; mov ecx, KCODE; verr cx; setz dh; verw cx; setz bl; hlt`,
    registers: { rdx: 0x100, rbx: 0 },
  },
]);

systemSuite("segments of CPL 3 in protected mode", [
  {
    title: "are those that its level may use",
    manual: "SDM 3A 5.6",
    mode: "protected",
    code: `${toUser32("user")}; at USER; user: mov eax, UDATA; mov ds, ax; mov ecx, [DATA]; mov eax, KDATA; bad: mov es, ax`,
    events: ["#GP(10) at bad"],
    check: (machine) => expect(machine.segment(SS).selector).toBe(0x10),
  },
  {
    title: "lose those of the kernel on the way out",
    manual: "SDM 2 IRET",
    mode: "protected",
    code: `${toUser32("user")}; at USER; user: mov eax, ds; mov ecx, [cs:DATA]; bad: mov ecx, [DATA]`,
    events: ["#GP(0) at bad"],
    registers: { rax: 0 },
  },
  {
    title: "do not see CR0 change with LMSW, which cannot leave protected mode",
    manual: "SDM 2 LMSW",
    mode: "protected",
    code: `xor eax, eax; lmsw ax; smsw eax; hlt`,
    check: (machine) => expect(machine.state[CR0]! & 1).toBe(1),
  },
]);
