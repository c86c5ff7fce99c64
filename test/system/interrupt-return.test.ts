// SPDX-License-Identifier: BSD-2-Clause
// IRET in 64-bit mode: SDM 2 IRET/IRETD/IRETQ, SDM 3A 6.14.3.
import { expect } from "vitest";
import { CS, DS, FS, GS, SS } from "../../src/cpu/state-layout.ts";
import { FREE, toUser, UCODE, UCODE32, UDATA } from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

/** Returns to selectors and an address with flags, from CPL 0. */
const returnTo = (cs: string | number, ss: string | number, rip: string, flags = "2") =>
  `push ${ss}; push USER_STACK; push ${flags}; push ${cs}; push ${rip}; bad: iretq`;

const descriptor =
  (access: number, flags = 0xa) =>
  (machine: SystemMachine): void =>
    machine.descriptor(FREE, 0, 0xfffff, access, flags);

systemSuite("IRETQ", [
  {
    title: "pops SS:RSP at the same privilege level, too",
    manual: "SDM 3A 6.14.3",
    code: `push KDATA; push DATA+0x100; push 0x8d7; push KCODE; push there; iretq
      there: pushfq; pop rax; hlt`,
    registers: { rsp: 0x10100, rax: 0x8d7 },
  },
  {
    title: "loads a null SS for CPL 0",
    manual: "SDM 2 IRET",
    code: `push 0; push DATA+0x100; push 2; push KCODE; push there; iretq; there: mov ecx, ss; push rcx; hlt`,
    registers: { rcx: 0, rsp: 0x100f8 },
  },
  {
    title: "refuses a null SS for CPL 3",
    manual: "SDM 2 IRET",
    code: `${returnTo("UCODE", 3, "USER")}`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "goes to 32-bit code of CPL 3 with half of RSP",
    manual: "SDM 2 IRET",
    code: `push UDATA; mov rax, 0x10005f000; push rax; push 2; push UCODE32; push user; iretq
      at USER; bits 32; user: inc eax; mov ecx, cs; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0x5f001, rcx: UCODE32 },
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x5f000n),
  },
  {
    // "If the return instruction pointer is not within the code segment limits": Bochs takes its lower half first.
    title: "refuses an address above 4 GiB for 32-bit code",
    manual: "SDM 2 IRET",
    code: `push UDATA; push USER_STACK; push 2; push UCODE32; mov rax, 0x100040000; push rax; bad: iretq`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "goes to 32-bit code of the same level and pops SS:ESP on the way",
    manual: "SDM 2 IRET",
    code: `push KDATA; push DATA+0x100; push 2; push KCODE32; push there; iretq
      bits 32; there: mov ecx, cs; inc eax; hlt`,
    registers: { rcx: 0x18, rsp: 0x10100 },
  },
  {
    title: "drops data segments that the outer level may not use",
    manual: "SDM 2 IRET, RETURN-TO-OUTER-PRIVILEGE-LEVEL",
    code: `mov eax, KDATA; mov ds, ax; mov fs, ax; mov eax, UDATA; mov gs, ax; mov es, ax
      ${toUser("user")}; at USER; user: mov eax, ds; mov ebx, fs; mov ecx, gs; mov edx, es; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0, rbx: 0, rcx: UDATA, rdx: UDATA },
    check: (machine) => {
      expect([DS, FS, GS].map((segment) => (machine.segment(segment).access >> 16) & 1)).toEqual([
        1, 1, 0,
      ]);
    },
  },
  {
    title: "raises #GP with NT set",
    manual: "SDM 2 IRET, SDM 3A 7.7",
    code: `push NT+2; popfq; ${returnTo("KCODE", "KDATA", "there")}; there: hlt`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "raises #GP for a non-canonical RIP before it has changed anything",
    manual: "SDM 2 IRET",
    code: `push UDATA; push USER_STACK; push 2; push UCODE; mov rax, 0x800000000000; push rax; bad: iretq`,
    events: ["#GP(0) at bad"],
    check: ({ entries: [entry] }) => expect([entry!.cs, entry!.rsp]).toEqual([8, 0x1ffd8n]),
  },
  {
    title: "takes a non-canonical RSP as it is",
    manual: "SDM 2 IRET",
    code: `push UDATA; mov rax, 0x800000000000; push rax; push 2; push UCODE; push user; iretq
      at USER; user: nop; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x8000_0000_0000n),
  },
  ...(
    [
      ["a null CS", "0", "#GP(0)"],
      ["a CS outside the GDT", "0x203", "#GP(200)"],
      ["a CS that is data", "UDATA", "#GP(28)"],
      ["a CS whose DPL is not its RPL", "KCODE+3", "#GP(8)"],
      ["a CS in an LDT that is not there", "0x17", "#GP(14)"],
    ] as const
  ).map(([what, cs, fault]) => ({
    title: `refuses ${what}`,
    manual: "SDM 2 IRET",
    code: returnTo(cs, "UDATA", "USER"),
    events: [`${fault} at bad`],
  })),
  {
    title: "raises #NP for a CS that is not present",
    manual: "SDM 2 IRET",
    prepare: descriptor(0x7b),
    code: returnTo("FREE+3", "UDATA", "USER"),
    events: ["#NP(68) at bad"],
  },
  {
    title: "refuses code with L and D",
    manual: "SDM 2 IRET, SDM 3A 5.2.1",
    prepare: descriptor(0xfb, 0xe),
    code: returnTo("FREE+3", "UDATA", "USER"),
    events: ["#GP(68) at bad"],
  },
  {
    title: "raises #GP for an SS with the wrong RPL",
    manual: "SDM 2 IRET",
    code: returnTo("UCODE", "KDATA", "USER"),
    events: ["#GP(10) at bad"],
  },
  {
    title: "raises #GP for an SS that cannot be written",
    manual: "SDM 2 IRET",
    prepare: descriptor(0xf1, 0xc),
    code: returnTo("UCODE", "FREE+3", "USER"),
    events: ["#GP(68) at bad"],
  },
  {
    // QEMU TCG 7.2 and Bochs 2.7 raise #NP, as the manual's list of exceptions has it; its operation and APM 3 have #SS.
    title: "raises #SS for an SS that is not present",
    manual: "SDM 2 IRET",
    prepare: descriptor(0x73, 0xc),
    code: returnTo("UCODE", "FREE+3", "USER"),
    events: ["#SS(68) at bad"],
  },
  {
    title: "does not go to an inner level",
    manual: "SDM 2 IRET",
    code: `${toUser("user")}; at USER; user: ${returnTo("KCODE", "KDATA", "there")}; there: nop`,
    events: ["#GP(8) at bad"],
  },
  {
    title: "lets CPL 3 change neither IF nor IOPL",
    manual: "SDM 2 IRET",
    code: `${toUser("user")}
      at USER; user: push UDATA; push USER_STACK; push 0x3ed7; push UCODE; push there; iretq
      there: int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    check: ({ entries: [entry] }) => expect(entry!.flags).toBe(0xcd7),
  },
  {
    title: "lets CPL 3 change IF where IOPL is 3",
    manual: "SDM 2 IRET",
    code: `${toUser("user", "IOPL3+2")}
      at USER; user: push UDATA; push USER_STACK; push 0x202; push UCODE; push there; iretq
      there: int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x3200).toBe(0x3200),
  },
  {
    title: "with 16-bit operands keeps the flags' upper half and pops words",
    manual: "SDM 2 IRET",
    code: `push AC+2; popfq; mov dword [DATA], CODE+0x100+KCODE*0x10000; mov dword [DATA+4], 2+0x8000*0x10000
      mov dword [DATA+8], KDATA; mov rsp, DATA; iretw
      at CODE+0x100; mov [DATA+0x80], esp; mov rsp, STACK; pushfq; pop rax; hlt`,
    registers: { rax: 0x40002 },
    memory: { [0x10080]: 0x8000 },
  },
]);

systemSuite("IRETQ to 32-bit code", [
  {
    title: "finds the limit of CS that 64-bit code does not have",
    manual: "SDM 2 IRET",
    prepare: (machine) => machine.descriptor(FREE, 0, 0x3ffff, 0xfb, 0x4),
    code: returnTo("FREE+3", "UDATA", "USER"),
    events: ["#GP(0) at bad"],
  },
  {
    title: "loads SS with the descriptor's limit, which counts there",
    manual: "SDM 3A 5.3",
    prepare: (machine) => machine.descriptor(FREE, 0, 0x4ffff, 0xf3, 0x4),
    code: `${returnTo("UCODE32", "FREE+3", "user")}; at USER; bits 32; user: push eax`,
    events: ["#SS(0) at user"],
    check: (machine) => expect(machine.segment(SS).selector).toBe(0),
  },
  {
    title: "marks CS and SS accessed",
    manual: "SDM 3A 3.4.5.1",
    prepare: (machine) => {
      machine.descriptor(FREE, 0, 0xfffff, 0xfa, 0xc);
      machine.descriptor(FREE + 8, 0, 0xfffff, 0xf2, 0xc);
    },
    code: `${returnTo("FREE+3", "FREE+8+3", "user")}; at USER; bits 32; user: int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    memory: { [0x106c]: 0xcffb00, [0x1074]: 0xcff300 },
    check: (machine) => expect(machine.segment(CS).selector).not.toBe(UCODE),
  },
]);
