// SPDX-License-Identifier: BSD-2-Clause
// What holds interrupts and NMIs off: RFLAGS.IF, the shadows of STI and MOV SS, an NMI's handler. SDM 3A 6.7, 6.8.
import { expect } from "vitest";
import { KCODE, STUBS, toUser } from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const trapGate =
  (vector: number) =>
  (machine: SystemMachine): void =>
    machine.gate(machine.gateOf(vector), KCODE, STUBS + 16 * vector, 0xef);

const NMI = [{ after: 1, interrupt: "nmi" as const }];
const INTERRUPT = [{ after: 1, interrupt: 0x50 }];

systemSuite("the interrupt shadow", [
  {
    title: "of STI lasts for one instruction",
    manual: "SDM 2 STI",
    code: `nop; nop; sti; inc eax; here: inc eax; hlt`,
    arrivals: INTERRUPT,
    events: ["INT 50 at here"],
    registers: { rax: 1 },
  },
  {
    title: "is not cast by an STI that finds IF set",
    manual: "SDM 2 STI",
    code: `sti; nop; nop; sti; here: inc eax; hlt`,
    arrivals: [{ after: 4, interrupt: 0x50 }],
    events: ["INT 50 at here"],
    registers: { rax: 0 },
  },
  {
    title: "of STI lets CLI come first",
    manual: "SDM 2 STI",
    code: `nop; nop; sti; cli; nop; hlt`,
    arrivals: INTERRUPT,
  },
  {
    title: "of STI covers HLT, which is then woken",
    manual: "SDM 2 STI",
    code: `nop; nop; sti; hlt; here: hlt`,
    arrivals: INTERRUPT,
    events: ["INT 50 at here"],
  },
  {
    title: "of STI ends where the next instruction faults",
    manual: "SDM 3A 6.8.1: until the next instruction boundary",
    prepare: trapGate(6),
    on: { 6: "handler" },
    code: `nop; nop; sti; bad: ud2; handler: hlt`,
    arrivals: INTERRUPT,
    // The handler's stub is interrupted before its first instruction.
    events: ["INT 50 at 0x4060"],
  },
  {
    title: "is not cast by POPF and IRET",
    manual: "SDM 3A 6.8.3",
    code: `nop; nop; push IF+2; popfq; here: inc eax; hlt`,
    arrivals: INTERRUPT,
    events: ["INT 50 at here"],
    registers: { rax: 0 },
  },
  {
    title: "is not cast by IRET",
    manual: "SDM 3A 6.8.3",
    code: `nop; nop; push KDATA; push STACK; push IF+2; push KCODE; push here; iretq; here: inc eax; hlt`,
    arrivals: INTERRUPT,
    events: ["INT 50 at here"],
    registers: { rax: 0 },
  },
  {
    title: "of MOV SS lasts for one instruction",
    manual: "SDM 3A 6.8.3",
    code: `sti; mov eax, ss; nop; mov ss, ax; mov rsp, STACK-64; here: nop; hlt`,
    arrivals: [{ after: 4, interrupt: 0x50 }],
    events: ["INT 50 at here"],
    registers: { rsp: 0x20000 - 64 - 40 },
  },
  {
    title: "of MOV SS is not prolonged by another",
    manual: "SDM 3A 6.8.3",
    code: `sti; mov eax, ss; nop; mov ss, ax; mov ss, ax; here: inc ecx; hlt`,
    arrivals: [{ after: 4, interrupt: 0x50 }],
    events: ["INT 50 at here"],
    registers: { rcx: 0 },
  },
  {
    title: "of POP SS holds off NMIs, too",
    manual: "SDM 3A 6.8.3, 6.7",
    mode: "protected",
    code: `nop; push ss; pop ss; inc eax; here: inc eax; hlt`,
    arrivals: [{ after: 3, interrupt: "nmi" }],
    events: ["NMI at here"],
    registers: { rax: 1 },
  },
  {
    title: "is not cast by LSS, which needs none",
    manual: "SDM 3A 6.8.3",
    code: `mov dword [DATA], STACK-64; mov dword [DATA+4], KDATA; sti; nop; lss esp, [DATA]; here: inc eax; hlt`,
    arrivals: [{ after: 5, interrupt: 0x50 }],
    events: ["INT 50 at here"],
    registers: { rax: 0 },
  },
]);

