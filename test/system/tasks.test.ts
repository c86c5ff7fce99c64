// SPDX-License-Identifier: BSD-2-Clause
// Task switches, which 32-bit protected mode alone has: SDM 3A chapter 7.
import { expect } from "vitest";
import { CR0, CS, TR } from "../../src/cpu/state-layout.ts";
import { FREE, GDT, KCODE, KDATA, STACK, TSS, TSS_OTHER } from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const legacy = (each: Omit<SystemCase, "mode">): SystemCase => ({ ...each, mode: "protected" });

/** Offsets in a 32-bit TSS, SDM 3A figure 7-2. */
const FIELD = {
  eip: 0x20,
  eflags: 0x24,
  esp: 0x38,
  es: 0x48,
  cs: 0x4c,
  ss: 0x50,
  ds: 0x54,
  fs: 0x58,
  gs: 0x5c,
  ldt: 0x60,
  trap: 0x64,
};

interface Task {
  readonly access?: number;
  readonly limit?: number;
  readonly fields?: Partial<Record<keyof typeof FIELD, number>>;
}

/** The task behind FREE: begins at the label `task`, on a stack of its own. */
function task({ access = 0x89, limit = 0x67, fields = {} }: Task = {}) {
  return (machine: SystemMachine, labels: ReadonlyMap<string, number>): void => {
    machine.descriptor(FREE, TSS_OTHER, limit, access, 0);
    const values = {
      eip: labels.get("task")!,
      eflags: 2,
      esp: STACK - 0x1000,
      es: KDATA,
      cs: KCODE,
      ss: KDATA,
      ds: KDATA,
      fs: 0,
      gs: 0,
      ldt: 0,
      ...fields,
    };
    for (const [name, value] of Object.entries(values)) {
      machine.memory.store(TSS_OTHER + FIELD[name as keyof typeof FIELD], 4, value);
    }
  };
}

/** A task gate to it at FREE + 8. */
const withGate =
  (more: ReturnType<typeof task>, access = 0xe5): ReturnType<typeof task> =>
  (machine, labels) => {
    more(machine, labels);
    machine.gate(GDT + FREE + 8, FREE, 0, access);
    machine.gate(machine.gateOf(0x40), FREE, 0, 0xe5);
    machine.gate(machine.gateOf(13), FREE, 0, 0x85);
  };

const busyBits = ({ memory }: SystemMachine) =>
  [0x38, FREE].map((selector) => (memory.load(GDT + selector + 4, 4) >> 9) & 1);

