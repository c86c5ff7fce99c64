// SPDX-License-Identifier: BSD-2-Clause
// Interrupts, stacks and virtual-8086 mode in 32-bit protected mode: SDM 3A 6.12, 20; SDM 2 INT n, IRET.
import { expect } from "vitest";
import { DS, FLAGS, SEG_LIMIT, SEG_WORDS, SEGMENTS, TR } from "../../src/cpu/state-layout.ts";
import {
  FREE,
  KCODE,
  KDATA,
  STACK0,
  STACK1,
  STUBS,
  TSS,
  toUser32,
  UCODE32,
  UDATA,
} from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const legacy = (each: Omit<SystemCase, "mode">): SystemCase => ({ ...each, mode: "protected" });

type Prepare = NonNullable<SystemCase["prepare"]>;

const gate =
  (vector: number, selector: number, access: number, label?: string): Prepare =>
  (machine, labels) => {
    const offset = label === undefined ? STUBS + 16 * vector : labels.get(label)!;
    machine.gate(machine.gateOf(vector), selector, offset, access);
  };

systemSuite("32-bit interrupts", [
  legacy({
    title: "push three words at the same level",
    manual: "SDM 3A 6.12.1",
    code: `int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rsp: 0x20000 - 12 },
  }),
  legacy({
    title: "change to SS0:ESP0 and push SS:ESP from CPL 3",
    manual: "SDM 3A 6.12.1",
    code: `${toUser32("user")}; at USER; user: int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rsp: STACK0 - 20 },
    check: ({ entries: [entry] }) => {
      expect([entry!.cs, entry!.ss, entry!.rsp]).toEqual([UCODE32, UDATA, 0x5f000n]);
      expect(entry!.handler).toEqual({ cs: KCODE, ss: KDATA, cpl: 0 });
    },
  }),
  legacy({
    title: "push words through a 16-bit gate",
    manual: "SDM 2 INT n",
    prepare: gate(0x40, KCODE, 0xe6, "handler"),
    code: `int 0x40; nop; handler: mov eax, esp; mov ecx, [esp]; hlt`,
    registers: { rax: 0x20000 - 6, rcx: 0x0008_8002 },
  }),
  legacy({
    title: "come back from CPL 0 to CPL 3 with SS:ESP",
    manual: "SDM 2 IRET",
    on: { 64: "handler" },
    code: `${toUser32("user")}; at 0x8800; handler: inc ecx; cmp ecx, 2; je last; iret; last: hlt
      at USER; user: mov ebx, esp; int 0x40; here: mov edx, esp; int 0x40; behind: nop`,
    events: ["INT 40 at here", "INT 40 at behind"],
    registers: { rbx: 0x5f000, rdx: 0x5f000 },
  }),
  legacy({
    title: "raise #GP for a handler outside its segment",
    manual: "SDM 2 INT n",
    prepare: (machine, labels) => {
      machine.descriptor(FREE, 0, 0x3fff, 0x9b, 4);
      gate(0x40, FREE, 0xee)(machine, labels);
    },
    code: `bad: int 0x40`,
    events: ["#GP(0) at bad"],
  }),
  legacy({
    title: "that do not fit on the only stack end in shutdown: #SS, #SS, #DF",
    manual: "SDM 2 INT n, SDM 3A 6.15",
    prepare: (machine) => machine.descriptor(FREE, 0, 0xffff, 0x93, 4),
    code: `mov eax, FREE; mov ss, ax; mov esp, 8; bad: int 0x40`,
    events: [],
    ends: "shutdown",
  }),
]);

/** Code and a stack of CPL 1; what SS1 is and how it is described varies. */
const ring1 =
  (selector: number, access = 0xb3, limit = 0xfffff, flags = 0xc): Prepare =>
  (machine, labels) => {
    machine.descriptor(FREE, 0, 0xfffff, 0xbb, 0xc);
    machine.descriptor(FREE + 8, 0, limit, access, flags);
    machine.memory.store(TSS + 0x10, 4, selector);
    gate(0x40, FREE, 0xee, "ring1")(machine, labels);
    gate(6, FREE, 0xee, "ring1")(machine, labels);
  };
