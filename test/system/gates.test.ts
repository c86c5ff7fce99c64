// SPDX-License-Identifier: BSD-2-Clause
// Far transfers: direct, through call gates, and back. SDM 3A 5.8, SDM 2 CALL, JMP, RET.
import { expect } from "vitest";
import {
  DATA,
  FREE,
  GDT,
  KCODE,
  KDATA,
  STACK0,
  toUser,
  toUser32,
  UCODE,
  UCODE32,
} from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import { systemSuite } from "../support/system/system-suite.ts";

type Prepare = NonNullable<SystemCase["prepare"]>;

/** A call gate as the first free descriptor; its 16 bytes are the first two. */
const gate =
  (selector: number, access = 0xec, parameters = 0, label = "target"): Prepare =>
  (machine, labels) =>
    machine.gate(GDT + FREE, selector, labels.get(label)!, access, parameters);

/** Another code segment behind the gate, at FREE + 16. */
const CODE_TOO = FREE + 16;
const withCode =
  (access: number, flags: number, more: Prepare): Prepare =>
  (machine, labels) => {
    machine.descriptor(CODE_TOO, 0, 0xfffff, access, flags);
    more(machine, labels);
  };

const legacy = (each: Omit<SystemCase, "mode">): SystemCase => ({ ...each, mode: "protected" });
const CALL = "bad: call FREE:0; behind: nop; target: hlt";
const JUMP = "bad: jmp FREE:0; behind: nop; target: hlt";

systemSuite("call gates in protected mode", [
  legacy({
    title: "lead to their own offset, at the same level on the same stack",
    manual: "SDM 3A 5.8.4",
    prepare: gate(KCODE),
    code: `call FREE:0x12345678; behind: nop; target: mov eax, [esp]; mov ecx, [esp+4]; hlt`,
    registers: { rsp: 0x20000 - 8, rax: 0x8007, rcx: KCODE },
  }),
  legacy({
    title: "change the stack for an inner level and copy parameters",
    manual: "SDM 3A 5.8.5",
    prepare: gate(KCODE, 0xec, 2),
    code: `${toUser32("user")}; target: mov eax, [esp+8]; mov ebx, [esp+12]; mov ecx, [esp+16]; mov edx, [esp+20]; hlt
      at USER; user: push 0x22; push 0x11; call FREE:0`,
    registers: { rsp: STACK0 - 24, rax: 0x11, rbx: 0x22, rcx: 0x5eff8, rdx: 0x2b },
  }),
  legacy({
    title: "are returned from with the parameters released on both stacks",
    manual: "SDM 3A 5.8.6",
    prepare: gate(KCODE, 0xec, 2),
    code: `${toUser32("user")}; target: mov ebx, cs; retf 8
      at USER; user: push 0x22; push 0x11; call FREE:0; mov ecx, cs; mov eax, esp; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0x5f000, rbx: KCODE, rcx: UCODE32 },
  }),
  legacy({
    title: "of 16 bits push words",
    manual: "SDM 3A 5.8.3",
    prepare: gate(KCODE, 0xe4),
    code: `call FREE:0; behind: nop; target: mov eax, [esp]; hlt`,
    registers: { rsp: 0x20000 - 4, rax: 0x00088007 },
  }),
  legacy({
    title: "let JMP through to the same level",
    manual: "SDM 3A 5.8.4",
    prepare: gate(KCODE),
    code: `jmp FREE:0; nop; target: mov eax, 1; hlt`,
    registers: { rax: 1, rsp: 0x20000 },
  }),
  legacy({
    title: "do not let JMP in to an inner level",
    manual: "SDM 3A 5.8.4",
    prepare: gate(KCODE),
    code: `${toUser32("user")}; target: hlt; at USER; user: jmp FREE:0`,
    events: ["#GP(8) at user"],
  }),
  legacy({
    title: "let JMP into conforming code without a change of level",
    manual: "SDM 3A 5.8.1.2",
    prepare: withCode(0x9f, 0xc, gate(CODE_TOO)),
    code: `${toUser32("user")}; at USER; user: jmp FREE:0; nop; target: mov eax, cs; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: CODE_TOO | 3 },
  }),
  legacy({
    title: "are for those that their DPL admits",
    manual: "SDM 3A 5.8.4",
    prepare: gate(KCODE, 0x8c),
    code: `${toUser32("user")}; target: hlt; at USER; user: call FREE:0`,
    events: ["#GP(68) at user"],
  }),
  legacy({
    title: "look at the RPL, too",
    manual: "SDM 3A 5.8.4",
    prepare: gate(KCODE, 0xac),
    code: `bad: call FREE+2:0; target: hlt`,
    events: ["#GP(68) at bad"],
  }),
  ...(
    [
      ["a gate that is not present", gate(KCODE, 0x6c), "#NP(68)"],
      ["a gate to a null selector", gate(0), "#GP(0)"],
      ["a gate to a selector outside the GDT", gate(0x200), "#GP(200)"],
      ["a gate to data", gate(KDATA), "#GP(10)"],
      ["a gate to outer code", gate(UCODE32), "#GP(20)"],
      ["a gate to code that is not present", withCode(0x1b, 0xc, gate(CODE_TOO)), "#NP(78)"],
      ["an interrupt gate", gate(KCODE, 0xee), "#GP(68)"],
    ] as const
  ).flatMap(([what, prepare, fault]) =>
    [CALL, JUMP].map((code) =>
      legacy({
        title: `refuse ${what} to ${code.slice(5, 9)}`,
        manual: "SDM 2 CALL, JMP",
        prepare,
        code,
        events: [`${fault} at bad`],
      }),
    ),
  ),
]);

