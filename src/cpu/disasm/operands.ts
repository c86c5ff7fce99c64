// SPDX-License-Identifier: BSD-2-Clause
// One operand of a decoded instruction as text. Everything follows from its letters (isa/notation.ts): where
// it comes from, and how wide it is.
import { pairToBigInt } from "../../base/u64.ts";
import { BASE_RIP, type CodeSize, type Decoder, NO_REGISTER } from "../decode/decoder.ts";
import type { Operand, Width } from "../isa/notation.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { DS, RBP, RDI, RSI, RSP, SS } from "../state-layout.ts";
import { FORM_WIDTHS, gprName, POINTERS, SEGMENT_NAMES } from "./names.ts";

/** What an operand's text depends on beside the decoder. */
export interface OperandContext {
  readonly decoder: Decoder;
  readonly codeSize: CodeSize;
  /** Address of the next instruction. */
  readonly next: bigint;
  /** An address of code or data with its symbol, if it has one. */
  readonly addressText: (address: bigint) => string;
}

/** Bytes of an operand of some width in this instruction; 0 for what has none. */
function bytesOf(width: Width, { operandSize, vexL }: Decoder): number {
  switch (width) {
    case "b":
      return 1;
    case "w":
      return 2;
    case "d":
      return 4;
    case "q":
      return 8;
    case "t":
      return 10;
    case "dq":
      return 16;
    case "qq":
      return 32;
    case "x":
      return vexL === 1 ? 32 : 16;
    case "v":
      return operandSize;
    case "z":
      return Math.min(operandSize, 4);
    case "y":
      return Math.max(operandSize, 4);
    case "p":
      return operandSize + 2;
    case "a":
      return 2 * operandSize;
    case "s":
      return 6;
    default:
      return 0;
  }
}

/** Text of `operand`, the `index`th immediate of its instruction if it is one. */
export function operandText(context: OperandContext, operand: Operand, index: number): string {
  const { decoder } = context;
  switch (operand.where) {
    case "gprOrMemory":
      return decoder.isMemory
        ? memoryText(context, operand)
        : gpr(context, formOf(context, operand, "register"), decoder.rm);
    case "gprRm":
      return gpr(context, operand, decoder.rm);
    case "gprReg":
      return gpr(context, operand, decoder.reg);
    case "gprOpcode":
      return gpr(context, operand, decoder.opcodeRegister);
    case "vexGpr":
      return gpr(context, operand, decoder.vexRegister);
    case "fixedGpr":
      return gpr(context, formOf(context, operand, "register"), operand.register);
    case "control":
      return `cr${decoder.reg}`;
    case "debug":
      return `dr${decoder.reg}`;
    case "segment":
      return SEGMENT_NAMES[decoder.reg3]!;
    case "memory":
    case "vectorMemory":
    case "offset":
      return memoryText(context, operand);
    case "string":
      return stringText(context, operand);
    case "immediate":
    case "relative":
    case "far":
    case "one":
      return immediateText(context, operand, index);
    default:
      return vectorText(context, operand);
  }
}

function vectorName(decoder: Decoder, { width }: Operand, number: number): string {
  return `${bytesOf(width, decoder) === 32 ? "ymm" : "xmm"}${number}`;
}

/** x87, MMX and SSE: registers of their own. */
function vectorText(context: OperandContext, operand: Operand): string {
  const { decoder } = context;
  const vector = (number: number) => vectorName(decoder, operand, number);
  switch (operand.where) {
    case "stackRegister":
      return `st(${decoder.rm3})`;
    case "mmxReg":
      return `mm${decoder.reg3}`;
    case "mmxRm":
      return `mm${decoder.rm3}`;
    case "mmxOrMemory":
      return decoder.isMemory ? memoryText(context, operand) : `mm${decoder.rm3}`;
    case "vectorReg":
      return vector(decoder.reg);
    case "vectorRm":
      return vector(decoder.rm);
    case "vectorOrMemory":
      return decoder.isMemory ? memoryText(context, operand) : vector(decoder.rm);
    case "vexVector":
      return vector(decoder.vexRegister);
    case "vectorImmediate":
      return vector(decoder.immediate);
    default:
      return operand.text;
  }
}

/** The operand with the width that its register or memory form has. */
function formOf(
  { decoder }: OperandContext,
  operand: Operand,
  form: "register" | "memory",
): Operand {
  const width = FORM_WIDTHS[ISA_ROWS[decoder.row]!.op]?.[form];
  return width === undefined ? operand : { ...operand, width };
}

