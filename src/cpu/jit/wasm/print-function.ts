// SPDX-License-Identifier: BSD-2-Clause
// A function's body as text: the text format's instructions, a statement a line, blocks indented. Knows the
// instructions that FunctionBuilder writes. Alignment hints are left out. WebAssembly core specification 2.0, §5.4, §6.5.
import { ByteReader } from "./byte-reader.ts";
import type { FunctionNames } from "./function-builder.ts";
import {
  MEMORY,
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_TABLE,
  OP_CALL,
  OP_ELSE,
  OP_END,
  OP_F32_CONST,
  OP_F64_CONST,
  OP_I32_CONST,
  OP_I64_CONST,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_RETURN_CALL,
  OP_RETURN_CALL_INDIRECT,
  OP_SIMD,
  PLAIN,
  SIMD_CONST,
  SIMD_ELEMENT,
  SIMD_MEMORY,
  SIMD_PLAIN,
  SIMD_SHUFFLE,
  TYPE_EMPTY,
  TYPE_F32,
  TYPE_F64,
  TYPE_FUNCREF,
  TYPE_I32,
  TYPE_I64,
  TYPE_V128,
} from "./opcodes.ts";

export interface PrintContext {
  /** Undefined: locals and labels have numbers. */
  readonly names: FunctionNames | undefined;
  /** By index of function. */
  readonly functionName: (index: number) => string;
  /** What lies at a constant offset in memory, if that is a place of its own. */
  readonly placeName: (offset: number) => string | undefined;
}

/** Instructions that leave no operand of theirs behind, or one block. */
export interface PrintedLine {
  /** Where it begins in the body. */
  readonly at: number;
  /** How many blocks it lies in. */
  readonly depth: number;
  readonly text: string;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE_I32, "i32"],
  [TYPE_I64, "i64"],
  [TYPE_F32, "f32"],
  [TYPE_F64, "f64"],
  [TYPE_V128, "v128"],
  [TYPE_FUNCREF, "funcref"],
]);

export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `type ${type}`;
}

const PLAIN_NAMES = new Map(Object.entries(PLAIN).map(([name, opcode]) => [opcode, name]));
const MEMORY_NAMES = new Map(Object.entries(MEMORY).map(([name, [opcode]]) => [opcode, name]));
const SIMD_NAMES = new Map(Object.entries(SIMD_PLAIN).map(([name, opcode]) => [opcode, name]));
const SIMD_MEMORY_NAMES = new Map(
  Object.entries(SIMD_MEMORY).map(([name, [opcode]]) => [opcode, name]),
);
const SIMD_ELEMENT_NAMES = new Map(
  Object.entries(SIMD_ELEMENT).map(([name, opcode]) => [opcode, name]),
);
const BLOCK_NAMES = new Map([
  [OP_BLOCK, "block"],
  [OP_LOOP, "loop"],
  [OP_IF, "if"],
]);
const LOCAL_NAMES = new Map([
  [OP_LOCAL_GET, "local.get"],
  [OP_LOCAL_SET, "local.set"],
  [OP_LOCAL_TEE, "local.tee"],
]);
const BRANCH_NAMES = new Map([
  [OP_BR, "br"],
  [OP_BR_IF, "br_if"],
]);
const CALL_NAMES = new Map([
  [OP_CALL, "call"],
  [OP_RETURN_CALL, "return_call"],
]);

/** What a line ends with: mostly nothing of its operands is left on the stack then. */
const ENDS_LINE =
  /^(local\.set|\w+\.store\d*|drop|unreachable|return|return_call|return_call_indirect|br|br_if|br_table)\b/;

/** Throws a RangeError for an instruction that FunctionBuilder does not write. */
export function printFunction(body: Uint8Array, context: PrintContext): PrintedLine[] {
  return new FunctionPrinter(body, context).print();
}

class FunctionPrinter {
  readonly #reader: ByteReader;
  readonly #context: PrintContext;
  readonly #lines: PrintedLine[] = [];
  /** Names of the labels that are open. */
  readonly #open: string[] = [];
  #opened = 0;
  /** Instructions of the line that is being collected, and where it begins. */
  #words: string[] = [];
  #start = 0;

  constructor(body: Uint8Array, context: PrintContext) {
    this.#reader = new ByteReader(body);
    this.#context = context;
  }

  print(): PrintedLine[] {
    const reader = this.#reader;
    for (let runs = reader.u32(); runs > 0; runs--) {
      reader.u32();
      reader.byte();
    }
    while (!reader.isAtEnd) this.#instruction();
    this.#flush();
    return this.#lines;
  }

  #flush(): void {
    if (this.#words.length > 0) this.#line(this.#start, this.#words.join("  "));
    this.#words = [];
  }

