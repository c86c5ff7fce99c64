// SPDX-License-Identifier: BSD-2-Clause
// From instruction bytes to Intel syntax, in code of any size: SDM 2 ch. 3-5 for the mnemonics. It decodes
// with the processor's own decoder and spells what the row says, so it knows what the processor knows: new
// rows need nothing here, and what is #UD on this processor is `(bad)`.
//
// Left out: prefixes without effect, hints (branch taken, BND, XACQUIRE), and the pseudo-mnemonics of
// comparisons with an immediate (CMPEQPS).
import { BASE_RIP, type CodeSize, DECODED, Decoder } from "../decode/decoder.ts";
import type { Lookup } from "../decode/lookup.ts";
import type { ParsedRow } from "../isa/table.ts";
import { PARSED_ROWS } from "../isa/table.ts";
import { IMPLICIT_MEMORY, mnemonicFor, SILENT_COUNTER, SILENT_SIZE } from "./names.ts";
import { type OperandContext, operandText, pointerText } from "./operands.ts";

/** The symbol an address belongs to, as text: `name` or `name+0x12`. */
export type SymbolResolver = (address: bigint) => string | undefined;

export interface Disassembly {
  readonly text: string;
  /** Bytes of the instruction; 1 for what is none. */
  readonly length: number;
}

const BAD: Disassembly = { text: "(bad)", length: 1 };

/** Where an instruction stands. */
export interface CodePlace {
  readonly codeSize: CodeSize;
  /** Its address: RIP, or an offset in CS. */
  readonly address: bigint;
}

export class Disassembler {
  readonly #decoder: Decoder;
  readonly #symbolAt: SymbolResolver;

  /** `lookup` says which rows exist; `symbolAt` names the targets of branches and of RIP-relative operands. */
  constructor(lookup: Lookup, symbolAt: SymbolResolver = () => undefined) {
    this.#decoder = new Decoder(lookup);
    this.#symbolAt = symbolAt;
  }

  /** The instruction that `bytes` start with. */
  disassemble(bytes: Uint8Array, { codeSize, address }: CodePlace): Disassembly {
    const decoder = this.#decoder;
    if (decoder.decode(bytes, 0, bytes.length, codeSize) !== DECODED) return BAD;
    const { length } = decoder;
    const context: OperandContext = {
      decoder,
      codeSize,
      next: address + BigInt(length),
      addressText: (target) => this.#addressText(target),
    };
    const parsed = PARSED_ROWS[decoder.row]!;
    const operands = operandTexts(context, parsed);
    const prefixes = sizePrefixText(context, parsed) + prefixText(decoder, parsed);
    const text = `${prefixes}${mnemonicText(decoder, parsed)}`;
    const line = operands.length === 0 ? text : `${text} ${operands.join(", ")}`;
    return { text: line + this.#comment(context), length };
  }

  #addressText(address: bigint): string {
    const symbol = this.#symbolAt(address);
    const digits = `0x${address.toString(16)}`;
    return symbol === undefined ? digits : `${digits} <${symbol}>`;
  }

  /** Where a RIP-relative operand lies. */
  #comment({ decoder, next }: OperandContext): string {
    if (!decoder.isMemory || decoder.base !== BASE_RIP) return "";
    const address = BigInt.asUintN(8 * decoder.addressSize, next + BigInt(decoder.displacement));
    return `  # ${this.#addressText(address)}`;
  }
}

function isString({ operands }: ParsedRow): boolean {
  return operands.some(({ where }) => where === "string");
}

/** `data16` and the like, `addr16` and the like, where the size is other than the code's and nothing else says so. */
function sizePrefixText(
  { decoder, codeSize }: OperandContext,
  { row, operands }: ParsedRow,
): string {
  const isImmediatePush = row.op === "push" && operands[0]?.where === "immediate";
  let text = "";
  if (SILENT_SIZE.has(row.op) || isImmediatePush) {
    const isWide = codeSize === 64 && row.size !== "default";
    const usual = isWide ? 8 : codeSize === 16 ? 2 : 4;
    if (decoder.operandSize !== usual) text = `data${8 * decoder.operandSize} `;
  }
  const isSilent = SILENT_COUNTER.has(row.op) || operands.some(({ where }) => where === "offset");
  return isSilent && 8 * decoder.addressSize !== codeSize
    ? `${text}addr${8 * decoder.addressSize} `
    : text;
}

/** LOCK and the REPs: only where they mean something. */
function prefixText(decoder: Decoder, parsed: ParsedRow): string {
  const lock = decoder.hasLock ? "lock " : "";
  if (!isString(parsed)) return lock;
  const isConditional = parsed.row.op === "cmps" || parsed.row.op === "scas";
  if (decoder.hasRepne) return isConditional ? "repne " : "rep ";
  if (!decoder.hasRep) return "";
  return isConditional ? "repe " : "rep ";
}

function mnemonicText(decoder: Decoder, { row, operands }: ParsedRow): string {
  const name = mnemonicFor(row.mnemonic, decoder.operandSize, decoder.addressSize);
  // Far jumps and calls have their near ones' mnemonics.
  const isFar = row.ends === "branch-sync" && operands[0]?.width === "p";
  return isFar ? `${name} far` : name;
}

function operandTexts(context: OperandContext, parsed: ParsedRow): string[] {
  // A string instruction's mnemonic tells its accumulator.
  const shown = isString(parsed)
    ? parsed.operands.filter(({ text }) => text !== "al" && text !== "rAX")
    : parsed.operands;
  let immediates = 0;
  const texts = shown.map((operand) =>
    operandText(context, operand, operand.where === "immediate" ? immediates++ : 0),
  );
  const implicit = IMPLICIT_MEMORY[parsed.row.op];
  return implicit === undefined ? texts : [pointerText(context, ...implicit), ...texts];
}
