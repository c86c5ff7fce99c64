// SPDX-License-Identifier: BSD-2-Clause
// How exceptions and interrupts are delivered in 64-bit mode: SDM 3A chapter 6, with SDM 2 INT n for the details.
import { expect } from "vitest";
import { IDTR_LIMIT, SEG_LIMIT, SEG_WORDS, SEGMENTS, TR } from "../../src/cpu/state-layout.ts";
import {
  CODE16,
  FREE,
  IST1,
  IST2,
  KCODE,
  KCODE32,
  KDATA,
  PT,
  STUBS,
  TSS,
  toUser,
  UCODE,
} from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const INTERRUPT = 0x8e;
const TRAP = 0x8f;
const FOR_USER = 0x60;

/** Changes the gate of a vector: where it leads, its access byte, its IST. */
function setGate(vector: number, change: { selector?: number; access?: number; ist?: number }) {
  return (machine: SystemMachine): void => {
    const { selector = KCODE, access = INTERRUPT, ist = 0 } = change;
    machine.gate(machine.gateOf(vector), selector, STUBS + 16 * vector, access, ist);
  };
}

/** Several preparations. */
function all(...steps: readonly ((machine: SystemMachine) => void)[]) {
  return (machine: SystemMachine): void => {
    for (const step of steps) step(machine);
  };
}

const doubleFaultOnIst = setGate(8, { ist: 1 });