systemSuite("call gates in 64-bit mode", [
  {
    title: "have 16 bytes and push quadwords",
    manual: "SDM 3A 5.8.3.1",
    prepare: gate(KCODE),
    code: `mov word [DATA+4], FREE; call far dword [DATA]; behind: nop; target: mov rax, [rsp]; mov rcx, [rsp+8]; hlt`,
    registers: { rsp: 0x20000 - 16, rax: 0x8011, rcx: KCODE },
  },
  {
    title: "load RSP from the TSS and a null SS for an inner level",
    manual: "SDM 3A 5.8.5.1",
    prepare: gate(KCODE),
    code: `mov word [USER_DATA+4], FREE; ${toUser("user")}
      target: mov eax, ss; mov rbx, [rsp+24]; mov rcx, [rsp+16]; mov rdx, [rsp+8]; hlt
      at USER; user: mov eax, 7; call far dword [USER_DATA]`,
    registers: { rsp: STACK0 - 32, rax: 0, rbx: 0x2b, rcx: 0x5f000, rdx: UCODE },
  },
  {
    title: "are returned from to CPL 3",
    manual: "SDM 3A 5.8.6",
    prepare: gate(KCODE),
    code: `mov word [USER_DATA+4], FREE; ${toUser("user")}; target: mov ebx, cs; retfq
      at USER; user: call far dword [USER_DATA]; mov ecx, cs; mov edx, ss; mov rax, rsp; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0x5f000, rbx: KCODE, rcx: UCODE, rdx: 0x2b },
  },
  {
    title: "are for 32-bit code of CPL 3, too",
    manual: "SDM 3A 5.8.3.1",
    prepare: gate(KCODE),
    code: `push UDATA; push USER_STACK; push 2; push UCODE32; push user; iretq; target: mov rax, [rsp+8]; mov ecx, cs; hlt
      at USER; bits 32; user: call FREE:0`,
    registers: { rax: UCODE32, rcx: KCODE },
  },
  ...(
    [
      ["32-bit code", gate(0x18), "#GP(18)"],
      ["a 16-bit gate", gate(KCODE, 0xe4), "#GP(68)"],
      ["code with L and D", withCode(0x9b, 0xe, gate(CODE_TOO)), "#GP(78)"],
      ["a null selector", gate(0), "#GP(0)"],
      ["a gate that is not present", gate(KCODE, 0x6c), "#NP(68)"],
    ] as const
  ).map(([what, prepare, fault]) => ({
    title: `refuse ${what}`,
    manual: "SDM 2 CALL",
    prepare,
    code: `mov word [DATA+4], FREE; bad: call far dword [DATA]; target: hlt`,
    events: [`${fault} at bad`],
  })),
  {
    title: "refuse a type in their upper half, with the gate's selector",
    manual: "SDM 3A 5.8.3.1, SDM 2 CALL",
    prepare: (machine, labels) => {
      gate(KCODE)(machine, labels);
      machine.memory.store(GDT + FREE + 12, 4, 0x0c00);
    },
    code: `mov word [DATA+4], FREE; bad: call far dword [DATA]; target: hlt`,
    events: ["#GP(68) at bad"],
  },
  {
    title: "refuse a non-canonical target",
    manual: "SDM 2 CALL",
    prepare: (machine, labels) => {
      gate(KCODE)(machine, labels);
      machine.memory.store(GDT + FREE + 8, 4, 0x8000);
    },
    code: `mov word [DATA+4], FREE; bad: call far dword [DATA]; target: hlt`,
    events: ["#GP(0) at bad"],
  },
]);

systemSuite("direct far transfers", [
  {
    title: "go from 64-bit code to 32-bit code and back",
    manual: "SDM 3A 9.8.5.3, SDM 2 JMP",
    code: `mov dword [DATA], there; mov word [DATA+4], KCODE32; jmp far dword [DATA]
      bits 32; there: mov eax, cs; dec eax; jmp KCODE:back; bits 64; back: mov ecx, cs; dec rax; hlt`,
    registers: { rax: 0x16, rcx: KCODE },
  },
  {
    title: "call with 64-bit operands and return",
    manual: "SDM 2 CALL, RET",
    code: `mov rax, there; mov [DATA], rax; mov word [DATA+8], KCODE; call far qword [DATA]; mov ecx, 1; hlt
      there: mov rdx, [rsp]; retfq`,
    registers: { rcx: 1, rsp: 0x20000 },
  },
  {
    title: "refuse another level's code",
    manual: "SDM 3A 5.8.1.1",
    code: `mov dword [DATA], USER; mov word [DATA+4], UCODE; bad: jmp far dword [DATA]`,
    events: ["#GP(30) at bad"],
  },
  {
    title: "refuse code that the RPL may not reach",
    manual: "SDM 3A 5.8.1.1",
    code: `mov word [DATA+4], KCODE+3; bad: jmp far dword [DATA]`,
    events: ["#GP(8) at bad"],
  },
  {
    title: "are #UD in their direct form in 64-bit mode",
    manual: "SDM 2 JMP",
    code: `bad: db 0xea; dd 0; dw 8`,
    events: ["#UD at bad"],
  },
  {
    title: "refuse a TSS in 64-bit mode",
    manual: "SDM 3A 7.7",
    code: `mov word [DATA+4], TSS_SELECTOR; bad: jmp far dword [DATA]`,
    events: ["#GP(38) at bad"],
  },
  {
    title: "return to an outer level with another stack",
    manual: "SDM 2 RET",
    code: `push UDATA; push USER_STACK; push UCODE; push user; retfq; at USER; user: mov eax, ss; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 0x2b },
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x5f000n),
  },
  {
    title: "do not return to an inner level",
    manual: "SDM 2 RET",
    code: `${toUser("user")}; at USER; user: push KCODE; push 0; bad: retfq`,
    events: ["#GP(8) at bad"],
  },
  {
    title: "return to a non-canonical address with #GP, and stay where they are",
    manual: "SDM 2 RET",
    code: `push KCODE; mov rax, 0x800000000000; push rax; bad: retfq`,
    events: ["#GP(0) at bad"],
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x1fff0n),
  },
  legacy({
    title: "are stopped by the target's limit",
    manual: "SDM 2 JMP",
    prepare: (machine) => machine.descriptor(FREE, 0, 0xff, 0x9b, 4),
    code: `bad: jmp FREE:0x100`,
    events: ["#GP(0) at bad"],
  }),
  legacy({
    title: "leave the stack alone where CALL's target faults",
    manual: "SDM 2 CALL",
    code: `mov dword [${DATA}], 7; bad: call KDATA:0`,
    events: ["#GP(10) at bad"],
    registers: { rsp: 0x20000 - 16 },
  }),
]);
