// SPDX-License-Identifier: BSD-2-Clause
// From a row of the instruction table and a choice for everything it leaves open to bytes: SDM 2 ch. 2. The
// opposite of src/cpu/decode, and independent of it: of the project it reads the rows and their notation.
//
// The encoder puts down what it is told: it is for the chooser (choices.ts) to choose what is legal.
import {
  MAP_0F,
  MAP_0F3A,
  MAP_0F38,
  MAP_ONE_BYTE,
  type Operand,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  VEX_MAPS,
} from "../../src/cpu/isa/notation.ts";
import type { ParsedRow } from "../../src/cpu/isa/table.ts";

export type CodeSize = 16 | 32 | 64;

export const NO_BASE = -1;
/** The base is the address of the next instruction. */
export const RIP_BASE = -2;
export const NO_INDEX = -1;

/** A memory operand by ModRM. */
export interface MemoryForm {
  /** A register's number, NO_BASE or RIP_BASE. */
  base: number;
  index: number;
  /** Log2. */
  scale: number;
  /** Signed; taken modulo the size that is encoded. */
  displacement: number;
  /** Bytes of displacement; what the form demands wins (no base: 4, or 2 with 16-bit addresses). */
  displacementSize: 0 | 1 | 2 | 4;
  /** Encode a SIB byte even where ModRM alone would do. */
  hasSib: boolean;
  /** One of the eight 16-bit forms by its ModRM.rm; -1 for the forms above. */
  form16: number;
}

/** Everything about one instruction that its row does not say. */
export interface Choice {
  readonly parsed: ParsedRow;
  readonly codeSize: CodeSize;
  /** Legacy prefixes as they stand, mandatory ones among them. */
  prefixes: number[];
  /** A REX prefix even if none of its bits is set. */
  hasRex: boolean;
  w: 0 | 1;
  reg: number;
  /** ModRM.rm of a register operand. */
  rm: number;
  memory: MemoryForm | undefined;
  opcodeRegister: number;
  vexRegister: number;
  vexL: 0 | 1;
  /** The three-byte VEX prefix even where two bytes would do. */
  hasLongVex: boolean;
  /** One for each immediate, relative, far or offset operand, in their order. */
  immediates: bigint[];
}

const MANDATORY: Readonly<Record<number, number>> = {
  [PREFIX_66]: 0x66,
  [PREFIX_F3]: 0xf3,
  [PREFIX_F2]: 0xf2,
};

/** The legacy prefix that a row's encoding demands; undefined if it demands none, or in VEX. */
export function mandatoryPrefix({ match }: ParsedRow): number | undefined {
  if (match.map >= VEX_MAPS || match.prefix === undefined) return undefined;
  return MANDATORY[match.prefix];
}

export function isVex({ match }: ParsedRow): boolean {
  return match.map >= VEX_MAPS;
}

/** Bytes of the operand size attribute, SDM 2 table 3-4 and SDM 1 table 3-3. */
export function operandSize(choice: Choice): 2 | 4 | 8 {
  const has66 = choice.prefixes.includes(0x66);
  const { size } = choice.parsed.row;
  if (choice.codeSize === 64) {
    if (choice.w === 1 || size === "f64") return 8;
    if (size === "d64") return has66 ? 2 : 8;
    return has66 ? 2 : 4;
  }
  if (isVex(choice.parsed)) return 4;
  return (choice.codeSize === 32) === has66 ? 2 : 4;
}

/** Bytes of the address size attribute. */
export function addressSize({ codeSize, prefixes }: Choice): 2 | 4 | 8 {
  const has67 = prefixes.includes(0x67);
  if (codeSize === 64) return has67 ? 4 : 8;
  return (codeSize === 32) === has67 ? 2 : 4;
}

/** Bytes of one operand that has a width of its own; 0 for what has none (LEA's memory). */
export function operandBytes({ width }: Operand, choice: Choice): number {
  const size = operandSize(choice);
  switch (width) {
    case "b":
    case "s":
      return 1;
    case "w":
      return 2;
    case "d":
      return 4;
    case "q":
      return 8;
    case "t":
    case "p":
      return 10;
    case "dq":
      return 16;
    case "qq":
      return 32;
    case "x":
      return choice.vexL === 1 ? 32 : 16;
    case "v":
      return size;
    case "z":
      return size === 2 ? 2 : 4;
    case "y":
      return size === 8 ? 8 : 4;
    case "a":
      return 2 * size;
    default:
      return 0;
  }
}

/** Bytes that an operand takes in the instruction; 0 if it is none that follows ModRM. */
function immediateBytes(operand: Operand, choice: Choice): number {
  switch (operand.where) {
    case "relative":
      if (operand.width === "b") return 1;
      // In 64-bit mode 66 does not shorten near branches (SDM 2: JMP).
      return choice.codeSize !== 64 && operandSize(choice) === 2 ? 2 : 4;
    case "immediate":
      return operandBytes(operand, choice);
    case "vectorImmediate":
      return 1;
    case "far":
      return (operandSize(choice) === 2 ? 2 : 4) + 2;
    case "offset":
      return addressSize(choice);
    default:
      return 0;
  }
}

/** How many values {@link Choice.immediates} must have, and the bytes of each. */
export function immediateSizes(choice: Choice): number[] {
  return choice.parsed.operands
    .map((operand) => immediateBytes(operand, choice))
    .filter((bytes) => bytes > 0);
}

