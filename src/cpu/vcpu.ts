// SPDX-License-Identifier: BSD-2-Clause
// A virtual CPU as the machine uses it: run it for a number of instructions, get an exit, handle it, run it
// again. What happens between instructions is here; what happens in them is the interpreter's.
import type { GuestMemory } from "../mmu/guest-memory.ts";
import { RAM_OFFSET } from "../mmu/machine-layout.ts";
import { GUEST_FAULT } from "../mmu/page-fault.ts";
import type { InoutExit, VmExit } from "./bus.ts";
import { Cpu, type CpuPorts } from "./cpu.ts";
import { ROW } from "./decode/record.ts";
import { FLAG_IF, FLAG_RF, FLAG_TF } from "./flags.ts";
import { BlockBuilder } from "./interp/block-builder.ts";
import { BLOCK_HEADER, MAX_BLOCK, SCRATCH } from "./interp/code-cache.ts";
import { Interpreter } from "./interp/interpreter.ts";
import { completeIn } from "./interp/io.ts";
import { ISA_ROWS } from "./isa/table.ts";
import type { UnitCompiler } from "./jit/compiler.ts";
import { TranslationEngine } from "./jit/engine.ts";
import type { ProcessorModel } from "./model.ts";
import {
  ACTIVITY_HALTED,
  ACTIVITY_NMI_PENDING,
  ACTIVITY_SHUTDOWN,
  CURRENT,
  DR7,
  FLAGS,
  REMAINING,
} from "./state-layout.ts";
import { handleEvents, isDisturbed, needsSingleStep } from "./system/events.ts";
import { handleFault, raiseDebug } from "./system/exceptions.ts";
import { changedEverything } from "./system/mode.ts";
import { resetCpu } from "./system/reset.ts";
import { isShadowed } from "./system/shadow.ts";
import { changedBreakpoints, codeBreakpoints } from "./system/watch.ts";

const BOGUS: VmExit = { kind: "bogus" };
const DR6_BS = 1 << 14;

/** Which engine runs guest code. */
export type EngineName = "interpreter" | "translator" | "auto";

export interface EngineOptions {
  readonly engine: EngineName;
  /** How often a block is interpreted before it is translated; 0: never, for tests. */
  readonly threshold?: number | undefined;
  /** The host's time in milliseconds, by which the engine counts what translating costs. */
  readonly now?: (() => number) | undefined;
  /** Translates on another thread. */
  readonly compiler?: UnitCompiler | undefined;
}

const INTERPRETER: EngineOptions = { engine: "interpreter" };

/** Where translating a block costs less than interpreting it on; and where one is worth a look at all. */
const THRESHOLDS = { auto: 128, translator: 8 } as const;

function translationFor(
  { engine, threshold, now = () => 0, compiler }: EngineOptions,
  cpu: Cpu,
  interpreter: Interpreter,
): TranslationEngine | undefined {
  if (engine === "interpreter") return undefined;
  return new TranslationEngine(cpu, interpreter, {
    threshold: threshold ?? THRESHOLDS[engine],
    now,
    compiler,
  });
}

export class Vcpu {
  /** State, memory and derived mode. Borrow it while the vCPU is not running. */
  readonly cpu: Cpu;
  /** Undefined while everything is interpreted. */
  readonly translation: TranslationEngine | undefined;
  readonly #builder: BlockBuilder;
  readonly #interpreter: Interpreter;
  /** What `retired` is to be when the latest `run` is over. */
  #target = 0;

