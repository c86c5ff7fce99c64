// SPDX-License-Identifier: BSD-2-Clause
// Seeded randomness for tests: the same seed gives the same run everywhere.

/** Mulberry32: uniform 32-bit numbers from a 32-bit state. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … 2^32-1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 … limit-1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next());
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** A copy with a few bytes changed, runs blanked, or the end cut off: the damage files meet in the wild. */
export function corrupt(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = bytes.slice();
  const wounds = 1 + random.below(8);
  for (let i = 0; i < wounds && copy.length > 0; i++) {
    const at = random.below(copy.length);
    if (random.below(4) === 0) copy.fill(random.below(2) * 0xff, at, at + 1 + random.below(16));
    else copy[at] = random.next();
  }
  return random.below(4) === 0 ? copy.slice(0, random.below(copy.length + 1)) : copy;
}
