// SPDX-License-Identifier: BSD-2-Clause
// Debug registers and single-stepping: SDM 3B 17.2-17.3.
import { expect } from "vitest";
import { CR4, DR, DR6, DR7, MSR_LSTAR, MSR_SFMASK, MSR_STAR } from "../../src/cpu/state-layout.ts";
import { CR4_DE } from "../../src/cpu/system/control-bits.ts";
import { DATA, KCODE, KDATA, PT, toUser, USER } from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const EXECUTE = 0;
const WRITE = 1;
const IO = 2;
const ACCESS = 3;
const LENGTH = { 1: 0, 2: 1, 4: 3, 8: 2 } as const;

/** Sets breakpoint 0 (or another), enabled globally: at an address or a label. */
function watch(
  place: number | string,
  condition: number,
  length: 1 | 2 | 4 | 8 = 1,
  index = 0,
): NonNullable<SystemCase["prepare"]> {
  return ({ state }, labels) => {
    state[DR + 2 * index] = typeof place === "string" ? labels.get(place)! : place;
    const field = (condition | (LENGTH[length] << 2)) << (16 + 4 * index);
    state[DR7] = state[DR7]! | (2 << (2 * index)) | field;
  };
}

const withDebuggingExtensions = (machine: SystemMachine): void => {
  machine.state[CR4] = machine.state[CR4]! | CR4_DE;
};

/** A handler of #DB that returns. */
const RETURN = { 1: "db" };
const HANDLER = "at 0x8800; db: iretq";
/** A handler that clears TF in its frame, so that it is entered once. */
const ONCE = "at 0x8800; db: and dword [rsp+16], 0xfffffeff; iretq";
const TRAP = (code: string) => `push TF+2; popfq; ${code}`;

systemSuite("an instruction breakpoint", [
  {
    title: "is a fault in front of the instruction, with RF clear in the frame",
    manual: "SDM 3B 17.3.1.1",
    prepare: watch("here", EXECUTE),
    code: `mov eax, 1; here: mov eax, 2; hlt`,
    events: ["#DB at here, DR6 1"],
    registers: { rax: 1 },
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0),
  },
  {
    title: "is passed over by IRET with RF, once",
    manual: "SDM 3B 17.3.1.1",
    prepare: watch("here", EXECUTE),
    on: RETURN,
    code: `mov ecx, 2; again: nop; here: inc eax; dec ecx; jnz again; hlt
      at 0x8800; db: or dword [rsp+16], RF; iretq`,
    events: ["#DB at here, DR6 1", "#DB at here, DR6 1"],
    registers: { rax: 2 },
  },
  {
    title: "is not one for an address inside an instruction",
    manual: "SDM 3B 17.2.5",
    prepare: watch("here", EXECUTE),
    code: `jmps start; db 0xb8; here: db 1, 0, 0, 0; start: db 0xb8; dd here; hlt`,
  },
  {
    title: "comes before a fault of the instruction's own",
    manual: "SDM 3A table 6-2",
    prepare: watch("here", EXECUTE),
    code: `nop; here: ud2`,
    events: ["#DB at here, DR6 1"],
  },
  {
    title: "comes before the fault of its fetch",
    manual: "SDM 3A table 6-2",
    prepare: watch(0x7000000, EXECUTE),
    code: `mov eax, 0x7000000; jmp rax`,
    events: ["#DB at 0x7000000, DR6 1"],
  },
  {
    title: "is held off by the shadow of MOV SS",
    manual: "SDM 3A 6.8.3, SDM 3B 17.3.1.1",
    prepare: watch("here", EXECUTE),
    code: `mov eax, ss; mov ss, ax; here: nop; hlt`,
  },
  {
    title: "stops a loop that was running before it was set",
    manual: "SDM 3B 17.2.4",
    code: `mov ecx, 50; again: dec ecx; here: nop; jnz again
      mov eax, here; mov dr0, rax; mov eax, 0x402; mov dr7, rax; mov ecx, 9; jmp again`,
    events: ["#DB at here, DR6 1"],
    registers: { rcx: 8 },
  },
  {
    title: "reports every breakpoint of the address",
    manual: "SDM 3B 17.3.1",
    prepare: (machine, labels) => {
      watch("here", EXECUTE)(machine, labels);
      watch("here", EXECUTE, 1, 3)(machine, labels);
    },
    code: `nop; here: hlt`,
    events: ["#DB at here, DR6 9"],
  },
]);