  /** Over the state that the memory's head holds: a loaded kernel's, a saved VM's, or zeros to be reset. */
  constructor(
    memory: GuestMemory,
    ports: CpuPorts,
    model: ProcessorModel,
    options: EngineOptions = INTERPRETER,
  ) {
    this.cpu = new Cpu(memory, ports, model);
    const { cpu } = this;
    this.#builder = new BlockBuilder(cpu);
    this.#interpreter = new Interpreter(cpu, this.#builder);
    this.translation = translationFor(options, cpu, this.#interpreter);
    if (this.translation !== undefined) this.#interpreter.use(this.translation);
    cpu.mem.onMmio = () => {
      if (isDisturbed(cpu)) cpu.breakAfterCurrent();
    };
    cpu.mem.onCodeWrite = (offset, length) => void cpu.cache.written(offset, length);
    memory.codeWriteListener = (gpa, length) => {
      const offset = memory.offsetOf(gpa, length);
      if (offset >= RAM_OFFSET) cpu.cache.written(offset, length);
    };
    this.stateChanged();
  }

  /** Power-on state. */
  reset(): void {
    resetCpu(this.cpu);
    this.stateChanged();
  }

  /** To be called after the state block was written from outside. */
  stateChanged(): void {
    const { cpu } = this;
    changedEverything(cpu);
    changedBreakpoints(cpu);
    cpu.pendingDebug = 0;
    cpu.shadowAt = -1;
    cpu.exit = undefined;
    cpu.isInterruptRequested = true;
    cpu.s[CURRENT] = 0;
    cpu.beginSlice(0);
  }

  /** Instructions retired since reset. */
  get retired(): number {
    return this.cpu.retired();
  }

  /** The interrupt source may have something new: the vCPU looks before its next instruction or block. */
  requestInterrupt(): void {
    this.cpu.isInterruptRequested = true;
  }

  requestNmi(): void {
    this.cpu.setActivity(ACTIVITY_NMI_PENDING, true);
  }

  /** `run` is to return as soon as the instruction in execution is done. */
  stop(): void {
    this.cpu.exit ??= BOGUS;
  }

  /**
   * Replaces the debugger's breakpoints, linear addresses: `run` returns a debug exit in front of the instruction
   * at one. It does not for the instruction that {@link passBreakpoint} was called at.
   */
  setBreakpoints(addresses: Iterable<bigint>): void {
    this.cpu.breakpoints.set(addresses);
    this.cpu.cache.flush();
  }

  /** Goes on from here, whether or not there is a breakpoint. */
  passBreakpoint(): void {
    this.cpu.breakpoints.pass(this.retired);
  }

  /** Gives an IN its value, unsigned, of the exit's size. */
  completeIn(exit: InoutExit, value: number): void {
    completeIn(this.cpu, exit, value);
  }

  /** Runs at most `budget` (1 … 2^30 - 1) instructions, exactly that many unless something else comes up. */
  run(budget: number): VmExit {
    this.#target = this.retired + budget;
    return this.#run(budget);
  }

  /** Goes on behind an exit that was handled, for what the latest `run` was asked for and has not done. */
  resume(): VmExit {
    const left = this.#target - this.retired;
    return left > 0 ? this.#run(left) : BOGUS;
  }

  #run(budget: number): VmExit {
    const { cpu } = this;
    cpu.beginSlice(budget);
    for (;;) {
      try {
        const exit = this.#loop();
        cpu.endSlice();
        return exit;
      } catch (signal) {
        if (signal !== GUEST_FAULT) throw signal;
        handleFault(cpu);
      }
    }
  }

  #loop(): VmExit {
    const { cpu } = this;
    const { s } = cpu;
    for (;;) {
      cpu.endBreak();
      if (cpu.exit !== undefined) return this.#takeExit(cpu.exit);
      if (s[REMAINING]! <= 0) return BOGUS;
      if (
        (cpu.isInterruptRequested && (s[FLAGS]! & FLAG_IF) !== 0) ||
        cpu.pendingDebug !== 0 ||
        cpu.hasActivity(ACTIVITY_NMI_PENDING)
      ) {
        if (handleEvents(cpu)) continue;
      }
      if (cpu.hasActivity(ACTIVITY_HALTED | ACTIVITY_SHUTDOWN)) return this.#idle();
      if (needsSingleStep(cpu)) this.#step();
      else this.#runOn();
    }
  }

  #takeExit(exit: VmExit): VmExit {
    this.cpu.exit = undefined;
    if (exit.kind === "inout") this.cpu.counters.inout++;
    return exit;
  }

  #idle(): VmExit {
    const { cpu } = this;
    if (cpu.hasActivity(ACTIVITY_SHUTDOWN)) return { kind: "suspended", how: "triplefault" };
    return { kind: "hlt", isInterruptible: (cpu.s[FLAGS]! & FLAG_IF) !== 0 };
  }

  /** Whole blocks, then a short one to end exactly on the budget. */
  #runOn(): void {
    const { cpu } = this;
    const { s } = cpu;
    s[FLAGS] = s[FLAGS]! & ~FLAG_RF;
    cpu.heldDebug = 0;
    const before = s[REMAINING]!;
    this.#interpreter.run();
    // Nothing ran: the next block is longer than what is left.
    if (s[REMAINING] === before && before < MAX_BLOCK) this.#interpreter.runShort(before);
  }

  /** One instruction, with the traps that belong to it. */
  #step(): void {
    const { cpu } = this;
    const { s } = cpu;
    const isHeldOff = cpu.isMovSsShadow && isShadowed(cpu);
    const hits = (s[DR7]! & 0xff) === 0 || isHeldOff ? 0 : codeBreakpoints(cpu);
    if (hits !== 0) {
      raiseDebug(cpu, hits);
      return;
    }
    if (this.#builder.isAtBreakpoint()) {
      cpu.exit ??= { kind: "debug" };
      return;
    }
    const isTrapped = (s[FLAGS]! & FLAG_TF) !== 0;
    s[FLAGS] = s[FLAGS]! & ~FLAG_RF;
    if (cpu.trace?.wantsInstructions === true) cpu.trace.instruction(cpu);
    cpu.heldDebug = cpu.pendingDebug;
    this.#interpreter.runShort(1);
    if (isTrapped && !this.#hasEnteredHandler()) cpu.pendingDebug |= DR6_BS;
  }

  /** INT n, INT3, INTO, INT1 and SYSCALL clear TF on their way, and with it their own trap. */
  #hasEnteredHandler(): boolean {
    const { cpu } = this;
    if ((cpu.s[FLAGS]! & FLAG_TF) !== 0) return false;
    switch (ISA_ROWS[cpu.code[SCRATCH + BLOCK_HEADER + ROW]!]!.op) {
      case "int":
      case "int1":
      case "int3":
      case "into":
      case "syscall":
      case "sysenter":
        return true;
      default:
        return false;
    }
  }
}
