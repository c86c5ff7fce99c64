// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts.
import { u64 } from "../../base/u64.ts";
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import {
  changeFlags,
  FLAG_AC,
  FLAG_CF,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_ZF,
  FLAGS_ARITHMETIC,
} from "../flags.ts";
import {
  ACTIVITY_HALTED,
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CURRENT,
  DR,
  DR6,
  DR7,
  FLAGS,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  MSR_KERNEL_GS_BASE,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDX,
  SEG_BASE,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../state-layout.ts";
import { CR0_TS, CR4_DE, CR4_FSGSBASE, CR4_TSD } from "../system/control-bits.ts";
import { loadMachineStatus, writeCr0, writeCr3, writeCr4 } from "../system/control-registers.ts";
import { cpuid } from "../system/cpuid.ts";
import {
  type Descriptor,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isSegment,
  isWritableData,
  limitOf,
  readDescriptor,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  typeOf,
} from "../system/descriptor.ts";
import { changedPrivilege } from "../system/mode.ts";
import { readMsr, readTsc, writeMsr } from "../system/msr.ts";
import { loadLdt, loadSegment, loadTaskRegister } from "../system/segmentation.ts";
import { holdInterrupts } from "../system/shadow.ts";
import { syscall, sysenter, sysexit, sysret } from "../system/syscall.ts";
import { changedBreakpoints } from "../system/watch.ts";
import { DB, GP, UD } from "../vectors.ts";
import {
  closeA16,
  isMemoryA,
  openA16,
  readA16,
  readB16,
  readB32,
  readB64,
  slotA,
  slotB,
  slotC,
  storeM16,
  widthOf,
  writeRegister32,
  writeRegister64,
  writeSizedA,
} from "./operands.ts";

const EAX = GPR + 2 * RAX;
const ECX = GPR + 2 * RCX;
const EDX = GPR + 2 * RDX;

function requireRing0(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (cpu.s[CPL] !== 0) cpu.raise(GP, 0);
}

/** Real and virtual-8086 mode do not have instructions that deal in selectors. */
function requireProtected(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (!cpu.isProtected) cpu.raise(UD);
}

function selectorOf(cpu: Cpu, segment: number): number {
  return cpu.s[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
}

/** A selector or a word to memory as 16 bits, to a register zero-extended by operand size. */
function storeWord(cpu: Cpu, p: number, value: number): void {
  if (isMemoryA(cpu, p)) storeM16(cpu, p, value);
  else writeSizedA(cpu, p, value, 0);
}

function movFromSegment(cpu: Cpu, p: number): void {
  const segment = slotB(cpu, p);
  if (segment > GS) {
    cpu.s[CURRENT] = p;
    cpu.raise(UD);
  }
  storeWord(cpu, p, selectorOf(cpu, segment));
}

function movToSegment(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  const segment = slotA(cpu, p);
  if (segment > GS || segment === 1) cpu.raise(UD);
  loadSegment(cpu, segment, readB16(cpu, p));
  if (segment === SS) holdInterrupts(cpu, true);
}

/** LDS, LES, LSS, LFS, LGS: offset first, selector behind it. LSS needs no shadow: it loads both at once. */
function loadFarPointer(cpu: Cpu, p: number): void {
  const { s, mem } = cpu;
  const width = widthOf(cpu, p);
  const size = 1 << width;
  const lo = cpu.ea(p, size + 2, false);
  const hi = s[HI]!;
  const offset =
    width === 3 ? mem.load64(lo, hi) : width === 2 ? mem.load32(lo, hi) : mem.load16(lo, hi);
  const offsetHi = s[HI]!;
  const selectorAt = (lo + size) | 0;
  const selector = mem.load16(selectorAt, selectorAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi);
  loadSegment(cpu, slotC(cpu, p), selector);
  writeSizedA(cpu, p, offset, offsetHi);
}

/** Raises the RPL of A to that of B; ZF says whether it had to. */
function arpl(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  const source = readB16(cpu, p);
  const value = openA16(cpu, p);
  const isLower = (value & 3) < (source & 3);
  closeA16(cpu, p, isLower ? (value & ~3) | (source & 3) : value);
  changeFlags(cpu.s, FLAG_ZF, isLower ? FLAG_ZF : 0);
}

const LAR_TYPES: ReadonlySet<number> = new Set([
  TYPE_TSS16,
  TYPE_LDT,
  TYPE_TSS16_BUSY,
  TYPE_CALL_GATE16,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_CALL_GATE,
]);
const LAR_TYPES_LONG: ReadonlySet<number> = new Set([
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_CALL_GATE,
]);
const LSL_TYPES: ReadonlySet<number> = new Set([
  TYPE_TSS16,
  TYPE_LDT,
  TYPE_TSS16_BUSY,
  TYPE_TSS,
  TYPE_TSS_BUSY,
]);
const LSL_TYPES_LONG: ReadonlySet<number> = new Set([TYPE_LDT, TYPE_TSS, TYPE_TSS_BUSY]);

/** A descriptor that a selector may be asked about, else undefined. */
function visibleDescriptor(
  cpu: Cpu,
  selector: number,
  systemTypes: ReadonlySet<number>,
): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor === undefined) return undefined;
  const { access } = descriptor;
  if (!isSegment(access) && !systemTypes.has(typeOf(access))) return undefined;
  const weakest = Math.max(cpu.s[CPL]!, selector & 3);
  return isConforming(access) || dplOf(access) >= weakest ? descriptor : undefined;
}

