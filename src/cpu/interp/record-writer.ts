// SPDX-License-Identifier: BSD-2-Clause
// From a decoded instruction to its record in the code cache: registers become slots, the memory operand a
// way to make its address, the operation an executor or a case of the hot loop.
import type { Cpu } from "../cpu.ts";
import { BASE_RIP, type Decoder, NO_REGISTER } from "../decode/decoder.ts";
import {
  DISP,
  EA_32_IN_64,
  EA_ABSOLUTE,
  EA_CHECKED,
  EA_FLAT_32,
  EA_PLAIN,
  EA_RIP_FAR,
  EA_SEGMENT,
  FIRST_EXECUTOR,
  IMM,
  INFO,
  INFO_ADDRESS_SHIFT,
  INFO_C_SHIFT,
  INFO_EA_SHIFT,
  INFO_FAR_TARGET,
  INFO_LENGTH_SHIFT,
  INFO_LOCK,
  INFO_REP,
  INFO_REPNE,
  INFO_SCALE_SHIFT,
  INFO_SEGMENT_SHIFT,
  INFO_VEX,
  INFO_VEX_L,
  INFO_W,
  LINK,
  NEXT,
  OP,
  ROW,
  SLOT_IMMEDIATE,
  SLOT_MEMORY,
  SLOTS,
} from "../decode/record.ts";
import { type EncodingMatch, MAP_ONE_BYTE, type Operand } from "../isa/notation.ts";
import { PARSED_ROWS, type ParsedRow } from "../isa/table.ts";
import { DS, FS, GPR, GPR_BYTE, RBP, RIP, RSP, SS, ZERO } from "../state-layout.ts";
import { OPERATION_NUMBERS } from "./executors.ts";
import { hotOp } from "./hot-forms.ts";

/** Log2 of a row's operand size: of the first operand that has one, else the instruction's. */
function widthLog(operands: readonly Operand[], operandSize: number): number {
  const byInstruction = operandSize === 8 ? 3 : operandSize === 4 ? 2 : 1;
  for (const { where, width, text } of operands) {
    if (!SIZED.has(where) || text === "dx") continue;
    switch (width) {
      case "b":
        return 0;
      case "w":
        return 1;
      case "d":
        return 2;
      case "y":
        // CRC32's destination has 32 or 64 bits, its source decides.
        if (operands[1]?.width === "v") return byInstruction;
        return operandSize === 8 ? 3 : 2;
      case "z":
        return operandSize === 2 ? 1 : 2;
      default:
        return byInstruction;
    }
  }
  return byInstruction;
}

const SIZED: ReadonlySet<string> = new Set([
  "vexGpr",
  "gprOrMemory",
  "gprReg",
  "memory",
  "offset",
  "gprRm",
  "string",
  "gprOpcode",
  "fixedGpr",
]);

/** A general register as an index of the state's bytes, 16-bit words or 32-bit words. */
function gprSlot(register: number, bytes: number, hasRex: boolean): number {
  if (bytes === 1) {
    // Without REX, numbers 4 to 7 are AH, CH, DH, BH.
    if (!hasRex && register >= 4 && register < 8) return GPR_BYTE + 8 * (register - 4) + 1;
    return GPR_BYTE + 8 * register;
  }
  return bytes === 2 ? 2 * (GPR + 2 * register) : GPR + 2 * register;
}

function operandBytes(width: string, operandSize: number): number {
  switch (width) {
    case "b":
      return 1;
    case "w":
      return 2;
    case "v":
      return operandSize;
    case "z":
      return operandSize === 2 ? 2 : 4;
    default:
      return 4;
  }
}

function slotOf(operand: Operand, insn: Decoder): number {
  const bytes = operandBytes(operand.width, insn.operandSize);
  const isRexLike = insn.hasRex || insn.isVex;
  switch (operand.where) {
    case "gprOrMemory":
      return insn.isMemory ? SLOT_MEMORY : gprSlot(insn.rm, bytes, isRexLike);
    case "gprRm":
      return gprSlot(insn.rm, bytes, isRexLike);
    case "gprReg":
      return gprSlot(insn.reg, bytes, isRexLike);
    case "gprOpcode":
      return gprSlot(insn.opcodeRegister, bytes, isRexLike);
    case "fixedGpr":
      return gprSlot(operand.register, bytes, isRexLike);
    case "vexGpr":
      return gprSlot(insn.vexRegister, bytes, true);
    case "vectorOrMemory":
      return insn.isMemory ? SLOT_MEMORY : insn.rm;
    case "mmxOrMemory":
      return insn.isMemory ? SLOT_MEMORY : insn.rm3;
    case "memory":
    case "offset":
      return SLOT_MEMORY;
    case "immediate":
    case "relative":
    case "one":
    case "far":
      return SLOT_IMMEDIATE;
    case "vectorRm":
      return insn.rm;
    case "vectorReg":
    case "control":
    case "debug":
      return insn.reg;
    case "vexVector":
      return insn.vexRegister;
    case "vectorMemory":
      return insn.vectorIndex;
    case "vectorImmediate":
      return insn.immediate;
    case "mmxReg":
    case "segment":
      return insn.reg3;
    case "mmxRm":
    case "stackRegister":
      return insn.rm3;
    default:
      return 0;
  }
}

