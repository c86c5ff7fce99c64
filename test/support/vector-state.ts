// SPDX-License-Identifier: BSD-2-Clause
// Operands for vector instructions, and what is left after one was executed: all vector and general
// registers, 128 bytes of memory at RSI and RDI, MXCSR, arithmetic flags and the exception, if there was one.
//
// The operand sets are made here and nowhere else, so that results recorded on a processor with them can be
// compared with ours. A result is recorded as a hash; changing anything here makes the recordings useless.
import { FLAGS_ARITHMETIC, readFlags, writeFlags } from "../../src/cpu/flags.ts";
import { CR4, MXCSR, XCR0, YMM, YMM_WORDS } from "../../src/cpu/state-layout.ts";
import { SeededRandom } from "./random.ts";
import type { RecordingRunner } from "./recording.ts";
import { CODE, DATA, TestMachine } from "./test-machine.ts";

export const VECTOR_BYTES = 4 * 16 * YMM_WORDS;
export const MEMORY_BYTES = 128;
/** General registers whose values count, by number: all but RSP, RSI, RDI and R15. */
export const VECTOR_GPRS = [0, 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14] as const;
const RSI = 6;
const RDI = 7;

export interface VectorState {
  /** YMM0 … YMM15. */
  readonly vectors: Uint8Array;
  /** Values of {@link VECTOR_GPRS}. */
  readonly gprs: BigUint64Array;
  readonly memory: Uint8Array;
  mxcsr: number;
  flags: number;
  /** Vector of the exception; 0 if none. */
  fault: number;
}

/** Singles with something special about them. */
const SINGLES = [
  0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x00800001, 0x3f800000,
  0xbf800000, 0x3f800001, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0xff812345,
  0x7fc00000, 0xffc54321, 0x40490fdb, 0x34000000, 0x33ffffff, 0x4b000001, 0x4b800000, 0x4f000000,
  0xcf000000, 0x4effffff, 0x5f000000, 0xdf000000, 0x3f000000, 0x3fc00000, 0x40200000, 0x477ff000,
  0x387fe000, 0x33000001, 0x0dffffff, 0x7e800000, 0x20000000, 0x1f800000,
] as const;

/** The same for doubles, low half first. */
const DOUBLES = [
  [0, 0],
  [0, 0x80000000],
  [1, 0],
  [0xffffffff, 0x000fffff],
  [0, 0x00100000],
  [1, 0x80100000],
  [0, 0x3ff00000],
  [0, 0xbff00000],
  [1, 0x3ff00000],
  [0xffffffff, 0x7fefffff],
  [0xffffffff, 0xffefffff],
  [0, 0x7ff00000],
  [0, 0xfff00000],
  [1, 0x7ff00000],
  [0, 0x7ff80000],
  [0x12345678, 0xfff81234],
  [0x54442d18, 0x400921fb],
  [0, 0x3ca00000],
  [1, 0x43300000],
  [0, 0x43400000],
  [0xffc00000, 0x41dfffff],
  [0, 0x41e00000],
  [0x00200000, 0xc1e00000],
  [0, 0x43e00000],
  [0, 0xc3e00000],
  [0, 0x3fe00000],
  [0, 0x3ff80000],
  [0, 0x40040000],
  [0xe0000000, 0x380fffff],
  [0xf0000000, 0x47efffff],
  [0x20000000, 0x36a00000],
  [0, 0x7fd00000],
  [0, 0x20000000],
] as const;

/** Bytes of short strings, and counts of shifts and shuffles. */
const BYTES = [0, 1, 7, 0x20, 0x61, 0x62, 0x7f, 0x80, 0x8f, 0xff] as const;

/** Rounding controls, DAZ, FTZ, exceptions unmasked all together and one by one. */
const MXCSRS = [
  0x1f80, 0x1fa0, 0x3f80, 0x5f80, 0xffc0, 0x9fc0, 0x0000, 0x1780, 0x1f00, 0x0f80, 0x1b80, 0x1e80,
] as const;

export const OPERAND_SETS = MXCSRS.length;

