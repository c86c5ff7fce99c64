// SPDX-License-Identifier: BSD-2-Clause
// What programs start from: full registers, some of which point into memory, and full memory.
import type { SeededRandom } from "../../support/random.ts";
import { type Layout, PAGE } from "../native/layouts.ts";
import { FCW_AT, FSW_AT, FTW_AT, MXCSR_AT, Snapshot, ST_AT, YMM_AT } from "../snapshot.ts";
import { fillLanes, float80, register } from "../values.ts";
import type { MemoryPiece } from "../vector.ts";

const FLAG_DF = 1 << 10;
const ARITHMETIC = 0x8d5;
const FLAGS_FIXED = 0x202;
const RSP = 4;
/** RBX, RBP, RSI, RDI, R8, R9 mostly start as pointers. */
const POINTERS = [3, 5, 6, 7, 8, 9];
/** What the rest of the code page holds: INT3. */
const FILLER = 0xcc;

/** Somewhere comfortable in the data pages. */
export function dataPointer({ data }: Layout, random: SeededRandom): bigint {
  return data + 0x100n + BigInt(8 * random.below(0x3c0));
}

export function stackPointer({ stack }: Layout, random: SeededRandom): bigint {
  return stack + 0x400n + BigInt(8 * random.below(256));
}

export function startRegisters(
  layout: Layout,
  random: SeededRandom,
  isPortable: boolean,
): Snapshot {
  const registers = new Snapshot();
  for (let number = 0; number < 16; number++) registers.setGpr(number, register(random));
  for (const number of POINTERS) {
    if (random.below(6) !== 0) registers.setGpr(number, dataPointer(layout, random));
  }
  registers.setGpr(RSP, stackPointer(layout, random));
  registers.flags =
    FLAGS_FIXED | (random.next() & ARITHMETIC) | (random.below(8) === 0 ? FLAG_DF : 0);
  registers.rip = layout.code + BigInt(random.below(0x400));
  for (let number = 0; number < 16; number++) {
    fillLanes(registers.bytes, YMM_AT + 32 * number, 32, random);
  }
  startX87(registers, random, isPortable);
  return registers;
}

function startX87({ view, bytes }: Snapshot, random: SeededRandom, isPortable: boolean): void {
  const isMasked = isPortable || random.below(2) === 0;
  const masks = isMasked ? 0x3f : random.below(64);
  const control = 0x40 | masks | (random.pick([0, 2, 3, 3]) << 8) | (random.below(4) << 10);
  view.setUint16(FCW_AT, control, true);
  view.setUint16(FSW_AT, random.below(8) << 11, true);
  bytes[FTW_AT] = random.below(256);
  for (let n = 0; n < 8; n++) {
    const value = float80(random);
    for (let i = 0; i < 10; i++) {
      bytes[ST_AT + 16 * n + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }
  const masksOfSse = isMasked || random.below(2) === 0 ? 0x1f80 : random.below(64) << 7;
  const modes = (random.below(4) << 13) | (random.below(4) === 0 ? 0x8040 : 0);
  view.setUint32(MXCSR_AT, masksOfSse | modes, true);
}

/** Every byte of the four pages. */
export function startMemory({ code, data, stack }: Layout, random: SeededRandom): MemoryPiece[] {
  const pages = [data, data + PAGE, stack].map((address) => {
    const bytes = new Uint8Array(Number(PAGE));
    for (let at = 0; at < bytes.length; at += 64) fillLanes(bytes, at, 64, random);
    return { address, bytes };
  });
  return [...pages, { address: code, bytes: new Uint8Array(Number(PAGE)).fill(FILLER) }];
}
