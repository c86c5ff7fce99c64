// SPDX-License-Identifier: BSD-2-Clause
// A vCPU for system programs: tables for segments, interrupts, tasks and pages are made for one of three modes, and
// every entry of the interrupt table leads to a stub that tells the host about the frame it was entered with.
import { readFlags } from "../../../src/cpu/flags.ts";
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DR6,
  EFER,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  IDTR_BASE,
  IDTR_LIMIT,
  RIP,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../../../src/cpu/state-layout.ts";
import { canWake } from "../../../src/cpu/system/events.ts";
import type { EngineOptions } from "../../../src/cpu/vcpu.ts";
import { RAM_OFFSET } from "../../../src/mmu/machine-layout.ts";
import { TestMachine } from "../test-machine.ts";
import * as at from "./layout.ts";

export type SystemMode = "long" | "protected" | "real";

const ERROR_CODES: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);

const PRESENT = 0x80;
/** A guest that faults more often does so for ever. */
const MOST_ENTRIES = 64;

/** What a stub found. */
export interface Entry {
  readonly vector: number;
  readonly code: number | undefined;
  readonly rip: bigint;
  readonly cs: number;
  readonly flags: number;
  /** Pushed with a change of privilege, and always in long mode. */
  readonly rsp: bigint | undefined;
  readonly ss: number | undefined;
  /** The handler's own. */
  readonly handler: { readonly cs: number; readonly ss: number; readonly cpl: number };
  readonly handlerFlags: number;
  readonly cr2: bigint;
  readonly dr6: number;
  readonly retired: number;
}

export class SystemMachine extends TestMachine {
  entries: Entry[] = [];
  mode: SystemMode = "long";

  constructor(options: EngineOptions) {
    super(undefined, options);
  }

  /** Everything as before the first case, then tables and registers of a mode; RIP is {@link at.CODE}. */
  begin(mode: SystemMode): void {
    const { memory, vcpu, state } = this;
    memory.bytes.fill(0, RAM_OFFSET, RAM_OFFSET + at.USED);
    memory.bytes.fill(0, RAM_OFFSET + at.LARGE, RAM_OFFSET + at.LARGE + 0x1000);
    this.entries = [];
    this.mode = mode;
    this.outputs.length = 0;
    this.pendingVector = -1;
    this.input = (_port, size) => 2 ** (8 * size) - 1;
    vcpu.reset();
    state.fill(0, GPR, GPR + 32);
    vcpu.cpu.cache.flush();
    if (mode === "long") this.#long();
    else if (mode === "protected") this.#protected();
    else this.#real();
    state[RIP] = at.CODE;
    this.setRegister(RSP, BigInt(mode === "real" ? 0x7000 : at.STACK));
    vcpu.stateChanged();
  }

  /** A segment or system descriptor: limit in bytes or pages by G, access as byte 5 has it, flags 0xGDL0. */
  descriptor(selector: number, base: number, limit: number, access: number, flags: number): void {
    const lo = (limit & 0xffff) | (base << 16);
    const hi =
      ((base >>> 16) & 0xff) |
      (access << 8) |
      (limit & 0xf0000) |
      (flags << 20) |
      (base & -0x1000000);
    this.memory.store(at.GDT + (selector & 0xf8), 4, lo);
    this.memory.store(at.GDT + (selector & 0xf8) + 4, 4, hi);
  }

  /** An interrupt, trap, task or call gate; `ist` is a call gate's parameter count in protected mode. */
  gate(place: number, selector: number, offset: number, access: number, ist = 0): void {
    this.memory.store(place, 4, (selector << 16) | (offset & 0xffff));
    this.memory.store(place + 4, 4, (offset & -0x10000) | (access << 8) | ist);
  }

  /** Where the gate of a vector stands. */
  gateOf(vector: number): number {
    return at.IDT + vector * (this.mode === "long" ? 16 : 8);
  }