systemSuite("NMIs", [
  {
    title: "ask neither IF nor the gate's DPL",
    manual: "SDM 3A 6.8.1",
    code: `cli; here: nop; hlt`,
    arrivals: NMI,
    events: ["NMI at here"],
  },
  {
    title: "wait for the IRET of an NMI's handler",
    manual: "SDM 3A 6.7.1",
    on: { 2: "handler" },
    code: `nop; here: nop; nop; hlt; at 0x8800; handler: inc ecx; nop; nop; nop; iretq`,
    arrivals: [...NMI, { after: 5, interrupt: "nmi" }],
    events: ["NMI at here", "NMI at here"],
    registers: { rcx: 2 },
  },
  {
    title: "go on waiting while another exception's handler returns not with IRET but with RET",
    manual: "SDM 3A 6.7.1",
    on: { 2: "handler", 3: "nested" },
    code: `nop; here: nop; nop; hlt; at 0x8800; handler: inc ecx; int3; nop; nop; hlt
      nested: add rsp, 40; mov rax, [rsp-40]; jmp rax`,
    arrivals: [...NMI, { after: 5, interrupt: "nmi" }],
    events: ["NMI at here", "#BP at handler+3"],
    registers: { rcx: 1 },
  },
  {
    title: "are let through by any IRET, an exception's inside the handler, too",
    manual: "SDM 3A 6.7.1",
    on: { 2: "handler", 3: "nested" },
    code: `nop; here: nop; nop; hlt; at 0x8800; handler: inc ecx; cmp ecx, 2; je last; int3; nop; nop; last: hlt
      nested: iretq`,
    arrivals: [...NMI, { after: 5, interrupt: "nmi" }],
    events: ["NMI at here", "#BP at handler+12", "NMI at handler+12"],
    registers: { rcx: 2 },
  },
  {
    title: "are let through by an IRET that faults",
    manual: "SDM 3A 6.7.1",
    on: { 2: "handler" },
    code: `nop; here: nop; nop; hlt
      at 0x8800; handler: inc ecx; cmp ecx, 2; je last; push 0; push 0; bad: iretq; last: hlt`,
    arrivals: [...NMI, { after: 4, interrupt: "nmi" }],
    // The fault's own handler is interrupted before its first instruction.
    events: ["NMI at here", "NMI at 0x40d0"],
  },
  {
    title: "wake a halted processor, whatever IF says",
    manual: "SDM 2 HLT",
    on: { 2: "handler" },
    code: `cli; hlt; behind: inc eax; hlt; at 0x8800; handler: iretq`,
    arrivals: [{ after: 2, interrupt: "nmi" }],
    events: ["NMI at behind"],
    registers: { rax: 1 },
  },
  {
    title: "come before an interrupt that waits with them",
    manual: "SDM 3A table 6-2",
    on: { 2: "handler" },
    code: `sti; nop; here: nop; hlt; at 0x8800; handler: iretq`,
    arrivals: [
      { after: 2, interrupt: "nmi" },
      { after: 2, interrupt: 0x50 },
    ],
    events: ["NMI at here", "INT 50 at here"],
  },
]);

systemSuite("IF", [
  {
    title: "and HLT are CPL 0's",
    manual: "SDM 2 HLT",
    code: `${toUser("user")}; at USER; user: hlt`,
    events: ["#GP(0) at user"],
  },
  ...["cli", "sti"].map((code) => ({
    title: `is not for CPL 3 to change with ${code} while IOPL is 0`,
    manual: `SDM 2 ${code.toUpperCase()}`,
    code: `${toUser("user")}; at USER; user: ${code}`,
    events: ["#GP(0) at user"],
  })),
  {
    title: "is for CPL 3 to change with IOPL 3",
    manual: "SDM 2 STI",
    code: `${toUser("user", "IOPL3+2")}; at USER; user: sti; nop; pushfq; pop rax; cli; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    check: ({ register }) => expect(register).toBeDefined(),
    registers: { rax: 0x3202 },
  },
  {
    title: "is left alone by CPL 3's POPF without a fault",
    manual: "SDM 2 POPF",
    code: `${toUser("user")}; at USER; user: push 0x3202; popfq; pushfq; pop rax; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 2 },
  },
]);
