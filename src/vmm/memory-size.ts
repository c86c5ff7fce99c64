// SPDX-License-Identifier: BSD-2-Clause
// Sizes as users write them. bhyve: lib/libvmmapi vm_parse_memsize, expand_number(3).
import { VmmError } from "../base/errors.ts";
import { MAX_RAM, MIB, MIN_RAM } from "../mmu/guest-memory.ts";

const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/**
 * Bytes. A bare number below 1 MiB counts MiB, a larger one bytes; k, m, g and t (either case) are powers of
 * 1024. Throws ERR_BAD_OPTION for anything else, and for sizes that a machine cannot have.
 */
export function parseMemorySize(text: string): number {
  const match = /^\s*(\d+)([bkmgt]?)\s*$/i.exec(text);
  if (match === null) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `invalid memsize '${text}': expected MiB, or a number with k, m or g`,
    );
  }
  const number = Number(match[1]);
  const suffix = match[2]!.toLowerCase();
  const bytes = suffix === "" && number < MIB ? number * MIB : number * SUFFIXES[suffix]!;
  if (bytes < MIN_RAM || bytes > MAX_RAM) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `invalid memsize '${text}': a machine has 32 MiB to 3584 MiB (3.5 GiB) of memory`,
    );
  }
  return bytes;
}