systemSuite("a data breakpoint", [
  {
    title: "is a trap behind the write",
    manual: "SDM 3B 17.3.1.2",
    prepare: watch(DATA, WRITE, 4),
    code: `mov dword [DATA], 5; behind: hlt`,
    events: ["#DB at behind, DR6 1"],
    memory: { [DATA]: 5 },
  },
  {
    title: "for writes lets reads pass",
    manual: "SDM 3B 17.2.4",
    prepare: watch(DATA, WRITE, 4),
    code: `mov eax, [DATA]; nop; hlt`,
  },
  {
    title: "for both stops at reads, too",
    manual: "SDM 3B 17.2.4",
    prepare: watch(DATA, ACCESS, 4),
    code: `mov eax, [DATA]; behind: nop; hlt`,
    events: ["#DB at behind, DR6 1"],
  },
  {
    title: "does not stop a fetch",
    manual: "SDM 3B 17.2.4",
    prepare: watch("here", ACCESS, 4),
    code: `nop; jmp here; align 4; here: nop; nop; nop; hlt`,
  },
  ...(
    [
      [`mov byte [DATA+3], 1`, 4, true],
      [`mov byte [DATA+4], 1`, 4, false],
      [`mov [DATA-3], eax`, 4, true],
      [`mov [DATA-4], eax`, 4, false],
      [`mov [DATA-7], rax`, 1, true],
      [`mov [DATA+8], rax`, 8, false],
      [`movups [DATA-15], xmm0`, 1, true],
      [`push qword [DATA]`, 8, true],
      [`xchg [DATA], eax`, 2, true],
    ] as const
  ).map(([code, length, isHit]) => ({
    title: `of ${length} at DATA ${isHit ? "stops" : "lets pass"} ${code}`,
    manual: "SDM 3B 17.2.5",
    prepare: watch(DATA, ACCESS, length),
    code: `${code}; behind: nop; hlt`,
    events: isHit ? ["#DB at behind, DR6 1"] : [],
  })),
  {
    // QEMU TCG 7.2 and Bochs 2.7 push RF clear here, against SDM 3B 17.3.1.1.
    title: "stops a repeated instruction behind the iteration, with RF in the frame",
    manual: "SDM 3B 17.3.1.2, 17.3.1.1",
    prepare: watch(DATA + 5, WRITE),
    code: `mov edi, DATA; mov ecx, 8; here: rep stosb; hlt`,
    events: ["#DB at here, DR6 1"],
    registers: { rcx: 2, rdi: DATA + 6 },
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0x10000),
  },
  {
    title: "at the last iteration stops behind the instruction, without RF",
    manual: "SDM 3B 17.3.1.1",
    prepare: watch(DATA + 7, WRITE),
    code: `mov edi, DATA; mov ecx, 8; rep stosb; behind: hlt`,
    events: ["#DB at behind, DR6 1"],
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0),
  },
  {
    title: "waits behind MOV SS for the end of the next instruction",
    manual: "SDM 3A 6.8.3",
    prepare: (machine, labels) => {
      machine.memory.store(DATA, 2, KDATA);
      watch(DATA, ACCESS, 2)(machine, labels);
    },
    code: `mov ss, [DATA]; mov eax, 7; behind: nop; hlt`,
    events: ["#DB at behind, DR6 1"],
    registers: { rax: 7 },
  },
  {
    title: "behind MOV SS and INT n is taken in the interrupt's handler",
    manual: "SDM 3A 6.8.3",
    prepare: (machine, labels) => {
      machine.memory.store(DATA, 2, KDATA);
      watch(DATA, ACCESS, 2)(machine, labels);
      machine.gate(machine.gateOf(0x40), KCODE, labels.get("handler")!, 0x8e);
    },
    code: `mov ss, [DATA]; int 0x40; nop; handler: hlt`,
    events: ["#DB at handler, DR6 1"],
  },
  {
    title: "of an instruction that faults is not reported",
    manual: "SDM 3A table 6-2: traps are the previous instruction's, which has completed",
    prepare: watch(DATA, ACCESS),
    code: `mov esi, DATA; mov edi, 0x7000000; bad: movsb`,
    events: ["#PF(2) at bad, 0x7000000"],
    check: ({ state }) => expect(state[DR6]! & 15).toBe(0),
  },
  {
    title: "sees the page through another mapping only by its own linear address",
    manual: "SDM 3B 17.2.1",
    prepare: (machine, labels) => {
      machine.memory.store(PT + 8 * 0x70, 4, DATA | 3);
      watch(DATA, WRITE, 4)(machine, labels);
    },
    code: `mov dword [0x70000], 1; mov dword [DATA], 2; behind: hlt`,
    events: ["#DB at behind, DR6 1"],
  },
  {
    title: "sees CPL 3, whose handler returns behind the access",
    manual: "SDM 3B 17.3.1.2",
    prepare: watch(USER + 0x10000, WRITE, 8),
    on: RETURN,
    code: `${toUser("user")}; ${HANDLER}
      at USER; user: mov [USER_DATA], rax; behind: inc ecx; int 0x40; last: nop`,
    events: ["#DB at behind, DR6 1", "INT 40 at last"],
    registers: { rcx: 1 },
  },
]);

