// SPDX-License-Identifier: BSD-2-Clause
// Where memory operands should lie, and which registers and displacement make them lie there.
import type { SeededRandom } from "../../support/random.ts";
import {
  addressSize,
  type Choice,
  type MemoryForm,
  NO_BASE,
  NO_INDEX,
  RIP_BASE,
} from "../encoder.ts";
import type { Snapshot } from "../snapshot.ts";
import { random64 } from "../values.ts";
import { type Layout, PAGE } from "./layouts.ts";

const NON_CANONICAL = [
  ...[0x0000_8000_0000_0000n, 0x7fff_ffff_ffff_fff8n, 0x8000_0000_0000_0000n],
  ...[0xffff_7fff_ffff_fff9n, 0x1234_5678_9abc_def0n],
];

/** Somewhere in the data pages for `size` bytes; one time in five somewhere less comfortable. */
export function dataTarget(
  { data, code, stack }: Layout,
  size: number,
  random: SeededRandom,
): bigint {
  const inside = BigInt(random.below(Math.max(1, 8192 - size)));
  const reach = BigInt(1 + random.below(Math.max(1, size)));
  switch (random.below(40)) {
    case 0:
    case 1:
      return data + 2n * PAGE - reach;
    case 2:
      return data - reach;
    case 3:
      return data + 2n * PAGE + BigInt(random.below(64));
    case 4:
      return random.pick(NON_CANONICAL) + BigInt(random.below(16));
    case 5:
      return random64(random);
    case 6:
      return code + BigInt(random.below(4096));
    case 7:
      return random.pick([0n, 8n, stack + 64n, 0x7fff_0000n, 0x1234_5678_9000n]);
    case 8:
    case 9:
    case 10:
    case 11:
      return data + PAGE - reach;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
      return data + inside;
    default:
      return data + (inside & ~BigInt(Math.min(64, nextPowerOfTwo(size)) - 1));
  }
}

function nextPowerOfTwo(size: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, size)));
}

/** A stack pointer: mostly comfortable. */
export function stackTarget({ stack }: Layout, random: SeededRandom): bigint {
  switch (random.below(24)) {
    case 0:
      return stack + BigInt(random.below(24));
    case 1:
      return stack + PAGE - BigInt(random.below(24));
    case 2:
      return random.pick(NON_CANONICAL) + BigInt(random.below(16));
    case 3:
      return stack + BigInt(random.below(4096));
    default:
      return stack + 0x400n + BigInt(8 * random.below(256));
  }
}

/** The effective address that registers and displacement make; `next` is the next instruction's. */
export function effectiveAddress(choice: Choice, registers: Snapshot, next: bigint): bigint {
  const memory = choice.memory!;
  const base = memory.base >= 0 ? registers.gpr(memory.base) : memory.base === NO_BASE ? 0n : next;
  const index =
    memory.index === NO_INDEX ? 0n : registers.gpr(memory.index) << BigInt(memory.scale);
  const sum = base + index + BigInt(memory.displacement);
  return BigInt.asUintN(addressSize(choice) === 4 ? 32 : 64, sum);
}

/** The inverse of an odd number modulo 2^64: each step doubles the bits that are right. */
function inverse(odd: bigint): bigint {
  let result = odd;
  for (let i = 0; i < 6; i++) result = BigInt.asUintN(64, result * (2n - odd * result));
  return result;
}

function fits(value: bigint, bits: number): boolean {
  return BigInt.asIntN(bits, value) === value;
}

/**
 * Makes the memory operand of `choice` lie at `target`, less the segment's base, by giving registers other
 * than the pinned ones a value or by changing the displacement. Where nothing helps the operand lies where
 * it lies. `next` is the address of the next instruction.
 */
export function aim(
  choice: Choice,
  target: bigint,
  registers: Snapshot,
  pinned: ReadonlySet<number>,
  next: bigint,
  random: SeededRandom,
): void {
  const memory = choice.memory!;
  const bits = addressSize(choice) === 4 ? 32 : 64;
  if (memory.base === RIP_BASE) {
    const distance = BigInt.asIntN(bits, target - next);
    if (fits(distance, 32)) memory.displacement = Number(distance);
    return;
  }
  const set = (register: number, value: bigint) => {
    const high = bits === 32 && random.below(2) === 0 ? random64(random) << 32n : 0n;
    registers.setGpr(register, BigInt.asUintN(bits, value) | BigInt.asUintN(64, high));
  };
  const displacement = BigInt(memory.displacementSize === 0 ? 0 : memory.displacement);
  const { base, index } = memory;
  const scale = BigInt(memory.scale);
  if (base !== NO_BASE && base === index) {
    aimTwice(memory, target, displacement, pinned, set);
  } else if (base !== NO_BASE && !pinned.has(base)) {
    const scaled = index === NO_INDEX ? 0n : registers.gpr(index) << scale;
    set(base, target - displacement - scaled);
  } else if (index !== NO_INDEX && !pinned.has(index)) {
    const fixed = base === NO_BASE ? 0n : registers.gpr(base);
    const rest = target - fixed - displacement;
    const odd = rest & ((1n << scale) - 1n);
    if (memory.displacementSize === 4) memory.displacement = Number(displacement + odd) | 0;
    set(index, BigInt.asUintN(bits, rest) >> scale);
  } else {
    const fixed = base === NO_BASE ? 0n : registers.gpr(base);
    const scaled = index === NO_INDEX ? 0n : registers.gpr(index) << scale;
    const distance = BigInt.asIntN(bits, target - fixed - scaled);
    if (memory.displacementSize === 4 && fits(distance, 32)) memory.displacement = Number(distance);
  }
}

/** Base and index are one register: it counts 1 + 2^scale times. */
function aimTwice(
  memory: MemoryForm,
  target: bigint,
  displacement: bigint,
  pinned: ReadonlySet<number>,
  set: (register: number, value: bigint) => void,
): void {
  if (pinned.has(memory.base)) return;
  const rest = target - displacement;
  if (memory.scale === 0) {
    if ((rest & 1n) !== 0n && memory.displacementSize === 4) {
      memory.displacement = (memory.displacement + 1) | 0;
      set(memory.base, (rest - 1n) >> 1n);
    } else set(memory.base, rest >> 1n);
    return;
  }
  set(memory.base, rest * inverse(1n + (1n << BigInt(memory.scale))));
}
