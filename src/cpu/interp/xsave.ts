// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/xsave.ts: SDM 1 chapter 13, SDM 2. State goes through an image of the save area, of which
// the parts that an instruction is asked for are written to memory or were read from it. XSAVEOPT uses the
// init optimization, not the modified one.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { highHalfAt } from "../ea.ts";
import {
  AREA_HEADER,
  AREA_MXCSR,
  AREA_WORDS,
  AREA_XMM,
  compactedWords,
  componentsInUse,
  EXTENDED_COMPONENTS,
  type ExtendedComponent,
  initializeSse,
  initializeX87,
  loadSse,
  loadX87,
  MXCSR_INITIAL,
  MXCSR_MASK,
  saveMxcsr,
  saveSse,
  saveX87,
  standardWords,
  vectorRegisters,
} from "../fpu/save-area.ts";
import { SAVE_ALL, SAVE_COMPACTED } from "../isa/xsave.ts";
import {
  ADDRESS,
  CPL,
  CR0,
  CR4,
  CURRENT,
  GPR,
  MXCSR,
  RAX,
  RCX,
  RDX,
  XCR0,
} from "../state-layout.ts";
import {
  CR0_EM,
  CR0_TS,
  CR4_OSFXSR,
  CR4_OSXSAVE,
  XCR0_AVX,
  XCR0_SSE,
  XCR0_X87,
} from "../system/control-bits.ts";
import { writeXcr0 } from "../system/control-registers.ts";
import { GP, NM, UD } from "../vectors.ts";
import { loadM32, slotC, storeM32, widthOf, writeRegister32 } from "./operands.ts";
import { beginVector } from "./vector.ts";

const EAX = GPR + 2 * RAX;
const ECX = GPR + 2 * RCX;
const EDX = GPR + 2 * RDX;

const area = new Int32Array(AREA_WORDS);

/** Words of what FXSAVE writes, and of the header. */
const LEGACY_WORDS = 128;
const HEADER_WORDS = 16;
const X87_WORDS = 40;
/** XCOMP_BV, bit 63: the area is compacted. The word is the upper half of the field. */
const COMPACTED = -0x80000000;
const HEADER_XCOMP_BV = AREA_HEADER + 2;

function isLong(cpu: Cpu, p: number): boolean {
  return widthOf(cpu, p) === 3;
}

/** Address of an area of so many words, into ADDRESS; all of it can be accessed. */
function openArea(cpu: Cpu, p: number, words: number, alignment: number, isWrite: boolean): void {
  const { s, mem } = cpu;
  const lo = cpu.ea(p, 4 * words, isWrite);
  const hi = s[HI]!;
  if ((lo & (alignment - 1)) !== 0) {
    // That it is not canonical comes first.
    if (hi >> 15 !== hi >> 31) mem.probeRead(lo, hi, 1);
    cpu.raise(GP, 0);
  }
  if (isWrite) mem.probeWrite(lo, hi, 4 * words);
  else mem.probeRead(lo, hi, 4 * words);
  s[ADDRESS] = lo;
  s[ADDRESS + 1] = hi;
}

/** Writes words `from` … `to` of the image, both even, to the area's words from `place` on. */
function writeWords(cpu: Cpu, from: number, to: number, place = from): void {
  const { s, mem } = cpu;
  const lo = s[ADDRESS]!;
  const hi = s[ADDRESS + 1]!;
  for (let i = from; i < to; i += 2) {
    const at = (lo + 4 * (i - from + place)) | 0;
    mem.store64(at, highHalfAt(cpu, lo, hi, at), area[i]!, area[i + 1]!);
  }
}

function readWords(cpu: Cpu, from: number, to: number, place = from): void {
  const { s, mem } = cpu;
  const lo = s[ADDRESS]!;
  const hi = s[ADDRESS + 1]!;
  for (let i = from; i < to; i += 2) {
    const at = (lo + 4 * (i - from + place)) | 0;
    area[i] = mem.load64(at, highHalfAt(cpu, lo, hi, at));
    area[i + 1] = s[HI]!;
  }
}

function xmmEnd(cpu: Cpu): number {
  return AREA_XMM + 4 * vectorRegisters(cpu);
}

function requireFxsr(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR0]! & CR0_EM) !== 0) cpu.raise(UD);
  if ((s[CR0]! & CR0_TS) !== 0) cpu.raise(NM);
}

/** SSE state is in the image only where the system has said that it saves it. */
function hasSse(cpu: Cpu): boolean {
  return (cpu.s[CR4]! & CR4_OSFXSR) !== 0;
}

