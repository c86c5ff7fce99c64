// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { VCPU_STATE_BYTES } from "../mmu/machine-layout.ts";
import { STATE_BYTES, STATE_FIELDS } from "./state-fields.ts";
import { FPU_REGISTERS, STATE_WORDS, VECTOR_SCRATCH, YMM } from "./state-layout.ts";

describe("the state block's layout", () => {
  it("has no two fields in one place, and all of them in the block", () => {
    const sorted = [...STATE_FIELDS].sort(([, a], [, b]) => a - b);
    const overlaps = sorted.filter(
      ([, word, words], i) => word + words > (sorted[i + 1]?.[1] ?? STATE_WORDS),
    );
    expect(overlaps).toEqual([]);
    expect(STATE_BYTES).toBeLessThanOrEqual(VCPU_STATE_BYTES);
  });

  it("aligns vector registers to their size", () => {
    expect([FPU_REGISTERS % 4, YMM % 8, VECTOR_SCRATCH % 8]).toEqual([0, 0, 0]);
  });
});