systemSuite("an I/O breakpoint", [
  {
    title: "is a trap behind OUT, and IN",
    manual: "SDM 3B 17.3.1.2",
    prepare: (machine, labels) => {
      withDebuggingExtensions(machine);
      watch(0x300, IO, 2)(machine, labels);
    },
    on: RETURN,
    code: `mov edx, 0x301; out dx, al; one: in al, dx; two: mov edx, 0x302; out dx, al; hlt; ${HANDLER}`,
    events: ["#DB at one, DR6 1", "#DB at two, DR6 1"],
  },
  {
    title: "sees every byte of an access",
    manual: "SDM 3B 17.2.5",
    prepare: (machine, labels) => {
      withDebuggingExtensions(machine);
      watch(0x303, IO)(machine, labels);
    },
    code: `mov edx, 0x300; out dx, ax; out dx, eax; behind: hlt`,
    events: ["#DB at behind, DR6 1"],
  },
  {
    title: "stops OUTS behind the iteration",
    manual: "SDM 3B 17.3.1.2",
    prepare: (machine, labels) => {
      withDebuggingExtensions(machine);
      watch(0x300, IO)(machine, labels);
    },
    code: `mov edx, 0x300; mov esi, DATA; mov ecx, 3; here: rep outsb; hlt`,
    events: ["#DB at here, DR6 1"],
    registers: { rcx: 2, rsi: DATA + 1 },
  },
]);

