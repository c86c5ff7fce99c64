// SPDX-License-Identifier: BSD-2-Clause
// From instruction bytes to their parts: SDM 2 ch. 2. Prefixes, REX, VEX, opcode maps, ModRM, SIB,
// displacement, immediates, the fifteen-byte limit. It reads bytes and knows a code size, nothing else.
import { signExtend8, signExtend16 } from "../../base/bits.ts";
import {
  MAP_0F,
  MAP_0F3A,
  MAP_0F38,
  type Operand,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  PREFIX_NONE,
  VEX_MAPS,
} from "../isa/notation.ts";
import { ISA_ROWS, PARSED_ROWS } from "../isa/table.ts";
import {
  KEY_64,
  KEY_REG_SHIFT,
  KEY_REGISTER,
  KEY_REX_B,
  KEY_RM_SHIFT,
  KEY_VEX_L,
  KEY_W,
  type Lookup,
  NO_ROW,
} from "./lookup.ts";

export const MAX_INSTRUCTION = 15;

/** How a decoding ended. */
export const DECODED = 0;
/** No such instruction, or a prefix that it may not have: #UD. */
export const UNDEFINED = 1;
/** More than fifteen bytes: #GP(0). */
export const TOO_LONG = 2;
/** The bytes given ended first. */
export const NEED_MORE = 3;
export type DecodeResult = typeof DECODED | typeof UNDEFINED | typeof TOO_LONG | typeof NEED_MORE;

export type CodeSize = 16 | 32 | 64;

/** ModRM without a base, or without an index. */
export const NO_REGISTER = -1;
/** The base is the address of the next instruction. */
export const BASE_RIP = -2;

const REX_W = 8;
const REX_R = 4;
const REX_X = 2;
const REX_B = 1;

/** Signals the end of the given bytes from deep inside; never escapes {@link Decoder.decode}. */
const END_OF_BYTES: unique symbol = Symbol("end of bytes");
const LENGTH_LIMIT: unique symbol = Symbol("fifteen bytes");

/** Base and index of the eight 16-bit addressing forms, SDM 2 table 2-1. */
const FORMS_16 = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, NO_REGISTER],
  [7, NO_REGISTER],
  [5, NO_REGISTER],
  [3, NO_REGISTER],
] as const;

export class Decoder {
  // The last decoded instruction. All fields are valid after DECODED.
  row = 0;
  length = 0;
  /** Operand size in bytes: 2, 4 or 8. An operation on bytes says so by its operands. */
  operandSize = 4;
  /** Address size in bytes. */
  addressSize = 8;
  hasLock = false;
  hasRep = false;
  hasRepne = false;
  /** Segment override, ES 0 … GS 5; -1 if none (ignored ones in 64-bit mode are none). */
  segment = -1;
  hasRex = false;
  isVex = false;
  vexL = 0;
  vexRegister = 0;
  w = 0;
  /** ModRM.reg with REX.R, and ModRM.rm with REX.B where mod is 3; without extension in `reg3`, `rm3`. */
  reg = 0;
  rm = 0;
  reg3 = 0;
  rm3 = 0;
  /** The whole byte, where there is one. */
  modrm = 0;
  /** The opcode's low three bits with REX.B. */
  opcodeRegister = 0;
  isMemory = false;
  base = NO_REGISTER;
  index = NO_REGISTER;
  scale = 0;
  /** The index field of a SIB byte as the number of a vector register; NO_REGISTER without one. */
  vectorIndex = NO_REGISTER;
  /** Sign-extended; an absolute offset's low and high half. */
  displacement = 0;
  displacementHi = 0;
  /** The first immediate, sign-extended to 64 bits, and a second one (ENTER's level, a far selector). */
  immediate = 0;
  immediateHi = 0;
  immediate2 = 0;

  readonly #lookup: Lookup;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #end = 0;
  #size: CodeSize = 64;
  #rex = 0;
  #has66 = false;
  #has67 = false;
  #simdPrefix = PREFIX_NONE;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  /** Decodes one instruction at `at`; bytes from `end` on are not there. */
  decode(bytes: Uint8Array, at: number, end: number, size: CodeSize): DecodeResult {
    this.#bytes = bytes;
    this.#start = at;
    this.#at = at;
    this.#end = end;
    this.#size = size;
    try {
      const isValid = this.#decode();
      this.length = this.#at - this.#start;
      return isValid ? DECODED : UNDEFINED;
    } catch (signal) {
      if (signal === END_OF_BYTES) return NEED_MORE;
      if (signal === LENGTH_LIMIT) return TOO_LONG;
      throw signal;
    }
  }

