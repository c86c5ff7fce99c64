// SPDX-License-Identifier: BSD-2-Clause
// Random programs that get somewhere: each instruction is tried on the interpreter before it is taken, so that
// operands are where registers can reach them and faults are rare. Branches come in patterns: something to
// skip, a loop, a function with its call.
import { SeededRandom } from "../../support/random.ts";
import { completeShape, type RegisterChooser, randomShape, type Shape } from "../choices.ts";
import { addressSize, type Choice, encode, operandBytes, RIP_BASE } from "../encoder.ts";
import { aim, dataTarget } from "../native/addresses.ts";
import { isUnderstood } from "../native/generator.ts";
import { LAYOUTS, type Layout } from "../native/layouts.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Vector } from "../vector.ts";
import { VectorMachine } from "../vector-machine.ts";
import {
  assemble,
  END,
  type Instruction,
  type Item,
  type Label,
  newLabel,
  type Program,
} from "./program.ts";
import { BRANCH_ROWS, programRows, type RowChoice, rowNamed } from "./rows.ts";
import { dataPointer, stackPointer, startMemory, startRegisters } from "./start-state.ts";
import { Walk } from "./walk.ts";

const RSP = 4;
/** Loops count in it, and nothing else is to touch it. */
const COUNTER = 15;
const ATTEMPTS = 12;
/** Instructions that a pattern may execute. */
const MAX_STEPS = 600;
const ALL_REGISTERS: ReadonlySet<number> = new Set(Array.from({ length: 16 }, (_, n) => n));

const PLAIN: Shape = { has66: false, w: 0, vexL: 0, form: "none", extras: [] };
const WIDE: Shape = { ...PLAIN, w: 1 };

const JMP = rowNamed("jmp", "Jz");
const CALL = rowNamed("call", "Jz");
const CALL_INDIRECT = rowNamed("call", "Ev");
const RET = rowNamed("ret", "");
const JNE = rowNamed("jne", "Jz");
const DEC = rowNamed("dec", "Ev");
const CMP = rowNamed("cmp", "Ev,Gv");
const MOV_IMMEDIATE = rowNamed("mov", "Zv,Iv");

export interface GeneratedProgram {
  readonly program: Program;
  readonly isPortable: boolean;
  /** Bits that may differ at its end. */
  readonly undefinedBits: Vector["undefinedBits"];
  /** Instructions that it executes. */
  readonly executed: number;
}

/** What makes the `index`th program of a seed the same everywhere. */
export interface ProgramKey {
  readonly seed: number;
  readonly index: number;
  /** It is to run on the host's processor as well. */
  readonly isPortable: boolean;
}

/** Makes programs, one after the other on one machine. */
export class ProgramSource {
  readonly #machine = new VectorMachine("interpreter");
  readonly #rows = { portable: programRows(true), free: programRows(false) };

