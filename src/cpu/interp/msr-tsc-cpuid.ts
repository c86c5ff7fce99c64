// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts that ask the processor something: the model-specific registers (RDMSR, WRMSR; their list
// is system/msr.ts's), the time stamp and the processor's number (RDTSC, RDTSCP, RDPID), what it can do (CPUID), and
// random numbers (RDRAND, RDSEED). SDM 2. Without performance counters, RDPMC has none to name.
import { u64 } from "../../base/u64.ts";
import type { Cpu } from "../cpu.ts";
import { changeFlags, FLAG_CF, FLAGS_ARITHMETIC } from "../flags.ts";
import { CPL, CR4, CURRENT, GPR, MSR_TSC_AUX, RAX, RCX, RDX } from "../state-layout.ts";
import { CR4_TSD } from "../system/control-bits.ts";
import { cpuid } from "../system/cpuid.ts";
import { readMsr, readTsc, writeMsr } from "../system/msr.ts";
import { GP } from "../vectors.ts";
import { slotA, widthOf, writeRegister32, writeRegister64, writeSizedA } from "./operands.ts";
import { requireRing0 } from "./privilege.ts";

const EAX = GPR + 2 * RAX;
const ECX = GPR + 2 * RCX;
const EDX = GPR + 2 * RDX;

function rdmsr(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  cpu.counters.rdmsr++;
  const value = readMsr(cpu, s[ECX]! >>> 0) ?? cpu.raise(GP, 0);
  writeRegister32(cpu, EAX, value.low);
  writeRegister32(cpu, EDX, value.high);
}

function wrmsr(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  cpu.counters.wrmsr++;
  if (!writeMsr(cpu, s[ECX]! >>> 0, u64(s[EAX]!, s[EDX]!))) cpu.raise(GP, 0);
}

function requireTimeStamp(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (cpu.s[CPL] !== 0 && (cpu.s[CR4]! & CR4_TSD) !== 0) cpu.raise(GP, 0);
}

function rdtsc(cpu: Cpu, p: number): void {
  requireTimeStamp(cpu, p);
  const value = readTsc(cpu);
  writeRegister32(cpu, EAX, value.low);
  writeRegister32(cpu, EDX, value.high);
}

/** CF says that the number is random; the other arithmetic flags are cleared. */
function random(cpu: Cpu, p: number): void {
  const lo = cpu.environment.random32() | 0;
  const hi = widthOf(cpu, p) === 3 ? cpu.environment.random32() | 0 : 0;
  if (widthOf(cpu, p) === 3) writeRegister64(cpu, slotA(cpu, p), lo, hi);
  else writeSizedA(cpu, p, lo, 0);
  changeFlags(cpu.s, FLAGS_ARITHMETIC, FLAG_CF);
}

export const MSR_TSC_CPUID_EXECUTORS = {
  rdmsr,
  wrmsr,
  rdtsc,
  rdtscp: (cpu: Cpu, p: number) => {
    rdtsc(cpu, p);
    writeRegister32(cpu, ECX, cpu.s[MSR_TSC_AUX]!);
  },
  rdpid: (cpu: Cpu, p: number) => writeSizedA(cpu, p, cpu.s[MSR_TSC_AUX]!, 0),
  rdpmc: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    cpu.raise(GP, 0);
  },
  cpuid: (cpu: Cpu) => {
    cpu.counters.cpuid++;
    cpuid(cpu);
  },
  rdrand: random,
  rdseed: random,
} as const;