function bit(register: number): number {
  return (register >> 3) & 1;
}

/** REX.RXB of a choice, as REX has them. */
function extension(choice: Choice): number {
  const { memory, parsed } = choice;
  let b = bit(choice.rm);
  let x = 0;
  if (memory !== undefined) {
    b = memory.base < 0 ? 0 : bit(memory.base);
    x = memory.index < 0 ? 0 : bit(memory.index);
  } else if (!parsed.match.hasModrm) b = bit(choice.opcodeRegister);
  return (bit(choice.reg) << 2) | (x << 1) | b;
}

function putNumber(bytes: number[], value: bigint, size: number): void {
  let rest = BigInt.asUintN(8 * size, value);
  for (let i = 0; i < size; i++) {
    bytes.push(Number(rest & 0xffn));
    rest >>= 8n;
  }
}

function putRex(bytes: number[], choice: Choice): void {
  if (choice.codeSize !== 64) return;
  const rex = (choice.w << 3) | extension(choice);
  if (rex !== 0 || choice.hasRex) bytes.push(0x40 | rex);
}

/** SDM 2 §2.3.5: R, X, B and vvvv are inverted. */
function putVex(bytes: number[], choice: Choice): void {
  const { match } = choice.parsed;
  const inverted = ~extension(choice) & 7;
  const prefix = match.prefix ?? 0;
  const last = ((~choice.vexRegister & 15) << 3) | (choice.vexL << 2) | prefix;
  const map = match.map - VEX_MAPS;
  if (!choice.hasLongVex && map === MAP_0F && choice.w === 0 && (inverted & 3) === 3) {
    bytes.push(0xc5, ((inverted >> 2) << 7) | last);
  } else bytes.push(0xc4, (inverted << 5) | map, (choice.w << 7) | last);
}

function putOpcode(bytes: number[], choice: Choice): void {
  const { match } = choice.parsed;
  if (match.map !== MAP_ONE_BYTE && match.map < VEX_MAPS) bytes.push(0x0f);
  if (match.map === MAP_0F38) bytes.push(0x38);
  if (match.map === MAP_0F3A) bytes.push(0x3a);
  bytes.push(match.opcode | (match.hasRegisterInOpcode ? choice.opcodeRegister & 7 : 0));
}

function putModrm(bytes: number[], choice: Choice): void {
  const { memory } = choice;
  const reg = (choice.reg & 7) << 3;
  if (memory === undefined) bytes.push(0xc0 | reg | (choice.rm & 7));
  else if (addressSize(choice) === 2) putMemory16(bytes, reg, memory);
  else putMemory(bytes, reg, memory, choice.codeSize);
}

function putMemory16(bytes: number[], reg: number, memory: MemoryForm): void {
  const { form16, displacementSize: size } = memory;
  // Form 6 without a displacement is an address alone.
  const isDirect = form16 < 0;
  const mod = isDirect ? 0 : size === 0 ? 0 : size === 1 ? 1 : 2;
  const real = !isDirect && mod === 0 && form16 === 6 ? 1 : mod;
  bytes.push((real << 6) | reg | (isDirect ? 6 : form16));
  const length = isDirect || real === 2 ? 2 : real;
  putNumber(bytes, BigInt(memory.displacement), length);
}

function putMemory(bytes: number[], reg: number, memory: MemoryForm, codeSize: CodeSize): void {
  const { base, index, scale } = memory;
  const displacement = BigInt(memory.displacement);
  if (base === RIP_BASE) {
    bytes.push(reg | 5);
    putNumber(bytes, displacement, 4);
    return;
  }
  const isBaseless = base === NO_BASE;
  let size = memory.displacementSize === 2 ? 4 : memory.displacementSize;
  // rBP and R13 have no form without a displacement: that one means no base.
  if (!isBaseless && (base & 7) === 5 && size === 0) size = 1;
  const mod = isBaseless || size === 0 ? 0 : size === 1 ? 1 : 2;
  const needsSib = index !== NO_INDEX || (!isBaseless && (base & 7) === 4);
  // In 64-bit mode the short form of an address alone is relative to RIP.
  if (needsSib || memory.hasSib || (isBaseless && codeSize === 64)) {
    bytes.push((mod << 6) | reg | 4);
    const indexBits = index === NO_INDEX ? 4 : index & 7;
    bytes.push((scale << 6) | (indexBits << 3) | (isBaseless ? 5 : base & 7));
  } else bytes.push((mod << 6) | reg | (isBaseless ? 5 : base & 7));
  putNumber(bytes, displacement, isBaseless ? 4 : size);
}

/** The instruction's bytes; more than fifteen if the choice has so many prefixes. */
export function encode(choice: Choice): Uint8Array {
  const bytes = [...choice.prefixes];
  if (isVex(choice.parsed)) putVex(bytes, choice);
  else putRex(bytes, choice);
  if (isVex(choice.parsed)) bytes.push(choice.parsed.match.opcode);
  else putOpcode(bytes, choice);
  if (choice.parsed.match.hasModrm) putModrm(bytes, choice);
  immediateSizes(choice).forEach((size, index) => {
    putNumber(bytes, choice.immediates[index] ?? 0n, size);
  });
  return Uint8Array.from(bytes);
}