  #line(at: number, text: string): void {
    this.#lines.push({ at, depth: this.#open.length, text });
  }

  #instruction(): void {
    const at = this.#reader.position;
    const opcode = this.#reader.byte();
    if (this.#structure(at, opcode)) return;
    const text = this.#text(opcode);
    if (this.#words.length === 0) this.#start = at;
    this.#words.push(text);
    if (ENDS_LINE.test(text)) this.#flush();
  }

  /** True for what opens or closes a block. */
  #structure(at: number, opcode: number): boolean {
    const block = BLOCK_NAMES.get(opcode);
    if (block !== undefined) this.#begin(at, block);
    else if (opcode === OP_ELSE) {
      this.#flush();
      const label = this.#open.pop()!;
      this.#line(at, "else");
      this.#open.push(label);
    } else if (opcode === OP_END) {
      this.#flush();
      // The last one is the function's.
      if (this.#open.pop() !== undefined) this.#line(at, "end");
    } else return false;
    return true;
  }

  #begin(at: number, word: string): void {
    const name = this.#context.names?.labels.get(this.#opened++);
    const type = this.#reader.byte();
    const result = type === TYPE_EMPTY ? "" : ` (result ${typeName(type)})`;
    const label = name === undefined ? "" : ` $${name}`;
    if (this.#words.length === 0) this.#start = at;
    // The condition is on the stack.
    if (word !== "if") this.#flush();
    this.#words.push(`${word}${label}${result}`);
    if (word !== "if") this.#start = at;
    this.#flush();
    this.#open.push(label === "" ? `${this.#open.length}` : label.trim());
  }

  #label(depth: number): string {
    const name = this.#open[this.#open.length - 1 - depth];
    return name?.startsWith("$") ? name : `${depth}`;
  }

  #text(opcode: number): string {
    const plain = PLAIN_NAMES.get(opcode as (typeof PLAIN)[keyof typeof PLAIN]);
    if (plain !== undefined) return plain;
    const memory = MEMORY_NAMES.get(opcode as (typeof MEMORY)[keyof typeof MEMORY][0]);
    if (memory !== undefined) return this.#memory(memory);
    return this.#local(opcode) ?? this.#constant(opcode) ?? this.#transfer(opcode);
  }

  #memory(name: string): string {
    this.#reader.u32();
    const offset = this.#reader.u32();
    if (offset === 0) return name;
    const place = this.#context.placeName(offset);
    return `${name} offset=${offset}${place === undefined ? "" : ` (;${place};)`}`;
  }

  #local(opcode: number): string | undefined {
    const word = LOCAL_NAMES.get(opcode);
    if (word === undefined) return undefined;
    const index = this.#reader.u32();
    return `${word} $${this.#context.names?.locals.get(index) ?? index}`;
  }

  #constant(opcode: number): string | undefined {
    const reader = this.#reader;
    switch (opcode) {
      case OP_I32_CONST:
        return `i32.const ${integerText(reader.signed(32), 32)}`;
      case OP_I64_CONST:
        return `i64.const ${integerText(reader.signed(64), 64)}`;
      case OP_F32_CONST:
        return `f32.const ${reader.f32()}`;
      case OP_F64_CONST:
        return `f64.const ${reader.f64()}`;
      default:
        return undefined;
    }
  }

  #transfer(opcode: number): string {
    const reader = this.#reader;
    const branch = BRANCH_NAMES.get(opcode);
    if (branch !== undefined) return `${branch} ${this.#label(reader.u32())}`;
    const call = CALL_NAMES.get(opcode);
    if (call !== undefined) return `${call} $${this.#context.functionName(reader.u32())}`;
    switch (opcode) {
      case OP_BR_TABLE: {
        const targets = Array.from({ length: reader.u32() + 1 }, () => this.#label(reader.u32()));
        return `br_table ${targets.join(" ")}`;
      }
      case OP_RETURN_CALL_INDIRECT: {
        const type = reader.u32();
        reader.u32();
        return `return_call_indirect (type ${type})`;
      }
      case OP_SIMD:
        return this.#simd();
      default:
        throw new RangeError(`0x${opcode.toString(16)} is no instruction of the translator's`);
    }
  }

  #simd(): string {
    const reader = this.#reader;
    const opcode = reader.u32();
    const plain = SIMD_NAMES.get(opcode as (typeof SIMD_PLAIN)[keyof typeof SIMD_PLAIN]);
    if (plain !== undefined) return plain;
    if (opcode === SIMD_SHUFFLE) return `i8x16.shuffle ${[...reader.bytes(16)].join(" ")}`;
    if (opcode === SIMD_CONST) return `v128.const i32x4 ${wordsText(reader.bytes(16))}`;
    const element = SIMD_ELEMENT_NAMES.get(
      opcode as (typeof SIMD_ELEMENT)[keyof typeof SIMD_ELEMENT],
    );
    if (element !== undefined) return `${element} ${reader.byte()}`;
    const memory = SIMD_MEMORY_NAMES.get(
      opcode as (typeof SIMD_MEMORY)[keyof typeof SIMD_MEMORY][0],
    );
    if (memory !== undefined) return this.#memory(memory);
    throw new RangeError(`0xfd ${opcode} is no instruction of the translator's`);
  }
}

/** Four words of four bytes. */
function wordsText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return [0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16)}`).join(" ");
}

/** Decimal as long as one sees what it is. */
function integerText(value: bigint, bits: number): string {
  if (value > -1024n && value < 1024n) return `${value}`;
  return `0x${BigInt.asUintN(bits, value).toString(16)}`;
}
