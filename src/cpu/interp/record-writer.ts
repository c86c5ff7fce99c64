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
import type { Operand } from "../isa/notation.ts";
import { DS, FS, GPR, GPR_BYTE, RBP, RIP, RSP, SS, ZERO } from "../state-layout.ts";
import { hotOp } from "./hot-forms.ts";
import { ROW_PLANS, type RowPlan } from "./row-plan.ts";

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
  const plan = ROW_PLANS[insn.row]!;
  const { a, b, c, isRelative } = plan;
  const next = offset + insn.length;
  let { ea, segment } =
    insn.isMemory || plan.isString
      ? addressing(cpu, insn, plan.isOffset)
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
  if (plan.op === "xlat" && insn.segment < 0) segment = DS;
  const slots =
    (a === undefined ? 0 : slotOf(a, insn)) | ((b === undefined ? 0 : slotOf(b, insn)) << 8);
  const third = c === undefined ? plan.aux : slotOf(c, insn);
  code[p + SLOTS] = slots | (base << 16) | (index << 24);
  code[p + DISP] = displacement;
  const distance = insn.immediate + next;
  const isFarTarget = isRelative && cpu.is64 && distance !== (distance | 0);
  code[p + IMM] = isRelative ? distance : insn.immediate;
  if (plan.x87 >= 0) code[p + IMM] = plan.x87 | insn.modrm;
  code[p + LINK] = linkWord(insn, plan, ea);
  code[p + INFO] =
    plan.widths[insn.operandSize >> 2]! |
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
  const hot = isFarTarget ? 0 : hotOp(cpu, p, plan.cases);
  code[p + OP] = hot !== 0 ? hot : plan.executor;
}

/** Branches start without a link; a second immediate or the high half of a first one goes there otherwise. */
function linkWord(insn: Decoder, plan: RowPlan, ea: number): number {
  if (plan.isRelative) return 0;
  if (ea === EA_ABSOLUTE) return insn.displacementHi;
  return plan.hasSecondImmediate ? insn.immediate2 : insn.immediateHi;
}
