// SPDX-License-Identifier: BSD-2-Clause
// The machine a vector runs on: 64-bit user mode as an operating system sets it up (CPL 3, flat segments,
// paging with 4 KiB pages and NX), and below it just enough of a kernel to catch exceptions. One machine
// runs any number of vectors; between two of them only what differs is written.
import { VmmError } from "../../src/base/errors.ts";
import { FLAG_AC, readFlags, writeFlags } from "../../src/cpu/flags.ts";
import { type ProcessorModel, processorModel } from "../../src/cpu/model.ts";
import {
  ACTIVITY,
  ACTIVITY_HALTED,
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DS,
  EFER,
  ES,
  FLAGS,
  FPU_CONTROL,
  FPU_CS,
  FPU_DP,
  FPU_DS,
  FPU_IP,
  FPU_OPCODE,
  FPU_REGISTERS_BYTE,
  FPU_STATUS,
  FPU_TAGS,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR_BYTE,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  MXCSR,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
  XCR0,
  YMM_BYTE,
} from "../../src/cpu/state-layout.ts";
import { changedPrivilege, changedSegments } from "../../src/cpu/system/mode.ts";
import type { Vcpu } from "../../src/cpu/vcpu.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";
import type { EngineName } from "./engine.ts";
import { createVcpu } from "./engine.ts";
import { type MappedPage, PageMapper, pageOf } from "./page-mapper.ts";
import {
  FCW_AT,
  FS_BASE_AT,
  FSW_AT,
  FTW_AT,
  GS_BASE_AT,
  MXCSR_AT,
  RFLAGS_AT,
  RIP_AT,
  Snapshot,
  ST_AT,
  YMM_AT,
} from "./snapshot.ts";
import { StepTranslator } from "./step-translator.ts";
import type { MemoryPiece, VectorException } from "./vector.ts";

/** Guest-physical places of the little kernel, and the linear page where they begin. */
const GDT = 0x2000;
const TSS = 0x3000;
const IDT = 0x4000;
const STUBS = 0x5000;
const KERNEL_STACK = 0x6000;
const SYSTEM_PAGES = [GDT, TSS, IDT, STUBS, KERNEL_STACK];
const SYSTEM_BASE = 0xffff_c100_0000_0000n;
const STACK_TOP = KERNEL_STACK + 0x1000;

/** Selectors as Linux has them, which vectors from a Linux host can see. */
const KERNEL_CS = 0x10;
const USER_CS32 = 0x23;
const USER_DS = 0x2b;
const USER_CS = 0x33;
const TSS_SELECTOR = 0x40;
const GDT_LIMIT = 0x7f;

/** CR0: PE, MP, ET, NE, WP, AM, PG. CR4: PAE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE. EFER: SCE, LME, LMA, NXE. */
const CR0_VALUE = 0x80050033 | 0;
const CR4_VALUE = 0x50620;
const EFER_VALUE = 0xd01;

/** Where the last x87 instruction and its operand were, which vectors do not say. */
const FPU_POINTERS = [FPU_OPCODE, FPU_IP, FPU_IP + 1, FPU_DP, FPU_DP + 1, FPU_CS, FPU_DS];

/** Vectors whose frames have an error code. */
const HAS_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);
const HLT = 0xf4;
/** A repeated string instruction that faults nowhere has at most as many iterations as RAM has bytes. */
const MAX_ROUNDS = MIN_RAM;

export interface Outcome {
  readonly registers: Snapshot;
  readonly exception: VectorException | undefined;
}

/** Where code starts, and what is around it. */
export interface Setup {
  readonly registers: Snapshot;
  readonly code: Uint8Array;
  readonly memory: readonly MemoryPiece[];
}

export class VectorMachine {
  readonly engine: EngineName;
  readonly memory = new GuestMemory(MIN_RAM);
  readonly vcpu: Vcpu;
  /** Undefined on the interpreter. */
  readonly steps: StepTranslator | undefined;
  readonly #mapper: PageMapper;
  /** The segment registers as CPL 3 starts with them. */
  readonly #userSegments: Int32Array;
  #wanted = new Map<number, "code" | "data">();

