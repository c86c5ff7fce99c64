// SPDX-License-Identifier: BSD-2-Clause
// Reads ACPI machine language back, for tests: a disassembler of the part of the grammar (ACPI 6.5
// chapter 20) that a DSDT of ours uses. It shares nothing with the emitter, and insists that every
// length ends exactly where the content does.
import { listResources } from "./resource-listing.ts";

/** One indented line a statement. Throws an Error with the offset of whatever it cannot read. */
export function listAml(aml: Uint8Array): string {
  const lines = new AmlReader(aml).statements("");
  return `${lines.join("\n")}\n`;
}

/** Opcodes whose operands are all terms, with how many there are and how the term reads. */
const OPERATORS: Readonly<Record<number, { readonly word: string; readonly operands: number }>> = {
  112: { word: "Store", operands: 2 },
  118: { word: "Decrement", operands: 1 },
  121: { word: "ShiftLeft", operands: 3 },
  123: { word: "And", operands: 3 },
  125: { word: "Or", operands: 3 },
  130: { word: "FindSetRightBit", operands: 2 },
  134: { word: "Notify", operands: 2 },
  139: { word: "CreateWordField", operands: 3 },
  147: { word: "LEqual", operands: 2 },
  149: { word: "LLess", operands: 2 },
  164: { word: "Return", operands: 1 },
};

/** How many operands at the end of these are targets: places for a result, where zero means nowhere. */
const TARGETS: Readonly<Record<number, number>> = { 121: 1, 123: 1, 125: 1, 130: 1 };

