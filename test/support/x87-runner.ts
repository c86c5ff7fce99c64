// SPDX-License-Identifier: BSD-2-Clause
// Operands for x87 and MMX instructions, and what is left after one was executed: the x87 unit but for its
// pointers, XMM0 to XMM7, MXCSR, 128 bytes of memory at RSI and RDI, RAX and the arithmetic flags.
//
// The operand sets are made here and nowhere else, so that results recorded on a processor with them can be
// compared with ours. A result is recorded as a hash; changing anything here makes the recordings useless.
import { readFlags, writeFlags } from "../../src/cpu/flags.ts";
import { loadX87, saveX87 } from "../../src/cpu/fpu/save-area.ts";
import { FPU_REGISTERS, MXCSR, YMM, YMM_WORDS } from "../../src/cpu/state-layout.ts";
import { SeededRandom } from "./random.ts";
import type { RecordingRunner } from "./recording.ts";
import { CODE, DATA, TestMachine } from "./test-machine.ts";

export const MEMORY_BYTES = 128;
export const OPERAND_SETS = 32;
const FLAGS_SEEN = 0x8d5;
const RSI = 6;
const RDI = 7;

/** Before or after an instruction. */
export interface X87Operands {
  /** As FXSAVE stores it, up to XMM7. */
  readonly image: Uint8Array;
  readonly memory: Uint8Array;
  rax: bigint;
  flags: number;
}

type Number80 = readonly [significand: bigint, signExponent: number];

/** Numbers of the double extended format with something special about them. SDM 1 tables 4-3 and 8-3. */
const SPECIAL: readonly Number80[] = [
  [0n, 0],
  [0n, 0x8000],
  [1n << 63n, 0x3fff],
  [1n << 63n, 0xbfff],
  [1n << 63n, 0x7fff],
  [1n << 63n, 0xffff],
  [3n << 62n, 0xffff],
  [(3n << 62n) | 12345n, 0x7fff],
  [(1n << 63n) | 12345n, 0x7fff],
  [(1n << 63n) | 1n, 0xffff],
  [1n, 0],
  [0x7fff_ffff_ffff_ffffn, 0x8000],
  [1n << 63n, 0],
  [1n << 63n, 1],
  [0xffff_ffff_ffff_ffffn, 0x7ffe],
  [0xffff_ffff_ffff_ffffn, 0xbffe],
  [0x4000_0000_0000_0000n, 0x3fff],
  [0n, 0x7fff],
  [0x1234n, 0xffff],
  [0xc000_0000_0000_0000n, 0x3ffe],
  [0xffff_ffff_ffff_fc00n, 0x43fe],
  [0xffff_ff80_0000_0000n, 0x407e],
  [1n << 63n, 0x3f81],
  [0xffff_ffff_ffff_ffffn, 0x3f80],
  [1n << 63n, 0x3c01],
  [0xffff_ffff_ffff_fffen, 0x403d],
  [0xffff_0000_0000_0000n, 0x400d],
  [0x8000_0000_8000_0000n, 0xc01e],
];

const CONTROLS = [
  0x37f, 0x77f, 0xb7f, 0xf7f, 0x27f, 0x07f, 0x67f, 0xa7f, 0xe7f, 0x47f, 0x340, 0x37e, 0x37d, 0x37b,
  0x377, 0x36f, 0x35f, 0xb40, 0xc40, 0x240, 0x17f,
] as const;

/** Which registers are in use, from ST(0) on; a full stack cannot be pushed to. */
const IN_USE = [0x7f, 0x7f, 0x7f, 0x0f, 0xff, 0x7f, 0x7e, 0x7d] as const;
const MXCSRS = [0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x1fc0] as const;

/** The operand set of a number. */
function operandSet(number: number): X87Operands {
  const random = new SeededRandom(0x80f0 + number);
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  const top = random.below(8);
  const conditions = random.next() & 0x4700;
  const inUse = IN_USE[number % 8]!;
  const control = CONTROLS[number % CONTROLS.length]!;
  view.setUint16(0, control, true);
  view.setUint16(2, (top << 11) | conditions | (number % 3 === 0 ? control & 0x3f : 0), true);
  image[4] = ((inUse << top) | (inUse >> (8 - top))) & 0xff;
  view.setUint32(24, MXCSRS[number % MXCSRS.length]!, true);
  for (let i = 0; i < 8; i++) {
    const [significand, signExponent] = number80(random, (number + (i >> 1)) % 6);
    view.setBigUint64(32 + 16 * i, significand, true);
    view.setUint16(40 + 16 * i, signExponent, true);
  }
  const lanes = number % 2 === 0 ? singleLane : doubleLane;
  for (let at = 160; at < 288; at += 8) view.setBigUint64(at, lanes(random), true);
  const memory = new Uint8Array(MEMORY_BYTES);
  fillMemory(new DataView(memory.buffer), random, number);
  const rax = (BigInt(random.next()) << 32n) | BigInt(random.next());
  return { image, memory, rax, flags: random.next() & FLAGS_SEEN };
}

function bits64(random: SeededRandom): bigint {
  return (BigInt(random.next()) << 32n) | BigInt(random.next());
}

