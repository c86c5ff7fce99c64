// SPDX-License-Identifier: BSD-2-Clause
// From what a loader says a kernel must be entered with to the first vCPU's registers.
import type { Cpu } from "../cpu/cpu.ts";
import { writeFlags } from "../cpu/flags.ts";
import { processorModel } from "../cpu/model.ts";
import { NO_PORTS } from "../cpu/no-ports.ts";
import {
  CPL,
  CR0,
  CR3,
  CR4,
  CS,
  DS,
  EFER,
  ES,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  RIP,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../cpu/state-layout.ts";
import { Vcpu } from "../cpu/vcpu.ts";
import type { EntryState, GeneralRegister, SegmentName } from "../loader/entry-state.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";

/** Encoding order. */
const GENERAL: readonly (GeneralRegister | "rsp")[] = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
const SEGMENT_NUMBERS: Readonly<Record<SegmentName, number>> = {
  es: ES,
  cs: CS,
  ss: SS,
  ds: DS,
  fs: FS,
  gs: GS,
  ldtr: LDTR,
  tr: TR,
};

function setPair(s: Int32Array, word: number, value: bigint): void {
  s[word] = Number(BigInt.asIntN(32, value));
  s[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** A vCPU with nothing around it, for its state's sake: loaders and inspectors of VMs at rest. */
export function bareVcpu(memory: GuestMemory): Vcpu {
  return new Vcpu(memory, NO_PORTS, processorModel());
}

/** Writes the state that a loaded kernel is entered with into a machine's memory. */
export function prepareVcpu(memory: GuestMemory, entry: EntryState): void {
  applyEntryState(bareVcpu(memory), entry);
}

/** Resets the vCPU and puts it at the kernel's first instruction. */
export function applyEntryState(vcpu: Vcpu, entry: EntryState): void {
  vcpu.reset();
  const { s }: Cpu = vcpu.cpu;
  GENERAL.forEach((name, number) => {
    setPair(s, GPR + 2 * number, name === "rsp" ? entry.rsp : (entry.general[name] ?? 0n));
  });
  setPair(s, GPR + 2 * RSP, entry.rsp);
  setPair(s, RIP, entry.rip);
  writeFlags(s, Number(entry.rflags));
  s[CR0] = Number(BigInt.asIntN(32, entry.cr0));
  setPair(s, CR3, entry.cr3);
  s[CR4] = Number(BigInt.asIntN(32, entry.cr4));
  s[EFER] = Number(entry.efer);
  for (const [name, segment] of Object.entries(entry.segments)) {
    const at = SEGMENTS + SEGMENT_NUMBERS[name as SegmentName] * SEG_WORDS;
    s[at + SEG_SELECTOR] = segment.selector;
    s[at + SEG_ACCESS] = segment.access;
    s[at + SEG_LIMIT] = segment.limit;
    setPair(s, at + SEG_BASE, segment.base);
  }
  setPair(s, GDTR_BASE, entry.gdtr.base);
  s[GDTR_LIMIT] = entry.gdtr.limit;
  setPair(s, IDTR_BASE, entry.idtr.base);
  s[IDTR_LIMIT] = entry.idtr.limit;
  s[CPL] = 0;
  vcpu.stateChanged();
}
