// SPDX-License-Identifier: BSD-2-Clause
// What every executor sees of its vCPU: state, memory, the code in execution, the machine around it, and
// the few facts about the processor's mode that are worth deriving once instead of at every access.
import { highHalf, lowHalf, pairToNumber } from "../base/u64.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import { LinearMemory } from "../mmu/linear-memory.ts";
import { HI, VCPU_STATE_OFFSET } from "../mmu/machine-layout.ts";
import { GUEST_FAULT } from "../mmu/page-fault.ts";
import { type MmioAccess, PhysicalMemory } from "../mmu/physical-memory.ts";
import type { Environment, InoutExit, InterruptSource, MsrSpace, VmExit } from "./bus.ts";
import {
  DISP,
  INFO,
  INFO_EA,
  INFO_LENGTH_SHIFT,
  INFO_SCALE_SHIFT,
  NEXT,
  OP,
  RECORD_WORDS,
  SLOTS,
} from "./decode/record.ts";
import { linearAddress } from "./ea.ts";
import { BLOCK_COUNT, BLOCK_HEADER, CodeCache } from "./interp/code-cache.ts";
import { OP_BREAK } from "./interp/hot-ops.ts";
import type { ProcessorModel } from "./model.ts";
import {
  ACTIVITY,
  BLOCK,
  CURRENT,
  INTERRUPT_REQUESTED,
  PAUSES,
  REMAINING,
  RETIRED,
  RIP,
  RIP_HIGH_MASK,
  SLICE_END_NS,
  STATE_WORDS,
  ZERO,
} from "./state-layout.ts";
import { Breakpoints } from "./system/breakpoints.ts";

/** The machine's side of a vCPU. */
export interface CpuPorts {
  readonly mmio: MmioAccess;
  readonly interrupts: InterruptSource;
  readonly msrs: MsrSpace;
  readonly environment: Environment;
}

/** Events since the vCPU was made; the machine turns them into bhyve's statistics. */
export interface CpuCounters {
  exceptions: number;
  interrupts: number;
  nmis: number;
  hlt: number;
  /** Translated code counts, too, which is why this one lies in the state. */
  readonly pause: () => number;
  rdmsr: number;
  wrmsr: number;
  cpuid: number;
  inout: number;
}

/** Hears what a vCPU does. Undefined when nobody listens, which costs one test an event. */
export interface CpuTrace {
  /** Wants `instruction`; the vCPU then goes one by one. */
  readonly wantsInstructions: boolean;
  instruction(cpu: Cpu): void;
  fault(vector: number, errorCode: number): void;
  interrupt(vector: number): void;
}

/** Vector of a fault that the memory unit describes: page fault or non-canonical address. */
export const FROM_MEMORY = -1;

/** A double from the start: were this a small integer, the first large count would change what every Cpu looks like to V8. */
const NOT_SHADOWED = Number.NaN;

export class Cpu {
  /** The state words, and the same bytes as bytes, 16-bit words and floats. */
  readonly s: Int32Array;
  readonly bytes: Uint8Array;
  readonly words: Uint16Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly mem: LinearMemory;
  readonly memory: GuestMemory;
  readonly cache: CodeCache;
  /** The cache's records: `code[p + …]` is the instruction in execution. */
  readonly code: Int32Array;
  readonly model: ProcessorModel;
  readonly interrupts: InterruptSource;
  readonly msrs: MsrSpace;
  readonly environment: Environment;

  // Derived by system/mode.ts whenever CR0, CR4, EFER, RFLAGS.VM, CPL or a segment register changes.
  is64 = false;
  /** How CS says instructions are to be decoded. */
  codeSize: 16 | 32 | 64 = 16;
  /** EFER.LMA. */
  isLongMode = false;
  /** CR0.PE without RFLAGS.VM. */
  isProtected = false;
  isV86 = false;
  /** Bytes of the stack pointer in use. */
  stackSize: 2 | 4 | 8 = 2;
  /** CS, DS, ES and SS have base 0 and no limit, as they always do in 64-bit mode. */
  isFlat = false;
  /** Identifies all that decoding depends on. */
  codeKey = 0;

