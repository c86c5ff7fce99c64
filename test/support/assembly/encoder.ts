// SPDX-License-Identifier: BSD-2-Clause
// Bytes of one instruction: prefixes, opcode, ModRM, displacement, immediate (SDM 2 2.1, 2.2). One encoder serves a
// whole text and knows where it is in it and how wide the code is.
import type { Memory, Operand, Register, Value } from "./operand.ts";

export type Bits = 16 | 32 | 64;

/** An instruction with a ModRM byte. */
export interface Form {
  readonly opcode: readonly number[];
  /** The register field: an operand's number or a digit of the opcode. */
  readonly reg: number;
  readonly rm: Operand;
  /** Operand size in bits; 0 if none has to be said. */
  readonly size?: number;
  /** 66, F2 or F3 as a part of the opcode. */
  readonly mandatory?: number;
  /** The size is 64 bits without REX.W. */
  readonly isDefault64?: boolean;
  /** A byte register that needs REX is in the register field. */
  readonly needsRex?: boolean;
}

const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;
/** 16-bit addressing, SDM 2 table 2-1: base and index by the number of R/M. */
const PAIRS_16 = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, -1],
  [7, -1],
  [5, -1],
  [3, -1],
] as const;

function fitsByte({ value, isLabel }: Value): boolean {
  return !isLabel && value >= -128n && value < 128n;
}

export class Encoder {
  readonly bytes: number[] = [];
  bits: Bits = 64;
  /** Address of the first byte. */
  readonly origin: number;

  constructor(origin: number) {
    this.origin = origin;
  }

  get here(): number {
    return this.origin + this.bytes.length;
  }

  put(...bytes: readonly number[]): void {
    this.bytes.push(...bytes);
  }

  /** The low `size` bits of a value. */
  number(value: bigint, size: number): void {
    for (let shift = 0; shift < size; shift += 8) {
      this.put(Number(BigInt.asUintN(8, value >> BigInt(shift))));
    }
  }

  /** 66 where an operand size is not the code's own. */
  operandSize(size: number): void {
    if ((size === 16 && this.bits !== 16) || (size === 32 && this.bits === 16)) this.put(0x66);
  }

  /** Of a sign-extended immediate: no more than 32 bits. */
  immediate(value: Value, size: number): void {
    this.number(value.value, Math.min(size, 32));
  }

  /** A distance to an address, counted from behind itself; 16 bits in 16-bit code. */
  distance(target: Value, size = this.bits === 16 ? 16 : 32): void {
    this.number(target.value - BigInt(this.here + size / 8), size);
  }

  /** An instruction without ModRM that has a register in its opcode, or none. */
  plain(opcode: readonly number[], size = 0, register?: Register, isDefault64 = false): void {
    this.operandSize(size);
    const rex =
      (size === 64 && !isDefault64 ? 8 : 0) |
      (register !== undefined && register.number > 7 ? 1 : 0);
    if (rex !== 0 || register?.needsRex === true) this.put(0x40 | rex);
    this.put(...opcode.slice(0, -1), opcode.at(-1)! + ((register?.number ?? 0) & 7));
  }

  form({
    opcode,
    reg,
    rm,
    size = 0,
    mandatory,
    isDefault64 = false,
    needsRex = false,
  }: Form): void {
    const memory = rm.kind === "memory" ? rm : undefined;
    if (memory !== undefined) this.#addressPrefixes(memory);
    this.operandSize(size);
    if (mandatory !== undefined) this.put(mandatory);
    let rex = (size === 64 && !isDefault64 ? 8 : 0) | (reg > 7 ? 4 : 0);
    if (memory !== undefined) rex |= (memory.index > 7 ? 2 : 0) | (memory.base > 7 ? 1 : 0);
    else if ("number" in rm && rm.number > 7) rex |= 1;
    const isByteRex = needsRex || (rm.kind === "register" && rm.needsRex);
    if (rex !== 0 || isByteRex) this.put(0x40 | rex);
    this.put(...opcode);
    if (memory !== undefined) this.#memory(reg & 7, memory);
    else if ("number" in rm) this.put(0xc0 | ((reg & 7) << 3) | (rm.number & 7));
    else throw new SyntaxError("neither a register nor memory");
  }

  #addressPrefixes(memory: Memory): void {
    if (memory.segment >= 0) this.put(SEGMENT_PREFIX[memory.segment]!);
    if (memory.addressSize !== 0 && memory.addressSize !== this.bits) this.put(0x67);
  }

  #memory(reg: number, memory: Memory): void {
    if ((memory.addressSize || this.bits) === 16) this.#memory16(reg, memory);
    else this.#memory32(reg, memory);
  }

  #memory16(reg: number, { base, index, displacement }: Memory): void {
    if (base < 0) {
      this.put((reg << 3) | 6);
      this.number(displacement.value, 16);
      return;
    }
    const rm = PAIRS_16.findIndex((pair) => pair[0] === base && pair[1] === index);
    if (rm < 0) throw new SyntaxError("no such 16-bit address");
    this.put(0x80 | (reg << 3) | rm);
    this.number(displacement.value, 16);
  }

  #memory32(reg: number, { base, index, scale, displacement }: Memory): void {
    if (base < 0 && index < 0 && this.bits !== 64) {
      this.put((reg << 3) | 5);
      this.number(displacement.value, 32);
      return;
    }
    const needsSib = index >= 0 || base < 0 || (base & 7) === 4;
    const mod = base < 0 ? 0 : fitsByte(displacement) ? 1 : 2;
    this.put((mod << 6) | (reg << 3) | (needsSib ? 4 : base & 7));
    if (needsSib) {
      const low = base < 0 ? 5 : base & 7;
      this.put((Math.log2(scale) << 6) | ((index < 0 ? 4 : index & 7) << 3) | low);
    }
    this.number(displacement.value, mod === 1 ? 8 : 32);
  }
}
