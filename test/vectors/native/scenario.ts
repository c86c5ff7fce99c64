// SPDX-License-Identifier: BSD-2-Clause
// The state that one instruction is run from: registers, flags and memory that make its operands interesting
// and its addresses reach something. What nothing points to stays zero, so that vectors are small.

import type { SeededRandom } from "../../support/random.ts";
import { type Choice, encode, isVex, NO_INDEX, operandBytes } from "../encoder.ts";
import { FCW_AT, FSW_AT, FTW_AT, MXCSR_AT, Snapshot, ST_AT, YMM_AT } from "../snapshot.ts";
import { isCounted, type ShiftUse } from "../undefined-flags.ts";
import { fillLanes, float80, integer, register, shiftCount } from "../values.ts";
import type { MemoryPiece } from "../vector.ts";
import { aim, dataTarget, effectiveAddress, stackTarget } from "./addresses.ts";
import { type Implicit, implicitUse } from "./implicit.ts";
import { type Layout, PAGE } from "./layouts.ts";

const FLAG_DF = 1 << 10;
const FLAG_AC = 1 << 18;
const ARITHMETIC = 0x8d5;
/** IF, which user code runs with, and bit 1. */
const FLAGS_FIXED = 0x202;

const RAX = 0;
const RCX = 1;
const RDX = 2;

export interface Scenario {
  readonly choice: Choice;
  readonly code: Uint8Array;
  readonly layout: Layout;
  readonly registers: Snapshot;
  readonly memory: readonly MemoryPiece[];
  /** It is a branch, which is run by single-stepping. */
  readonly isOneStep: boolean;
  readonly hasVectors: boolean;
  /** The count of a shift or rotate. */
  readonly shift: ShiftUse | undefined;
  /** Linear address of the explicit memory operand. */
  readonly operand: bigint | undefined;
  /** The same without the segment's base. */
  readonly effective: bigint | undefined;
}

/** Features whose instructions work on x87 or vector state. */
export const VECTOR_FEATURES: ReadonlySet<string> = new Set([
  ...["X87", "MMX", "SSE", "SSE2", "SSE3", "SSSE3", "SSE4_1", "SSE4_2", "AVX", "AVX2", "FMA"],
  ...["F16C", "AES", "PCLMULQDQ", "SHA", "VAES", "VPCLMULQDQ", "FXSR", "XSAVE", "XSAVEOPT"],
  ...["XSAVEC"],
]);

const IN_VECTOR_REGISTER: ReadonlySet<string> = new Set([
  ...["vexVector", "vectorRm", "vectorReg", "vectorOrMemory", "vectorImmediate"],
]);
const IN_X87_REGISTER: ReadonlySet<string> = new Set([
  ...["mmxRm", "mmxReg", "mmxOrMemory", "stackRegister"],
]);
/** Sizes of whole states in memory. */
const AREA_BYTES: Readonly<Record<string, number>> = {
  fldenv: 28,
  fnstenv: 28,
  frstor: 108,
  fnsave: 108,
  fxsave: 512,
  fxsave64: 512,
  fxrstor: 512,
  fxrstor64: 512,
};

const POINTS_TO_MEMORY: ReadonlySet<string> = new Set(["offset", "string"]);

/** Makes up everything around a choice; the choice's displacement and immediates may change. */
export function buildScenario(choice: Choice, layout: Layout, random: SeededRandom): Scenario {
  return new ScenarioBuilder(choice, layout, random).build();
}

class ScenarioBuilder {
  readonly #choice: Choice;
  readonly #layout: Layout;
  readonly #random: SeededRandom;
  readonly #registers = new Snapshot();
  readonly #memory: MemoryPiece[] = [];
  readonly #implicit: Implicit;
  #operand: bigint | undefined;
  #effective: bigint | undefined;

  constructor(choice: Choice, layout: Layout, random: SeededRandom) {
    this.#choice = choice;
    this.#layout = layout;
    this.#random = random;
    this.#implicit = implicitUse(choice.parsed.row.mnemonic);
  }

