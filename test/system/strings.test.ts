// SPDX-License-Identifier: BSD-2-Clause
// Repeated string instructions that something stops half way: SDM 2 REP, SDM 1 7.3.9.2.
import { expect } from "vitest";
import { DATA, PT, SPARE, toUser } from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

/** The page at SPARE + 0x1000 is not there. */
const hole = (machine: SystemMachine): void => {
  machine.memory.store(PT + 8 * ((SPARE >> 12) + 1), 4, 0);
};
const EDGE = SPARE + 0x1000;
/** Maps the page and goes on. */
const REPAIR = `at 0x8800; repair: mov dword [PT+8*0x61], 0x61003; add rsp, 8; iretq`;

systemSuite("repeated string instructions", [
  {
    title: "stop at a page fault with the registers of the iteration that faulted",
    manual: "SDM 2 REP",
    prepare: hole,
    code: `mov edi, ${EDGE - 10}; mov ecx, 20; mov eax, 0x55; bad: rep stosb`,
    events: [`#PF(2) at bad, 0x${EDGE.toString(16)}`],
    registers: { rcx: 10, rdi: EDGE },
    memory: { [EDGE - 4]: 0x55555555 },
  },
  {
    title: "go on where they stopped",
    manual: "SDM 2 REP",
    prepare: hole,
    on: { 14: "repair" },
    code: `mov edi, ${EDGE - 10}; mov ecx, 20; mov eax, 0x55; bad: rep stosb; hlt; ${REPAIR}`,
    events: [`#PF(2) at bad, 0x${EDGE.toString(16)}`],
    registers: { rcx: 0, rdi: EDGE + 10 },
    memory: { [EDGE + 8]: 0x5555 },
  },
  {
    title: "copy backwards up to a fault",
    manual: "SDM 2 MOVS",
    prepare: (machine) => machine.memory.store(PT + 8 * (SPARE >> 12), 4, 0),
    code: `std; mov edi, ${EDGE + 12}; mov esi, DATA+64; mov ecx, 6; bad: rep movsd`,
    events: [`#PF(2) at bad, 0x${(EDGE - 4).toString(16)}`],
    registers: { rcx: 2, rdi: EDGE - 4, rsi: DATA + 48 },
  },
  {
    title: "fault inside an element that crosses into the page, and store none of it",
    manual: "SDM 2 REP",
    prepare: hole,
    code: `mov edi, ${EDGE - 9}; mov ecx, 3; mov rax, -1; bad: rep stosq`,
    events: [`#PF(2) at bad, 0x${EDGE.toString(16)}`],
    registers: { rcx: 2, rdi: EDGE - 1 },
    check: ({ memory }) => expect(memory.load(EDGE - 1, 1)).toBe(0),
  },
  {
    title: "keep the comparison's flags of the iteration before",
    manual: "SDM 2 CMPS",
    prepare: hole,
    code: `mov edi, ${EDGE - 2}; mov esi, DATA; mov ecx, 5; bad: repe cmpsb`,
    events: [`#PF(0) at bad, 0x${EDGE.toString(16)}`],
    registers: { rcx: 3 },
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x40).toBe(0x40),
  },
  {
    title: "are interrupted between iterations, with RF set, and go on",
    manual: "SDM 2 REP, SDM 3B 17.3.1.1",
    on: { 80: "handler" },
    code: `sti; mov edi, DATA; mov ecx, 100; here: rep stosb; hlt; at 0x8800; handler: mov ebx, ecx; iretq`,
    arrivals: [{ after: 50, interrupt: 0x50 }],
    events: ["INT 50 at here"],
    registers: { rcx: 0, rbx: 53, rdi: DATA + 100 },
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0x10000),
  },
  {
    title: "are interrupted behind the last iteration without RF",
    manual: "SDM 3B 17.3.1.1",
    code: `sti; mov edi, DATA; mov ecx, 10; rep stosb; behind: nop; hlt`,
    arrivals: [{ after: 13, interrupt: 0x50 }],
    events: ["INT 50 at behind"],
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0),
  },
  {
    title: "do nothing with a count of zero, not even fault",
    manual: "SDM 2 REP",
    code: `xor ecx, ecx; mov edi, 0x7000000; mov esi, edi; rep movsb; repe cmpsb; rep lodsd; hlt`,
    registers: { rdi: 0x7000000 },
  },
  {
    title: "count in ECX with 32-bit addresses, which clears the upper half",
    manual: "SDM 2 REP",
    code: `mov rcx, 0x100000003; mov rdi, 0x100010000; mov eax, 0x11; a32 rep stosb; hlt`,
    registers: { rcx: 0, rdi: 0x10003 },
    memory: { [DATA]: 0x111111 },
  },
  {
    title: "overlap as one element after another",
    manual: "SDM 2 MOVS",
    code: `mov byte [DATA], 0x77; mov esi, DATA; mov edi, DATA+1; mov ecx, 11; rep movsb; hlt`,
    memory: { [DATA + 8]: 0x77777777 },
  },
  {
    title: "write the code that comes next",
    manual: "SDM 3A 8.1.3",
    code: `mov edi, next; mov ecx, 2; mov eax, 0x90; rep stosb; next: jmps next; inc ebx; hlt`,
    registers: { rbx: 1 },
  },
  {
    // QEMU TCG 7.2 and Bochs 2.7 fetch it anew and stop; an AMD EPYC finishes, with any count that was tried.
    title: "overwrite themselves and finish",
    manual: "SDM 3A 8.1.3: the instruction in execution is not fetched anew before its end",
    code: `mov edi, here; mov ecx, 4; mov eax, 0x90; jmp here; align 16; here: rep stosb; nop; nop; hlt`,
    // Where an interrupt comes in between, what was written is fetched.
    isIndivisible: true,
    registers: { rcx: 0 },
  },
  {
    title: "of INS and OUTS keep the port's permission at CPL 3",
    manual: "SDM 1 19.5",
    code: `${toUser("user")}; at USER; user: mov edx, 0x80; mov ecx, 1; mov edi, USER_DATA; bad: rep insb`,
    events: ["#GP(0) at bad"],
    registers: { rcx: 1 },
  },
  {
    title: "of INS fault before they read the port",
    manual: "SDM 2 INS",
    prepare: (machine) => {
      hole(machine);
      let count = 0;
      machine.input = () => ++count;
    },
    on: { 14: "repair" },
    code: `mov edx, 0x80; mov ecx, 3; mov edi, ${EDGE - 1}; bad: rep insb; hlt; ${REPAIR}`,
    events: [`#PF(2) at bad, 0x${EDGE.toString(16)}`],
    memory: { [EDGE - 1]: 0x030201 },
  },
  {
    title: "of OUTS write the port once for each element",
    manual: "SDM 2 OUTS",
    prepare: (machine) => {
      hole(machine);
      machine.memory.store(EDGE - 1, 1, 7);
    },
    code: `mov edx, 0x80; mov ecx, 3; mov esi, ${EDGE - 1}; bad: rep outsb`,
    events: [`#PF(0) at bad, 0x${EDGE.toString(16)}`],
    check: ({ outputs }) => expect(outputs).toEqual([{ port: 0x80, size: 1, value: 7 }]),
  },
]);