function number80(random: SeededRandom, kind: number): Number80 {
  const sign = random.below(2) << 15;
  const significand = bits64(random) | (1n << 63n);
  switch (kind) {
    case 0:
      return random.pick(SPECIAL);
    case 1: // near one
      return [significand, sign | (0x3ff0 + random.below(32))];
    case 2: // integers
      return [
        BigInt.asUintN(64, significand & (-1n << BigInt(random.below(64)))) | (1n << 63n),
        sign | (0x3fff + random.below(66)),
      ];
    case 3: // neighbours, so that differences cancel
      return [(1n << 63n) | BigInt(random.below(8)), sign | (0x3ffe + random.below(3))];
    case 4: // at the ends of the range
      return [
        significand,
        sign | (random.below(2) === 0 ? random.below(70) : 0x7fa0 + random.below(95)),
      ];
    default:
      return [bits64(random), random.next() & 0xffff];
  }
}

function singleLane(random: SeededRandom): bigint {
  const single = () =>
    BigInt((random.below(2) << 31) | ((100 + random.below(70)) << 23) | (random.next() >>> 9));
  return BigInt.asUintN(64, (single() << 32n) | BigInt.asUintN(32, single()));
}

function doubleLane(random: SeededRandom): bigint {
  const sign = BigInt(random.below(2)) << 63n;
  return sign | (BigInt(1000 + random.below(80)) << 52n) | (bits64(random) >> 12n);
}

/** Operands of every type at the beginning, anything behind them. */
function fillMemory(view: DataView, random: SeededRandom, number: number): void {
  for (let at = 0; at < MEMORY_BYTES; at += 4) view.setUint32(at, random.next(), true);
  switch (number % 7) {
    case 0:
      view.setFloat32(
        0,
        random.pick([0, -0, 1, Number.POSITIVE_INFINITY, 1e-40, -3.5, 1e38]),
        true,
      );
      break;
    case 1:
      view.setFloat64(0, random.pick([0, -0, -1, Number.NEGATIVE_INFINITY, 1e-310, 7.25]), true);
      break;
    case 2: // signaling NaNs of both formats
      view.setUint32(0, 0x7f812345, true);
      view.setUint32(4, 0xfff00001, true);
      break;
    case 3: // a packed decimal number
      for (let at = 0; at < 9; at++) view.setUint8(at, random.below(10) * 16 + random.below(10));
      view.setUint8(9, random.below(2) << 7);
      break;
    case 4: // small shift counts
      view.setBigUint64(0, BigInt(random.below(70)), true);
      break;
    case 5: {
      const [significand, signExponent] = random.pick(SPECIAL);
      view.setBigUint64(0, significand, true);
      view.setUint16(8, signExponent, true);
      break;
    }
    default:
      view.setInt32(0, random.below(200) - 100, true);
  }
}

/** 32-bit FNV-1a over what an instruction left, without the x87's pointers. */
function hashOf({ image, memory, rax, flags }: X87Operands): number {
  const tail = BigUint64Array.of(rax, BigInt(flags));
  const parts = [
    image.subarray(0, 5),
    image.subarray(24, 28),
    ...Array.from({ length: 8 }, (_, i) => image.subarray(32 + 16 * i, 42 + 16 * i)),
    image.subarray(160, 288),
    memory,
    new Uint8Array(tail.buffer),
  ];
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (const byte of part) hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** Executes one instruction at a time on operand sets, in 64-bit mode. */
export class X87Runner implements RecordingRunner {
  readonly machine = new TestMachine();
  readonly #area = new Int32Array(128);
  readonly #bytes = new Uint8Array(this.#area.buffer);

  constructor() {
    this.machine.enterLongMode();
  }

  hash(code: readonly number[], number: number): number {
    return hashOf(this.run(code, operandSet(number)));
  }

  run(code: readonly number[], operands: X87Operands): X87Operands {
    const { machine } = this;
    const { cpu } = machine.vcpu;
    const s = machine.state;
    this.#bytes.set(operands.image);
    s.fill(0, FPU_REGISTERS, FPU_REGISTERS + 32);
    loadX87(cpu, this.#area, true);
    s[MXCSR] = this.#area[6]!;
    for (let i = 0; i < 8; i++) {
      for (let word = 0; word < 4; word++)
        s[YMM + YMM_WORDS * i + word] = this.#area[40 + 4 * i + word]!;
    }
    machine.setRegister(0, operands.rax);
    machine.setRegister(RSI, BigInt(DATA));
    machine.setRegister(RDI, BigInt(DATA));
    machine.memory.write(DATA, operands.memory);
    writeFlags(s, operands.flags);
    machine.load(code, CODE);
    machine.run(1);
    if (machine.isShutDown) machine.recover();
    return this.#result();
  }

  #result(): X87Operands {
    const { machine } = this;
    const { cpu } = machine.vcpu;
    const s = machine.state;
    this.#bytes.fill(0);
    saveX87(cpu, this.#area, true);
    this.#area[6] = s[MXCSR]!;
    for (let i = 0; i < 8; i++) {
      for (let word = 0; word < 4; word++)
        this.#area[40 + 4 * i + word] = s[YMM + YMM_WORDS * i + word]!;
    }
    return {
      image: this.#bytes.slice(),
      memory: machine.memory.readable(DATA, MEMORY_BYTES)!.slice(),
      rax: machine.register(0),
      flags: readFlags(s) & FLAGS_SEEN,
    };
  }
}
