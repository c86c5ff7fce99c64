// SPDX-License-Identifier: BSD-2-Clause
// The monitor's ROM with the cases it is to run. Cases share what they have in common: the memory of a fresh machine of
// their mode, the state they start from.
import { FPU_CONTROL } from "../../../src/cpu/state-layout.ts";
import { RAM_OFFSET } from "../../../src/mmu/machine-layout.ts";
import { LARGE, REPORT_PORT, STUBS, USED } from "../../support/system/layout.ts";
import { loadCase, type SystemCase } from "../../support/system/system-case.ts";
import { SystemMachine, type SystemMode } from "../../support/system/system-machine.ts";
import { CASE_BYTES, CASE_WORDS, monitorCode, NO_MORE } from "./monitor.ts";
import { OTHER_PAIRS, toSaveArea } from "./save-area.ts";

/** The ROM ends at 4 GiB, and both emulators take this much. */
const ROM_BYTES = 0x100000;
const ROM_BASE = 2 ** 32 - ROM_BYTES;
const CODE_BYTES = 0x10000;
const LARGE_BYTES = 0x1000;

const OUT = 0xe6;
const HLT = 0xf4;
const NOP = 0x90;

/** What a program can write to: {@link USED} bytes from zero, and behind them the page at {@link LARGE}. */
export const IMAGE_BYTES = USED + LARGE_BYTES;

/** The byte of an image that holds the one at an address of the guest. */
export function imageOffset(gpa: number): number {
  return gpa >= LARGE ? USED + gpa - LARGE : gpa;
}

/** Memory as the machine has it. */
export function imageOf(machine: SystemMachine): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  const ram = machine.memory.bytes.subarray(RAM_OFFSET);
  image.set(ram.subarray(0, USED));
  image.set(ram.subarray(LARGE, LARGE + LARGE_BYTES), USED);
  return image;
}

/** Exchanges the stubs' `out REPORT_PORT, al` for a halt, which the monitor notices; `isBack`: the other way round. */
export function exchangeStubs(image: Uint8Array, isBack = false): void {
  const [from, to] = isBack
    ? [
        [HLT, NOP],
        [OUT, REPORT_PORT],
      ]
    : [
        [OUT, REPORT_PORT],
        [HLT, NOP],
      ];
  for (let at = STUBS; at < STUBS + 0x1000; at += 16) {
    if (image[at] === from![0] && image[at + 1] === from![1]) image.set(to!, at);
  }
}

export class RomBuilder {
  readonly #rom = new Uint8Array(ROM_BYTES).fill(0xff);
  readonly #view = new DataView(this.#rom.buffer);
  readonly #machine = new SystemMachine({ engine: "interpreter" });
  readonly #known = new Map<string, number>();
  readonly #bases = new Map<SystemMode, Uint8Array>();
  readonly #count: number;
  readonly #isTssAvailable: boolean;
  #end = 0;

  /**
   * Throws a RangeError if there are more than it has room for. `isTssAvailable`: the task register's hidden part is to
   * call the TSS available rather than busy.
   */
  constructor(cases: readonly SystemCase[], isTssAvailable: boolean) {
    this.#count = cases.length;
    this.#isTssAvailable = isTssAvailable;
    this.#reserve(CASE_BYTES * cases.length);
    cases.forEach((each, n) => {
      this.#writeCase(CASE_BYTES * n, each);
    });
  }

  /** To begin with a case. */
  bytes(first: number): Uint8Array {
    const code = monitorCode({ count: this.#count, first, table: ROM_BASE });
    this.#rom.set(code, ROM_BYTES - CODE_BYTES);
    return this.#rom;
  }

  #writeCase(at: number, each: SystemCase): void {
    const view = this.#view;
    const machine = this.#machine;
    const mode = each.mode ?? "long";
    const base = this.#baseOf(mode);
    loadCase(machine, each);
    const image = imageOf(machine);
    exchangeStubs(image);
    const { state } = machine;
    const put = (word: number, value: number) => view.setInt32(at + 4 * word, value, true);
    put(CASE_WORDS.base, this.#keep(piecesOf(base, new Uint8Array(IMAGE_BYTES))));
    put(CASE_WORDS.pieces, this.#keep(piecesOf(image, base)));
    put(CASE_WORDS.save, this.#keep(toSaveArea(state, this.#isTssAvailable)));
    OTHER_PAIRS.forEach((word, n) => {
      const to = n < 5 ? CASE_WORDS.cr2 + 2 * n : CASE_WORDS.msrs + 2 * (n - 5);
      put(to, state[word]!);
      put(to + 1, state[word + 1]!);
    });
    put(CASE_WORDS.fcw, state[FPU_CONTROL]!);
  }

  #baseOf(mode: SystemMode): Uint8Array {
    const known = this.#bases.get(mode);
    if (known !== undefined) return known;
    this.#machine.begin(mode);
    const image = imageOf(this.#machine);
    exchangeStubs(image);
    this.#bases.set(mode, image);
    return image;
  }

  /** Linear address of these bytes. */
  #keep(bytes: Uint8Array): number {
    const key = Buffer.from(bytes).toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const at = this.#reserve(bytes.length);
    this.#rom.set(bytes, at);
    this.#known.set(key, ROM_BASE + at);
    return ROM_BASE + at;
  }

  #reserve(bytes: number): number {
    const at = this.#end;
    this.#end = (at + bytes + 3) & ~3;
    if (this.#end > ROM_BYTES - CODE_BYTES) throw new RangeError("too many cases for one ROM");
    return at;
  }
}

/** What differs from `before`, as the monitor reads it. */
function piecesOf(image: Uint8Array, before: Uint8Array): Uint8Array {
  const words = new Uint32Array(image.buffer);
  const old = new Uint32Array(before.buffer);
  const out: number[] = [];
  for (let word = 0; word < words.length; word++) {
    if (words[word] === old[word]) continue;
    const first = word;
    while (
      word < words.length &&
      words[word] !== old[word] &&
      (word === first || 4 * word !== USED)
    ) {
      word++;
    }
    const at = 4 * first;
    out.push(at >= USED ? at - USED + LARGE : at, 4 * (word - first), ...words.slice(first, word));
    word--;
  }
  out.push(NO_MORE);
  return new Uint8Array(Uint32Array.from(out).buffer);
}