function fillWords(target: Uint8Array, random: SeededRandom, kind: number): void {
  const view = new DataView(target.buffer);
  for (let at = 0; at < target.length; at += 8) {
    let lo = random.next();
    let hi = random.next();
    if (kind === 0) {
      lo = random.pick(SINGLES);
      hi = random.pick(SINGLES);
    } else if (kind === 1) [lo, hi] = random.pick(DOUBLES);
    else if (kind === 2) {
      // Numbers near one, single or double.
      lo = 0x3f000000 + (lo % 0x1800000);
      hi = 0x3fe00000 + (hi % 0x300000);
    } else if (kind === 3) {
      const pick = () => random.pick(BYTES);
      lo = pick() | (pick() << 8) | (pick() << 16) | (pick() << 24);
      hi = random.below(2) === 0 ? 0 : pick() | (pick() << 8) | (pick() << 16) | (pick() << 24);
    }
    view.setUint32(at, lo >>> 0, true);
    view.setUint32(at + 4, hi >>> 0, true);
  }
}

/** The operand set of a number, 0 … OPERAND_SETS - 1. */
export function operandSet(number: number): VectorState {
  const random = new SeededRandom(0x5eed + number);
  const vectors = new Uint8Array(VECTOR_BYTES);
  const memory = new Uint8Array(MEMORY_BYTES);
  const gprs = new BigUint64Array(VECTOR_GPRS.length);
  fillWords(vectors, random, number % 5);
  fillWords(memory, random, number % 5);
  for (let i = 0; i < gprs.length; i++) {
    const small = BigInt(random.below(20)) - 4n;
    const large = (BigInt(random.next()) << 32n) | BigInt(random.next());
    gprs[i] = BigInt.asUintN(64, (i + number) % 2 === 0 ? small : large);
  }
  return {
    vectors,
    memory,
    gprs,
    mxcsr: MXCSRS[number]!,
    flags: number % 2 === 0 ? 0 : 0x8d5,
    fault: 0,
  };
}

/** 32-bit FNV-1a over all of a state. */
export function hashOf(state: VectorState): number {
  const tail = Uint32Array.of(state.mxcsr, state.flags & FLAGS_ARITHMETIC, state.fault);
  let hash = 0x811c9dc5;
  for (const array of [state.vectors, state.memory, state.gprs, tail]) {
    for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) {
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
  }
  return hash >>> 0;
}

/** Executes one instruction at a time on operand sets; the machine is in 64-bit mode with AVX switched on. */
export class VectorRunner implements RecordingRunner {
  readonly machine = new TestMachine();
  #fault = 0;

  constructor() {
    const { machine } = this;
    machine.enterLongMode();
    machine.state[CR4] = machine.state[CR4]! | (1 << 18);
    machine.state[XCR0] = 7;
    machine.vcpu.stateChanged();
    machine.vcpu.cpu.trace = {
      wantsInstructions: false,
      instruction() {},
      // Exceptions find no IDT, so others follow; the first is meant.
      fault: (vector) => {
        if (this.#fault === 0) this.#fault = vector;
      },
      interrupt() {},
    };
  }

  hash(code: readonly number[], number: number): number {
    return hashOf(this.run(code, operandSet(number)));
  }

  /** Executes `code` with `operands`. */
  run(code: readonly number[], operands: VectorState): VectorState {
    const { machine } = this;
    const { cpu } = machine.vcpu;
    const s = machine.state;
    cpu.bytes.set(operands.vectors, 4 * YMM);
    VECTOR_GPRS.forEach((register, i) => {
      machine.setRegister(register, operands.gprs[i]!);
    });
    machine.setRegister(RSI, BigInt(DATA));
    machine.setRegister(RDI, BigInt(DATA));
    machine.memory.write(DATA, operands.memory);
    s[MXCSR] = operands.mxcsr;
    writeFlags(s, operands.flags);
    machine.load(code, CODE);
    this.#fault = 0;
    machine.run(1);
    if (this.#fault !== 0) machine.recover();
    return {
      vectors: cpu.bytes.slice(4 * YMM, 4 * YMM + VECTOR_BYTES),
      gprs: BigUint64Array.from(VECTOR_GPRS, (register) => machine.register(register)),
      memory: machine.memory.readable(DATA, MEMORY_BYTES)!.slice(),
      mxcsr: s[MXCSR]!,
      flags: readFlags(s),
      fault: this.#fault,
    };
  }
}