class AmlReader {
  readonly #bytes: Uint8Array;
  readonly #methodArguments: Map<string, number>;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length, methods = new Map<string, number>()) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#methodArguments = methods;
  }

  statements(indent: string): string[] {
    const lines: string[] = [];
    while (this.#at < this.#end) lines.push(...this.#statement(indent));
    return lines;
  }

  #statement(indent: string): string[] {
    const opcode = this.#peek();
    switch (opcode) {
      case 0x08:
        this.#byte();
        return this.#nameStatement(indent);
      case 0x10:
        this.#byte();
        return this.#block(indent, (body) => `Scope ${body.#nameString()}`);
      case 0x14:
        this.#byte();
        return this.#block(indent, (body) => body.#methodHead());
      case 0x5b:
        this.#byte();
        return this.#extended(indent);
      case 0xa0:
        this.#byte();
        return this.#block(indent, (body) => `If ${body.#term()}`);
      case 0xa1:
        this.#byte();
        return this.#block(indent, () => "Else");
      default:
        return [`${indent}${this.#term()}`];
    }
  }

  #extended(indent: string): string[] {
    const opcode = this.#byte();
    if (opcode === 0x82) return this.#block(indent, (body) => `Device ${body.#nameString()}`);
    if (opcode === 0x80) {
      const region = this.#nameString();
      const space = this.#byte();
      return [`${indent}OperationRegion ${region} space ${space} ${this.#term()} ${this.#term()}`];
    }
    if (opcode === 0x81) {
      const body = this.#package();
      const head = `${indent}Field ${body.#nameString()} flags ${body.#byte()}`;
      return [head, ...body.#fieldElements(`${indent}  `)];
    }
    throw this.#unreadable(`extended opcode 0x${opcode.toString(16)}`);
  }

  #fieldElements(indent: string): string[] {
    const lines: string[] = [];
    let bit = 0;
    while (this.#at < this.#end) {
      const isReserved = this.#peek() === 0;
      const name = isReserved ? String(this.#byte()) : this.#segment();
      const width = this.#packageLength();
      if (!isReserved) lines.push(`${indent}${name} bits ${bit}-${bit + width - 1}`);
      bit += width;
    }
    return lines;
  }

  #methodHead(): string {
    const name = this.#nameString();
    const flags = this.#byte();
    this.#methodArguments.set(name, flags & 7);
    return `Method ${name} ${flags & 7} arguments${(flags & 8) !== 0 ? " serialized" : ""}`;
  }

  #nameStatement(indent: string): string[] {
    const head = `${indent}Name ${this.#nameString()}`;
    if (this.#peek() === 0x11) {
      this.#byte();
      const body = this.#package();
      return [head, ...body.#resourceLines(`${indent}  `)];
    }
    return [`${head} ${this.#term()}`];
  }

  #resourceLines(indent: string): string[] {
    const size = Number(this.#term());
    if (this.#at + size !== this.#end) throw this.#unreadable(`buffer of ${size} bytes`);
    return listResources(this.#bytes.subarray(this.#at, this.#end)).map((line) => indent + line);
  }

  #block(indent: string, head: (body: AmlReader) => string): string[] {
    const body = this.#package();
    const first = indent + head(body);
    return [first, ...body.statements(`${indent}  `)];
  }

  #term(): string {
    const opcode = this.#byte();
    if (opcode <= 0x01) return String(opcode);
    if (opcode >= 0x60 && opcode <= 0x67) return `Local${opcode - 0x60}`;
    if (opcode >= 0x68 && opcode <= 0x6e) return `Arg${opcode - 0x68}`;
    const operator = OPERATORS[opcode];
    if (operator !== undefined) return this.#operation(opcode, operator);
    const width = { 10: 1, 11: 2, 12: 4, 14: 8 }[opcode];
    if (width !== undefined) return this.#integer(width);
    if (opcode === 0x0d) return this.#string();
    if (opcode === 0x12) return this.#packageTerm();
    this.#at--;
    return this.#invocation();
  }

  #operation(opcode: number, operator: { word: string; operands: number }): string {
    const operands: string[] = [];
    const firstTarget = operator.operands - (TARGETS[opcode] ?? 0);
    for (let i = 0; i < operator.operands; i++) {
      if (i >= firstTarget && this.#peek() === 0) {
        this.#byte();
        operands.push("-");
      } else operands.push(this.#term());
    }
    return `${operator.word}(${operands.join(", ")})`;
  }

  #invocation(): string {
    const name = this.#nameString();
    const count = this.#methodArguments.get(name);
    if (count === undefined) return name;
    const values = Array.from({ length: count }, () => this.#term());
    return `${name}(${values.join(", ")})`;
  }

  #packageTerm(): string {
    const body = this.#package();
    const count = body.#byte();
    const elements = Array.from({ length: count }, () => body.#term());
    if (body.#at !== body.#end) throw body.#unreadable(`package of ${count} elements`);
    return `{${elements.join(", ")}}`;
  }

  #integer(width: number): string {
    let value = 0n;
    for (let i = 0; i < width; i++) value |= BigInt(this.#byte()) << BigInt(8 * i);
    return `0x${value.toString(16)}`;
  }

  #string(): string {
    let text = "";
    for (let byte = this.#byte(); byte !== 0; byte = this.#byte())
      text += String.fromCharCode(byte);
    return JSON.stringify(text);
  }

  /** NameString; trailing underscores are padding and are not shown. */
  #nameString(): string {
    let prefix = "";
    while (this.#peek() === 0x5c || this.#peek() === 0x5e) {
      prefix += String.fromCharCode(this.#byte());
    }
    const count = this.#segmentCount();
    return prefix + Array.from({ length: count }, () => this.#segment()).join(".");
  }

  #segmentCount(): number {
    const lead = this.#peek();
    if (lead !== 0x00 && lead !== 0x2e && lead !== 0x2f) return 1;
    this.#byte();
    if (lead === 0x2f) return this.#byte();
    return lead === 0x2e ? 2 : 0;
  }

  #segment(): string {
    const text = String.fromCharCode(this.#byte(), this.#byte(), this.#byte(), this.#byte());
    if (!/^[A-Z_][A-Z0-9_]{3}$/.test(text)) throw this.#unreadable(`name ${JSON.stringify(text)}`);
    return text.replace(/(?!^)_+$/, "");
  }

  #packageLength(): number {
    const lead = this.#byte();
    const following = lead >> 6;
    if (following === 0) return lead & 0x3f;
    let value = lead & 0x0f;
    for (let i = 0; i < following; i++) value += this.#byte() * 2 ** (4 + 8 * i);
    return value;
  }

  /** A reader of just the package that begins here; this one goes on behind it. */
  #package(): AmlReader {
    const start = this.#at;
    const end = start + this.#packageLength();
    if (end > this.#end) throw this.#unreadable(`package of ${end - start} bytes`);
    const body = new AmlReader(this.#bytes, this.#at, end, this.#methodArguments);
    this.#at = end;
    return body;
  }

  #peek(): number {
    return this.#at < this.#end ? this.#bytes[this.#at]! : -1;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#unreadable("end of the package");
    return this.#bytes[this.#at++]!;
  }

  #unreadable(what: string): Error {
    return new Error(`AML at offset ${this.#at}: unexpected ${what}`);
  }
}
