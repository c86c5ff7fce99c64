// SPDX-License-Identifier: BSD-2-Clause
// Access rights and flags of pages: SDM 3A 4.6 (rights), 4.7 (error codes), 4.8 (accessed and dirty flags).
//
// The matrix runs every kind of access to every kind of page under every combination of WP, SMEP, SMAP and AC, and
// compares with the manual's rules as `isAllowed` writes them down, without the processor's words for them.
import { expect } from "vitest";
import { CR0, CR4, EFER, FLAGS } from "../../src/cpu/state-layout.ts";
import {
  DATA,
  LARGE,
  PD,
  PDPT,
  PML4,
  PT,
  SPARE,
  TABLES,
  toUser,
  USER,
} from "../support/system/layout.ts";
import type { SystemCase } from "../support/system/system-case.ts";
import type { SystemMachine } from "../support/system/system-machine.ts";
import { systemSuite } from "../support/system/system-suite.ts";

const PAGE = SPARE + 0x2000;
const ENTRY = PT + 8 * (PAGE >> 12);
const P = 1;
const W = 2;
const U = 4;
const A = 0x20;
const D = 0x40;
const PS = 0x80;
const NX_HIGH = -0x80000000;
const WP = 1 << 16;
const SMEP = 1 << 20;
const SMAP = 1 << 21;
const AC = 1 << 18;

type Kind = "read" | "write" | "fetch";

interface Rights {
  readonly isUser: boolean;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
}
interface Control {
  readonly hasWp: boolean;
  readonly hasSmep: boolean;
  readonly hasSmap: boolean;
  readonly isAc: boolean;
}

/** SDM 3A 4.6.1, rule by rule. */
function isAllowed(kind: Kind, byUser: boolean, page: Rights, control: Control): boolean {
  if (byUser) {
    if (!page.isUser) return false;
    if (kind === "read") return true;
    return kind === "write" ? page.isWritable : page.isExecutable;
  }
  if (kind === "fetch") return page.isExecutable && !(page.isUser && control.hasSmep);
  if (page.isUser && control.hasSmap && !control.isAc) return false;
  return kind === "read" || page.isWritable || !control.hasWp;
}

function errorCode(kind: Kind, byUser: boolean): number {
  return P | (kind === "write" ? 2 : 0) | (byUser ? 4 : 0) | (kind === "fetch" ? 16 : 0);
}

const BOOLEANS = [false, true] as const;
const KINDS: readonly Kind[] = ["read", "write", "fetch"];
const PAGES: readonly Rights[] = BOOLEANS.flatMap((isUser) =>
  BOOLEANS.flatMap((isWritable) =>
    BOOLEANS.map((isExecutable) => ({ isUser, isWritable, isExecutable })),
  ),
);
const CONTROLS: readonly Control[] = BOOLEANS.flatMap((hasWp) =>
  BOOLEANS.flatMap((hasSmep) =>
    BOOLEANS.flatMap((hasSmap) => BOOLEANS.map((isAc) => ({ hasWp, hasSmep, hasSmap, isAc }))),
  ),
);

const bits = (...names: readonly (readonly [boolean, string])[]) =>
  names
    .filter(([isSet]) => isSet)
    .map(([, name]) => name)
    .join(" ") || "none";

/** Eight pages from PAGE on, one for each combination of rights; their bytes are `ret`. */
function mapPages({ memory, state }: SystemMachine, control: Control): void {
  PAGES.forEach(({ isUser, isWritable, isExecutable }, i) => {
    const entry = ENTRY + 8 * i;
    memory.store(entry, 4, (PAGE + 0x1000 * i) | P | (isWritable ? W : 0) | (isUser ? U : 0));
    memory.store(entry + 4, 4, isExecutable ? 0 : NX_HIGH);
    memory.store(PAGE + 0x1000 * i, 1, 0xc3);
  });
  state[CR0] = control.hasWp ? state[CR0]! | WP : state[CR0]! & ~WP;
  state[CR4] = state[CR4]! | (control.hasSmep ? SMEP : 0) | (control.hasSmap ? SMAP : 0);
}

const ACCESS: Readonly<Record<Kind, string>> = {
  read: "mov al, [rbx]",
  write: "mov [rbx], dl",
  fetch: "call rbx",
};

/**
 * Every kind of access to each of the pages, in order; the handler of #PF counts in R15 and goes on at [RBP], the
 * address behind the access, with the stack as it was.
 */
