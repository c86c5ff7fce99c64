// SPDX-License-Identifier: BSD-2-Clause
// A guest of a few lines on the whole platform, on the virtual clock: interrupt controllers, timers, and the test
// device that pulls interrupt lines. Every interrupt writes its vector down and ends itself at the local APIC.
import { parseBhyveOptions } from "../../../src/cli/bhyve-options.ts";
import {
  CR0,
  CR3,
  CR4,
  CS,
  EFER,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  IDTR_BASE,
  IDTR_LIMIT,
  RIP,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
} from "../../../src/cpu/state-layout.ts";
import type { EngineName } from "../../../src/cpu/vcpu.ts";
import { GuestMemory, MIB } from "../../../src/mmu/guest-memory.ts";
import { Machine } from "../../../src/vmm/machine.ts";
import { machineConfig } from "../../../src/vmm/machine-config.ts";
import { assemble } from "../assembly/assemble.ts";
import { CODE, GDT, IDT, KCODE, KDATA, PD, PDPT, PML4, STACK, SYMBOLS } from "./layout.ts";

const STUBS = 0x6000;
const COMMON = 0x7800;
const FATAL = 0x7900;
/** Vectors as they came, a byte each, and how many. */
const LOG = 0x12000;
const COUNT = 0x12ffc;
/** Set by a program whose handlers are not to end interrupts. */
const KEEP = 0x12ff8;
/** Written to the test device's line 20 by the handler: 0 lets it go. */
const PIN_20 = 0x2014;
const RELEASE_AT = 0x12ff4;
const LIMIT = 3_000_000;

const HANDLER = `push rax; push rbx; push rdx; mov eax, [${COUNT}]; mov bl, [rsp+24]; mov [rax+${LOG}], bl; inc eax; mov [${COUNT}], eax
  cmp eax, [${RELEASE_AT}]; jne held; mov edx, ${PIN_20}; xor eax, eax; out dx, al
  held: cmp dword [${KEEP}], 0; jne kept; mov eax, 0xfee000b0; mov dword [rax], 0; kept: pop rdx; pop rbx; pop rax; add rsp, 8; iretq`;

const LAST = `mov eax, [${COUNT}]; mov [rax+${LOG}], cl; inc dword [${COUNT}]; mov edx, 0x404; mov eax, 0x3400; out dx, ax; hlt`;

export interface PlatformOutcome {
  /** Vectors in the order they came. */
  readonly vectors: readonly number[];
  readonly retired: number;
  readonly register: (number: number) => number;
  readonly word: (address: number) => number;
}

/** Runs 64-bit code until it turns the machine off. An exception ends it, too: its vector is the last. */
export function runOnPlatform(code: string, engine: EngineName): PlatformOutcome {
  const memory = new GuestMemory(32 * MIB);
  const config = parseBhyveOptions([
    ...["-m", "32M", "-A", "-o", "clock=virtual", "-o", `engine=${engine}`],
    ...(engine === "translator" ? ["-o", "engine.threshold=0"] : []),
    ...["-s", "0,hostbridge", "-s", "31,lpc", "-l", "pc-testdev", "guest0"],
  ]);
  const never = (): never => {
    throw new Error("the virtual machine has asked the host for something");
  };
  const machine = new Machine(machineConfig(config), memory, {
    // The translator asks what its work costs; nothing depends on the answer.
    time: { now: () => 0, wait: never },
    entropy: { next32: never, fill: never },
    epochSeconds: 0,
    zoneOffsetSeconds: 0,
    name: "test",
    openBlock: never,
    openChar: never,
    poll: () => {},
    warn: never,
  });
  const symbols = { ...SYMBOLS, KEEP, RELEASE_AT, LAPIC: 0xfee00000, IOAPIC: 0xfec00000 };
  for (const [text, origin] of [
    [code, CODE],
    [HANDLER, COMMON],
    [LAST, FATAL],
  ] as const) {
    for (const { at, bytes } of assemble(text, { origin, symbols }).pieces) memory.write(at, bytes);
  }
  prepare(machine);
  const result = machine.loop.run(LIMIT);
  if (result !== "suspended") throw new Error(`the guest did not end: ${result}`);
  const count = memory.load(COUNT, 4);
  const { vcpu } = machine;
  machine.close();
  return {
    vectors: Array.from({ length: count }, (_, i) => memory.load(LOG + i, 1)),
    retired: vcpu.retired,
    register: (number) => vcpu.cpu.s[GPR + 2 * number]! >>> 0,
    word: (address) => memory.load(address, 4) >>> 0,
  };
}

/** 64-bit mode with the first and the fourth GiB mapped, the devices' among them. */
function prepare({ vcpu, memory }: Machine): void {
  vcpu.reset();
  const { s } = vcpu.cpu;
  memory.store(PML4, 4, PDPT | 3);
  memory.store(PDPT, 4, PD | 3);
  for (let i = 0; i < 16; i++) memory.store(PD + 8 * i, 4, (i << 21) | 0x83);
  memory.store(PDPT + 24, 4, 0xc0000083 | 0);
  memory.store(GDT + KCODE, 4, 0xffff);
  memory.store(GDT + KCODE + 4, 4, 0xaf9b00);
  memory.store(GDT + KDATA, 4, 0xffff);
  memory.store(GDT + KDATA + 4, 4, 0xcf9300);
  for (let vector = 0; vector < 256; vector++) writeStub(memory, vector);
  s[CR0] = 0x80050033 | 0;
  s[CR3] = PML4;
  s[CR4] = 0x620;
  s[EFER] = 0xd01;
  for (let segment = 0; segment < 6; segment++) {
    const at = SEGMENTS + segment * SEG_WORDS;
    s[at + SEG_SELECTOR] = segment === CS ? KCODE : KDATA;
    s[at + SEG_ACCESS] = segment === CS ? 0xa09b : 0xc093;
    s[at + SEG_LIMIT] = -1;
    s[at + SEG_BASE] = 0;
  }
  s[GDTR_BASE] = GDT;
  s[GDTR_LIMIT] = 0xff;
  s[IDTR_BASE] = IDT;
  s[IDTR_LIMIT] = 0xfff;
  s[RIP] = CODE;
  s[RIP + 1] = 0;
  s[GPR + 2 * RSP] = STACK;
  vcpu.stateChanged();
}

/** The vector goes to COMMON on the stack, an exception's to FATAL in CL. */
function writeStub(memory: GuestMemory, vector: number): void {
  const place = STUBS + 16 * vector;
  const text = vector < 32 ? `mov cl, ${vector}; jmp ${FATAL}` : `push ${vector}; jmp ${COMMON}`;
  for (const { at, bytes } of assemble(text, { origin: place }).pieces) memory.write(at, bytes);
  memory.store(IDT + 16 * vector, 4, (KCODE << 16) | (place & 0xffff));
  memory.store(IDT + 16 * vector + 4, 4, 0x8e00);
}