  #byte(): number {
    if (this.#at - this.#start >= MAX_INSTRUCTION) throw LENGTH_LIMIT;
    if (this.#at >= this.#end) throw END_OF_BYTES;
    return this.#bytes[this.#at++]!;
  }

  #word(): number {
    return this.#byte() | (this.#byte() << 8);
  }

  #dword(): number {
    return this.#word() | (this.#word() << 16);
  }

  #decode(): boolean {
    let opcode = this.#prefixes();
    let map = 0;
    this.isVex = false;
    this.vexL = 0;
    this.vexRegister = 0;
    if (opcode === 0x0f) {
      opcode = this.#byte();
      map = MAP_0F;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? MAP_0F38 : MAP_0F3A;
        opcode = this.#byte();
      }
    } else if ((opcode === 0xc4 || opcode === 0xc5) && this.#startsVex()) {
      map = this.#vex(opcode);
      if (map < 0) return false;
      opcode = this.#byte();
    }
    this.w = (this.#rex & REX_W) !== 0 ? 1 : 0;
    if (!this.#findRow(map * 256 + opcode)) return false;
    this.opcodeRegister = (opcode & 7) | ((this.#rex & REX_B) !== 0 ? 8 : 0);
    this.#sizes();
    this.#immediates(PARSED_ROWS[this.row]!.immediates);
    return this.#isLegal();
  }

  /** Consumes prefixes and REX; the result is the first opcode byte. */
  #prefixes(): number {
    this.#rex = 0;
    this.#has66 = false;
    this.#has67 = false;
    this.#simdPrefix = PREFIX_NONE;
    this.hasLock = false;
    this.hasRep = false;
    this.hasRepne = false;
    this.segment = -1;
    for (;;) {
      const byte = this.#byte();
      if (this.#size === 64 && (byte & 0xf0) === 0x40) {
        this.#rex = byte;
        const next = this.#byte();
        // A REX prefix counts only right before the opcode: another prefix behind it cancels it.
        if (!this.#isPrefix(next)) {
          this.hasRex = true;
          return next;
        }
        this.#rex = 0;
        this.#at--;
        continue;
      }
      if (!this.#isPrefix(byte)) {
        this.hasRex = false;
        return byte;
      }
      this.#legacyPrefix(byte);
    }
  }

  #isPrefix(byte: number): boolean {
    switch (byte) {
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x66:
      case 0x67:
      case 0xf0:
      case 0xf2:
      case 0xf3:
        return true;
      default:
        return this.#size === 64 && (byte & 0xf0) === 0x40;
    }
  }

  #legacyPrefix(byte: number): void {
    switch (byte) {
      case 0x66:
        this.#has66 = true;
        break;
      case 0x67:
        this.#has67 = true;
        break;
      case 0xf0:
        this.hasLock = true;
        break;
      case 0xf2:
        this.hasRepne = true;
        this.hasRep = false;
        break;
      case 0xf3:
        this.hasRep = true;
        this.hasRepne = false;
        break;
      case 0x64:
        this.segment = 4;
        break;
      case 0x65:
        this.segment = 5;
        break;
      default:
        // In 64-bit mode the other four are accepted and mean nothing; they do not undo FS or GS.
        if (this.#size !== 64) this.segment = (byte >> 3) & 3;
        break;
    }
  }

  /** In 64-bit mode C4 and C5 are always VEX; elsewhere LES and LDS have a memory operand. */
  #startsVex(): boolean {
    if (this.#size === 64) return true;
    const next = this.#byte();
    this.#at--;
    return next >= 0xc0;
  }

  /** The map, -1 for #UD. SDM 2 §2.3.5: VEX after REX, 66, F2, F3 or LOCK is undefined. */
  #vex(first: number): number {
    if (this.hasRex || this.#has66 || this.hasRep || this.hasRepne || this.hasLock) return -1;
    this.isVex = true;
    let byte = this.#byte();
    let map = MAP_0F;
    // R, X, B and vvvv are stored inverted.
    this.#rex = (byte & 0x80) === 0 ? REX_R : 0;
    if (first === 0xc4) {
      this.#rex |= ((byte & 0x40) === 0 ? REX_X : 0) | ((byte & 0x20) === 0 ? REX_B : 0);
      map = byte & 0x1f;
      byte = this.#byte();
      if ((byte & 0x80) !== 0) this.#rex |= REX_W;
    }
    this.vexRegister = (~byte >> 3) & 15;
    if (this.#size !== 64) this.#rex &= REX_W;
    this.vexL = (byte >> 2) & 1;
    const prefix = byte & 3;
    this.#has66 = prefix === PREFIX_66;
    this.hasRep = prefix === PREFIX_F3;
    this.hasRepne = prefix === PREFIX_F2;
    return map >= MAP_0F && map <= MAP_0F3A ? VEX_MAPS + map : -1;
  }

  #findRow(opcode: number): boolean {
    const table = this.#lookup.table(opcode);
    this.#simdPrefix = this.hasRep
      ? PREFIX_F3
      : this.hasRepne
        ? PREFIX_F2
        : this.#has66
          ? PREFIX_66
          : PREFIX_NONE;
    let key = this.#simdPrefix | (this.w === 1 ? KEY_W : 0);
    if (this.isVex) key |= this.vexL === 1 ? KEY_VEX_L : 0;
    else if (this.#size === 64) key |= KEY_64;
    this.isMemory = false;
    if (table.hasModrm) {
      const modrm = this.#byte();
      this.modrm = modrm;
      this.reg3 = (modrm >> 3) & 7;
      this.rm3 = modrm & 7;
      this.reg = this.reg3 | ((this.#rex & REX_R) !== 0 ? 8 : 0);
      this.rm = this.rm3 | ((this.#rex & REX_B) !== 0 ? 8 : 0);
      if (modrm >= 0xc0) key |= KEY_REGISTER;
      key |= (this.reg3 << KEY_REG_SHIFT) | (this.rm3 << KEY_RM_SHIFT);
      this.row = table.rows[key]!;
      // Where VEX.W widens a general register it is ignored outside 64-bit mode.
      if (this.isVex && this.#size !== 64 && this.row !== NO_ROW) {
        if (ISA_ROWS[this.row]!.mode === "64") this.row = table.rows[key & ~KEY_W]!;
      }
      // MOV to and from control and debug registers takes every ModRM for a register form.
      if (modrm < 0xc0 && this.#isAlwaysRegister(opcode)) {
        this.row = table.rows[key | KEY_REGISTER]!;
        return this.row !== NO_ROW;
      }
      if (modrm < 0xc0) this.#memoryOperand(modrm >> 6);
    } else {
      if ((this.#rex & REX_B) !== 0) key |= KEY_REX_B;
      this.row = table.rows[key]!;
    }
    return this.row !== NO_ROW;
  }

  #isAlwaysRegister(opcode: number): boolean {
    return opcode >= MAP_0F * 256 + 0x20 && opcode <= MAP_0F * 256 + 0x23;
  }

  #memoryOperand(mod: number): void {
    this.isMemory = true;
    this.displacementHi = 0;
    this.scale = 0;
    this.index = NO_REGISTER;
    this.vectorIndex = NO_REGISTER;
    const isShort = this.#size === 16 ? !this.#has67 : this.#size === 32 && this.#has67;
    if (isShort) {
      this.#memory16(mod);
      return;
    }
    let base = this.rm3;
    if (base === 4) base = this.#sib();
    const isBaseless = base === 5 && mod === 0;
    if (isBaseless) this.base = this.rm3 === 5 && this.#size === 64 ? BASE_RIP : NO_REGISTER;
    else this.base = base | ((this.#rex & REX_B) !== 0 ? 8 : 0);
    if (mod === 1) this.displacement = signExtend8(this.#byte());
    else this.displacement = mod === 2 || isBaseless ? this.#dword() : 0;
  }

  /** Index and scale; the result is the low part of the base. */
  #sib(): number {
    const sib = this.#byte();
    this.scale = sib >> 6;
    const index = ((sib >> 3) & 7) | ((this.#rex & REX_X) !== 0 ? 8 : 0);
    this.index = index === 4 ? NO_REGISTER : index;
    this.vectorIndex = index;
    return sib & 7;
  }

  #memory16(mod: number): void {
    const form = FORMS_16[this.rm3]!;
    const isDirect = mod === 0 && this.rm3 === 6;
    this.base = isDirect ? NO_REGISTER : form[0];
    this.index = isDirect ? NO_REGISTER : form[1];
    if (mod === 1) this.displacement = signExtend8(this.#byte());
    else this.displacement = mod === 2 || isDirect ? signExtend16(this.#word()) : 0;
  }

  #sizes(): void {
    const { size } = ISA_ROWS[this.row]!;
    if (this.#size === 64) {
      this.addressSize = this.#has67 ? 4 : 8;
      if (this.w === 1 || size === "f64") this.operandSize = 8;
      else if (size === "d64") this.operandSize = this.#has66 ? 2 : 8;
      else this.operandSize = this.#has66 ? 2 : 4;
      return;
    }
    const isWide = this.#size === 32;
    this.addressSize = isWide === this.#has67 ? 2 : 4;
    // Moves to and from control registers have 32-bit operands in every legacy mode.
    const isFixed = size === "f64" && this.#isAlwaysRegister(MAP_0F * 256 + this.#opcodeByte());
    this.operandSize = isWide === this.#has66 && !isFixed ? 2 : 4;
    if (this.isVex) this.operandSize = 4;
  }

  #opcodeByte(): number {
    return PARSED_ROWS[this.row]!.match.map === MAP_0F ? PARSED_ROWS[this.row]!.match.opcode : 0;
  }

  #immediates(immediates: readonly Operand[]): void {
    this.immediate = 0;
    this.immediateHi = 0;
    this.immediate2 = 0;
    let isFirst = true;
    for (const operand of immediates) {
      switch (operand.where) {
        case "immediate":
        case "relative": {
          const value = this.#immediate(operand);
          if (isFirst) this.immediate = value;
          else this.immediate2 = value;
          if (isFirst && operand.width !== "v") this.immediateHi = value >> 31;
          isFirst = false;
          break;
        }
        case "vectorImmediate":
          this.immediate = this.#byte() >> 4;
          if (this.#size !== 64) this.immediate &= 7;
          break;
        case "far":
          this.immediate = this.operandSize === 2 ? this.#word() : this.#dword();
          this.immediate2 = this.#word();
          break;
        case "offset":
          this.#offset();
          break;
        case "one":
          this.immediate = 1;
          break;
        default:
          break;
      }
    }
  }

  #immediate(operand: Operand): number {
    switch (operand.width) {
      case "b":
        return operand.where === "relative" ? signExtend8(this.#byte()) : this.#byte();
      case "s":
        return signExtend8(this.#byte());
      case "w":
        return this.#word();
      default: {
        if (this.operandSize === 2) return signExtend16(this.#word());
        const value = this.#dword();
        if (operand.width === "v") {
          this.immediateHi = this.operandSize === 8 ? this.#dword() : value >> 31;
        }
        return value;
      }
    }
  }

  /** A memory operand that is nothing but an offset of the address's size. */
  #offset(): void {
    this.isMemory = true;
    this.base = NO_REGISTER;
    this.index = NO_REGISTER;
    this.scale = 0;
    this.displacementHi = 0;
    if (this.addressSize === 2) this.displacement = this.#word();
    else this.displacement = this.#dword();
    if (this.addressSize === 8) this.displacementHi = this.#dword();
  }

  /** LOCK needs an instruction that allows it, with a memory destination. */
  #isLegal(): boolean {
    if (this.hasLock && !(ISA_ROWS[this.row]!.canLock && this.isMemory)) return false;
    if (!this.isVex) return true;
    const { operands } = PARSED_ROWS[this.row]!;
    if (operands[1]?.where === "vectorMemory") {
      if (!this.#isGather()) return false;
      this.index = NO_REGISTER;
    }
    if (this.vexRegister === 0) return true;
    const isUsed = operands.some(({ where }) => where === "vexGpr" || where === "vexVector");
    // VEX.vvvv must be 1111b, in every mode, where no operand uses it; its top bit means nothing outside
    // 64-bit mode where one does.
    if (isUsed && this.#size !== 64) this.vexRegister &= 7;
    return isUsed;
  }

  /** SDM 2 2.3.12: there is a SIB byte, and no register is two of destination, index and mask. */
  #isGather(): boolean {
    const mask = this.#size === 64 ? this.vexRegister : this.vexRegister & 7;
    return (
      this.vectorIndex !== NO_REGISTER &&
      this.vectorIndex !== this.reg &&
      this.vectorIndex !== mask &&
      mask !== this.reg
    );
  }
}
