// SPDX-License-Identifier: BSD-2-Clause
// A vCPU's registers by the names that bhyve's tools give them, to be read and written from outside while it
// does not run. FreeBSD: sys/amd64/include/vmm.h enum vm_reg_name, struct seg_desc.
//
// Writes are checked as far as the processor itself would refuse them: a state that no processor can be in
// is not for a guest to be put into. SDM 3A 2.5, 26.3.1.1.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { readFlags, writeFlags } from "../cpu/flags.ts";
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DR,
  DR6,
  DR7,
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
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../cpu/state-layout.ts";
import {
  CR0_CD,
  CR0_ET,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
} from "../cpu/system/control-bits.ts";
import type { Vcpu } from "../cpu/vcpu.ts";

/** Number of the segment register in the state. */
const SEGMENT_NUMBERS = { cs: CS, ds: DS, es: ES, fs: FS, gs: GS, ss: SS, tr: TR, ldtr: LDTR };
export type SegmentRegister = keyof typeof SEGMENT_NUMBERS;
const SEGMENT_REGISTERS = Object.keys(SEGMENT_NUMBERS) as readonly SegmentRegister[];

/** A table register: base and limit words. */
const TABLE_WORDS = {
  gdtr: { base: GDTR_BASE, limit: GDTR_LIMIT },
  idtr: { base: IDTR_BASE, limit: IDTR_LIMIT },
} as const;
export type DescriptorRegister = SegmentRegister | keyof typeof TABLE_WORDS;
export const DESCRIPTOR_REGISTERS: readonly DescriptorRegister[] = [
  ...SEGMENT_REGISTERS,
  "gdtr",
  "idtr",
];

/** bhyve's seg_desc. `access` is in VMX's encoding, and 0 for GDTR and IDTR. */
export interface Descriptor {
  readonly base: bigint;
  readonly limit: number;
  readonly access: number;
}

interface Place {
  readonly read: (s: Int32Array) => bigint;
  /** What is wrong with a value; undefined if it will do. */
  readonly problem: (value: bigint, cpu: Cpu) => string | undefined;
  readonly write: (s: Int32Array, value: bigint) => void;
}

const MASK_32 = 0xffff_ffffn;
const anything = () => undefined;

