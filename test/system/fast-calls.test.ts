// SPDX-License-Identifier: BSD-2-Clause
// SYSCALL, SYSRET, SYSENTER and SYSEXIT: SDM 2, SDM 3A 5.8.7, 5.8.8. Intel's where the makers differ.
import { expect } from "vitest";
import {
  CS,
  EFER,
  MSR_LSTAR,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  SS,
} from "../../src/cpu/state-layout.ts";
import { KCODE, toUser, toUser32, UCODE } from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

type Prepare = NonNullable<SystemCase["prepare"]>;

/** SYSCALL leads to `kernel`, SYSRET uses the segments of CPL 3. */
const fast =
  (mask = 0): Prepare =>
  ({ state }, labels) => {
    state[MSR_STAR + 1] = (0x23 << 16) | KCODE;
    state[MSR_LSTAR] = labels.get("kernel")!;
    state[MSR_SFMASK] = mask;
    state[MSR_SYSENTER_CS] = KCODE;
    state[MSR_SYSENTER_ESP] = 0x23000;
    state[MSR_SYSENTER_EIP] = labels.get("kernel")!;
  };

const segments = (machine: SystemMachine) => [
  machine.segment(CS).selector,
  machine.segment(SS).selector,
];

systemSuite("SYSCALL and SYSRET", [
  {
    title: "change CS, SS, RIP and RFLAGS, and nothing of the stack",
    manual: "SDM 2 SYSCALL",
    prepare: fast(0x44700),
    code: `${toUser("user", "AC+0x8d5+2")}; kernel: pushfq; pop rax; mov rbx, rsp; hlt
      at USER; user: syscall; behind: nop`,
    registers: { rax: 0x8d7, rcx: 0x40002, r11: 0x408d7, rbx: 0x5f000 },
    check: (machine) => {
      expect(segments(machine)).toEqual([8, 0x10]);
      expect(machine.segment(SS).access & 0xf0ff).toBe(0xc093);
    },
  },
  {
    title: "come back to 64-bit code with the segments of STAR",
    manual: "SDM 2 SYSRET",
    prepare: fast(),
    code: `${toUser("user")}; kernel: mov r11, 0x3fed7; sysretq; at USER; user: syscall; mov eax, cs; mov ebx, ss; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: UCODE, rbx: 0x2b },
    check: ({ entries: [entry] }) => expect(entry!.flags).toBe(0x7ed7),
  },
  {
    title: "come back to 32-bit code",
    manual: "SDM 2 SYSRET",
    prepare: fast(),
    code: `mov rcx, 0x100040000; mov r11, 2; mov rsp, USER_STACK; kernel: sysret; at USER; bits 32; user: mov eax, cs; inc eax; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0x24 },
  },
  {
    title: "raise #GP in the kernel for a non-canonical RCX, as Intel's processors do",
    manual: "SDM 2 SYSRET (AMD's fault at CPL 3)",
    prepare: fast(),
    code: `mov rcx, 0x800000000000; kernel: sysretq`,
    events: ["#GP(0) at kernel"],
    check: ({ entries: [entry] }) => expect(entry!.cs).toBe(KCODE),
  },
  {
    title: "are #UD without EFER.SCE",
    manual: "SDM 2 SYSCALL",
    prepare: ({ state }) => {
      state[EFER] = state[EFER]! & ~1;
    },
    code: `bad: syscall`,
    events: ["#UD at bad"],
  },
  {
    title: "are #UD in 32-bit code, as Intel's processors have it",
    manual: "SDM 2 SYSCALL (AMD's have it there)",
    prepare: fast(),
    code: `push UDATA; push USER_STACK; push 2; push UCODE32; push user; iretq; kernel: hlt; at USER; bits 32; user: syscall`,
    events: ["#UD at user"],
  },
  {
    title: "refuse SYSRET at CPL 3",
    manual: "SDM 2 SYSRET",
    prepare: fast(),
    code: `${toUser("user")}; kernel: hlt; at USER; user: sysretq`,
    events: ["#GP(0) at user"],
  },
  {
    title: "let SYSRET set TF, which traps behind the next instruction at the latest",
    manual:
      "SDM 2 SYSRET; the manual does not say whether SYSRET itself is stepped, so one of both will do",
    prepare: fast(),
    code: `mov ecx, user; mov r11, 0x102; kernel: sysretq; at USER; user: nop; next: nop`,
    check: ({ entries: [entry] }, labels) => {
      expect(entry!.vector).toBe(1);
      expect([labels.get("user"), labels.get("next")]).toContain(Number(entry!.rip));
    },
    events: ["#DB at next, DR6 4000"],
  },
  {
    title: "ignore the RPL of STAR's selectors",
    manual: "SDM 2 SYSCALL, SYSRET",
    prepare: (machine, labels) => {
      fast()(machine, labels);
      machine.state[MSR_STAR + 1] = (0x20 << 16) | 0xb;
    },
    code: `${toUser("user")}; kernel: mov eax, cs; mov ebx, ss; sysretq; at USER; user: syscall; mov edx, cs; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 8, rbx: 0x10, rdx: UCODE },
  },
]);

systemSuite("SYSENTER and SYSEXIT", [
  {
    title: "take stack and address from MSRs and clear IF",
    manual: "SDM 2 SYSENTER",
    prepare: fast(),
    code: `${toUser("user", "IF+2")}; kernel: mov rbx, rsp; pushfq; pop rax; mov ecx, cs; mov edx, ss; hlt; at USER; user: sysenter`,
    registers: { rax: 2, rbx: 0x23000, rcx: 8, rdx: 0x10 },
  },
  {
    title: "enter 64-bit mode from 32-bit code in long mode",
    manual: "SDM 2 SYSENTER",
    prepare: fast(),
    code: `push UDATA; push USER_STACK; push 2; push UCODE32; push user; iretq; kernel: mov rax, 0x1234567890; hlt
      at USER; bits 32; user: sysenter`,
    registers: { rax: 0x1234567890 },
  },
  {
    title: "come back to 64-bit code with REX.W, to selectors that follow IA32_SYSENTER_CS",
    manual: "SDM 2 SYSEXIT",
    prepare: fast(),
    code: `mov edx, user; mov ecx, USER_STACK; kernel: sysexitq; at USER; user: mov eax, cs; mov ebx, ss; mov [USER_DATA], eax; mov [USER_DATA+4], ebx; ud2`,
    events: ["#UD at user+18"],
    memory: { [0x50000]: KCODE + 32 + 3, [0x50004]: KCODE + 40 + 3 },
  },
  {
    title: "come back to 32-bit code without",
    manual: "SDM 2 SYSEXIT",
    prepare: fast(),
    code: `mov edx, user; mov rcx, 0x10005f000; kernel: sysexit; at USER; bits 32; user: mov eax, cs; inc eax; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: KCODE + 16 + 4 },
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x5f000n),
  },
  {
    title: "refuse a non-canonical RDX",
    manual: "SDM 2 SYSEXIT",
    prepare: fast(),
    code: `mov rdx, 0x800000000000; mov ecx, USER_STACK; kernel: sysexitq`,
    events: ["#GP(0) at kernel"],
  },
  {
    title: "refuse SYSEXIT at CPL 3",
    manual: "SDM 2 SYSEXIT",
    prepare: fast(),
    code: `${toUser("user")}; kernel: hlt; at USER; user: sysexitq`,
    events: ["#GP(0) at user"],
  },
  {
    title: "refuse a null IA32_SYSENTER_CS, whatever its RPL",
    manual: "SDM 2 SYSENTER",
    prepare: ({ state }) => {
      state[MSR_SYSENTER_CS] = 3;
    },
    code: `${toUser("user")}; at USER; user: sysenter`,
    events: ["#GP(0) at user"],
  },
  {
    title: "refuse real mode",
    manual: "SDM 2 SYSENTER",
    mode: "real",
    prepare: ({ state }) => {
      state[MSR_SYSENTER_CS] = KCODE;
    },
    code: `bad: sysenter`,
    events: ["#GP at bad"],
  },
  {
    title: "work in protected mode",
    manual: "SDM 2 SYSENTER",
    mode: "protected",
    prepare: fast(),
    code: `${toUser32("user")}; kernel: mov eax, cs; mov ebx, ss; mov ecx, esp; hlt; at USER; user: sysenter`,
    registers: { rax: 8, rbx: 0x10, rcx: 0x23000 },
  },
]);