  build(): Scenario {
    const { row } = this.#choice.parsed;
    const isOneStep = row.ends === "branch" || row.ends === "branch-sync";
    const hasVectors = row.feature !== undefined && VECTOR_FEATURES.has(row.feature);
    if (this.#touchesMemory()) this.#namePages();
    this.#values();
    this.#flags();
    this.#special();
    this.#pointers();
    this.#place(isOneStep);
    this.#memoryOperand();
    if (hasVectors) this.#vectors();
    return {
      choice: this.#choice,
      code: encode(this.#choice),
      layout: this.#layout,
      registers: this.#registers,
      memory: this.#memory,
      isOneStep,
      hasVectors,
      shift: shiftUse(this.#choice, this.#registers),
      operand: this.#operand,
      effective: this.#effective,
    };
  }

  #touchesMemory(): boolean {
    const { memory, parsed } = this.#choice;
    if (memory !== undefined) return true;
    if (this.#implicit.data.length > 0 || this.#implicit.stack.length > 0) return true;
    return parsed.operands.some(({ where }) => POINTS_TO_MEMORY.has(where));
  }

  /** A byte in every page says that it is mapped. */
  #namePages(): void {
    const { data, stack } = this.#layout;
    for (const address of [data, data + PAGE, stack]) {
      this.#memory.push({ address, bytes: Uint8Array.of(0) });
    }
  }

  /** The general registers that the instruction names, explicitly or not; sometimes all of them. */
  #values(): void {
    const { reg, rm, memory, opcodeRegister, vexRegister, parsed } = this.#choice;
    const isAll = this.#random.below(8) === 0;
    const named = new Set([...this.#implicit.values, reg, opcodeRegister]);
    if (memory === undefined) named.add(rm);
    else for (const each of [memory.base, memory.index]) if (each >= 0) named.add(each);
    if (isVex(parsed)) named.add(vexRegister);
    // AH … BH are in the first four.
    for (const each of [...named]) if (each >= 4 && each < 8) named.add(each - 4);
    for (const operand of parsed.operands) {
      if (operand.where === "fixedGpr") named.add(operand.register);
    }
    for (let number = 0; number < 16; number++) {
      if (isAll || named.has(number)) this.#registers.setGpr(number, register(this.#random));
    }
  }

  #flags(): void {
    const random = this.#random;
    const isString = this.#implicit.data.length > 0;
    let flags = FLAGS_FIXED | (random.next() & ARITHMETIC);
    if (random.below(isString ? 2 : 16) === 0) flags |= FLAG_DF;
    if (random.below(40) === 0) flags |= FLAG_AC;
    this.#registers.flags = flags;
  }

  /** Values that make an instruction do more than fault or nothing. */
  #special(): void {
    const random = this.#random;
    const registers = this.#registers;
    const { row, operands } = this.#choice.parsed;
    if (isCounted(row)) this.#shiftCount();
    switch (row.mnemonic) {
      case "div":
      case "idiv":
        this.#dividend(row.mnemonic === "idiv");
        break;
      case "loop":
      case "loope":
      case "loopne":
      case "jrcxz":
        if (random.below(2) === 0) registers.setGpr(RCX, BigInt(random.below(3)));
        break;
      case "enter":
        this.#choice.immediates = [BigInt(random.below(0x200)), BigInt(random.below(8) ** 2)];
        break;
      case "bt":
      case "bts":
      case "btr":
      case "btc":
        // The bit's number moves the memory operand: keep it near.
        if (operands[1]!.where === "gprReg" && random.below(4) !== 0) {
          const near = BigInt(random.below(1024) - 512);
          registers.setGpr(this.#choice.reg, BigInt.asUintN(64, near));
        }
        break;
      default:
        break;
    }
    if (operands.some(({ where }) => where === "string")) {
      const isLong = random.below(24) === 0;
      registers.setGpr(RCX, isLong ? register(random) : BigInt(random.below(20)));
    }
  }

  #shiftCount(): void {
    const count = shiftCount(this.#random);
    const { parsed } = this.#choice;
    if (parsed.operands.some(({ where }) => where === "immediate")) {
      this.#choice.immediates[0] = BigInt(count);
    }
    const rcx = this.#registers.gpr(RCX);
    this.#registers.setGpr(RCX, (rcx & ~0xffn) | BigInt(count));
  }

  /** Random dividends overflow nearly always: half of the time the upper half is small or a sign. */
  #dividend(isSigned: boolean): void {
    const random = this.#random;
    const bits = 8 * operandBytes(this.#choice.parsed.operands[0]!, this.#choice);
    const registers = this.#registers;
    if (random.below(4) === 0) return;
    const low = registers.gpr(RAX);
    if (bits === 8) {
      const small = BigInt(random.below(4096));
      registers.setGpr(
        RAX,
        (low & ~0xffffn) | (isSigned && random.below(2) === 0 ? 0x10000n - small - 1n : small),
      );
      return;
    }
    const isNegative = isSigned && BigInt.asIntN(bits, low) < 0n;
    const upper = random.below(3) === 0 ? integer(random.pick([4, 8, bits / 2]), random) : 0n;
    registers.setGpr(RDX, BigInt.asUintN(bits, isNegative ? ~upper : upper));
  }

  /** Registers that point somewhere by the instruction's nature, and what is there. */
  #pointers(): void {
    const random = this.#random;
    for (const number of this.#implicit.stack) {
      const address = stackTarget(this.#layout, random);
      this.#registers.setGpr(number, BigInt.asUintN(64, address));
      this.#fillIntegers(address, 4);
    }
    for (const number of this.#implicit.data) {
      const address = BigInt.asUintN(64, dataTarget(this.#layout, 16, random));
      this.#registers.setGpr(number, address);
      this.#fillString(address);
    }
  }

  /** Bytes around a string's start; often all the same, so that comparisons go on. */
  #fillString(address: bigint): void {
    const random = this.#random;
    const bytes = new Uint8Array(48);
    const accumulator = Number(this.#registers.gpr(RAX) & 0xffn);
    const byte = random.below(2) === 0 ? accumulator : random.below(256);
    bytes.fill(byte);
    for (let i = random.below(40); i > 0 && random.below(3) !== 0; i--) {
      bytes[random.below(48)] = random.below(256);
    }
    this.#put(address - 16n, bytes);
  }

  #fillIntegers(address: bigint, count: number): void {
    const bytes = new Uint8Array(8 * count);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) view.setBigUint64(8 * i, register(this.#random), true);
    this.#put(address, bytes);
  }

  /** Puts what lies in writable pages, and drops the rest. */
  #put(address: bigint, bytes: Uint8Array): void {
    const { data, stack } = this.#layout;
    for (const [start, length] of [
      [data, 2n * PAGE],
      [stack, PAGE],
    ] as const) {
      const from = address > start ? address : start;
      const end = address + BigInt(bytes.length);
      const to = end < start + length ? end : start + length;
      if (from >= to) continue;
      const skip = Number(from - address);
      this.#memory.push({ address: from, bytes: bytes.slice(skip, skip + Number(to - from)) });
    }
  }

  /** At the end of the code page, or somewhere in it for single-stepping. */
  #place(isOneStep: boolean): void {
    const length = BigInt(encode(this.#choice).length);
    const { code } = this.#layout;
    const room = Number(PAGE - length);
    const offset = isOneStep && this.#random.below(4) !== 0 ? this.#random.below(room + 1) : room;
    this.#registers.rip = code + BigInt(offset);
  }

  #memoryOperand(): void {
    const random = this.#random;
    const choice = this.#choice;
    const { operands, row } = choice.parsed;
    const operand = operands.find(
      ({ where }) => where.endsWith("OrMemory") || where === "memory" || where === "offset",
    );
    if (operands.some(({ where }) => where === "vectorMemory")) {
      this.#gatherOperand();
      return;
    }
    if (operand === undefined) return;
    const size = AREA_BYTES[row.mnemonic] ?? Math.max(1, operandBytes(operand, choice) || 8);
    let target = dataTarget(this.#layout, size, random);
    if (operand.where === "offset") choice.immediates[0] = target;
    else if (choice.memory === undefined) return;
    else {
      const segmentBase = this.#segmentBase();
      const pinned = new Set([...this.#implicit.stack, ...this.#implicit.data]);
      const next = this.#registers.rip + BigInt(encode(choice).length);
      aim(choice, target - segmentBase, this.#registers, pinned, next, random);
      this.#effective = effectiveAddress(choice, this.#registers, next);
      target = this.#effective + segmentBase;
    }
    if (row.mnemonic === "lea") return;
    this.#operand = BigInt.asUintN(64, target);
    this.#fillOperand(this.#operand, size, operand.where);
  }

  /** The base of a gather lies in the middle of the data, and most indexes do not lead out of it. */
  #gatherOperand(): void {
    const random = this.#random;
    const choice = this.#choice;
    const memory = choice.memory!;
    const { index } = memory;
    const target = this.#layout.data + PAGE + BigInt(random.below(64));
    memory.index = NO_INDEX;
    aim(choice, target - this.#segmentBase(), this.#registers, new Set(), 0n, random);
    memory.index = index;
    if (random.below(6) === 0) return;
    const bytes = new Uint8Array(512);
    fillLanes(bytes, 0, bytes.length, random);
    this.#put(this.#layout.data + PAGE - 256n, bytes);
    const isQuad = /^vp?gatherq/.test(choice.parsed.row.mnemonic);
    const { view } = this.#registers;
    for (let at = YMM_AT + 32 * index; at < YMM_AT + 32 * (index + 1); at += isQuad ? 8 : 4) {
      const reach = 256 >> memory.scale;
      const value = random.below(32) === 0 ? random.next() | 0 : random.below(2 * reach) - reach;
      view.setInt32(at, value, true);
      if (isQuad) view.setInt32(at + 4, value >> 31, true);
    }
  }

  /** With an FS or GS prefix the segment gets a base. */
  #segmentBase(): bigint {
    const { prefixes } = this.#choice;
    const random = this.#random;
    const last = prefixes.filter((byte) => byte === 0x64 || byte === 0x65).at(-1);
    if (last === undefined) return 0n;
    const base = BigInt.asUintN(64, BigInt.asIntN(random.pick([32, 47]), integer(64, random)));
    if (last === 0x64) this.#registers.words[18] = base;
    else this.#registers.words[19] = base;
    return base;
  }

  #fillOperand(address: bigint, size: number, where: string): void {
    const random = this.#random;
    const { row } = this.#choice.parsed;
    const bytes = new Uint8Array(size);
    if (where.startsWith("vector") || where.startsWith("mmx")) fillLanes(bytes, 0, size, random);
    else if (size === 10) this.#put80(bytes);
    else {
      for (let at = 0; at < size; at += 8) {
        const value = integer(8 * Math.min(8, size - at), random);
        for (let i = 0; i < 8 && at + i < size; i++) {
          bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
        }
      }
    }
    // CMPXCHG and its kin are half a test if the comparison never succeeds.
    if (row.mnemonic.startsWith("cmpxchg") && random.below(2) === 0) this.#putExpected(bytes);
    this.#put(address, bytes);
  }

  /** A far pointer's selector is null, user code, or outside the table; or it is an 80-bit number. */
  #put80(bytes: Uint8Array): void {
    const random = this.#random;
    const isPointer = this.#choice.parsed.operands.some(({ width }) => width === "p");
    let value = float80(random);
    if (isPointer) {
      const selector = random.pick([0, 3, 0x33, 0x33, 0xfff8, 0xfffb]);
      const size = operandBytes(
        { text: "", where: "memory", width: "v", register: 0 },
        this.#choice,
      );
      value =
        (BigInt(selector) << BigInt(8 * size)) | integer(random.pick([8, 32, 8 * size]), random);
    }
    for (let i = 0; i < 10; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }

  #putExpected(bytes: Uint8Array): void {
    const half = bytes.length === 16 ? 8 : bytes.length === 8 ? 4 : bytes.length;
    const isPair = this.#choice.parsed.row.mnemonic !== "cmpxchg";
    for (let i = 0; i < bytes.length; i++) {
      const source = isPair && i >= half ? RDX : RAX;
      const place = isPair && i >= half ? i - half : i;
      bytes[i] = Number((this.#registers.gpr(source) >> BigInt(8 * place)) & 0xffn);
    }
  }

  #vectors(): void {
    const random = this.#random;
    const { operands, row } = this.#choice.parsed;
    const kinds = operands.map(({ where }) => where as string);
    const hasVectors =
      kinds.some((kind) => IN_VECTOR_REGISTER.has(kind)) || kinds.includes("named");
    // FISTTP came with SSE3.
    const hasX87 = row.mnemonic.startsWith("f") || kinds.some((kind) => IN_X87_REGISTER.has(kind));
    const hasNeither = !hasVectors && !hasX87;
    if (hasVectors || hasNeither) this.#vectorRegisters(hasNeither);
    if (hasX87 || hasNeither) this.#x87State();
    if (random.below(3) !== 0) this.#registers.view.setUint32(MXCSR_AT, mxcsr(random), true);
  }

  #vectorRegisters(isAll: boolean): void {
    const random = this.#random;
    const { reg, rm, vexRegister, immediates } = this.#choice;
    const byImmediate = Number((immediates.at(-1) ?? 0n) >> 4n) & 15;
    const named = new Set([reg, rm, vexRegister, byImmediate, 0]);
    const length = isVex(this.#choice.parsed) || random.below(4) === 0 ? 32 : 16;
    for (let number = 0; number < 16; number++) {
      if (!isAll && !named.has(number)) continue;
      fillLanes(this.#registers.bytes, YMM_AT + 32 * number, length, random);
    }
  }

  #x87State(): void {
    const random = this.#random;
    const { bytes, view } = this.#registers;
    const masks = random.below(3) === 0 ? random.below(64) : 0x3f;
    const control = 0x40 | masks | (random.pick([0, 2, 3, 3]) << 8) | (random.below(4) << 10);
    view.setUint16(FCW_AT, control, true);
    const flags = random.below(4) === 0 ? random.below(128) : 0;
    const top = random.below(2) === 0 ? 0 : random.below(8);
    const conditions = random.next() & 0x4700;
    const isPending = (flags & 0x3f & ~masks) !== 0;
    view.setUint16(FSW_AT, flags | (top << 11) | conditions | (isPending ? 0x8080 : 0), true);
    bytes[FTW_AT] = random.pick([0xff, 0xff, 0, random.below(256)]);
    for (let n = 0; n < 8; n++) {
      const value = float80(random);
      for (let i = 0; i < 10; i++) {
        bytes[ST_AT + 16 * n + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      }
    }
  }
}

/** The count of a shift or rotate by `choice` from these registers; undefined if it is none. */
export function shiftUse(choice: Choice, registers: Snapshot): ShiftUse | undefined {
  const { row, operands } = choice.parsed;
  if (!isCounted(row)) return undefined;
  const bits = (8 * operandBytes(operands[0]!, choice)) as ShiftUse["bits"];
  const last = operands.at(-1)!;
  if (last.where === "one") return { count: 1, bits };
  const count = last.where === "immediate" ? choice.immediates[0]! : registers.gpr(RCX);
  return { count: Number(count & 0xffn), bits };
}

/** Rounding, flush to zero, denormals as zeros, flags; some exceptions unmasked. */
function mxcsr(random: SeededRandom): number {
  const masks = random.below(3) === 0 ? random.below(64) << 7 : 0x1f80;
  const modes = (random.below(4) << 13) | (random.below(4) === 0 ? 0x8000 : 0);
  const denormals = random.below(4) === 0 ? 0x40 : 0;
  const flags = random.below(4) === 0 ? random.below(64) : 0;
  return masks | modes | denormals | flags;
}