function gpr({ decoder }: OperandContext, { width }: Operand, number: number): string {
  return gprName(number, bytesOf(width, decoder), decoder.hasRex || decoder.isVex);
}

function memoryText(context: OperandContext, operand: Operand): string {
  const { decoder } = context;
  const { where, width } = formOf(context, operand, "memory");
  // LEA computes an offset; no segment takes part in it.
  const isAddress = ISA_ROWS[decoder.row]!.op === "lea";
  const segment = isAddress ? "" : segmentText(decoder, defaultSegment(decoder));
  const indexName =
    where === "vectorMemory"
      ? vectorName(decoder, operand, decoder.vectorIndex)
      : indexText(decoder);
  const address = where === "offset" ? offsetText(decoder) : effectiveAddress(decoder, indexName);
  return `${POINTERS[bytesOf(width, decoder)]}${segment}[${address}]`;
}

/** An override, unless it names the segment that is meant without it. */
function segmentText({ segment }: Decoder, without: number): string {
  return segment < 0 || segment === without ? "" : `${SEGMENT_NAMES[segment]}:`;
}

/** SDM 1 §3.7.4: SS where the base is a stack or frame pointer. */
function defaultSegment({ base }: Decoder): number {
  return base === RSP || base === RBP ? SS : DS;
}

/** Name of the index register; "" without one. */
function indexText({ index, addressSize }: Decoder): string {
  return index === NO_REGISTER ? "" : gprName(index, addressSize, true);
}

/** Base + index × scale + displacement, or an address alone. */
function effectiveAddress(decoder: Decoder, indexName: string): string {
  const { base, scale, addressSize } = decoder;
  const parts: string[] = [];
  if (base === BASE_RIP) parts.push(addressSize === 8 ? "rip" : "eip");
  else if (base !== NO_REGISTER) parts.push(gprName(base, addressSize, true));
  if (indexName !== "") {
    const isScaled = scale > 0 || base === NO_REGISTER;
    parts.push(`${indexName}${isScaled ? `*${1 << scale}` : ""}`);
  }
  if (parts.length === 0) return hexText(BigInt(decoder.displacement), addressSize);
  return parts.join("+") + displacementText(decoder.displacement);
}

function displacementText(displacement: number): string {
  if (displacement === 0) return "";
  return `${displacement < 0 ? "-" : "+"}0x${Math.abs(displacement).toString(16)}`;
}

/** An address of the full address size in the instruction. */
function offsetText({ displacement, displacementHi, addressSize }: Decoder): string {
  return hexText(pairToBigInt(displacement, displacementHi), addressSize);
}

/** Unsigned, in the low `bytes` bytes. */
function hexText(value: bigint, bytes: number): string {
  return `0x${BigInt.asUintN(8 * bytes, value).toString(16)}`;
}

/** Memory in DS that a register points at, where the row has no operand for it. */
export function pointerText({ decoder }: OperandContext, register: number, bytes: number): string {
  const pointer = gprName(register, decoder.addressSize, true);
  return `${POINTERS[bytes]}${segmentText(decoder, DS)}[${pointer}]`;
}

/** DS:rSI, which a prefix may override, or ES:rDI, which none does; ES is named where the other is. */
function stringText({ decoder }: OperandContext, { text, width }: Operand): string {
  const isSource = text.startsWith("X");
  const override = segmentText(decoder, DS);
  const segment = override !== "" && !isSource ? "es:" : override;
  const pointer = gprName(isSource ? RSI : RDI, decoder.addressSize, true);
  return `${POINTERS[bytesOf(width, decoder)]}${segment}[${pointer}]`;
}

function immediateText(context: OperandContext, operand: Operand, index: number): string {
  const { decoder, codeSize, next } = context;
  switch (operand.where) {
    case "relative": {
      const bits = codeSize === 64 ? 64 : 8 * decoder.operandSize;
      return context.addressText(BigInt.asUintN(bits, next + BigInt(decoder.immediate)));
    }
    case "far": {
      const offset = hexText(BigInt(decoder.immediate), decoder.operandSize);
      return `0x${decoder.immediate2.toString(16)}:${offset}`;
    }
    default: {
      const value =
        index === 0
          ? pairToBigInt(decoder.immediate, decoder.immediateHi)
          : BigInt(decoder.immediate2);
      return hexText(value, immediateBytes(operand, decoder));
    }
  }
}

/** Bytes that an immediate is extended to: what the instruction works on. */
function immediateBytes({ width }: Operand, decoder: Decoder): number {
  if (width === "b") return 1;
  return width === "w" ? 2 : decoder.operandSize;
}
