// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { FeatureSet } from "./features.ts";

describe("FeatureSet", () => {
  it("keeps bits in words of 32", () => {
    const set = new FeatureSet([2, 28, 31, 32, 40, 127]);
    expect([0, 1, 2, 3].map((index) => set.word(index))).toEqual([
      0x9000_0004, 0x0000_0101, 0, 0x8000_0000,
    ]);
    expect([31, 33, 40, 126].map((bit) => set.has(bit))).toEqual([true, false, true, false]);
  });

  it("has nothing beyond bit 127, whatever is written there", () => {
    const set = new FeatureSet();
    set.setWord(4, 0xffff_ffff);
    set.setWord(0xffff_ffff, 1);
    expect(set.word(4)).toBe(0);
    expect(set.isSubsetOf(new FeatureSet())).toBe(true);
  });

  it("is a subset only if every word is", () => {
    const offer = new FeatureSet([1, 31, 32]);
    expect(new FeatureSet([31, 32]).isSubsetOf(offer)).toBe(true);
    expect(new FeatureSet([30]).isSubsetOf(offer)).toBe(false);
    expect(new FeatureSet([64]).isSubsetOf(offer)).toBe(false);
  });
});
