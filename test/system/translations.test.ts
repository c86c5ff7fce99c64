// SPDX-License-Identifier: BSD-2-Clause
// Which translations a processor may keep, and which it must forget: SDM 3A 4.10; SDM 2 INVLPG, INVPCID, MOV.
// A program that changed a table without saying so may find either; none here depends on that.
import { CR4 } from "../../src/cpu/state-layout.ts";
import { PD, PDPT, PML4, PT, SPARE, TABLES, toUser } from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const PAGE = SPARE + 0x2000;
const OTHER = SPARE + 0x3000;
const ENTRY = PT + 8 * (PAGE >> 12);
const GLOBAL = 0x100;
const PGE = 1 << 7;
const PCIDE = 1 << 17;
/** A second address space: the same but for PAGE, which shows OTHER there. */
const SECOND = TABLES;

/** Both spaces; `flags` are PAGE's entries'. */
function twoSpaces(flags = 3, control = 0) {
  return ({ memory, state }: SystemMachine): void => {
    const [pml4, pdpt, pd, pt] = [0, 1, 2, 3].map((i) => SECOND + 0x1000 * i) as [
      number,
      number,
      number,
      number,
    ];
    memory.write(pml4, memory.readable(PML4, 4096)!.slice());
    memory.write(pdpt, memory.readable(PDPT, 4096)!.slice());
    memory.write(pd, memory.readable(PD, 4096)!.slice());
    memory.write(pt, memory.readable(PT, 4096)!.slice());
    memory.store(pml4, 4, pdpt | 7);
    memory.store(pdpt, 4, pd | 7);
    memory.store(pd, 4, pt | 7);
    memory.store(ENTRY, 4, PAGE | flags);
    memory.store(pt + 8 * (PAGE >> 12), 4, OTHER | flags);
    memory.store(PAGE, 4, 1);
    memory.store(OTHER, 4, 2);
    state[CR4] = state[CR4]! | control;
  };
}

const SWITCH = (root: number | string) => `mov rax, ${root}; mov cr3, rax`;
const LOOK = (register: string) => `mov ${register}, [${PAGE}]`;
/** INVPCID of a type with PCID and address at DATA. */
const INVPCID = (type: number, pcid: number, address = 0) =>
  `mov qword [DATA], ${pcid}; mov qword [DATA+8], ${address}; mov eax, ${type}; invpcid rax, [DATA]`;
const fault = (title: string, code: string, prepare?: SystemCase["prepare"]): SystemCase => ({
  title,
  manual: "SDM 2 INVPCID",
  ...(prepare === undefined ? {} : { prepare }),
  code,
  events: ["#GP(0) at bad"],
});

systemSuite("address spaces", [
  {
    title: "change with CR3, data and all",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(),
    code: `${LOOK("ebx")}; ${SWITCH(SECOND)}; ${LOOK("ecx")}; ${SWITCH("PML4")}; ${LOOK("edx")}; hlt`,
    registers: { rbx: 1, rcx: 2, rdx: 1 },
  },
  {
    title: "change with CR3 for code",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(),
    code: `mov dword [${PAGE}], 0xc3c3ff; mov dword [${OTHER}], 0xc3cbff; xor ebx, ebx
      call ${PAGE}; ${SWITCH(SECOND)}; call ${PAGE}; call ${PAGE}; ${SWITCH("PML4")}; call ${PAGE}; hlt`,
    registers: { rbx: 0 },
  },
  {
    title: "keep global pages when CR3 changes, until CR4.PGE does",
    manual: "SDM 3A 4.10.2.4, 4.10.4.1",
    prepare: twoSpaces(3 | GLOBAL, PGE),
    code: `${LOOK("ebx")}; ${SWITCH(SECOND)}; mov rax, cr4; xor eax, ${PGE}; mov cr4, rax; ${LOOK("ecx")}; hlt`,
    registers: { rbx: 1, rcx: 2 },
  },
  {
    title: "forget a global page with INVLPG",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(3 | GLOBAL, PGE),
    code: `${LOOK("ebx")}; mov dword [${ENTRY}], ${OTHER | 3}; invlpg [${PAGE}]; ${LOOK("ecx")}; hlt`,
    registers: { rbx: 1, rcx: 2 },
  },
  {
    title: "forget what is not global with CR3, though G is set, while CR4.PGE is clear",
    manual: "SDM 3A 4.10.2.4",
    prepare: twoSpaces(3 | GLOBAL),
    code: `${LOOK("ebx")}; ${SWITCH(SECOND)}; ${LOOK("ecx")}; hlt`,
    registers: { rbx: 1, rcx: 2 },
  },
  {
    title: "are forgotten with CR0.PG",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(),
    code: `${LOOK("ebx")}; mov dword [${ENTRY}], ${OTHER | 3}; mov dword [DATA], low; mov word [DATA+4], KCODE32; jmp far dword [DATA]
      bits 32; low: mov eax, cr0; and eax, 0x7fffffff; mov cr0, eax; or eax, 0x80000000; mov cr0, eax; mov ecx, [${PAGE}]; hlt`,
    registers: { rbx: 1, rcx: 2 },
  },
  {
    title: "change rights with CR0.WP at once",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(1),
    code: `mov rax, cr0; and eax, 0xfffeffff; mov cr0, rax; mov dword [${PAGE}], 5; or eax, 0x10000; mov cr0, rax; bad: mov dword [${PAGE}], 6`,
    events: [`#PF(3) at bad, 0x${PAGE.toString(16)}`],
  },
  {
    title: "change rights with CR4.SMEP at once, for the code that runs",
    manual: "SDM 3A 4.10.4.1",
    prepare: ({ memory }) => memory.store(PT + 8 * 9, 4, 0x9007),
    code: `jmp user; at 0x9000; user: mov rax, cr4; or eax, 0x100000; mov cr4, rax; next: nop; hlt`,
    events: ["#PF(11) at next, 0x900c"],
  },
]);

