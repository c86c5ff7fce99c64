// SPDX-License-Identifier: BSD-2-Clause
// Assembly text to bytes, for guests of tests. One statement a line, or several with semicolons between them:
//
//   start: mov rax, cr0; or eax, 0x10000      // labels end with a colon, comments begin with two slashes
//          mov [fs:rbx+rcx*4+8], al
//          bits 32                            // what follows is 32-bit code
//          at 0x40000                         // what follows lies there
//          align 16
//          dw 1, 2; dd start; dq -1; fill 4096, 0xcc
//
// Two passes: the first finds the labels, the second knows them.
import { type Bits, Encoder } from "./encoder.ts";
import { INSTRUCTIONS, PREFIXES } from "./instructions.ts";
import { parseOperand, parseValue, type Value } from "./operand.ts";

export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface Assembled {
  readonly pieces: readonly Piece[];
  readonly labels: ReadonlyMap<string, number>;
}

export interface AssembleOptions {
  readonly origin: number;
  readonly bits?: Bits;
  /** Names that are numbers. */
  readonly symbols?: Readonly<Record<string, number | bigint>>;
}

const DATA: Readonly<Record<string, number>> = { db: 8, dw: 16, dd: 32, dq: 64 };

class Pass {
  readonly labels = new Map<string, number>();
  readonly #known: ReadonlyMap<string, number>;
  readonly #symbols: Readonly<Record<string, number | bigint>>;
  readonly #encoders: Encoder[];
  readonly #isLast: boolean;

  constructor(options: AssembleOptions, known?: ReadonlyMap<string, number>) {
    this.#known = known ?? new Map();
    this.#isLast = known !== undefined;
    this.#symbols = options.symbols ?? {};
    const encoder = new Encoder(options.origin);
    encoder.bits = options.bits ?? 64;
    this.#encoders = [encoder];
  }

  get pieces(): Piece[] {
    return this.#encoders
      .filter(({ bytes }) => bytes.length > 0)
      .map(({ origin, bytes }) => ({ at: origin, bytes: Uint8Array.from(bytes) }));
  }

  run(source: string): void {
    for (const line of source.split("\n")) {
      for (const statement of line.replace(/\/\/.*/, "").split(";")) this.#statement(statement);
    }
  }

  get #encoder(): Encoder {
    return this.#encoders.at(-1)!;
  }

  #statement(text: string): void {
    const [, label, rest] = /^\s*(?:([A-Za-z_.][\w.]*):)?\s*(.*?)\s*$/.exec(text)!;
    if (label !== undefined) {
      if (this.labels.has(label)) throw new SyntaxError(`${label} is there twice`);
      this.labels.set(label, this.#encoder.here);
    }
    if (rest === "") return;
    const [, word, operands] = /^(\S+)\s*(.*)$/.exec(rest!)!;
    this.#word(word!, operands!);
  }

  #word(word: string, operands: string): void {
    if (this.#directive(word, operands)) return;
    const instruction = INSTRUCTIONS.get(word);
    if (instruction === undefined) throw new SyntaxError(`unknown instruction ${word}`);
    if (PREFIXES.has(word)) {
      instruction(this.#encoder, []);
      this.#statement(operands);
      return;
    }
    const parsed = operands === "" ? [] : operands.split(",");
    instruction(
      this.#encoder,
      parsed.map((operand) => parseOperand(operand.trim(), this.#names)),
    );
  }

  #directive(word: string, operands: string): boolean {
    const encoder = this.#encoder;
    if (DATA[word] !== undefined) {
      for (const value of operands.split(",")) {
        encoder.number(parseValue(value, this.#names).value, DATA[word]!);
      }
    } else if (word === "bits") encoder.bits = Number(operands) as Bits;
    else if (word === "align") {
      while (encoder.here % Number(operands) !== 0) encoder.put(0x90);
    } else if (word === "fill") {
      const [count, value] = operands.split(",").map((each) => parseValue(each, this.#names).value);
      for (let i = 0n; i < count!; i++) encoder.number(value!, 8);
    } else if (word === "at") {
      const next = new Encoder(Number(parseValue(operands, this.#names).value));
      next.bits = encoder.bits;
      this.#encoders.push(next);
    } else return false;
    return true;
  }

  readonly #names = (name: string): Value | undefined => {
    if (name === "$") return { value: BigInt(this.#encoder.here), isLabel: true };
    const symbol = this.#symbols[name];
    if (symbol !== undefined) return { value: BigInt(symbol), isLabel: false };
    const label = this.#known.get(name);
    if (label !== undefined) return { value: BigInt(label), isLabel: true };
    if (this.#isLast) throw new SyntaxError(`unknown name ${name}`);
    return undefined;
  };
}

/** Throws a SyntaxError for text that is none. */
export function assemble(source: string, options: AssembleOptions): Assembled {
  const first = new Pass(options);
  first.run(source);
  const second = new Pass(options, first.labels);
  second.run(source);
  return { pieces: second.pieces, labels: second.labels };
}
