// SPDX-License-Identifier: BSD-2-Clause
// Debug registers (SDM 3B 18.2) and alignment checks (SDM 3A 6.15, #AC): what looks at every data access.
// Pages that must be watched stay out of the TLB, so the fast path costs nothing.
import type { Watcher } from "../../mmu/linear-memory.ts";
import type { Cpu } from "../cpu.ts";
import { FLAG_AC, FLAG_RF } from "../flags.ts";
import { CPL, CR0, CR4, DR, DR7, FLAGS, RIP } from "../state-layout.ts";
import { AC } from "../vectors.ts";
import { CR0_AM, CR4_DE } from "./control-bits.ts";

/** DR7.R/W: what a breakpoint is for. */
const ON_EXECUTION = 0;
const ON_WRITE = 1;
const ON_IO = 2;
/** DR7.LEN by encoding. */
const LENGTHS = [1, 2, 8, 4] as const;

function isEnabled(dr7: number, index: number): boolean {
  return ((dr7 >> (2 * index)) & 3) !== 0;
}

function conditionOf(dr7: number, index: number): number {
  return (dr7 >>> (16 + 4 * index)) & 3;
}

function lengthOf(dr7: number, index: number): number {
  return LENGTHS[(dr7 >>> (18 + 4 * index)) & 3]!;
}

/** DR6 bits of the instruction breakpoints at the current RIP; 0 if none, or if RFLAGS.RF suppresses them. */
export function codeBreakpoints(cpu: Cpu): number {
  const { s } = cpu;
  const dr7 = s[DR7]!;
  if ((dr7 & 0xff) === 0 || (s[FLAGS]! & FLAG_RF) !== 0) return 0;
  let hits = 0;
  for (let index = 0; index < 4; index++) {
    if (!isEnabled(dr7, index) || conditionOf(dr7, index) !== ON_EXECUTION) continue;
    if (s[DR + 2 * index] === s[RIP] && s[DR + 2 * index + 1] === s[RIP + 1]) hits |= 1 << index;
  }
  return hits;
}

/** DR6 bits of the I/O breakpoints, which there are with CR4.DE, that an access to a port touches. */
export function ioBreakpoints({ s }: Cpu, port: number, size: number): number {
  const dr7 = s[DR7]!;
  if ((dr7 & 0xff) === 0 || (s[CR4]! & CR4_DE) === 0) return 0;
  let hits = 0;
  for (let index = 0; index < 4; index++) {
    if (!isEnabled(dr7, index) || conditionOf(dr7, index) !== ON_IO) continue;
    const at = DR + 2 * index;
    const length = lengthOf(dr7, index);
    const distance = ((s[at]! & -length) - port) | 0;
    if (s[at + 1] === 0 && distance < size && distance > -length) hits |= 1 << index;
  }
  return hits;
}

export function hasCodeBreakpoint(cpu: Cpu): boolean {
  const dr7 = cpu.s[DR7]!;
  for (let index = 0; index < 4; index++) {
    if (isEnabled(dr7, index) && conditionOf(dr7, index) === ON_EXECUTION) return true;
  }
  return false;
}

/** Watches for data breakpoints and, at CPL 3 with RFLAGS.AC and CR0.AM, for misaligned accesses. */
class AccessWatcher implements Watcher {
  readonly #cpu: Cpu;
  checksAlignment = false;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  isWatched(lo: number, hi: number): boolean {
    if (this.checksAlignment) return true;
    const { s } = this.#cpu;
    const dr7 = s[DR7]!;
    for (let index = 0; index < 4; index++) {
      if (!isEnabled(dr7, index) || conditionOf(dr7, index) === ON_EXECUTION) continue;
      const at = DR + 2 * index;
      if (s[at + 1] === hi && (s[at]! & -4096) === (lo & -4096)) return true;
    }
    return false;
  }

  checkAlignment(lo: number, hi: number, size: number): void {
    if (!this.checksAlignment || (lo & (size - 1)) === 0) return;
    // An operand that is not canonical to its last byte faults as such, which comes first.
    const last = (lo + size - 1) | 0;
    const lastHi = hi + (last >>> 0 < lo >>> 0 ? 1 : 0);
    if (hi >> 15 === hi >> 31 && lastHi >> 15 === lastHi >> 31) this.#cpu.raise(AC, 0);
  }

  accessed(lo: number, hi: number, size: number, isWrite: boolean): void {
    this.checkAlignment(lo, hi, size);
    const { s } = this.#cpu;
    const dr7 = s[DR7]!;
    for (let index = 0; index < 4; index++) {
      if (!isEnabled(dr7, index)) continue;
      const condition = conditionOf(dr7, index);
      if (
        condition === ON_EXECUTION ||
        condition === ON_IO ||
        (condition === ON_WRITE && !isWrite)
      ) {
        continue;
      }
      const at = DR + 2 * index;
      const length = lengthOf(dr7, index);
      const distance = ((s[at]! & -length) - lo) | 0;
      if (s[at + 1] !== hi || distance >= size || distance <= -length) continue;
      this.#cpu.pendingDebug |= 1 << index;
      this.#cpu.breakAfterCurrent();
    }
  }
}

const NOBODY: Watcher = { isWatched: () => false, accessed() {}, checkAlignment() {} };

/** After a write of DR0-DR3 or DR7. */
export function changedBreakpoints(cpu: Cpu): void {
  const dr7 = cpu.s[DR7]!;
  const needsWatch = [0, 1, 2, 3].some(
    (index) => isEnabled(dr7, index) && conditionOf(dr7, index) !== ON_EXECUTION,
  );
  install(cpu, needsWatch, isAlignmentChecked(cpu));
}

function isAlignmentChecked(cpu: Cpu): boolean {
  const { s } = cpu;
  return s[CPL] === 3 && (s[FLAGS]! & FLAG_AC) !== 0 && (s[CR0]! & CR0_AM) !== 0;
}

/** Runs accesses of the supervisor's own while CPL is still 3: they need not be aligned. */
export function withoutAlignmentCheck<T>(cpu: Cpu, access: () => T): T {
  const { watcher } = cpu.mem;
  if (!(watcher instanceof AccessWatcher) || !watcher.checksAlignment) return access();
  watcher.checksAlignment = false;
  try {
    return access();
  } finally {
    watcher.checksAlignment = true;
  }
}

/** After a change of CPL, RFLAGS.AC or CR0.AM. */
export function changedAlignmentCheck(cpu: Cpu): void {
  const isChecked = isAlignmentChecked(cpu);
  const watcher = cpu.mem.watcher;
  const wasChecked = watcher instanceof AccessWatcher && watcher.checksAlignment;
  if (isChecked !== wasChecked) {
    const dr7 = cpu.s[DR7]!;
    const needsWatch = [0, 1, 2, 3].some(
      (index) => isEnabled(dr7, index) && conditionOf(dr7, index) !== ON_EXECUTION,
    );
    install(cpu, needsWatch, isChecked);
  }
}

function install(cpu: Cpu, needsWatch: boolean, checksAlignment: boolean): void {
  const { mem } = cpu;
  const wasActive = mem.watcher instanceof AccessWatcher;
  if (needsWatch || checksAlignment) {
    const watcher = new AccessWatcher(cpu);
    watcher.checksAlignment = checksAlignment;
    mem.watcher = watcher;
    mem.tlb.flushAll();
  } else if (wasActive) mem.watcher = NOBODY;
}