systemSuite("PCIDs", [
  {
    title: "keep address spaces apart, with bit 63 of CR3 as without",
    manual: "SDM 3A 4.10.1, 4.10.4.1",
    prepare: twoSpaces(3, PCIDE),
    code: `${LOOK("ebx")}; mov rax, 0x8000000000000000+${SECOND + 1}; mov cr3, rax; ${LOOK("ecx")}
      mov rax, 0x8000000000000000+PML4; mov cr3, rax; ${LOOK("edx")}; hlt`,
    registers: { rbx: 1, rcx: 2, rdx: 1 },
  },
  {
    title: "forget their own with CR3, bit 63 clear",
    manual: "SDM 3A 4.10.4.1",
    prepare: twoSpaces(3, PCIDE),
    code: `${SWITCH(SECOND + 1)}; ${LOOK("ebx")}; ${SWITCH("PML4")}; mov dword [${SECOND + 0x3000 + 8 * (PAGE >> 12)}], ${PAGE | 3}
      ${SWITCH(SECOND + 1)}; ${LOOK("ecx")}; hlt`,
    registers: { rbx: 2, rcx: 1 },
  },
  ...(
    [
      [0, 1, PAGE],
      [1, 1, 0],
      [2, 0, 0],
      [3, 0, 0],
    ] as const
  ).map(([type, pcid, address]) => ({
    title: `forget another space's page by INVPCID of type ${type}`,
    manual: "SDM 2 INVPCID",
    prepare: twoSpaces(3, PCIDE),
    code: `${SWITCH(SECOND + 1)}; ${LOOK("ebx")}; ${SWITCH("PML4")}; mov dword [${SECOND + 0x3000 + 8 * (PAGE >> 12)}], ${PAGE | 3}
      ${INVPCID(type, pcid, address)}; mov rax, 0x8000000000000000+${SECOND + 1}; mov cr3, rax; ${LOOK("ecx")}; hlt`,
    registers: { rbx: 2, rcx: 1 },
  })),
  {
    title: "need CR3's low bits clear to begin with",
    manual: "SDM 2 MOV (control registers)",
    code: `mov rax, PML4+8; mov cr3, rax; mov rax, cr4; or eax, ${PCIDE}; bad: mov cr4, rax`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "refuse to let PG go",
    manual: "SDM 2 MOV (control registers)",
    prepare: twoSpaces(3, PCIDE),
    code: `mov dword [DATA], low; mov word [DATA+4], KCODE32; jmp far dword [DATA]; bits 32; low: mov eax, cr0; and eax, 0x7fffffff; bad: mov cr0, eax`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "make bit 63 of CR3 an error while CR4.PCIDE is clear",
    manual: "SDM 2 MOV (control registers)",
    code: `mov rax, 0x8000000000000000+PML4; bad: mov cr3, rax`,
    events: ["#GP(0) at bad"],
  },
]);

systemSuite("INVPCID", [
  fault("refuses a type above 3", `mov eax, 4; bad: invpcid rax, [DATA]`),
  fault("refuses a type with an upper half", `mov rax, 0x100000001; bad: invpcid rax, [DATA]`),
  fault(
    "refuses reserved bits of the descriptor",
    `mov dword [DATA], 0x1000; mov eax, 2; bad: invpcid rax, [DATA]`,
  ),
  fault(
    "refuses a PCID while CR4.PCIDE is clear",
    `mov dword [DATA], 1; xor eax, eax; bad: invpcid rax, [DATA]`,
  ),
  fault(
    "refuses a non-canonical address for type 0",
    `mov rax, 0x800000000000; mov [DATA+8], rax; xor eax, eax; bad: invpcid rax, [DATA]`,
  ),
  {
    title: "does not look at the address for the other types",
    manual: "SDM 2 INVPCID",
    code: `mov rax, 0x800000000000; mov [DATA+8], rax; mov eax, 1; invpcid rax, [DATA]; hlt`,
  },
  {
    title: "is CPL 0's",
    manual: "SDM 2 INVPCID",
    code: `${toUser("user")}; at USER; user: invpcid rax, [USER_DATA]`,
    events: ["#GP(0) at user"],
  },
]);
