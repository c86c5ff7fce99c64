// SPDX-License-Identifier: BSD-2-Clause
// A guest that means harm: random accesses of every width, the same ones for the same seed.

import type { AccessSize, BusHandler } from "../../../src/devices/bus.ts";
import type { SeededRandom } from "../random.ts";

const SIZES = [1, 2, 4] as const;

/** One window under attack. */
export interface Target {
  readonly handler: BusHandler;
  readonly length: number;
}

/** Calls `report` for each answer that is not an unsigned number of the width asked for. */
export type BadAnswer = (offset: number, size: AccessSize, value: number) => void;

/** Reads every register at every width. */
export function readEverything(targets: readonly Target[], report: BadAnswer): void {
  for (const { handler, length } of targets) {
    for (const size of SIZES) {
      for (let offset = 0; offset + size <= length; offset++) {
        check(handler.read(offset, size), offset, size, report);
      }
    }
  }
}

/** `rounds` random reads and writes; `between` runs after each, to let time pass. */
export function attack(
  targets: readonly Target[],
  rounds: number,
  random: SeededRandom,
  report: BadAnswer,
  between: () => void = () => {},
): void {
  for (let round = 0; round < rounds; round++) {
    const target = targets[random.below(targets.length)]!;
    const size = SIZES[random.below(SIZES.length)]!;
    if (size <= target.length) {
      const offset = random.below(target.length - size + 1);
      if (random.below(4) === 0) {
        check(target.handler.read(offset, size), offset, size, report);
      } else {
        target.handler.write(offset, size, interestingValue(random) % 2 ** (8 * size));
      }
    }
    between();
  }
}

/** Small numbers, single bits and all ones find more than uniform noise. */
function interestingValue(random: SeededRandom): number {
  switch (random.below(4)) {
    case 0:
      return random.below(256);
    case 1:
      return 2 ** random.below(32);
    case 2:
      return random.below(2) === 0 ? 0 : 0xffffffff;
    default:
      return random.next();
  }
}

function check(value: number, offset: number, size: AccessSize, report: BadAnswer): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
    report(offset, size, value);
  }
}
