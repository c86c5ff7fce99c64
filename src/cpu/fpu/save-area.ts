// SPDX-License-Identifier: BSD-2-Clause
// The x87, SSE and AVX state as FXSAVE and XSAVE lay it out: SDM 1 10.5.1, 13.4, 13.5; what makes a component
// be in its initial configuration: 13.6.
import type { Cpu } from "../cpu.ts";
import {
  FPU_CONTROL,
  FPU_CS,
  FPU_DP,
  FPU_DS,
  FPU_IP,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAGS,
  MXCSR,
  YMM,
  YMM_WORDS,
} from "../state-layout.ts";
import { XCR0_AVX, XCR0_SSE, XCR0_X87 } from "../system/control-bits.ts";
import { initialize, loadControl } from "./environment.ts";
import { FLOAT80_WORDS } from "./format.ts";
import { CONTROL_INITIAL, PENDING } from "./status.ts";
import { isEmpty, stackRegister } from "./x87-state.ts";

// Places in the area, in words.
const AREA_IP = 2;
const AREA_DP = 4;
export const AREA_MXCSR = 6;
const AREA_MXCSR_MASK = 7;
/** ST(0) to ST(7), sixteen bytes each. */
const AREA_REGISTERS = 8;
/** XMM0 to XMM15, or to XMM7 outside 64-bit mode. */
export const AREA_XMM = 40;
/** The header that XSAVE has behind what FXSAVE knows. */
export const AREA_HEADER = 128;
/** Where the header ends and extended components begin. */
const AREA_EXTENDED = 144;

export const MXCSR_INITIAL = 0x1f80;
/** Bits of MXCSR that may be set: all of the lower sixteen, denormals-are-zero among them. */
export const MXCSR_MASK = 0xffff;

/** How many vector registers the mode has. */
export function vectorRegisters(cpu: Cpu): number {
  return cpu.is64 ? 16 : 8;
}

/** Halves of the vector registers: words from the register's first one. */
const LOW_HALF = 0;
const UPPER_HALF = 4;

/** State behind the header. What has a row here is known to XSAVE, XRSTOR, XGETBV and CPUID. */
export interface ExtendedComponent {
  /** In XCR0 and in the bitmaps of the header. */
  readonly bit: number;
  /** Place in standard format, and size, in words. */
  readonly word: number;
  readonly words: number;
  /** How many of the words the processor's mode reaches. */
  usedWords(cpu: Cpu): number;
  isInUse(cpu: Cpu): boolean;
  /** To and from `area`, an image in standard format. */
  save(cpu: Cpu, area: Int32Array): void;
  load(cpu: Cpu, area: Int32Array): void;
  initialize(cpu: Cpu): void;
}

const AVX: ExtendedComponent = {
  bit: XCR0_AVX,
  word: AREA_EXTENDED,
  words: 64,
  usedWords: (cpu) => 4 * vectorRegisters(cpu),
  isInUse: (cpu) => isVectorInUse(cpu, UPPER_HALF),
  save: (cpu, area) => saveVectors(cpu, area, AREA_EXTENDED, UPPER_HALF),
  load: (cpu, area) => loadVectors(cpu, area, AREA_EXTENDED, UPPER_HALF),
  initialize: (cpu) => initializeVectors(cpu, UPPER_HALF),
};

/** By ascending bit and place. */
export const EXTENDED_COMPONENTS: readonly ExtendedComponent[] = [AVX];

/** Words of an area in standard format that has these components. */
export function standardWords(components: number): number {
  return EXTENDED_COMPONENTS.reduce(
    (end, { bit, word, words }) => ((components & bit) !== 0 ? word + words : end),
    AREA_EXTENDED,
  );
}

/** Words of an area in compacted format that has these components; also where the next one would be. */
export function compactedWords(components: number): number {
  return EXTENDED_COMPONENTS.reduce(
    (end, { bit, words }) => ((components & bit) !== 0 ? end + words : end),
    AREA_EXTENDED,
  );
}

/** Size of an image that has everything. */
export const AREA_WORDS: number = standardWords(-1);

/** Components that are not in their initial configuration: XINUSE. MXCSR does not count as SSE's. */
export function componentsInUse(cpu: Cpu): number {
  let inUse = isX87Initial(cpu.s) ? 0 : XCR0_X87;
  if (isVectorInUse(cpu, LOW_HALF)) inUse |= XCR0_SSE;
  for (const component of EXTENDED_COMPONENTS) {
    if (component.isInUse(cpu)) inUse |= component.bit;
  }
  return inUse;
}

/** Registers that the mode does not reach do not count. */
function isVectorInUse(cpu: Cpu, half: number): boolean {
  const { s } = cpu;
  for (let i = 0; i < vectorRegisters(cpu); i++) {
    const at = YMM + YMM_WORDS * i + half;
    if ((s[at]! | s[at + 1]! | s[at + 2]! | s[at + 3]!) !== 0) return true;
  }
  return false;
}

