// SPDX-License-Identifier: BSD-2-Clause
// A vCPU with 32 MiB of RAM and nothing around it: for tests that run a few instructions. Ports answer all
// ones, interrupts never come, time is the number of instructions retired.
import type { InoutExit, VmExit } from "../../src/cpu/bus.ts";
import { type ProcessorModel, processorModel } from "../../src/cpu/model.ts";
import {
  ACTIVITY,
  CPL,
  CR0,
  CR3,
  CR4,
  CS,
  EFER,
  GPR,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
} from "../../src/cpu/state-layout.ts";
import { type EngineOptions, Vcpu } from "../../src/cpu/vcpu.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";

/** Where tests put things; everything is identity-mapped. */
export const PAGE_TABLES = 0x1000;
export const CODE = 0x100000;
export const DATA = 0x200000;
export const STACK = 0x300000;

/** What a device register access looked like. */
export interface PortAccess {
  readonly port: number;
  readonly size: number;
  readonly value: number;
}

export class TestMachine {
  readonly memory = new GuestMemory(MIN_RAM);
  readonly vcpu: Vcpu;
  readonly outputs: PortAccess[] = [];
  /** Answers IN; all ones unless replaced. */
  input: (port: number, size: number) => number = (_port, size) => 2 ** (8 * size) - 1;
  /** Hears of stores to what is not RAM; loads from there are all ones. */
  storedOutside: (gpa: number, value: number) => void = () => {};
  pendingVector = -1;

  constructor(model: ProcessorModel = processorModel(), options?: EngineOptions) {
    this.vcpu = new Vcpu(
      this.memory,
      {
        mmio: {
          read: (_gpa, size) => 2 ** (8 * size) - 1,
          write: (gpa, _size, value) => this.storedOutside(gpa, value),
        },
        interrupts: {
          pendingVector: () => this.pendingVector,
          acknowledge: () => {
            const vector = this.pendingVector;
            this.pendingVector = -1;
            return vector;
          },
          readTaskPriority: () => 0,
          writeTaskPriority() {},
        },
        msrs: { read: () => undefined, write: () => false },
        environment: {
          readTsc: () => this.vcpu.retired,
          random32: () => 0x12345678,
          tscWritten() {},
        },
      },
      model,
      options,
    );
    this.vcpu.reset();
  }

  get state(): Int32Array {
    return this.vcpu.cpu.s;
  }

  /** Whether an instruction's exception ended in shutdown: there is no IDT unless a test makes one. */
  get isShutDown(): boolean {
    return this.state[ACTIVITY] !== 0;
  }

  /** Out of that again; the next instruction is at CODE. */
  recover(): void {
    const { state, vcpu } = this;
    state[ACTIVITY] = 0;
    state[RIP] = CODE;
    vcpu.cpu.exit = undefined;
  }

  /** 64-bit mode, flat segments, the first 32 MiB identity-mapped with 2 MiB pages that CPL 3 may use. */
  enterLongMode(cpl = 0): void {
    const { memory, state } = this;
    memory.store(PAGE_TABLES, 4, (PAGE_TABLES + 0x1000) | 7);
    memory.store(PAGE_TABLES + 0x1000, 4, (PAGE_TABLES + 0x2000) | 7);
    for (let i = 0; i < 16; i++) memory.store(PAGE_TABLES + 0x2000 + 8 * i, 4, (i << 21) | 0x87);
    state[CR0] = 0x80050033 | 0;
    state[CR3] = PAGE_TABLES;
    state[CR4] = 0x620; // PAE, OSFXSR, OSXMMEXCPT
    state[EFER] = 0xd01; // SCE, LME, LMA, NXE
    state[CPL] = cpl;
    this.#flatSegments(0xa09b, 0xc093, cpl);
    this.vcpu.stateChanged();
  }

  /** Protected mode with flat 32-bit segments and no paging. */
  enterProtectedMode(cpl = 0): void {
    const { state } = this;
    state[CR0] = 0x33;
    state[CR4] = 0x600;
    state[CPL] = cpl;
    this.#flatSegments(0xc09b, 0xc093, cpl);
    this.vcpu.stateChanged();
  }

  /** Real mode with CS:IP pointing at {@link CODE}, through a base that only a reset can make. */
  enterRealMode(): void {
    const { state } = this;
    state[SEGMENTS + CS * SEG_WORDS + SEG_BASE] = CODE;
    state[SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR] = 0;
    this.vcpu.stateChanged();
  }

  #flatSegments(code: number, data: number, cpl: number): void {
    const { state } = this;
    for (let segment = 0; segment < 6; segment++) {
      const at = SEGMENTS + segment * SEG_WORDS;
      state[at + SEG_SELECTOR] = (segment === CS ? 8 : 16) | cpl;
      state[at + SEG_ACCESS] = (segment === CS ? code : data) | (cpl << 5);
      state[at + SEG_LIMIT] = -1;
      state[at + SEG_BASE] = 0;
      state[at + SEG_BASE + 1] = 0;
    }
  }

  /** Puts code at an address and RIP on it. */
  load(code: Uint8Array | readonly number[], at = CODE): void {
    this.memory.write(at, Uint8Array.from(code));
    this.state[RIP] = at;
    this.state[RIP + 1] = 0;
  }

  /** Runs up to `budget` instructions; port accesses are carried out, any other exit is returned. */
  run(budget: number): VmExit {
    let left = budget;
    for (;;) {
      const before = this.vcpu.retired;
      const exit = this.vcpu.run(left);
      left -= this.vcpu.retired - before;
      if (exit.kind !== "inout") return exit;
      this.#port(exit);
      if (left <= 0) return { kind: "bogus" };
    }
  }

  #port(exit: InoutExit): void {
    if (exit.isIn) this.vcpu.completeIn(exit, this.input(exit.port, exit.size));
    else this.outputs.push({ port: exit.port, size: exit.size, value: exit.value });
  }

  /** A general register, 0 … 15, unsigned. */
  register(number: number): bigint {
    const { state } = this;
    const lo = BigInt(state[GPR + 2 * number]! >>> 0);
    return (BigInt(state[GPR + 2 * number + 1]! >>> 0) << 32n) | lo;
  }

  setRegister(number: number, value: bigint): void {
    this.state[GPR + 2 * number] = Number(BigInt.asIntN(32, value));
    this.state[GPR + 2 * number + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }

  get rip(): bigint {
    const { state } = this;
    return (BigInt(state[RIP + 1]! >>> 0) << 32n) | BigInt(state[RIP]! >>> 0);
  }
}