function matrixCase(byUser: boolean, control: Control): SystemCase {
  const { hasWp, hasSmep, hasSmap, isAc } = control;
  const events: string[] = [];
  const steps = KINDS.flatMap((kind) =>
    PAGES.map((page, i) => {
      const label = `${kind}${i}`;
      const address = PAGE + 0x1000 * i;
      if (!isAllowed(kind, byUser, page, control)) {
        const at = kind === "fetch" ? `0x${address.toString(16)}` : label;
        const code = errorCode(kind, byUser).toString(16);
        events.push(`#PF(${code}) at ${at}, 0x${address.toString(16)}`);
      }
      return `mov ebx, ${address}; mov ebp, behind_${label}; mov r14, rsp; ${label}: ${ACCESS[kind]}; behind_${label}: nop`;
    }),
  );
  const flags = isAc ? "AC+2" : "2";
  return {
    title: `${byUser ? "user" : "supervisor"} accesses with ${bits([hasWp, "WP"], [hasSmep, "SMEP"], [hasSmap, "SMAP"], [isAc, "AC"])}`,
    manual: "SDM 3A 4.6.1, 4.7",
    prepare: (machine) => mapPages(machine, control),
    on: { 14: "again" },
    code: `mov edx, 0xc3; ${byUser ? `${toUser("start", flags)}; at USER` : `push ${flags}; popfq`}
      start: ${steps.join("\n")}
      ${byUser ? "int 0x40; last: nop" : "hlt"}
      at 0xb000; again: add rsp, 8; mov [rsp], rbp; mov [rsp+24], r14; iretq`,
    events: byUser ? [...events, "INT 40 at last"] : events,
  };
}

systemSuite(
  "page rights: supervisor",
  CONTROLS.map((control) => matrixCase(false, control)),
);
systemSuite(
  "page rights: user",
  CONTROLS.filter(({ isAc }) => !isAc).map((control) => matrixCase(true, control)),
);

/** A page of another size at PAGE's frame through its own tables, at 1 GiB. */
const HIGH = 0x40000000;
function mapLarge(size: "4K" | "2M" | "1G", flags: number, high = 0) {
  return ({ memory }: SystemMachine): void => {
    if (size === "1G") {
      memory.store(PDPT + 8, 4, flags | PS);
      memory.store(PDPT + 12, 4, high);
      return;
    }
    memory.store(PDPT + 8, 4, TABLES | P | W | U);
    memory.store(TABLES, 4, size === "2M" ? flags | PS : (TABLES + 0x1000) | P | W | U);
    memory.store(TABLES + 4, 4, size === "2M" ? high : 0);
    if (size === "4K") {
      memory.store(TABLES + 0x1000 + 8 * (PAGE >> 12), 4, PAGE | flags);
      memory.store(TABLES + 0x1000 + 8 * (PAGE >> 12) + 4, 4, high);
    }
  };
}
const LEAF = { "4K": TABLES + 0x1000 + 8 * (PAGE >> 12), "2M": TABLES, "1G": PDPT + 8 } as const;
const SIZES = ["4K", "2M", "1G"] as const;
const at = HIGH + PAGE;
const hex = (value: number) => `0x${(value >>> 0).toString(16)}`;

