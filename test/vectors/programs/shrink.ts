// SPDX-License-Identifier: BSD-2-Clause
// The shortest program that still fails: instructions are taken out, many at a time and then one by one, then
// registers and memory are cleared.
import { FIELDS, Snapshot } from "../snapshot.ts";
import type { MemoryPiece } from "../vector.ts";
import { END, type Item, type Program } from "./program.ts";

/** True if a program is one that can be compared, and fails. */
export type Fails = (program: Program) => Promise<boolean>;

/** IF and bit 1: what user code always has. */
const USER_FLAGS = 0x202;

/** The branch out of the program stays. */
function isEnd(item: Item): boolean {
  return item.kind === "instruction" && item.target === END;
}

/** Tries that a shrink may cost, each a run on two contestants. */
const MAX_TRIES = 3000;

export async function shrink(program: Program, fails: Fails): Promise<Program> {
  return new Shrinker(fails).shrink(program);
}

class Shrinker {
  readonly #fails: Fails;
  #tries = 0;

  constructor(fails: Fails) {
    this.#fails = fails;
  }

  async shrink(program: Program): Promise<Program> {
    let best = program;
    for (;;) {
      const before = best.items.length;
      best = await this.#withoutItems(best);
      if (best.items.length === before) break;
    }
    best = await this.#withoutRegisters(best);
    return this.#withoutMemory(best);
  }

  async #isWorse(program: Program): Promise<boolean> {
    return this.#tries++ < MAX_TRIES && (await this.#fails(program));
  }

  async #withoutItems(program: Program): Promise<Program> {
    let best = program;
    for (let size = best.items.length >> 1; size >= 1; size >>= 1) {
      // From the end: what comes last needs what comes first.
      for (let at = best.items.length - size; at >= 0; at -= size) {
        const items = best.items.filter(
          (item, index) => index < at || index >= at + size || isEnd(item),
        );
        if (items.length === best.items.length) continue;
        const next = { ...best, items };
        if (await this.#isWorse(next)) best = next;
      }
    }
    return best;
  }

  async #withoutRegisters(program: Program): Promise<Program> {
    let best = program;
    const start = new Snapshot();
    start.flags = USER_FLAGS;
    for (const field of FIELDS) {
      if (field.name === "rip" || best.registers.isSame(start, field)) continue;
      const registers = best.registers.copy();
      registers.write(field, start.read(field));
      const next = { ...best, registers };
      if (await this.#isWorse(next)) best = next;
    }
    return best;
  }

  /** Halves of pages become zeros, and so on down to eight bytes. */
  async #withoutMemory(program: Program): Promise<Program> {
    let best = program;
    for (let page = 0; page < best.memory.length; page++) {
      for (let size = best.memory[page]!.bytes.length; size >= 8; size >>= 1) {
        for (let at = 0; at < best.memory[page]!.bytes.length; at += size) {
          const next = withZeros(best, page, at, size);
          if (next !== undefined && (await this.#isWorse(next))) best = next;
        }
      }
    }
    return best;
  }
}

function withZeros(program: Program, page: number, at: number, size: number): Program | undefined {
  const piece = program.memory[page]!;
  if (piece.bytes.subarray(at, at + size).every((byte) => byte === 0)) return undefined;
  const bytes = piece.bytes.slice();
  bytes.fill(0, at, at + size);
  const memory: MemoryPiece[] = [...program.memory];
  memory[page] = { address: piece.address, bytes };
  return { ...program, memory };
}