  constructor(engine: EngineName, model: ProcessorModel = processorModel()) {
    this.engine = engine;
    this.vcpu = createVcpu(engine, this.memory, model);
    const { cpu, translation } = this.vcpu;
    if (translation !== undefined) this.steps = new StepTranslator(this.vcpu, translation);
    this.#mapper = new PageMapper(this.memory, cpu.mem.tlb);
    SYSTEM_PAGES.forEach((frame) => {
      this.#mapper.mapSupervisor(pageOf(linear(frame)), frame);
    });
    this.#buildTables();
    this.#enterUserMode();
    this.#userSegments = cpu.s.slice(SEGMENTS, SEGMENTS + 8 * SEG_WORDS);
  }

  #buildTables(): void {
    const { memory } = this;
    const descriptors = [
      [KERNEL_CS, 0x00af9b00],
      [KERNEL_CS + 8, 0x00cf9300],
      [USER_CS32 & ~3, 0x00cffb00],
      [USER_DS & ~3, 0x00cff300],
      [USER_CS & ~3, 0x00affb00],
    ] as const;
    for (const [selector, high] of descriptors) {
      memory.store(GDT + selector, 4, 0xffff);
      memory.store(GDT + selector + 4, 4, high);
    }
    this.#storePointer(TSS + 4, linear(STACK_TOP));
    // The I/O permission map lies behind the limit: no port is open.
    memory.store(TSS + 0x66, 2, 0xffff);
    const stub = linear(STUBS);
    for (let vector = 0; vector < 256; vector++) {
      memory.store(STUBS + 16 * vector, 1, HLT);
      const target = stub + BigInt(16 * vector);
      const low = Number(target & 0xffffn);
      // Only INT3 and INTO may be called by software, as on Linux.
      const gate = vector === 3 || vector === 4 ? 0xee00 : 0x8e00;
      const at = IDT + 16 * vector;
      memory.store(at, 4, low | (KERNEL_CS << 16));
      memory.store(at + 4, 4, Number(target & 0xffff0000n) | gate);
      memory.store(at + 8, 4, Number(target >> 32n) | 0);
    }
  }

  #storePointer(gpa: number, value: bigint): void {
    this.memory.store(gpa, 4, Number(value & 0xffffffffn));
    this.memory.store(gpa + 4, 4, Number(value >> 32n));
  }

  #enterUserMode(): void {
    const { cpu } = this.vcpu;
    const { s, model } = cpu;
    s[CR0] = CR0_VALUE;
    s[CR3] = this.#mapper.root;
    s[CR4] = CR4_VALUE & (model.cr4Mask | 0x620);
    s[EFER] = EFER_VALUE;
    s[XCR0] = model.xcr0Mask;
    s[CPL] = 3;
    for (const segment of [ES, DS, FS, GS]) this.#segment(segment, 0, 0x10000, 0);
    this.#segment(CS, USER_CS, 0xa0fb, -1);
    this.#segment(SS, USER_DS, 0xc0f3, -1);
    this.#segment(LDTR, 0, 0x10000, 0);
    this.#segment(TR, TSS_SELECTOR, 0x8b, 0x67);
    setPair(s, SEGMENTS + TR * SEG_WORDS + SEG_BASE, linear(TSS));
    setPair(s, GDTR_BASE, linear(GDT));
    s[GDTR_LIMIT] = GDT_LIMIT;
    setPair(s, IDTR_BASE, linear(IDT));
    s[IDTR_LIMIT] = 0xfff;
    this.vcpu.stateChanged();
  }

  #segment(segment: number, selector: number, access: number, limit: number): void {
    const { s } = this.vcpu.cpu;
    const at = SEGMENTS + segment * SEG_WORDS;
    s[at + SEG_SELECTOR] = selector;
    s[at + SEG_ACCESS] = access;
    s[at + SEG_LIMIT] = limit;
    setPair(s, at + SEG_BASE, 0n);
  }

  /** Maps what `setup` names and nothing else, and puts memory and registers into its state. */
  load(setup: Setup): void {
    checkSetup(setup);
    this.#map(setup);
    for (const { frame } of this.#mapper.pages) this.memory.zero(frame, 4096);
    for (const piece of setup.memory) this.#fill(piece);
    this.#fill({ address: setup.registers.rip, bytes: setup.code });
    this.#loadRegisters(setup.registers);
  }

  /** Translates the first instructions of these in one go; {@link step} then has them from there. */
  prepare(setups: readonly Setup[]): void {
    const { steps } = this;
    if (steps === undefined) return;
    for (const setup of setups) {
      this.load(setup);
      steps.add();
    }
    steps.translate();
  }

  #map({ registers, code, memory }: Setup): void {
    const wanted = this.#wanted;
    wanted.clear();
    for (const { address, bytes } of memory) want(wanted, address, bytes.length, "data");
    want(wanted, registers.rip, code.length, "code");
    for (const mapped of this.#mapper.pages) {
      if (wanted.get(mapped.page) !== mapped.use) this.#mapper.unmap(mapped);
    }
    if (this.#mapper.count === wanted.size) return;
    for (const [page, use] of wanted) {
      if (this.#mapper.find(page) === undefined) this.#mapper.map(page, use);
    }
  }

  #fill({ address, bytes }: MemoryPiece): void {
    let at = 0;
    while (at < bytes.length) {
      const place = address + BigInt(at);
      const mapped = this.#mapper.find(pageOf(place))!;
      const offset = Number(place & 0xfffn);
      const length = Math.min(bytes.length - at, 4096 - offset);
      this.memory.write(mapped.frame + offset, bytes.subarray(at, at + length));
      at += length;
    }
  }

  #loadRegisters(registers: Snapshot): void {
    const { cpu } = this.vcpu;
    const { s, bytes } = cpu;
    const from = registers.bytes;
    const hadAlignmentChecks = (s[FLAGS]! & FLAG_AC) !== 0;
    s.set(this.#userSegments, SEGMENTS);
    bytes.set(from.subarray(0, 128), GPR_BYTE);
    bytes.set(from.subarray(RIP_AT, RIP_AT + 8), 4 * RIP);
    bytes.set(from.subarray(FS_BASE_AT, FS_BASE_AT + 8), 4 * baseWord(FS));
    bytes.set(from.subarray(GS_BASE_AT, GS_BASE_AT + 8), 4 * baseWord(GS));
    bytes.set(from.subarray(YMM_AT, YMM_AT + 512), YMM_BYTE);
    writeFlags(s, registers.flags);
    this.#loadFpu(registers);
    s[ACTIVITY] = 0;
    cpu.pendingDebug = 0;
    cpu.shadowAt = -1;
    if (!cpu.is64) changedSegments(cpu);
    if (s[CPL] !== 3) {
      s[CPL] = 3;
      changedPrivilege(cpu);
    } else if (hadAlignmentChecks || (registers.flags & FLAG_AC) !== 0) changedPrivilege(cpu);
  }

  #loadFpu({ view, bytes }: Snapshot): void {
    const { cpu } = this.vcpu;
    const { s } = cpu;
    for (const word of FPU_POINTERS) s[word] = 0;
    s[MXCSR] = view.getInt32(MXCSR_AT, true);
    s[FPU_CONTROL] = view.getUint16(FCW_AT, true);
    const status = view.getUint16(FSW_AT, true);
    s[FPU_STATUS] = status;
    let tags = 0;
    for (let n = 0; n < 8; n++) {
      if (((bytes[FTW_AT]! >> n) & 1) === 0) tags |= 3 << (2 * n);
      const from = ST_AT + 16 * n;
      cpu.bytes.set(bytes.subarray(from, from + 10), physicalByte(status, n));
    }
    s[FPU_TAGS] = tags;
  }

  /** Runs the one instruction at RIP to its end, through all iterations if it is a repeated string one. */
  step(code: Uint8Array): Outcome {
    const { s } = this.vcpu.cpu;
    const lo = s[RIP]!;
    const hi = s[RIP + 1]!;
    const isString = isRepeatedString(code);
    let rounds = 0;
    do {
      this.vcpu.run(1);
    } while (
      isString &&
      s[RIP] === lo &&
      s[RIP + 1] === hi &&
      s[CPL] === 3 &&
      rounds++ < MAX_ROUNDS
    );
    return this.outcome();
  }

  /** Runs until an exception, for at most `budget` instructions: code that is followed by an unmapped page. */
  runToException(budget: number): Outcome {
    this.vcpu.run(budget);
    return this.outcome();
  }

  /** The same with returns in between, after as many instructions as `next` says each time. */
  runInSlices(budget: number, next: () => number): Outcome {
    const { cpu } = this.vcpu;
    const end = this.vcpu.retired + budget;
    while (this.vcpu.retired < end && !cpu.hasActivity(ACTIVITY_HALTED)) {
      this.vcpu.run(Math.min(next(), end - this.vcpu.retired));
    }
    return this.outcome();
  }

  /** Writes to mapped pages, whatever their rights. */
  store(piece: MemoryPiece): void {
    this.#fill(piece);
  }

  /** A copy of a mapped page. */
  page(address: bigint): MemoryPiece {
    const { frame } = this.#mapper.find(pageOf(address))!;
    return { address, bytes: this.memory.readable(frame, 4096)!.slice() };
  }

  /** Registers and exception as they are now. */
  outcome(): Outcome {
    const { cpu } = this.vcpu;
    const { s, bytes } = cpu;
    const registers = new Snapshot();
    const into = registers.bytes;
    into.set(bytes.subarray(GPR_BYTE, GPR_BYTE + 128));
    into.set(bytes.subarray(4 * RIP, 4 * RIP + 8), RIP_AT);
    into.set(bytes.subarray(4 * baseWord(FS), 4 * baseWord(FS) + 8), FS_BASE_AT);
    into.set(bytes.subarray(4 * baseWord(GS), 4 * baseWord(GS) + 8), GS_BASE_AT);
    into.set(bytes.subarray(YMM_BYTE, YMM_BYTE + 512), YMM_AT);
    this.#readFpu(registers);
    if (s[CPL] === 3) {
      registers.flags = readFlags(s);
      return { registers, exception: undefined };
    }
    return { registers, exception: this.#takeException(registers) };
  }

  #readFpu({ view, bytes }: Snapshot): void {
    const { cpu } = this.vcpu;
    const { s } = cpu;
    view.setInt32(MXCSR_AT, s[MXCSR]!, true);
    view.setUint16(FCW_AT, s[FPU_CONTROL]!, true);
    view.setUint16(FSW_AT, s[FPU_STATUS]!, true);
    bytes[FTW_AT] = 0;
    for (let n = 0; n < 8; n++) {
      if (((s[FPU_TAGS]! >> (2 * n)) & 3) !== 3) bytes[FTW_AT] = bytes[FTW_AT]! | (1 << n);
      const from = physicalByte(s[FPU_STATUS]!, n);
      bytes.set(cpu.bytes.subarray(from, from + 10), ST_AT + 16 * n);
    }
  }

  /** The exception whose handler was entered; what its frame holds goes back into `registers`. */
  #takeException(registers: Snapshot): VectorException {
    const { s } = this.vcpu.cpu;
    const vector = (s[RIP]! >> 4) & 0xff;
    const hasCode = HAS_ERROR_CODE.has(vector);
    // SS, RSP, RFLAGS, CS, RIP and an error code, from the top down.
    const frame = STACK_TOP - 40;
    const { memory } = this;
    const frameBytes = memory.readable(frame, 40)!;
    registers.bytes.set(frameBytes.subarray(0, 8), RIP_AT);
    registers.bytes.set(frameBytes.subarray(16, 24), RFLAGS_AT);
    registers.bytes.set(frameBytes.subarray(24, 32), 8 * 4);
    // Faults push RF; it says nothing about the instruction.
    registers.flags &= ~(1 << 16);
    return {
      vector,
      code: hasCode ? memory.load(frame - 8, 4) : undefined,
      cr2: vector === 14 ? pair(s, CR2) : undefined,
    };
  }

  /** Mapped pages whose content is not zeros with `pieces` laid over them in turn. */
  *differingPages(pieces: readonly MemoryPiece[]): Generator<PageDifference> {
    for (const mapped of this.#mapper.pages) {
      const expected = expectedPage(mapped, pieces);
      const actual = this.memory.readable(mapped.frame, 4096)!;
      if (Buffer.compare(expected, actual) !== 0) {
        yield {
          address: BigInt.asUintN(64, BigInt(mapped.page) << 12n),
          expected: expected.slice(),
          actual,
        };
      }
    }
  }
}

