// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { type KallsymsSpec, kallsymsImage } from "../../../test/support/kallsyms-image.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { findKallsyms } from "./kallsyms.ts";

const BASE = 0xffff_ffff_8100_0000n;
const LONG_NAME = `a_rust_like_name_${"x".repeat(200)}`;

/** A per-CPU variable, 600 functions of 32 bytes each, and one with a long name. */
const SYMBOLS: KallsymsSpec["symbols"] = [
  { address: 0x1000n, name: "Acpu_number" },
  ...Array.from({ length: 600 }, (_, i) => ({
    address: BASE + 32n * BigInt(i),
    name: `${i % 2 === 0 ? "T" : "t"}sys_call_${i}`,
  })),
  { address: BASE + 0x8000n, name: "Ddo_data" },
  { address: BASE + 0x9000n, name: "Tstart_init_irq" },
  { address: BASE + 0xa000n, name: `t${LONG_NAME}` },
];

function memoryWith(image: Uint8Array, at: number): Uint8Array {
  const memory = new Uint8Array(0x5_0000);
  memory.set(image, at);
  return memory;
}

describe("a Linux kernel's own symbols in its memory", () => {
  it.each(["addresses first", "addresses last"] as const)("are found: %s", (order) => {
    const image = kallsymsImage({ symbols: SYMBOLS, base: BASE, order });
    const table = findKallsyms(memoryWith(image, 0x4_2000));
    expect(table?.count).toBe(602);
    expect(table?.lookup(BASE + 32n * 599n + 5n)).toEqual({ name: "sys_call_599", offset: 5n });
    expect(table?.addressOf("start_init_irq")).toBe(BASE + 0x9000n);
    expect(table?.lookup(BASE + 0xa010n)?.name).toBe(LONG_NAME);
  });

  it("are found without per-CPU ones, where offsets are unsigned", () => {
    const symbols = SYMBOLS.filter(({ address }) => address >= BASE);
    const image = kallsymsImage({ symbols, base: BASE, order: "addresses first" });
    const view = new DataView(image.buffer);
    symbols.forEach(({ address }, i) => {
      view.setUint32(4 * i, Number(address - BASE), true);
    });
    expect(findKallsyms(memoryWith(image, 0))?.addressOf("sys_call_7")).toBe(BASE + 224n);
  });

  it("are not taken from tables that do not agree with each other", () => {
    const whole = kallsymsImage({ symbols: SYMBOLS, base: BASE, order: "addresses first" });
    expect(findKallsyms(new Uint8Array(0x1_0000))).toBeUndefined();
    const random = new SeededRandom(1);
    // Cut anywhere, or with any piece overwritten, it is found whole or not at all, and never throws.
    for (let at = 0; at < whole.length; at += 397) {
      expect(findKallsyms(memoryWith(whole.subarray(at), 0x1000))?.count ?? 602).toBe(602);
      const damaged = whole.slice();
      damaged.set(random.bytes(Math.min(64, whole.length - at)), at);
      expect(() => findKallsyms(memoryWith(damaged, 0x1000))).not.toThrow();
    }
  });

  it("are looked for with bounded work, however many tables seem to begin", () => {
    const image = kallsymsImage({ symbols: SYMBOLS, base: BASE, order: "addresses first" });
    const memory = new Uint8Array(0x40_0000);
    // Every aligned word a believable count, 0x1007, and a name of seven tokens.
    for (let at = 0; at < memory.length; at += 8) memory.set([7, 0x10], at);
    const tokens = image.subarray(-0x600);
    memory.set(tokens, memory.length - tokens.length);
    const started = performance.now();
    expect(findKallsyms(memory)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
