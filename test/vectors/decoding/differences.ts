// SPDX-License-Identifier: BSD-2-Clause
// Where our decoder and iced-x86 disagree on purpose, with the reasons. Everything else is a mistake.
import { ISA_ROWS } from "../../../src/cpu/isa/table.ts";

/**
 * iced-x86's features whose instructions are ours. Some families are added to the table as a whole, after a few
 * of their instructions that others need (LFENCE, CRC32, XGETBV): those are ours as soon as the table has the
 * mnemonic named here. "" is for what every processor we model has.
 */
const FEATURES: Readonly<Record<string, string>> = {
  INTEL8086: "",
  INTEL186: "",
  INTEL286: "",
  INTEL386: "",
  INTEL486: "",
  X64: "",
  CMOV: "",
  CPUID: "",
  CX8: "",
  CLFSH: "",
  MSR: "",
  MULTIBYTENOP: "",
  PAUSE: "",
  PREFETCHW: "",
  RDPMC: "",
  SEP: "",
  SYSCALL: "",
  TSC: "",
  ADX: "adcx",
  AES: "aesenc",
  AVX: "vaddps",
  AVX2: "vpbroadcastd",
  BMI1: "andn",
  BMI2: "mulx",
  CLFLUSHOPT: "clflushopt",
  CLWB: "clwb",
  CMPXCHG16B: "cmpxchg16b",
  F16C: "vcvtph2ps",
  FMA: "vfmadd132ps",
  FPU: "fadd",
  FPU287: "fadd",
  FPU387: "fadd",
  FSGSBASE: "rdfsbase",
  FXSR: "fxsave",
  INVPCID: "invpcid",
  LZCNT: "lzcnt",
  MMX: "paddb",
  MOVBE: "movbe",
  PCLMULQDQ: "pclmulqdq",
  POPCNT: "popcnt",
  RDRAND: "rdrand",
  RDSEED: "rdseed",
  RDTSCP: "rdtscp",
  SHA: "sha1rnds4",
  SMAP: "stac",
  SSE: "addps",
  SSE2: "addpd",
  SSE3: "haddps",
  SSE4_1: "pblendw",
  SSE4_2: "pcmpestri",
  SSSE3: "pshufb",
  XSAVE: "xsave",
  XSAVEC: "xsavec",
  XSAVEOPT: "xsaveopt",
};

/** iced-x86 counts these to the 8086. */
const OTHER_FEATURES: Readonly<Record<string, readonly string[]>> = { wait: ["FPU"] };

const MNEMONICS: ReadonlySet<string> = new Set(["", ...ISA_ROWS.map(({ mnemonic }) => mnemonic)]);

/** True if an instruction that iced-x86 knows, and says which features it needs, ought to be in our table. */
export function isOurs(mnemonic: string, features: readonly string[]): boolean {
  return (OTHER_FEATURES[mnemonic] ?? features).every((feature) => {
    const sign = FEATURES[feature];
    return sign !== undefined && MNEMONICS.has(sign);
  });
}

export interface KnownDifference {
  /** Mnemonics as iced-x86 has them, "invalid" for #UD. */
  readonly ours: string;
  readonly theirs: readonly string[];
  /** Encodings of the rows that this is about; all if absent. */
  readonly encodings?: readonly string[];
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    ours: "nop",
    theirs: [
      ...["reservednop", "cldemote", "endbr32", "endbr64", "rdsspd", "rdsspq"],
      ...["prefetchit0", "prefetchit1"],
    ],
    reason: "reserved NOPs are NOPs on a processor without CLDEMOTE, CET and PREFETCHI",
  },
  {
    ours: "prefetch",
    theirs: ["prefetchw", "prefetchwt1"],
    reason: "a processor without PREFETCHWT1 prefetches, and /3 is PREFETCHW to AMD alone",
  },
  {
    ours: "mov",
    theirs: ["invalid"],
    encodings: ["0F 20", "0F 21", "0F 22", "0F 23", "8C", "8E"],
    reason: "a control, debug or segment register that does not exist is #UD when it is executed",
  },
];