/** LAR and LSL: what a descriptor says, with ZF, or nothing. */
function inspect(
  short: ReadonlySet<number>,
  long: ReadonlySet<number>,
  value: (descriptor: Descriptor) => number,
) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    const descriptor = visibleDescriptor(cpu, readB16(cpu, p), cpu.isLongMode ? long : short);
    if (descriptor !== undefined) writeSizedA(cpu, p, value(descriptor), 0);
    changeFlags(cpu.s, FLAG_ZF, descriptor !== undefined ? FLAG_ZF : 0);
  };
}

/** VERR and VERW: could the segment be read, or written, at this privilege level? */
function verify(isAllowed: (access: number) => boolean) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    const descriptor = visibleDescriptor(cpu, readA16(cpu, p), new Set());
    const holds = descriptor !== undefined && isAllowed(descriptor.access);
    changeFlags(cpu.s, FLAG_ZF, holds ? FLAG_ZF : 0);
  };
}

// Descriptor tables: a limit of 16 bits, then a base of 32 (24 with 16-bit operands) or 64 bits.

function storeTable(base: number, limit: number) {
  return (cpu: Cpu, p: number): void => {
    const { s, mem } = cpu;
    const size = cpu.is64 ? 10 : 6;
    const lo = cpu.ea(p, size, true);
    const hi = s[HI]!;
    mem.probeWrite(lo, hi, size);
    const baseAt = (lo + 2) | 0;
    const baseHi = baseAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
    mem.store16(lo, hi, s[limit]!);
    if (cpu.is64) mem.store64(baseAt, baseHi, s[base]!, s[base + 1]!);
    else mem.store32(baseAt, baseHi, s[base]!);
  };
}

function loadTable(base: number, limit: number) {
  return (cpu: Cpu, p: number): void => {
    requireRing0(cpu, p);
    const { s, mem } = cpu;
    const lo = cpu.ea(p, cpu.is64 ? 10 : 6, false);
    const hi = s[HI]!;
    const newLimit = mem.load16(lo, hi);
    const baseAt = (lo + 2) | 0;
    const baseAtHi = baseAt >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
    let newBase: number;
    let newBaseHi = 0;
    if (cpu.is64) {
      newBase = mem.load64(baseAt, baseAtHi);
      newBaseHi = s[HI]!;
      if (newBaseHi >> 15 !== 0 && newBaseHi >> 15 !== -1) cpu.raise(GP, 0);
    } else newBase = mem.load32(baseAt, baseAtHi) & (widthOf(cpu, p) === 1 ? 0xffffff : -1);
    s[limit] = newLimit;
    s[base] = newBase;
    s[base + 1] = newBaseHi;
  };
}