systemSuite("task switches", [
  legacy({
    title: "by JMP save the old task, load the new one, and change who is busy",
    manual: "SDM 3A 7.3, table 7-2",
    prepare: task(),
    code: `mov eax, 0x1234; jmp FREE:0; behind: nop; task: str ecx; mov edx, esp; hlt`,
    registers: { rax: 0, rcx: FREE, rdx: STACK - 0x1000 },
    memory: { [TSS + 0x28]: 0x1234, [TSS + 0x20]: 0x800c, [TSS + 0x38]: STACK },
    check: (machine) => {
      expect(busyBits(machine)).toEqual([0, 1]);
      expect(machine.state[CR0]! & 8).toBe(8);
      expect(machine.segment(TR).selector).toBe(FREE);
    },
  }),
  legacy({
    title: "by CALL leave both busy, link back and set NT",
    manual: "SDM 3A 7.4, table 7-2",
    prepare: task(),
    code: `call FREE:0; nop; task: pushfd; pop eax; hlt`,
    registers: { rax: 0x4002 },
    memory: { [TSS_OTHER]: 0x38 },
    check: (machine) => expect(busyBits(machine)).toEqual([1, 1]),
  }),
  legacy({
    title: "by IRET with NT go back along the link",
    manual: "SDM 3A 7.4",
    prepare: task(),
    code: `mov ebx, 0x77; call FREE:0; str ecx; pushfd; pop eax; hlt; task: iret`,
    registers: { rbx: 0x77, rcx: 0x38, rax: 2 },
    check: (machine) => expect(busyBits(machine)).toEqual([1, 0]),
  }),
  legacy({
    title: "go through a task gate, which takes the TSS's own DPL out of the question",
    manual: "SDM 3A 7.2.5",
    prepare: withGate(task()),
    code: `jmp FREE+8:0x1234; nop; task: mov eax, 5; hlt`,
    registers: { rax: 5 },
  }),
  legacy({
    title: "by an interrupt come back with IRET",
    manual: "SDM 3A 6.12.2",
    prepare: withGate(task()),
    code: `nop; int 0x40; str ecx; hlt; nop; task: mov eax, 5; iret; hlt`,
    registers: { rax: 0, rcx: 0x38 },
  }),
  legacy({
    title: "by an exception push the error code to the new stack",
    manual: "SDM 3A 6.13",
    prepare: withGate(task()),
    code: `mov eax, 0x9999; bad: mov ds, ax; nop; task: pop eax; hlt`,
    registers: { rax: 0x9998, rsp: STACK - 0x1000 },
    memory: { [TSS + 0x20]: 0x8005 },
    check: ({ memory }) => expect(memory.load(TSS + 0x24, 4) & 0x10000).toBe(0x10000),
  }),
  legacy({
    title: "trap in the new task where its TSS says so",
    manual: "SDM 3B 17.3.1.5",
    prepare: task({ fields: { trap: 1 } }),
    code: `jmp FREE:0; nop; task: nop; hlt`,
    events: ["#DB at task, DR6 8000"],
  }),
  ...(
    [
      ["a busy TSS", task({ access: 0x8b }), "jmp", "#GP(68)"],
      ["a TSS that is not present", task({ access: 0x09 }), "jmp", "#NP(68)"],
      ["a TSS that is too short", task({ limit: 0x66 }), "call", "#TS(68)"],
    ] as const
  ).map(([what, prepare, how, fault]) =>
    legacy({
      title: `refuse ${what}, in the old task`,
      manual: "SDM 3A table 7-1",
      prepare,
      code: `nop; nop; bad: ${how} FREE:0; task: nop`,
      events: [`${fault} at bad`],
      check: (machine) => expect(machine.segment(TR).selector).toBe(0x38),
    }),
  ),
  legacy({
    title: "refuse a gate that is not present",
    manual: "SDM 2 JMP",
    prepare: withGate(task(), 0x65),
    code: `nop; bad: jmp FREE+8:0; task: nop`,
    events: ["#NP(70) at bad"],
  }),
  ...(
    [
      ["CS", { cs: 0x100 }, "#TS(100)"],
      ["a CS that is data", { cs: KDATA }, "#TS(10)"],
      ["SS", { ss: 0 }, "#TS(0)"],
      ["an SS of another level", { ss: 0x2b }, "#TS(28)"],
      ["DS", { ds: 0x100 }, "#TS(100)"],
      ["an FS that is no segment", { fs: FREE }, "#TS(68)"],
      ["an LDT that is none", { ldt: KDATA }, "#TS(10)"],
    ] as const
  ).map(([what, fields, fault]) =>
    legacy({
      title: `fault in the new task, in front of its first instruction, with ${what}`,
      manual: "SDM 3A table 7-1",
      // The handler needs a stack of its own where the task's SS is what is wrong.
      prepare: (machine, labels) => {
        task({ fields })(machine, labels);
        if ("ss" in fields || "cs" in fields || "ldt" in fields) {
          machine.gate(machine.gateOf(10), FREE + 24, 0, 0x85);
          machine.descriptor(FREE + 24, TSS_OTHER + 0x80, 0x67, 0x89, 0);
          const values = {
            eip: labels.get("handler")!,
            eflags: 2,
            esp: STACK - 0x2000,
            cs: KCODE,
            ss: KDATA,
            ds: KDATA,
          };
          for (const [name, value] of Object.entries(values)) {
            machine.memory.store(TSS_OTHER + 0x80 + FIELD[name as keyof typeof FIELD], 4, value);
          }
        }
      },
      on: { 10: "plain" },
      code: `nop; nop; nop; jmp FREE:0; nop; align 16; task: nop; hlt
        plain: pop eax; pop ebx; hlt; handler: pop eax; mov ebx, [TSS_OTHER+0x20]; hlt`,
      events: "ds" in fields || "fs" in fields ? [`${fault} at task`] : [],
      check: (machine, labels) => {
        expect(machine.register(0)).toBe(BigInt(`0x${fault.slice(4, -1)}`));
        expect(Number(machine.register(3))).toBe(labels.get("task"));
        expect(machine.segment(CS).selector).toBe(KCODE);
      },
    }),
  ),
  legacy({
    title: "by IRET refuse a link to a TSS that is not busy",
    manual: "SDM 3A table 7-1, SDM 2 IRET",
    prepare: (machine, labels) => {
      task()(machine, labels);
      machine.memory.store(TSS, 2, FREE);
    },
    code: `push 0x4002; popfd; bad: iret; task: nop`,
    events: ["#TS(68) at bad"],
  }),
]);