function fxsave(cpu: Cpu, p: number): void {
  requireFxsr(cpu, p);
  openArea(cpu, p, LEGACY_WORDS, 16, true);
  saveX87(cpu, area, isLong(cpu, p));
  saveMxcsr(cpu.s, area);
  writeWords(cpu, 0, X87_WORDS);
  if (!hasSse(cpu)) return;
  saveSse(cpu, area);
  writeWords(cpu, AREA_XMM, xmmEnd(cpu));
}

function fxrstor(cpu: Cpu, p: number): void {
  requireFxsr(cpu, p);
  openArea(cpu, p, LEGACY_WORDS, 16, false);
  readWords(cpu, 0, xmmEnd(cpu));
  const mxcsr = area[AREA_MXCSR]!;
  if (hasSse(cpu)) {
    if ((mxcsr & ~MXCSR_MASK) !== 0) cpu.raise(GP, 0);
    cpu.s[MXCSR] = mxcsr;
    loadSse(cpu, area);
  }
  loadX87(cpu, area, isLong(cpu, p));
}

// XSAVE and its relatives.

/** Components that are asked for: RFBM. Above bit 31 there are none. */
function requestedComponents(cpu: Cpu, p: number): number {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR4]! & CR4_OSXSAVE) === 0) cpu.raise(UD);
  if ((s[CR0]! & CR0_TS) !== 0) cpu.raise(NM);
  return s[EAX]! & s[XCR0]!;
}

/**
 * Where a component is in an area: in compacted format, of which `format` are the components, behind those
 * before it.
 */
function placeOf({ bit, word }: ExtendedComponent, isCompacted: boolean, format: number): number {
  return isCompacted ? compactedWords(format & (bit - 1)) : word;
}

function xsave(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const requested = requestedComponents(cpu, p);
  const kind = slotC(cpu, p);
  const isCompacted = kind === SAVE_COMPACTED;
  openArea(cpu, p, isCompacted ? compactedWords(requested) : standardWords(requested), 64, true);
  let inUse = componentsInUse(cpu) & requested;
  if (isCompacted) {
    if ((requested & XCR0_SSE) !== 0 && s[MXCSR] !== MXCSR_INITIAL) inUse |= XCR0_SSE;
    area.fill(0, AREA_HEADER, AREA_HEADER + HEADER_WORDS);
    area[AREA_HEADER] = inUse;
    area[HEADER_XCOMP_BV] = requested;
    area[HEADER_XCOMP_BV + 1] = COMPACTED;
    writeLegacy(cpu, p, inUse, inUse & XCR0_SSE);
    writeExtended(cpu, inUse, true, requested);
    writeWords(cpu, AREA_HEADER, AREA_HEADER + 4);
    return;
  }
  readWords(cpu, AREA_HEADER, AREA_HEADER + 2);
  area[AREA_HEADER] = (area[AREA_HEADER]! & ~requested) | inUse;
  const written = kind === SAVE_ALL ? requested : inUse;
  writeLegacy(cpu, p, written, requested & (XCR0_SSE | XCR0_AVX));
  writeExtended(cpu, written, false, 0);
  writeWords(cpu, AREA_HEADER, AREA_HEADER + 2);
}

/** MXCSR goes with SSE or AVX state, by an instruction's own rules: `mxcsr` is not zero where it is written. */
function writeLegacy(cpu: Cpu, p: number, components: number, mxcsr: number): void {
  if ((components & XCR0_X87) !== 0) {
    saveX87(cpu, area, isLong(cpu, p));
    writeWords(cpu, 0, AREA_MXCSR);
    writeWords(cpu, AREA_MXCSR + 2, X87_WORDS);
  }
  if (mxcsr !== 0) {
    saveMxcsr(cpu.s, area);
    writeWords(cpu, AREA_MXCSR, AREA_MXCSR + 2);
  }
  if ((components & XCR0_SSE) !== 0) {
    saveSse(cpu, area);
    writeWords(cpu, AREA_XMM, xmmEnd(cpu));
  }
}

function writeExtended(cpu: Cpu, components: number, isCompacted: boolean, format: number): void {
  for (const component of EXTENDED_COMPONENTS) {
    if ((components & component.bit) === 0) continue;
    component.save(cpu, area);
    const { word } = component;
    const end = word + component.usedWords(cpu);
    writeWords(cpu, word, end, placeOf(component, isCompacted, format));
  }
}