systemSuite("debug registers", [
  {
    title: "cannot be touched at CPL 3",
    manual: "SDM 2 MOV (debug registers)",
    code: `${toUser("user")}; at USER; user: mov rax, dr0`,
    events: ["#GP(0) at user"],
  },
  {
    title: "fault in front of any access with DR7.GD, which entering the handler clears",
    manual: "SDM 3B 17.2.4",
    code: `mov eax, 0x2400; mov dr7, rax; here: mov rcx, dr0; hlt`,
    events: ["#DB at here, DR6 2000"],
    check: ({ state, entries: [entry] }) => {
      expect(state[DR7]).toBe(0x400);
      // Only an instruction breakpoint's fault has RF clear: SDM 3B 17.3.1.1.
      expect(entry!.flags & 0x10000).toBe(0x10000);
    },
  },
  {
    title: "are open to the handler of any debug exception, whatever GD says",
    manual: "SDM 3B 17.2.4",
    prepare: ({ state }) => {
      state[DR7] = 0x2400;
    },
    on: { 1: "db" },
    code: `${TRAP("nop; next: hlt")}; at 0x8800; db: mov rax, dr6; mov rbx, dr7; hlt`,
    events: ["#DB at next, DR6 4000"],
    registers: { rbx: 0x400, rax: 0xffff4ff0 },
  },
  {
    title: "4 and 5 are 6 and 7 until CR4.DE is set",
    manual: "SDM 3B 17.2.2",
    code: `db 0x0f, 0x21, 0xe0; mov ecx, eax; db 0x0f, 0x21, 0xe8; mov edx, eax
      mov rax, cr4; or eax, 8; mov cr4, rax; bad: db 0x0f, 0x21, 0xe0`,
    events: ["#UD at bad"],
    registers: { rcx: 0xffff0ff0, rdx: 0x400 },
  },
  {
    title: "6 and 7 refuse an upper half, and keep their fixed bits",
    manual: "SDM 3B 17.2.6, figure 17-2",
    code: `xor eax, eax; mov dr6, rax; mov dr7, rax; mov rcx, dr6; mov rdx, dr7; mov rax, 0x100000000; bad: mov dr6, rax`,
    events: ["#GP(0) at bad"],
    registers: { rcx: 0xffff0ff0, rdx: 0x400 },
  },
  {
    // QEMU TCG 7.2 and Bochs 2.7 clear B0-B3 when they single-step, which the manual allows, too.
    title: "keep what #DB does not clear: DR6's bits add up",
    manual: "SDM 3B 17.2.3",
    prepare: watch(DATA, WRITE),
    on: { 1: "db" },
    code: `mov [DATA], al; one: ${TRAP("two: nop; three: hlt")}; ${ONCE}`,
    events: ["#DB at one, DR6 1", "#DB at three, DR6 4001"],
  },
]);

/** [instruction, where the trap is seen] with labels next and there. */
const STEPPED: readonly (readonly [string, string])[] = [
  ["nop", "next"],
  ["add [DATA], rax", "next"],
  ["jmp there", "there"],
  ["call there", "there"],
  ["jz there", "next"],
  ["jnz there", "there"],
  ["loop there", "there"],
  ["mov rcx, cr0", "next"],
  ["cpuid", "next"],
  ["movsb", "next"],
  ["cmpxchg [DATA], ecx", "next"],
  ["fld1", "next"],
  ["movups xmm0, [DATA]", "next"],
  ["in al, 0x80", "next"],
  ["out 0x80, al", "next"],
  ["mov ds, ax", "next"],
  ["pushfq", "next"],
  ["invlpg [DATA]", "next"],
  ["rdtsc", "next"],
  ["cli", "next"],
  ["sti", "next"],
  ["wbinvd", "next"],
  ["clts", "next"],
];