function isX87Initial(s: Int32Array): boolean {
  if (s[FPU_CONTROL] !== CONTROL_INITIAL || s[FPU_STATUS] !== 0 || s[FPU_TAGS] !== 0xffff) {
    return false;
  }
  let bits = s[FPU_OPCODE]! | s[FPU_CS]! | s[FPU_DS]!;
  bits |= s[FPU_IP]! | s[FPU_IP + 1]! | s[FPU_DP]! | s[FPU_DP + 1]!;
  for (let i = 0; i < 8 * FLOAT80_WORDS; i++) bits |= s[FPU_REGISTERS + i]!;
  return bits === 0;
}

/** Lays the x87 state out; `isLong` is REX.W, which makes the pointers 64-bit offsets without selectors. */
export function saveX87(cpu: Cpu, area: Int32Array, isLong: boolean): void {
  const { s } = cpu;
  area[0] = s[FPU_CONTROL]! | (s[FPU_STATUS]! << 16);
  area[1] = abridgedTags(s) | (s[FPU_OPCODE]! << 16);
  area[AREA_IP] = s[FPU_IP]!;
  area[AREA_IP + 1] = isLong ? s[FPU_IP + 1]! : s[FPU_CS]!;
  area[AREA_DP] = s[FPU_DP]!;
  area[AREA_DP + 1] = isLong ? s[FPU_DP + 1]! : s[FPU_DS]!;
  for (let i = 0; i < 8; i++) {
    const from = stackRegister(s, i);
    const to = AREA_REGISTERS + 4 * i;
    for (let word = 0; word < 3; word++) area[to + word] = s[from + word]!;
    area[to + 3] = 0;
  }
}

export function loadX87(cpu: Cpu, area: Int32Array, isLong: boolean): void {
  const { s } = cpu;
  s[FPU_STATUS] = (area[0]! >>> 16) & ~PENDING;
  loadControl(s, area[0]!);
  s[FPU_TAGS] = tagsOfAbridged(area[1]!);
  s[FPU_OPCODE] = (area[1]! >>> 16) & 0x7ff;
  s[FPU_IP] = area[AREA_IP]!;
  s[FPU_IP + 1] = isLong ? area[AREA_IP + 1]! : 0;
  s[FPU_CS] = isLong ? 0 : area[AREA_IP + 1]! & 0xffff;
  s[FPU_DP] = area[AREA_DP]!;
  s[FPU_DP + 1] = isLong ? area[AREA_DP + 1]! : 0;
  s[FPU_DS] = isLong ? 0 : area[AREA_DP + 1]! & 0xffff;
  for (let i = 0; i < 8; i++) {
    const from = AREA_REGISTERS + 4 * i;
    const to = stackRegister(s, i);
    s[to] = area[from]!;
    s[to + 1] = area[from + 1]!;
    s[to + 2] = area[from + 2]! & 0xffff;
  }
}

export function initializeX87(s: Int32Array): void {
  initialize(s);
  s.fill(0, FPU_REGISTERS, FPU_REGISTERS + 8 * FLOAT80_WORDS);
}

/** One bit a register, which is set unless it is empty. */
function abridgedTags(s: Int32Array): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    if (!isEmpty(s, FPU_REGISTERS + FLOAT80_WORDS * i)) tags |= 1 << i;
  }
  return tags;
}

function tagsOfAbridged(abridged: number): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    if ((abridged & (1 << i)) === 0) tags |= 3 << (2 * i);
  }
  return tags;
}

export function saveMxcsr(s: Int32Array, area: Int32Array): void {
  area[AREA_MXCSR] = s[MXCSR]!;
  area[AREA_MXCSR_MASK] = MXCSR_MASK;
}

export function saveSse(cpu: Cpu, area: Int32Array): void {
  saveVectors(cpu, area, AREA_XMM, LOW_HALF);
}

export function loadSse(cpu: Cpu, area: Int32Array): void {
  loadVectors(cpu, area, AREA_XMM, LOW_HALF);
}

export function initializeSse(cpu: Cpu): void {
  initializeVectors(cpu, LOW_HALF);
}

/** Lays one half of every vector register out, from word `at` on. */
function saveVectors(cpu: Cpu, area: Int32Array, at: number, half: number): void {
  for (let i = 0; i < vectorRegisters(cpu); i++) {
    const from = YMM + YMM_WORDS * i + half;
    for (let word = 0; word < 4; word++) area[at + 4 * i + word] = cpu.s[from + word]!;
  }
}

function loadVectors(cpu: Cpu, area: Int32Array, at: number, half: number): void {
  for (let i = 0; i < vectorRegisters(cpu); i++) {
    const to = YMM + YMM_WORDS * i + half;
    for (let word = 0; word < 4; word++) cpu.s[to + word] = area[at + 4 * i + word]!;
  }
}

function initializeVectors(cpu: Cpu, half: number): void {
  for (let i = 0; i < vectorRegisters(cpu); i++) {
    const at = YMM + YMM_WORDS * i + half;
    cpu.s.fill(0, at, at + 4);
  }
}
