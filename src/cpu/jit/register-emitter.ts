// SPDX-License-Identifier: BSD-2-Clause
// What a unit's code works on: records of guest instructions on one side; locals for guest registers, and words
// of the state block, on the other.

import { VCPU_STATE_OFFSET } from "../../mmu/machine-layout.ts";
import { IMM, INFO, INFO_C_SHIFT, INFO_WIDTH, SLOTS } from "../decode/record.ts";
import { GPR, GPR_BYTE, RIP, ZERO } from "../state-layout.ts";
import { GPR_NAMES } from "./state-names.ts";
import { FunctionBuilder, type Local } from "./wasm/function-builder.ts";
import { type MemoryOp, TYPE_I64 } from "./wasm/opcodes.ts";

/** Byte offset of a state word in the machine's memory. */
export function stateOffset(word: number): number {
  return VCPU_STATE_OFFSET + 4 * word;
}

export class RegisterEmitter {
  readonly fn = new FunctionBuilder(1);
  readonly code: Int32Array;
  readonly is64: boolean;
  /** Linear address of the page that the unit lies in. */
  readonly page: Local;
  /** Where the block being written begins in its page. */
  protected offsetInPage = 0;
  /** Locals of the general registers that are used, and which of those are ever changed. */
  protected readonly gprs: (Local | undefined)[] = new Array(16).fill(undefined);
  protected readonly modified = new Set<number>();

  constructor(code: Int32Array, is64: boolean) {
    this.code = code;
    this.is64 = is64;
    this.page = this.fn.lasting(TYPE_I64, "page");
  }

  // Records.

  slotA(p: number): number {
    return this.code[p + SLOTS]! & 0xff;
  }

  slotB(p: number): number {
    return (this.code[p + SLOTS]! >>> 8) & 0xff;
  }

  slotC(p: number): number {
    return this.code[p + INFO]! >>> INFO_C_SHIFT;
  }

  /** Log2 of the operand size in bytes. */
  width(p: number): number {
    return this.code[p + INFO]! & INFO_WIDTH;
  }

  immediate(p: number): number {
    return this.code[p + IMM]!;
  }

  // The state block.

  loadState(op: MemoryOp, word: number): void {
    this.fn.i32(0).memory(op, stateOffset(word));
  }

  /** The value must be on the stack, above an address of 0 that {@link stateBase} pushed. */
  storeState(op: MemoryOp, word: number): void {
    this.fn.memory(op, stateOffset(word));
  }

  stateBase(): void {
    this.fn.i32(0);
  }

  // Registers. Slots are those of records: int32 indexes for 32 and 64 bits.

  protected gpr(register: number): Local {
    const known = this.gprs[register];
    if (known !== undefined) return known;
    const local = this.fn.lasting(TYPE_I64, GPR_NAMES[register]!);
    this.gprs[register] = local;
    return local;
  }

  /** Pushes a general register, 0 … 15, as i64. */
  getGpr(register: number): void {
    this.fn.get(this.gpr(register));
  }

  /** Pops an i64 into a general register. */
  setGpr(register: number): void {
    this.modified.add(register);
    this.fn.set(this.gpr(register));
  }

  /** Pushes a register slot as i64. RIP's slot is the address of the block in execution. */
  get64(slot: number): void {
    if (slot === ZERO) this.fn.i64(0);
    else if (slot === RIP) this.pushBlockStart();
    else this.getGpr((slot - GPR) >> 1);
  }

  /** Pushes a register slot as i32. */
  get32(slot: number): void {
    if (slot === ZERO) {
      this.fn.i32(0);
      return;
    }
    this.get64(slot);
    this.fn.op("i32.wrap_i64");
  }

  /** Pops an i64 into a register slot. */
  set64(slot: number): void {
    this.setGpr((slot - GPR) >> 1);
  }

  /** Pops an i32 into a register slot, zeroing its high half. */
  set32(slot: number): void {
    this.fn.op("i64.extend_i32_u");
    this.set64(slot);
  }

  /** Pushes a 16-bit register slot, zero-extended to i32. */
  get16(slot: number): void {
    this.getWide16(slot);
    this.fn.op("i32.wrap_i64").i32(0xffff).op("i32.and");
  }

  /** Pushes the register that a 16-bit slot is the lower part of, as i64. */
  getWide16(slot: number): void {
    this.getGpr((slot - 2 * GPR) >> 2);
  }

  /** The same for an 8-bit slot; of AH, CH, DH and BH, shifted down. */
  getWide8(slot: number): void {
    this.getGpr((slot - GPR_BYTE) >> 3);
    if ((slot & 1) !== 0) this.fn.i64(8).op("i64.shr_u");
  }

  /** Pops an i32 into a 16-bit register slot; the rest of the register stays. */
  set16(slot: number): void {
    const register = (slot - 2 * GPR) >> 2;
    this.fn.op("i64.extend_i32_u").i64(0xffff, 0).op("i64.and");
    this.getGpr(register);
    this.fn.i64(~0xffff, -1).op("i64.and").op("i64.or");
    this.setGpr(register);
  }

  /** Pushes an 8-bit register slot, zero-extended to i32. */
  get8(slot: number): void {
    this.getWide8(slot);
    this.fn.op("i32.wrap_i64").i32(0xff).op("i32.and");
  }

  /** Pops an i32 into an 8-bit register slot. */
  set8(slot: number): void {
    const register = (slot - GPR_BYTE) >> 3;
    const isHigh = (slot & 1) !== 0;
    this.fn.i32(0xff).op("i32.and").op("i64.extend_i32_u");
    if (isHigh) this.fn.i64(8).op("i64.shl");
    this.getGpr(register);
    this.fn
      .i64(isHigh ? ~0xff00 : ~0xff, -1)
      .op("i64.and")
      .op("i64.or");
    this.setGpr(register);
  }

  // Addresses of code.

  /** Pushes the linear address `distance` bytes from the block's start, as i64. */
  pushCodeAddress(distance: number): void {
    this.fn
      .get(this.page)
      .i64(this.offsetInPage + distance)
      .op("i64.add");
    if (!this.is64) this.fn.i64(-1, 0).op("i64.and");
  }

  pushBlockStart(): void {
    this.pushCodeAddress(0);
  }
}