/** How the memory operand's address is made, and by which segment. `isOffset`: it is in the instruction. */
function addressing(cpu: Cpu, insn: Decoder, isOffset: boolean): { ea: number; segment: number } {
  const usesStack = insn.isMemory && (insn.base === RSP || insn.base === RBP);
  const segment = insn.segment >= 0 ? insn.segment : usesStack ? SS : DS;
  if (cpu.is64) {
    if (insn.addressSize === 4) return { ea: EA_32_IN_64, segment };
    if (isOffset && insn.displacementHi !== insn.displacement >> 31) {
      return { ea: EA_ABSOLUTE, segment };
    }
    return { ea: segment >= FS ? EA_SEGMENT : EA_PLAIN, segment };
  }
  const isFlat = cpu.isFlat && insn.addressSize === 4 && segment < FS && segment !== 1;
  return { ea: isFlat ? EA_FLAT_32 : EA_CHECKED, segment };
}

/** Writes the record of the instruction in `insn`, which starts `offset` bytes into its block. */
export function writeRecord(cpu: Cpu, p: number, insn: Decoder, offset: number): void {
  const { code } = cpu;
  const parsed: ParsedRow = PARSED_ROWS[insn.row]!;
  const { row, operands, match } = parsed;
  const next = offset + insn.length;
  const slots = operands.map((operand) => slotOf(operand, insn));
  const isOffset = operands.some(({ where }) => where === "offset");
  const hasAddress = insn.isMemory || operands.some(({ where }) => where === "string");
  let { ea, segment } = hasAddress
    ? addressing(cpu, insn, isOffset)
    : { ea: EA_PLAIN, segment: insn.segment >= 0 ? insn.segment : DS };
  let base = ZERO;
  let index = ZERO;
  let displacement = 0;
  if (insn.isMemory) {
    displacement = insn.displacement;
    if (insn.base >= 0) base = GPR + 2 * insn.base;
    if (insn.index !== NO_REGISTER) index = GPR + 2 * insn.index;
    if (insn.base === BASE_RIP) {
      base = RIP;
      const sum = displacement + next;
      if (sum === (sum | 0)) displacement = sum;
      else if (ea !== EA_32_IN_64) ea = EA_RIP_FAR;
      else displacement = sum | 0;
    }
  }
  if (row.op === "xlat" && insn.segment < 0) segment = DS;
  const isRelative = operands.some(({ where }) => where === "relative");
  const width = widthLog(operands, insn.operandSize);
  const third = operands.length > 2 ? slots[2]! : row.aux;
  code[p + SLOTS] = (slots[0] ?? 0) | ((slots[1] ?? 0) << 8) | (base << 16) | (index << 24) | 0;
  code[p + DISP] = displacement;
  const distance = insn.immediate + next;
  const isFarTarget = isRelative && cpu.is64 && distance !== (distance | 0);
  code[p + IMM] = isRelative ? distance : insn.immediate;
  if (match.hasModrm && isX87(match)) code[p + IMM] = ((match.opcode & 7) << 8) | insn.modrm;
  code[p + LINK] = linkWord(insn, operands, ea, isRelative);
  code[p + INFO] =
    width |
    (insn.isMemory ? insn.scale << INFO_SCALE_SHIFT : 0) |
    (ea << INFO_EA_SHIFT) |
    (segment << INFO_SEGMENT_SHIFT) |
    (insn.hasLock ? INFO_LOCK : 0) |
    (insn.hasRep ? INFO_REP : 0) |
    (insn.hasRepne ? INFO_REPNE : 0) |
    ((insn.addressSize === 8 ? 2 : insn.addressSize === 4 ? 1 : 0) << INFO_ADDRESS_SHIFT) |
    (insn.length << INFO_LENGTH_SHIFT) |
    (insn.vexL === 1 ? INFO_VEX_L : 0) |
    (insn.w === 1 ? INFO_W : 0) |
    (insn.isVex ? INFO_VEX : 0) |
    (isFarTarget ? INFO_FAR_TARGET : 0) |
    (third << INFO_C_SHIFT);
  code[p + NEXT] = next;
  code[p + ROW] = insn.row;
  const hot = isFarTarget ? undefined : hotOp(cpu, p, row.op);
  code[p + OP] = hot ?? FIRST_EXECUTOR + OPERATION_NUMBERS.get(row.op)!;
}

/** D8 … DF. Their records have the opcode's 11 variable bits for an immediate, as exceptions save it. */
function isX87(match: EncodingMatch): boolean {
  return match.map === MAP_ONE_BYTE && (match.opcode & 0xf8) === 0xd8;
}

/** Branches start without a link; a second immediate or the high half of a first one goes there otherwise. */
function linkWord(
  insn: Decoder,
  operands: readonly Operand[],
  ea: number,
  isRelative: boolean,
): number {
  if (isRelative) return 0;
  if (ea === EA_ABSOLUTE) return insn.displacementHi;
  const immediates = operands.filter(({ where }) => where === "immediate").length;
  const hasSecond = immediates > 1 || operands.some(({ where }) => where === "far");
  return hasSecond ? insn.immediate2 : insn.immediateHi;
}