const SS1 = FREE + 8 + 1;
const RING1_FAULTS: readonly (readonly [string, Prepare, string])[] = [
  ["a null selector", ring1(0), "#TS(0)"],
  ["a selector outside the GDT", ring1(0x101), "#TS(100)"],
  ["the wrong RPL", ring1(FREE + 8), "#TS(70)"],
  ["the wrong DPL", ring1(SS1, 0xd3), "#TS(70)"],
  ["a segment that cannot be written", ring1(SS1, 0xb1), "#TS(70)"],
  ["a segment that is not present", ring1(SS1, 0x33), "#SS(70)"],
  ["no room for the frame", ring1(SS1, 0xb3, STACK1 & 0xf000, 0x4), "#SS(70)"],
];

systemSuite("the stack of an inner level", [
  legacy({
    title: "is SS1:ESP1 for CPL 1",
    manual: "SDM 3A 7.2.1",
    prepare: ring1(SS1),
    code: `${toUser32("user")}; at USER; user: int 0x40; back: nop
      ring1: mov eax, esp; mov ecx, ss; mov edx, cs; int 0x41; behind: nop`,
    events: ["INT 41 at behind"],
    registers: { rax: STACK1 - 20, rcx: SS1, rdx: FREE + 1 },
  }),
  ...RING1_FAULTS.map(([what, prepare, fault]) =>
    legacy({
      title: `is refused with ${what}`,
      manual: "SDM 2 INT n",
      prepare,
      code: `${toUser32("user")}; at USER; user: nop; bad: int 0x40; ring1: nop`,
      events: [`${fault} at bad`],
    }),
  ),
  ...[RING1_FAULTS[0]!, RING1_FAULTS[2]!, RING1_FAULTS[6]!].map(([what, prepare, fault]) =>
    legacy({
      title: `is refused with ${what} and EXT for an exception`,
      manual: "SDM 2 INT n",
      prepare,
      code: `${toUser32("user")}; at USER; user: nop; bad: ud2; ring1: nop`,
      events: [`${fault.replace("0)", "1)")} at bad`],
    }),
  ),
  legacy({
    title: "raises #TS with TR's selector where the TSS ends before it",
    manual: "SDM 2 INT n",
    prepare: (machine, labels) => {
      ring1(SS1)(machine, labels);
      machine.state[SEGMENTS + TR * SEG_WORDS + SEG_LIMIT] = 0x10;
    },
    code: `${toUser32("user")}; at USER; user: nop; bad: int 0x40; ring1: nop`,
    events: ["#TS(38) at bad"],
  }),
  legacy({
    title: "comes from a 16-bit TSS, too",
    manual: "SDM 3A 7.6",
    prepare: (machine, labels) => {
      ring1(SS1)(machine, labels);
      machine.descriptor(FREE + 16, 0x3800, 0x2b, 0x81, 0);
      for (const [i, word] of [0, 0x7000, KDATA, 0x6800, SS1].entries()) {
        machine.memory.store(0x3800 + 2 * i, 2, word);
      }
    },
    code: `mov eax, FREE+16; ltr ax; ${toUser32("user")}; at USER; user: int 0x40; back: nop
      ring1: mov eax, esp; int 0x41; behind: nop`,
    events: ["INT 41 at behind"],
    registers: { rax: 0x6800 - 20 },
  }),
]);

/** Leaves for 16-bit code at USER in virtual-8086 mode: CS 4000, SS:SP 5000:f000, DS 1000, the rest 0. */
const toVirtual = (flags: string) =>
  `push 0; push 0; push 0x1000; push 0; push 0x5000; push 0xf000; push VM+${flags}+2; push 0x4000; push 0; iret
   at USER; bits 16`;

const virtual = (each: Omit<SystemCase, "mode" | "manual"> & { manual?: string }): SystemCase =>
  legacy({ manual: "SDM 3A 20.2", ...each });

