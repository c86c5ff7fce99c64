// SPDX-License-Identifier: BSD-2-Clause
// Alignment checks of RFLAGS.AC with CR0.AM at CPL 3: SDM 3A 6.15, interrupt 17.
import { expect } from "vitest";
import { CR0 } from "../../src/cpu/state-layout.ts";
import { STACK0, TSS, toUser, toUser32, UCODE32 } from "../support/system/layout.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const CHECKED: readonly string[] = [
  "mov ax, [USER_DATA+1]",
  "mov eax, [USER_DATA+2]",
  "mov rax, [USER_DATA+4]",
  "mov [USER_DATA+1], eax",
  "add dword [USER_DATA+3], 1",
  "xchg [USER_DATA+2], eax",
  "movsw",
  "cmpsd",
];
const UNCHECKED: readonly string[] = [
  "mov al, [USER_DATA+1]",
  "mov ax, [USER_DATA+2]",
  "mov eax, [USER_DATA+4]",
  "movups xmm0, [USER_DATA+8]",
  "movsb",
  "lea rax, [USER_DATA+1]",
];
const START = "mov esi, USER_DATA+0x101; mov edi, USER_DATA+0x200";

systemSuite("alignment checks", [
  ...CHECKED.map((code) => ({
    title: `fault at CPL 3: ${code}`,
    manual: "SDM 3A 6.15, interrupt 17",
    code: `${toUser("user", "AC+2")}; at USER; user: ${START}; bad: ${code}`,
    events: ["#AC(0) at bad"],
  })),
  ...UNCHECKED.map((code) => ({
    title: `let pass: ${code}`,
    manual: "SDM 3A 6.15, table 6-7",
    code: `${toUser("user", "AC+2")}; at USER; user: ${START}; ${code}; int 0x40; last: nop`,
    events: ["INT 40 at last"],
  })),
  {
    title: "do not fault without AC",
    manual: "SDM 3A 6.15, interrupt 17",
    code: `${toUser("user")}; at USER; user: mov eax, [USER_DATA+1]; int 0x40; last: nop`,
    events: ["INT 40 at last"],
  },
  {
    title: "do not fault without CR0.AM",
    manual: "SDM 3A 6.15, interrupt 17",
    prepare: ({ state }) => {
      state[CR0] = state[CR0]! & ~(1 << 18);
    },
    code: `${toUser("user", "AC+2")}; at USER; user: mov eax, [USER_DATA+1]; int 0x40; last: nop`,
    events: ["INT 40 at last"],
  },
  {
    title: "do not fault at CPL 0",
    manual: "SDM 3A 6.15, interrupt 17",
    code: `push AC+2; popfq; mov eax, [USER_DATA+1]; hlt`,
  },
  {
    title: "begin with POPF and end with it, in the middle of code",
    manual: "SDM 2 POPF",
    code: `${toUser("user")}; at USER; user: mov eax, [USER_DATA+1]; push AC+2; popfq; push 2; popfq; mov eax, [USER_DATA+1]
      push AC+2; popfq; bad: mov eax, [USER_DATA+1]`,
    events: ["#AC(0) at bad"],
  },
  {
    title: "come before page faults",
    manual: "SDM 3A 6.15, interrupt 17; table 6-2",
    code: `${toUser("user", "AC+2")}; at USER; user: nop; bad: mov eax, [0x7000001]`,
    events: ["#AC(0) at bad"],
  },
  {
    title: "look at the stack, too",
    manual: "SDM 3A 6.15, interrupt 17",
    code: `${toUser("user", "AC+2")}; at USER; user: mov rsp, USER_STACK-4; bad: push rax`,
    events: ["#AC(0) at bad"],
  },
  {
    title: "do not look at the frame of an interrupt, which is the supervisor's",
    manual: "SDM 3A 6.15, interrupt 17: not for implicit accesses of a switch to CPL 0",
    mode: "protected",
    prepare: ({ memory }) => memory.store(TSS + 4, 4, STACK0 - 3),
    code: `${toUser32("user", "AC+2")}; at USER; user: int 0x40; last: nop`,
    events: ["INT 40 at last"],
    registers: { rsp: STACK0 - 23 },
  },
  {
    title: "end in shutdown where CPL 3 is to handle them on a stack that is not aligned",
    manual:
      "SDM 3A table 6-5 has #AC in the delivery of #AC go on for ever, uninterrupted; nobody can want that",
    mode: "protected",
    prepare: (machine, labels) =>
      machine.gate(machine.gateOf(17), UCODE32, labels.get("user")!, 0x8e),
    code: `${toUser32("user", "AC+2")}; at USER; user: mov esp, USER_STACK-3; push eax`,
    ends: "shutdown",
  },
  {
    title: "do not look at descriptors and task state",
    manual: "SDM 3A 6.15, interrupt 17",
    code: `${toUser("user", "AC+2")}; at USER; user: mov eax, UDATA; mov ds, ax; int 0x40; last: nop`,
    events: ["INT 40 at last"],
  },
  {
    title: "leave the flag set in the frame and for the handler",
    manual: "SDM 3A 6.12.1.2",
    code: `${toUser("user", "AC+2")}; at USER; user: mov ax, [USER_DATA+1]`,
    events: ["#AC(0) at user"],
    check: ({ entries: [entry] }) => expect(entry!.handlerFlags & (1 << 18)).not.toBe(0),
  },
]);