function lldt(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  requireRing0(cpu, p);
  loadLdt(cpu, readA16(cpu, p));
}

function ltr(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  requireRing0(cpu, p);
  loadTaskRegister(cpu, readA16(cpu, p));
}

function storeSelector(segment: number) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    storeWord(cpu, p, selectorOf(cpu, segment));
  };
}

function invlpg(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const lo = cpu.ea(p, 1, false);
  const hi = cpu.s[HI]!;
  // A non-canonical address names no page.
  if (hi >> 15 === 0 || hi >> 15 === -1) cpu.mem.tlb.flushPage(lo, hi);
}

/** SDM 2: INVPCID. A is the type, the descriptor is PCID and linear address. */
function invpcid(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s, mem } = cpu;
  const slot = slotA(cpu, p);
  const type = s[slot]! >>> 0;
  if (cpu.is64 && s[slot + 1] !== 0) cpu.raise(GP, 0);
  const at = cpu.ea(p, 16, false);
  const atHi = s[HI]!;
  const pcid = mem.load64(at, atHi);
  if (s[HI] !== 0 || (pcid & ~0xfff) !== 0 || type > 3) cpu.raise(GP, 0);
  const lo = mem.load64((at + 8) | 0, (at + 8) >>> 0 < 8 ? (atHi + 1) | 0 : atHi);
  const hi = s[HI]!;
  const hasPcid = (s[CR4]! & (1 << 17)) !== 0;
  if (type <= 1 && pcid !== 0 && !hasPcid) cpu.raise(GP, 0);
  if (type === 0) {
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
    mem.tlb.flushPage(lo, hi);
  } else if (type === 1) mem.tlb.flushPcid(pcid);
  else if (type === 2) {
    mem.tlb.flushAll();
    mem.tlb.selectPcid(hasPcid ? s[CR3]! & 0xfff : 0);
  } else mem.tlb.flushNonGlobal();
}

// Control and debug registers. MOV takes 64 bits in 64-bit mode, 32 elsewhere.

function movFromControl(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  let lo: number;
  let hi = 0;
  switch (slotB(cpu, p)) {
    case 0:
      lo = s[CR0]!;
      break;
    case 2:
      lo = s[CR2]!;
      hi = s[CR2 + 1]!;
      break;
    case 3:
      lo = s[CR3]!;
      hi = s[CR3 + 1]!;
      break;
    case 4:
      lo = s[CR4]!;
      break;
    case 8:
      lo = cpu.interrupts.readTaskPriority();
      break;
    default:
      lo = cpu.raise(UD);
  }
  writeSizedA(cpu, p, lo, hi);
}

function movToControl(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  const isWide = widthOf(cpu, p) === 3;
  const lo = isWide ? readB64(cpu, p) : readB32(cpu, p);
  const hi = isWide ? s[HI]! : 0;
  switch (slotA(cpu, p)) {
    case 0:
      writeCr0(cpu, lo, hi);
      break;
    case 2:
      s[CR2] = lo;
      s[CR2 + 1] = hi;
      break;
    case 3:
      writeCr3(cpu, lo, hi);
      break;
    case 4:
      writeCr4(cpu, lo, hi);
      break;
    case 8:
      if (hi !== 0 || (lo & ~15) !== 0) cpu.raise(GP, 0);
      cpu.interrupts.writeTaskPriority(lo);
      break;
    default:
      cpu.raise(UD);
  }
}