  // The fault that GUEST_FAULT announces.
  faultVector = FROM_MEMORY;
  faultCode = 0;

  /** Record of the INS that waits for its value. */
  inputRecord = 0;
  /** Why `run` is to return when the current instruction is done. */
  exit: VmExit | undefined;
  /**
   * Carries out a port access at once, RIP and count being those of the next instruction: translated code need not
   * be left for it. Without, each one is an exit of the vCPU's.
   */
  onPortAccess: ((exit: InoutExit) => void) | undefined;
  /** Traps to raise when the current instruction is done: DR6 bits. */
  pendingDebug = 0;
  /** Those of them that were pending when it began, held off by MOV SS: what is left if it faults. */
  heldDebug = 0;

  /** MXCSR exception flags that the vector instruction in execution has raised; 0 between instructions. */
  raised = 0;

  /** Retired count right behind the instruction whose shadow holds interrupts off; -1 if there is none. */
  shadowAt = NOT_SHADOWED;
  /** The shadow is MOV SS's: it holds debug traps and NMIs off, too. */
  isMovSsShadow = false;
  /** Initial APIC id, as CPUID tells it. */
  apicId = 0;
  readonly counters: CpuCounters = {
    exceptions: 0,
    interrupts: 0,
    nmis: 0,
    hlt: 0,
    pause: () => pairToNumber(this.s[PAUSES]!, this.s[PAUSES + 1]!),
    rdmsr: 0,
    wrmsr: 0,
    cpuid: 0,
    inout: 0,
  };
  trace: CpuTrace | undefined;
  readonly breakpoints = new Breakpoints();

  // What `retired` counts from: see beginSlice.
  #sliceStart = 0;
  #sliceBudget = 0;
  /** The record that OP_BREAK stands in, and what it stands for. */
  #brokenRecord = 0;
  #brokenOp = 0;

  constructor(memory: GuestMemory, ports: CpuPorts, model: ProcessorModel) {
    const buffer = memory.memory.buffer;
    this.s = new Int32Array(buffer, VCPU_STATE_OFFSET, STATE_WORDS);
    this.bytes = new Uint8Array(buffer, VCPU_STATE_OFFSET, 4 * STATE_WORDS);
    this.words = new Uint16Array(buffer, VCPU_STATE_OFFSET, 2 * STATE_WORDS);
    this.floats = new Float32Array(buffer, VCPU_STATE_OFFSET, STATE_WORDS);
    this.doubles = new Float64Array(buffer, VCPU_STATE_OFFSET, STATE_WORDS / 2);
    this.memory = memory;
    this.mem = new LinearMemory(new PhysicalMemory(memory, ports.mmio), this.s);
    this.cache = new CodeCache(memory, this.mem.tlb);
    this.code = this.cache.words;
    this.model = model;
    this.interrupts = ports.interrupts;
    this.msrs = ports.msrs;
    this.environment = ports.environment;
  }

  /** Instructions retired since reset, not counting the one in execution. */
  retired(): number {
    const { s } = this;
    const current = s[CURRENT]!;
    const done = this.#sliceStart + this.#sliceBudget - s[REMAINING]!;
    return current === 0 ? done : done - this.leftInBlock(current);
  }

  /** Instructions of the block in execution from the one at `p` on; they are counted ahead. */
  leftInBlock(p: number): number {
    const block = this.s[BLOCK]!;
    return this.code[block + BLOCK_COUNT]! - (p - block - BLOCK_HEADER) / RECORD_WORDS;
  }

  /** Sets the budget. `retired` goes on from where it was, or from what a loaded state says. */
  beginSlice(budget: number): void {
    const { s } = this;
    this.#sliceStart = pairToNumber(s[RETIRED]!, s[RETIRED + 1]!);
    this.#sliceBudget = budget;
    s[REMAINING] = budget;
    const { virtualNs } = this.environment;
    const isTimed = virtualNs !== undefined && budget > 0;
    this.doubles[SLICE_END_NS / 2] = isTimed ? virtualNs() + budget : -1;
  }

  /** Takes instructions out of the budget for a while, or puts them back; {@link retired} stays what it is. */
  withhold(instructions: number): void {
    this.#sliceBudget -= instructions;
    this.s[REMAINING] = this.s[REMAINING]! - instructions;
  }