systemSuite("pages of every size", [
  ...SIZES.map((size) => ({
    title: `${size}: are read and written at their place`,
    manual: "SDM 3A 4.5",
    prepare: mapLarge(size, P | W),
    code: `mov dword [${at}], 0x1234; mov eax, [${PAGE}]; hlt`,
    registers: { rax: 0x1234 },
  })),
  ...SIZES.map((size) => ({
    title: `${size}: get the accessed flag with a read, in every table`,
    manual: "SDM 3A 4.8",
    prepare: mapLarge(size, P | W),
    code: `mov eax, [${at}]; hlt`,
    check: ({ memory }: SystemMachine) => {
      expect(memory.load(LEAF[size], 4) & (A | D)).toBe(A);
      expect(memory.load(PML4, 4) & (A | D)).toBe(A);
      expect(memory.load(PDPT + 8, 4) & A).toBe(A);
    },
  })),
  ...SIZES.map((size) => ({
    title: `${size}: get the dirty flag with a write, behind a read too`,
    manual: "SDM 3A 4.8",
    prepare: mapLarge(size, P | W),
    code: `mov eax, [${at}]; mov [${at}], eax; hlt`,
    check: ({ memory }: SystemMachine) => expect(memory.load(LEAF[size], 4) & (A | D)).toBe(A | D),
  })),
  ...SIZES.map((size) => ({
    title: `${size}: get no dirty flag where the write is refused`,
    manual: "SDM 3A 4.8",
    prepare: mapLarge(size, P),
    code: `bad: mov [${at}], eax`,
    events: [`#PF(3) at bad, ${hex(at)}`],
    check: ({ memory }: SystemMachine) => expect(memory.load(LEAF[size], 4) & D).toBe(0),
  })),
  ...SIZES.map((size) => ({
    title: `${size}: get the flags again when software has cleared them and said so`,
    manual: "SDM 3A 4.8, 4.10.4.2",
    prepare: mapLarge(size, P | W),
    code: `mov [${at}], eax; and dword [${LEAF[size]}], ${hex(~(A | D))}; invlpg [${at}]; mov [${at}], eax; hlt`,
    check: ({ memory }: SystemMachine) => expect(memory.load(LEAF[size], 4) & (A | D)).toBe(A | D),
  })),
  ...(["2M", "1G"] as const).map((size) => ({
    title: `${size}: raise a reserved-bit fault for an address below their size`,
    manual: "SDM 3A 4.5.4, 4.7",
    prepare: mapLarge(size, P | W | 0x4000),
    code: `bad: mov eax, [${at}]`,
    events: [`#PF(9) at bad, ${hex(at)}`],
  })),
  ...SIZES.map((size) => ({
    title: `${size}: raise a reserved-bit fault above MAXPHYADDR`,
    manual: "SDM 3A 4.5.4, 4.7",
    prepare: mapLarge(size, P | W, 0x80000),
    code: `bad: mov [${at}], eax`,
    events: [`#PF(b) at bad, ${hex(at)}`],
  })),
  ...SIZES.map((size) => ({
    title: `${size}: have XD as a reserved bit without EFER.NXE`,
    manual: "SDM 3A 4.7",
    prepare: (machine: SystemMachine) => {
      mapLarge(size, P | W, NX_HIGH)(machine);
      machine.state[EFER] = machine.state[EFER]! & ~(1 << 11);
    },
    code: `bad: mov eax, [${at}]`,
    events: [`#PF(9) at bad, ${hex(at)}`],
  })),
  {
    title: "raise a reserved-bit fault for PS in a PML4 entry",
    manual: "SDM 3A 4.5.4",
    prepare: ({ memory }) => memory.store(PML4 + 8, 4, PDPT | P | W | PS),
    code: `mov rbx, 0x8000000000; bad: mov eax, [rbx]`,
    events: ["#PF(9) at bad, 0x8000000000"],
  },
  {
    title: "say nothing of reserved bits in an entry that is not present",
    manual: "SDM 3A 4.7",
    prepare: mapLarge("4K", 0, 0x80000),
    code: `bad: mov eax, [${at}]`,
    events: [`#PF(0) at bad, ${hex(at)}`],
  },
  ...(
    [
      ["PML4", PML4 + 8, PDPT],
      ["PDPT", PDPT + 8, TABLES],
    ] as const
  ).flatMap(([name, entry, next]) => [
    {
      title: `take U/S from the ${name} entry as well`,
      manual: "SDM 3A 4.6.1",
      prepare: (machine: SystemMachine) => {
        mapLarge("4K", P | W | U)(machine);
        machine.memory.store(entry, 4, next | P | W);
      },
      code: `mov rbx, ${name === "PML4" ? `0x8000000000+${USER}` : `${at}`}; ${toUser("user")}; at USER; user: mov eax, [rbx]`,
      events: [`#PF(5) at user, ${name === "PML4" ? `0x80000${USER.toString(16)}` : hex(at)}`],
    },
    {
      title: `take R/W from the ${name} entry as well`,
      manual: "SDM 3A 4.6.1",
      prepare: (machine: SystemMachine) => {
        mapLarge("4K", P | W | U)(machine);
        machine.memory.store(entry, 4, next | P | U);
      },
      code: `mov rbx, ${name === "PML4" ? `0x8000000000+${DATA}` : `${at}`}; bad: mov [rbx], eax`,
      events: [`#PF(3) at bad, ${name === "PML4" ? `0x80000${DATA.toString(16)}` : hex(at)}`],
    },
  ]),
]);