systemSuite("single-stepping", [
  ...STEPPED.map(([code, place]) => ({
    title: `traps behind ${code}`,
    manual: "SDM 3B 17.3.1.4",
    on: { 1: "db" },
    code: `mov esi, DATA; mov edi, DATA; mov eax, KDATA; or eax, eax; push TF+2; popfq; mov eax, KDATA; first: ${code}
      next: hlt; there: hlt
      at 0x8800; db: dec dword [count]; jz last; iretq; last: hlt; count: dd 2`,
    events: ["#DB at first, DR6 4000", `#DB at ${place}, DR6 4000`],
  })),
  {
    title: "does not trap behind POPF that sets TF, and does behind one that clears it",
    manual: "SDM 3B 17.3.1.4",
    on: RETURN,
    code: `push 2; ${TRAP("popfq; one: nop; hlt")}; ${HANDLER}`,
    events: ["#DB at one, DR6 4000"],
  },
  {
    title: "does not trap behind IRET that sets TF, but behind what it returns to",
    manual: "SDM 3B 17.3.1.4",
    on: { 1: "db" },
    code: `push KDATA; push STACK; push TF+2; push KCODE; push there; iretq; there: nop; next: hlt; ${ONCE}`,
    events: ["#DB at next, DR6 4000"],
  },
  {
    title: "does not trap behind MOV SS, but behind both",
    manual: "SDM 3A 6.8.3",
    on: { 1: "db" },
    code: `mov eax, ss; ${TRAP("mov ss, ax; inc ecx; next: hlt")}; ${ONCE}`,
    events: ["#DB at next, DR6 4000"],
    registers: { rcx: 1 },
  },
  {
    title: "enters INT n's handler without a trap, and traps behind the return's next instruction",
    manual: "SDM 3B 17.3.1.4",
    on: { 64: "handler", 1: "db" },
    code: `${TRAP("int 0x40; back: nop; next: hlt")}; at 0x8700; handler: inc ecx; iretq; ${ONCE}`,
    events: ["INT 40 at back", "#DB at next, DR6 4000"],
    registers: { rcx: 1 },
  },
  {
    title: "enters INT3's handler without a trap",
    manual: "SDM 3B 17.3.1.4",
    code: `${TRAP("int3; behind: nop")}`,
    events: ["#BP at behind"],
  },
  {
    title: "enters a fault's handler without a trap",
    manual: "SDM 3A table 6-2",
    code: `${TRAP("bad: ud2")}`,
    events: ["#UD at bad"],
  },
  {
    title: "traps after each iteration of a repeated instruction, with RF until the last",
    manual: "SDM 3B 17.3.1.1, 17.3.1.4",
    on: RETURN,
    code: `mov edi, DATA; mov ecx, 3; ${TRAP("here: rep stosb; next: hlt")}; ${HANDLER}`,
    events: ["#DB at here, DR6 4000", "#DB at here, DR6 4000", "#DB at next, DR6 4000"],
    check: ({ entries }) =>
      expect(entries.map(({ flags }) => (flags >> 16) & 1)).toEqual([1, 1, 0]),
  },
  {
    title: "traps behind a repeated instruction that has nothing to do",
    manual: "SDM 3B 17.3.1.4",
    on: { 1: "db" },
    code: `xor ecx, ecx; ${TRAP("rep stosb; next: hlt")}; ${ONCE}`,
    events: ["#DB at next, DR6 4000"],
  },
  {
    title: "comes before an interrupt that arrives with it",
    manual: "SDM 3A table 6-2",
    on: { 1: "db", 80: "db" },
    code: `push TF+IF+2; popfq; nop; next: nop; hlt; ${ONCE}`,
    arrivals: [{ after: 3, interrupt: 0x50 }],
    events: ["#DB at next, DR6 4000", "INT 50 at next"],
  },
  {
    title: "of SYSCALL is decided by the flags that FMASK leaves",
    manual: "SDM 2 SYSCALL; QEMU and Xen's XSA-204 for what hardware does with TF",
    prepare: ({ state }, labels) => {
      state[MSR_STAR + 1] = (0x23 << 16) | KCODE;
      state[MSR_LSTAR] = labels.get("target")!;
      state[MSR_SFMASK] = 0x100;
    },
    code: `${TRAP("syscall")}; nop; target: nop; nop; hlt`,
    events: [],
  },
  {
    title: "goes on through SYSCALL where FMASK leaves TF",
    manual: "SDM 2 SYSCALL",
    prepare: ({ state }, labels) => {
      state[MSR_STAR + 1] = (0x23 << 16) | KCODE;
      state[MSR_LSTAR] = labels.get("target")!;
    },
    code: `${TRAP("syscall")}; nop; target: nop; nop; hlt`,
    events: ["#DB at target, DR6 4000"],
  },
  {
    title: "steps CPL 3 through a system call's return",
    manual: "SDM 3B 17.3.1.4",
    on: { 64: "handler", 1: "db" },
    code: `${toUser("user", "TF+2")}; at 0x8700; handler: nop; iretq
      db: cmp dword [count], 2; jae last; inc dword [count]; iretq; last: hlt; count: dd 0
      at USER; user: nop; one: int 0x40; two: nop; three: nop; four: nop`,
    events: [
      "#DB at one, DR6 4000",
      "INT 40 at two",
      "#DB at three, DR6 4000",
      "#DB at four, DR6 4000",
    ],
  },
]);