/** Everything is checked and read before anything is changed. */
function xrstor(cpu: Cpu, p: number): void {
  const { s } = cpu;
  const requested = requestedComponents(cpu, p);
  openArea(cpu, p, AREA_HEADER + HEADER_WORDS, 64, false);
  readWords(cpu, AREA_HEADER, AREA_HEADER + HEADER_WORDS);
  const isCompacted = area[HEADER_XCOMP_BV + 1]! < 0;
  checkHeader(cpu, isCompacted);
  const stored = area[AREA_HEADER]!;
  const format = area[HEADER_XCOMP_BV]!;
  openArea(cpu, p, isCompacted ? compactedWords(format) : standardWords(requested), 64, false);
  readWords(cpu, 0, xmmEnd(cpu));
  readExtended(cpu, requested & stored, isCompacted, format);
  const mxcsrOf = isCompacted ? requested & stored & XCR0_SSE : requested & (XCR0_SSE | XCR0_AVX);
  if (mxcsrOf !== 0) {
    if ((area[AREA_MXCSR]! & ~MXCSR_MASK) !== 0) cpu.raise(GP, 0);
    s[MXCSR] = area[AREA_MXCSR]!;
  } else if ((requested & XCR0_SSE) !== 0) s[MXCSR] = MXCSR_INITIAL;
  restoreComponents(cpu, p, requested, stored);
}

function readExtended(cpu: Cpu, components: number, isCompacted: boolean, format: number): void {
  for (const component of EXTENDED_COMPONENTS) {
    if ((components & component.bit) === 0) continue;
    const { word } = component;
    const end = word + component.usedWords(cpu);
    readWords(cpu, word, end, placeOf(component, isCompacted, format));
  }
}

/** What an area must not have: SDM 1 13.8. */
function checkHeader(cpu: Cpu, isCompacted: boolean): void {
  const stored = area[AREA_HEADER]!;
  const storedHigh = area[AREA_HEADER + 1]!;
  const format = area[HEADER_XCOMP_BV]!;
  const formatHigh = area[HEADER_XCOMP_BV + 1]!;
  let reserved = area[AREA_HEADER + 4]! | area[AREA_HEADER + 5]!;
  if (isCompacted) {
    reserved |= (format & ~cpu.s[XCR0]!) | (formatHigh & ~COMPACTED);
    reserved |= (stored & ~format) | storedHigh;
    for (let i = 6; i < HEADER_WORDS; i++) reserved |= area[AREA_HEADER + i]!;
  } else reserved |= (stored & ~cpu.s[XCR0]!) | storedHigh | format | formatHigh;
  if (reserved !== 0) cpu.raise(GP, 0);
}

/** What is asked for is loaded if the area has it, and initialized if not. */
function restoreComponents(cpu: Cpu, p: number, requested: number, stored: number): void {
  if ((requested & XCR0_X87) !== 0) {
    if ((stored & XCR0_X87) !== 0) loadX87(cpu, area, isLong(cpu, p));
    else initializeX87(cpu.s);
  }
  if ((requested & XCR0_SSE) !== 0) {
    if ((stored & XCR0_SSE) !== 0) loadSse(cpu, area);
    else initializeSse(cpu);
  }
  for (const component of EXTENDED_COMPONENTS) {
    if ((requested & component.bit) === 0) continue;
    if ((stored & component.bit) !== 0) component.load(cpu, area);
    else component.initialize(cpu);
  }
}

function xgetbv(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR4]! & CR4_OSXSAVE) === 0) cpu.raise(UD);
  const index = s[ECX]! >>> 0;
  if (index > 1) cpu.raise(GP, 0);
  // Index 1: the components that are not in their initial state.
  writeRegister32(cpu, EAX, index === 0 ? s[XCR0]! : s[XCR0]! & componentsInUse(cpu));
  writeRegister32(cpu, EDX, 0);
}

function xsetbv(cpu: Cpu, p: number): void {
  const { s } = cpu;
  s[CURRENT] = p;
  if ((s[CR4]! & CR4_OSXSAVE) === 0) cpu.raise(UD);
  if (s[CPL] !== 0 || s[ECX] !== 0) cpu.raise(GP, 0);
  writeXcr0(cpu, s[EAX]!, s[EDX]!);
}

export const XSAVE_EXECUTORS = {
  fxsave,
  fxrstor,
  xsave,
  xrstor,
  xgetbv,
  xsetbv,
  ldmxcsr: (cpu: Cpu, p: number) => {
    beginVector(cpu, p);
    const value = loadM32(cpu, p);
    if ((value & ~MXCSR_MASK) !== 0) cpu.raise(GP, 0);
    cpu.s[MXCSR] = value;
  },
  stmxcsr: (cpu: Cpu, p: number) => {
    beginVector(cpu, p);
    storeM32(cpu, p, cpu.s[MXCSR]!);
  },
} as const;
