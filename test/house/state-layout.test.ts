// SPDX-License-Identifier: BSD-2-Clause
// The vCPU's state block is written down by hand, as constants. Here is what those must keep.
import { describe, expect, it } from "vitest";
import { JUMP_CACHE_BYTES } from "../../src/cpu/interp/jump-cache.ts";
import { STATE_BYTES, STATE_FIELDS } from "../../src/cpu/state-fields.ts";
import * as layout from "../../src/cpu/state-layout.ts";
import * as machine from "../../src/mmu/machine-layout.ts";
import { TLB_WORDS } from "../../src/mmu/tlb-layout.ts";

const { STATE_WORDS } = layout;

/** Constants of the layout that are places in the block, apart from bits, numbers of registers and sizes. */
const NO_PLACE =
  /^(STATE_|ACTIVITY_|SEG_|GPR_BYTE|YMM_BYTE|FPU_REGISTERS_BYTE|YMM_WORDS|R[A-D]X$|R[SB]P$|R[SD]I$|[C-G]S$|SS$|LDTR$|TR$)/;

describe("the state block", () => {
  it("has no field that overlaps another or leaves the block", () => {
    const owner = new Map<number, string>();
    const wrong: string[] = [];
    for (const [name, word, words] of STATE_FIELDS) {
      for (let at = word; at < word + words; at++) {
        if (at < 0 || at >= STATE_WORDS) wrong.push(`${name} leaves the block at word ${at}`);
        if (owner.has(at)) wrong.push(`${name} and ${owner.get(at)} share word ${at}`);
        owner.set(at, name);
      }
    }
    expect(wrong).toEqual([]);
    expect(new Set(STATE_FIELDS.map(([name]) => name)).size).toBe(STATE_FIELDS.length);
  });

  it("names every place that the layout has a constant for", () => {
    const places = Object.entries(layout).filter(
      (entry): entry is [string, number] =>
        typeof entry[1] === "number" && !NO_PLACE.test(entry[0]),
    );
    expect(places.length).toBeGreaterThan(40);
    const uncovered = places.filter(
      ([, at]) => !STATE_FIELDS.some(([, word, words]) => at >= word && at < word + words),
    );
    expect(uncovered).toEqual([]);
  });

  it("leaves its first words to what memory and translated code keep there", () => {
    const taken = [machine.HI, machine.TLB_TABLE, machine.TLB_CONTEXT];
    expect(STATE_FIELDS.every(([, word]) => !taken.includes(word))).toBe(true);
  });

  it("has 64-bit pairs at even words and vector registers at multiples of their size", () => {
    const pairs = STATE_FIELDS.filter(([, , words]) => words === 2);
    expect(pairs.filter(([, word]) => word % 2 !== 0)).toEqual([]);
    expect((machine.VCPU_STATE_OFFSET + layout.YMM_BYTE) % 32).toBe(0);
    expect((machine.VCPU_STATE_OFFSET + layout.FPU_REGISTERS_BYTE) % 16).toBe(0);
  });
});

describe("the head of the machine's memory", () => {
  it("has its parts one behind the other, below the guest's RAM", () => {
    const ends = [
      [
        machine.VCPU_STATE_OFFSET + STATE_BYTES,
        machine.VCPU_STATE_OFFSET + machine.VCPU_STATE_BYTES,
      ],
      [machine.VCPU_STATE_OFFSET + machine.VCPU_STATE_BYTES, machine.TLB_OFFSET],
      [machine.TLB_OFFSET + 4 * TLB_WORDS, machine.JUMP_CACHE_OFFSET],
      [machine.JUMP_CACHE_OFFSET + JUMP_CACHE_BYTES, machine.PAGE_FLAGS_OFFSET],
      [machine.PAGE_FLAGS_OFFSET, machine.RAM_OFFSET],
    ] as const;
    for (const [end, next] of ends) expect(end).toBeLessThanOrEqual(next);
  });
});