export interface PageDifference {
  readonly address: bigint;
  readonly expected: Uint8Array;
  readonly actual: Uint8Array;
}

const scratch = new Uint8Array(4096);

function expectedPage({ page }: MappedPage, pieces: readonly MemoryPiece[]): Uint8Array {
  scratch.fill(0);
  const start = BigInt.asUintN(64, BigInt(page) << 12n);
  for (const { address, bytes } of pieces) {
    const offset = Number(BigInt.asIntN(64, address - start));
    if (offset >= 4096 || offset + bytes.length <= 0) continue;
    const skip = Math.max(0, -offset);
    const end = Math.min(bytes.length, 4096 - offset);
    scratch.set(bytes.subarray(skip, end), offset + skip);
  }
  return scratch;
}

function want(
  wanted: Map<number, "code" | "data">,
  address: bigint,
  length: number,
  use: "code" | "data",
): void {
  const first = pageOf(address);
  const last = length === 0 ? first : pageOf(address + BigInt(length - 1));
  for (let page = first; page <= last; page++) wanted.set(page, use);
}

function linear(gpa: number): bigint {
  return SYSTEM_BASE + BigInt(gpa);
}

function setPair(s: Int32Array, word: number, value: bigint): void {
  s[word] = Number(BigInt.asIntN(32, value));
  s[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

function pair(s: Int32Array, word: number): bigint {
  return (BigInt(s[word + 1]! >>> 0) << 32n) | BigInt(s[word]! >>> 0);
}

function baseWord(segment: number): number {
  return SEGMENTS + segment * SEG_WORDS + SEG_BASE;
}

/** Where ST(n) lies in the state block: R0-R7 are physical, TOP is in bits 13:11 of the status. */
function physicalByte(status: number, n: number): number {
  return FPU_REGISTERS_BYTE + 16 * (((status >> 11) + n) & 7);
}

/** F2 or F3 before MOVS, CMPS, STOS, LODS or SCAS. */
export function isRepeatedString(code: Uint8Array): boolean {
  let isRepeated = false;
  for (const byte of code) {
    if (byte === 0xf2 || byte === 0xf3) isRepeated = true;
    else if (!isPrefix(byte)) return isRepeated && STRING_OPCODES.has(byte);
  }
  return false;
}

const STRING_OPCODES: ReadonlySet<number> = new Set([
  ...[0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf],
]);

function isPrefix(byte: number): boolean {
  if ((byte & 0xf0) === 0x40 || (byte & 0xe7) === 0x26) return true;
  return (byte >= 0x64 && byte <= 0x67) || byte === 0xf0;
}

/** Refuses what cannot be a state of user mode, or cannot be mapped. */
function checkSetup({ registers, memory }: Setup): void {
  const addresses = [registers.rip, ...memory.map(({ address }) => address)];
  for (const address of addresses) {
    const signed = BigInt.asIntN(64, address);
    if (BigInt.asIntN(48, signed) !== signed) {
      throw new VmmError("ERR_BAD_OPTION", `address 0x${address.toString(16)} is not canonical`);
    }
  }
}