/** DR7.GD makes any access a debug exception; DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
function debugRegister(cpu: Cpu, p: number, number: number): number {
  requireRing0(cpu, p);
  const { s } = cpu;
  if (number > 7) cpu.raise(UD);
  const isAlias = number === 4 || number === 5;
  if (isAlias && (s[CR4]! & CR4_DE) !== 0) cpu.raise(UD);
  if ((s[DR7]! & (1 << 13)) !== 0) {
    s[DR6] = s[DR6]! | (1 << 13);
    s[DR7] = s[DR7]! & ~(1 << 13);
    cpu.raise(DB);
  }
  return isAlias ? number + 2 : number;
}

function movFromDebug(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const number = debugRegister(cpu, p, slotB(cpu, p));
  if (number === 6) writeSizedA(cpu, p, s[DR6]!, 0);
  else if (number === 7) writeSizedA(cpu, p, s[DR7]!, 0);
  else writeSizedA(cpu, p, s[DR + 2 * number]!, s[DR + 2 * number + 1]!);
}

function movToDebug(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const number = debugRegister(cpu, p, slotA(cpu, p));
  const isWide = widthOf(cpu, p) === 3;
  const lo = isWide ? readB64(cpu, p) : readB32(cpu, p);
  const hi = isWide ? s[HI]! : 0;
  if (number >= 6 && hi !== 0) cpu.raise(GP, 0);
  if (number === 6) s[DR6] = (lo & 0xe00f) | 0xffff0ff0;
  else if (number === 7) s[DR7] = (lo & 0xffff2bff) | 0x400;
  else {
    s[DR + 2 * number] = lo;
    s[DR + 2 * number + 1] = hi;
  }
  changedBreakpoints(cpu);
}

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

function changeAccessControl(isSet: boolean) {
  return (cpu: Cpu, p: number): void => {
    const { s } = cpu;
    s[CURRENT] = p;
    if (s[CPL] !== 0) cpu.raise(UD);
    s[FLAGS] = isSet ? s[FLAGS]! | FLAG_AC : s[FLAGS]! & ~FLAG_AC;
    changedPrivilege(cpu);
  };
}

function requireInterruptControl(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if (s[CPL]! > (s[FLAGS]! & FLAG_IOPL) >> 12) cpu.raise(GP, 0);
}

function cli(cpu: Cpu, p: number): void {
  requireInterruptControl(cpu, p);
  cpu.s[FLAGS] = cpu.s[FLAGS]! & ~FLAG_IF;
}

/** Interrupts stay off for one more instruction if they were off. */
function sti(cpu: Cpu, p: number): void {
  requireInterruptControl(cpu, p);
  const { s } = cpu;
  if ((s[FLAGS]! & FLAG_IF) === 0) holdInterrupts(cpu, false);
  s[FLAGS] = s[FLAGS]! | FLAG_IF;
}

function hlt(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  cpu.counters.hlt++;
  cpu.setActivity(ACTIVITY_HALTED, true);
  cpu.exit = { kind: "hlt", isInterruptible: (cpu.s[FLAGS]! & FLAG_IF) !== 0 };
}

function swapgs(cpu: Cpu, p: number): void {
  requireRing0(cpu, p);
  const { s } = cpu;
  const base = SEGMENTS + GS * SEG_WORDS + SEG_BASE;
  for (const half of [0, 1]) {
    const value = s[base + half]!;
    s[base + half] = s[MSR_KERNEL_GS_BASE + half]!;
    s[MSR_KERNEL_GS_BASE + half] = value;
  }
}

function requireFsGsBase(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if ((cpu.s[CR4]! & CR4_FSGSBASE) === 0) cpu.raise(UD);
}

function readBase(segment: number) {
  const base = SEGMENTS + segment * SEG_WORDS + SEG_BASE;
  return (cpu: Cpu, p: number): void => {
    requireFsGsBase(cpu, p);
    writeSizedA(cpu, p, cpu.s[base]!, cpu.s[base + 1]!);
  };
}