  make(key: ProgramKey): GeneratedProgram {
    const rows = key.isPortable ? this.#rows.portable : this.#rows.free;
    return new ProgramBuilder(this.#machine, rows, key).build();
  }

  /** The same program without some of its items: undefined if that makes none that can be compared. */
  again(program: Program, isPortable: boolean): GeneratedProgram | undefined {
    const { layout, registers, items } = program;
    const assembly = assemble(items, registers.rip, layout);
    if (assembly === undefined) return undefined;
    const walk = new Walk(this.#machine, layout, isPortable, program);
    const end = layout.code + 4096n;
    if (walk.run(assembly, registers.rip, end, MAX_STEPS * 20) !== undefined) return undefined;
    const { undefinedBits, executed } = walk;
    return { program, isPortable, undefinedBits, executed };
  }
}

class ProgramBuilder {
  readonly #key: ProgramKey;
  readonly #random: SeededRandom;
  readonly #rows: RowChoice;
  readonly #layout: Layout;
  readonly #start: { readonly registers: Snapshot; readonly memory: Program["memory"] };
  readonly #walk: Walk;
  readonly #items: Item[] = [];
  /** One in so many instructions is no integer one. */
  readonly #vectorRate: number;
  #isInLoop = false;

  constructor(machine: VectorMachine, rows: RowChoice, key: ProgramKey) {
    this.#key = key;
    this.#rows = rows;
    this.#random = new SeededRandom(Math.imul(key.seed, 0x9e3779b1) ^ (key.index + 1));
    const random = this.#random;
    this.#layout = layoutOf(key);
    this.#start = {
      registers: startRegisters(this.#layout, random, key.isPortable),
      memory: startMemory(this.#layout, random),
    };
    this.#walk = new Walk(machine, this.#layout, key.isPortable, this.#start);
    this.#vectorRate = random.pick([0, 0, 8, 3, 1]);
  }

  build(): GeneratedProgram {
    const random = this.#random;
    const length = 4 + random.below(24);
    for (let i = 0; i < length && this.#hasRoom(); i++) {
      const before = this.#items.length;
      const kind = random.below(10);
      if (kind === 0) this.#skip();
      else if (kind === 1) this.#loop();
      else if (kind === 2 && random.below(2) === 0) this.#function();
      else this.#plain();
      if (this.#items.length === before) this.#pointer();
    }
    if (random.below(6) === 0) this.#fault();
    this.#items.push(this.#branch(JMP, END));
    const { seed, index, isPortable } = this.#key;
    return {
      program: {
        ...this.#start,
        name: `seed ${seed}, program ${index}${isPortable ? "" : ", not for the host"}`,
        layout: this.#layout,
        items: this.#items,
      },
      isPortable,
      undefinedBits: this.#walk.undefinedBits,
      executed: this.#walk.executed + 1,
    };
  }

  #hasRoom(): boolean {
    return this.#walk.registers.rip < this.#layout.code + 0xd00n;
  }

  /** Appends items that behave; false, and nothing has happened, if they do not. */
  #commit(items: readonly Item[]): boolean {
    const saved = this.#walk.save();
    const at = this.#walk.registers.rip;
    const assembly = assemble(items, at, this.#layout);
    if (assembly !== undefined) {
      const obstacle = this.#walk.run(assembly, at, assembly.next, MAX_STEPS);
      if (obstacle === undefined && this.#walk.exception === undefined) {
        this.#items.push(...items);
        return true;
      }
    }
    this.#walk.restore(saved);
    return false;
  }

  #plain(): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const instruction = this.#instruction();
      if (instruction !== undefined && this.#commit([instruction])) return;
    }
  }

  /** One that does not behave, now and then. */
  #fault(): void {
    const at = this.#walk.registers.rip;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const instruction = this.#instruction();
      if (instruction === undefined) continue;
      const saved = this.#walk.save();
      const assembly = assemble([instruction], at, this.#layout)!;
      const obstacle = this.#walk.run(assembly, at, assembly.next, MAX_STEPS);
      if (obstacle === undefined && this.#walk.exception !== undefined) {
        this.#items.push(instruction);
        return;
      }
      this.#walk.restore(saved);
    }
  }

  /** A row, a shape, registers; its memory operand where it can be. */
  #instruction(): Instruction | undefined {
    const random = this.#random;
    const isVector = this.#vectorRate > 0 && random.below(this.#vectorRate) === 0;
    const parsed = random.pick(isVector ? this.#rows.vector : this.#rows.integer);
    const shape = randomShape(parsed, 64, random);
    const choice = completeShape(parsed, 64, shape, random, this.#choose);
    const operand = this.#aim(choice);
    if (!isUnderstood(choice, encode(choice))) return undefined;
    return { kind: "instruction", choice, ...(operand === undefined ? {} : { operand }) };
  }

  /** Pointers for bases; the stack pointer and the counter are mostly left alone. */
  readonly #choose: RegisterChooser = (part, count) => {
    const random = this.#random;
    if (part === "base" && random.below(8) !== 0) {
      const near = this.#nearRegisters();
      if (near.length > 0) return random.pick(near);
    }
    const number = random.below(count);
    if (number === COUNTER && this.#isInLoop) return number - 1;
    return number === RSP && random.below(20) !== 0 ? RSP + 1 : number;
  };

  /** Registers from which a displacement reaches the data. */
  #nearRegisters(): number[] {
    const { data } = this.#layout;
    return [...ALL_REGISTERS].filter((number) => {
      const distance = BigInt.asIntN(64, this.#walk.registers.gpr(number) - data);
      return BigInt.asIntN(31, distance) === distance;
    });
  }

  /** Moves the memory operand to the data; the target of a RIP-relative one. */
  #aim(choice: Choice): bigint | undefined {
    const { parsed, memory } = choice;
    const operand = parsed.operands.find(
      ({ where }) => where.endsWith("OrMemory") || where === "memory" || where === "offset",
    );
    if (operand === undefined || parsed.row.mnemonic === "lea") return undefined;
    const random = this.#random;
    const target = dataTarget(
      this.#layout,
      Math.max(1, operandBytes(operand, choice) || 8),
      random,
    );
    if (operand.where === "offset") {
      choice.immediates[0] = BigInt.asUintN(8 * addressSize(choice), target);
    } else if (memory !== undefined) {
      const { registers } = this.#walk;
      const next = registers.rip + BigInt(encode(choice).length);
      aim(choice, target, registers, ALL_REGISTERS, next, random);
      if (memory.base === RIP_BASE) return next + BigInt(memory.displacement);
    }
    return undefined;
  }

  /** A pointer in a register that can use one. */
  #pointer(): void {
    const random = this.#random;
    const isStack = random.below(6) === 0;
    const number = isStack ? RSP : random.pick([3, 5, 6, 7, 8, 9, 10, 11]);
    const value = isStack ? stackPointer(this.#layout, random) : dataPointer(this.#layout, random);
    this.#commit([this.#set(number, value)]);
  }

  #set(register: number, value: bigint): Instruction {
    const choice = completeShape(MOV_IMMEDIATE, 64, WIDE, this.#random);
    choice.opcodeRegister = register;
    choice.immediates = [value];
    return { kind: "instruction", choice };
  }

  #branch(parsed: typeof JMP, target: Label): Instruction {
    return {
      kind: "instruction",
      choice: completeShape(parsed, 64, PLAIN, this.#random),
      target,
    };
  }

  /** Instructions that behave where they are tried: `offset` bytes on, in a state that is changed first. */
  #body(offset: number, change: (registers: Snapshot) => void = () => {}): Item[] {
    const saved = this.#walk.save();
    this.#walk.restore(saved, (registers) => {
      registers.rip += BigInt(offset);
      change(registers);
    });
    const from = this.#items.length;
    for (let i = 1 + this.#random.below(6); i > 0; i--) this.#plain();
    this.#walk.restore(saved);
    return this.#items.splice(from);
  }

  /** A branch over a few instructions, taken or not. */
  #skip(): void {
    const over = newLabel();
    const branch = this.#branch(this.#random.pick(BRANCH_ROWS), over);
    const body = this.#body(encode(branch.choice).length);
    this.#commit([branch, ...body, over]);
  }

  /** Its head makes all flags defined, since the first and the other rounds come with different ones. */
  #loop(): void {
    if (this.#isInLoop) return;
    const random = this.#random;
    const head = newLabel();
    const compare = completeShape(CMP, 64, { ...WIDE, form: "register" }, random);
    const count = completeShape(DEC, 64, { ...WIDE, form: "register" }, random);
    count.rm = COUNTER;
    const close: Item[] = [{ kind: "instruction", choice: count }, this.#branch(JNE, head)];
    this.#isInLoop = true;
    const rounds = random.pick([1, 2, 3, 3, 8, 30]);
    const first = this.#set(COUNTER, BigInt(rounds));
    const start: Item[] = [head, { kind: "instruction", choice: compare }];
    const offset = encode(first.choice).length + encode(compare).length;
    const body = this.#body(offset, (registers) => registers.setGpr(COUNTER, BigInt(rounds)));
    const isDone = this.#commit([first, ...start, ...body, ...close]);
    if (!isDone) this.#commit([this.#set(COUNTER, 1n), ...start, ...body, ...close]);
    this.#isInLoop = false;
  }

  /** A function, jumped over, and its call: by distance or through a register. */
  #function(): void {
    const random = this.#random;
    const [entry, over] = [newLabel(), newLabel()];
    const skip = this.#branch(JMP, over);
    const body = this.#body(encode(skip.choice).length, (registers) =>
      registers.setGpr(RSP, registers.gpr(RSP) - 8n),
    );
    const back = { kind: "instruction", choice: completeShape(RET, 64, PLAIN, random) } as const;
    const call = random.below(2) === 0 ? [this.#branch(CALL, entry)] : this.#indirectCall(entry);
    this.#commit([skip, entry, ...body, back, over, ...call]);
  }

  #indirectCall(entry: Label): Instruction[] {
    const random = this.#random;
    const register = random.pick([0, 1, 2, 10, 11]);
    const load = this.#set(register, 0n);
    const choice = completeShape(CALL_INDIRECT, 64, { ...PLAIN, form: "register" }, random);
    choice.rm = register;
    return [
      { ...load, addressOf: entry },
      { kind: "instruction", choice },
    ];
  }
}

/** Programs that follow each other share a layout, since changing it takes time. */
function layoutOf({ index }: Pick<ProgramKey, "index">): Layout {
  return LAYOUTS[(index >>> 8) % LAYOUTS.length]!;
}