systemSuite("virtual-8086 mode", [
  virtual({
    title: "addresses as real mode does",
    code: `${toVirtual("IOPL3")}; mov ax, 0x1234; mov [0x10], ax; mov ax, ds; mov bx, cs; push bx; int 0x40`,
    events: ["INT 40 at 0xe"],
    registers: { rax: 0x1000, rbx: 0x4000 },
    memory: { [0x10010]: 0x1234 },
    check: (machine) => {
      const [entry] = machine.entries;
      expect([entry!.cs, entry!.ss, entry!.rsp]).toEqual([0x4000, 0x5000, 0xeffen]);
      expect(entry!.flags & 0x20000).toBe(0x20000);
      expect(entry!.handler).toEqual({ cs: KCODE, ss: KDATA, cpl: 0 });
      expect(machine.segment(DS).access >> 16).toBe(1);
      expect(machine.state[FLAGS]! & 0x20000).toBe(0);
    },
  }),
  virtual({
    title: "is left with nine words on the stack, data segments among them",
    manual: "SDM 3A 20.3.1.1",
    code: `${toVirtual("IOPL3")}; mov ax, 0x1111; mov es, ax; mov fs, ax; int 0x40`,
    events: ["INT 40 at 0x9"],
    registers: { rsp: STACK0 - 36 },
    memory: { [STACK0 - 4]: 0, [STACK0 - 8]: 0x1111, [STACK0 - 12]: 0x1000, [STACK0 - 16]: 0x1111 },
  }),
  virtual({
    title: "is entered again by IRET from its handler",
    manual: "SDM 3A 20.2.5",
    on: { 64: "handler" },
    code: `mov ebp, 2; ${toVirtual("IOPL3")}; inc cx; int 0x40; inc cx; int 0x40; nop
      at 0x8800; bits 32; handler: dec ebp; jz last; iret; last: hlt`,
    events: ["INT 40 at 0x4", "INT 40 at 0x8"],
    registers: { rcx: 2 },
  }),
  ...["cli", "sti", "pushf", "popf", "int 0x40", "iretw"].map((code) =>
    virtual({
      title: `raises #GP with IOPL below 3: ${code}`,
      manual: "SDM 3A 20.2.2",
      code: `${toVirtual("0")}; nop; ${code}`,
      events: ["#GP(0) at 0x1"],
    }),
  ),
  virtual({
    title: "lets INT3 through whatever IOPL is",
    manual: "SDM 3A 20.2.2",
    code: `${toVirtual("0")}; int3; nop`,
    events: ["#BP at 0x1"],
  }),
  ...["hlt", "mov eax, cr0", "lgdt [0]", "clts", "invd"].map((code) =>
    virtual({
      title: `has CPL 3: ${code} raises #GP`,
      manual: "SDM 3A 20.2.2",
      code: `${toVirtual("IOPL3")}; nop; ${code}`,
      events: ["#GP(0) at 0x1"],
    }),
  ),
  ...["lldt ax", "str ax", "lar ax, ax", "arpl ax, ax"].map((code) =>
    virtual({
      title: `does not have ${code}`,
      code: `${toVirtual("IOPL3")}; nop; ${code}`,
      events: ["#UD at 0x1"],
    }),
  ),
  virtual({
    title: "asks the TSS for ports, even with IOPL 3",
    manual: "SDM 3A 20.2.8.1",
    prepare: ({ memory }) => memory.store(TSS + 0x68 + 0x10, 1, 0xfd),
    code: `${toVirtual("IOPL3")}; out 0x81, al; out 0x80, al`,
    events: ["#GP(0) at 0x2"],
    check: ({ outputs }) => expect(outputs.map(({ port }) => port)).toEqual([0x81]),
  }),
  virtual({
    title: "wraps nothing at the end of a segment",
    manual: "SDM 3A 20.2.1",
    code: `${toVirtual("0")}; nop; mov bx, 0xffff; mov ax, [bx]`,
    events: ["#GP(0) at 0x4"],
  }),
  virtual({
    title: "lets no interrupt end at another level than 0",
    manual: "SDM 2 INT n",
    prepare: ring1(SS1),
    code: `${toVirtual("IOPL3")}; nop; int 0x40; ring1: nop`,
    events: ["#GP(68) at 0x1"],
  }),
  virtual({
    title: "obeys the DPL of gates",
    manual: "SDM 2 INT n",
    prepare: gate(0x40, KCODE, 0x8e),
    code: `${toVirtual("IOPL3")}; nop; int 0x40`,
    events: ["#GP(202) at 0x1"],
  }),
  virtual({
    title: "keeps VM and IOPL from IRET and POPF",
    manual: "SDM 2 POPF, IRET",
    code: `${toVirtual("IOPL3")}; push 0x0002; popf; pushf; pop ax; o16 nop; int 0x40`,
    events: ["INT 40 at 0x9"],
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x23000).toBe(0x23000),
  }),
  virtual({
    title: "is entered by a task's or CPL 0's flags alone",
    manual: "SDM 2 IRET",
    code: `${toUser32("user")}; at USER; user: push VM+2; push UCODE32; push there; iret; there: pushfd; pop eax; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rax: 2 },
  }),
]);
