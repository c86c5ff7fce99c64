// SPDX-License-Identifier: BSD-2-Clause
// Addresses that are not canonical: SDM 1 3.3.7.1, SDM 3A 5.3.1. A stack reference raises #SS, any other #GP.
import { toUser } from "../support/system/layout.ts";
import { systemSuite } from "../support/system/system-suite.ts";

/** Not at its edge, so that what a push writes is in it. */
const HOLE = "0x800000001000";

/** [instruction with RBX in the hole, fault] */
const ACCESSES: readonly (readonly [string, "GP" | "SS"])[] = [
  ["mov eax, [rbx]", "GP"],
  ["mov [rbx], eax", "GP"],
  ["mov al, [rbx-1+1]", "GP"],
  ["mov eax, [rbx-0x1002]", "GP"],
  ["add [rbx], rax", "GP"],
  ["movups xmm0, [rbx]", "GP"],
  ["mov eax, [rbp]", "SS"],
  ["mov [rbp+8], eax", "SS"],
  ["mov eax, [ds:rbp]", "SS"],
  ["mov eax, [rsp]", "SS"],
  ["mov eax, [rbx+rbp]", "GP"],
  ["push rax", "SS"],
  ["pop rax", "SS"],
  ["push qword [rbx]", "GP"],
  ["push qword [rbp]", "SS"],
  ["call there", "SS"],
  ["ret", "SS"],
  ["leave", "SS"],
  ["pushfq", "SS"],
  ["popfq", "SS"],
  ["iretq", "SS"],
  ["retfq", "SS"],
  ["jmp rbx", "GP"],
  ["jmp [rbx]", "GP"],
  ["call [rbp]", "SS"],
  ["lodsb", "GP"],
  ["stosb", "GP"],
  ["fxsave [rbx]", "GP"],
  ["lgdt [rbx]", "GP"],
  ["cmpxchg16b [rbx]", "GP"],
  ["mov eax, [fs:rbx]", "GP"],
];

/** Frames for the tables of an address just below the hole, one for each level below the top one. */
const TABLES = [0x34000, 0x35000, 0x36000];
const PRESENT_WRITABLE = 3;

/** Maps a page just below the hole to the frame at 0x8000. */
function mapBelowHole({ memory }: { memory: Stores }, page: number): void {
  let table = 0x30000;
  [39, 30, 21, 12].forEach((shift, level) => {
    const entry = table + 8 * (Math.floor(page / 2 ** shift) % 512);
    table = TABLES[level] ?? 0x8000;
    memory.store(entry, 4, table | PRESENT_WRITABLE);
  });
}

interface Stores {
  store(at: number, size: 4, value: number): void;
}

/** Relative branches over the edge of the hole, from so many MiB below: [instruction, its opcode]. */
const BRANCHES = [
  ["jmp", "0xe9"],
  ["jz", "0x0f, 0x84"],
  ["call", "0xe8"],
] as const;
const MIB_BELOW = [1, 24, 40];

function branchCase([name, opcode]: (typeof BRANCHES)[number], mib: number) {
  const page = 2 ** 47 - mib * 2 ** 20;
  const rip = page + 0xf00;
  return {
    title: `are refused as a ${name}'s target, from ${mib} MiB below`,
    manual: "SDM 2 JMP, Jcc, CALL: #GP(0), the branch itself faults",
    prepare: (machine: { memory: Stores }) => mapBelowHole(machine, page),
    // 48 MiB further on.
    code: `mov rbx, 0x${rip.toString(16)}; xor eax, eax; jmp rbx; at 0x8f00; db ${opcode}, 0, 0, 0, 3`,
    events: [`#GP(0) at 0x${rip.toString(16)}`],
  };
}

systemSuite("non-canonical addresses", [
  ...BRANCHES.flatMap((branch) => MIB_BELOW.map((mib) => branchCase(branch, mib))),
  ...ACCESSES.map(([code, fault]) => ({
    title: `raise #${fault}: ${code}`,
    manual: "SDM 1 3.3.7.1; a DS override does not count with RBP in 64-bit mode",
    prepare: ({ memory }: { memory: Stores }) => {
      memory.store(0x3000 + 0x24, 4, 0x2a000);
    },
    // The stack is in the hole, so that faults need the IST.
    code: `mov byte [0x2000+16*13+4], 1; mov byte [0x2000+16*12+4], 1
      mov rbx, ${HOLE}; mov rsi, rbx; mov rdi, rbx; mov rbp, rbx; mov rsp, rbx${/rbx\+rbp/.test(code) ? "; mov ebp, 16" : ""}
      jmp bad; align 16; bad: ${code.replace("[ds:rbp]", "[rbp]")}; there: hlt`,
    events: [`#${fault}(0) at bad`],
  })),
  {
    title: "are those whose last byte is beyond the edge",
    manual: "SDM 1 3.3.7.1",
    code: `mov rbx, 0x7fffffffffff; bad: mov ax, [rbx]`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "name no page for INVLPG",
    manual: "SDM 2 INVLPG",
    code: `mov rbx, ${HOLE}; invlpg [rbx]; hlt`,
  },
  {
    title: "can be computed by LEA, prefetched and named by a NOP",
    manual: "SDM 2 LEA, PREFETCHh, NOP",
    code: `mov rbx, ${HOLE}; lea rax, [rbx+1]; db 0x0f, 0x18, 0x0b; db 0x0f, 0x1f, 0x03; hlt`,
    registers: { rax: 0x800000001001n },
  },
  {
    title: "do not matter to a CMOV or a masked move that needs none",
    manual: "SDM 2 CMOVcc: the operand is read in any case",
    code: `mov rbx, ${HOLE}; xor eax, eax; bad: db 0x0f, 0x45, 0x03`,
    events: ["#GP(0) at bad"],
  },
  ...["FS_BASE", "GS_BASE", "KERNEL_GS_BASE", "LSTAR", "0x175", "0x176"].map((msr) => ({
    title: `are refused by MSR ${msr}`,
    manual: "SDM 2 WRMSR",
    code: `mov ecx, ${msr}; xor eax, eax; mov edx, 0x8000; bad: wrmsr`,
    events: ["#GP(0) at bad"],
  })),
  {
    title: "are refused as FS's base by WRFSBASE",
    manual: "SDM 2 WRFSBASE",
    code: `mov rax, cr4; or eax, 0x10000; mov cr4, rax; mov rbx, ${HOLE}; bad: wrfsbase rbx`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "come about by a segment's base",
    manual: "SDM 3A 3.4.4",
    code: `mov ecx, FS_BASE; xor eax, eax; mov edx, 0x7fff; wrmsr; mov rbx, 0x100000000; bad: mov eax, [fs:rbx]`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "are where code runs to at the edge: the fetch faults",
    manual: "SDM 3A 6.15, interrupt 13",
    prepare: (machine) => mapBelowHole(machine, 2 ** 47 - 4096),
    code: `mov rax, 0x7ffffffffffe; jmp rax; at 0x8ffe; nop; nop`,
    events: ["#GP(0) at 0x800000000000"],
  },
  {
    title: "are refused as tables' bases",
    manual: "SDM 2 LGDT/LIDT",
    code: `mov rax, ${HOLE}; mov [DATA+2], rax; bad: lidt [DATA]`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "raise #SS at CPL 3 with the kernel's stack to run on",
    manual: "SDM 3A 6.15, interrupt 12",
    code: `${toUser("user")}; at USER; user: mov rsp, ${HOLE}; bad: push rax`,
    events: ["#SS(0) at bad"],
    registers: { rsp: 0x24000 - 48 },
  },
]);