systemSuite("64-bit exceptions", [
  {
    title: "push SS:RSP, RFLAGS, CS:RIP and an error code on an aligned stack",
    manual: "SDM 3A 6.14.2",
    code: `mov rsp, STACK+5; mov eax, 0x9999; bad: mov ds, ax; hlt`,
    events: ["#GP(9998) at bad"],
    registers: { rsp: 0x20000 - 48 },
    check: (machine) => {
      const [entry] = machine.entries;
      expect([entry!.cs, entry!.ss, entry!.rsp]).toEqual([KCODE, KDATA, 0x20005n]);
    },
  },
  {
    title: "change to the stack of the TSS, with a null SS, from CPL 3",
    manual: "SDM 3A 6.14.2",
    code: `${toUser("user")}
      at USER; user: mov rsp, USER_STACK-8; bad: hlt`,
    events: ["#GP(0) at bad"],
    registers: { rsp: 0x24000 - 48 },
    check: (machine) => {
      const [entry] = machine.entries;
      expect([entry!.cs, entry!.ss, entry!.rsp]).toEqual([UCODE, 0x2b, 0x5eff8n]);
      expect(entry!.handler).toEqual({ cs: KCODE, ss: 0, cpl: 0 });
    },
  },
  {
    title: "set RF in the pushed flags of a fault, and clear it with TF, NT and IF for the handler",
    manual: "SDM 3B 17.3.1.1, SDM 3A 6.12.1.3",
    code: `push NT+IF+2; popfq; bad: ud2`,
    events: ["#UD at bad"],
    check: ({ entries: [entry] }) => {
      expect(entry!.flags & 0x14300).toBe(0x14200);
      expect(entry!.handlerFlags & 0x14300).toBe(0);
    },
  },
  {
    title: "leave IF alone through a trap gate",
    manual: "SDM 3A 6.12.1.3",
    prepare: setGate(6, { access: TRAP }),
    code: `sti; nop; bad: ud2`,
    events: ["#UD at bad"],
    check: ({ entries: [entry] }) => expect(entry!.handlerFlags & 0x200).toBe(0x200),
  },
  {
    title: "push no RF for a software interrupt, and the address behind it",
    manual: "SDM 3B 17.3.1.1",
    code: `int 0x40; behind: hlt`,
    events: ["INT 40 at behind"],
    check: ({ entries: [entry] }) => expect(entry!.flags & 0x10000).toBe(0),
  },
  {
    title: "are refused to INT n by a gate of a lower DPL than CPL",
    manual: "SDM 3A 6.12.1.2",
    code: `${toUser("user")}; at USER; user: int 6`,
    events: ["#GP(32) at user"],
  },
  {
    title: "ask no DPL of INT1, nor of the processor's own",
    manual: "SDM 3A 6.12.1.2, SDM 2 INT n",
    code: `${toUser("user")}; at USER; user: int1; behind: nop`,
    events: ["#DB at behind, DR6 0"],
  },
  {
    title: "let INT3 through a gate with DPL 3 alone",
    manual: "SDM 3A 6.12.1.2",
    prepare: setGate(3, {}),
    code: `${toUser("user")}; at USER; user: int3`,
    events: ["#GP(1a) at user"],
  },
  {
    title: "raise #GP for a vector beyond IDTR's limit",
    manual: "SDM 3A 6.13, SDM 2 INT n",
    prepare: ({ state }) => {
      state[IDTR_LIMIT] = 0x20 * 16 + 14;
    },
    code: `bad: int 0x20`,
    events: ["#GP(102) at bad"],
  },
  {
    title: "raise #NP with the vector for INT n through a gate that is not present",
    manual: "SDM 3A 6.13",
    prepare: setGate(0x40, { access: 0x6e }),
    code: `bad: int 0x40`,
    events: ["#NP(202) at bad"],
  },
  {
    title: "say EXT where the event was not a program's",
    manual: "SDM 3A 6.13",
    prepare: setGate(6, { access: 0x0e }),
    code: `bad: ud2`,
    events: ["#NP(33) at bad"],
  },
  ...[
    ["a call gate", 0xec],
    ["a task gate", 0xe5],
    ["a 16-bit interrupt gate", 0xe6],
    ["a TSS", 0xe9],
    ["a segment", 0xf2],
  ].map(([what, access]) => ({
    title: `refuse ${what} in the IDT`,
    manual: "SDM 2 INT n, SDM 3A 3.5",
    prepare: setGate(0x40, { access: access as number }),
    code: `bad: int 0x40`,
    events: ["#GP(202) at bad"],
  })),
  ...(
    [
      ["a null selector", 0, "#GP(0)"],
      ["a selector outside the GDT", 0x200, "#GP(200)"],
      ["a data segment", KDATA, "#GP(10)"],
      ["32-bit code", KCODE32, "#GP(18)"],
      ["16-bit code", CODE16, "#GP(48)"],
    ] as const
  ).map(([what, selector, fault]) => ({
    title: `refuse a gate to ${what}`,
    manual: "SDM 2 INT n",
    prepare: setGate(0x40, { selector, access: INTERRUPT | FOR_USER }),
    code: `bad: int 0x40`,
    events: [`${fault} at bad`],
  })),
  {
    title: "say EXT of a gate's null selector when it is an exception's",
    manual: "SDM 2 INT n",
    prepare: setGate(6, { selector: 0 }),
    code: `bad: ud2`,
    events: ["#GP(1) at bad"],
  },
  {
    title: "refuse a gate to code of a lower privilege",
    manual: "SDM 2 INT n",
    prepare: setGate(0x40, { selector: UCODE }),
    code: `bad: int 0x40`,
    events: ["#GP(30) at bad"],
  },
  {
    title: "raise #NP with the selector for a gate to code that is not present",
    manual: "SDM 2 INT n",
    prepare: (machine) => {
      machine.descriptor(FREE, 0, 0xfffff, 0x1b, 0xa);
      setGate(6, { selector: FREE })(machine);
    },
    code: `bad: ud2`,
    events: ["#NP(69) at bad"],
  },
  {
    title: "refuse code with both L and D",
    manual: "SDM 2 INT n",
    prepare: (machine) => {
      machine.descriptor(FREE, 0, 0xfffff, 0x9b, 0xe);
      setGate(0x40, { selector: FREE })(machine);
    },
    code: `bad: int 0x40`,
    events: ["#GP(68) at bad"],
  },
  {
    title: "keep CPL, and the stack, in conforming code",
    manual: "SDM 3A 6.12.1.1",
    prepare: (machine, labels) => {
      machine.descriptor(FREE, 0, 0xfffff, 0x9f, 0xa);
      machine.gate(machine.gateOf(0x41), FREE, labels.get("handler")!, INTERRUPT | FOR_USER);
    },
    code: `${toUser("user")}
      at USER; user: int 0x41
      handler: mov rbx, rsp; mov ecx, cs; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rcx: FREE | 3, rbx: 0x5f000 - 40 },
  },
  {
    title: "raise #GP for a handler at a non-canonical address",
    manual: "SDM 2 INT n",
    prepare: (machine) => void machine.memory.store(machine.gateOf(0x40) + 8, 4, 0x8000),
    code: `bad: int 0x40`,
    events: ["#GP(0) at bad"],
  },
  {
    title: "say EXT of that for an exception",
    manual: "SDM 2 INT n",
    prepare: (machine) => void machine.memory.store(machine.gateOf(6) + 8, 4, 0x8000),
    code: `bad: ud2`,
    events: ["#GP(1) at bad"],
  },
]);

systemSuite("stacks of 64-bit interrupts", [
  {
    title: "are those of the IST for a gate that asks for one, from CPL 0 too",
    manual: "SDM 3A 6.14.5",
    prepare: setGate(6, { ist: 1 }),
    code: `bad: ud2`,
    events: ["#UD at bad"],
    registers: { rsp: IST1 - 40 },
    check: ({ entries: [entry] }) => expect(entry!.handler.ss).toBe(KDATA),
  },
  {
    title: "are aligned to 16 wherever they come from",
    manual: "SDM 3A 6.14.2",
    prepare: (machine) => {
      setGate(6, { ist: 2 })(machine);
      machine.memory.store(TSS + 0x2c, 4, IST2 - 3);
    },
    code: `bad: ud2`,
    events: ["#UD at bad"],
    registers: { rsp: IST2 - 16 - 40 },
  },
  {
    title: "raise #TS with TR's selector where the TSS is too short",
    manual: "SDM 2 INT n",
    prepare: (machine) => {
      setGate(0x40, { ist: 7 })(machine);
      machine.state[SEGMENTS + TR * SEG_WORDS + SEG_LIMIT] = 0x59;
    },
    code: `bad: int 0x40`,
    events: ["#TS(38) at bad"],
  },
  {
    title: "raise #SS for a non-canonical IST pointer, with EXT for an exception",
    manual: "SDM 2 INT n",
    prepare: (machine) => {
      setGate(6, { ist: 2 })(machine);
      machine.memory.store(TSS + 0x2c + 4, 4, 0x8000);
    },
    code: `bad: ud2`,
    events: ["#SS(1) at bad"],
  },
  {
    title: "raise #SS where the frame does not fit below the canonical hole",
    manual: "SDM 2 INT n",
    prepare: setGate(12, { ist: 1 }),
    code: `mov rsp, 0x800000000018; bad: int 0x40`,
    events: ["#SS(0) at bad"],
  },
  {
    title: "make a page fault of the frame a double fault, which an IST saves",
    manual: "SDM 3A 6.15, interrupt 8",
    prepare: doubleFaultOnIst,
    code: `mov rsp, 0x7000000; bad: mov al, [0x7000000]`,
    events: ["#DF(0) at bad"],
    registers: { rsp: IST1 - 48 },
  },
]);

systemSuite("double faults", [
  {
    title: "come of a contributory exception in the delivery of another",
    manual: "SDM 3A table 6-5",
    prepare: setGate(13, { access: 0x0e }),
    code: `mov eax, 0x9999; bad: mov ds, ax`,
    events: ["#DF(0) at bad"],
  },
  {
    title: "come of #DE, too",
    manual: "SDM 3A table 6-5",
    prepare: setGate(0, { access: 0x0e }),
    code: `xor ecx, ecx; bad: div ecx`,
    events: ["#DF(0) at bad"],
  },
  {
    title: "come of a contributory exception in the delivery of a page fault",
    manual: "SDM 3A table 6-5",
    prepare: setGate(14, { access: 0x0e }),
    code: `bad: mov al, [0x7000000]`,
    events: ["#DF(0) at bad"],
  },
  {
    title: "do not come of a page fault in the delivery of a contributory exception",
    manual: "SDM 3A table 6-5",
    // The GP gate's IST leads nowhere.
    prepare: (machine) => {
      setGate(13, { ist: 2 })(machine);
      machine.memory.store(TSS + 0x2c, 4, 0x7000000);
    },
    code: `mov eax, 0x9999; bad: mov ds, ax`,
    events: ["#PF(2) at bad, 0x6fffff8"],
  },
  {
    title: "do not come of a benign exception, whatever its delivery meets",
    manual: "SDM 3A table 6-5",
    prepare: setGate(6, { selector: 0x200 }),
    code: `bad: ud2`,
    events: ["#GP(201) at bad"],
  },
  {
    title: "do not come of an NMI, whose faults say EXT",
    manual: "SDM 3A table 6-5",
    prepare: setGate(2, { access: 0x0e }),
    code: `nop; here: nop; nop; hlt`,
    arrivals: [{ after: 1, interrupt: "nmi" }],
    events: ["#NP(13) at here"],
  },
  {
    title: "do not come of an external interrupt, whose faults say EXT",
    manual: "SDM 3A table 6-5",
    prepare: setGate(0x40, { access: 0x0e }),
    code: `sti; nop; here: nop; nop; hlt`,
    arrivals: [{ after: 2, interrupt: 0x40 }],
    events: ["#NP(203) at here"],
  },
  {
    title: "that cannot be delivered shut the processor down",
    manual: "SDM 3A 6.15, interrupt 8",
    prepare: all(setGate(13, { access: 0x0e }), setGate(8, { access: 0x0e })),
    code: `mov eax, 0x9999; bad: mov ds, ax`,
    events: [],
    ends: "shutdown",
  },
  {
    title: "on a stack that is not there shut the processor down",
    manual: "SDM 3A 6.15, interrupt 8",
    code: `mov rsp, 0x7000000; bad: mov al, [0x7000000]`,
    events: [],
    ends: "shutdown",
  },
  {
    title: "come of a page fault while the IDT is not mapped",
    manual: "SDM 3A 6.15, interrupt 8",
    prepare: (machine) => void machine.memory.store(PT + 8 * 2, 4, 0),
    code: `bad: ud2`,
    events: [],
    ends: "shutdown",
  },
]);

systemSuite("external interrupts", [
  {
    title: "do not ask for the gate's DPL, and need IF",
    manual: "SDM 3A 6.8.1, 6.12.1.2",
    code: `${toUser("user", "IF+2")}
      at USER; user: nop; nop; here: nop; nop; int 0x40; behind: nop`,
    prepare: setGate(0x50, {}),
    arrivals: [{ after: 8, interrupt: 0x50 }],
    events: ["INT 50 at here"],
  },
  {
    title: "wait while IF is clear, and wake a halted processor when it is set",
    manual: "SDM 3A 6.8.1, SDM 2 HLT",
    code: `nop; nop; nop; sti; hlt; behind: nop; hlt`,
    arrivals: [{ after: 1, interrupt: 0x50 }],
    events: ["INT 50 at behind"],
  },
]);