  endSlice(): void {
    const { s } = this;
    const total = this.retired();
    s[RETIRED] = lowHalf(total);
    s[RETIRED + 1] = highHalf(total);
    this.#sliceStart = total;
    this.#sliceBudget = 0;
    s[REMAINING] = 0;
  }

  /**
   * Takes the vCPU back to the start of the instruction in execution: RIP is its address, and what was
   * counted ahead for it and the rest of its block is given back.
   */
  rewind(): void {
    const { s, code } = this;
    const p = s[CURRENT]!;
    if (p === 0) return;
    s[CURRENT] = 0;
    s[REMAINING] = s[REMAINING]! + this.leftInBlock(p);
    const offset = code[p + NEXT]! - ((code[p + INFO]! >>> INFO_LENGTH_SHIFT) & 15);
    const lo = (s[RIP]! + offset) | 0;
    s[RIP + 1] = (s[RIP + 1]! + (lo >>> 0 < offset >>> 0 ? 1 : 0)) & s[RIP_HIGH_MASK]!;
    s[RIP] = lo;
  }

  /** The run loop is to look around right behind the instruction in execution. */
  breakAfterCurrent(): void {
    const p = this.s[CURRENT]!;
    if (p === 0) return;
    this.endBreak();
    this.#brokenRecord = p + RECORD_WORDS;
    this.#brokenOp = this.code[this.#brokenRecord + OP]!;
    this.code[this.#brokenRecord + OP] = OP_BREAK;
  }

  /** Puts back what OP_BREAK replaced. */
  endBreak(): void {
    if (this.#brokenRecord === 0) return;
    // Its block may have been forgotten meanwhile.
    if (this.code[this.#brokenRecord + OP] === OP_BREAK) {
      this.code[this.#brokenRecord + OP] = this.#brokenOp;
    }
    this.#brokenRecord = 0;
  }

  /** The interrupt source may have something to deliver. */
  get isInterruptRequested(): boolean {
    return this.s[INTERRUPT_REQUESTED] !== 0;
  }

  set isInterruptRequested(isRequested: boolean) {
    this.s[INTERRUPT_REQUESTED] = isRequested ? 1 : 0;
  }

  hasActivity(bits: number): boolean {
    return (this.s[ACTIVITY]! & bits) !== 0;
  }

  setActivity(bits: number, isSet: boolean): void {
    this.s[ACTIVITY] = isSet ? this.s[ACTIVITY]! | bits : this.s[ACTIVITY]! & ~bits;
  }

  /** Ends the instruction with an exception; nothing of the instruction may have been committed. */
  raise(vector: number, errorCode = 0): never {
    this.faultVector = vector;
    this.faultCode = errorCode;
    throw GUEST_FAULT;
  }

  /**
   * Linear address of the instruction's memory operand, checked for an access of `size` bytes: the low
   * half; the high half is left in HI. Executors call it before they change anything.
   */
  ea(p: number, size: number, isWrite: boolean): number {
    const { s, code } = this;
    s[CURRENT] = p;
    const info = code[p + INFO]!;
    if ((info & INFO_EA) !== 0) return linearAddress(this, p, size, isWrite);
    // effective64, in line: most memory operands of most programs come this way.
    const slots = code[p + SLOTS]!;
    const base = (slots >>> 16) & 0xff;
    const index = slots >>> 24;
    const displacement = code[p + DISP]!;
    let lo = (s[base]! + displacement) | 0;
    let hi = s[base + 1]! + (displacement >> 31) + (lo >>> 0 < displacement >>> 0 ? 1 : 0);
    if (index !== ZERO) {
      const scale = (info >>> INFO_SCALE_SHIFT) & 3;
      const indexLo = s[index]!;
      const scaledLo = indexLo << scale;
      lo = (lo + scaledLo) | 0;
      hi +=
        (scale === 0 ? s[index + 1]! : (s[index + 1]! << scale) | (indexLo >>> (32 - scale))) +
        (lo >>> 0 < scaledLo >>> 0 ? 1 : 0);
    }
    s[HI] = hi;
    return lo;
  }
}
