// SPDX-License-Identifier: BSD-2-Clause
// SYSCALL, SYSRET, SYSENTER, SYSEXIT: SDM 2, SDM 3A 5.8.7-5.8.8, as Intel processors have them (SYSCALL only
// in 64-bit mode, SYSENTER everywhere).
import { HI } from "../../mmu/machine-layout.ts";
import { nextRip, setRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import { FLAG_IF, FLAG_RF, FLAG_VM, readFlags, writeFlags } from "../flags.ts";
import { widthOf } from "../interp/operands.ts";
import {
  CPL,
  CS,
  CURRENT,
  EFER,
  GPR,
  MSR_LSTAR,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  RCX,
  RDX,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
} from "../state-layout.ts";
import { GP, UD } from "../vectors.ts";
import { EFER_SCE } from "./control-bits.ts";
import { changedPrivilege, changedSegments } from "./mode.ts";

const ECX = GPR + 2 * RCX;
const EDX = GPR + 2 * RDX;
const ESP = GPR + 2 * RSP;
const R11 = GPR + 2 * 11;

/** Accessed, readable, present code and writable data; DPL, L and D are added. */
const CODE = 0x9b | (1 << 15);
const DATA = 0x93 | (1 << 14) | (1 << 15);
const LONG = 1 << 13;
const DEFAULT_32 = 1 << 14;

function setFlat(cpu: Cpu, segment: number, selector: number, access: number): void {
  const { s } = cpu;
  const at = SEGMENTS + segment * SEG_WORDS;
  s[at + SEG_SELECTOR] = selector;
  s[at + SEG_ACCESS] = access;
  s[at + SEG_LIMIT] = -1;
  s[at + SEG_BASE] = 0;
  s[at + SEG_BASE + 1] = 0;
}

/** Flat code and stack for a privilege level, without reading any descriptor. */
function enterFlat(cpu: Cpu, cs: number, ss: number, cpl: number, is64: boolean): void {
  setFlat(cpu, CS, cs, CODE | (cpl << 5) | (is64 ? LONG : DEFAULT_32));
  setFlat(cpu, SS, ss, DATA | (cpl << 5));
  cpu.s[CPL] = cpl;
  changedSegments(cpu);
  changedPrivilege(cpu);
}

export function syscall(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (!cpu.is64 || (s[EFER]! & EFER_SCE) === 0) cpu.raise(UD);
  const lo = nextRip(cpu, p);
  s[ECX] = lo;
  s[ECX + 1] = s[HI]!;
  const flags = readFlags(s);
  s[R11] = flags & ~FLAG_RF;
  s[R11 + 1] = 0;
  writeFlags(s, flags & ~s[MSR_SFMASK]! & ~FLAG_RF);
  const cs = s[MSR_STAR + 1]! & 0xfffc;
  enterFlat(cpu, cs, cs + 8, 0, true);
  setRip(cpu, s[MSR_LSTAR]!, s[MSR_LSTAR + 1]!);
}

const SYSRET_FLAGS = 0x3c7fd7;

export function sysret(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (!cpu.is64 || (s[EFER]! & EFER_SCE) === 0) cpu.raise(UD);
  if (s[CPL] !== 0) cpu.raise(GP, 0);
  const is64 = widthOf(cpu, p) === 3;
  const hi = s[ECX + 1]!;
  if (is64 && hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
  writeFlags(s, s[R11]! & SYSRET_FLAGS);
  const base = s[MSR_STAR + 1]! >>> 16;
  const target = s[ECX]!;
  enterFlat(cpu, (is64 ? base + 16 : base) | 3, (base + 8) | 3, 3, is64);
  setRip(cpu, target, is64 ? hi : 0);
}

export function sysenter(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const cs = s[MSR_SYSENTER_CS]! & 0xfffc;
  if ((!cpu.isProtected && !cpu.isV86) || cs === 0) cpu.raise(GP, 0);
  writeFlags(s, readFlags(s) & ~(FLAG_VM | FLAG_IF | FLAG_RF));
  const { isLongMode } = cpu;
  enterFlat(cpu, cs, cs + 8, 0, isLongMode);
  s[ESP] = s[MSR_SYSENTER_ESP]!;
  s[ESP + 1] = isLongMode ? s[MSR_SYSENTER_ESP + 1]! : 0;
  setRip(cpu, s[MSR_SYSENTER_EIP]!, isLongMode ? s[MSR_SYSENTER_EIP + 1]! : 0);
}

export function sysexit(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  const cs = s[MSR_SYSENTER_CS]! & 0xfffc;
  if (!cpu.isProtected || cs === 0 || s[CPL] !== 0) cpu.raise(GP, 0);
  const is64 = widthOf(cpu, p) === 3;
  const targetHi = s[EDX + 1]!;
  const stackHi = s[ECX + 1]!;
  if (is64) {
    for (const hi of [targetHi, stackHi]) if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
  }
  const lo = s[EDX]!;
  s[ESP] = s[ECX]!;
  s[ESP + 1] = is64 ? stackHi : 0;
  enterFlat(cpu, (cs + (is64 ? 32 : 16)) | 3, (cs + (is64 ? 40 : 24)) | 3, 3, is64);
  setRip(cpu, lo, is64 ? targetHi : 0);
}