systemSuite("page faults", [
  {
    title: "tell the first byte that faults of an access that crosses pages",
    manual: "SDM 3A 6.15, interrupt 14",
    prepare: ({ memory }) => memory.store(ENTRY, 4, 0),
    code: `bad: mov rax, [${PAGE - 3}]`,
    events: [`#PF(0) at bad, ${hex(PAGE)}`],
  },
  {
    title: "come before any byte of a crossing write is stored",
    manual: "SDM 3A 8.1.1, 6.5: faults restart",
    prepare: ({ memory }) => memory.store(ENTRY, 4, PAGE | P),
    code: `mov eax, -1; bad: mov [${PAGE - 2}], eax`,
    events: [`#PF(3) at bad, ${hex(PAGE)}`],
    memory: { [PAGE - 4]: 0 },
  },
  {
    title: "of a fetch that crosses pages tell the second one, and RIP the instruction",
    manual: "SDM 3A 6.15, interrupt 14",
    prepare: ({ memory }) => memory.store(ENTRY, 4, 0),
    code: `jmp cross; at ${PAGE - 2}; cross: db 0xb8, 0x11`,
    events: [`#PF(10) at cross, ${hex(PAGE)}`],
  },
  {
    title: "say I/D for fetches where NXE is set, nothing without NXE and SMEP",
    manual: "SDM 3A 4.7",
    prepare: ({ memory, state }) => {
      memory.store(ENTRY, 4, 0);
      state[EFER] = state[EFER]! & ~(1 << 11);
    },
    code: `jmp ${PAGE}`,
    events: [`#PF(0) at ${hex(PAGE)}, ${hex(PAGE)}`],
  },
  {
    title: "of a read-modify-write are those of the write",
    manual: "SDM 3A 4.7",
    prepare: ({ memory }) => memory.store(ENTRY, 4, PAGE | P),
    code: `bad: add dword [${PAGE}], 1`,
    events: [`#PF(3) at bad, ${hex(PAGE)}`],
  },
  {
    title: "come of CMPXCHG that does not exchange, which writes all the same",
    manual: "SDM 2 CMPXCHG",
    prepare: ({ memory }) => memory.store(ENTRY, 4, PAGE | P),
    code: `mov eax, 5; bad: cmpxchg [${PAGE}], ecx`,
    events: [`#PF(3) at bad, ${hex(PAGE)}`],
  },
  {
    title: "leave the registers as they were: POP to memory, XCHG, PUSH",
    manual: "SDM 3A 6.5",
    prepare: ({ memory }) => memory.store(ENTRY, 4, 0),
    code: `push 7; bad: pop qword [${PAGE}]`,
    events: [`#PF(2) at bad, ${hex(PAGE)}`],
    check: ({ entries: [entry] }) => expect(entry!.rsp).toBe(0x1fff8n),
  },
  {
    title: "are the supervisor's for descriptor tables, whatever CPL",
    manual: "SDM 3A 4.6.1: implicit supervisor-mode accesses",
    prepare: ({ memory }) => memory.store(PT + 8, 4, 0),
    code: `${toUser("user")}; at USER; user: mov eax, UDATA; bad: mov ds, ax`,
    events: [],
    ends: "shutdown",
  },
  {
    title: "read descriptors at CPL 3 from pages that it may not touch",
    manual: "SDM 3A 4.6.1",
    code: `${toUser("user")}; at USER; user: mov eax, UDATA; mov ds, ax; mov ecx, ds; int 0x40; behind: nop`,
    events: ["INT 40 at behind"],
    registers: { rcx: 0x2b },
  },
  {
    title: "come of implicit accesses to user pages with SMAP, whatever AC says",
    manual: "SDM 3A 4.6.1",
    prepare: ({ memory, state }) => {
      memory.store(PT + 8, 4, 0x1000 | P | W | U);
      state[CR4] = state[CR4]! | SMAP;
      state[FLAGS] = state[FLAGS]! | AC;
    },
    code: `mov eax, KDATA; bad: mov ds, ax`,
    // The handler's code segment cannot be read, either.
    events: [],
    ends: "shutdown",
  },
  {
    title: "do not come of STAC's section, and come again behind CLAC",
    manual: "SDM 3A 4.6.1, SDM 2 STAC",
    prepare: ({ state }) => {
      state[CR4] = state[CR4]! | SMAP;
    },
    code: `stac; mov eax, [USER_DATA]; clac; bad: mov eax, [USER_DATA]`,
    events: ["#PF(1) at bad, 0x50000"],
  },
  {
    title: "find AC clear in the handler's flags only if software clears it",
    manual: "SDM 3A 6.12.1.2: TF, NT, RF and VM are cleared, AC is not",
    code: `push AC+2; popfq; bad: ud2`,
    events: ["#UD at bad"],
    check: ({ entries: [entry] }) => expect(entry!.handlerFlags & AC).toBe(AC),
  },
  {
    title: "come of a page that was made read-only, once its translation is forgotten",
    manual: "SDM 3A 4.10.4.2",
    code: `mov [${PAGE}], eax; mov dword [${ENTRY}], ${PAGE | P}; invlpg [${PAGE}]; bad: mov [${PAGE}], eax`,
    events: [`#PF(3) at bad, ${hex(PAGE)}`],
  },
  {
    title: "come of the large page's every piece once one is forgotten",
    manual: "SDM 3A 4.10.2.3",
    code: `mov [LARGE], eax; mov [LARGE+0x5000], eax; mov dword [${PD + 8}], 0; invlpg [LARGE+0x9000]; bad: mov eax, [LARGE+0x5000]`,
    events: [`#PF(0) at bad, ${hex(LARGE + 0x5000)}`],
  },
]);
