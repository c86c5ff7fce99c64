// SPDX-License-Identifier: BSD-2-Clause
// Code that changes: by its own stores, through another mapping, across pages. SDM 3A 8.1.3, 11.6.
import { PT, SPARE, toUser } from "../support/system/layout.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const PAGE = SPARE + 0x4000;
const ALIAS = SPARE + 0x8000;
const ENTRY = PT + 8 * (ALIAS >> 12);
const NEXT = PT + 8 * ((PAGE >> 12) + 1);
const withAlias = ({ memory }: { memory: { store(at: number, size: 4, value: number): void } }) =>
  memory.store(ENTRY, 4, PAGE | 3);

systemSuite("changing code", [
  {
    title: "a store to the next instruction counts at once",
    manual: "SDM 3A 8.1.3, 11.6",
    code: `mov byte [next+1], 7; next: mov al, 1; hlt`,
    registers: { rax: 7 },
  },
  {
    title: "a store further down the same block counts",
    manual: "SDM 3A 11.6",
    code: `mov ecx, 3; again: inc dword [there+1]; nop; there: mov eax, 0x10; add ebx, eax; dec ecx; jnz again; hlt`,
    registers: { rbx: 0x11 + 0x12 + 0x13 },
  },
  {
    title: "a store behind, into a loop's head, counts in the next round",
    manual: "SDM 3A 11.6",
    code: `mov ecx, 4; head: add ebx, 1; inc byte [head+2]; dec ecx; jnz head; hlt`,
    registers: { rbx: 1 + 2 + 3 + 4 },
  },
  {
    title: "a store through another mapping counts",
    manual: "SDM 3A 8.1.3: behind a jump",
    prepare: withAlias,
    code: `mov dword [${PAGE}], 0xc301b0; call ${PAGE}; mov bl, al; mov byte [${ALIAS + 1}], 2; call ${PAGE}; mov bh, al
      call ${ALIAS}; mov cl, al; mov byte [${PAGE + 1}], 3; call ${ALIAS}; mov ch, al; hlt`,
    registers: { rbx: 0x201, rcx: 0x302 },
  },
  {
    title: "a store to its own code through another mapping counts behind a jump",
    manual: "SDM 3A 8.1.3",
    prepare: withAlias,
    code: `jmp code; at ${PAGE}; code: mov byte [${ALIAS}+0x41], 5; jmp there; align 64; there: mov al, 1; hlt`,
    registers: { rax: 5 },
  },
  {
    title: "a store by PUSH counts",
    manual: "SDM 3A 11.6",
    code: `mov rsp, there+8; mov rax, [there]; add rax, 0x100; push rax; jmp there; align 16; there: mov cl, 1; hlt; fill 5, 0x90`,
    registers: { rcx: 2 },
  },
  {
    title: "a vector's store counts",
    manual: "SDM 3A 11.6",
    code: `movups xmm0, [new]; movups [there], xmm0; jmp there; align 16; new: mov cl, 9; hlt; fill 13, 0x90; there: mov cl, 1; hlt; fill 13, 0x90`,
    registers: { rcx: 9 },
  },
  {
    title: "a locked exchange counts",
    manual: "SDM 3A 11.6",
    code: `mov al, 9; xchg [there+1], al; jmps there; there: mov cl, 1; hlt`,
    registers: { rcx: 9, rax: 1 },
  },
  {
    title: "a store to data beside code changes nothing",
    manual: "SDM 3A 11.6",
    code: `mov ecx, 40; again: inc dword [beside]; dec ecx; jnz again; mov eax, [beside]; hlt; align 4; beside: dd 0`,
    registers: { rax: 40 },
  },
  {
    title: "an instruction across two pages is one, and either page may change",
    manual: "SDM 3A 11.6",
    code: `mov ebx, 2; again: jmp cross; at ${PAGE + 0xffe}; cross: mov eax, 0x11111111; add ecx, eax; dec ebx; jz last
      mov byte [${PAGE + 0x1002}], 0x22; jmp again; last: hlt`,
    registers: { rcx: 0x11111111 + 0x22111111 },
  },
  {
    title: "an instruction across two pages sees the second one mapped anew",
    manual: "SDM 3A 4.10.4.2",
    prepare: ({ memory }) => {
      memory.store(PAGE + 0x1000, 4, 0x1111);
      memory.store(PAGE + 0x2000, 4, 0x2222);
      memory.store(PAGE + 0x1002, 2, 0xc300);
      memory.store(PAGE + 0x2002, 2, 0xc300);
    },
    code: `call cross; mov ebx, eax; mov dword [${NEXT}], ${(PAGE + 0x2000) | 3}; invlpg [${PAGE + 0x1000}]; call cross; hlt
      at ${PAGE + 0xffe}; cross: db 0xb8, 0x33`,
    registers: { rbx: 0x00111133, rax: 0x00222233 },
  },
  {
    title: "a page's code at two addresses knows which it is at",
    manual: "SDM 2 LEA: RIP-relative",
    prepare: withAlias,
    code: `call ${PAGE}; mov rbx, rax; call ${ALIAS}; hlt; at ${PAGE}; db 0x48, 0x8d, 0x05; dd 0; ret`,
    registers: { rbx: PAGE + 7, rax: ALIAS + 7 },
  },
  {
    title: "the same bytes are other instructions in another mode",
    manual: "SDM 3A 5.2.1",
    code: `mov eax, 5; call both; mov ebx, eax; mov dword [DATA], low; mov word [DATA+4], KCODE32; mov eax, 5; jmp far dword [DATA]
      both: db 0x48, 0x90; ret; bits 32; low: call both; hlt`,
    registers: { rbx: 5, rax: 4 },
  },
  {
    title: "code for the supervisor alone faults at CPL 3 though it has run at CPL 0",
    manual: "SDM 3A 4.6.1",
    code: `call there; ${toUser("user")}; there: ret; at USER; user: jmp there`,
    events: ["#PF(15) at there, 0x8017"],
  },
  {
    title: "an instruction of 15 bytes runs, one of 16 raises #GP",
    manual: "SDM 2 2.3.11",
    code: `fill 14, 0x66; nop; next: nop; bad: fill 15, 0x66; nop`,
    events: ["#GP(0) at bad"],
  },
]);
