// SPDX-License-Identifier: BSD-2-Clause
// The body of one WebAssembly function, written instruction by instruction. Labels are objects; the depth
// that a branch needs is worked out where it is emitted.
import { ByteBuffer } from "./byte-buffer.ts";
import {
  MEMORY,
  type MemoryOp,
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
  type Plain,
  SIMD_CONST,
  SIMD_ELEMENT,
  SIMD_MEMORY,
  SIMD_PLAIN,
  SIMD_SHUFFLE,
  type SimdElementOp,
  type SimdMemoryOp,
  type SimdPlain,
  TYPE_EMPTY,
  type ValueType,
} from "./opcodes.ts";

/** Where a branch can go: the end of a block or an if, the start of a loop. */
export interface Label {
  readonly kind: "block" | "loop" | "if";
}

/** A local variable of one function. */
export type Local = number & { readonly __local: unique symbol };

/** What a function's locals and labels are called, for who reads it. Labels are counted as they are opened. */
export interface FunctionNames {
  readonly locals: ReadonlyMap<number, string>;
  readonly labels: ReadonlyMap<number, string>;
}

const ZEROES: readonly number[] = new Array(16).fill(0);

export class FunctionBuilder {
  #code = new ByteBuffer(4096);
  readonly #labels: Label[] = [];
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];
  readonly #free = new Map<ValueType, Local[]>();
  readonly #localNames = new Map<number, string>();
  readonly #labelNames = new Map<number, string>();
  #opened = 0;

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  get names(): FunctionNames {
    return { locals: this.#localNames, labels: this.#labelNames };
  }

  /** A parameter by its position. */
  parameter(index: number, name?: string): Local {
    if (name !== undefined) this.#localNames.set(index, name);
    return index as Local;
  }

  /** A local that was never anything else, for values that are put there at the function's beginning. */
  lasting(type: ValueType, name?: string): Local {
    this.#locals.push(type);
    const local = this.#parameters + this.#locals.length - 1;
    if (name !== undefined) this.#localNames.set(local, name);
    return local as Local;
  }

  /** A local for use from here on. */
  local(type: ValueType): Local {
    return this.#free.get(type)?.pop() ?? this.lasting(type);
  }

  /** Gives a local back for reuse by a later {@link local} of the same type. */
  release(type: ValueType, local: Local): void {
    const list = this.#free.get(type);
    if (list === undefined) this.#free.set(type, [local]);
    else list.push(local);
  }

  op(name: Plain): this {
    this.#code.byte(PLAIN[name]);
    return this;
  }

  i32(value: number): this {
    this.#code.byte(OP_I32_CONST);
    this.#code.s32(value);
    return this;
  }

  /** A 64-bit constant from int32 halves. */
  i64(lo: number, hi: number = lo >> 31): this {
    this.#code.byte(OP_I64_CONST);
    this.#code.s64(lo, hi);
    return this;
  }

  f32(value: number): this {
    this.#code.byte(OP_F32_CONST);
    this.#code.bytes(new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  f64(value: number): this {
    this.#code.byte(OP_F64_CONST);
    this.#code.bytes(new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  get(local: Local): this {
    this.#code.byte(OP_LOCAL_GET);
    this.#code.u32(local);
    return this;
  }

  set(local: Local): this {
    this.#code.byte(OP_LOCAL_SET);
    this.#code.u32(local);
    return this;
  }

  tee(local: Local): this {
    this.#code.byte(OP_LOCAL_TEE);
    this.#code.u32(local);
    return this;
  }

  /** A load or store; alignment is only ever promised for the state block (`isAligned`). */
  memory(name: MemoryOp, offset = 0, isAligned = false): this {
    const [opcode, align] = MEMORY[name];
    this.#code.byte(opcode);
    this.#code.u32(isAligned ? align : 0);
    this.#code.u32(offset);
    return this;
  }

  simdMemory(name: SimdMemoryOp, offset = 0): this {
    const [opcode] = SIMD_MEMORY[name];
    this.#code.byte(OP_SIMD);
    this.#code.u32(opcode);
    this.#code.u32(0);
    this.#code.u32(offset);
    return this;
  }

  simd(name: SimdPlain): this {
    this.#code.byte(OP_SIMD);
    this.#code.u32(SIMD_PLAIN[name]);
    return this;
  }

  /** With the number of an element. */
  simdElement(name: SimdElementOp, element: number): this {
    this.#code.byte(OP_SIMD);
    this.#code.u32(SIMD_ELEMENT[name]);
    this.#code.byte(element);
    return this;
  }

  /** A vector of sixteen bytes; without them, of zeroes. */
  v128(bytes: readonly number[] = ZEROES): this {
    this.#code.byte(OP_SIMD);
    this.#code.u32(SIMD_CONST);
    this.#code.bytes(bytes);
    return this;
  }

  /** i8x16.shuffle: sixteen lane numbers, 0-15 of the first operand, 16-31 of the second. */
  shuffle(lanes: readonly number[]): this {
    this.#code.byte(OP_SIMD);
    this.#code.u32(SIMD_SHUFFLE);
    this.#code.bytes(lanes);
    return this;
  }

  block(type: number = TYPE_EMPTY, name?: string): Label {
    if (name !== undefined) this.#labelNames.set(this.#opened, name);
    return this.#open(OP_BLOCK, "block", type);
  }

  loop(type: number = TYPE_EMPTY, name?: string): Label {
    if (name !== undefined) this.#labelNames.set(this.#opened, name);
    return this.#open(OP_LOOP, "loop", type);
  }

  /** Takes the condition from the stack. */
  if(type: number = TYPE_EMPTY): Label {
    return this.#open(OP_IF, "if", type);
  }

  #open(opcode: number, kind: Label["kind"], type: number): Label {
    const label: Label = { kind };
    this.#opened++;
    this.#code.byte(opcode);
    this.#code.byte(type);
    this.#labels.push(label);
    return label;
  }

  else(): this {
    this.#code.byte(OP_ELSE);
    return this;
  }

  end(): this {
    this.#labels.pop();
    this.#code.byte(OP_END);
    return this;
  }

  #depthOf(label: Label): number {
    const index = this.#labels.lastIndexOf(label);
    if (index < 0) throw new RangeError("a branch must go to a label that is open");
    return this.#labels.length - 1 - index;
  }

  br(label: Label): this {
    this.#code.byte(OP_BR);
    this.#code.u32(this.#depthOf(label));
    return this;
  }

  /** Takes the condition from the stack. */
  brIf(label: Label): this {
    this.#code.byte(OP_BR_IF);
    this.#code.u32(this.#depthOf(label));
    return this;
  }

  /** Takes the index from the stack; the last label is for every index beyond. */
  brTable(labels: readonly Label[]): this {
    this.#code.byte(OP_BR_TABLE);
    this.#code.u32(labels.length - 1);
    for (const label of labels) this.#code.u32(this.#depthOf(label));
    return this;
  }

  call(functionIndex: number): this {
    this.#code.byte(OP_CALL);
    this.#code.u32(functionIndex);
    return this;
  }

  /** Ends the function with another one's result. */
  returnCall(functionIndex: number): this {
    this.#code.byte(OP_RETURN_CALL);
    this.#code.u32(functionIndex);
    return this;
  }

  /** Takes the table index from the top of the stack, the arguments below it. */
  returnCallIndirect(typeIndex: number): this {
    this.#code.byte(OP_RETURN_CALL_INDIRECT);
    this.#code.u32(typeIndex);
    this.#code.u32(0);
    return this;
  }

  /**
   * What `write` emits, apart from the function's code: to be put in front of it by {@link finish}, when the
   * rest is written and it is known what has to be set up. It opens no labels.
   */
  prologue(write: () => void): ByteBuffer {
    const code = this.#code;
    const prologue = new ByteBuffer();
    this.#code = prologue;
    write();
    this.#code = code;
    return prologue;
  }

  /** The code so far in bytes. */
  get length(): number {
    return this.#code.length;
  }

  /** The body as the code section wants it: locals, code, end. All labels must be closed. */
  finish(prologue?: ByteBuffer): ByteBuffer {
    if (this.#labels.length !== 0) throw new RangeError("a label was left open");
    const body = new ByteBuffer(this.#code.length + 64);
    const runs: [count: number, type: ValueType][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    body.u32(runs.length);
    for (const [count, type] of runs) {
      body.u32(count);
      body.byte(type);
    }
    if (prologue !== undefined) body.bytes(prologue.view());
    body.bytes(this.#code.view());
    body.byte(OP_END);
    return body;
  }
}