function pair(word: number, problem: Place["problem"] = anything): Place {
  return {
    read: (s) => pairToBigInt(s[word]!, s[word + 1]!),
    problem,
    write: (s, value) => {
      s[word] = Number(BigInt.asIntN(32, value));
      s[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
    },
  };
}

/** A register whose high half is always zero. */
function word(
  at: number,
  problem: (value: number, cpu: Cpu) => string | undefined,
  fixed = 0,
): Place {
  return {
    read: (s) => BigInt(s[at]! >>> 0),
    problem: (value, cpu) =>
      value > MASK_32 ? "its high half must be 0" : problem(Number(BigInt.asIntN(32, value)), cpu),
    write: (s, value) => {
      s[at] = Number(BigInt.asIntN(32, value)) | fixed;
    },
  };
}

function cr0Problem(value: number): string | undefined {
  if ((value & CR0_PG) !== 0 && (value & CR0_PE) === 0) return "PG without PE";
  return (value & CR0_NW) !== 0 && (value & CR0_CD) === 0 ? "NW without CD" : undefined;
}

function cr4Problem(value: number, { model }: Cpu): string | undefined {
  const unknown = value & ~model.cr4Mask;
  return unknown === 0 ? undefined : `this processor does not have bits ${hex(unknown >>> 0)}`;
}

function eferProblem(value: number): string | undefined {
  const unknown = value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
  if (unknown !== 0) return `this processor does not have bits ${hex(unknown >>> 0)}`;
  const isActive = (value & EFER_LMA) !== 0;
  return isActive && (value & EFER_LME) === 0 ? "LMA without LME" : undefined;
}

function cr3Problem(value: bigint): string | undefined {
  return value >> 40n === 0n ? undefined : "physical addresses have 40 bits";
}

/** SDM 1 figure 3-8: bits 3, 5, 15 and those above 21 are always 0. */
const FLAGS_RESERVED = ~0x3f_7fd7;
const RFLAGS: Place = {
  read: (s) => BigInt(readFlags(s) >>> 0),
  problem: (value) =>
    value > MASK_32 || (Number(BigInt.asIntN(32, value)) & FLAGS_RESERVED) !== 0
      ? "reserved bits must be 0"
      : undefined,
  write: (s, value) => writeFlags(s, Number(value)),
};

const GENERAL = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;
const EXTENDED = ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const;
const DEBUG = ["dr0", "dr1", "dr2", "dr3"] as const;
const SYSTEM = ["rip", "rflags", "efer", "cr0", "cr2", "cr3", "cr4", "dr6", "dr7"] as const;
export type RegisterName =
  | (typeof GENERAL | typeof EXTENDED | typeof DEBUG | typeof SYSTEM)[number]
  | SegmentRegister;

function selector(segment: number): Place {
  const at = SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR;
  return word(at, (value) => (value >>> 16 === 0 ? undefined : "a selector has 16 bits"));
}

const PLACES: Readonly<Record<RegisterName, Place>> = Object.fromEntries([
  ...[...GENERAL, ...EXTENDED].map((name, number) => [name, pair(GPR + 2 * number)]),
  ...DEBUG.map((name, number) => [name, pair(DR + 2 * number)]),
  ["rip", pair(RIP)],
  ["rflags", RFLAGS],
  ["efer", word(EFER, eferProblem)],
  ["cr0", word(CR0, cr0Problem, CR0_ET)],
  ["cr2", pair(CR2)],
  ["cr3", pair(CR3, cr3Problem)],
  ["cr4", word(CR4, cr4Problem)],
  ["dr6", word(DR6, anything)],
  ["dr7", word(DR7, anything)],
  ...SEGMENT_REGISTERS.map((name) => [name, selector(SEGMENT_NUMBERS[name])]),
]);
export const REGISTERS = Object.keys(PLACES) as readonly RegisterName[];

/** Unsigned; of a segment register, the selector. */
export function readRegister({ s }: Cpu, name: RegisterName): bigint {
  return PLACES[name].read(s);
}

/** Throws ERR_BAD_OPTION, and changes nothing, for a value that the register cannot have. */
export function writeRegister(vcpu: Vcpu, name: RegisterName, value: bigint): void {
  const { cpu } = vcpu;
  const place = PLACES[name];
  const problem = place.problem(value, cpu);
  if (problem !== undefined) {
    throw new VmmError("ERR_BAD_OPTION", `${name} cannot be ${hex(value)}: ${problem}`);
  }
  place.write(cpu.s, value);
  vcpu.stateChanged();
}

export function readDescriptor({ s }: Cpu, name: DescriptorRegister): Descriptor {
  if (name === "gdtr" || name === "idtr") {
    const { base, limit } = TABLE_WORDS[name];
    return { base: pairToBigInt(s[base]!, s[base + 1]!), limit: s[limit]! >>> 0, access: 0 };
  }
  const at = SEGMENTS + SEGMENT_NUMBERS[name] * SEG_WORDS;
  return {
    base: pairToBigInt(s[at + SEG_BASE]!, s[at + SEG_BASE + 1]!),
    limit: s[at + SEG_LIMIT]! >>> 0,
    access: s[at + SEG_ACCESS]! >>> 0,
  };
}

/** The hidden part of a segment register, or a table register. The DPL of SS is the CPL, as in VMX. */
export function writeDescriptor(vcpu: Vcpu, name: DescriptorRegister, to: Descriptor): void {
  const { s } = vcpu.cpu;
  if (name === "gdtr" || name === "idtr") {
    if (to.limit > 0xffff) {
      throw new VmmError("ERR_BAD_OPTION", `${name}'s limit cannot be ${hex(to.limit)}: 16 bits`);
    }
    pair(TABLE_WORDS[name].base).write(s, to.base);
    s[TABLE_WORDS[name].limit] = to.limit;
  } else {
    const at = SEGMENTS + SEGMENT_NUMBERS[name] * SEG_WORDS;
    pair(at + SEG_BASE).write(s, to.base);
    s[at + SEG_LIMIT] = to.limit;
    s[at + SEG_ACCESS] = to.access;
    if (name === "ss") s[CPL] = (to.access >>> 5) & 3;
  }
  vcpu.stateChanged();
}