function writeBase(segment: number) {
  const base = SEGMENTS + segment * SEG_WORDS + SEG_BASE;
  return (cpu: Cpu, p: number): void => {
    requireFsGsBase(cpu, p);
    const { s } = cpu;
    const slot = slotA(cpu, p);
    const hi = widthOf(cpu, p) === 3 ? s[slot + 1]! : 0;
    if (hi >> 15 !== 0 && hi >> 15 !== -1) cpu.raise(GP, 0);
    s[base] = s[slot]!;
    s[base + 1] = hi;
  };
}

/** CF says that the number is random; the other arithmetic flags are cleared. */
function random(cpu: Cpu, p: number): void {
  const lo = cpu.environment.random32() | 0;
  const hi = widthOf(cpu, p) === 3 ? cpu.environment.random32() | 0 : 0;
  if (widthOf(cpu, p) === 3) writeRegister64(cpu, slotA(cpu, p), lo, hi);
  else writeSizedA(cpu, p, lo, 0);
  changeFlags(cpu.s, FLAGS_ARITHMETIC, FLAG_CF);
}

export const SYSTEM_EXECUTORS = {
  movFromSegment,
  movToSegment,
  loadFarPointer,
  arpl,
  lar: inspect(LAR_TYPES, LAR_TYPES_LONG, ({ hi }) => hi & 0x00ffff00),
  lsl: inspect(LSL_TYPES, LSL_TYPES_LONG, limitOf),
  verr: verify((access) => isSegment(access) && (!isCode(access) || (access & 2) !== 0)),
  verw: verify(isWritableData),
  sgdt: storeTable(GDTR_BASE, GDTR_LIMIT),
  sidt: storeTable(IDTR_BASE, IDTR_LIMIT),
  lgdt: loadTable(GDTR_BASE, GDTR_LIMIT),
  lidt: loadTable(IDTR_BASE, IDTR_LIMIT),
  sldt: storeSelector(LDTR),
  str: storeSelector(TR),
  lldt,
  ltr,
  smsw: (cpu: Cpu, p: number) => {
    if (isMemoryA(cpu, p)) storeM16(cpu, p, cpu.s[CR0]!);
    else writeSizedA(cpu, p, cpu.s[CR0]!, 0);
  },
  lmsw: (cpu: Cpu, p: number) => {
    requireRing0(cpu, p);
    loadMachineStatus(cpu, readA16(cpu, p));
  },
  clts: (cpu: Cpu, p: number) => {
    requireRing0(cpu, p);
    cpu.s[CR0] = cpu.s[CR0]! & ~CR0_TS;
  },
  invlpg,
  invpcid,
  // There are no caches to write back.
  invd: requireRing0,
  wbinvd: requireRing0,
  movFromControl,
  movToControl,
  movFromDebug,
  movToDebug,
  rdmsr,
  wrmsr,
  rdtsc,
  rdtscp: (cpu: Cpu, p: number) => {
    rdtsc(cpu, p);
    writeRegister32(cpu, ECX, cpu.s[MSR_TSC_AUX]!);
  },
  rdpid: (cpu: Cpu, p: number) => writeSizedA(cpu, p, cpu.s[MSR_TSC_AUX]!, 0),
  /** There are no counters to name. */
  rdpmc: (cpu: Cpu, p: number) => {
    cpu.s[CURRENT] = p;
    cpu.raise(GP, 0);
  },
  cpuid: (cpu: Cpu) => {
    cpu.counters.cpuid++;
    cpuid(cpu);
  },
  syscall,
  sysret,
  sysenter,
  sysexit,
  swapgs,
  rdfsbase: readBase(FS),
  rdgsbase: readBase(GS),
  wrfsbase: writeBase(FS),
  wrgsbase: writeBase(GS),
  stac: changeAccessControl(true),
  clac: changeAccessControl(false),
  cli,
  sti,
  hlt,
  rdrand: random,
  rdseed: random,
  /** Faults like a load; there is no cache line to flush. */
  clflush: (cpu: Cpu, p: number) => {
    const lo = cpu.ea(p, 1, false);
    cpu.mem.probeRead(lo, cpu.s[HI]!, 1);
  },
  fence: () => {},
  prefetch: () => {},
} as const;
