// SPDX-License-Identifier: BSD-2-Clause
// Damage as files and messages meet it: seeded, so that a round that failed fails again.
import type { SeededRandom } from "./random.ts";

const MOST_WOUNDS = 8;
/** What parsers are wrong about: nothing, one, the largest and the smallest signed and unsigned numbers. */
const EDGE_BYTES = [0, 1, 0x7f, 0x80, 0xff];
const EDGE_WORDS = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/**
 * A copy with one to eight wounds: bits flipped, numbers replaced by random ones and by the ends of their ranges, runs
 * blanked, pieces of itself in other places; or cut short. Wounds begin at one of `places`: anywhere unless given.
 */
export function mutated(
  bytes: Uint8Array,
  random: SeededRandom,
  places?: readonly number[],
): Uint8Array {
  const copy = bytes.slice();
  if (copy.length === 0) return copy;
  for (let wounds = 1 + random.below(MOST_WOUNDS); wounds > 0; wounds--) {
    const at = places === undefined ? random.below(copy.length) : random.pick(places);
    wound(copy, at, random);
  }
  return random.below(10) === 0 ? copy.slice(0, random.below(copy.length + 1)) : copy;
}

function wound(copy: Uint8Array, at: number, random: SeededRandom): void {
  const word = (value: number) => {
    for (let i = 0; i < 4 && at + i < copy.length; i++) copy[(at & ~3) + i] = value >>> (8 * i);
  };
  switch (random.below(7)) {
    case 0:
      copy[at]! ^= 1 << random.below(8);
      break;
    case 1:
      copy[at] = random.pick(EDGE_BYTES);
      break;
    case 2:
      copy[at] = random.next();
      break;
    case 3:
      word(random.next());
      break;
    case 4:
      word(random.pick(EDGE_WORDS));
      break;
    case 5:
      copy.fill(random.below(2) * 0xff, at, at + 1 + random.below(16));
      break;
    default: {
      const from = random.below(copy.length);
      const piece = copy.slice(from, from + 1 + random.below(64));
      copy.set(piece.subarray(0, copy.length - at), at);
    }
  }
}

/** Up to `longest` bytes that mean nothing, behind the beginning of something that does. */
export function noiseBehind(
  beginning: Uint8Array,
  longest: number,
  random: SeededRandom,
): Uint8Array {
  const kept = beginning.subarray(0, random.below(beginning.length + 1));
  const noise = random.bytes(random.below(longest));
  const result = new Uint8Array(kept.length + noise.length);
  result.set(kept);
  result.set(noise, kept.length);
  return result;
}
