// SPDX-License-Identifier: BSD-2-Clause
// Interrupts, stacks and virtual-8086 mode in 32-bit protected mode: SDM 3A 6.12, 20; SDM 2 INT n, IRET.
import { expect } from "vitest";
import {
  CS,
  DS,
  GDTR_LIMIT,
  SEG_LIMIT,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../../src/cpu/state-layout.ts";
import {
  CODE16,
  DATA16,
  FREE,
  KCODE,
  KDATA,
  STACK0,
  STUBS,
  TSS,
  toUser32,
  UCODE32,
  UDATA,
} from "../support/system/layout.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { type SystemCase, systemSuite } from "../support/system/system-suite.ts";

const legacy = (each: Omit<SystemCase, "mode">): SystemCase => ({ ...each, mode: "protected" });

/** Replaces SS0:ESP0. */
const stack0 =
  (selector: number, offset = STACK0) =>
  (machine: SystemMachine): void => {
    machine.memory.store(TSS + 4, 4, offset);
    machine.memory.store(TSS + 8, 4, selector);
  };

const gate =
  (vector: number, selector: number, access: number, label?: string) =>
  (machine: SystemMachine, labels: ReadonlyMap<string, number>): void => {
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
      at USER; user: mov ebx, esp; int 0x40; mov edx, esp; int 0x40; behind: nop`,
    events: ["INT 40 at user+4", "INT 40 at behind"],
    registers: { rbx: 0x5f000, rdx: 0x5f000 },
  }),
  legacy({
    title: "raise #TS with SS0 where it is null, with EXT for an exception",
    manual: "SDM 2 INT n",
    prepare: (machine, labels) => {
      stack0(0)(machine);
      gate(10, UCODE32 & ~3, 0xee, "handler")(machine, labels);
    },
    code: `${toUser32("user", "IOPL3+2")}; at USER; user: ud2; handler: pop eax; mov edx, 0x80; out dx, eax; jmps handler`,
    ends: "halt",
    check: () => {},
  }),
]);