  #long(): void {
    const { memory, state } = this;
    this.#tables(0x9b, 0x2);
    memory.store(at.PML4, 4, at.PDPT | 7);
    memory.store(at.PDPT, 4, at.PD | 7);
    memory.store(at.PD, 4, at.PT | 7);
    for (let i = 1; i < 16; i++) memory.store(at.PD + 8 * i, 4, (i << 21) | 0x83);
    for (let page = 0; page < 512; page++) {
      const address = page << 12;
      const isUser = address >= at.USER && address < at.USER_END;
      memory.store(at.PT + 8 * page, 4, address | (isUser ? 7 : 3));
    }
    state[CR0] = 0x80050033 | 0; // PG, AM, WP, NE, ET, MP, PE
    state[CR3] = at.PML4;
    state[CR4] = 0x620; // PAE, OSFXSR, OSXMMEXCPT
    state[EFER] = 0xd01; // SCE, LME, LMA, NXE
    const tss = [at.STACK0, at.STACK1, at.STACK2];
    for (const [i, stack] of tss.entries()) memory.store(at.TSS + 4 + 8 * i, 4, stack);
    memory.store(at.TSS + 0x24, 4, at.IST1);
    memory.store(at.TSS + 0x2c, 4, at.IST2);
    this.#enter(0xa09b, 0xfff);
  }

  #protected(): void {
    const { memory, state } = this;
    this.#tables(0x9b, 0x4);
    state[CR0] = 0x40033 | 0; // AM, NE, ET, MP, PE
    state[CR4] = 0x600;
    for (const [level, stack] of [at.STACK0, at.STACK1, at.STACK2].entries()) {
      memory.store(at.TSS + 4 + 8 * level, 4, stack);
      memory.store(at.TSS + 8 + 8 * level, 4, level === 0 ? at.KDATA : 0);
    }
    this.#enter(0xc09b, 0x7ff);
  }

  #tables(kernelCode: number, width: number): void {
    const { memory } = this;
    this.descriptor(at.KCODE, 0, 0xfffff, kernelCode, 8 | width);
    this.descriptor(at.KDATA, 0, 0xfffff, 0x93, 0xc);
    this.descriptor(at.KCODE32, 0, 0xfffff, 0x9b, 0xc);
    this.descriptor(at.UCODE32, 0, 0xfffff, 0xfb, 0xc);
    this.descriptor(at.UDATA, 0, 0xfffff, 0xf3, 0xc);
    this.descriptor(at.UCODE, 0, 0xfffff, 0xfb, 8 | width);
    this.descriptor(at.TSS_SELECTOR, at.TSS, 0x7ff, 0x8b, 0);
    this.descriptor(at.CODE16, 0, 0xffff, 0x9b, 0);
    this.descriptor(at.DATA16, 0, 0xffff, 0x93, 0);
    this.descriptor(at.LDT_SELECTOR, at.LDT, 0xff, 0x82, 0);
    memory.store(at.TSS + 0x66, 2, 0x68);
    memory.write(at.TSS + 0x68, new Uint8Array(0x60).fill(0xff));
    memory.write(at.STOP, Uint8Array.of(0xf4));
    for (let vector = 0; vector < 256; vector++) this.#stub(vector);
  }

  /** out REPORT_PORT, al; jmp [VECTORS + 8 * vector], through CS where that matters: DS may be anything. */
  #stub(vector: number): void {
    const { memory } = this;
    const slot = at.VECTORS + 8 * vector;
    const isReal = this.mode === "real";
    const prefix = this.mode === "long" ? [] : [0x2e];
    const address = this.mode === "long" ? [0x24, 0x25] : isReal ? [0x26] : [0x25];
    const bytes = [slot & 0xff, slot >> 8, ...(isReal ? [] : [0, 0])];
    const stub = at.STUBS + 16 * vector;
    memory.write(
      stub,
      Uint8Array.from([0xe6, at.REPORT_PORT, ...prefix, 0xff, ...address, ...bytes]),
    );
    memory.store(slot, 4, at.STOP);
    if (isReal) memory.store(4 * vector, 4, stub);
    else {
      // INT n is for everybody from vector 0x20 on, and so are INT3 and INTO.
      const dpl = vector >= 0x20 || vector === 3 || vector === 4 ? 0x60 : 0;
      this.gate(this.gateOf(vector), at.KCODE, stub, PRESENT | dpl | 0xe);
    }
  }

  #enter(code: number, idtLimit: number): void {
    const { state } = this;
    for (let segment = 0; segment < 6; segment++) {
      const isCode = segment === CS;
      this.#segment(segment, isCode ? at.KCODE : at.KDATA, isCode ? code : 0xc093, -1);
    }
    this.#segment(TR, at.TSS_SELECTOR, 0x8b, 0x7ff, at.TSS);
    state[GDTR_BASE] = at.GDT;
    state[GDTR_LIMIT] = at.GDT_BYTES - 1;
    state[IDTR_BASE] = at.IDT;
    state[IDTR_LIMIT] = idtLimit;
  }

  #segment(segment: number, selector: number, access: number, limit: number, base = 0): void {
    const { state } = this;
    const word = SEGMENTS + segment * SEG_WORDS;
    state[word + SEG_SELECTOR] = selector;
    state[word + SEG_ACCESS] = access;
    state[word + SEG_LIMIT] = limit;
    state[word + SEG_BASE] = base;
    state[word + SEG_BASE + 1] = 0;
  }

  #real(): void {
    const { state } = this;
    this.#tables(0x9b, 0x4);
    for (let segment = 0; segment < 6; segment++) this.#segment(segment, 0, 0x93, 0xffff);
    state[IDTR_LIMIT] = 0x3ff;
    state[GDTR_BASE] = at.GDT;
    state[GDTR_LIMIT] = at.GDT_BYTES - 1;
  }

  /** Runs up to `budget` instructions, `slice` at a time; true if the guest halted or shut down. */
  advance(budget: number, slice = budget): boolean {
    const { vcpu } = this;
    const end = vcpu.retired + budget;
    for (;;) {
      const left = end - vcpu.retired;
      if (left <= 0 || this.entries.length > MOST_ENTRIES) return false;
      const exit = vcpu.run(Math.min(left, slice));
      if (exit.kind === "inout") {
        if (!exit.isIn && exit.port === at.REPORT_PORT && this.isInStub) this.takeEntry();
        else if (exit.isIn) vcpu.completeIn(exit, this.input(exit.port, exit.size));
        else this.outputs.push({ port: exit.port, size: exit.size, value: exit.value });
      } else if (exit.kind === "suspended") return true;
      else if (exit.kind === "hlt" && !canWake(vcpu.cpu)) return true;
    }
  }

  get isInStub(): boolean {
    const rip = this.state[RIP]!;
    return rip >= at.STUBS && rip < at.STUBS + 0x1000;
  }

  /** Takes down how the handler was entered whose stub RIP is in. */
  takeEntry(): void {
    const { state } = this;
    const vector = (state[RIP]! - at.STUBS) >> 4;
    const size = this.#frameSize();
    const slots = this.#stackValues(size, 6);
    const code = this.mode !== "real" && ERROR_CODES.has(vector) ? slots.shift() : undefined;
    const [rip, cs, flags, rsp, ss] = slots as [bigint, bigint, bigint, bigint, bigint];
    const cpl = state[CPL]!;
    const isOuter =
      size === 8 ||
      (this.mode === "protected" && (Number(cs & 3n) > cpl || (flags & 0x20000n) !== 0n));
    const selectorOf = (segment: number) => state[SEGMENTS + segment * SEG_WORDS + SEG_SELECTOR]!;
    this.entries.push({
      vector,
      code: code === undefined ? undefined : Number(code),
      rip,
      cs: Number(cs & 0xffffn),
      flags: Number(flags),
      rsp: isOuter ? rsp : undefined,
      ss: isOuter ? Number(ss & 0xffffn) : undefined,
      handler: { cs: selectorOf(CS), ss: selectorOf(SS), cpl },
      handlerFlags: readFlags(state),
      cr2: this.#pair(CR2),
      dr6: state[DR6]! >>> 0,
      retired: this.vcpu.retired,
    });
  }

  /** Of a slot: by the mode the handler runs in. */
  #frameSize(): 2 | 4 | 8 {
    const { cpu } = this.vcpu;
    if (cpu.isLongMode) return 8;
    return cpu.isProtected ? 4 : 2;
  }

  #stackValues(size: 2 | 4 | 8, count: number): bigint[] {
    const { state, vcpu, memory } = this;
    const ss = SEGMENTS + SS * SEG_WORDS;
    const base = size === 8 ? 0 : state[ss + SEG_BASE]!;
    const sp = state[GPR + 2 * RSP]!;
    return Array.from({ length: count }, (_, i) => {
      let value = 0n;
      for (let byte = 0; byte < size; byte++) {
        const lo = (base + sp + size * i + byte) | 0;
        const hi = size === 8 ? state[GPR + 2 * RSP + 1]! : 0;
        const place = vcpu.cpu.mem.peek(lo, hi);
        if (place >= 0) value |= BigInt(memory.bytes[place]!) << BigInt(8 * byte);
      }
      return value;
    });
  }

  #pair(word: number): bigint {
    const { state } = this;
    return (BigInt(state[word + 1]! >>> 0) << 32n) | BigInt(state[word]! >>> 0);
  }

  /** A segment register as its fields. */
  segment(number: number) {
    const { state } = this;
    const word = SEGMENTS + number * SEG_WORDS;
    return {
      selector: state[word + SEG_SELECTOR]!,
      access: state[word + SEG_ACCESS]!,
      limit: state[word + SEG_LIMIT]! >>> 0,
      base: this.#pair(word + SEG_BASE),
    };
  }
}
